"""Strings: bytes, mostly text in UTF-8. Everything here runs on the host, also when the graph is placed elsewhere.

Where text is meant, bytes that are no UTF-8 are kept as they are.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import (
    MIXED,
    NO_GRADIENT,
    bytes_of,
    each,
    numbers_refused,
    some,
    strings,
    text_of,
)

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


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


string_lower.batch(_batch.same)


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


string_upper.batch(_batch.same)


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


string_strip.batch(_batch.same)


@string_lower.reference
def _(x: Any) -> Any:
    return each(lambda item: item.lower() if item.isascii() else bytes_of(text_of(item).lower()), x)


@string_upper.reference
def _(x: Any) -> Any:
    return each(lambda item: item.upper() if item.isascii() else bytes_of(text_of(item).upper()), x)


@string_strip.reference
def _(x: Any) -> Any:
    return each(lambda item: bytes_of(text_of(item).strip()), x)


@op(infer="string_to_string", host_only=True)
def string_translate(x: TensorLike, /, characters: str, replacements: str = "") -> Tensor:
    """Replace characters of ASCII by others, and remove those that have no replacement.

    Args:
        x: [...], string.
        characters: What to replace, of ASCII.
        replacements: What stands for each, of ASCII, in the same order; characters behind its end are removed.

    Returns:
        [...], string.

    Raises:
        ValueError: A character is not of ASCII, or there are more replacements than characters.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.translate("Ab-c!", "AB-!", "ab").item()
        b'abc'
    """


string_translate.batch(_batch.same)
string_translate.not_differentiable(NO_GRADIENT)


@string_translate.reference
def _(x: Any, characters: str, replacements: str) -> Any:
    if not (characters + replacements).isascii():
        raise ValueError("got a character that is not of ASCII; use regex_replace")
    if len(replacements) > len(characters):
        raise ValueError(
            f"got {len(replacements)} replacements for {len(characters)} characters; give one for each at most"
        )
    kept = characters[: len(replacements)].encode()
    table = bytes.maketrans(kept, replacements.encode())
    removed = characters[len(replacements) :].encode()
    return each(lambda item: item.translate(table, removed), x)


@string_translate.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample((strings(*MIXED), "aBc-", "xY"), label="mixed")
    yield Sample((strings("Foo, bar!", "", "é!"), "FO!,", "fo"), label="punctuation")
    yield Sample((strings("abc"), ""), label="nothing")


@string_translate.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused("a")()
    yield Reject((strings("a"), "é"), match="use regex_replace")
    yield Reject((strings("a"), "a", "bc"), match="give one for each at most")


for _op in (string_lower, string_upper, string_strip):
    _op.not_differentiable(NO_GRADIENT)
    _op.samples(some)
    _op.rejects(numbers_refused())


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


string_length.batch(_batch.same)


string_length.not_differentiable(NO_GRADIENT)


def _in_chars(unit: str) -> bool:
    if unit not in ("bytes", "chars"):
        raise ValueError(f'got unit="{unit}"; use "bytes" or "chars"')
    return unit == "chars"


@string_length.reference
def _(x: Any, unit: str) -> Any:
    chars = _in_chars(unit)
    return each(lambda item: len(text_of(item) if chars else item), x, dtype="int64")


@string_length.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng)
    yield Sample((strings(*MIXED),), {"unit": "chars"}, label="chars")


@string_length.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused()()
    yield Reject((strings("a"),), {"unit": "words"}, match='use "bytes" or "chars"')


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


string_substr.batch(_batch.same)


string_substr.not_differentiable(NO_GRADIENT)


@string_substr.reference
def _(x: Any, start: int, length: int, unit: str) -> Any:
    chars = _in_chars(unit)
    if length < 0:
        raise ValueError(f"got length={length}; it must not be negative")

    def part(item: bytes) -> bytes:
        whole: Any = text_of(item) if chars else item
        first = max(start + len(whole), 0) if start < 0 else start
        cut = whole[first : first + length]
        return bytes_of(cut) if chars else cut

    return each(part, x)


@string_substr.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 1, 2)
    yield from some(rng, -2, 5, unit="chars")


@string_substr.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(0, 1)()
    yield Reject((strings("a"), 0, -1), match="must not be negative")
    yield Reject((strings("a"), 0, 1), {"unit": "words"}, match='use "bytes" or "chars"')


@op(infer="string_to_string", broadcasts=True, host_only=True)
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


string_join.batch(_batch.aligned)


string_join.not_differentiable(NO_GRADIENT)


@string_join.reference
def _(*xs: Any, separator: str) -> Any:
    return each(lambda *items: bytes_of(separator).join(items), *xs)


@string_join.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    x = strings(*MIXED)
    yield Sample(([x, x[::-1]],), label="two")
    yield Sample(([x.reshape(2, 3), strings("-"), x[:3]], " ä "), label="broadcast")
    yield Sample(([x],), label="one")
    yield Sample(([np.empty((0,), object), strings("a")],), label="empty")


@string_join.rejects
def _() -> Iterator[Reject]:
    x = strings("a", "b")
    match = r"xs\[1\] is float64; expected string; convert it: penstock.as_string"
    yield Reject(([x, np.ones(2)],), error=TypeError, match=match)
    yield Reject(([x, strings("a", "b", "c")],), match="do not broadcast")


@op(infer="string_to_string", host_only=True)
def regex_replace(
    x: TensorLike, /, pattern: str, rewrite: str, *, replace_global: bool = True
) -> Tensor:
    r"""Replace what a regular expression matches. The expressions are those of Python's `re`, on text.

    Args:
        x: [...], string.
        pattern: The expression.
        rewrite: What to put in; "\\1" stands for the first group, "\\0" for all that matched, as in TensorFlow.
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


regex_replace.batch(_batch.same)


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


regex_full_match.batch(_batch.same)


regex_replace.not_differentiable(NO_GRADIENT)
regex_full_match.not_differentiable(NO_GRADIENT)


_WHOLE = re.compile(r"(?<!\\)((?:\\\\)*)\\0(?![0-9])")  # \0, which is a character to Python


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
    rewrite = _WHOLE.sub(r"\1\\g<0>", rewrite)
    try:
        return each(lambda item: bytes_of(expression.sub(rewrite, text_of(item), count)), x)
    except (re.error, IndexError) as error:
        raise ValueError(
            f"{rewrite!r} does not fit {pattern!r}: {error}; name groups that the pattern has"
        ) from None


@regex_full_match.reference
def _(x: Any, pattern: str) -> Any:
    expression = _compiled(pattern)
    return each(lambda item: expression.fullmatch(text_of(item)) is not None, x, dtype=bool)


@regex_replace.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, "([a-z])([0-9ÄÖ])?", r"<\1>")
    yield Sample((strings(*MIXED), "l", "L"), {"replace_global": False}, label="first only")


@regex_full_match.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, r"\w*")


@regex_replace.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused("a", "b")()
    yield Reject((strings("a"), "(", ""), match=r"'\(' is no regular expression: .*write \\ before")
    yield Reject((strings("a"), "a", r"\1"), match="name groups that the pattern has")


@regex_full_match.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused("a")()
    yield Reject((strings("a"), "*"), match=r"'\*' is no regular expression: .*write \\ before")
