"""The dialect of Keras 1: the same model told in both ways gives the same answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import FormatError
from penstock.saved import GraphModel
from penstock_formats.keras.read import read

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(2)
KERNEL = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)
MOMENTS = [np.abs(RNG.normal(size=4)).astype(np.float32) for _ in range(4)]
DENSE = RNG.normal(size=(4, 3)).astype(np.float32)
BIASES = [RNG.normal(size=n).astype(np.float32) for n in (4, 3)]

OLD = [
    {
        "class_name": "Convolution2D",
        "config": {
            "name": "c", "nb_filter": 4, "nb_row": 3, "nb_col": 3, "border_mode": "same", "subsample": [2, 1],
            "dim_ordering": "tf", "bias": True, "activation": "relu", "trainable": True, "W_constraint": None,
            "batch_input_shape": [None, 6, 5, 2], "init": "glorot_uniform",
        },
    },
    {"class_name": "BatchNormalization", "config": {"name": "b", "axis": 3, "epsilon": 1e-5, "mode": 0}},
    {
        "class_name": "MaxPooling2D",
        "config": {"name": "m", "pool_size": [2, 2], "strides": [1, 1], "border_mode": "valid", "dim_ordering": "tf"},
    },
    {"class_name": "GlobalAveragePooling2D", "config": {"name": "g", "dim_ordering": "tf"}},
    {"class_name": "Dropout", "config": {"name": "o", "p": 0.5}},
    {"class_name": "Dense", "config": {"name": "d", "output_dim": 3, "bias": True, "activation": "softmax"}},
]  # fmt: skip
NEW = [
    {
        "class_name": "Conv2D",
        "config": {
            "name": "c", "filters": 4, "kernel_size": [3, 3], "padding": "same", "strides": [2, 1],
            "activation": "relu", "batch_input_shape": [None, 6, 5, 2],
        },
    },
    {"class_name": "BatchNormalization", "config": {"name": "b", "axis": 3, "epsilon": 1e-5}},
    {"class_name": "MaxPooling2D", "config": {"name": "m", "pool_size": [2, 2], "strides": [1, 1], "padding": "valid"}},
    {"class_name": "GlobalAveragePooling2D", "config": {"name": "g"}},
    {"class_name": "Dropout", "config": {"name": "o", "rate": 0.5}},
    {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "softmax"}},
]  # fmt: skip
WEIGHTS = {
    "c": {"c_W": KERNEL, "c_b": BIASES[0]},
    "b": dict(zip(("b_gamma", "b_beta", "b_running_mean", "b_running_std"), MOMENTS, strict=True)),
    "d": {"d_W": DENSE, "d_b": BIASES[1]},
}


def save(path: Path, config: Any) -> Path:
    with h5py.File(path, "w") as root:
        root.attrs["model_config"] = json.dumps(config).encode()
        group = root.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in WEIGHTS]
        for layer, arrays in WEIGHTS.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                inner[name] = array
    return path


def test_both_dialects_answer_alike(tmp_path: Path) -> None:
    x = RNG.normal(size=(3, 6, 5, 2)).astype(np.float32)
    answers = []
    for name, config in (
        ("old", {"class_name": "Sequential", "config": OLD}),
        ("new", {"class_name": "Sequential", "config": {"name": "net", "layers": NEW}}),
    ):
        model = read(save(tmp_path / f"{name}.h5", config))
        assert isinstance(model, GraphModel)
        answers.append(model(x).numpy())
    np.testing.assert_array_equal(*answers)
    assert answers[0].shape == (3, 3)


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Convolution2D", "config": {"name": "c", "nb_filter": 4, "dim_ordering": "th"}},
        {"class_name": "LSTM", "config": {"name": "l", "output_dim": 4, "inner_activation": "tanh"}},
        {"class_name": "Merge", "config": {"name": "m", "mode": "cos"}},
    ],
)  # fmt: skip
def test_what_meant_something_else_is_refused(tmp_path: Path, layer: Any) -> None:
    layer["config"]["batch_input_shape"] = [None, 6, 5, 2]
    path = save(tmp_path / "old.h5", {"class_name": "Sequential", "config": [layer]})
    with pytest.raises(FormatError, match=r"in the way of Keras 1.*load and save the model with K"):
        read(path)
