"""Find out which word of a sentence each word hangs on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_models.evaluation.dependency import DependencyEvaluation, evaluate_dependencies
from penstock_models.parsing.batches import by_length, inputs_of
from penstock_models.parsing.sentence import Sentence, Word
from penstock_models.parsing.spanning_tree import best_tree, greedy_heads
from penstock_models.parsing.tokens import split_words
from penstock_models.parsing.vocabulary import ParserVocabulary
from penstock_models.presets.schema import Preset

Decoding = Literal["tree", "greedy"]
PLACES = 2000  # words in a batch


class DependencyParser:
    """Give sentences their trees, and words their parts of speech.

    Args:
        vocabulary: What the parser knows.
        run: A function of words [batch, length] and characters [batch, length, letters] that returns "arcs",
            "relations" and "tags", as the backbone of "biaffine_parser" does.
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        vocabulary: ParserVocabulary,
        run: Callable[[Any], Mapping[str, Any]],
        preset: Preset | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.preset = preset
        self._run = run

    @property
    def labels(self) -> list[str]:
        """The relations that it knows."""
        return list(self.vocabulary.relations)

    def predict(
        self, sentence: str | Sequence[str] | Sentence, decoding: Decoding = "tree"
    ) -> Sentence:
        """Return a sentence with its tree.

        Args:
            sentence: A text, which is taken for one sentence and cut into words by `split_words`; or its words.
            decoding: "tree" finds the best tree with one root. "greedy" gives each word its best head, which is faster
                and need not be a tree.

        Returns:
            The words with head, relation and parts of speech; print it, or let a notebook show it.

        Raises:
            ValueError: There are no words, or a word is empty.
        """
        return self.predict_all([sentence], decoding)[0]

    def predict_all(
        self, sentences: Iterable[str | Sequence[str] | Sentence], decoding: Decoding = "tree"
    ) -> list[Sentence]:
        """Return several sentences with their trees; faster than one after the other.

        Args:
            sentences: Each as in `predict`.
            decoding: As in `predict`.

        Returns:
            A sentence for each. Of a `Sentence` all else is kept: comments, lemmas, ranges.

        Raises:
            ValueError: A sentence has no words, or a word is empty; or the decoding is unknown.
        """
        if decoding not in ("tree", "greedy"):
            raise InvalidValueError(f"[parser] got decoding={decoding!r}; use 'tree' or 'greedy'")
        given = [_sentence(sentence) for sentence in sentences]
        made: list[Sentence | None] = [None] * len(given)
        for length, size, members in by_length([len(s) + 1 for s in given], PLACES):
            for start in range(0, len(members), size):
                chosen = members[start : start + size]
                forms = [given[i].forms for i in chosen]
                found = self._run(inputs_of(forms, self.vocabulary, length))
                scores = {name: found[name].numpy() for name in ("arcs", "relations", "tags")}
                for row, i in enumerate(chosen):
                    one = {name: values[row] for name, values in scores.items()}
                    made[i] = self._decoded(given[i], one, decoding)
        return [sentence for sentence in made if sentence is not None]

    def _decoded(
        self, sentence: Sentence, scores: Mapping[str, Any], decoding: Decoding
    ) -> Sentence:
        size = len(sentence) + 1
        heads = (best_tree if decoding == "tree" else greedy_heads)(scores["arcs"][:size, :size])
        of_heads = scores["relations"][np.arange(1, size), heads]
        relations = self._relations(of_heads, heads)
        tags = [self.vocabulary.tags[i] for i in scores["tags"][1:size].argmax(-1)]
        words = []
        for word, head, relation, tag in zip(sentence, heads, relations, tags, strict=True):
            upos, _, xpos = tag.partition(" ")
            words.append(replace(word, head=head, relation=relation, upos=upos, xpos=xpos))
        return replace(sentence, words=tuple(words))

    def _relations(self, scores: np.ndarray[Any, Any], heads: Sequence[int]) -> list[str]:
        """Return the best relation of each word: "root" for the root, and for no other."""
        names = self.vocabulary.relations
        scores = scores.copy()
        if "root" in names:
            scores[:, names.index("root")] = np.where(np.array(heads) == 0, np.inf, -np.inf)
        return [names[i] for i in scores.argmax(-1)]

    def evaluate(
        self, sentences: Iterable[Sentence], decoding: Decoding = "tree"
    ) -> DependencyEvaluation:
        """Compare what the parser says with true trees.

        Args:
            sentences: Sentences with their trees, as `penstock_models.parsing.read_conllu` returns them.
            decoding: As in `predict`.

        Returns:
            The scores by the rules of the CoNLL 2018 shared task; "greedy" may make no trees, which is an error.

        Raises:
            ValueError: A sentence is no tree.
        """
        gold = list(sentences)
        return evaluate_dependencies(gold, self.predict_all(gold, decoding))


def _sentence(given: str | Sequence[str] | Sentence) -> Sentence:
    """Return a sentence without what is to be found."""
    if isinstance(given, Sentence):
        made = given
    else:
        forms = split_words(given) if isinstance(given, str) else list(given)
        if not all(isinstance(form, str) for form in forms):
            raise InvalidTypeError("[parser] expected a text, a list of words, or a Sentence")
        made = Sentence(tuple(Word(form) for form in forms))
    if not made.words:
        raise InvalidValueError("[parser] got a sentence without words; give at least one")
    if not all(form.strip() for form in made.forms):
        raise InvalidValueError("[parser] a word is empty; leave empty ones out")
    return made


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> DependencyParser:
    """Return the parser of a preset; arguments as in `image_classifier.of`."""
    run = loader.graph(preset, files)
    return DependencyParser(ParserVocabulary.load(files["vocabulary"]), run, preset)
