"""What the ops of strings share: text and bytes, and a call for every element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from penstock.ops._declare import Reject, Sample

NO_GRADIENT = "strings have none"


def text_of(item: bytes) -> str:
    return item.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def each(fn: Callable[..., Any], *arrays: Any, dtype: Any = object) -> Any:
    """Call a function for every element of arrays that broadcast."""
    arrays = np.broadcast_arrays(*arrays)
    lists = (a.ravel().tolist() for a in arrays)
    result = np.empty(arrays[0].size, dtype)
    result[:] = [fn(*items) for items in zip(*lists, strict=True)]
    return result.reshape(arrays[0].shape)


def parted(parts: Callable[[Any], Any], x: Any, size: int, fill: Any, dtype: Any) -> Any:
    """Cut every element into parts: what fits into `size` places, and how many there are."""
    result = np.full((*x.shape, size), fill, dtype)
    counts = np.zeros(x.shape, np.int64)
    rows, numbers = result.reshape(-1, size) if size else None, counts.reshape(-1)
    for i, item in enumerate(x.ravel().tolist()):
        found = parts(item)
        numbers[i] = len(found)
        if rows is not None:
            rows[i, : len(found)] = strings(*found[:size]) if dtype is object else found[:size]
    return result, counts


def strings(*items: Any) -> Any:
    """Make an object array, of which NumPy does not cut off zero bytes."""
    result = np.empty(len(items), object)
    result[:] = [bytes_of(item) if isinstance(item, str) else item for item in items]
    return result


MIXED = ("Hello", "", "  ÄÖß\t", b"\xff\x00A ", "12 abc", "日本")


def some(rng: np.random.Generator, *more: Any, **kwargs: Any) -> Iterator[Sample]:
    """Samples of an op of one string tensor."""
    yield Sample((strings(*MIXED), *more), kwargs, label="mixed")
    yield Sample((strings(*MIXED).reshape(2, 3).T, *more), kwargs, label="strided")
    yield Sample((strings("Aé").reshape(()), *more), kwargs, label="0-d")
    yield Sample((np.empty((0, 3), object), *more), kwargs, label="empty")


def numbers_refused(*more: Any) -> Callable[[], Iterator[Reject]]:
    def rejects() -> Iterator[Reject]:
        match = r"x is int64; expected string; convert it: penstock.as_string\(x\)"
        yield Reject((np.array([1]), *more), error=TypeError, match=match)

    return rejects
