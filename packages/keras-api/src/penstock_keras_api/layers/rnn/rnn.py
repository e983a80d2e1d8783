"""`RNN`: a cell, called for every step of a sequence."""

from __future__ import annotations

import inspect
from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api import tree
from penstock_keras_api.layers.building import build_inner, unbuilt
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.rnn.cell import Cell
from penstock_keras_api.layers.rnn.stacked_rnn_cells import StackedRNNCells
from penstock_keras_api.variable import Variable


class RNN(Layer):
    """Call a cell for every step of sequences [batch, time, ...].

    Args:
        cell: What has `call(inputs, states)`, which returns an output and the next states, and `state_size`; or a list
            of such cells.
        return_sequences: Whether the output of every step is returned, and not the last one only.
        return_state: Whether the last states are returned too.
        go_backwards: Whether the last step comes first.
        stateful: Whether a batch begins with the states in which the one before ended.
        unroll: Kept for compatibility: how loops run is not the model's matter here.
        zero_output_for_mask: Whether the output of a masked step is 0, and not that of the step before.
        kwargs: As in `Layer`.

    Raises:
        TypeError: The cell lacks `call` or `state_size`.

    >>> from penstock import keras
    >>> keras.layers.RNN(keras.layers.LSTMCell(4), return_sequences=True)(keras.Input((7, 3))).shape
    (None, 7, 4)
    """

    states: Any

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        cell = StackedRNNCells(cell) if isinstance(cell, list | tuple) else cell
        for need in ("call", "state_size"):
            if not hasattr(cell, need):
                raise InvalidTypeError(
                    f"[RNN] got the cell {cell!r}, which has no {need}; give it call(inputs, states) and state_size"
                )
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.single_state = isinstance(cell.state_size, int)
        self.state_size = [cell.state_size] if self.single_state else list(cell.state_size)
        object.__setattr__(self, "states", None)

    # ---- shapes

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, and those of the states if they are returned."""
        batch, size = sequences_shape[0], getattr(self.cell, "output_size", None)
        size = tree.flatten(self.state_size)[0] if size is None else size
        steps = (sequences_shape[1],) if self.return_sequences else ()
        output = (batch, *steps, size)
        if not self.return_state:
            return output
        return (output, *(tree.map_structure(lambda s: (batch, s), s) for s in self.state_size))

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Go through the steps, from given states.

        Args:
            sequences: [batch, steps, features].
            initial_state: The states before the first step.
            mask: [batch, steps], or None.
            training: Whether this is a step of training.

        Returns:
            The last output, all outputs, and the last states.
        """
        begin = tree.flatten(initial_state)
        mask = None if mask is None else ps.asarray(mask)
        made = self._at_once(sequences, begin, mask, training)
        outputs, states = made or self._step_by_step(sequences, begin, mask, training)
        return outputs[:, -1], outputs, states

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        """Return the mask of the output: the input's, if all steps are returned."""
        mask = tree.flatten(mask)[0]
        mask = mask if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell for one step, and the states, if they are kept.

        Raises:
            ValueError: States are kept, and the size of the batch is not known.
        """
        build_inner(self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise InvalidValueError(
                    f"[{self.name}] keeps its states, so it must know the size of the batch; use "
                    "keras.Input(batch_shape=(8, ...))"
                )
            self._make_states(sequences_shape)
        self.built = True

    # ---- states

    def _make_states(self, sequences_shape: Any) -> None:
        with ps.graph.eagerly():
            first = self._zero_states(sequences_shape)
        made = tree.map_structure(
            lambda t: Variable(t, trainable=False, dtype=self.variable_dtype, name="rnn_state"),
            first,
        )
        object.__setattr__(self, "states", made)  # no weights of the layer

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Return the states with which a sequence begins."""
        made = getattr(self.cell, "get_initial_state", None)
        if made is None:
            dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
            return [
                tree.map_structure(lambda s: ps.zeros((batch_size, s), dtype), size)
                for size in self.state_size
            ]
        states = made(batch_size=batch_size)
        return list(states) if tree.is_nested(states) else [states]

    def _zero_states(self, sequences_shape: Any) -> list[Any]:
        return self.get_initial_state(sequences_shape[0])

    def reset_state(self) -> None:
        """Begin anew: put zeros into the states that are kept."""
        for v in tree.flatten(self.states):
            if v is not None:
                v.assign(ps.zeros(v.shape, v.dtype))

    reset_states = reset_state

    def _begin(self, sequences: Any, given: Any) -> list[Any]:
        """Return the states of the first step."""
        if given is None and self.stateful:
            known = tree.flatten(self.states)[0].shape[0]
            if isinstance(sequences.shape[0], int) and sequences.shape[0] != known:
                raise ShapeError(
                    f"[{self.name}] keeps the states of a batch of {known}, and got one of {sequences.shape[0]}; give "
                    "batches of one size"
                )
            given = tree.map_structure(lambda v: v.value, self.states)
        if given is None:
            return self._zero_states(sequences.shape)
        given = list(given) if tree.is_nested(given) else [given]
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return list(tree.map_structure(lambda t: ps.cast(ps.asarray(t), dtype), given))

    # ---- computing

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Go through the steps; return outputs, and states if `return_state`."""
        mask = tree.flatten(mask)[0]
        mask = None if mask is None else ps.asarray(mask)
        begin = self._begin(sequences, initial_state)
        fresh = initial_state is None and not self.stateful
        made = None
        if not self.zero_output_for_mask and (mask is None or fresh):
            made = self._at_once(sequences, begin, mask, training)
        outputs, states = made or self._step_by_step(sequences, begin, mask, training)
        if self.stateful:
            for v, t in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                v.assign(ps.cast(t, v.dtype))
        output = outputs if self.return_sequences else outputs[:, -1]
        return (output, *states) if self.return_state else output

    def _at_once(self, sequences: Any, begin: list[Any], mask: Any, training: bool) -> Any:
        """Compute outputs and states by one op, where there is one; None if not."""
        return None

    def _dropped(self, sequences: Any, begin: list[Any], training: bool) -> Any:
        """Return the sequences without the features that dropout takes away from all steps."""
        if not training or not self.cell.dropout:
            return sequences
        shape = (sequences.shape[0], 1, sequences.shape[2])
        kept = self.cell.draw_masks(shape, begin[0].shape, sequences.dtype)[0]
        return sequences if kept is None else sequences * kept

    def _step_by_step(
        self, sequences: Any, begin: list[Any], mask: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        rows = ps.moveaxis(sequences, 1, 0)
        masks = None if mask is None else ps.moveaxis(mask, 1, 0)
        if self.go_backwards:
            rows = ps.flip(rows, axis=0)
            masks = None if masks is None else ps.flip(masks, axis=0)
        step = self._step(training)
        held = _hold_masks(self.cell, sequences, begin, training)
        try:
            if masks is None:
                states, outputs = ps.scan(lambda s, x: step(x, s)[::-1], begin, rows)
            else:
                zeros = ps.zeros_like(self._output_like(rows[0], begin))
                start = (begin, zeros)
                (states, _), outputs = ps.scan(self._masked(step), start, (rows, masks))
        finally:
            for cell in held:
                cell.hold_masks(None)
        return ps.moveaxis(outputs, 0, 1), list(states)

    def _output_like(self, row: Any, begin: list[Any]) -> Any:
        """Return a tensor of the shape of an output."""
        size = getattr(self.cell, "output_size", None)
        first = tree.flatten(begin)[0]
        if size is None or first.ndim > 2:  # an image: as the first state
            return first
        return ps.zeros((row.shape[0], size), first.dtype)

    def _step(self, training: bool) -> Any:
        takes = "training" in inspect.signature(self.cell.call).parameters
        extra = {"training": training} if takes else {}

        def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
            output, after = self.cell(x, list(states), **extra)
            return output, list(after) if tree.is_nested(after) else [after]

        return step

    def _masked(self, step: Any) -> Any:
        def go(carry: Any, row: Any) -> Any:
            (states, before), (x, counts) = carry, row
            output, after = step(x, states)
            kept = tree.map_structure(
                lambda new, old: _choose(counts, new, old), after, _lists(states)
            )
            other = ps.zeros_like(output) if self.zero_output_for_mask else before
            output = _choose(counts, output, other)
            return (kept, output), output

        return go

    # ---- configuration

    def _own_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        from penstock_keras_api.saving import serialization

        return {**self._own_config(), "cell": serialization.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer of what `get_config` returned."""
        from penstock_keras_api.saving import serialization

        config = dict(config)
        if "cell" in config:
            config["cell"] = serialization.deserialize_keras_object(
                unbuilt(config["cell"]), custom_objects
            )
        return cls(**config)


def _lists(states: Any) -> Any:
    return [_lists(s) for s in states] if tree.is_nested(states) else states


def _choose(counts: Any, new: Any, old: Any) -> Any:
    shape = (counts.shape[0], *(1 for _ in range(new.ndim - 1)))
    return ps.where(ps.reshape(counts, shape), new, old)


def _hold_masks(cell: Any, sequences: Any, begin: list[Any], training: bool) -> list[Any]:
    """Draw what is dropped once for the whole sequence; return the cells that hold it."""
    if not training:
        return []
    held, x_shape = [], (sequences.shape[0], *sequences.shape[2:])
    stacked = isinstance(cell, StackedRNNCells)
    for inner, states in zip(cell.cells, begin, strict=True) if stacked else [(cell, begin)]:
        if isinstance(inner, Cell):
            first = tree.flatten(states)[0]
            inner.hold_masks(inner.draw_masks(x_shape, first.shape, first.dtype))
            held.append(inner)
        x_shape = (x_shape[0], getattr(inner, "output_size", x_shape[-1]))
    return held
