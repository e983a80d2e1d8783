"""WordPiece, the tokenizer of BERT, MiniLM and DistilBERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_models.tokenizers.rows import Frame
from penstock_models.tokenizers.tokenizer import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieceTokenizer(Tokenizer):
    """Cut texts into words, and words into the longest pieces that a vocabulary has.

    What it does is an op, so it works in graphs, and a saved graph has the vocabulary inside.

    Args:
        vocabulary: The pieces; those that begin with "##" go on with a word. It has [UNK], [CLS], [SEP] and [PAD].
        lower: Make letters small.
        strip_accents: Take the marks above and below letters away; by default if `lower`.
        split_ideographs: Make a word of each Chinese character.
        max_length: How long a row may be.
        max_characters: A longer word is unknown.
        prefix: What pieces begin with that go on with a word.

    Raises:
        ValueError: The vocabulary lacks a token that rows need.

    >>> few = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "fox", "##es", "!"])
    >>> few(["Foxes!", "a fox"])["token_ids"].tolist()
    [[2, 4, 5, 6, 3], [2, 1, 4, 3, 0]]
    >>> few.decode([2, 4, 5, 6, 3])
    'foxes !'
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lower: bool = True,
        strip_accents: bool | None = None,
        split_ideographs: bool = True,
        max_length: int = 512,
        max_characters: int = 100,
        prefix: str = "##",
    ) -> None:
        self._vocabulary = list(vocabulary)
        numbers = {token: number for number, token in enumerate(self._vocabulary)}
        for token in SPECIAL[:4]:
            if token not in numbers:
                raise InvalidValueError(
                    f"[WordPieceTokenizer] the vocabulary has no {token}; give one with {', '.join(SPECIAL[:4])}"
                )
        between = (numbers["[SEP]"],)
        frame = Frame(numbers["[CLS]"], between, numbers["[SEP]"], numbers["[PAD]"])
        super().__init__(frame, max_length, {t: numbers[t] for t in SPECIAL if t in numbers})
        self.lower = lower
        self.strip_accents = lower if strip_accents is None else strip_accents
        self.split_ideographs = split_ideographs
        self.max_characters = max_characters
        self.prefix = prefix
        self._words = ps.asarray(self._vocabulary, dtype="string")

    def _tokens(self) -> Sequence[str]:
        return self._vocabulary

    def pieces(self, texts: Any, size: int | None = None) -> tuple[Any, Any]:
        """Return numbers without what stands around texts; see `Tokenizer.pieces`."""
        return ps.strings.wordpiece(
            texts,
            self._words,
            size=size,
            lower=self.lower,
            strip_accents=self.strip_accents,
            split_ideographs=self.split_ideographs,
            prefix=self.prefix,
            max_characters=self.max_characters,
        )

    def text_of(self, tokens: Sequence[str]) -> str:
        """Return the tokens with spaces between words."""
        text = " ".join(tokens)
        return text.replace(f" {self.prefix}", "").removeprefix(self.prefix)
