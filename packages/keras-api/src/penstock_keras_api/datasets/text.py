"""Two long texts: Shakespeare's plays and Charlotte Bronte's novels."""

from __future__ import annotations

from penstock.errors import InvalidValueError
from penstock_keras_api.datasets import _files


def load_data(name: str = "shakespeare") -> str:
    """Load a text from the mirror.

    Args:
        name: "shakespeare" (1.1 million characters) or "bronte" (3.8 million).

    Returns:
        The text.

    Raises:
        ValueError: There is no such text.
        DatasetNotFoundError: `PENSTOCK_MIRROR` has no such file in datasets/text.

    >>> from penstock import keras
    >>> play = keras.datasets.text.load_data("shakespeare")  # doctest: +SKIP
    """
    if name not in ("shakespeare", "bronte"):
        raise InvalidValueError(f"[text] got name={name!r}; expected 'shakespeare' or 'bronte'")
    return _files.local("text", f"{name}.txt").read_text("utf-8")
