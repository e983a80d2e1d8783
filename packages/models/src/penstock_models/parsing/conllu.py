"""CoNLL-U: a line of ten columns for each word, an empty line after each sentence.

https://universaldependencies.org/format.html
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from penstock.errors import FormatError
from penstock_models.parsing.sentence import Range, Sentence, Word
from penstock_models.parsing.trees import what_is_wrong

_WORD = re.compile(r"[1-9][0-9]*")
_RANGE = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")
_EMPTY = re.compile(r"[0-9]+\.[1-9][0-9]*")


def read_conllu(path: str | Path) -> list[Sentence]:
    """Read a file of sentences.

    Args:
        path: A .conllu file, or one that gzip made (.gz).

    Returns:
        The sentences.

    Raises:
        FormatError: The file is missing, cut off, not UTF-8, or a line or tree in it is wrong; with the line's number.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except FileNotFoundError:
        raise FormatError(f"[conllu] there is no {path}") from None
    except (EOFError, OSError) as error:
        raise FormatError(f"[conllu] {path} cannot be read: {error}") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"[conllu] {path}, line {line}: the bytes are not UTF-8; save the file as UTF-8, "
            f"such as with `iconv -f latin1 -t utf-8`"
        ) from None
    return parse_conllu(text, str(path))


def parse_conllu(text: str, name: str = "text") -> list[Sentence]:
    r"""Read sentences from a string.

    Args:
        text: What a .conllu file holds.
        name: What messages call it.

    Returns:
        The sentences.

    Raises:
        FormatError: A line or a tree is wrong, or the text is cut off; with the line's number.

    >>> line = "1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_\n\n"
    >>> parse_conllu(line)[0].words[0].upos
    'VERB'
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    elif lines[-1].strip():
        raise FormatError(
            f"[conllu] {name}, line {len(lines)}: the text ends inside a line; it seems to be cut off"
        )
    return list(_sentences(lines, name))


def _sentences(lines: Sequence[str], name: str) -> Iterator[Sentence]:
    first = 0
    for i, line in enumerate(lines):
        if line.strip():
            continue
        if i > first:
            yield _Reader(name).sentence(lines[first:i], first + 1)
        first = i + 1
    if first < len(lines):
        raise FormatError(
            f"[conllu] {name}, line {len(lines)}: the text ends inside a sentence; if nothing is cut off, "
            "add an empty line after the last sentence"
        )


class _Reader:
    """Reads one sentence."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at = 0
        self.words: list[Word] = []
        self.ranges: list[Range] = []
        self.empty: list[tuple[int, str]] = []
        self.comments: list[str] = []

    def sentence(self, lines: Sequence[str], at: int) -> Sentence:
        for self.at, raw in enumerate(lines, at):
            line = raw.rstrip("\r")
            if line.startswith("#"):
                self.comments.append(line)
            else:
                self._row(line)
        start = at + len(self.comments)
        if not self.words:
            self._fail("a sentence has no words; take its comments out")
        if self.ranges and self.ranges[-1].last > len(self.words):
            last = self.ranges[-1]
            self._fail(
                f"token {last.first}-{last.last} has more words than the sentence, which has {len(self.words)}"
            )
        self._check_tree(start)
        return Sentence(
            tuple(self.words),
            tuple(self.ranges),
            tuple(self.empty),
            tuple(self.comments),
            start,
        )

    def _row(self, line: str) -> None:
        columns = line.split("\t")
        if len(columns) != 10:
            self._fail(
                f"got {len(columns)} columns; expected 10, with a tab between them: {line[:60]!r}"
            )
        number = columns[0]
        if _WORD.fullmatch(number):
            self._word(columns)
        elif several := _RANGE.fullmatch(number):
            self._range(int(several[1]), int(several[2]), columns[1], line)
        elif _EMPTY.fullmatch(number):
            self.empty.append((len(self.words), line))
        else:
            self._fail(f"got the number {number!r}; expected one such as 3, 3-4 or 3.1")

    def _word(self, columns: list[str]) -> None:
        number, form, lemma, upos, xpos, features, head, relation, dependencies, misc = columns
        if int(number) != len(self.words) + 1:
            self._fail(f"got word {number} after word {len(self.words)}; number them 1, 2, 3, ...")
        if not form.strip():
            self._fail(f"word {number} is empty; put the word into the second column")
        if head != "_" and not head.isdecimal():
            self._fail(f"got the head {head!r} of {form!r}; expected a word's number, 0 or _")
        self.words.append(
            Word(
                form,
                lemma,
                upos,
                xpos,
                features,
                None if head == "_" else int(head),
                relation,
                dependencies,
                misc,
            )
        )

    def _range(self, first: int, last: int, form: str, line: str) -> None:
        before = self.ranges[-1].last if self.ranges else 0
        if first != len(self.words) + 1 or last < first or first <= before:
            self._fail(
                f"got the token {first}-{last} after word {len(self.words)}; "
                "put it before its words, and let none overlap"
            )
        self.ranges.append(Range(first, last, form, line))

    def _check_tree(self, start: int) -> None:
        heads = [word.head for word in self.words]
        if all(head is None for head in heads):
            return
        problem = what_is_wrong(heads)
        if problem:
            self.at = start
            self._fail(f"the sentence beginning here is no tree: {problem}")

    def _fail(self, message: str) -> None:
        raise FormatError(f"[conllu] {self.name}, line {self.at}: {message}")


def format_conllu(sentences: Iterable[Sentence]) -> str:
    r"""Return sentences as CoNLL-U.

    Args:
        sentences: The sentences.

    Returns:
        The lines, with an empty one after each sentence.

    Raises:
        ValueError: Never.

    >>> format_conllu([Sentence.of(["Go"], [0], ["root"])])
    '1\tGo\t_\t_\t_\t_\t0\troot\t_\t_\n\n'
    """
    return "".join(f"{line}\n" for sentence in sentences for line in _lines(sentence))


def _lines(sentence: Sentence) -> Iterator[str]:
    yield from sentence.comments
    ranges = {token.first: token.line for token in sentence.ranges}
    for number, word in enumerate((None, *sentence.words)):
        if word is not None:
            if number in ranges:
                yield ranges[number]
            yield _line(number, word)
        yield from (line for before, line in sentence.empty_nodes if before == number)
    yield ""


def _line(number: int, word: Word) -> str:
    head = "_" if word.head is None else str(word.head)
    front = (str(number), word.form, word.lemma, word.upos, word.xpos, word.features)
    return "\t".join((*front, head, word.relation, word.dependencies, word.misc))


def write_conllu(path: str | Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences to a file.

    Args:
        path: The file; what was there is replaced.
        sentences: The sentences.

    Returns:
        Nothing.

    Raises:
        OSError: The file cannot be written.
    """
    Path(path).write_text(format_conllu(sentences), "utf-8", newline="\n")
