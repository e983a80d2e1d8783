"""A recurrent layer, run forwards and backwards."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.layers.building import build_inner, unbuilt
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import serialization

_MODES = ("sum", "mul", "concat", "ave", None)


class Bidirectional(Layer):
    """Run a recurrent layer in both directions and merge what they return.

    Args:
        layer: A recurrent layer, such as `LSTM(4)`.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        weights: First values of the weights, those of the forward layer first.
        backward_layer: The layer of the other direction, with go_backwards=True; by default one like `layer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The layer or the merge mode is none of these, or the two layers do not fit together.

    >>> from penstock import keras
    >>> keras.layers.Bidirectional(keras.layers.LSTM(4))(keras.Input((7, 3))).shape
    (None, 8)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise InvalidTypeError(
                f"[Bidirectional] got {layer!r}; expected a recurrent layer, such as LSTM(4)"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise InvalidTypeError(
                f"[Bidirectional] got backward_layer={backward_layer!r}; expected a recurrent layer"
            )
        if merge_mode not in _MODES:
            raise InvalidValueError(
                f"[Bidirectional] got merge_mode={merge_mode!r}; use 'concat', 'sum', 'mul', 'ave' or None"
            )
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        self.forward_layer = _renamed(layer, "forward_", False)
        self.backward_layer = _renamed(backward_layer or layer, "backward_", not backward_layer)
        self._check_directions()
        self.supports_masking = True
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.stateful = self.forward_layer.stateful
        self.input_spec = layer.input_spec
        self._first_weights = weights

    def _check_directions(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise InvalidValueError(
                f"[Bidirectional] both layers have go_backwards={one.go_backwards}; make one of them the other way"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise InvalidValueError(
                    f"[Bidirectional] the layers have {name}={getattr(one, name)} and {getattr(other, name)}; make "
                    "them agree"
                )

    # ---- shapes

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output, and those of the states if they are returned."""
        made = self.forward_layer.compute_output_shape(sequences_shape)
        output, states = (made[0], list(made[1:])) if self.return_state else (made, [])
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        outputs = (output,) if self.merge_mode is not None else (output, output)
        if self.return_state:
            return (*outputs, *states, *states)
        return outputs if self.merge_mode is None else output

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output: the input's, if all steps are returned."""
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        masks = [mask] if self.merge_mode is not None else [mask, mask]
        if self.return_state:
            return masks + [None for _ in self.forward_layer.state_size * 2]
        return mask if self.merge_mode is not None else masks

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        build_inner(self.forward_layer, sequences_shape)
        build_inner(self.backward_layer, sequences_shape)
        self.built = True
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    # ---- computing

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Run both directions; return what they give, merged, and states if `return_state`."""
        begins: tuple[Any, Any] = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            begins = (list(initial_state[:half]), list(initial_state[half:]))
        extra = {"mask": mask, "training": bool(training)}
        one = self.forward_layer(sequences, initial_state=begins[0], **extra)
        other = self.backward_layer(sequences, initial_state=begins[1], **extra)
        states: list[Any] = []
        if self.return_state:
            states = [*one[1:], *other[1:]]
            one, other = one[0], other[0]
        if self.return_sequences:
            other = ps.flip(other, axis=1)
        made = self._merged(one, other)
        if self.return_state:
            return (*(made if self.merge_mode is None else (made,)), *states)
        return made

    def _merged(self, one: Any, other: Any) -> Any:
        match self.merge_mode:
            case "concat":
                return ps.concat([one, other], -1)
            case "sum":
                return one + other
            case "mul":
                return one * other
            case "ave":
                return (one + other) / 2
        return one, other

    def reset_state(self) -> None:
        """Begin anew: put zeros into the states that are kept."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialization.serialize_keras_object(self.forward_layer),
            "backward_layer": serialization.serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer of what `get_config` returned."""
        config = dict(config)
        for key in ("layer", "backward_layer"):
            if config.get(key) is not None:
                config[key] = serialization.deserialize_keras_object(
                    unbuilt(config[key]), custom_objects
                )
        return cls(**config)


def _renamed(layer: Any, prefix: str, turn: bool) -> Any:
    """Make a layer like another one, with a prefix to its name, turned around if `turn`."""
    data = dict(serialization.serialize_keras_object(layer))
    config = dict(data["config"])
    config["name"] = prefix + config["name"].removeprefix(prefix)
    if turn:
        config["name"] = prefix + layer.name.removeprefix("forward_")
        config["go_backwards"] = not config["go_backwards"]
    made: Any = type(layer).from_config(config)
    return made
