"""`tf.train`: optimisers that append the steps of training to the default graph; input pipelines; `Saver`.

An optimiser's own variables are made when `apply_gradients` is called, and get their first values with all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock
from penstock import _native
from penstock._native import Tensor
from penstock.coordinator import Coordinator, QueueRunner, add_queue_runner, start_queue_runners
from penstock.errors import GraphError, InvalidTypeError, InvalidValueError
from penstock.graph import Operation
from penstock.ops.indexed_slices import IndexedSlices, dense
from penstock.v1._graph import (
    Variable,
    get_default_graph,
    global_variables,
    trainable_variables,
)
from penstock.v1._inputs import (
    batch,
    input_producer,
    limit_epochs,
    range_input_producer,
    shuffle_batch,
    slice_input_producer,
    string_input_producer,
)
from penstock.v1._saving import Saver, latest_checkpoint

GradientsAndVariables = Sequence[tuple[Any, Variable]]


class Optimizer:
    """What all optimisers can do; they differ in the step for one variable.

    Args:
        learning_rate: A number, or a tensor of the graph.
        name: For its variables and operations.
    """

    def __init__(self, learning_rate: Any, name: str) -> None:
        self._rate = learning_rate
        self._name = name

    def minimize(
        self,
        loss: Tensor,
        global_step: Variable | None = None,
        var_list: Sequence[Variable] | None = None,
        name: str | None = None,
    ) -> Operation:
        """Append a step down the gradient of a loss.

        Args:
            loss: A tensor of the graph.
            global_step: Counts the steps.
            var_list: What to change; by default all trainable variables.
            name: The operation's name.

        Returns:
            What to run for a step.

        Raises:
            InvalidValueError: There is no variable, or the loss depends on none.
        """
        pairs = self.compute_gradients(loss, var_list)
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self, loss: Tensor, var_list: Sequence[Variable] | None = None
    ) -> list[tuple[Any, Variable]]:
        """Append the gradients of a loss.

        Args:
            loss: A tensor of the graph.
            var_list: By which variables; by default all trainable ones.

        Returns:
            A pair of gradient and variable for each; None where the loss does not depend on it.

        Raises:
            InvalidValueError: There is no variable.
        """
        variables = trainable_variables() if var_list is None else list(var_list)
        if not variables:
            raise InvalidValueError(
                f"[{self._name}] the graph has no trainable variables; make one with tf.get_variable, or give var_list"
            )
        with get_default_graph().as_default():
            return list(zip(penstock.gradients(loss, variables), variables, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: GradientsAndVariables,
        global_step: Variable | None = None,
        name: str | None = None,
    ) -> Operation:
        """Append a step along given gradients.

        Args:
            grads_and_vars: What `compute_gradients` returned, perhaps changed.
            global_step: Counts the steps.
            name: The operation's name.

        Returns:
            What to run for a step.

        Raises:
            InvalidValueError: Every gradient is None.
        """
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise InvalidValueError(
                f"[{self._name}] there is no gradient for any variable; the loss must be computed from one of them"
            )
        with get_default_graph().as_default():
            self._begin()
            written = [t for g, v in pairs for t in self._step(g, v)]
            if global_step is not None:
                written.append(global_step.assign_add(penstock.cast(1, global_step.dtype)))
        return penstock.group(*written, name=name or self._name)

    def _begin(self) -> None:
        """Append what is done once for all variables."""

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        raise InvalidTypeError(f"[{self._name}] has no step; write _step(gradient, variable)")

    def _slot(self, variable: Variable, name: str, first: float = 0.0) -> Variable:
        """Make a variable like another, of zeros or other numbers, which is not trained."""
        values = penstock.full(variable.shape, first, variable.dtype)
        return Variable(values, f"{variable.name}/{self._name}/{name}", trainable=False)


class GradientDescentOptimizer(Optimizer):
    """v ← v - rate · g.

    Args:
        learning_rate: A number, or a tensor of the graph.
        name: For its operations.
    """

    def __init__(self, learning_rate: Any, name: str = "GradientDescent") -> None:
        super().__init__(learning_rate, name)

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        # Of rows only those are touched that the gradient has.
        if isinstance(gradient, IndexedSlices):
            return [variable.scatter_sub(gradient * self._rate)]
        return [variable.assign_sub(gradient * self._rate)]


class MomentumOptimizer(Optimizer):
    """a ← momentum · a + g, then v ← v - rate · a, or with Nesterov's momentum v ← v - rate · (g + momentum · a).

    Args:
        learning_rate: A number, or a tensor of the graph.
        momentum: How much of the last step stays.
        name: For its variables and operations.
        use_nesterov: Look ahead.
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate, name)
        self._momentum = momentum
        self._nesterov = use_nesterov

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        g = dense(gradient)
        kept = self._slot(variable, "momentum")
        moved = kept.assign(kept.value * self._momentum + g)
        step = g + moved * self._momentum if self._nesterov else moved
        return [moved, variable.assign_sub(step * self._rate)]


class AdagradOptimizer(Optimizer):
    """a ← a + g², then v ← v - rate · g / √a.

    Args:
        learning_rate: A number, or a tensor of the graph.
        initial_accumulator_value: The first a.
        name: For its variables and operations.
    """

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, name: str = "Adagrad"
    ) -> None:
        super().__init__(learning_rate, name)
        self._first = initial_accumulator_value

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        g = dense(gradient)
        kept = self._slot(variable, "accumulator", self._first)
        grown = kept.assign(kept.value + g * g)
        return [grown, variable.assign_sub(g * self._rate / penstock.sqrt(grown))]


class RMSPropOptimizer(Optimizer):
    """s ← decay · s + (1 - decay) · g², m ← momentum · m + rate · g / √(s + epsilon), then v ← v - m.

    Args:
        learning_rate: A number, or a tensor of the graph.
        decay: How much of the mean square stays.
        momentum: How much of the last step stays.
        epsilon: Keeps the divisor away from zero.
        name: For its variables and operations.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(learning_rate, name)
        self._settings = (decay, momentum, epsilon)

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        g, (decay, momentum, epsilon) = dense(gradient), self._settings
        square, last = self._slot(variable, "rms", 1.0), self._slot(variable, "momentum")
        new = square.assign(square.value * decay + g * g * (1 - decay))
        step = last.assign(last.value * momentum + g * self._rate / penstock.sqrt(new + epsilon))
        return [new, step, variable.assign_sub(step)]


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader: many weights become exactly zero.

    Args:
        learning_rate: A number, or a tensor of the graph.
        learning_rate_power: The power of the summed squares, 0 or less.
        initial_accumulator_value: Where the sum of squares begins.
        l1_regularization_strength: What pulls weights to zero.
        l2_regularization_strength: What makes weights small.
        name: For its variables and operations.

    Source:
        McMahan and others, 2013, "Ad click prediction: a view from the trenches", algorithm 1.
    """

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        name: str = "Ftrl",
    ) -> None:
        super().__init__(learning_rate, name)
        self._power = -learning_rate_power
        self._first = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        g, rate = dense(gradient), self._rate
        squares, linear = self._slot(variable, "ftrl", self._first), self._slot(variable, "linear")
        before = squares.value
        after = before + g * g
        powered = after**self._power
        z = linear.value + g - (powered - before**self._power) / rate * variable.value
        divisor = powered / rate + 2 * self._l2
        pulled = penstock.clip(z, -self._l1, self._l1) - z
        written = [squares.assign(after), linear.assign(z)]
        return [*written, variable.assign(pulled / divisor)]


class AdamOptimizer(Optimizer):
    """Steps of a size that adapts to each element; see `penstock.ops.adam_update`.

    Args:
        learning_rate: A number, or a tensor of the graph.
        beta1: How much of the mean gradient stays.
        beta2: How much of its mean square stays.
        epsilon: Keeps the divisor away from zero.
        name: For its variables and operations.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, name)
        self._settings = {"beta_1": beta1, "beta_2": beta2, "epsilon": epsilon}
        self._number: Tensor | None = None

    def _begin(self) -> None:
        steps = Variable(0.0, f"{self._name}/steps", trainable=False)
        self._number = steps.assign_add(1.0)

    def _step(self, gradient: Any, variable: Variable) -> list[Tensor]:
        kept = [variable, self._slot(variable, "m"), self._slot(variable, "v")]
        values = [*(v.value for v in kept), dense(gradient), self._rate, self._number]
        new = _native.call_op("adam_update", values, self._settings)
        return [v.assign(value) for v, value in zip(kept, new, strict=True)]


def create_global_step() -> Variable:
    """Make the variable that counts steps, in the default graph.

    Raises:
        GraphError: There is one.
    """
    if get_global_step() is not None:
        raise GraphError(
            "[create_global_step] the graph has a global step; take it: tf.train.get_global_step()"
        )
    return Variable(np.int64(0), "global_step", trainable=False)


def get_global_step() -> Variable | None:
    """Return the variable that counts steps in the default graph, or None.

    Raises:
        Nothing.
    """
    return next((v for v in global_variables() if v.name == "global_step"), None)


def get_or_create_global_step() -> Variable:
    """Return the variable that counts steps in the default graph; make it if there is none.

    Raises:
        Nothing.
    """
    found = get_global_step()
    return create_global_step() if found is None else found


_MISSING = {
    "Checkpoint": "penstock.Checkpoint",
}

# What an installed penstock-keras-api gives.
_HOOKS = (
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "FeedFnHook",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "LoggingTensorHook",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "ProfilerHook",
    "SecondOrStepTimer",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "VocabInfo",
    "list_variables",
    "load_variable",
)


def __getattr__(name: str) -> Any:
    if name in _HOOKS and hasattr(penstock, "keras"):
        keras: Any = penstock.keras
        return getattr(keras.estimator, name)
    hint = ""
    if name in _MISSING:
        hint = f"; use {_MISSING[name]}"
    elif name.endswith("Optimizer"):
        hint = "; use one of GradientDescent-, Momentum-, Adagrad-, Adam-, Ftrl- and RMSPropOptimizer, or write a subclass of Optimizer"
    raise AttributeError(f"module 'penstock.v1.train' has no attribute {name!r}{hint}")


__all__ = [
    "AdagradOptimizer",
    "AdamOptimizer",
    "Coordinator",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "QueueRunner",
    "RMSPropOptimizer",
    "Saver",
    "add_queue_runner",
    "batch",
    "create_global_step",
    "get_global_step",
    "get_or_create_global_step",
    "input_producer",
    "latest_checkpoint",
    "limit_epochs",
    "range_input_producer",
    "shuffle_batch",
    "slice_input_producer",
    "start_queue_runners",
    "string_input_producer",
]
