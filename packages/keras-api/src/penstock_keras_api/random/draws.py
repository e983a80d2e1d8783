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


def seed_shared_generator(seed: int) -> None:
    """Let the program's generator begin at a seed; functions that were compiled with it follow.

    Args:
        seed: A whole number of at least 0.
    """
    with ps.graph.eagerly():
        if _shared:
            _shared[0].state.assign(np.array([seed % 2**32, 0], np.uint32))
        else:  # with its seed, or it would draw one, and move Python's generator
            _shared.append(SeedGenerator(seed, name="global_seed_generator"))


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


_TRIES: Final = 12  # of which each fails with a probability below 0.05


def gamma(shape: Any, alpha: float, seed: Any = None) -> Any:
    """Draw from the gamma distribution with scale 1, also in graphs; see `key_of` for the seed.

    Args:
        shape: The sizes of the result.
        alpha: The shape parameter, above 0.
        seed: A seed.

    Returns:
        `shape`, float32.

    Source:
        Marsaglia and Tsang, 2000, "A simple method for generating gamma variables": the first of some tries that
        succeeds, all of them at once.
    """
    key = key_of(seed)
    more = alpha + 1.0 if alpha < 1.0 else alpha
    d = more - 1.0 / 3.0
    x = normal((*shape, _TRIES), seed=key)
    u = uniform((*shape, _TRIES), seed=other_key(key, 1))
    v = (1.0 + x / (9.0 * d) ** 0.5) ** 3
    positive = ps.maximum(v, 1e-30)
    fits = (v > 0) & (ps.log(u + 1e-30) < 0.5 * x * x + d - d * v + d * ps.log(positive))
    first = ps.argmax(ps.cast(fits, "int32"), axis=-1)
    drawn = d * ps.squeeze(ps.take_along_axis(positive, ps.expand_dims(first, -1), axis=-1), -1)
    if alpha < 1.0:
        drawn = drawn * uniform(shape, seed=other_key(key, 2)) ** (1.0 / alpha)
    return drawn


def beta(shape: Any, a: float, b: float, seed: Any = None) -> Any:
    """Draw from the beta distribution, also in graphs; see `key_of` for the seed."""
    key = key_of(seed)
    first = gamma(shape, a, other_key(key, 3))
    second = gamma(shape, b, other_key(key, 4))
    return (first + 1e-30) / (first + second + 2e-30)


def other_key(key: Any, number: int) -> Any:
    """Return another key, for what draws several times of one."""
    return key + ps.asarray(np.array([number * 0x9E3779B9 % 2**32, number], np.uint32))
