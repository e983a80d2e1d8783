"""What helps around models."""

from penstock_keras_api.data.directories.from_directory import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from penstock_keras_api.data.directories.timeseries import timeseries_dataset_from_array
from penstock_keras_api.utils.model_plot import model_to_dot, plot_model
from penstock_keras_api.utils.random_seed import set_random_seed

__all__ = [
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "model_to_dot",
    "plot_model",
    "set_random_seed",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
