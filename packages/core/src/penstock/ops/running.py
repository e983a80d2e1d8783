"""Running sums and products with the array API's names, and their inverse, differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray
from penstock.ops.cumulative import cumprod, cumsum
from penstock.ops.shaping import normalise_axis

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


def cumulative_sum(
    x: TensorLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Add up everything until each element: the array API's name for `cumsum`.

    Args:
        x: [...], any dtype but string.
        axis: The axis to walk along; it may be left out if there is one only.
        dtype: What to convert to first; by default the dtype that `sum` would have.
        include_initial: Put the 0 from which the sums start in front.

    Returns:
        x's shape, one longer along the axis with `include_initial`.

    Raises:
        IndexError: x has no such axis.
        ValueError: `axis` is not given, and x does not have one axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cumulative_sum([1, 2, 3], include_initial=True)
        Tensor([0, 1, 3, 6], shape=(4,), dtype=int64)
    """
    return _running("cumulative_sum", cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: TensorLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Multiply everything until each element: the array API's name for `cumprod`.

    Args:
        x: [...], any dtype but string.
        axis: The axis to walk along; it may be left out if there is one only.
        dtype: What to convert to first; by default the dtype that `prod` would have.
        include_initial: Put the 1 from which the products start in front.

    Returns:
        x's shape, one longer along the axis with `include_initial`.

    Raises:
        IndexError: x has no such axis.
        ValueError: `axis` is not given, and x does not have one axis.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.cumulative_prod([2, 3, 4])
        Tensor([ 2,  6, 24], shape=(3,), dtype=int64)
    """
    return _running("cumulative_prod", cumprod, x, axis, dtype, 1 if include_initial else None)


def _running(
    name: str,
    walk: Callable[..., Tensor],
    x: TensorLike,
    axis: int | None,
    dtype: DTypeLike | None,
    initial: int | None,
) -> Tensor:
    x = asarray(x) if dtype is None else asarray(x, dtype)
    if axis is None and x.ndim != 1:
        raise InvalidValueError(
            f"[{name}] got a tensor of rank {x.ndim} and no axis; give axis=, or flatten it first"
        )
    axis = normalise_axis(name, 0 if axis is None else axis, x.ndim)
    y = walk(x, axis)
    if dtype is not None:
        y = ops.astype(y, dtype)  # the walk widens small integers
    if initial is None:
        return y
    first = ops.full([1 if a == axis else n for a, n in enumerate(x.shape)], initial, y.dtype)
    return ops.concat([first, y], axis)


def diff(
    x: TensorLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: TensorLike | None = None,
    append: TensorLike | None = None,
) -> Tensor:
    """Subtract each element along an axis from the next one, n times.

    Args:
        x: [...], any dtype but string; of booleans it says where they change.
        axis: The axis to walk along.
        n: How often; each time the axis gets shorter by one. 0 returns x as it is.
        prepend: What to put in front of x first: x's shape but for the axis, or a number.
        append: What to put behind it, likewise.

    Returns:
        x's shape, with n elements less along the axis (and those put to it more).

    Raises:
        IndexError: x has no such axis.
        ValueError: n is negative, or the shapes do not fit.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.diff([1, 4, 9, 16])
        Tensor([3, 5, 7], shape=(3,), dtype=int64)
    """
    x = asarray(x)
    axis = normalise_axis("diff", axis, x.ndim)
    if n < 0:
        raise InvalidValueError(f"[diff] got n={n}; how often to subtract must not be negative")
    if n == 0:
        return x
    parts = [_beside(part, x, axis) for part in (prepend, append) if part is not None]
    if parts:
        x = ops.concat([*parts[: prepend is not None], x, *parts[prepend is not None :]], axis)
    lead = (slice(None),) * axis
    for _ in range(n):
        later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))]
        x = ops.not_equal(later, earlier) if x.dtype == "bool" else ops.subtract(later, earlier)
    return x


def _beside(part: TensorLike, x: Tensor, axis: int) -> Tensor:
    """What is put in front of x or behind it; a number is one element."""
    tensor = asarray(part) if hasattr(part, "dtype") else asarray(part, x.dtype)
    if tensor.ndim:
        return tensor
    return ops.broadcast_to(tensor, [1 if a == axis else size for a, size in enumerate(x.shape)])
