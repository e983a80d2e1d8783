"""Strings: bytes, mostly text in UTF-8. Everything here runs on the host, also when the graph is placed elsewhere.

Where text is meant, bytes that are no UTF-8 are kept as they are.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import REALS, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike

_NO_GRADIENT = "strings have none"


def _text(item: bytes) -> str:
    return item.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _each(fn: Callable[..., Any], *arrays: Any, dtype: Any = object) -> Any:
    """Call a function for every element of arrays that broadcast."""
    arrays = np.broadcast_arrays(*arrays)
    result = np.empty(arrays[0].shape, dtype)
    for place in np.ndindex(result.shape):
        result[place] = fn(*(a[place] for a in arrays))
    return result


def _strings(*items: Any) -> Any:
    """Make an object array, of which NumPy does not cut off zero bytes."""
    result = np.empty(len(items), object)
    result[:] = [_bytes(item) if isinstance(item, str) else item for item in items]
    return result


_MIXED = ("Hello", "", "  ÄÖß\t", b"\xff\x00A ", "12 abc", "日本")


def _some(rng: np.random.Generator, *more: Any, **kwargs: Any) -> Iterator[Sample]:
    """Samples of an op of one string tensor."""
    yield Sample((_strings(*_MIXED), *more), kwargs, label="mixed")
    yield Sample((_strings(*_MIXED).reshape(2, 3).T, *more), kwargs, label="strided")
    yield Sample((_strings("Aé").reshape(()), *more), kwargs, label="0-d")
    yield Sample((np.empty((0, 3), object), *more), kwargs, label="empty")


def _numbers_refused(*more: Any) -> Callable[[], Iterator[Reject]]:
    def rejects() -> Iterator[Reject]:
        match = r"x is int64; expected string; convert it: penstock.as_string\(x\)"
        yield Reject((np.array([1]), *more), error=TypeError, match=match)

    return rejects


@op(infer="string_to_string", host_only=True)
def string_lower(x: TensorLike, /) -> Tensor:
    """Make all letters small.

    Args:
        x: [...], string.

    Returns:
        [...], string.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_lower(["Hello", "ÄB"]).tolist() == [b"hello", "äb".encode()]
        True
    """


@op(infer="string_to_string", host_only=True)
def string_upper(x: TensorLike, /) -> Tensor:
    """Make all letters capital.

    Args:
        x: [...], string.

    Returns:
        [...], string.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_upper("Hello").item()
        b'HELLO'
    """


@op(infer="string_to_string", host_only=True)
def string_strip(x: TensorLike, /) -> Tensor:
    """Remove white space at both ends.

    Args:
        x: [...], string.

    Returns:
        [...], string.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_strip("  a b ").item()
        b'a b'
    """


@string_lower.reference
def _(x: Any) -> Any:
    return _each(lambda item: _bytes(_text(item).lower()), x)


@string_upper.reference
def _(x: Any) -> Any:
    return _each(lambda item: _bytes(_text(item).upper()), x)


@string_strip.reference
def _(x: Any) -> Any:
    return _each(lambda item: _bytes(_text(item).strip()), x)


for _op in (string_lower, string_upper, string_strip):
    _op.not_differentiable(_NO_GRADIENT)
    _op.samples(_some)
    _op.rejects(_numbers_refused())


@op(infer="string_to_int", host_only=True)
def string_length(x: TensorLike, /, *, unit: str = "bytes") -> Tensor:
    """Count the bytes or the characters of each string.

    Args:
        x: [...], string.
        unit: "bytes", or "chars" for the characters of UTF-8; there a byte that is none counts as one.

    Returns:
        [...], int64.

    Raises:
        ValueError: The unit is neither of these.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_length(["abc", "ä"])
        Tensor([3, 2], shape=(2,), dtype=int64)
        >>> penstock.string_length(["abc", "ä"], unit="chars")
        Tensor([3, 1], shape=(2,), dtype=int64)
    """


string_length.not_differentiable(_NO_GRADIENT)


def _in_chars(unit: str) -> bool:
    if unit not in ("bytes", "chars"):
        raise ValueError(f'got unit="{unit}"; use "bytes" or "chars"')
    return unit == "chars"


@string_length.reference
def _(x: Any, unit: str) -> Any:
    chars = _in_chars(unit)
    return _each(lambda item: len(_text(item) if chars else item), x, dtype="int64")


@string_length.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _some(rng)
    yield Sample((_strings(*_MIXED),), {"unit": "chars"}, label="chars")


@string_length.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused()()
    yield Reject((_strings("a"),), {"unit": "words"}, match='use "bytes" or "chars"')


@op(infer="string_to_string", host_only=True)
def string_substr(x: TensorLike, /, start: int, length: int, *, unit: str = "bytes") -> Tensor:
    """Cut a part out of each string; what lies outside is left out.

    Args:
        x: [...], string.
        start: Where the part begins; a negative number counts from the end.
        length: How long it is.
        unit: "bytes" or "chars": what both count.

    Returns:
        [...], string.

    Raises:
        ValueError: The length is negative, or the unit is neither of these.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.string_substr(["abcdef", "xy"], 1, 3).tolist()
        [b'bcd', b'y']
    """


string_substr.not_differentiable(_NO_GRADIENT)


@string_substr.reference
def _(x: Any, start: int, length: int, unit: str) -> Any:
    chars = _in_chars(unit)
    if length < 0:
        raise ValueError(f"got length={length}; it must not be negative")

    def part(item: bytes) -> bytes:
        whole: Any = _text(item) if chars else item
        first = max(start + len(whole), 0) if start < 0 else start
        cut = whole[first : first + length]
        return _bytes(cut) if chars else cut

    return _each(part, x)


@string_substr.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _some(rng, 1, 2)
    yield from _some(rng, -2, 5, unit="chars")


@string_substr.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused(0, 1)()
    yield Reject((_strings("a"), 0, -1), match="must not be negative")
    yield Reject((_strings("a"), 0, 1), {"unit": "words"}, match='use "bytes" or "chars"')


@op(infer="string_to_string", host_only=True)
def string_join(xs: Sequence[TensorLike], separator: str = "") -> Tensor:
    """Join strings that stand at the same place of several tensors.

    Args:
        xs: [...] each, string; the shapes broadcast.
        separator: What goes between them.

    Returns:
        The broadcast shape, string.

    Raises:
        ValueError: The shapes do not broadcast, or there are no tensors.
        TypeError: One of them is no string tensor.

    Example:
        >>> penstock.string_join([["a", "b"], "c"], separator="-").tolist()
        [b'a-c', b'b-c']
    """


string_join.not_differentiable(_NO_GRADIENT)


@string_join.reference
def _(*xs: Any, separator: str) -> Any:
    return _each(lambda *items: _bytes(separator).join(items), *xs)


@string_join.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = _strings(*_MIXED)
    yield Sample(([x, x[::-1]],), label="two")
    yield Sample(([x.reshape(2, 3), _strings("-"), x[:3]], " ä "), label="broadcast")
    yield Sample(([x],), label="one")
    yield Sample(([np.empty((0,), object), _strings("a")],), label="empty")


@string_join.rejects
def _() -> Iterator[Reject]:
    x = _strings("a", "b")
    match = r"xs\[1\] is float64; expected string; convert it: penstock.as_string"
    yield Reject(([x, np.ones(2)],), error=TypeError, match=match)
    yield Reject(([x, _strings("a", "b", "c")],), match="do not broadcast")


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


string_to_number.not_differentiable(_NO_GRADIENT)


@string_to_number.reference
def _(x: Any, dtype: Any) -> Any:
    dtype = np.dtype(dtype)

    def number(item: bytes) -> Any:
        text = _text(item)
        try:
            if dtype.kind == "f":
                return float(text)
            value = int(text)
        except ValueError:
            value = None
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        if value is None or (limits and not limits.min <= value <= limits.max):
            raise ValueError(
                f"{text!r} is no number of dtype {dtype.name}; remove it, or choose another dtype"
            )
        return value

    return _each(number, x, dtype=dtype)


@string_to_number.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in REALS:
        yield Sample((_strings("1", " 20 ", "0", "+7"), dtype), label=dtype)
    floats = _strings("1.5", "-2e3", "inf", "nan", "-0", "1e-3", ".5", "1_000")
    yield Sample((floats,), label="floats")
    yield Sample((_strings("3").reshape(()), "int32"), label="0-d")
    yield Sample((np.empty((0, 2), object),), label="empty")


@string_to_number.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused()()
    yield Reject((_strings("1", "one"),), match="'one' is no number of dtype float32; remove it")
    yield Reject((_strings("1.5"), "int32"), match="'1.5' is no number of dtype int32")
    yield Reject((_strings("300"), "uint8"), match="choose another dtype")
    yield Reject((_strings("1"), "bool"), error=TypeError, match="got bool")


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


string_to_hash_bucket.not_differentiable(_NO_GRADIENT)


def _fnv1a(item: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in item:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


@string_to_hash_bucket.reference
def _(x: Any, num_buckets: int) -> Any:
    return _each(lambda item: _fnv1a(item) % num_buckets, x, dtype="int64")


@string_to_hash_bucket.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _some(rng, 10)
    yield Sample((_strings(*_MIXED), 2**62), label="many")


@string_to_hash_bucket.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused(3)()
    yield Reject((_strings("a"), 0), match="num_buckets=0; use 1 or more")


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


as_string.not_differentiable(_NO_GRADIENT)


@as_string.reference
def _(x: Any, precision: int) -> Any:
    def written(item: Any) -> bytes:
        if x.dtype.kind == "b":
            return b"true" if item else b"false"
        if precision >= 0 and x.dtype.kind in "fc":
            return f"{item:.{precision}f}".encode()
        return str(item).encode()

    return _each(written, x)


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
    yield Reject((_strings("a"),), error=TypeError, match="got string")


@op(infer="string_to_string", host_only=True)
def regex_replace(
    x: TensorLike, /, pattern: str, rewrite: str, *, replace_global: bool = True
) -> Tensor:
    r"""Replace what a regular expression matches. The expressions are those of Python's `re`, on text.

    Args:
        x: [...], string.
        pattern: The expression.
        rewrite: What to put in; "\\1" stands for the first group.
        replace_global: Replace every match, else only the first.

    Returns:
        [...], string.

    Raises:
        ValueError: The pattern is no regular expression, or `rewrite` names a group that it has not got.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.regex_replace("a1b22", "[0-9]+", "#").item()
        b'a#b#'
    """


@op(infer="string_to_bool", host_only=True)
def regex_full_match(x: TensorLike, /, pattern: str) -> Tensor:
    """Say whether a regular expression matches each string as a whole. The expressions are those of Python's `re`.

    Args:
        x: [...], string.
        pattern: The expression.

    Returns:
        [...], bool.

    Raises:
        ValueError: The pattern is no regular expression.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.regex_full_match(["a1", "a1b"], "[a-z][0-9]")
        Tensor([ True, False], shape=(2,), dtype=bool)
    """


regex_replace.not_differentiable(_NO_GRADIENT)
regex_full_match.not_differentiable(_NO_GRADIENT)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{pattern!r} is no regular expression: {error}; write \\ before a character to mean itself"
        ) from None


@regex_replace.reference
def _(x: Any, pattern: str, rewrite: str, replace_global: bool) -> Any:
    expression, count = _compiled(pattern), 0 if replace_global else 1
    try:
        return _each(lambda item: _bytes(expression.sub(rewrite, _text(item), count)), x)
    except (re.error, IndexError) as error:
        raise ValueError(
            f"{rewrite!r} does not fit {pattern!r}: {error}; name groups that the pattern has"
        ) from None


@regex_full_match.reference
def _(x: Any, pattern: str) -> Any:
    expression = _compiled(pattern)
    return _each(lambda item: expression.fullmatch(_text(item)) is not None, x, dtype=bool)


@regex_replace.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _some(rng, "([a-z])([0-9ÄÖ])?", r"<\1>")
    yield Sample((_strings(*_MIXED), "l", "L"), {"replace_global": False}, label="first only")


@regex_full_match.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _some(rng, r"\w*")


@regex_replace.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused("a", "b")()
    yield Reject(
        (_strings("a"), "(", ""), match=r"'\(' is no regular expression: .*write \\ before"
    )
    yield Reject((_strings("a"), "a", r"\1"), match="name groups that the pattern has")


@regex_full_match.rejects
def _() -> Iterator[Reject]:
    yield from _numbers_refused("a")()
    yield Reject((_strings("a"), "*"), match=r"'\*' is no regular expression: .*write \\ before")
