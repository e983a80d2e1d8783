"""Operators on text."""

from __future__ import annotations

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Array, Value, tensor_of


@converts("StringConcat", tensors=True)
def _concat(_call: Call, x: Tensor, y: Tensor) -> Tensor:
    return ps.string_join([x, y])


@converts("RegexFullMatch", tensors=True)
def _full_match(call: Call, x: Tensor) -> Tensor:
    return ps.regex_full_match(x, call.need("pattern"))


@converts("StringNormalizer")
def _normalize(call: Call, x: Value) -> Tensor:
    if call.attr("stopwords"):
        call.only_eager("drops words, so that as many stay as there happen to be")
        return _without(call, x)
    return _changed(call, x.tensor)


def _changed(call: Call, t: Tensor) -> Tensor:
    change = call.attr("case_change_action", "NONE")
    if change == "NONE":
        return t
    return ps.string_lower(t) if change == "LOWER" else ps.string_upper(t)


def _without(call: Call, x: Value) -> Tensor:
    """Drop the words of a list, and change the case of the others."""
    words: Array = x.tensor.numpy()
    stop = [w.encode() for w in call.need("stopwords")]
    compared = words
    if not call.attr("is_case_sensitive", 0):
        stop, compared = (
            [w.lower() for w in stop],
            np.array([w.lower() for w in words.reshape(-1)], object),
        )
    kept = [
        w for w, c in zip(words.reshape(-1), compared.reshape(-1), strict=True) if c not in stop
    ]
    made = np.empty(len(kept) or 1, object)
    made[:] = kept or [b""]
    return _changed(call, tensor_of(made.reshape((1, -1) if words.ndim == 2 else (-1,))))
