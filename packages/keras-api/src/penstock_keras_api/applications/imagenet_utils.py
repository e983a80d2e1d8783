"""What goes into models of ImageNet, and what comes out of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.datasets import _files
from penstock_keras_api.utils.files import get_file

_BLUE_FIRST: Final = (103.939, 116.779, 123.68)
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_CLASSES: Final = 1000
_INDEX: Final = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
)
_INDEX_MD5: Final = "c2c37ea517e94d9795004a39431a14cb"


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Change images to what a model was trained with.

    Args:
        x: [..., height, width, 3], or channels before the sides: red, green and blue from 0 to 255.
        data_format: "channels_last" or "channels_first".
        mode: "caffe" (blue first, less the means), "tf" (from -1 to 1) or "torch" (from 0 to 1, less the means, by the
            deviations).

    Returns:
        A float tensor of the same shape; a NumPy array if x is one.

    Raises:
        ValueError: There is no such mode, or there are other than three channels.

    >>> import numpy as np
    >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
    array([[[1., 1., 1.]]])
    """
    if mode not in ("caffe", "tf", "torch"):
        raise InvalidValueError(
            f"[preprocess_input] got mode={mode!r}; use 'caffe', 'tf' or 'torch'"
        )
    first = config.standardize_data_format(data_format) == "channels_first"
    axis = -3 if first else -1
    if len(x.shape) < 3 or x.shape[axis] != 3:
        raise ShapeError(
            f"[preprocess_input] got images of shape {tuple(x.shape)}; give three channels, and data_format if they are "
            "not last"
        )
    is_array = isinstance(x, np.ndarray)
    if is_array and x.dtype.kind != "f":
        x = x.astype(config.floatx())
    made = _changed(x, axis, mode)
    return made.numpy() if is_array else made


def _changed(x: Any, axis: int, mode: str) -> Any:
    ops = _ops()
    dtype = (
        config.floatx() if not str(ops.dtype(x)).startswith(("float", "bfloat")) else ops.dtype(x)
    )
    x = ops.cast(x, dtype)
    if mode == "tf":
        return x / 127.5 - 1.0

    def row(numbers: tuple[float, ...]) -> Any:
        shape = (3, 1, 1) if axis == -3 else (3,)
        return ops.convert_to_tensor(np.reshape(np.asarray(numbers), shape), dtype)

    if mode == "torch":
        return (x / 255.0 - row(_MEAN)) / row(_DEVIATION)
    return ops.flip(x, axis=axis) - row(_BLUE_FIRST)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Tell the likeliest classes of ImageNet.

    The list of the classes is looked for in the cache, `$KERAS_HOME/models/imagenet_class_index.json`, and downloaded
    if it is not there.

    Args:
        preds: [batch, 1000], probabilities.
        top: How many classes to tell.

    Returns:
        For each image a list of (WordNet's number, name, probability).

    Raises:
        ValueError: `preds` has another shape.
        DownloadError: The list is not there and cannot be had.
    """
    values = np.asarray(preds.numpy() if hasattr(preds, "numpy") else preds)
    if values.ndim != 2 or values.shape[1] != _CLASSES:
        raise ShapeError(
            f"[decode_predictions] got shape {values.shape}; give [batch, {_CLASSES}], as a model with include_top=True "
            "returns it"
        )
    return likeliest(values, class_index(), top)


def class_index(path: str | None = None) -> dict[str, list[str]]:
    """Read the list of ImageNet's classes: WordNet's number and a name, by "0" to "999".

    Args:
        path: A file of it; by default that of the cache.

    Raises:
        DownloadError: It is not there and cannot be had.
    """
    if path is None:
        cache = _files.cache_folder().parent
        path = get_file(
            "imagenet_class_index.json",
            _INDEX,
            cache_subdir="models",
            file_hash=_INDEX_MD5,
            cache_dir=cache,
        )
    found: dict[str, list[str]] = json.loads(Path(path).read_text("utf-8"))
    return found


def likeliest(
    values: Any, index: dict[str, list[str]], top: int
) -> list[list[tuple[str, str, float]]]:
    """List the largest numbers of each row, with what the index says of their places."""
    made: list[Any] = []
    for row in values:
        places = np.argsort(row)[-top:][::-1]
        made.append([(*index[str(place)], row[place]) for place in places])
    return made


def _ops() -> Any:
    from penstock_keras_api import ops  # no checker sees what is made of tables

    return ops
