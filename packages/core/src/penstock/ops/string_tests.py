"""Questions to strings: how they begin and end, what they contain, where they stand in a list. All on the host."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import MIXED, NO_GRADIENT, bytes_of, each, numbers_refused, some, strings

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="string_to_bool", host_only=True)
def string_startswith(x: TensorLike, /, prefix: str) -> Tensor:
    """Say which strings begin with a text.

    Args:
        x: [...], string.
        prefix: The text.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.startswith(["abc", "cab"], "ab")
        Tensor([ True, False], shape=(2,), dtype=bool)
    """


@op(infer="string_to_bool", host_only=True)
def string_endswith(x: TensorLike, /, suffix: str) -> Tensor:
    """Say which strings end with a text.

    Args:
        x: [...], string.
        suffix: The text.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.endswith(["abc", "cab"], "ab")
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


@op(infer="string_to_bool", host_only=True)
def string_contains(x: TensorLike, /, text: str) -> Tensor:
    """Say which strings contain a text.

    Args:
        x: [...], string.
        text: The text; every string contains the empty one.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.contains(["abc", "bca"], "bc")
        Tensor([ True,  True], shape=(2,), dtype=bool)
    """


@string_startswith.reference
def _(x: Any, prefix: str) -> Any:
    return each(lambda item: item.startswith(bytes_of(prefix)), x, dtype=bool)


@string_endswith.reference
def _(x: Any, suffix: str) -> Any:
    return each(lambda item: item.endswith(bytes_of(suffix)), x, dtype=bool)


@string_contains.reference
def _(x: Any, text: str) -> Any:
    return each(lambda item: bytes_of(text) in item, x, dtype=bool)


def _texts(rng: np.random.Generator) -> Iterator[Sample]:
    for text in ("", "l", "Hello", "A ", "本", "Hello!"):
        yield Sample((strings(*MIXED, "A", "lll"), text), label=repr(text))
    yield from some(rng, "A")


for _op in (string_startswith, string_endswith, string_contains):
    _op.not_differentiable(NO_GRADIENT)
    _op.samples(_texts)
    _op.rejects(numbers_refused("a"))


@op(infer="string_search", host_only=True)
def string_search(x: TensorLike, words: TensorLike) -> Tensor:
    """Find strings in a sorted list by halving it: what lookup tables are made of.

    Args:
        x: [...], string.
        words: [n], string, rising byte by byte.

    Returns:
        [...], int64: the place of each string, or -1 where the list has not got it.

    Raises:
        ValueError: `words` has not 1 axis.
        TypeError: A tensor is no string tensor.

    Example:
        >>> penstock.strings.search(["b", "x"], ["a", "b", "c"])
        Tensor([ 1, -1], shape=(2,), dtype=int64)
    """


string_search.not_differentiable(NO_GRADIENT)


@string_search.reference
def _(x: Any, words: Any) -> Any:
    places: dict[bytes, int] = {}
    for place, word in enumerate(words.tolist()):
        places.setdefault(word, place)
    return each(lambda item: places.get(item, -1), x, dtype="int64")


@string_search.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    words = strings(
        *sorted({*(bytes_of(w) if isinstance(w, str) else w for w in MIXED), b"a", b"aa"})
    )
    yield Sample((strings(*MIXED, "a", "aa", "aaa", b"\xff"), words), label="mixed")
    yield Sample((strings(*MIXED).reshape(2, 3).T, words), label="strided")
    yield Sample((strings("a").reshape(()), words), label="0-d")
    yield Sample((strings("a", ""), np.empty(0, object)), label="no words")
    yield Sample((np.empty((0, 2), object), words), label="empty")
    many = sorted({f"{n * 7919 % 10007:x}".encode() for n in range(3000)})
    asked = [f"{n:x}".encode() for n in rng.integers(0, 10007, 500).tolist()]
    yield Sample((strings(*asked), strings(*many)), label="large")


@string_search.rejects
def _() -> Iterator[Reject]:
    match = r"is int64; expected string; convert it: penstock.as_string"
    yield Reject((np.array([1]), strings("a")), error=TypeError, match=f"x {match}")
    yield Reject((strings("a"), np.array([1])), error=TypeError, match=f"words {match}")
    yield Reject((strings("a"), strings("a").reshape(1, 1)), match=r"\[words\], sorted; reshape it")
