"""Strings and numbers: read, written, and put into buckets. All of it runs on the host."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import REALS, array
from penstock.ops._text import MIXED, NO_GRADIENT, each, numbers_refused, some, strings, text_of

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


@op(infer="string_to_number", host_only=True)
def string_to_number(x: TensorLike, /, dtype: DTypeLike = "float32") -> Tensor:
    """Read numbers, written as in Python; white space around them is skipped.

    Args:
        x: [...], string.
        dtype: An integer or float dtype. Integers are written without a fraction.

    Returns:
        [...], of `dtype`.

    Raises:
        ValueError: A string is no number of that dtype.
        TypeError: x is no string tensor, or `dtype` is no real number.

    Example:
        >>> penstock.string_to_number(["1.5", "-20", "inf"])
        Tensor([  1.5, -20. ,   inf], shape=(3,), dtype=float32)
    """


string_to_number.batch(_batch.same)


string_to_number.not_differentiable(NO_GRADIENT)


@string_to_number.reference
def _(x: Any, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None

    def number(item: bytes) -> Any:
        text = item if item.isascii() else text_of(item)  # other alphabets have digits too
        try:
            value = int(text) if limits else float(text)
        except ValueError:
            value = None
        if value is None or (limits and not limits.min <= value <= limits.max):
            raise ValueError(
                f"{text_of(item)!r} is no number of dtype {dtype.name}; remove it, or choose another dtype"
            )
        return value

    return each(number, x, dtype=dtype)


@string_to_number.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        yield Sample((strings("1", " 20 ", "0", "+7"), dtype), label=dtype)
    floats = strings("1.5", "-2e3", "inf", "nan", "-0", "1e-3", ".5", "1_000")
    yield Sample((floats,), label="floats")
    yield Sample((strings("3").reshape(()), "int32"), label="0-d")
    yield Sample((np.empty((0, 2), object),), label="empty")


@string_to_number.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused()()
    yield Reject((strings("1", "one"),), match="'one' is no number of dtype float32; remove it")
    yield Reject((strings("1.5"), "int32"), match="'1.5' is no number of dtype int32")
    yield Reject((strings("300"), "uint8"), match="choose another dtype")
    yield Reject((strings("1"), "bool"), error=TypeError, match="got bool")


@op(infer="string_to_bucket", host_only=True)
def string_to_hash_bucket(x: TensorLike, /, num_buckets: int) -> Tensor:
    """Put strings into numbered buckets by a hash that never changes: FNV-1a of 64 bits, modulo the number of buckets.

    The hash begins with 14695981039346656037; for each byte it is xored with it and multiplied by 1099511628211,
    modulo 2^64.

    Args:
        x: [...], string.
        num_buckets: How many buckets there are.

    Returns:
        [...], int64, from 0 to num_buckets - 1.

    Raises:
        ValueError: There is no bucket.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_to_hash_bucket(["", "a"], 1000)
        Tensor([ 37, 996], shape=(2,), dtype=int64)

    Source:
        Fowler, Noll and Vo; written down in the IETF draft "The FNV Non-Cryptographic Hash Algorithm".
    """


string_to_hash_bucket.batch(_batch.same)


string_to_hash_bucket.not_differentiable(NO_GRADIENT)


def _fnv1a(item: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in item:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


@string_to_hash_bucket.reference
def _(x: Any, num_buckets: int) -> Any:
    return each(lambda item: _fnv1a(item) % num_buckets, x, dtype="int64")


@string_to_hash_bucket.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 10)
    yield Sample((strings(*MIXED), 2**62), label="many")


@string_to_hash_bucket.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(3)()
    yield Reject((strings("a"), 0), match="num_buckets=0; use 1 or more")


@op(infer="number_to_string", host_only=True)
def as_string(x: TensorLike, /, *, precision: int = -1) -> Tensor:
    """Write numbers as text.

    Args:
        x: [...], any dtype but string.
        precision: How many digits of a float follow the point; negative for the fewest that keep its value.

    Returns:
        [...], string: "true" and "false" for booleans.

    Raises:
        TypeError: x is a string tensor already.

    Example:
        >>> penstock.as_string([1.5, 0.1]).tolist()
        [b'1.5', b'0.1']
        >>> penstock.as_string(2.0, precision=2).item()
        b'2.00'
    """


as_string.batch(_batch.same)


as_string.not_differentiable(NO_GRADIENT)


@as_string.reference
def _(x: Any, precision: int) -> Any:
    if x.dtype.kind == "b":
        return np.where(x, b"true", b"false").astype(object)
    if precision >= 0 and x.dtype.kind in "fc":
        return each(lambda item: f"{item:.{precision}f}".encode(), x)
    if x.dtype.kind in "iu":
        return each(lambda item: str(item).encode(), x)
    result = np.empty(
        x.shape, object
    )  # with the digits of its own dtype: 0.1, and not 0.10000000149
    for place in np.ndindex(x.shape):
        result[place] = str(x[place]).encode()
    return result


@as_string.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*REALS, "bool", "complex64"):
        yield Sample((array(rng, (3, 2), dtype),), label=dtype)
        yield Sample((array(rng, (3,), dtype),), {"precision": 2}, label=f"{dtype} precision")
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4028235e38], "float32")
    yield Sample((special,), label="special")
    yield Sample((np.zeros((0, 2)),), label="empty")
    yield Sample((array(rng, ()),), label="0-d")


@as_string.rejects
def _() -> Iterator[Reject]:
    yield Reject((strings("a"),), error=TypeError, match="got string")
