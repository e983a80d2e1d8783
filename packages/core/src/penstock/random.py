"""Random tensors. Philox makes them, so a seed gives the same numbers on every device.

penstock.random.set_seed(7)
x = penstock.random.normal((2, 3))
"""

from __future__ import annotations

from penstock import _native
from penstock.ops import bernoulli
from penstock.ops import random_normal as normal
from penstock.ops import random_uniform as uniform

__all__ = ["bernoulli", "normal", "set_seed", "uniform"]


def set_seed(seed: int) -> None:
    """Begin the process-wide stream of random numbers anew.

    Args:
        seed: Any whole number; equal seeds give equal streams.

    Returns:
        Nothing.

    Raises:
        TypeError: The seed is not a whole number.

    Example:
        >>> penstock.random.set_seed(7)
        >>> first = penstock.random.uniform((2,))
        >>> penstock.random.set_seed(7)
        >>> bool(penstock.all(penstock.random.uniform((2,)) == first))
        True
    """
    _native.set_seed(seed)
