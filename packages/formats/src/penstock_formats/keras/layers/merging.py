"""Layers of several inputs that make one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from penstock import nn, ops
from penstock_formats.keras._problems import damaged
from penstock_formats.keras._registry import layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_PAIRS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "Add": ops.add,
    "Subtract": ops.subtract,
    "Multiply": ops.multiply,
    "Maximum": ops.maximum,
    "Minimum": ops.minimum,
    "Average": ops.add,
}


@layer(*_PAIRS, masking="own")
def _(call: Call, xs: Sequence[Tensor]) -> Tensor:
    _need_list(call, xs)
    most = max(x.ndim for x in xs)
    # Missing axes are added behind the batch.
    wide = [
        ops.reshape(x, (x.shape[0], *[1] * (most - x.ndim), *x.shape[1:])) if x.ndim < most else x
        for x in xs
    ]
    call.out_mask = _both(call)
    y = reduce(_PAIRS[call.class_name], wide)
    return y / float(len(xs)) if call.class_name == "Average" else y


@layer("Concatenate", masking="own")
def _(call: Call, xs: Sequence[Tensor]) -> Tensor:
    _need_list(call, xs)
    axis = call.get("axis", -1)
    if any(mask is not None for mask in call.masks):
        call.out_mask = _concatenated(call.masks, xs, axis)
    return ops.concat(list(xs), axis)


@layer("Dot")
def _(call: Call, xs: Sequence[Tensor]) -> Tensor:
    _need_list(call, xs)
    a, b = xs
    axes = call.get("axes", -1)
    first, second = axes if isinstance(axes, list) else (axes, axes)
    first, second = first % a.ndim, second % b.ndim
    if call.get("normalize", False):
        a, b = nn.l2_normalize(a, first), nn.l2_normalize(b, second)
    letters = iter("cdefghij")
    left = ["a" if axis == 0 else "b" if axis == first else next(letters) for axis in range(a.ndim)]
    right = [
        "a" if axis == 0 else "b" if axis == second else next(letters) for axis in range(b.ndim)
    ]
    out = [letter for letter in [*left, *right[1:]] if letter != "b"]
    y = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)
    return ops.expand_dims(y, 1) if y.ndim == 1 else y


def _need_list(call: Call, xs: object) -> None:
    if not isinstance(xs, list | tuple) or not xs:
        raise damaged(f"{call} is called without a list")


def _both(call: Call) -> Tensor | None:
    """Count a step if it counts in every input."""
    if not call.masks or any(mask is None for mask in call.masks):
        return None
    return reduce(ops.logical_and, [mask for mask in call.masks if mask is not None])


def _concatenated(masks: Sequence[Tensor | None], xs: Sequence[Tensor], axis: int) -> Tensor | None:
    rows = []
    for mask, x in zip(masks, xs, strict=True):
        if mask is None:
            rows.append(ops.ones(x.shape, "bool"))
        elif mask.ndim < x.ndim:
            shape = (*mask.shape, *[1] * (x.ndim - mask.ndim))
            rows.append(ops.broadcast_to(ops.reshape(mask, shape), x.shape))
        else:
            rows.append(mask)
    return ops.all(ops.concat(rows, axis), -1)
