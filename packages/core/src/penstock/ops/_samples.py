"""Samples that whole families of ops share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from penstock.ops._declare import Reject, RejectMaker, Sample, SampleMaker

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int64", "int32", "int8", "uint8")
COMPLEX = ("complex64", "complex128")
REALS = FLOATS + INTEGERS
NUMERIC = REALS + COMPLEX

Array = np.ndarray[Any, Any]


def array(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: str = "float64",
    low: float = -3.0,
    high: float = 3.0,
) -> Array:
    """Draw an array, evenly between `low` and `high`; integers stay inside what `dtype` holds."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if kind in "iu":
        first = max(int(np.ceil(low)), np.iinfo(dtype).min)
        return np.asarray(rng.integers(first, int(high) + 1, shape)).astype(dtype)
    values = np.asarray(rng.uniform(low, high, shape))
    if kind == "c":
        return (values + 1j * rng.uniform(low, high, shape)).astype(dtype)
    return values.astype(dtype)


def unary(dtypes: tuple[str, ...] = NUMERIC, low: float = -3.0, high: float = 3.0) -> SampleMaker:
    """Make samples of a function of one tensor, with values between `low` and `high`."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in dtypes:
            yield Sample((array(rng, (3, 4), dtype, low, high),), label=dtype)
        first = dtypes[0]
        yield Sample((array(rng, (), first, low, high),), label="0-d")
        yield Sample((array(rng, (0, 3), first, low, high),), label="empty")
        yield Sample((array(rng, (4, 6), first, low, high).T[::2],), label="strided")
        yield Sample((array(rng, (3, 4099), first, low, high),), label="large")

    return samples


def binary(
    dtypes: tuple[str, ...] = NUMERIC,
    x: tuple[float, float] = (-3.0, 3.0),
    y: tuple[float, float] = (-3.0, 3.0),
) -> SampleMaker:
    """Make samples of a broadcasting function of two tensors, with values in the ranges `x` and `y`."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        def pair(a: tuple[int, ...], b: tuple[int, ...], dtype: str, label: str) -> Sample:
            return Sample((array(rng, a, dtype, *x), array(rng, b, dtype, *y)), label=label)

        for dtype in dtypes:
            yield pair((3, 4), (3, 4), dtype, dtype)
        first = dtypes[0]
        yield pair((), (), first, "0-d")
        yield pair((2, 3), (), first, "0-d right")
        yield pair((3, 1), (4,), first, "broadcast")
        yield pair((2, 1, 3), (4, 1), first, "broadcast both")
        yield pair((0, 3), (1, 3), first, "empty")
        yield pair((5, 4099), (4099,), first, "large")
        strided = array(rng, (4, 6), first, *x).T[::2]
        yield Sample((strided, array(rng, (3, 4), first, *y)), label="strided")
        if "float32" in dtypes:
            yield Sample((array(rng, (3,), "float32", *x), y[1]), label="scalar right")
            yield Sample((x[1], array(rng, (3,), "float32", *y)), label="scalar left")
            mixed = (array(rng, (3,), "float32", *x), array(rng, (3,), "float64", *y))
            yield Sample(mixed, label="mixed floats")
        if "int64" in dtypes and "float32" in dtypes:
            mixed = (array(rng, (3,), "int32", *x), array(rng, (3,), "float32", *y))
            yield Sample(mixed, label="integer and float")

    return samples


def reduction(
    dtypes: tuple[str, ...] = NUMERIC, low: float = -3.0, high: float = 3.0, empty: bool = True
) -> SampleMaker:
    """Make samples of a reduction with `axis` and `keepdims`; `empty` says whether it may reduce nothing."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        def one(shape: tuple[int, ...], dtype: str, label: str, **kwargs: object) -> Sample:
            return Sample((array(rng, shape, dtype, low, high),), kwargs, label=label)

        for dtype in dtypes:
            yield one((3, 4), dtype, dtype)
        first = dtypes[0]
        yield one((), first, "0-d")
        yield one((3, 4), first, "axis", axis=1)
        yield one((3, 4), first, "negative axis", axis=-2, keepdims=True)
        yield one((2, 3, 4), first, "two axes", axis=(0, 2))
        yield one((2, 3, 4), first, "all kept", keepdims=True)
        yield one((2, 3), first, "no axis", axis=())
        yield one((3, 0), first, "empty", axis=0)
        if empty:
            yield one((3, 0), first, "of nothing", axis=1)
        yield one((7, 4099), first, "large", axis=1)
        yield Sample((array(rng, (4, 6), first, low, high).T,), {"axis": 0}, label="strided")

    return samples


def no_broadcast() -> Iterator[Reject]:
    """Reject shapes that do not broadcast: what every binary op refuses."""
    yield Reject((np.ones((2, 3)), np.ones(4)), match=r"\(2, 3\) and \(4,\).*do not broadcast")


def dtypes_without_order(
    *arguments: object, dtype: str = "complex64", match: str = "complex64"
) -> RejectMaker:
    """Make rejects of one dtype for an op that takes `arguments` besides its first tensor."""

    def rejects() -> Iterator[Reject]:
        yield Reject((np.ones(2, dtype), *arguments), error=TypeError, match=match)

    return rejects


def bad_axis() -> Iterator[Reject]:
    """Reject an axis that a matrix has not got, and one given twice."""
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")
