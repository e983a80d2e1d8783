"""Shorten tensors, alone or together, to a norm at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, TensorLike


def clip_by_norm(x: TensorLike, clip_norm: float, axis: Axis = None) -> Tensor:
    """Shorten to a norm at most: y = x · clip_norm / max(‖x‖, clip_norm).

    Args:
        x: [...], any real float dtype.
        clip_norm: The largest Euclidean norm that is left, above 0.
        axis: The axes over which the norm is taken; None for everything.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: clip_norm is not above 0.
        IndexError: x has no such axis.

    Example:
        >>> penstock.nn.clip_by_norm([3.0, 4.0], 1.0)
        Tensor([0.6, 0.8], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    _positive("clip_by_norm", clip_norm)
    squares = ops.sum(ops.square(x), axis, keepdims=True)
    # The root has no slope at 0, and x is short there.
    norm = ops.sqrt(ops.where(squares > 0.0, squares, 1.0))
    norm = ops.where(squares > 0.0, norm, 0.0)
    return x * clip_norm / ops.maximum(norm, clip_norm)


def global_norm(tensors: Sequence[TensorLike]) -> Tensor:
    """Take the Euclidean norm of several tensors as of one: √Σ‖t‖².

    Args:
        tensors: One or more, of any shapes and real float dtypes.

    Returns:
        [], of the promoted dtype.

    Raises:
        ValueError: There are none.

    Example:
        >>> penstock.nn.global_norm([[3.0], [4.0]])
        Tensor(5., shape=(), dtype=float32)
    """
    if not tensors:
        raise InvalidValueError("[global_norm] got no tensors; expected one or more")
    total = ops.sum(ops.square(asarray(tensors[0])))
    for tensor in tensors[1:]:
        total = total + ops.sum(ops.square(asarray(tensor)))
    return ops.sqrt(total)


def clip_by_global_norm(
    tensors: Sequence[TensorLike], clip_norm: float
) -> tuple[list[Tensor], Tensor]:
    """Shorten several tensors together so that their common norm is at most `clip_norm`.

    Each is multiplied by clip_norm / max(norm, clip_norm); their directions stay. If the norm is not finite, all
    become NaN, so that a failed step shows (Pascanu et al., 2013, "On the difficulty of training recurrent neural
    networks").

    Args:
        tensors: One or more, of any shapes and real float dtypes: mostly gradients.
        clip_norm: The largest norm that is left, above 0.

    Returns:
        The list of tensors, and their norm before: [].

    Raises:
        ValueError: There are no tensors, or clip_norm is not above 0.

    Example:
        >>> clipped, norm = penstock.nn.clip_by_global_norm([[3.0], [4.0]], 1.0)
        >>> clipped, norm
        ([Tensor([0.6], shape=(1,), dtype=float32), Tensor([0.8], shape=(1,), dtype=float32)], Tensor(5., shape=(), dtype=float32))
    """
    _positive("clip_by_global_norm", clip_norm)
    norm = global_norm(tensors)
    scale = clip_norm / ops.maximum(norm, clip_norm)
    scale = ops.where(ops.isfinite(norm), scale, float("nan"))
    return [asarray(tensor) * scale for tensor in tensors], norm


def _positive(name: str, clip_norm: float) -> None:
    if not clip_norm > 0:
        raise InvalidValueError(f"[{name}] got clip_norm={clip_norm}; it must be above 0")
