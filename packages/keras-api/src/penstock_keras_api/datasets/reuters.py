"""Reuters: 11,228 newswires on 46 topics."""

from __future__ import annotations

import numpy as np

from penstock_keras_api.datasets import _archives, _files, _words
from penstock_keras_api.datasets._origins import REUTERS, REUTERS_WORDS
from penstock_keras_api.datasets._splits import Parts, shuffled

_TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    *,
    download: bool = False,
) -> Parts:
    """Load newswires as lists of numbers; a word's number is its rank by frequency, plus `index_from`.

    Args:
        path: Its name in the cache, or the path of an NPZ file.
        num_words: Numbers from here on become `oov_char`; None for the largest that there is, as in Keras.
        skip_top: Numbers below become `oov_char`.
        maxlen: Newswires of that many numbers or more are left out; None for no bound.
        test_split: Which part is for tests.
        seed: Of the order of the newswires.
        start_char: What every newswire begins with; None for nothing.
        oov_char: What stands for a word that is left out; None to leave no trace of it.
        index_from: What is added to every rank.
        download: Whether to download it if it is nowhere.

    Returns:
        (x_train, y_train), (x_test, y_test): lists, and topics from 0 to 45 in int64.

    Raises:
        ValueError: No newswire is shorter than `maxlen`.
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> (x_train, y_train), (x_test, y_test) = keras.datasets.reuters.load_data()  # doctest: +SKIP
    """
    file = _files.fetch(REUTERS, path=path, download=download)
    x, y = _archives.read_npz(file, "x", "y")
    ((x, y),) = _words.prepare(
        [shuffled(np.random.RandomState(seed), x, y)],
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    first = int(len(x) * (1 - test_split))
    return (x[:first], y[:first]), (x[first:], y[first:])


def get_word_index(
    path: str = "reuters_word_index.json", *, download: bool = False
) -> dict[str, int]:
    """Load the rank of every word of the newswires.

    Args:
        path: Its name in the cache, or the path of a JSON file.
        download: Whether to download it if it is nowhere.

    Returns:
        Ranks by word; the most frequent word has rank 1.

    Raises:
        DatasetNotFoundError: It is not on this machine.
        FormatError: The file is damaged.

    >>> from penstock import keras
    >>> keras.datasets.reuters.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return _words.read_index(_files.fetch(REUTERS_WORDS, path=path, download=download))


def get_label_names() -> tuple[str, ...]:
    """Return what the 46 topics are called.

    Raises:
        Nothing.

    >>> from penstock import keras
    >>> keras.datasets.reuters.get_label_names()[:3]
    ('cocoa', 'grain', 'veg-oil')
    """
    return _TOPICS
