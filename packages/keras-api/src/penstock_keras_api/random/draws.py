"""Random tensors of keys, which graphs can compute: what layers and `keras.random` draw with."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock_keras_api.random.seed import SeedGenerator

_shared: Final[list[SeedGenerator]] = []


def shared_generator() -> SeedGenerator:
    """Return the generator of the whole program, for what is drawn without a seed."""
    if not _shared:
        with ps.graph.eagerly():
            _shared.append(SeedGenerator(name="global_seed_generator"))
    return _shared[0]


def forget_shared_generator() -> None:
    """Let the next `shared_generator` begin anew."""
    _shared.clear()


def key_of(seed: Any) -> Any:
    """Return the key that a seed stands for.

    Args:
        seed: A number; a generator, which then goes on; None for the program's generator; or two numbers as a tensor.

    Returns:
        [2], uint32.
    """
    if seed is None:
        seed = shared_generator()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, int | np.integer):
        return ps.asarray(np.array([int(seed) % 2**32, int(seed) >> 32 & 0xFFFFFFFF], np.uint32))
    return ps.cast(ps.asarray(seed), "uint32")


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, seed: Any = None, dtype: Any = "float32"
) -> Any:
    """Draw evenly from [minval, maxval); see `key_of` for the seed."""
    return ps.random.keyed_uniform(key_of(seed), tuple(shape), minval, maxval, dtype=dtype)


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, seed: Any = None, dtype: Any = "float32"
) -> Any:
    """Draw from the normal distribution; see `key_of` for the seed."""
    return ps.random.keyed_normal(key_of(seed), tuple(shape), mean, stddev, dtype=dtype)


def drop(x: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Set elements to zero with a probability below 1, and scale the others; see `key_of` for the seed."""
    keep = uniform(x.shape if noise_shape is None else noise_shape, seed=seed) >= rate
    if noise_shape is not None:
        keep = ps.broadcast_to(keep, x.shape)
    return ps.where(keep, x * (1.0 / (1.0 - rate)), 0.0)
