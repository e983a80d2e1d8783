"""Strings cut into words, characters and code points, and put together again. All of it runs on the host.

How many parts there are depends on the data. So the ops fill a last axis of a given size, and count; the functions for
users find that size themselves outside graphs.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError, InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import (
    MIXED,
    NO_GRADIENT,
    bytes_of,
    each,
    numbers_refused,
    parted,
    some,
    strings,
    text_of,
)
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_REPLACEMENT = 0xFFFD


@op(infer="string_split", outputs=2, host_only=True)
def string_split_(
    x: TensorLike, size: int, separator: str = "", maxsplit: int = -1
) -> tuple[Tensor, Tensor]:
    """Cut strings at a separator, as Python's `split` does.

    Args:
        x: [...], string.
        size: Room for so many parts; further ones are left out.
        separator: What stands between parts; "" for white space, however much of it.
        maxsplit: How often to cut at most; negative for no limit.

    Returns:
        The parts, [..., size], string, with empty ones at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative.
        TypeError: x is no string tensor.

    Example:
        >>> parts, counts = penstock.ops.string_split_(["a b", " c "], 2)
        >>> parts.tolist(), counts.tolist()
        ([[b'a', b'b'], [b'c', b'']], [2, 1])
    """


string_split_.not_differentiable(NO_GRADIENT)


def _splitter(separator: str, maxsplit: int) -> Callable[[bytes], list[bytes]]:
    if separator:
        return lambda item: item.split(bytes_of(separator), maxsplit)
    return lambda item: [bytes_of(part) for part in text_of(item).split(None, maxsplit)]


@string_split_.reference
def _(x: Any, size: int, separator: str, maxsplit: int) -> Any:
    return parted(_splitter(separator, maxsplit), x, size, b"", object)


_SENTENCES = strings(
    "the quick fox", " a  b ", "", "\t", "x,y,,z", "日本 語\u3000末\u2028", b"\xff \xc2"
)


@string_split_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 2)
    for size in (0, 1, 5):
        yield Sample((_SENTENCES, size), label=f"size {size}")
    for maxsplit in (0, 1, 2):
        yield Sample((_SENTENCES, 3, "", maxsplit), label=f"at most {maxsplit}")
    yield Sample((_SENTENCES, 4, ","), label="comma")
    yield Sample((strings("aXXbXXXc", "XX", "X"), 3, "XX", 1), label="long separator")


@string_split_.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(1)()
    yield Reject((strings("a"), -1), match="got size=-1; it must not be negative")


@op(infer="string_split", outputs=2, host_only=True)
def string_chars_(x: TensorLike, size: int, unit: str = "chars") -> tuple[Tensor, Tensor]:
    """Cut strings into their characters or bytes.

    Args:
        x: [...], string.
        size: Room for so many; further ones are left out.
        unit: "bytes", or "chars" for the characters of UTF-8; there a byte that is none counts as one.

    Returns:
        The parts, [..., size], string, with empty ones at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative, or the unit is neither of these.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.ops.string_chars_("äb", 3)[0].tolist() == ["ä".encode(), b"b", b""]
        True
    """


string_chars_.not_differentiable(NO_GRADIENT)


@string_chars_.reference
def _(x: Any, size: int, unit: str) -> Any:
    if unit not in ("bytes", "chars"):
        raise ValueError(f'got unit="{unit}"; use "bytes" or "chars"')
    if unit == "bytes":
        return parted(lambda item: [bytes([byte]) for byte in item], x, size, b"", object)
    return parted(lambda item: [bytes_of(c) for c in text_of(item)], x, size, b"", object)


@string_chars_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 3)
    yield Sample((strings(*MIXED), 20), label="room")
    yield Sample((strings(*MIXED), 7, "bytes"), label="bytes")
    broken = strings(
        b"\xe2\x82", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "𝄞é", b"\xf0\x9d\x84"
    )
    yield Sample((broken, 5), label="broken")


@string_chars_.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(1)()
    yield Reject((strings("a"), -1), match="got size=-1; it must not be negative")
    yield Reject((strings("a"), 1, "words"), match='use "bytes" or "chars"')


@op(infer="string_to_codes", outputs=2, host_only=True)
def unicode_decode_(x: TensorLike, size: int) -> tuple[Tensor, Tensor]:
    """Read the code points of strings in UTF-8; a byte that belongs to none gives U+FFFD.

    Args:
        x: [...], string.
        size: Room for so many; further ones are left out.

    Returns:
        The code points, [..., size], int32, with zeros at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.ops.unicode_decode_("aä", 3)[0]
        Tensor([ 97, 228,   0], shape=(3,), dtype=int32)
    """


unicode_decode_.not_differentiable(NO_GRADIENT)


def _codes(item: bytes) -> list[int]:
    codes = map(ord, text_of(item))
    return [_REPLACEMENT if 0xDC80 <= code <= 0xDCFF else code for code in codes]


@unicode_decode_.reference
def _(x: Any, size: int) -> Any:
    return parted(_codes, x, size, 0, np.int32)


@unicode_decode_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 4)
    yield Sample((strings("𝄞", b"\xed\xa0\x80", b"\xf4\x8f\xbf\xbf"), 4), label="far")


@unicode_decode_.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(1)()
    yield Reject((strings("a"), -1), match="got size=-1; it must not be negative")


@op(infer="codes_to_string", host_only=True)
def unicode_encode_(codes: TensorLike, counts: TensorLike) -> Tensor:
    """Write code points as strings in UTF-8; what is none becomes U+FFFD.

    Args:
        codes: [..., n], integers.
        counts: [...], integers: how many of each row count.

    Returns:
        [...], string.

    Raises:
        ValueError: The shapes do not fit together, or a count is negative or larger than n.
        TypeError: A tensor is not of integers.

    Example:
        >>> penstock.ops.unicode_encode_([[97, 98], [99, 0]], [2, 1]).tolist()
        [b'ab', b'c']
    """


unicode_encode_.not_differentiable(NO_GRADIENT)


def _character(code: int) -> str:
    valid = 0 <= code < 0xD800 or 0xE000 <= code < 0x110000
    return chr(code if valid else _REPLACEMENT)


@unicode_encode_.reference
def _(codes: Any, counts: Any) -> Any:
    n = codes.shape[-1]
    if counts.size and not 0 <= counts.min() <= counts.max() <= n:
        wrong = counts.min() if counts.min() < 0 else counts.max()
        raise ValueError(f"got a count of {wrong} for rows of {n} codes; use 0 to {n}")
    rows = zip(codes.reshape(counts.size, n).tolist(), counts.ravel().tolist(), strict=True)
    texts = strings(*("".join(map(_character, row[:count])) for row, count in rows))
    return texts.reshape(counts.shape)


@unicode_encode_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    codes = np.array([[72, 0xE4, 0x65E5], [0x1D11E, 0, 0xD800], [-1, 0x110000, 65]])
    yield Sample((codes, np.array([3, 3, 3])), label="all")
    yield Sample((codes.T.astype("int32"), np.array([0, 1, 2], "int32")), label="some")
    yield Sample((np.array([65]), np.array(1)), label="0-d")
    yield Sample((np.zeros((0, 3), "int64"), np.zeros(0, "int64")), label="empty")
    yield Sample((np.zeros((2, 0), "int64"), np.zeros(2, "int64")), label="no codes")


@unicode_encode_.rejects
def _() -> Iterator[Reject]:
    codes = np.ones((2, 3), "int64")
    yield Reject((codes, np.array([4, 0])), match="a count of 4 for rows of 3 codes; use 0 to 3")
    yield Reject((codes, np.array([1])), match="one count for each row of codes")
    yield Reject((codes * 1.0, np.array([1, 1])), error=TypeError, match="expected int32 or int64")


@op(infer="string_ngrams", host_only=True)
def string_ngrams(x: TensorLike, /, width: int, separator: str = " ") -> Tensor:
    """Join neighbours: y[i] = x[i] + separator + ... + x[i + width - 1].

    Args:
        x: [..., n], string.
        width: How many neighbours.
        separator: What goes between them.

    Returns:
        [..., n - width + 1], string; nothing where n is smaller than the width.

    Raises:
        ValueError: The width is not positive, or x has no axis.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.ngrams(["a", "b", "c"], 2).tolist()
        [b'a b', b'b c']
    """


string_ngrams.not_differentiable(NO_GRADIENT)


@string_ngrams.reference
def _(x: Any, width: int, separator: str) -> Any:
    n = max(x.shape[-1] - width + 1, 0)
    if not n:
        return np.empty((*x.shape[:-1], 0), object)
    return _joined([x[..., i : i + n] for i in range(width)], separator)


def _joined(columns: list[Any], separator: str) -> Any:
    glue = bytes_of(separator)
    return each(lambda *items: glue.join(items), *columns)


@string_ngrams.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = strings(*MIXED)
    for width in (1, 2, 6, 7):
        yield Sample((x, width, "-"), label=f"width {width}")
    yield Sample((x.reshape(2, 3).T, 2), label="strided")
    yield Sample((np.empty((0, 3), object), 2), label="empty")
    yield Sample((np.empty((2, 0), object), 2), label="no words")


@string_ngrams.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(1)()
    yield Reject((strings("a"), 0), match="got width=0; use 1 or more")
    yield Reject((strings("a").reshape(()), 1), match="at least 1 axis; reshape it")


@op(infer="string_reduce", host_only=True)
def string_reduce_join_(
    x: TensorLike, axis: int, keepdims: bool = False, separator: str = ""
) -> Tensor:
    """Join the strings along an axis.

    Args:
        x: [...], string.
        axis: The axis.
        keepdims: Keep the axis, with size 1.
        separator: What goes between them.

    Returns:
        x's shape without the axis, string.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.ops.string_reduce_join_([["a", "b"], ["c", "d"]], 1, separator="-").tolist()
        [b'a-b', b'c-d']
    """


string_reduce_join_.not_differentiable(NO_GRADIENT)


@string_reduce_join_.reference
def _(x: Any, axis: int, keepdims: bool, separator: str) -> Any:
    rows = np.moveaxis(x, axis, -1)
    glue, shape = bytes_of(separator), rows.shape[:-1]
    flat = rows.reshape(int(np.prod(shape)), rows.shape[-1]).tolist()
    joined = strings(*(glue.join(row) for row in flat)).reshape(shape)
    return np.expand_dims(joined, axis) if keepdims else joined


@string_reduce_join_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = strings(*MIXED).reshape(2, 3)
    yield Sample((x, 0), label="first axis")
    yield Sample((x, -1, True, ", "), label="kept")
    yield Sample((strings(*MIXED), 0, False, "ä"), label="to one")
    yield Sample((x.T, 0, False, "."), label="strided")
    yield Sample((np.empty((2, 0), object), 1), label="of nothing")
    yield Sample((np.empty((2, 0), object), 0), label="empty")


@string_reduce_join_.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(0)()
    yield Reject((strings("a", "b"), 1), error=IndexError, match="use -1 to 0")


# ---- for users


def _room(name: str, x: Tensor, size: int | None, counts: Callable[[], Tensor]) -> int:
    """Find how many parts there are at most, where the data is known."""
    if size is not None:
        return size
    if x.is_symbolic:
        raise GraphError(
            f"[{name}] how many parts there are depends on the data, and is not known while a graph is built; give "
            "size=..."
        )
    found = np.asarray(counts())
    return int(found.max()) if found.size else 0


def split(
    x: TensorLike, separator: str = "", maxsplit: int = -1, *, size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Cut strings at a separator, as Python's `split` does.

    Args:
        x: [...], string.
        separator: What stands between parts; "" for white space, however much of it.
        maxsplit: How often to cut at most; negative for no limit.
        size: Room for so many parts; further ones are left out. None makes room for all, outside graphs.

    Returns:
        The parts, [..., size], string, with empty ones at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative.
        TypeError: x is no string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> parts, counts = penstock.strings.split(["a b", " c "])
        >>> parts.tolist(), counts.tolist()
        ([[b'a', b'b'], [b'c', b'']], [2, 1])
    """
    x = asarray(x)
    room = _room("split", x, size, lambda: string_split_(x, 0, separator, maxsplit)[1])
    return string_split_(x, room, separator, maxsplit)


def unicode_split(
    x: TensorLike, unit: str = "chars", *, size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Cut strings into their characters or bytes.

    Args:
        x: [...], string.
        unit: "bytes", or "chars" for the characters of UTF-8; there a byte that is none counts as one.
        size: Room for so many; further ones are left out. None makes room for all, outside graphs.

    Returns:
        The parts, [..., size], string, with empty ones at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative, or the unit is neither of these.
        TypeError: x is no string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.strings.unicode_split("ab")[0].tolist()
        [b'a', b'b']
    """
    x = asarray(x)
    room = _room("unicode_split", x, size, lambda: ops.string_length(x, unit=unit))
    return string_chars_(x, room, unit)


def unicode_decode(x: TensorLike, *, size: int | None = None) -> tuple[Tensor, Tensor]:
    """Read the code points of strings in UTF-8; a byte that belongs to none gives U+FFFD.

    Args:
        x: [...], string.
        size: Room for so many; further ones are left out. None makes room for all, outside graphs.

    Returns:
        The code points, [..., size], int32, with zeros at the end; and how many there are, [...], int64.

    Raises:
        ValueError: The size is negative.
        TypeError: x is no string tensor.
        GraphError: x is computed in a graph, and `size` is not given.

    Example:
        >>> penstock.strings.unicode_decode("aä")[0]
        Tensor([ 97, 228], shape=(2,), dtype=int32)
    """
    x = asarray(x)
    room = _room("unicode_decode", x, size, lambda: ops.string_length(x, unit="chars"))
    return unicode_decode_(x, room)


def unicode_encode(codes: TensorLike, counts: TensorLike | None = None) -> Tensor:
    """Write code points as strings in UTF-8; what is none becomes U+FFFD.

    Args:
        codes: [..., n], integers.
        counts: [...], integers: how many of each row count; None for all.

    Returns:
        [...], string.

    Raises:
        ValueError: The shapes do not fit together, or a count is negative or larger than n.
        TypeError: A tensor is not of integers.

    Example:
        >>> penstock.strings.unicode_encode([[72, 105]]).tolist()
        [b'Hi']
    """
    codes = asarray(codes)
    if codes.ndim < 1:
        raise InvalidValueError(
            "[unicode_encode] got a single number; expected code points, [..., n]; put it into a list"
        )
    if counts is None:
        counts = ops.cast(
            ops.broadcast_to(ops.count(codes.shape[-1:], "int64"), codes.shape[:-1]), "int64"
        )
    return unicode_encode_(codes, counts)


def reduce_join(
    x: TensorLike, axis: int | None = None, *, keepdims: bool = False, separator: str = ""
) -> Tensor:
    """Join the strings along an axis, or all of them.

    Args:
        x: [...], string.
        axis: The axis; None for all strings, in row-major order.
        keepdims: Keep what is joined, with size 1.
        separator: What goes between them.

    Returns:
        x's shape without the axis, string.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.reduce_join([["a", "b"], ["c", "d"]]).item()
        b'abcd'
    """
    if axis is not None:
        return string_reduce_join_(x, axis, keepdims, separator)
    x = asarray(x)
    whole = string_reduce_join_(ops.reshape(x, (-1,)), 0, False, separator)
    return ops.reshape(whole, (1,) * x.ndim) if keepdims else whole
