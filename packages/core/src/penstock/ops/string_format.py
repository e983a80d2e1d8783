"""Text made of tensors by a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def format(template: str, inputs: Sequence[TensorLike], *, placeholder: str = "{}") -> Tensor:
    """Put tensors into a template, element by element.

    Args:
        template: Text with a placeholder for each tensor.
        inputs: [...] each, of any dtype; the shapes broadcast. Numbers are written as `as_string` writes them.
        placeholder: What stands for a tensor.

    Returns:
        The broadcast shape, string.

    Raises:
        ValueError: There are other placeholders than tensors, none at all, or the shapes do not broadcast.

    Example:
        >>> penstock.strings.format("{} is {}", [["Ann", "Bob"], [31, 25]]).tolist()
        [b'Ann is 31', b'Bob is 25']
    """
    if not placeholder:
        raise InvalidValueError("[format] got an empty placeholder; use text such as '{}'")
    parts = template.split(placeholder)
    if len(parts) != len(inputs) + 1 or not inputs:
        raise InvalidValueError(
            f"[format] got {len(parts) - 1} placeholders {placeholder!r} and {len(inputs)} tensors; give one "
            "placeholder for each tensor, and one or more of both"
        )
    pieces: list[TensorLike] = [parts[0]]
    for tensor, text in zip(map(asarray, inputs), parts[1:], strict=True):
        pieces += [tensor if tensor.dtype == "string" else ops.as_string(tensor), text]
    return ops.string_join(pieces)
