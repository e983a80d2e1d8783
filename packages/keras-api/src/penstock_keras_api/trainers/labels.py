"""Labels that cannot be meant: found before the first step, with what to change."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api.losses.loss import LossFunctionWrapper
from penstock_keras_api.trainers.outputs import leaves_of


def check_labels(losses: list[Any], names: list[str], y: Any, y_pred: Any) -> None:
    """Compare labels with what each loss expects.

    Args:
        losses: The loss of each output, or None.
        names: What the outputs are called.
        y: Labels, in the structure of the outputs.
        y_pred: Predictions for some of them.

    Raises:
        ValueError: Labels are out of range, or of another kind than the loss takes.
        ShapeError: Labels have another shape than predictions.
    """
    truths, predictions = leaves_of(y, names), leaves_of(y_pred, names)
    for loss, name, truth, predicted in zip(losses, names, truths, predictions, strict=False):
        if loss is None or truth is None or not hasattr(truth, "shape"):
            continue
        kind = _kind_of(loss)
        if kind.startswith("SparseCategorical"):
            _check_sparse(kind, loss, name, truth, predicted)
        elif kind.startswith("Categorical") and kind != "CategoricalGeneralizedCrossEntropy":
            _check_one_hot(kind, name, truth, predicted)
        elif kind.startswith("Binary"):
            _check_binary(kind, name, truth, predicted)
        elif kind in ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh"):
            _check_same_shape(kind, name, truth, predicted)


def _kind_of(loss: Any) -> str:
    """Return the loss's name as that of a class: "MeanSquaredError"."""
    if type(loss) is LossFunctionWrapper:
        return str(getattr(loss.fn, "__name__", "")).title().replace("_", "")
    return type(loss).__name__


def _check_sparse(kind: str, loss: Any, name: str, truth: Any, predicted: Any) -> None:
    axis = getattr(loss, "axis", -1)
    axis = getattr(loss, "_fn_kwargs", {}).get("axis", axis)
    classes = predicted.shape[axis]
    if truth.ndim == predicted.ndim and truth.shape[-1] == classes and classes != 1:
        raise ShapeError(
            f"[fit] output {name!r} has the loss {kind}, which takes whole numbers, and labels of shape "
            f"{_shape(truth)} like one-hot rows; use loss='categorical_crossentropy', or labels.argmax(-1)"
        )
    if truth.ndim not in (predicted.ndim, predicted.ndim - 1):
        raise ShapeError(
            f"[fit] output {name!r} has labels of shape {_shape(truth)} for predictions of shape {_shape(predicted)}; "
            f"give one whole number for each prediction: shape {_shape(predicted)[:-1]}"
        )
    if isinstance(truth, ps.Tensor | np.ndarray) and _is_text(truth):
        raise InvalidTypeError(
            f"[fit] output {name!r} has labels that are text, such as {np.asarray(truth).ravel()[0]!r}; make numbers of "
            "them: keras.layers.StringLookup(num_oov_indices=0, vocabulary=[...])(y)"
        )
    values = _numbers(truth)
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None:
        values = values[values != ignored]
    if not values.size or not isinstance(classes, int):
        return
    low, high = values.min(), values.max()
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise InvalidValueError(
            f"[fit] output {name!r} has {classes} classes, and there is the label {wrong}; labels go from 0 to "
            f"{classes - 1}: subtract the least one, or let the last layer have {int(high) + 1} units"
        )
    if values.dtype.kind == "f" and np.any(values != np.floor(values)):
        raise InvalidValueError(
            f"[fit] output {name!r} has the loss {kind}, and labels that are no whole numbers; for a "
            "regression use loss='mse'"
        )


def _check_one_hot(kind: str, name: str, truth: Any, predicted: Any) -> None:
    classes = predicted.shape[-1]
    missing = truth.ndim == predicted.ndim - 1 or (
        truth.ndim == predicted.ndim and truth.shape[-1] == 1 and classes != 1
    )
    if missing:
        raise ShapeError(
            f"[fit] output {name!r} has the loss {kind}, which takes one-hot rows of {classes}, and labels of shape "
            f"{_shape(truth)}; use loss='sparse_categorical_crossentropy', or one-hot labels: keras.ops.one_hot(y, {classes})"
        )
    _check_same_shape(kind, name, truth, predicted)


def _check_binary(kind: str, name: str, truth: Any, predicted: Any) -> None:
    _check_same_shape(kind, name, truth, predicted)
    values = _numbers(truth)
    if values.size and (values.min() < 0 or values.max() > 1 + 1e-3):
        raise InvalidValueError(
            f"[fit] output {name!r} has the loss {kind}, and there is the label "
            f"{values.min() if values.min() < 0 else values.max()}; labels are between 0 and 1: for several classes use "
            "loss='sparse_categorical_crossentropy' and one unit for each, for -1 and 1 use loss='hinge'"
        )


def _check_same_shape(kind: str, name: str, truth: Any, predicted: Any) -> None:
    mine, theirs = _shape(truth), _shape(predicted)
    if truth.ndim == predicted.ndim - 1 and theirs[-1] == 1:
        theirs = theirs[:-1]
    elif truth.ndim == predicted.ndim + 1 and mine[-1] == 1:
        mine = mine[:-1]
    fits = len(mine) == len(theirs) and all(
        a == b or a == 1 or b == 1 for a, b in zip(mine[1:], theirs[1:], strict=True)
    )
    if fits and mine[1:] != theirs[1:] and None not in (*mine[1:], *theirs[1:]):
        warnings.warn(
            f"[fit] output {name!r} has labels of shape {_shape(truth)} and predictions of shape {_shape(predicted)}: each "
            "is repeated to fit the other; give labels of the predictions' shape, if that is not what you mean",
            stacklevel=2,
        )
    if not fits:
        raise ShapeError(
            f"[fit] output {name!r} has the loss {kind}, labels of shape {_shape(truth)} and predictions of shape "
            f"{_shape(predicted)}; give labels of shape {(_shape(truth)[:1] + _shape(predicted)[1:])}, or let the last "
            "layer have as many units as labels have columns"
        )


def _numbers(truth: Any) -> np.ndarray[Any, Any]:
    return np.asarray(truth.numpy() if hasattr(truth, "numpy") else truth)


def _is_text(truth: Any) -> bool:
    return truth.dtype == "string" if isinstance(truth, ps.Tensor) else truth.dtype.kind in "OSU"


def _shape(value: Any) -> tuple[Any, ...]:
    return (None, *(size if isinstance(size, int) else None for size in value.shape[1:]))
