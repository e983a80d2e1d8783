"""Several cells, each fed with the output of the one before."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api import tree
from penstock_keras_api.layers.building import build_inner, unbuilt
from penstock_keras_api.layers.layer import Layer


class StackedRNNCells(Layer):
    """Make one cell of several: the output of each is the input of the next.

    Args:
        cells: The cells.
        kwargs: As in `Layer`.

    Raises:
        TypeError: A cell lacks `call` or `state_size`.

    >>> from penstock import keras
    >>> cells = [keras.layers.LSTMCell(4), keras.layers.GRUCell(2)]
    >>> keras.layers.RNN(keras.layers.StackedRNNCells(cells))(keras.Input((7, 3))).shape
    (None, 2)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise InvalidTypeError(
                    f"[StackedRNNCells] got {cell!r}; a cell has call(inputs, states) and state_size"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of all cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        size = getattr(self.cells[-1], "output_size", None)
        return tree.flatten(self.cells[-1].state_size)[0] if size is None else size

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return the states with which a sequence begins, a list for each cell."""
        return [self._first_of(cell, batch_size) for cell in self.cells]

    def _first_of(self, cell: Any, batch_size: Any) -> list[Any]:
        if hasattr(cell, "get_initial_state"):
            states = cell.get_initial_state(batch_size=batch_size)
            return list(states) if tree.is_nested(states) else [states]
        return [
            ps.zeros((batch_size, size), self.compute_dtype)
            for size in tree.flatten(cell.state_size)
        ]

    def build(self, input_shape: Any) -> None:
        """Build the cells."""
        shape = tuple(input_shape)
        for cell in self.cells:
            build_inner(cell, shape)
            size = getattr(cell, "output_size", None)
            shape = (shape[0], tree.flatten(cell.state_size)[0] if size is None else size)
        self.built = True

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> Any:
        """Compute one step; return the last cell's output and the states of all."""
        after = []
        for cell, own in zip(self.cells, states, strict=True):
            takes = "training" in inspect.signature(cell.call).parameters
            extra = {"training": training} if takes else {}
            own = list(own) if tree.is_nested(own) else [own]
            inputs, new = cell(inputs, own, **extra)
            after.append(list(new) if tree.is_nested(new) else [new])
        return inputs, after

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal cell of."""
        from penstock_keras_api.saving import serialization

        cells = [serialization.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a cell of what `get_config` returned."""
        from penstock_keras_api.saving import serialization

        config = dict(config)
        cells = unbuilt(config.pop("cells"))
        return cls(
            [serialization.deserialize_keras_object(c, custom_objects) for c in cells], **config
        )
