"""The ops of this package, one block each: signature, manual, meaning in NumPy, gradient, samples, rejects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from penstock.ops import Reject, Sample, op, sum_to

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:float", name="acme_demo.scale_add", broadcasts=True)
def scale_add(x: TensorLike, y: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """Add a multiple, element by element: z = x + alpha · y.

    Args:
        x: [...], a number; integers become float32.
        y: [...], a number; the shapes must broadcast.
        alpha: What y is multiplied by.

    Returns:
        [...], the broadcast shape, of the promoted floating point dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: An input is a string.

    Example:
        >>> from acme_demo import scale_add
        >>> scale_add([1.0, 2.0], [10.0, 20.0], alpha=0.5)
        Tensor([ 6., 12.], shape=(2,), dtype=float32)
    """


@scale_add.reference
def _(x, y, alpha):
    return x + x.dtype.type(alpha) * y


@scale_add.vjp
def _(node, dz):
    x, y = node.inputs
    return sum_to(dz, x), sum_to(dz * node.attrs["alpha"], y)


@scale_add.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        x, y = rng.standard_normal((2, 3, 4)).astype(dtype)
        yield Sample((x, y), {"alpha": 0.5}, label=dtype)
    x = rng.standard_normal((3, 40_000)).astype("float32")
    yield Sample((x, x[::-1]), {"alpha": -2.0}, label="large, strided")
    yield Sample((x, x[0]), label="a row")
    yield Sample((x[:, :1], x[0, :5]), label="both stretched")
    yield Sample((x[0, 0], x[:2, :2]), label="0-d")
    yield Sample((x[:0], x[:1]), label="empty")


@scale_add.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2), np.ones(3)), match="do not broadcast")
    yield Reject(
        (np.array([b"a"], object), 1.0), error=TypeError, match="strings go with strings only"
    )
