"""Positions as angles, by which queries and keys are turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import DTypeError, ShapeError
from penstock.ops._attention_gradients import numbers
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def rotary_embedding(
    x: TensorLike, positions: TensorLike | None = None, *, base: float = 10000.0
) -> Tensor:
    """Turn queries or keys by their positions, so that their product depends on how far apart they are.

    The halves of the last axis are the parts of depth / 2 complex numbers; number i is turned by the angle
    position · base^(-2i / depth).

    Args:
        x: [..., length, depth], a float dtype; depth is even.
        positions: What broadcasts to [..., length]; None counts from 0.
        base: How slowly the last numbers turn.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: x has fewer than 2 axes, or its depth is odd.
        TypeError: x is not of a float dtype.

    Example:
        >>> penstock.nn.rotary_embedding([[1.0, 0.0], [1.0, 0.0]])
        Tensor([[1.        , 0.        ],
                [0.5403023 , 0.84147096]], shape=(2, 2), dtype=float32)

    Source:
        Su et al., 2021, "RoFormer: enhanced transformer with rotary position embedding".
        https://arxiv.org/abs/2104.09864
    """
    x = asarray(x)
    if x.ndim < 2 or int(x.shape[-1]) % 2:
        raise ShapeError(
            f"[rotary_embedding] x has shape {x.shape}; expected [..., length, depth] with an even depth; pad it"
        )
    if x.dtype.kind != "float":
        raise DTypeError(
            f"[rotary_embedding] x is {x.dtype.name}; expected a float dtype; convert it: x.astype(penstock.float32)"
        )
    half = int(x.shape[-1]) // 2
    where = numbers(x.shape[-2]) if positions is None else asarray(positions)
    turns = asarray([base ** (-i / half) for i in range(half)], dtype="float64")
    angles = (
        ops.expand_dims(ops.cast(where, "float64"), -1) * turns
    )  # float32 would blur far positions
    sin, cos = (ops.cast(f(angles), x.dtype) for f in (ops.sin, ops.cos))
    real, imaginary = x[..., :half], x[..., half:]
    return ops.concat([real * cos - imaginary * sin, real * sin + imaginary * cos], axis=-1)
