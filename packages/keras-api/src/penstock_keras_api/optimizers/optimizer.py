"""`Optimizer`: how gradients change variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import context, initializers
from penstock_keras_api.naming import auto_name, snake_case
from penstock_keras_api.optimizers.schedules import LearningRateSchedule
from penstock_keras_api.saving import serialization
from penstock_keras_api.stateless import StatelessScope
from penstock_keras_api.variable import Variable

_OLD_ARGUMENTS = {
    "lr": "learning_rate",
    "decay": "learning_rate=keras.optimizers.schedules.InverseTimeDecay(...)",
}


class Optimizer:
    """Change variables by their gradients.

    Subclasses make slots in `build(variables)` and write `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        weight_decay: How much of a variable goes at each step, times the learning rate.
        clipnorm: The greatest norm of each gradient.
        clipvalue: The greatest element of gradients.
        global_clipnorm: The greatest norm of all gradients together.
        use_ema: Whether a running mean of the variables is kept.
        ema_momentum: How much of the mean stays at a step.
        ema_overwrite_frequency: After how many steps variables take the mean; None for never.
        loss_scale_factor: What the loss is multiplied by before, and gradients divided by after.
        gradient_accumulation_steps: How many steps' gradients are gathered before variables change.
        name: A name.

    Raises:
        ValueError: Several kinds of clipping are asked for, or an argument is not understood.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise InvalidTypeError(
                f"[{type(self).__name__}] got the arguments {', '.join(kwargs)}, which it does not know"
                + "".join(
                    f"; {old}: use {new}" for old, new in _OLD_ARGUMENTS.items() if old in kwargs
                )
            )
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got several of clipnorm, clipvalue and global_clipnorm; give one"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got ema_momentum={ema_momentum}; use a number from 0 to 1"
            )
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Any] = []
        self._index: dict[int, int] = {}
        self._no_decay: set[int] = set()
        self._counts: dict[str, Any] = {}
        self._iterations = self._own_variable(np.zeros((), np.int64), "iteration")
        self._set_learning_rate(learning_rate)

    # ---- learning rate

    def _set_learning_rate(self, learning_rate: Any) -> None:
        if isinstance(learning_rate, dict):
            learning_rate = serialization.deserialize_keras_object(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            self._learning_rate = learning_rate
        elif isinstance(learning_rate, int | float | np.generic | ps.Tensor):
            value = np.asarray(learning_rate, np.float32)
            self._learning_rate = self._own_variable(value, "learning_rate")
        else:
            raise InvalidValueError(
                f"[{type(self).__name__}] got learning_rate={learning_rate!r}; use a number, a LearningRateSchedule, or "
                "a function without arguments"
            )

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable, or a tensor where a schedule gives it."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations.value)
        return (
            self._learning_rate()
            if not isinstance(self._learning_rate, Variable)
            else self._learning_rate
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(self._learning_rate, Variable) and not isinstance(
            value, LearningRateSchedule
        ):
            self._learning_rate.assign(value)
        elif isinstance(value, LearningRateSchedule):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = value
        else:
            raise InvalidTypeError(
                f"[{self.name}] has a schedule as learning rate, which gives it; set a LearningRateSchedule, or make "
                "the optimizer with a number"
            )

    def _current_learning_rate(self) -> Any:
        rate = self.learning_rate
        return rate.value if isinstance(rate, Variable) else ps.cast(ps.asarray(rate), "float32")

    # ---- variables

    @property
    def iterations(self) -> Any:
        """The number of steps so far: a variable, or a tensor where several calls make a step."""
        if self.gradient_accumulation_steps:
            return self._iterations // int(self.gradient_accumulation_steps)
        return self._iterations

    def _count(self, dtype: Any) -> Any:
        """Return the number of the step at hand, from 1 on; made once for all variables."""
        name = ps.dtypes.as_dtype(dtype).name
        if name not in self._counts:
            self._counts[name] = ps.cast(self.iterations + 1, name)
        return self._counts[name]

    def _own_variable(self, value: Any, name: str, dtype: Any = None) -> Variable:
        with context.scope(self.name):
            v = Variable(value, dtype=dtype, trainable=False, name=name)
        self._variables.append(v)
        return v

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the optimizer."""
        value = initializers.get(initializer)(tuple(shape), dtype=dtype)
        return self._own_variable(value, name or "variable", dtype)

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another, which belongs to the optimizer."""
        path = getattr(reference_variable, "path", reference_variable.name).replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{path}_{name or 'slot'}",
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Make a variable for each of others: a list of them, or several lists for several names."""
        if isinstance(name, str):
            return [
                self.add_variable_from_reference(v, name, initializer) for v in trainable_variables
            ]
        kinds = [initializer] * len(name) if isinstance(initializer, str) else initializer
        rows = [  # variable by variable, which is the order of Keras's files
            [self.add_variable_from_reference(v, n, i) for n, i in zip(name, kinds, strict=True)]
            for v in trainable_variables
        ]
        return tuple([row[number] for row in rows] for number in range(len(name)))

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}
        if self.use_ema:
            self._ema = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._gathered = self.add_optimizer_variables(variables, "gradient_accumulator")
        self.built = True

    @property
    def variables(self) -> list[Variable]:
        """What the optimizer remembers."""
        return list(self._variables)

    def _get_variable_index(self, variable: Any) -> int:
        return self._index[id(variable)]

    # ---- steps

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Change variables by gradients.

        Args:
            grads_and_vars: Pairs of a gradient and a variable.

        Returns:
            The number of steps so far.

        Raises:
            ValueError: No variable has a gradient.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Change variables by gradients.

        Args:
            grads: A gradient for each variable; None for one that does not change.
            trainable_variables: The variables; by default those for which the optimizer was built.

        Raises:
            ValueError: No variable has a gradient, or one is not known to the optimizer.
        """
        variables = list(
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        if not self.built:
            with ps.graph.eagerly():
                self.build(variables)
        unknown = [v for v in variables if id(v) not in self._index]
        if unknown or len(grads) != len(variables):
            raise InvalidValueError(
                f"[{self.name}] got {len(grads)} gradients for {len(variables)} variables, of which "
                f"{', '.join(v.path for v in unknown) or 'none'} were not there when the optimizer was built; make a new "
                "optimizer, or call compile again"
            )
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not pairs:
            raise InvalidValueError(
                f"[{self.name}] no variable has a gradient; does the loss depend on them, and are layers trainable?"
            )
        self._apply(pairs)

    def _apply(self, pairs: list[tuple[Any, Any]]) -> None:
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        variables = [v for _, v in pairs]
        if self.gradient_accumulation_steps:
            self._gather(pairs)
        else:
            self._step(pairs)
        if self.use_ema:
            self._update_averages(variables)
        self._constrain(variables)
        self._iterations.assign(self._iterations + 1)

    def _constrain(self, variables: list[Any]) -> None:
        for v in variables:
            constraint = getattr(v, "constraint", None)
            if constraint is not None:
                v.assign(constraint(v.value))

    def _gather(self, pairs: list[tuple[Any, Any]]) -> None:
        """Add gradients up, and take a step with their mean after so many calls."""
        steps = int(self.gradient_accumulation_steps or 1)
        slots = [self._gathered[self._get_variable_index(v)] for _, v in pairs]
        due = (self._iterations + 1) % steps == 0
        variables = [v for _, v in pairs]

        def step() -> None:
            means = [(slot + g) / float(steps) for slot, (g, _) in zip(slots, pairs, strict=True)]
            self._step(list(zip(means, variables, strict=True)))
            for slot in slots:
                slot.assign(ps.zeros(slot.shape, slot.dtype))

        def wait() -> None:
            for slot, (g, _) in zip(slots, pairs, strict=True):
                slot.assign(slot + g)

        ps.cond(due, step, wait)

    def _step(self, pairs: list[tuple[Any, Any]]) -> None:
        gradients = self._clip_gradients([ps.asarray(g) for g, _ in pairs])
        variables = [v for _, v in pairs]
        rate = self._current_learning_rate()
        self._apply_weight_decay(variables, rate)
        self._counts.clear()
        for g, v in zip(gradients, variables, strict=True):
            if getattr(v, "overwrite_with_gradient", False):
                v.assign(g)
            else:
                self.update_step(ps.cast(g, v.dtype), v, ps.cast(rate, v.dtype))
        self._counts.clear()

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient; subclasses say how."""
        raise NotImplementedError(f"{type(self).__name__} has no method update_step")

    def _clip_gradients(self, gradients: list[Any]) -> list[Any]:
        if self.clipnorm and self.clipnorm > 0:
            return [ps.nn.clip_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return list(ps.nn.clip_by_global_norm(gradients, self.global_clipnorm)[0])
        if self.clipvalue and self.clipvalue > 0:
            return [ps.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leave variables out of the weight decay, by themselves or by parts of their paths.

        Raises:
            ValueError: The optimizer was built already.
        """
        if self.built:
            raise InvalidValueError(
                f"[{self.name}] was built already; call exclude_from_weight_decay before the first step"
            )
        self._no_decay |= {id(v) for v in var_list or []}
        self._no_decay_names = tuple(var_names or ())

    _has_means_in_place = False  # while a callback evaluates with the means

    _no_decay_names: tuple[str, ...] = ()

    def _use_weight_decay(self, variable: Any) -> bool:
        path = getattr(variable, "path", variable.name)
        return id(variable) not in self._no_decay and not any(
            n in path for n in self._no_decay_names
        )

    def _apply_weight_decay(self, variables: list[Any], rate: Any) -> None:
        if not self.weight_decay:
            return
        for v in variables:
            if self._use_weight_decay(v):
                v.assign(v - v * ps.cast(self.weight_decay * rate, v.dtype))

    def _update_averages(self, variables: list[Any]) -> None:
        first = ps.cast(self.iterations == 0, "float32")
        for v in variables:
            average = self._ema[self._get_variable_index(v)]
            momentum = ps.cast(self.ema_momentum * (1.0 - first), v.dtype)
            average.assign(momentum * average + (1.0 - momentum) * v)
            if self.ema_overwrite_frequency:
                due = (self.iterations + 1) % self.ema_overwrite_frequency == 0
                v.assign(ps.where(due, average.value, v.value))

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Put the running means in the place of the variables, after training."""
        if self.use_ema and not self._has_means_in_place:
            for v in var_list:
                v.assign(self._ema[self._get_variable_index(v)].value)

    def scale_loss(self, loss: Any) -> Any:
        """Multiply the loss by the scale."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of, without its state."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif isinstance(rate, LearningRateSchedule):
            rate = serialization.serialize_keras_object(rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make an optimizer of what `get_config` returned."""
        return cls(**config)

    def assign(self, variable: Any, value: Any) -> None:
        """Replace a variable's value.

        Args:
            variable: A variable.
            value: Its new value.
        """
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a variable's value.

        Args:
            variable: A variable.
            value: What to add.
        """
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Take away from a variable's value.

        Args:
            variable: A variable.
            value: What to take away.
        """
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state.

        Args:
            weights: Arrays, in the order of `variables`.

        Raises:
            ValueError: There is another number of arrays.
        """
        if len(weights) != len(self.variables):
            raise InvalidValueError(
                f"[{self.name}] got {len(weights)} arrays for {len(self.variables)} variables; build the optimizer "
                "first: optimizer.build(model.trainable_variables)"
            )
        for v, value in zip(self.variables, weights, strict=True):
            v.assign(value)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """Return values after a step, and leave all variables as they are.

        Args:
            optimizer_variables: Values of the state, in the order of `variables`.
            grads: A gradient for each trainable variable.
            trainable_variables: Values of the variables that the optimizer was built for.

        Returns:
            The new values of the trainable variables, and those of the state.

        Raises:
            ValueError: The optimizer is not built, or there is another number of values.
        """
        if not self.built:
            raise InvalidValueError(
                f"[{self.name}] is not built; call optimizer.build(model.trainable_variables) first"
            )
        mine, theirs = self.variables, self._trainable_variables
        for what, values, wanted in (
            ("optimizer_variables", optimizer_variables, mine),
            ("trainable_variables", trainable_variables, theirs),
        ):
            if len(values) != len(wanted):
                raise InvalidValueError(
                    f"[{self.name}] got {len(values)} {what}; give {len(wanted)}, as there are variables"
                )
        pairs = [
            *zip(mine, optimizer_variables, strict=True),
            *zip(theirs, trainable_variables, strict=True),
        ]
        with StatelessScope(pairs) as scope:
            self.apply(grads, theirs)
        new = [[scope.get_current_value(v) for v in variables] for variables in (theirs, mine)]
        return new[0], new[1]

    def save_own_variables(self, store: Any) -> None:
        """Put the state into a store, under numbers."""
        for number, v in enumerate(self.variables):
            store[str(number)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the state out of a store.

        Raises:
            ValueError: The store has another number of variables.
        """
        if len(store.keys()) != len(self.variables):
            raise InvalidValueError(
                f"[{self.name}] has {len(self.variables)} variables, and the file has {len(store.keys())}"
            )
        for number, v in enumerate(self.variables):
            v.assign(np.asarray(store[str(number)]))

    def __repr__(self) -> str:
        return f"<keras.optimizers.{type(self).__name__} name={self.name}>"
