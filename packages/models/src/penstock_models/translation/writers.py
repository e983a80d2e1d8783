"""Networks that write token by token, remembering what they have computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

import penstock as ps
import penstock_keras_api as keras

Array = np.ndarray[Any, Any]


class Writer(Protocol):
    """What the search needs of a network."""

    def start(self, inputs: Mapping[str, Any]) -> Any:
        """Return the state before the first token.

        Args:
            inputs: token_ids and padding_mask, [batch, length] each.
        """

    def step(self, tokens: Array, state: Any, k: int) -> tuple[Array, Array, Any]:
        """Return the logarithms of the k best next tokens, these, and the next state; see `beam_search`."""


class TransformerWriter:
    """Write with a transformer: keys and values of what was read and written are kept.

    Args:
        network: A transformer with its head `next_token`.
        config: Its sizes.

    Raises:
        ValueError: Never here.
    """

    def __init__(self, network: keras.Model, config: Any) -> None:
        layer = network.get_layer
        self._embedding, self._norm = layer("token_embedding"), layer("decoder_norm")
        self._blocks = [layer(f"decoder_{i}") for i in range(config.num_decoder_layers)]
        self._waves = layer("positions").table
        self._scale = math.sqrt(config.width)
        inputs = {name: network.input[name] for name in ("token_ids", "padding_mask")}
        self._encoder = keras.Model(inputs, layer("encoder_norm").output)
        self._start = ps.function(self._read)
        self._steps: dict[int, Callable[..., Any]] = {}

    def start(self, inputs: Mapping[str, Any]) -> Any:
        """Return the keys and values of what is read, and none of what is written."""
        read = self._start(ps.asarray(inputs["token_ids"]), ps.asarray(inputs["padding_mask"]))
        return {**read, "place": ps.zeros((len(inputs["token_ids"]),), dtype="int32")}

    def _read(self, token_ids: Any, padding_mask: Any) -> dict[str, Any]:
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        memory = self._encoder(inputs, training=False)
        blocks = [block.start(memory) for block in self._blocks]
        return {"blocks": blocks, "mask": padding_mask}

    def step(self, tokens: Array, state: Any, k: int) -> tuple[Array, Array, Any]:
        """Compute the last position alone."""
        if k not in self._steps:
            self._steps[k] = ps.function(partial(self._write, k))
        logs, words, blocks = self._steps[k](
            ps.asarray(tokens), state["place"], state["mask"], state["blocks"]
        )
        after = {"blocks": blocks, "mask": state["mask"], "place": state["place"] + 1}
        return logs.numpy(), words.numpy(), after

    def _write(self, k: int, tokens: Any, place: Any, mask: Any, blocks: Any) -> Any:
        x = self._embedding(tokens[:, None]) * self._scale
        x = x + ps.take(ps.asarray(self._waves), place, 0)[:, None, :]
        after = []
        for block, cache in zip(self._blocks, blocks, strict=True):
            x, kept = block.step(x, cache, mask)
            after.append(kept)
        logits = self._embedding(self._norm(x), reverse=True)[:, 0]
        return *best(logits, k), after


class LstmWriter:
    """Write with recurrent networks: their states are kept, and what was read.

    Args:
        network: A seq2seq_lstm with its head `next_token`.
        config: Its sizes.

    Raises:
        ValueError: Never here.
    """

    def __init__(self, network: keras.Model, config: Any) -> None:
        layer, numbers = network.get_layer, range(config.num_layers)
        self._embedding, self._attention = layer("token_embedding"), layer("attention")
        self._decoders = [layer(f"decoder_{i}") for i in numbers]
        read = [layer(f"encoder_{i}").output for i in numbers]
        inputs = {name: network.input[name] for name in ("token_ids", "padding_mask")}
        states = [state for _, *state in read]
        self._encoder = keras.Model(inputs, {"memory": read[-1][0], "states": states})
        self._start = ps.function(self._read)
        self._steps: dict[int, Callable[..., Any]] = {}

    def start(self, inputs: Mapping[str, Any]) -> Any:
        """Return what was read, and the states behind it."""
        return self._start(ps.asarray(inputs["token_ids"]), ps.asarray(inputs["padding_mask"]))

    def _read(self, token_ids: Any, padding_mask: Any) -> dict[str, Any]:
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        return {**self._encoder(inputs, training=False), "mask": padding_mask}

    def step(self, tokens: Array, state: Any, k: int) -> tuple[Array, Array, Any]:
        """Go on from the states."""
        if k not in self._steps:
            self._steps[k] = ps.function(partial(self._write, k))
        logs, words, after = self._steps[k](ps.asarray(tokens), state)
        return logs.numpy(), words.numpy(), {**state, "states": after}

    def _write(self, k: int, tokens: Any, state: Any) -> Any:
        x, after = self._embedding(tokens[:, None]), []
        for decoder, kept in zip(self._decoders, state["states"], strict=True):
            x, *new = decoder(x, initial_state=list(kept))
            after.append(new)
        x = self._attention(x, state["memory"], padding_mask=state["mask"])
        return *best(self._embedding(x, reverse=True)[:, 0], k), after


def best(logits: Any, k: int) -> tuple[Any, Any]:
    """Return the logarithms of the k best tokens' probabilities, falling, and these tokens."""
    logs, words = ps.top_k(ps.nn.log_softmax(logits), min(k, logits.shape[-1]))
    return logs, words


WRITERS: Mapping[str, Callable[[keras.Model, Any], Writer]] = {
    "seq2seq_lstm": LstmWriter,
    "transformer": TransformerWriter,
}
