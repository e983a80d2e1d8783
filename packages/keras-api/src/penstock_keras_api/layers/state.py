"""A layer's state: terms of the loss, variables in files, calls with variables of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.layers.owner import Owner
from penstock_keras_api.stateless import StatelessScope, get_stateless_scope


class State(Owner):
    """What a layer gathers, saves, and lends."""

    _losses: list[Any]

    # ---- losses

    def add_loss(self, loss: Any) -> None:
        """Add a term to the loss of the model that the layer is part of.

        Raises:
            ValueError: It is no single number.
        """
        scope = get_stateless_scope()
        for term in loss if isinstance(loss, list | tuple) else [loss]:
            t = ps.asarray(term)
            if t.ndim:
                raise ShapeError(
                    f"[{self.name}.add_loss] got a tensor of shape {t.shape}; expected a single number: take its mean"
                )
            if scope is not None and scope.collect_losses:
                scope.add_loss(t)
            else:
                self._losses.append(t)

    @property
    def losses(self) -> list[Any]:
        """The terms of `add_loss` since the last call, and the regularizers' of trainable weights."""
        terms = [t for layer in self._flatten_layers() for t in layer._losses]
        terms += self._regularizer_losses()
        return terms

    def _regularizer_losses(self) -> list[Any]:
        return [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    def add_metric(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse, as Keras does.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"[{self.name}.add_metric] is no more: give metrics to compile(metrics=[...]), or make them in the constructor "
            "and call metric.update_state(...)"
        )

    # ---- files

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own variables into a store, under their numbers."""
        for number, v in enumerate(self._saved_variables()):
            store[str(number)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the layer's own variables out of a store.

        Raises:
            ValueError: The store has another number of them, or one has another shape.
        """
        mine = self._saved_variables()
        if len(store.keys()) != len(mine):
            raise InvalidValueError(
                f"[{self.name}] expects {len(mine)} variables, and the file has {len(store.keys())}; was the layer "
                "built, and is it the same layer?"
            )
        for number, v in enumerate(mine):
            value = np.asarray(store[str(number)])
            if tuple(value.shape) != tuple(v.shape):
                raise ShapeError(
                    f"[{self.name}] expects {v.path} of shape {v.shape}, and the file has {value.shape}; is it the same layer?"
                )
            v.assign(value)
        self._loaded()

    def _loaded(self) -> None:
        """Do what there is to do after variables were loaded."""

    def _saved_variables(self) -> list[Any]:
        mine = self._own_weights()  # seeds are kept by their generators
        return [v for v in mine if v.trainable] + [v for v in mine if not v.trainable]

    # ---- other values

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer with values in place of its variables, which stay as they are.

        Args:
            trainable_variables: A value for each of `trainable_variables`.
            non_trainable_variables: A value for each of `non_trainable_variables`.
            args: What the layer is called on.
            return_losses: Whether to return the terms of the loss too.
            kwargs: Further arguments of the call.

        Returns:
            The outputs and the new values of `non_trainable_variables`; then, if asked for, a list of losses.

        Raises:
            ValueError: The layer is not built, or there is another number of values.

        >>> from penstock import keras
        >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
        >>> layer.build((None, 2))
        >>> y, _ = layer.stateless_call([[[2.0], [3.0]], [1.0]], [], [[1.0, 1.0]])
        >>> y.tolist()
        [[6.0]]
        """
        if not self.built:
            raise InvalidValueError(
                f"[stateless_call] {self.name} has no variables yet; call it once, or build(input_shape)"
            )
        pairs = [
            *self._stateless_pairs("trainable_variables", trainable_variables),
            *self._stateless_pairs("non_trainable_variables", non_trainable_variables),
        ]
        with StatelessScope(pairs, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = [*scope.losses, *self._regularizer_losses()] if return_losses else []
            after = [v.value for v in self.non_trainable_variables]
        return (outputs, after, losses) if return_losses else (outputs, after)

    def _stateless_pairs(self, which: str, values: Sequence[Any]) -> list[tuple[Any, Any]]:
        mine = getattr(self, which)
        if len(values) != len(mine):
            raise InvalidValueError(
                f"[stateless_call] got {len(values)} {which}, and {self.name} has {len(mine)}; give one value for each of "
                f"{self.name}.{which}"
            )
        return list(zip(mine, values, strict=True))
