"""Operators that cannot be read yet, and why."""

from typing import Final

WHY_NOT: Final = {
    "MaxRoiPool": "replaced by RoiAlign in every exporter",
    "TfIdfVectorizer": "counts n-grams; use penstock.strings before the model",
}

ONLY_EAGER: Final = {
    "BitCast": "of computed numbers",
    "Compress": "if the choice is computed",
    "ImageDecoder": "",
    "NonMaxSuppression": "",
    "NonZero": "",
    "SequenceMap": "",
    "SplitToSequence": "if the size is a name",
    "StringNormalizer": "with stop words",
    "StringSplit": "",
    "Unique": "",
}
"""Operators, or forms of them, whose number of results only a call can tell."""
