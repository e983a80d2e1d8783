"""A model that makes numbers of a text: near each other for texts that mean the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.adapt.texts import AdaptableTexts
from penstock_models.presets.schema import Input, Preset
from penstock_models.tokenizers import Tokenizer
from penstock_models.tokenizers.batches import in_batches, rows_of

TEXT = Input(kind="text")


class TextEncoder(AdaptableTexts):
    """Make a vector of a text.

    Args:
        tokenizer: Makes rows of numbers of texts.
        make_network: Returns the network, from rows to "pooled" [batch, width].
        normalize: Whether vectors get the length 1, so that their product is the cosine between them.
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        make_network: Callable[[], keras.Model],
        normalize: bool = True,
        preset: Preset | None = None,
    ) -> None:
        self.labels: list[str] = []
        self.input = preset.input if preset else TEXT
        self.preset = preset
        self.tokenizer = tokenizer
        self.normalize = normalize
        self._make_network = make_network

    @cached_property
    def _compiled(self) -> Callable[[Any], Any]:
        network, normalize = self.network, self.normalize

        def run(rows: Any) -> Any:
            pooled = network(rows, training=False)["pooled"]
            return ps.nn.l2_normalize(pooled, axis=-1) if normalize else pooled

        made: Callable[[Any], Any] = ps.function(run, autograph=False)
        return made

    def vectors(self, texts: str | Sequence[str], batch_size: int = 32) -> ps.Tensor:
        """Return a vector for each text.

        Args:
            texts: A text, or several.
            batch_size: How many go at once.

        Returns:
            float32 [texts, width].

        Raises:
            ValueError: There are no texts.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
        rows = rows_of(self.tokenizer, several)
        names = list(self.network.input)
        return ps.asarray(
            in_batches(self._compiled, rows, names, self.tokenizer.max_length, batch_size)
        )

    def predict(self, texts: str | Sequence[str]) -> np.ndarray[Any, Any]:
        """Return `vectors` as NumPy's array."""
        found: np.ndarray[Any, Any] = self.vectors(texts).numpy()
        return found

    def similarity(self, texts: str | Sequence[str], others: str | Sequence[str]) -> ps.Tensor:
        """Return how near texts are to others: the cosine of the angle between their vectors.

        Args:
            texts: A text, or several.
            others: Likewise.

        Returns:
            float32 [texts, others], from -1 to 1.

        Raises:
            ValueError: There are no texts.
        """
        one, two = (ps.nn.l2_normalize(self.vectors(t), axis=-1) for t in (texts, others))
        found: ps.Tensor = ps.matmul(one, ps.matrix_transpose(two))
        return found


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> TextEncoder:
    """Return the encoder of a preset.

    Args:
        preset: The preset; its option "normalize" says whether vectors get the length 1.
        files: Where its files are.
        loader: The module that reads them, with `network` and `tokenizer`.
    """
    return TextEncoder(
        loader.tokenizer(preset, files),
        lambda: loader.network(preset, files),
        bool(preset.options.get("normalize", False)),
        preset,
    )
