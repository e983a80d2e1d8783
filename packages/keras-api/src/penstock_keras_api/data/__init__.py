"""Datasets: elements read, changed, shuffled and batched on their way to training.

data = keras.data.Dataset.from_tensor_slices((x, y)).shuffle(10_000, seed=1).batch(32).prefetch(keras.data.AUTOTUNE)
model.fit(data, epochs=5)
"""

from penstock_keras_api.data.dataset import Dataset
from penstock_keras_api.data.iterator import DatasetIterator
from penstock_keras_api.data.node import INFINITE as INFINITE_CARDINALITY
from penstock_keras_api.data.node import UNKNOWN as UNKNOWN_CARDINALITY
from penstock_keras_api.data.options import (
    AUTOTUNE,
    AutotuneOptions,
    Options,
    ThreadingOptions,
)
from penstock_keras_api.data.reading import read_audio, read_file, read_image
from penstock_keras_api.data.spec import (
    DatasetSpec,
    RaggedTensorSpec,
    SparseTensorSpec,
    TensorSpec,
)

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "AutotuneOptions",
    "Dataset",
    "DatasetIterator",
    "DatasetSpec",
    "Options",
    "RaggedTensorSpec",
    "SparseTensorSpec",
    "TensorSpec",
    "ThreadingOptions",
    "read_audio",
    "read_file",
    "read_image",
]
