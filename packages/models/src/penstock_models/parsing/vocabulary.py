"""What a parser knows: words, letters, relations and parts of speech, each with a number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_models.parsing.sentence import Sentence, Word

PADDING, ROOT, UNKNOWN = 0, 1, 2
FIRST = 3

Numbers = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True)
class ParserVocabulary:
    """The words, letters, relations and tags of a parser, in the order of their numbers.

    Words and letters begin with number 3: 0 is padding, 1 the root, 2 what is unknown. Relations and tags begin with 0.

    Args:
        words: In lower case.
        characters: As they are.
        relations: With subtypes, such as "nmod:poss".
        tags: Both parts of speech of a word, with a space between: "NOUN NNS".
        word_length: How many letters of a word are seen.

    Raises:
        ValueError: Never here.
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    relations: tuple[str, ...]
    tags: tuple[str, ...]
    word_length: int = 16

    @classmethod
    def of(cls, sentences: Iterable[Sentence], min_words: int = 2, min_characters: int = 3) -> Self:
        """Collect what sentences have; the most frequent first, then by the alphabet.

        Args:
            sentences: Sentences with trees.
            min_words: How often a word must occur to be known.
            min_characters: How often a letter must.

        Returns:
            The vocabulary.

        Raises:
            ValueError: There are no sentences, or a word has no head.

        >>> ParserVocabulary.of([Sentence.of(["Go", "go"], [0, 1], ["root", "dep"])], 2, 1).words
        ('go',)
        """
        words, letters, relations, tags = (Counter[str]() for _ in range(4))
        for sentence in sentences:
            for word in sentence:
                if word.head is None:
                    raise InvalidValueError(
                        f"[parser] {word.form!r} has no head; give sentences with trees"
                    )
                words[word.form.lower()] += 1
                letters.update(word.form)
                relations[word.relation] += 1
                tags[tag_of(word)] += 1
        if not words:
            raise InvalidValueError("[parser] got no sentences; give some with trees")
        return cls(
            _frequent(words, min_words),
            _frequent(letters, min_characters),
            _frequent(relations, 1),
            _frequent(tags, 1),
        )

    @cached_property
    def _numbers(self) -> dict[str, dict[str, int]]:
        first = {"words": FIRST, "characters": FIRST, "relations": 0, "tags": 0}
        return {
            name: {item: i for i, item in enumerate(getattr(self, name), start)}
            for name, start in first.items()
        }

    @property
    def sizes(self) -> dict[str, int]:
        """The fields of a `BiaffineParserConfig` that the data decides."""
        return {
            "num_words": len(self.words) + FIRST,
            "num_characters": len(self.characters) + FIRST,
            "num_relations": len(self.relations),
            "num_tags": len(self.tags),
            "word_length": self.word_length,
        }

    def word_numbers(self, forms: Sequence[str]) -> Numbers:
        """Return the root's number and then each word's: [words + 1]."""
        known = self._numbers["words"]
        return np.array([ROOT, *(known.get(form.lower(), UNKNOWN) for form in forms)], np.int32)

    def letter_numbers(self, forms: Sequence[str]) -> Numbers:
        """Return the letters of the root and of each word: [words + 1, letters]. Of long words the middle is left out."""
        known = self._numbers["characters"]
        rows = np.zeros((len(forms) + 1, self.word_length), np.int32)
        rows[0, 0] = ROOT
        end = self.word_length // 2 - 1
        for row, form in zip(rows[1:], forms, strict=True):
            seen = form
            if len(form) > self.word_length:
                seen = form[: self.word_length - end] + form[len(form) - end :]
            row[: len(seen)] = [known.get(letter, UNKNOWN) for letter in seen]
        return rows

    def relation_numbers(self, sentence: Sentence) -> list[int]:
        """Return the number of each word's relation; -1 for one that is unknown."""
        known = self._numbers["relations"]
        return [known.get(word.relation, -1) for word in sentence]

    def tag_numbers(self, sentence: Sentence) -> list[int]:
        """Return the number of each word's tag; -1 for one that is unknown."""
        known = self._numbers["tags"]
        return [known.get(tag_of(word), -1) for word in sentence]

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON.

        Args:
            path: The file.

        Returns:
            Nothing.

        Raises:
            OSError: The file cannot be written.
        """
        text = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))
        Path(path).write_text(text + "\n", "utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Args:
            path: The file.

        Returns:
            The vocabulary.

        Raises:
            FormatError: The file holds no vocabulary.
        """
        try:
            data: Mapping[str, Any] = json.loads(Path(path).read_text("utf-8"))
            lists = {
                name: tuple(data[name]) for name in ("words", "characters", "relations", "tags")
            }
            return cls(**lists, word_length=int(data["word_length"]))
        except (ValueError, KeyError, TypeError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise FormatError(
                f"[parser] {path} holds no vocabulary ({error!r}); expected JSON with {names}"
            ) from None


def tag_of(word: Word) -> str:
    """Return both parts of speech of a word as one tag."""
    return f"{word.upos} {word.xpos}"


def _frequent(counts: Counter[str], least: int) -> tuple[str, ...]:
    order = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(item for item, count in order if count >= least)
