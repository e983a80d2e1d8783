"""IMDB: 50,000 film reviews, good or bad."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError
from penstock_keras_api.datasets import _archives, _files, _words
from penstock_keras_api.datasets._origins import IMDB, IMDB_WORDS
from penstock_keras_api.datasets._splits import Parts, shuffled


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    download: bool = False,
    **kwargs: Any,
) -> Parts:
    """Load film reviews as lists of numbers; a word's number is its rank by frequency, plus `index_from`.

    Args:
        path: Its name in the cache, or the path of an NPZ file.
        num_words: Numbers from here on become `oov_char`; None for the largest that there is, as in Keras.
        skip_top: Numbers below become `oov_char`.
        maxlen: Reviews of that many numbers or more are left out; None for no bound.
        seed: Of the order of the reviews.
        start_char: What every review begins with; None for nothing.
        oov_char: What stands for a word that is left out; None to leave no trace of it.
        index_from: What is added to every rank.
        download: Whether to download it if it is nowhere.
        **kwargs: Nothing; other names are refused.

    Returns:
        (x_train, y_train), (x_test, y_test): 25,000 lists each, and 0 (bad) or 1 (good) in int64.

    Raises:
        TypeError: An argument is unknown.
        ValueError: No review is shorter than `maxlen`.
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=10_000)  # doctest: +SKIP
    """
    if kwargs:
        raise InvalidTypeError(
            f"[imdb] got {', '.join(kwargs)}; expected path, num_words, skip_top, maxlen, seed, start_char, oov_char, "
            "index_from or download"
        )
    file = _files.fetch(IMDB, path=path, download=download)
    a, b, c, d = _archives.read_npz(file, "x_train", "y_train", "x_test", "y_test")
    state = np.random.RandomState(seed)  # one stream of numbers for the order of both parts
    train, test = _words.prepare(
        [shuffled(state, a, b), shuffled(state, c, d)],
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    return train, test


def get_word_index(path: str = "imdb_word_index.json", *, download: bool = False) -> dict[str, int]:
    """Load the rank of every word of the film reviews.

    Args:
        path: Its name in the cache, or the path of a JSON file.
        download: Whether to download it if it is nowhere.

    Returns:
        Ranks by word; the most frequent word has rank 1.

    Raises:
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> keras.datasets.imdb.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return _words.read_index(_files.fetch(IMDB_WORDS, path=path, download=download))
