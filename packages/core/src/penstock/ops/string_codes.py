"""Text in other clothes: one form for letters that can be written in several, and bytes as Base64. On the host."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import NO_GRADIENT, bytes_of, each, numbers_refused, some, strings, text_of

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@op(infer="string_to_string", host_only=True)
def unicode_normalize(x: TensorLike, /, form: str = "NFC") -> Tensor:
    """Write letters that can be written in several ways in one.

    Args:
        x: [...], string.
        form: "NFC" joins a letter and its accents, "NFD" takes them apart; "NFKC" and "NFKD" also replace what only
            looks different, such as wide letters.

    Returns:
        [...], string.

    Raises:
        ValueError: The form is none of these.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.unicode_normalize("e\u0301").item() == "é".encode()
        True
    """


unicode_normalize.not_differentiable(NO_GRADIENT)


@unicode_normalize.reference
def _(x: Any, form: str) -> Any:
    if form not in _FORMS:
        raise ValueError(f"got form={form!r}; use {', '.join(map(repr, _FORMS))}")
    known: Any = form
    return each(lambda item: bytes_of(unicodedata.normalize(known, text_of(item))), x)


@unicode_normalize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for form in _FORMS:
        yield Sample((strings("e\u0301é", "ﬁ Ａ", b"\xffa"), form), label=form)
    yield from some(rng)


@unicode_normalize.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused()()
    yield Reject((strings("a"), "nfc"), match="got form='nfc'; use 'NFC', 'NFD'")


@op(infer="string_to_string", host_only=True)
def encode_base64(x: TensorLike, /, *, pad: bool = False) -> Tensor:
    """Write bytes in 64 characters that are safe in addresses: letters, digits, - and _.

    Args:
        x: [...], string.
        pad: Fill up with = to a multiple of 4.

    Returns:
        [...], string.

    Raises:
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.encode_base64("a?").item()
        b'YT8'
    """


encode_base64.not_differentiable(NO_GRADIENT)


@encode_base64.reference
def _(x: Any, pad: bool) -> Any:
    def written(item: bytes) -> bytes:
        text = base64.urlsafe_b64encode(item)
        return text if pad else text.rstrip(b"=")

    return each(written, x)


@encode_base64.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng)
    yield from some(rng, pad=True)


encode_base64.rejects(numbers_refused())


@op(infer="string_to_string", host_only=True)
def decode_base64(x: TensorLike, /) -> Tensor:
    """Read bytes that `encode_base64` wrote, with or without = at the end.

    Args:
        x: [...], string.

    Returns:
        [...], string.

    Raises:
        ValueError: A string is not such text.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.decode_base64("YT8").item()
        b'a?'
    """


decode_base64.not_differentiable(NO_GRADIENT)


@decode_base64.reference
def _(x: Any) -> Any:
    def read(item: bytes) -> bytes:
        text = item.rstrip(b"=")
        try:
            return base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError(
                f"{text_of(item)!r} is not Base64 with - and _: {error}; write it with encode_base64"
            ) from None

    return each(read, x)


@decode_base64.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    texts = strings("", "YQ", "YWI=", "YWJj", "_-8", "YWJjZA==")
    yield Sample((texts,), label="texts")
    yield Sample((texts.reshape(2, 3).T,), label="strided")
    yield Sample((texts[3:4].reshape(()),), label="0-d")
    yield Sample((np.empty((0, 2), object),), label="empty")


@decode_base64.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused()()
    for text in ("a", "a b?"):
        yield Reject(
            (strings(text),), match="is not Base64 with - and _: .*write it with encode_base64"
        )
