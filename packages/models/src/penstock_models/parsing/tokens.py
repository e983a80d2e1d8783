"""Cut an English text into words, as Universal Dependencies do."""

from __future__ import annotations

import re

# What a part of a text can be, the first that fits; whatever else is no space is a word of one letter.
_PARTS = re.compile(
    r"""
    (?:https?://|www\.)\S+[\w/]         # addresses
  | [\w.+-]+@[\w-]+(?:\.[\w-]+)+        # of mail too
  | \$?\d+(?:[.,:/]\d+)*                # numbers, times, dates
  | (?:[A-Za-z]\.){2,}                  # U.S.
  | (?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|vs|etc|Inc|Ltd|Co|No)\.(?=\s|$)
  | \w+(?=n['’]t\b)                     # do of don't
  | n['’]t\b
  | ['’](?:s|re|ve|ll|d|m)\b            # 's of it's
  | \w+(?:&\w+)*
  | \.{2,} | -{2,} | [!?]+
  | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TOGETHER = {"cannot": ("can", "not"), "gonna": ("gon", "na"), "wanna": ("wan", "na")}


def split_words(text: str) -> list[str]:
    """Cut an English sentence into words and punctuation.

    Contractions become two words, as in Universal Dependencies' English treebanks. The rules are few: a text that is
    already cut is better given as a list.

    Args:
        text: A sentence.

    Returns:
        The words.

    Raises:
        ValueError: Never.

    >>> split_words("It doesn't cost $3.50, Mr. Smith's son said.")
    ['It', 'does', "n't", 'cost', '$', '3.50', ',', 'Mr.', 'Smith', "'s", 'son', 'said', '.']
    """
    words: list[str] = []
    for part in _PARTS.findall(text):
        if part.startswith("$") and len(part) > 1:
            words += ["$", part[1:]]
        elif part.lower() in _TOGETHER:
            first = len(_TOGETHER[part.lower()][0])
            words += [part[:first], part[first:]]
        else:
            words.append(part)
    return words
