"""Pixels as published networks want them, and their answers in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_models.errors import MissingFileError

# Of ImageNet's pictures: red, green, blue; as Caffe's networks have them, and as PyTorch's do.
CAFFE_MEANS = (123.68, 116.779, 103.939)
MEANS, DEVIATIONS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
LABELS = "labels/imagenet_labels.txt"


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Scale pixels as a family of networks wants them.

    Args:
        x: [..., channels], red, green and blue from 0 to 255; an array comes back as an array.
        data_format: "channels_last", or "channels_first" for [..., channels, height, width].
        mode: "caffe" takes the means away and turns the channels round; "tf" scales to -1 ... 1; "torch" scales to means
            of 0 and deviations of 1.

    Returns:
        x's shape, floats.

    Raises:
        ValueError: There is no such mode or format.

    >>> preprocess_input(np.array([[0.0, 127.5, 255.0]]), mode="tf").tolist()
    [[-1.0, 0.0, 1.0]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise InvalidValueError(
            f"[preprocess_input] got mode={mode!r}; use 'caffe', 'tf' or 'torch'"
        )
    if data_format not in (None, "channels_last", "channels_first"):
        raise InvalidValueError(
            f"[preprocess_input] got data_format={data_format!r}; use 'channels_last' or 'channels_first'"
        )
    is_array = isinstance(x, np.ndarray)
    pixels = ps.cast(x, x.dtype if is_array and x.dtype.kind == "f" else "float32")
    if mode == "tf":
        made = pixels / 127.5 - 1.0
    else:
        first = data_format == "channels_first"
        shape = (3, 1, 1) if first else (3,)
        given = MEANS if mode == "torch" else CAFFE_MEANS
        means = ps.reshape(ps.asarray(given, dtype=pixels.dtype), shape)
        if mode == "torch":
            scale = ps.reshape(ps.asarray(DEVIATIONS, dtype=pixels.dtype), shape)
            made = (pixels - means) / scale
        else:
            made = ps.flip(pixels - means, axis=-3 if first else -1)
    return made.numpy() if is_array else made


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the most probable of ImageNet's classes for each row.

    Args:
        preds: [batch, 1000], scores.
        top: How many.

    Returns:
        For each row a list of (number, name, score), the best first. The number is the class's place in the row, since
        the list of names at hand has no other key.

    Raises:
        ShapeError: `preds` are not scores for 1000 classes.
        MissingFileError: The names are not on this machine.

    Source:
        Russakovsky et al., 2014, "ImageNet large scale visual recognition challenge", https://arxiv.org/abs/1409.0575.
    """
    rows = np.asarray(preds)
    if rows.ndim != 2 or rows.shape[1] != 1000:
        raise ShapeError(
            f"[decode_predictions] got scores of shape {rows.shape}; expected [batch, 1000], one for each class of ImageNet"
        )
    names = _names()
    order = np.argsort(-rows, axis=1, kind="stable")[:, :top]
    return [
        [(f"n{i:08d}", names[i], float(row[i])) for i in places]
        for row, places in zip(rows, order, strict=True)
    ]


def _names() -> list[str]:
    folder = os.environ.get("PENSTOCK_MIRROR")
    path = Path(folder or "") / LABELS
    if not folder or not path.is_file():
        raise MissingFileError(
            f"[decode_predictions] the names of the classes are not on this machine: set PENSTOCK_MIRROR to a folder with {LABELS}"
        )
    return path.read_text("utf-8").splitlines()[1:]  # the first is a background class
