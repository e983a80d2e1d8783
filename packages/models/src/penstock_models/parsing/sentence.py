"""A sentence as CoNLL-U has it: words, and which word each hangs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidValueError

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Word:
    """A word, with what is known about it; "_" for what is not.

    Args:
        form: The word as it is written.
        lemma: Its dictionary form.
        upos: Its universal part of speech, such as "NOUN".
        xpos: Its part of speech in the language's own scheme, such as "NNS".
        features: Such as "Number=Plur".
        head: The number of the word that it hangs on, from 1; 0 for the root; None if that is not known.
        relation: How it hangs on it, such as "nsubj" or "nmod:poss".
        dependencies: The enhanced graph's column.
        misc: Anything else, such as "SpaceAfter=No".

    Raises:
        ValueError: Never here; see `read_conllu`.
    """

    form: str
    lemma: str = "_"
    upos: str = "_"
    xpos: str = "_"
    features: str = "_"
    head: int | None = None
    relation: str = "_"
    dependencies: str = "_"
    misc: str = "_"


@dataclass(frozen=True, slots=True)
class Range:
    """A token that stands for several words, as "don't" for "do" and "n't".

    Args:
        first: The number of its first word, from 1.
        last: The number of its last word.
        form: The token as it is written.
        line: The file's whole line, to be written back.

    Raises:
        ValueError: Never here; see `read_conllu`.
    """

    first: int
    last: int
    form: str
    line: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words in order, and what else a file says between them.

    Args:
        words: The words.
        ranges: The tokens of several words, in order.
        empty_nodes: How many words stand before each empty node, and its line; no tree and no score has them.
        comments: The lines before the sentence, with "#".
        line: The number of its first word's line in the file; 0 if it is from none.

    Raises:
        ValueError: Never here; see `read_conllu`.

    >>> Sentence.of(["Birds", "fly"], heads=[2, 0], relations=["nsubj", "root"]).words[0].head
    2
    """

    words: tuple[Word, ...]
    ranges: tuple[Range, ...] = ()
    empty_nodes: tuple[tuple[int, str], ...] = ()
    comments: tuple[str, ...] = ()
    line: int = 0

    @classmethod
    def of(
        cls,
        forms: Sequence[str],
        heads: Sequence[int] | None = None,
        relations: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
    ) -> Sentence:
        """Make a sentence of columns.

        Args:
            forms: The words.
            heads: The number of each word's head, from 1; 0 for the root.
            relations: How each hangs on its head.
            tags: The words' universal parts of speech.

        Returns:
            The sentence.

        Raises:
            ValueError: The columns differ in length.
        """
        count = len(forms)
        columns: tuple[Sequence[Any], ...] = (
            heads or [None] * count,
            relations or ["_"] * count,
            tags or ["_"] * count,
        )
        if any(len(column) != count for column in columns):
            raise InvalidValueError(
                f"[Sentence] got {count} words and columns of {[len(c) for c in columns]}; give one of each for a word"
            )
        rows = zip(forms, *columns, strict=True)
        return cls(tuple(Word(f, head=h, relation=r, upos=t) for f, h, r, t in rows))

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self.words)

    def __iter__(self) -> Iterator[Word]:
        """Go through the words."""
        return iter(self.words)

    @property
    def forms(self) -> list[str]:
        """The words as they are written."""
        return [word.form for word in self.words]

    @property
    def heads(self) -> list[int | None]:
        """The number of each word's head."""
        return [word.head for word in self.words]

    def __str__(self) -> str:
        """Return the tree as text, a line for each word."""
        from penstock_models.parsing.drawing import draw_text  # which draws sentences

        return draw_text(self)

    def __rich__(self) -> Table:
        """Return the tree for rich's console."""
        from rich.table import Table
        from rich.text import Text

        from penstock_models.parsing.drawing import draw_rows

        table = Table.grid(padding=(0, 2))
        for lines, number, form, tag, relation in draw_rows(self):
            cells = (
                (lines, "dim"),
                (number, "dim"),
                (form, "bold"),
                (tag, "cyan"),
                (relation, "green"),
            )
            table.add_row(*(Text(text, style) for text, style in cells))
        return table

    def _repr_html_(self) -> str:
        """Return the tree as a picture, for notebooks."""
        from penstock_models.parsing.drawing import draw_svg

        return f'<div style="overflow-x: auto">{draw_svg(self)}</div>'
