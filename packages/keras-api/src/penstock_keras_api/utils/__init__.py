"""What helps around models."""

from penstock_keras_api.backend import clear_session, standardize_dtype
from penstock_keras_api.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from penstock_keras_api.data.directories.from_directory import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from penstock_keras_api.data.directories.timeseries import timeseries_dataset_from_array
from penstock_keras_api.keras_tensor import is_keras_tensor
from penstock_keras_api.layers.preprocessing.feature_space import FeatureSpace
from penstock_keras_api.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from penstock_keras_api.saving.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from penstock_keras_api.trainers.data import pack_x_y_sample_weight, unpack_x_y_sample_weight
from penstock_keras_api.utils import bounding_boxes, legacy
from penstock_keras_api.utils.arrays import normalize, pad_sequences, to_categorical
from penstock_keras_api.utils.config_object import Config
from penstock_keras_api.utils.files import get_file
from penstock_keras_api.utils.graph_inputs import get_source_inputs
from penstock_keras_api.utils.images import array_to_img, img_to_array, load_img, save_img
from penstock_keras_api.utils.model_plot import model_to_dot, plot_model
from penstock_keras_api.utils.progbar import Progbar
from penstock_keras_api.utils.py_dataset import PyDataset, Sequence
from penstock_keras_api.utils.random_seed import set_random_seed
from penstock_keras_api.utils.split import split_dataset

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
