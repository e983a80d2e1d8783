"""A training step with Adam, of a network that is written once, in every framework that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from harness.workload import Ready, Workload

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Training:
    """What is trained.

    Attributes:
        weights: Makes the arrays to begin with: filters are [height, width, in, out], matrices [in, out].
        batch: Makes inputs, with channels last, and labels.
        loss: Writes the loss with ops, weights by name, inputs and labels.
        places: For matrices behind a flattening, the height, width and channels that their rows stand for.
        depthwise: Names of filters that are [height, width, channels, 1].
        channels_last: Whether PyTorch is faster with its channels last.
    """

    weights: Callable[[], Arrays]
    batch: Callable[[], tuple[np.ndarray, np.ndarray]]
    loss: Callable[..., Any]
    places: Callable[[], dict[str, tuple[int, ...]]] = dict
    depthwise: Callable[[str], bool] = lambda name: False
    channels_last: bool = False

    def penstock(self) -> Ready:
        from networks.in_penstock import train_step

        body, facts = train_step(self.loss, self.weights(), *self.batch())
        return Ready(body, facts=facts)

    def torch(self, compiled: bool = False) -> Ready:
        from networks.in_torch import train_step

        weights = self.weights()
        return Ready(
            train_step(
                self.loss,
                weights,
                *self.batch(),
                places=self.places(),
                depthwise=frozenset(filter(self.depthwise, weights)),
                compiled=compiled,
                channels_last=self.channels_last,
            )
        )

    def tensorflow(self, jit_compile: bool = False) -> Ready:
        from networks.in_tensorflow import train_step

        return Ready(train_step(self.loss, self.weights(), *self.batch(), jit_compile=jit_compile))

    def jax(self) -> Ready:
        from networks.in_jax import train_step

        return Ready(train_step(self.loss, self.weights(), *self.batch()))

    def workload(
        self, name: str, title: str, goal: float, without: frozenset[str] = frozenset()
    ) -> Workload:
        """Make it one line of the table; losses of three steps are compared, which Adam's rounding moves apart."""
        builders = {
            "penstock": self.penstock,
            "torch": self.torch,
            "torch_compile": partial(self.torch, True),
            "tensorflow": self.tensorflow,
            "tensorflow_xla": partial(self.tensorflow, True),
            "jax": self.jax,
        }
        kept = {name: builder for name, builder in builders.items() if name not in without}
        return Workload(name, title, kept, goal, 2e-3, 3, frozenset({"training"}))


class Draw:
    """Draws weights, the same ones in every process."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays: Arrays = {}

    def he(self, name: str, *shape: int) -> None:
        """Draw a filter or matrix of a size that keeps activations at their size."""
        fan_in = np.prod(shape[:-1]) if len(shape) < 4 or shape[-1] > 1 else np.prod(shape[:2])
        scale = np.float32(np.sqrt(2 / fan_in))
        self.arrays[name] = self.rng.standard_normal(shape, np.float32) * scale

    def zeros(self, name: str, *shape: int) -> None:
        """Begin with zeros."""
        self.arrays[name] = np.zeros(shape, np.float32)

    def ones(self, name: str, *shape: int) -> None:
        """Begin with ones."""
        self.arrays[name] = np.ones(shape, np.float32)
