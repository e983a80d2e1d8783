"""A model that goes on with a text, token by token."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.layers import TransformerBlock
from penstock_models.presets.schema import Preset
from penstock_models.tokenizers import Tokenizer


class TextGenerator:
    """Go on with a text.

    Keys and values of what was read are remembered, so that a new token costs one position.

    Args:
        tokenizer: Makes numbers of texts.
        network: A decoder with the output "logits", such as that of GPT-2 or Llama.
        end: The number of the token after which nothing comes; None for none.
        preset: What is known about it.

    Raises:
        ValueError: The network is no decoder of blocks.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        network: keras.Model,
        end: int | None = None,
        preset: Preset | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.network = network
        self.end = end
        self.preset = preset
        self._layers = {layer.name: layer for layer in network.layers}
        self._blocks = [layer for layer in network.layers if isinstance(layer, TransformerBlock)]
        if not self._blocks or "final_norm" not in self._layers:
            raise InvalidValueError(
                f"[TextGenerator] {network.name} is no decoder of blocks; give one such as GPT-2"
            )

    def generate(
        self,
        prompt: str,
        max_tokens: int = 40,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """Go on with a text.

        Args:
            prompt: How it begins.
            max_tokens: How many tokens to write at most.
            temperature: 0 takes the most probable token each time; 1 draws tokens as often as they are probable.
            top_k: Draw from so many tokens only.
            top_p: Draw from the most probable tokens only, which have this probability together.
            seed: Of the draws.

        Returns:
            What was written, without the prompt.

        Raises:
            ValueError: The prompt has no token or too many, or a choice is out of range.
        """
        numbers = self.tokenizer.encode(prompt)
        return self.tokenizer.decode(
            self.continued(
                numbers, max_tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
            )
        )

    def continued(
        self,
        numbers: list[int],
        max_tokens: int = 40,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> list[int]:
        """Return the numbers of the tokens that follow; arguments and errors as in `generate`."""
        self._check(numbers, temperature, top_k, top_p)
        rng = np.random.default_rng(seed)
        places = np.arange(len(numbers))
        logits, caches = self._first(ps.asarray([numbers], dtype="int32"), ps.asarray(places))
        found: list[int] = []
        while len(found) < max_tokens:
            number = chosen(logits.numpy()[0, -1], temperature, top_k, top_p, rng)
            if number == self.end:
                break
            found.append(number)
            place = len(numbers) + len(found) - 1
            if len(found) == max_tokens or place >= self.tokenizer.max_length:
                break
            token = ps.asarray([[number]], dtype="int32")
            logits, caches = self._next(token, ps.asarray([place]), caches)
        return found

    def _check(self, numbers: Any, temperature: float, top_k: Any, top_p: Any) -> None:
        most = self.tokenizer.max_length
        if not 0 < len(numbers) <= most:
            raise InvalidValueError(
                f"[generate] got a prompt of {len(numbers)} tokens; give 1 to {most}"
            )
        if temperature < 0 or (top_k is not None and top_k < 1):
            raise InvalidValueError(
                f"[generate] got temperature={temperature} and top_k={top_k}; use 0 or more, and 1 or more"
            )
        if top_p is not None and not 0 < top_p <= 1:
            raise InvalidValueError(f"[generate] got top_p={top_p}; use more than 0, up to 1")

    @cached_property
    def _first(self) -> Any:
        return ps.function(lambda tokens, places: self._run(tokens, places, None), autograph=False)

    @cached_property
    def _next(self) -> Any:
        return ps.function(self._run, autograph=False)

    def _run(self, tokens: Any, places: Any, caches: Any) -> tuple[Any, Any]:
        """Return scores for the token after these, and what to remember."""
        embedding = self._layers["token_embedding"]
        x = embedding(tokens)
        if "position_embedding" in self._layers:
            x = self._layers["position_embedding"].step(x, places)
        kept = []
        for block, cache in zip(self._blocks, caches or [None] * len(self._blocks), strict=True):
            x, after = block.step(x, cache, places)
            kept.append(after)
        x = self._layers["final_norm"](x[:, -1:])
        head = self._layers.get("logits")
        return (embedding(x, reverse=True) if head is None else head(x)), kept


def chosen(
    logits: np.ndarray[Any, Any],
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    rng: np.random.Generator,
) -> int:
    """Return the number of the next token.

    Args:
        logits: [tokens].
        temperature: As in `TextGenerator.generate`; likewise the next two.
        top_k: How many tokens may be drawn.
        top_p: How probable they are together.
        rng: Draws.

    Raises:
        ValueError: Never here.

    >>> chosen(np.array([0.1, 2.0, 1.0]), 0.0, None, None, np.random.default_rng(0))
    1
    """
    if not temperature:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")[: top_k or len(logits)]
    scores = logits[order].astype(np.float64) / temperature
    p = np.exp(scores - scores.max())
    p /= p.sum()
    if top_p is not None:  # the first token stays in any case
        p = np.where(np.cumsum(p) - p < top_p, p, 0.0)
    return int(rng.choice(order, p=p / p.sum()))
