"""Random tensors. Philox makes them, so a seed gives the same numbers on every device.

penstock.random.set_seed(7)
x = penstock.random.normal((2, 3))
"""

from __future__ import annotations

import operator

from penstock import _native
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.ops import bernoulli, keyed_normal, keyed_uniform
from penstock.ops import random_categorical as categorical
from penstock.ops import random_integers as randint
from penstock.ops import random_normal as normal
from penstock.ops import random_uniform as uniform
from penstock.ops.distributions import (
    beta,
    binomial,
    dirichlet,
    exponential,
    gamma,
    gumbel,
    laplace,
    permutation,
    poisson,
    shuffle,
    truncated_normal,
)

__all__ = [
    "bernoulli",
    "beta",
    "binomial",
    "categorical",
    "dirichlet",
    "exponential",
    "gamma",
    "gumbel",
    "keyed_normal",
    "keyed_uniform",
    "laplace",
    "normal",
    "permutation",
    "poisson",
    "randint",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def set_seed(seed: int) -> None:
    """Begin the process-wide stream of random numbers anew.

    Args:
        seed: A whole number from 0 to 2**64 - 1; equal seeds give equal streams.

    Returns:
        Nothing.

    Raises:
        TypeError: The seed is not a whole number.
        ValueError: The seed is out of range.

    Example:
        >>> penstock.random.set_seed(7)
        >>> first = penstock.random.uniform((2,))
        >>> penstock.random.set_seed(7)
        >>> bool(penstock.all(penstock.random.uniform((2,)) == first))
        True
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise InvalidTypeError(
            f"[set_seed] got {type(seed).__name__}; a seed is a whole number: use an int"
        ) from None
    if not 0 <= number < 2**64:
        raise InvalidValueError(
            f"[set_seed] got {number}; a seed is a whole number from 0 to 2**64 - 1: use seed % 2**64"
        )
    _native.set_seed(number)
