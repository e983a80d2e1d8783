"""Initializers that draw random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.initializers.initializer import Initializer, compute_fans
from penstock_keras_api.random.seed import SeedGenerator, draw_seed, make_default_seed


class RandomInitializer(Initializer):
    """Draw random numbers; the same ones for the same seed.

    Args:
        seed: A number, or a `SeedGenerator`; None draws a number when the initializer is made.
    """

    def __init__(self, seed: Any = None) -> None:
        self._init_seed = seed
        self.seed = make_default_seed() if seed is None else seed

    def _number(self) -> int:
        return draw_seed(self.seed) if isinstance(self.seed, SeedGenerator) else int(self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        seed = self._init_seed
        return {"seed": seed.get_config() if isinstance(seed, SeedGenerator) else seed}


class RandomNormal(RandomInitializer):
    """Draw from a normal distribution.

    Args:
        mean: Its mean.
        stddev: Its standard deviation.
        seed: As in `RandomInitializer`.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        return _drawn(ps.random.normal, shape, dtype, self._number(), self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Draw from a normal distribution, again where a number is more than two standard deviations away.

    Args:
        mean: Its mean.
        stddev: Its standard deviation, before numbers are left out.
        seed: As in `RandomInitializer`.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        draw = ps.random.truncated_normal
        return _drawn(draw, shape, dtype, self._number(), self.mean, self.stddev)


class RandomUniform(RandomInitializer):
    """Draw evenly between two numbers.

    Args:
        minval: The lower one.
        maxval: The upper one.
        seed: As in `RandomInitializer`.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        return _drawn(ps.random.uniform, shape, dtype, self._number(), self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(RandomInitializer):
    """Draw numbers whose variance fits the shape: scale / n.

    Args:
        scale: A positive number.
        mode: What n counts: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: As in `RandomInitializer`.
        input_axes: The axes of the weights that count inputs; by default all but the last.
        output_axes: Those that count outputs; by default all but the one before the last.

    Raises:
        ValueError: An argument is none of these.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        name = type(self).__name__
        if scale <= 0:
            raise InvalidValueError(f"[{name}] got scale={scale}; use a positive number")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise InvalidValueError(
                f"[{name}] got mode={mode!r}; use 'fan_in', 'fan_out' or 'fan_avg'"
            )
        distribution = "truncated_normal" if distribution == "normal" else distribution.lower()
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise InvalidValueError(
                f"[{name}] got distribution={distribution!r}; use 'truncated_normal', 'untruncated_normal' or 'uniform'"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        fan_in, fan_out = self._fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _drawn(ps.random.uniform, shape, dtype, self._number(), -limit, limit)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return _drawn(ps.random.normal, shape, dtype, self._number(), 0.0, stddev)
        stddev /= 0.87962566103423978  # of what is left of a normal distribution between -2 and 2
        return _drawn(ps.random.truncated_normal, shape, dtype, self._number(), 0.0, stddev)

    def _fans(self, shape: Sequence[int]) -> tuple[int, int]:
        if self.input_axes is None or self.output_axes is None:
            return compute_fans(shape)
        return (
            math.prod(shape[axis] for axis in self.input_axes),
            math.prod(shape[axis] for axis in self.output_axes),
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def _scaling(
    name: str, scale: float, mode: str, distribution: str, source: str
) -> type[VarianceScaling]:
    """Make one of the named forms of `VarianceScaling`, which takes a seed and axes."""

    def init(
        self: VarianceScaling,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self: VarianceScaling) -> dict[str, Any]:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**RandomInitializer.get_config(self), **axes}

    text = f"""Draw numbers of variance {scale:g} / {mode}, {distribution.replace("_", " ")}.

    Args:
        seed: As in `RandomInitializer`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Source:
        {source}
    """
    members = {"__init__": init, "get_config": get_config, "__doc__": text, "__module__": __name__}
    return type(name, (VarianceScaling,), members)


_GLOROT = "Glorot and Bengio, 2010, Understanding the difficulty of training deep feedforward neural networks."
_HE = "He et al., 2015, Delving deep into rectifiers."
_LECUN = "Klambauer et al., 2017, Self-normalizing neural networks."
GlorotUniform = _scaling("GlorotUniform", 1.0, "fan_avg", "uniform", _GLOROT)
GlorotNormal = _scaling("GlorotNormal", 1.0, "fan_avg", "truncated_normal", _GLOROT)
HeUniform = _scaling("HeUniform", 2.0, "fan_in", "uniform", _HE)
HeNormal = _scaling("HeNormal", 2.0, "fan_in", "truncated_normal", _HE)
LecunUniform = _scaling("LecunUniform", 1.0, "fan_in", "uniform", _LECUN)
LecunNormal = _scaling("LecunNormal", 1.0, "fan_in", "truncated_normal", _LECUN)


class Orthogonal(RandomInitializer):
    """Make a matrix with orthogonal rows or columns, whichever are fewer.

    Args:
        gain: What it is multiplied by.
        seed: As in `RandomInitializer`.

    Source:
        Saxe et al., 2014, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape; its leading axes are seen as one.

        Raises:
            ValueError: The shape has fewer than two axes.
        """
        if len(shape) < 2:
            raise ShapeError(f"[Orthogonal] got shape {tuple(shape)}; it needs at least two axes")
        rows, cols = math.prod(shape[:-1]), shape[-1]
        drawn = ps.random.normal((max(rows, cols), min(rows, cols)), seed=self._number())
        q, r = np.linalg.qr(drawn.numpy().astype(np.float64))
        q *= np.sign(np.diag(r))
        made = self.gain * (q.T if rows < cols else q)
        return ps.cast(ps.asarray(made.reshape(tuple(shape))), dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {"gain": self.gain, **super().get_config()}


def _drawn(draw: Any, shape: Sequence[int], dtype: Any, seed: int, *args: float) -> Any:
    name = ps.dtypes.as_dtype(dtype or config.floatx()).name
    return ps.cast(draw(tuple(shape), *args, dtype="float32", seed=seed), name)
