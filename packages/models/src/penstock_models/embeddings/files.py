"""Files of word vectors: GloVe's text, word2vec's text and binary form, JSON, safetensors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import load_file
from penstock_models.weights import from_int8

Vectors = np.ndarray[Any, np.dtype[np.float32]]
Table = tuple[list[str], Vectors]


def read_vectors(path: str | Path) -> Table:
    """Read a file of word vectors.

    Args:
        path: ".bin" is word2vec's binary form, ".json" has {"vectors": {word: numbers}}; any other is text, a word and
            its numbers on each line, with word2vec's first line "words depth" or without it as GloVe's.

    Returns:
        The words, and [words, depth].

    Raises:
        FormatError: The file is missing, cut off, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"[word vectors] there is no {path}")
    match path.suffix:
        case ".bin":
            return read_binary(path)
        case ".json":
            return read_json(path)
    return read_lines(path)


def read_lines(path: Path) -> Table:
    """Read GloVe's or word2vec's text form: a word and its numbers on each line.

    Raises:
        FormatError: A line has another count of numbers than the first, or none.
    """
    words: list[str] = []
    rows: list[Vectors] = []
    try:
        lines = path.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"[word vectors] {path} is not UTF-8 ({error.reason} at byte {error.start}); word2vec's binary form "
            "is read from a name that ends in .bin"
        ) from None
    has_head = len(head := lines[0].split()) == 2 and all(part.isdecimal() for part in head)
    for number, line in enumerate(lines[has_head:], 1 + has_head):
        if not line:
            continue
        word, *numbers = line.rstrip().split(" ")
        try:
            row = np.array(numbers, np.float32)
        except ValueError:
            row = np.empty(0, np.float32)
        if not row.size or (rows and row.size != rows[0].size):
            raise FormatError(
                f"[word vectors] {path}, line {number}: expected a word and its numbers"
            )
        words.append(word)
        rows.append(row)
    if not rows or (has_head and [len(words), rows[0].size] != [int(part) for part in head]):
        said = f"; its first line says {lines[0]!r}" if has_head else ""
        raise FormatError(f"[word vectors] {path} has {len(words)} words{said}: it is cut off")
    return words, np.stack(rows)


def read_binary(path: Path) -> Table:
    """Read word2vec's binary form: a line "words depth", then each word, a space, and its float32 numbers.

    Raises:
        FormatError: The file is cut off, or is none.
    """
    data = path.read_bytes()
    head = data[: data.find(b"\n")].split()
    if len(head) != 2 or not all(part.isdigit() for part in head):
        raise FormatError(
            f"[word vectors] {path} does not begin with a line of two numbers; text has another ending than .bin"
        )
    count, depth = int(head[0]), int(head[1])
    at = data.find(b"\n") + 1
    words: list[str] = []
    if count * (depth * 4 + 2) > len(data):
        raise FormatError(
            f"[word vectors] {path} is too short for {count} words of {depth} numbers: it is cut off"
        )
    vectors = np.empty((count, depth), np.float32)
    for i in range(count):
        space = data.find(b" ", at)
        row = data[space + 1 : space + 1 + 4 * depth]
        if space < 0 or len(row) != 4 * depth:
            raise FormatError(
                f"[word vectors] {path} ends within word {i + 1} of {count}: it is cut off"
            )
        words.append(data[at:space].lstrip(b"\n").decode("utf-8", "replace"))
        vectors[i] = np.frombuffer(row, "<f4")
        at = space + 1 + 4 * depth
    return words, vectors


def read_json(path: Path) -> Table:
    """Read {"vectors": {word: numbers}}.

    Raises:
        FormatError: The file does not hold that.
    """
    try:
        table = json.loads(path.read_text("utf-8"))["vectors"]
        return list(table), np.array(list(table.values()), np.float32)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"[word vectors] {path} holds no table of vectors: {error}") from None


def read_own(weights: Path, vocabulary: Path) -> Table:
    """Read what a recipe wrote: one tensor [words, depth], and a word on each line.

    Raises:
        FormatError: There is another number of words than of vectors.
    """
    words = vocabulary.read_text("utf-8").split("\n")[:-1]
    (vectors,) = from_int8(load_file(weights)).values()
    table = np.asarray(vectors, np.float32)
    if table.ndim != 2 or len(table) != len(words):
        raise FormatError(
            f"[word vectors] {vocabulary} has {len(words)} words, {weights} vectors of shape {table.shape}"
        )
    return words, table


def write_vectors(path: str | Path, words: Sequence[str], vectors: Any) -> None:
    """Write a file of word vectors, as `read_vectors` reads it.

    Args:
        path: ".bin" for word2vec's binary form; any other for its text form, which GloVe's readers take without its
            first line.
        words: The words.
        vectors: [words, depth].

    Returns:
        Nothing.

    Raises:
        ValueError: A word holds a space, or there are not as many vectors.
        OSError: The file cannot be written.
    """
    table = np.ascontiguousarray(vectors, "<f4")
    if table.ndim != 2 or len(table) != len(words):
        raise InvalidValueError(
            f"[word vectors] got {len(words)} words and vectors of shape {table.shape}; give a row for each"
        )
    for word in words:
        if not word or word.split() != [word]:
            raise InvalidValueError(f"[word vectors] got the word {word!r}; words hold no spaces")
    is_binary = Path(path).suffix == ".bin"
    with Path(path).open("wb") as stream:
        stream.write(f"{len(words)} {table.shape[1]}\n".encode())
        for word, row in zip(words, table, strict=True):
            numbers = row.tobytes() if is_binary else " ".join(f"{x:.9g}" for x in row).encode()
            stream.write(word.encode() + b" " + numbers + b"\n")
