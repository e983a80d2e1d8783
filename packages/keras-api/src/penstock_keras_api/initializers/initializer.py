"""What initializers share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self


class Initializer:
    """Make the first value of a variable.

    Subclasses write `__call__(shape, dtype)`, and `get_config` for their arguments.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        raise NotImplementedError(f"{type(self).__name__} has no method __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an initializer of what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Self:
        """Return an equal initializer."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        facts = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"<{type(self).__name__} {facts}>" if facts else f"<{type(self).__name__}>"


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Count how many numbers go into an output, and come out of an input, of weights of a shape.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    shape = tuple(shape)
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field
