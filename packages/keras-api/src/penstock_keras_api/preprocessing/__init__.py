"""Older names of what is in `keras.utils`."""

from penstock_keras_api.data.directories.from_directory import (
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from penstock_keras_api.data.directories.timeseries import timeseries_dataset_from_array
from penstock_keras_api.preprocessing import image, sequence

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
