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


@converts("StringSplit")
def _split(call: Call, x: Value) -> list[Tensor]:
    call.only_eager("makes as many parts as there happen to be")
    words: Array = x.tensor.numpy()
    most, mark = call.attr("maxsplit", -1), call.attr("delimiter") or None
    most = -1 if most is None else most
    parts = [w.decode().split(mark, most) if w or mark is None else [] for w in words.reshape(-1)]
    width = max((len(p) for p in parts), default=0)
    made = np.empty((len(parts), width), object)
    for i, found in enumerate(parts):
        made[i] = [*found, *[""] * (width - len(found))]
    counts = np.array([len(p) for p in parts], np.int64).reshape(words.shape)
    return [tensor_of(made.reshape((*words.shape, width))), ps.asarray(counts)]
