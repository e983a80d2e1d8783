"""The ops of this package. One that is composed of others has their gradients, and runs wherever they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

import penstock as ps
from penstock.ops import Reject, Sample, op

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:float", name="acme_demo.mish")
def mish(x: TensorLike, /) -> Tensor:
    """Take x · tanh(log(1 + e^x)), element by element; x is real; integers become float32.

    Raises:
        TypeError: x is boolean, complex or a string.

    Example:
        >>> from acme_demo import mish
        >>> mish([0.0, 20.0])
        Tensor([ 0., 20.], shape=(2,), dtype=float32)
    """


@mish.compose
def _(x):
    return x * ps.tanh(ps.log1p(ps.exp(-ps.abs(x))) + ps.maximum(x, 0.0))


@mish.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64"):
        yield Sample((rng.uniform(-5, 5, (3, 4)).astype(dtype),), label=dtype)
    yield Sample((rng.uniform(-5, 5, (4, 6)).T[::2],), label="strided")
    yield Sample((np.float64(0.5),), label="0-d")
    yield Sample((np.ones((0, 3)),), label="empty")


@mish.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.array([b"a"], object),), error=TypeError, match="got string")
