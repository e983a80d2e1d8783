"""`keras.ops.rearrange`: reshaping and transposing, told by names of axes."""

from __future__ import annotations

import re
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.ops.table import tensor as _t

Group = list[str]


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Split, order and join axes: "b h w c -> b (h w) c".

    Args:
        tensor: [...].
        pattern: Names of its axes, an arrow, and names of the result's; joined axes stand in brackets, `...` for any
            others, 1 for an axis of size 1.
        axes_lengths: Sizes of axes that the tensor does not tell.

    Returns:
        The same numbers in another order.

    Raises:
        ValueError: The pattern does not fit the tensor.

    >>> from penstock import keras
    >>> keras.ops.rearrange(keras.ops.ones((2, 3, 4)), "b h w -> (b w) h").shape
    (8, 3)
    """
    x = _t(tensor)
    left, right = _read(pattern)
    others = [f"...{n}" for n in range(x.ndim - sum(1 for group in left if group != ["..."]))]
    left, right = _spread(left, others), _spread(right, others)
    if len(left) != x.ndim:
        raise InvalidValueError(
            f"[rearrange] got the pattern {pattern!r} for shape {tuple(x.shape)}; name its {x.ndim} axes on the left"
        )
    sizes = _sizes(left, x.shape, axes_lengths, pattern)
    names = [name for group in left for name in group]
    wanted = [name for group in right for name in group]
    if sorted(n for n in names if n != "1") != sorted(n for n in wanted if n != "1"):
        raise InvalidValueError(
            f"[rearrange] got the pattern {pattern!r}; name the same axes on both sides, each once"
        )
    kept = [name for name in names if name != "1"]
    x = ps.reshape(x, [sizes[name] for name in kept])
    x = ps.permute_dims(x, tuple(kept.index(name) for name in wanted if name != "1"))
    return ps.reshape(x, [_product(group, sizes) for group in right])


def _read(pattern: str) -> tuple[list[Group], list[Group]]:
    sides = pattern.split("->")
    made = []
    for side in sides:
        groups = re.findall(r"\(([^()]*)\)|(\.\.\.|\w+)", side)
        if re.sub(r"\([^()]*\)|\.\.\.|\w+|\s", "", side) or len(sides) != 2:
            raise InvalidValueError(
                f"[rearrange] got the pattern {pattern!r}; write it as 'a b c -> c (a b)'"
            )
        made.append([inner.split() if not name else [name] for inner, name in groups])
    return made[0], made[1]


def _spread(groups: list[Group], others: Group) -> list[Group]:
    """Put names in place of three dots."""
    made: list[Group] = []
    for group in groups:
        if group == ["..."]:
            made += [[name] for name in others]
        else:
            made.append([m for name in group for m in (others if name == "..." else [name])])
    return made


def _sizes(left: list[Group], shape: Any, given: dict[str, int], pattern: str) -> dict[str, Any]:
    sizes: dict[str, Any] = {**given, "1": 1}
    for group, size in zip(left, shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        known: Any = 1
        for name in group:
            known = known * sizes.get(name, 1)
        if len(unknown) > 1 or (unknown and isinstance(size, int) and size % known):
            raise InvalidValueError(
                f"[rearrange] cannot split size {size} into ({' '.join(group)}) of {pattern!r}; give sizes that divide "
                f"it by name, such as {unknown[0]}=2"
            )
        if not unknown and isinstance(size, int) and size != known:
            raise InvalidValueError(
                f"[rearrange] ({' '.join(group)}) of {pattern!r} has {known} elements, the axis has {size}; give other "
                "sizes"
            )
        for name in unknown:
            sizes[name] = size // known
    return sizes


def _product(group: Group, sizes: dict[str, Any]) -> Any:
    made: Any = 1
    for name in group:
        made = made * sizes[name]
    return made
