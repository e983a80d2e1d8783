"""Seeds: the numbers that begin a stream of random numbers."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import context
from penstock_keras_api.naming import auto_name
from penstock_keras_api.variable import Variable


class SeedGenerator:
    """Give a new seed at every call, as part of a model's state.

    The state is a variable, so that in a graph every run gives another seed too, and whoever saves the variable can
    go on where it stood.

    Args:
        seed: Where the stream begins; None draws a number.
        name: A name.

    Raises:
        ValueError: The seed is no whole number of at least 0.

    >>> from penstock import keras
    >>> a, b = keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)
    >>> a.next().tolist() == b.next().tolist()
    True
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        self._initial_seed = seed
        number = make_default_seed() if seed is None else seed
        if int(number) != number or number < 0:
            raise InvalidValueError(
                f"[SeedGenerator] got seed={seed!r}; use a whole number of at least 0"
            )
        self.name = name or auto_name("seed_generator")
        with context.scope(self.name):
            self.state = Variable(
                np.array([number % 2**32, 0], np.uint32),
                dtype="uint32",
                trainable=False,
                name="seed_generator_state",
            )
        self.state.is_seed = True  # type: ignore[attr-defined]

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, two numbers, and go on."""
        now = self.state.value
        step = ps.asarray(np.array([0, 1], np.uint32))
        self.state.assign(now + step)
        return now

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal generator of."""
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator of what `get_config` returned."""
        return cls(**config)


def make_default_seed() -> int:
    """Return a random seed, which `set_random_seed` makes repeatable."""
    return python_random.randint(1, 10**9)


def draw_seed(seed: Any) -> int:
    """Make one number of a seed: of a number, a generator, or None."""
    if isinstance(seed, SeedGenerator):
        key, count = (int(n) for n in seed.next().numpy())
        return (key * 2654435761 + count) % 2**63
    return make_default_seed() if seed is None else int(seed)
