"""A training step with Adam, of a network that is written once, in every framework that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks.layouts import Arrays


@dataclass(frozen=True)
class Training:
    """What is trained.

    Attributes:
        weights: Makes the arrays to begin with: filters are [height, width, in, out], matrices [in, out].
        batch: Makes inputs, with channels last, and labels.
        loss: Writes the loss with ops, weights by name, inputs and labels.
        places: For matrices behind a flattening, the height, width and channels that their rows stand for.
        depthwise: Names of filters that are [height, width, channels, 1].
    """

    weights: Callable[[], Arrays]
    batch: Callable[[], tuple[np.ndarray, np.ndarray]]
    loss: Callable[..., Any]
    places: Callable[[], dict[str, tuple[int, ...]]] = dict
    depthwise: Callable[[str], bool] = lambda name: False

    def penstock(self) -> Ready:
        from networks.in_penstock import train_step

        body, memory = train_step(self.loss, self.weights(), *self.batch())
        return Ready(body, memory=memory)

    def torch(self, compiled: bool = False) -> Ready:
        from networks.in_torch import given, tensors, train_step

        start = self.weights()
        depthwise = frozenset(filter(self.depthwise, start))
        weights = tensors(start, self.places(), depthwise)
        x, labels = self.batch()
        return Ready(train_step(self.loss, weights, given(x), labels, compiled))

    def tensorflow(self, jit_compile: bool = False) -> Ready:
        from networks.in_tensorflow import train_step

        return Ready(train_step(self.loss, self.weights(), *self.batch(), jit_compile=jit_compile))

    def jax(self) -> Ready:
        from networks.in_jax import train_step

        return Ready(train_step(self.loss, self.weights(), *self.batch()))

    def workload(
        self,
        name: str,
        title: str,
        goal: float,
        *tags: str,
        without: frozenset[str] = frozenset(),
        tolerance: float = 2e-3,
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
        return Workload(name, title, kept, goal, tolerance, 3, frozenset({"training", *tags}))
