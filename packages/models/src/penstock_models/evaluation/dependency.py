"""How good dependency trees are, by the rules of the CoNLL 2018 shared task.

Words of both sides are matched by the letters that they cover, so sides may cut a text differently. Subtypes of
relations do not count ("nmod:poss" is "nmod"), empty nodes are left out, punctuation counts.

Zeman et al., 2018, https://aclanthology.org/K18-2001.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from penstock.errors import InvalidValueError
from penstock_models.evaluation.word_alignment import Node, Side, aligned
from penstock_models.parsing.sentence import Sentence, Word
from penstock_models.parsing.trees import what_is_wrong


@dataclass(frozen=True)
class Share:
    """How many words were right, of how many on each side.

    Args:
        right: How many.
        gold: How many words there are in truth.
        system: How many words the parser had.

    Raises:
        ValueError: Never.

    >>> Share(8, 10, 10).f1
    0.8
    """

    right: int
    gold: int
    system: int

    @property
    def precision(self) -> float:
        """The part of the parser's words that is right."""
        return self.right / self.system if self.system else 0.0

    @property
    def recall(self) -> float:
        """The part of the true words that was found."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """2 · precision · recall / (precision + recall)."""
        total = self.gold + self.system
        return 2 * self.right / total if total else 0.0


@dataclass(frozen=True)
class DependencyEvaluation:
    """Scores of a parser.

    Args:
        words: Words that are cut as they should be.
        uas: Words with the right head.
        las: Words with the right head and relation, without subtypes.
        upos: Words with the right universal part of speech.
        xpos: Words with the right part of speech of the language's own scheme.

    Raises:
        ValueError: Never here; see `evaluate_dependencies`.
    """

    words: Share
    uas: Share
    las: Share
    upos: Share
    xpos: Share

    def __str__(self) -> str:
        """Return a line for each score."""
        lines = []
        for name in ("words", "uas", "las", "upos", "xpos"):
            share: Share = getattr(self, name)
            lines.append(f"{name.upper():<6}{100 * share.f1:6.2f}   {share.right} of {share.gold}")
        return "\n".join(lines)


def evaluate_dependencies(
    gold: Iterable[Sentence], system: Iterable[Sentence]
) -> DependencyEvaluation:
    """Compare trees with the true ones.

    Args:
        gold: The true sentences.
        system: A parser's sentences of the same text; they may be cut differently.

    Returns:
        The scores.

    Raises:
        ValueError: The texts differ, or a sentence's heads make no tree with one root.

    >>> gold = Sentence.of(["Birds", "fly"], [2, 0], ["nsubj:outer", "root"])
    >>> made = Sentence.of(["Birds", "fly"], [2, 0], ["nsubj", "root"])
    >>> evaluate_dependencies([gold], [made]).las.f1
    1.0
    """
    sides = _side(gold, "gold"), _side(system, "system")
    _check_letters(*sides)
    pairs = list(aligned(sides[0].nodes, sides[1].nodes))
    partner = {id(theirs): ours for ours, theirs in pairs}

    def share(is_right: Callable[[Node, Node], bool]) -> Share:
        right = sum(is_right(ours, theirs) for ours, theirs in pairs)
        return Share(right, len(sides[0].nodes), len(sides[1].nodes))

    def same_head(ours: Node, theirs: Node) -> bool:
        if ours.head is None or theirs.head is None:
            return ours.head is theirs.head
        return partner.get(id(theirs.head)) is ours.head

    return DependencyEvaluation(
        words=share(lambda a, b: True),
        uas=share(same_head),
        las=share(lambda a, b: same_head(a, b) and _relation(a.word) == _relation(b.word)),
        upos=share(lambda a, b: a.word.upos == b.word.upos),
        xpos=share(lambda a, b: a.word.xpos == b.word.xpos),
    )


def _relation(word: Word) -> str:
    return word.relation.partition(":")[0]


def _side(sentences: Iterable[Sentence], name: str) -> Side:
    side = Side()
    for number, sentence in enumerate(sentences, 1):
        problem = what_is_wrong([word.head for word in sentence])
        if problem:
            raise InvalidValueError(
                f"[evaluate_dependencies] {name} sentence {number} is no tree: {problem}"
            )
        side.add(sentence)
    return side


def _check_letters(gold: Side, system: Side) -> None:
    ours, theirs = "".join(gold.letters), "".join(system.letters)
    if ours == theirs:
        return
    both = zip(ours, theirs, strict=False)
    at = next((i for i, (a, b) in enumerate(both) if a != b), min(len(ours), len(theirs)))
    raise InvalidValueError(
        f"[evaluate_dependencies] the texts differ after {at} letters: gold has {ours[at : at + 20]!r}, system "
        f"{theirs[at : at + 20]!r}; give the same sentences in the same order"
    )
