"""A model that says which words could stand in a gap."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.network import compiled
from penstock_models.presets.schema import Preset
from penstock_models.tasks.guess import Guess, best_of
from penstock_models.tokenizers import Tokenizer


class MaskFiller:
    """Say what could stand where a text has a gap.

    Args:
        tokenizer: Makes numbers of texts; it knows the token that stands for a gap.
        network: A model with a score for each token at each position, "logits".
        mask: The gap's token; by default "[MASK]", or "<mask>" where the vocabulary has that.
        preset: What is known about it.

    Raises:
        ValueError: The vocabulary has no such token.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        network: keras.Model,
        mask: str | None = None,
        preset: Preset | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.network = network
        self.preset = preset
        self.mask = mask or ("<mask>" if "<mask>" in tokenizer.special else "[MASK]")
        if self.mask not in tokenizer.special:
            raise InvalidValueError(
                f"[MaskFiller] the tokenizer has no {self.mask}; give a model that was trained with gaps"
            )

    @cached_property
    def _compiled(self) -> Any:
        return compiled(self.network)

    def predict(self, text: str, top: int = 5) -> list[list[Guess]]:
        """Return the most probable tokens of each gap, the best first.

        Args:
            text: With one gap or several, written as `mask` says: "The sky is [MASK]."
            top: How many tokens.

        Returns:
            A list of guesses for each gap, in the text's order.

        Raises:
            ValueError: The text has no gap, or is too long.
        """
        numbers = self.tokenizer.encode(text)
        gap = self.tokenizer.special[self.mask]
        most = self.tokenizer.max_length
        if gap not in numbers or len(numbers) > most:
            raise InvalidValueError(
                f"[MaskFiller] got a text of {len(numbers)} tokens with {numbers.count(gap)} gaps; write {self.mask} where "
                f"a word is missing, in at most {most} tokens"
            )
        rows = np.array([numbers], np.int32)
        every = {
            "token_ids": rows,
            "segment_ids": np.zeros_like(rows),
            "padding_mask": np.ones_like(rows),
        }
        made = self._compiled({name: ps.asarray(every[name]) for name in self.network.input})
        logits = made["logits"].numpy()[0, np.flatnonzero(rows[0] == gap)]
        return best_of(ps.nn.softmax(ps.asarray(logits)).numpy(), self.tokenizer.tokens, top)
