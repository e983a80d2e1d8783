"""Strings put into buckets by a hash: features from any words, without a vocabulary. All of it runs on the host."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._farmhash import fingerprint64
from penstock.ops._siphash import siphash
from penstock.ops._text import MIXED, NO_GRADIENT, each, numbers_refused, some, strings
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike


@op(infer="string_to_bucket", host_only=True)
def string_to_hash_bucket_fast(x: TensorLike, /, num_buckets: int) -> Tensor:
    """Put strings into numbered buckets by FarmHash's 64-bit fingerprint, modulo the number of buckets.

    The buckets are those of TensorFlow's function of this name, and of Keras' Hashing layer without a salt.

    Args:
        x: [...], string.
        num_buckets: How many buckets there are.

    Returns:
        [...], int64, from 0 to num_buckets - 1.

    Raises:
        ValueError: There is no bucket.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.to_hash_bucket_fast(["Hello", "TensorFlow", "2.x"], 3)
        Tensor([0, 2, 2], shape=(3,), dtype=int64)

    Source:
        Pike and others, 2014, FarmHash: the function Fingerprint64.
    """


string_to_hash_bucket_fast.not_differentiable(NO_GRADIENT)


@string_to_hash_bucket_fast.reference
def _(x: Any, num_buckets: int) -> Any:
    return each(lambda item: fingerprint64(item) % num_buckets, x, dtype="int64")


@string_to_hash_bucket_fast.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 10)
    yield Sample((strings(*MIXED), 2**62), label="many")
    sizes = (*range(20), 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 1000)
    long = [rng.integers(0, 256, size, dtype="uint8").tobytes() for size in sizes]
    yield Sample((strings(*long), 2**63 - 1), label="every size")


@string_to_hash_bucket_fast.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(3)()
    yield Reject((strings("a"), 0), match="num_buckets=0; use 1 or more")


@op(infer="string_to_bucket", host_only=True)
def string_to_hash_bucket_strong(x: TensorLike, /, num_buckets: int, key: Ints) -> Tensor:
    """Put strings into numbered buckets by SipHash-2-4, which nobody can fill on purpose without the key.

    The buckets are those of TensorFlow's function of this name, and of Keras' Hashing layer with a salt.

    Args:
        x: [...], string.
        num_buckets: How many buckets there are.
        key: Two numbers from 0 to 2^63 - 1, the secret.

    Returns:
        [...], int64, from 0 to num_buckets - 1.

    Raises:
        ValueError: There is no bucket, or the key has not two numbers.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.to_hash_bucket_strong(["Hello", "TF"], 3, [1, 2])
        Tensor([2, 0], shape=(2,), dtype=int64)

    Source:
        Aumasson and Bernstein, 2012, "SipHash: a fast short-input PRF". https://www.aumasson.jp/siphash/siphash.pdf
    """


string_to_hash_bucket_strong.not_differentiable(NO_GRADIENT)


@string_to_hash_bucket_strong.reference
def _(x: Any, num_buckets: int, key: Any) -> Any:
    if len(key) != 2 or min(key) < 0:
        raise ValueError(f"got key={tuple(key)}; use two numbers from 0 to 2**63 - 1")
    return each(lambda item: siphash(item, *key) % num_buckets, x, dtype="int64")


@string_to_hash_bucket_strong.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from some(rng, 10, (1, 2))
    long = [rng.integers(0, 256, size, dtype="uint8").tobytes() for size in range(20)]
    yield Sample((strings(*long), 2**63 - 1, (2**63 - 1, 7)), label="every size")


@string_to_hash_bucket_strong.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(3, (1, 2))()
    yield Reject((strings("a"), 0, (1, 2)), match="num_buckets=0; use 1 or more")
    for key in ((1,), (1, 2, 3), (-1, 2)):
        yield Reject((strings("a"), 3, key), match=r"use two numbers from 0 to 2\*\*63 - 1")


def cross(
    features: Sequence[TensorLike], num_buckets: int | None = None, *, separator: str = "_X_"
) -> Tensor:
    """Make one feature of several: their texts joined, as TensorFlow's sparse.cross writes them.

    Args:
        features: [...] each, of any dtype; the shapes broadcast. Numbers are written as text.
        num_buckets: Put the crossed features into so many buckets, by `to_hash_bucket_fast`; None leaves the text.
        separator: What goes between the texts.

    Returns:
        The broadcast shape: string, or int64 from 0 to num_buckets - 1.

    Raises:
        ValueError: There are no features, the shapes do not broadcast, or there is no bucket.

    Example:
        >>> penstock.strings.cross([["a", "b"], [1, 2]]).tolist()
        [b'a_X_1', b'b_X_2']
    """
    if not features:
        raise InvalidValueError("[cross] got no features; give one or more")
    tensors = [asarray(feature) for feature in features]
    texts = [t if t.dtype == "string" else ops.as_string(t) for t in tensors]
    crossed = ops.string_join(texts, separator)
    if num_buckets is None:
        return crossed
    return string_to_hash_bucket_fast(crossed, num_buckets)


def hash_features(x: TensorLike, num_features: int, *, signed: bool = True) -> Tensor:
    """Count words in buckets: the hashing trick, which makes a vector of any text.

    Args:
        x: [..., words], string; empty ones are left out.
        num_features: How many buckets there are.
        signed: Let half of the words count as -1, so that what meets in a bucket cancels out on average.

    Returns:
        [..., num_features], float32.

    Raises:
        ValueError: There is no bucket, or x has no axis.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.strings.hash_features(["a", "b", "a", ""], 1, signed=False)
        Tensor([3.], shape=(1,), dtype=float32)

    Source:
        Weinberger and others, 2009, "Feature hashing for large scale multitask learning".
    """
    x = asarray(x)
    if x.ndim < 1:
        raise InvalidValueError(
            "[hash_features] got a single string; expected [..., words]; split it: penstock.strings.split"
        )
    # Twice the buckets: the odd half has the other sign.
    place = string_to_hash_bucket_fast(x, 2 * num_features)
    sign = 1 - 2 * ops.remainder(place, 2) if signed else ops.ones_like(place)
    weight = ops.cast(ops.where(x == "", 0, sign), "float32")
    buckets = ops.one_hot(ops.floor_divide(place, 2), num_features)
    return ops.sum(buckets * ops.expand_dims(weight, -1), -2)
