"""`keras.random`: tensors of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.random import draws

Size = Sequence[int]


def _float(where: str, dtype: Any) -> str:
    """Return the name of a float dtype, or of the default one.

    Raises:
        TypeError: It is no float dtype.
    """
    made = ps.dtypes.as_dtype(dtype or config.floatx())
    if made.kind != "float":
        raise InvalidTypeError(f"[{where}] got dtype={made.name!r}; use a float dtype")
    return made.name


def uniform(
    shape: Size, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw evenly from [minval, maxval).

    Args:
        shape: The shape of the result.
        minval: The lower end.
        maxval: The upper end, which is never drawn.
        dtype: A float dtype; by default `config.floatx()`.
        seed: A number, which gives the same numbers at every call; a `SeedGenerator`, which goes on; or None.

    Returns:
        `shape`, of `dtype`.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> x = keras.random.uniform((3,), seed=1)
    >>> bool(keras.ops.all(x == keras.random.uniform((3,), seed=1)))
    True
    """
    name = _float("uniform", dtype)
    plain = all(isinstance(end, int | float) for end in (minval, maxval))
    if plain:
        return draws.uniform(shape, float(minval), float(maxval), seed, name)
    low, high = (ps.cast(ps.asarray(end), name) for end in (minval, maxval))
    return low + (high - low) * draws.uniform(shape, seed=seed, dtype=name)


def normal(
    shape: Size, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw from the normal distribution.

    Args:
        shape: The shape of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: A float dtype; by default `config.floatx()`.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> keras.random.normal((2, 3), seed=1).shape
    (2, 3)
    """
    name = _float("normal", dtype)
    if isinstance(mean, int | float) and isinstance(stddev, int | float):
        return draws.normal(shape, float(mean), float(stddev), seed, name)
    return ps.cast(mean, name) + ps.cast(stddev, name) * draws.normal(shape, seed=seed, dtype=name)


def truncated_normal(
    shape: Size, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw from the normal distribution, but nothing further from the mean than two standard deviations.

    Args:
        shape: The shape of the result.
        mean: The mean of the distribution before it is cut.
        stddev: Its standard deviation.
        dtype: A float dtype; by default `config.floatx()`.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> bool(keras.ops.all(keras.ops.abs(keras.random.truncated_normal((99,), seed=1)) <= 2))
    True
    """
    name = _float("truncated_normal", dtype)
    wide = name if name == "float64" else "float32"
    half = 0.9544997361036416  # the part of the distribution that is left
    at = draws.uniform(shape, seed=seed, dtype=wide) * half + (1 - half) / 2
    z = ps.erfinv(ps.clip(2 * at - 1, -half, half)) * 2**0.5
    return ps.cast(ps.clip(z, -2.0, 2.0) * stddev + mean, name)


def randint(shape: Size, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draw whole numbers evenly from minval, ..., maxval - 1.

    Args:
        shape: The shape of the result.
        minval: The least number.
        maxval: One more than the largest.
        dtype: A whole dtype.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`.

    Raises:
        TypeError: `dtype` is a float dtype.
        ValueError: There is no number in the range.

    >>> from penstock import keras
    >>> bool(keras.ops.all(keras.random.randint((9,), 2, 4, seed=1) < 4))
    True
    """
    name = ps.dtypes.as_dtype(dtype).name
    if ps.dtypes.as_dtype(dtype).kind not in ("signed", "unsigned"):
        raise InvalidTypeError(f"[randint] got dtype={name!r}; use a whole dtype, such as 'int32'")
    if isinstance(minval, int) and isinstance(maxval, int) and minval >= maxval:
        raise InvalidValueError(
            f"[randint] got minval={minval} and maxval={maxval}; use a maxval above minval"
        )
    low, high = (ps.cast(ps.asarray(end), "int64") for end in (minval, maxval))
    span = ps.cast(high - low, "float64")
    steps = ps.floor(draws.uniform(shape, seed=seed, dtype="float64") * span)
    return ps.cast(low + ps.cast(ps.minimum(steps, span - 1), "int64"), name)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draw classes, each with the probability that softmax(logits) gives it.

    Args:
        logits: [batch, classes].
        num_samples: How many to draw of each row.
        dtype: A whole dtype.
        seed: As for `uniform`.

    Returns:
        [batch, num_samples], of `dtype`.

    Raises:
        ValueError: `logits` has not two axes.

    >>> from penstock import keras
    >>> keras.random.categorical([[-1e9, 0.0]], 3, seed=1).tolist()
    [[1, 1, 1]]
    """
    x = ps.asarray(logits)
    if x.ndim != 2:
        raise InvalidValueError(
            f"[categorical] got logits of shape {tuple(x.shape)}; give [batch, classes]"
        )
    x = ps.cast(x, "float32") if x.dtype != "float64" else x
    shape = (x.shape[0], num_samples, x.shape[1])
    u = draws.uniform(shape, seed=seed, dtype="float64")
    gumbel = -ps.log(-ps.log(ps.maximum(u, 1e-300)))
    return ps.cast(ps.argmax(ps.expand_dims(x, axis=1) + ps.cast(gumbel, x.dtype), axis=-1), dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Put the slices of an axis into another order.

    Args:
        x: [...].
        axis: Which axis.
        seed: As for `uniform`.

    Returns:
        The shape and dtype of x.

    >>> from penstock import keras
    >>> sorted(keras.random.shuffle([1, 2, 3], seed=1).tolist())
    [1, 2, 3]
    """
    t = ps.asarray(x)
    order = ps.argsort(draws.uniform((t.shape[axis],), seed=seed, dtype="float64"))
    return ps.gather(t, order, axis=axis)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Set a part of the numbers to 0, and scale the others so that the sum is expected to stay.

    Args:
        inputs: [...], a float dtype.
        rate: Which part, from 0 to 1.
        noise_shape: The shape in which is drawn what stays; it is broadcast.
        seed: As for `uniform`.

    Returns:
        The shape and dtype of the inputs.

    Raises:
        ValueError: `rate` is not between 0 and 1.

    >>> from penstock import keras
    >>> sorted(set(keras.random.dropout(keras.ops.ones((99,)), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise InvalidValueError(f"[dropout] got rate={rate}; use a number from 0 to 1")
    x = ps.asarray(inputs)
    if rate in (0, 1):
        return x if not rate else ps.zeros_like(x)
    shape = None
    if noise_shape is not None:
        shape = [n if m is None else m for n, m in zip(x.shape, noise_shape, strict=True)]
    return draws.drop(x, rate, shape, seed)


def gamma(shape: Size, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draw from the gamma distribution with a given shape parameter, and scale 1.

    Args:
        shape: The shape of the result.
        alpha: The parameter: a number, or what broadcasts to `shape`.
        dtype: A float dtype; by default `config.floatx()`.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> bool(keras.ops.all(keras.random.gamma((9,), 2.0, seed=1) > 0))
    True
    """
    name = _float("gamma", dtype)
    return ps.cast(_gamma(shape, alpha, draws.key_of(seed)), name)


def _gamma(shape: Size, alpha: Any, key: Any) -> Any:
    """Draw by the method of Marsaglia and Tsang; what it refuses is drawn again."""
    shape = tuple(shape)
    alpha = ps.broadcast_to(ps.cast(ps.asarray(alpha), "float64"), shape)
    small = alpha < 1
    d = ps.where(small, alpha + 1, alpha) - 1 / 3
    c = 1 / ps.sqrt(9 * d)

    def step(turn: Any, found: Any, made: Any) -> tuple[Any, Any, Any]:
        here = key + ps.stack([ps.zeros_like(turn), turn * 3 + 1])
        one = ps.asarray([0, 1], dtype="uint32")
        x = draws.normal(shape, seed=here, dtype="float64")
        u = ps.maximum(draws.uniform(shape, seed=here + one, dtype="float64"), 1e-300)
        v = (1 + c * x) ** 3
        safe = ps.where(v > 0, v, ps.ones_like(v))
        good = (v > 0) & (ps.log(u) < 0.5 * x * x + d - d * safe + d * ps.log(safe))
        return turn + 1, found | good, ps.where(found, made, ps.where(good, d * safe, made))

    first = (ps.asarray(0, dtype="uint32"), ps.zeros(shape, "bool"), ps.ones(shape, "float64"))
    made = ps.while_loop(lambda turn, found, made: ~ps.all(found), step, first)[2]
    boost = ps.maximum(draws.uniform(shape, seed=key, dtype="float64"), 1e-300)
    return ps.where(small, made * boost ** (1 / ps.maximum(alpha, 1e-300)), made)


def beta(shape: Size, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draw from the beta distribution.

    Args:
        shape: The shape of the result.
        alpha: A number above 0, or what broadcasts to `shape`.
        beta: Another.
        dtype: A float dtype; by default `config.floatx()`.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`, numbers between 0 and 1.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> bool(keras.ops.all(keras.random.beta((9,), 2.0, 3.0, seed=1) < 1))
    True
    """
    name, key = _float("beta", dtype), draws.key_of(seed)
    a = _gamma(shape, alpha, key)
    b = _gamma(shape, beta, key + ps.asarray([0x9E3779B9, 0], dtype="uint32"))
    return ps.cast(a / (a + b), name)


def binomial(
    shape: Size, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """Draw how many of some trials succeed.

    Args:
        shape: The shape of the result.
        counts: How many trials: a number, or what broadcasts to `shape`.
        probabilities: With which probability each succeeds, in the same way.
        dtype: A float dtype; by default `config.floatx()`.
        seed: As for `uniform`.

    Returns:
        `shape`, of `dtype`, whole numbers.

    Raises:
        TypeError: `dtype` is no float dtype.

    >>> from penstock import keras
    >>> bool(keras.ops.all(keras.random.binomial((9,), 5, 0.5, seed=1) <= 5))
    True
    """
    name, shape = _float("binomial", dtype), tuple(shape)
    n = ps.broadcast_to(ps.cast(ps.asarray(counts), "float64"), shape)
    p = ps.broadcast_to(ps.cast(ps.asarray(probabilities), "float64"), shape)
    return ps.cast(_binomial(n, p, draws.key_of(seed)), name)


def _binomial(n: Any, p: Any, key: Any) -> Any:
    """Draw by counting how many pauses between successes fit into the trials."""
    swap = p > 0.5
    rare = ps.clip(ps.where(swap, 1 - p, p), 1e-300, 0.5)
    slope = ps.log1p(-rare)

    def step(turn: Any, at: Any, made: Any) -> tuple[Any, Any, Any]:
        here = key + ps.stack([ps.zeros_like(turn), turn + 1])
        u = ps.maximum(draws.uniform(n.shape, seed=here, dtype="float64"), 1e-300)
        at = at + ps.floor(ps.log(u) / slope) + 1  # the place of the next success
        return turn + 1, at, made + ps.cast(at <= n, "float64")

    first = (ps.asarray(0, dtype="uint32"), ps.zeros_like(n), ps.zeros_like(n))
    made = ps.while_loop(lambda turn, at, made: ps.any(at <= n), step, first)[2]
    return ps.where(swap, n - made, made)
