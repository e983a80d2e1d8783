"""Initializers that draw nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.initializers.initializer import Initializer


class Constant(Initializer):
    """Fill with a number, or with given numbers.

    Args:
        value: A number, or an array that broadcasts to the shape.
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        value = np.broadcast_to(np.asarray(self.value), tuple(shape))
        return ps.cast(ps.asarray(value), dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {"value": self.value}


class Zeros(Initializer):
    """Fill with zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        return ps.zeros(tuple(shape), dtype or config.floatx())


class Ones(Initializer):
    """Fill with ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of a shape."""
        return ps.ones(tuple(shape), dtype or config.floatx())


class Identity(Initializer):
    """Make an identity matrix.

    Args:
        gain: What it is multiplied by.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a matrix.

        Raises:
            ValueError: The shape has not two axes.
        """
        if len(shape) != 2:
            raise ShapeError(f"[Identity] got shape {tuple(shape)}; it makes matrices only")
        return ps.eye(shape[0], shape[1], dtype=dtype or config.floatx()) * self.gain

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {"gain": self.gain}


class STFT(Initializer):
    """Make the windows of a short-time Fourier transform, as kernels of a convolution.

    Args:
        side: "real" or "imag".
        window: A name of a window, such as "hann", an array, or None.
        scaling: "density", "spectrum" or None.
        periodic: Whether the window is made for a periodic signal.

    Raises:
        ValueError: The side or the scaling is none of these.
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag"):
            raise InvalidValueError(f"[STFT] got side={side!r}; use 'real' or 'imag'")
        if scaling not in ("density", "spectrum", None):
            raise InvalidValueError(
                f"[STFT] got scaling={scaling!r}; use 'density', 'spectrum' or None"
            )
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return kernels [frame length, 1, frequencies]."""
        length, _, bins = shape
        size = 2 * (bins - 1)
        angles = 2 * np.pi / size * np.arange(bins)[:, None] * np.arange(length)[None]
        waves = np.cos(angles) if self.side == "real" else np.sin(angles)
        window = self._window(length)
        scale = 1.0
        if self.scaling == "density":
            scale = 1 / np.sqrt((window**2).sum())
        elif self.scaling == "spectrum":
            scale = 1 / abs(window.sum())
        made = (waves * window * scale).T[:, None, :]
        return ps.cast(ps.asarray(made), dtype or config.floatx())

    def _window(self, length: int) -> np.ndarray[Any, Any]:
        if self.window is None:
            return np.ones(length)
        if not isinstance(self.window, str):
            return np.asarray(self.window, np.float64)
        return np.asarray(
            getattr(ps.signal, f"{self.window}_window")(length, periodic=self.periodic).numpy()
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal initializer of."""
        return {
            "side": self.side,
            "window": self.window,
            "periodic": self.periodic,
            "scaling": self.scaling,
        }
