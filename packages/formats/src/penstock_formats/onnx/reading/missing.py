"""Operators that cannot be read yet, and why."""

from typing import Final

WHY_NOT: Final = {
    "DeformConv": "offsets for each tap; nothing in core samples them",
    "ImageDecoder": "decode before: penstock.image.decode_image",
    "MaxRoiPool": "replaced by RoiAlign in every exporter",
    "TfIdfVectorizer": "counts n-grams; use penstock.strings before the model",
}

ONLY_EAGER: Final = {
    "BitCast": "of computed numbers",
    "Compress": "if the choice is computed",
    "NonMaxSuppression": "",
    "NonZero": "",
    "SequenceMap": "",
    "SplitToSequence": "if the size is a name",
    "StringNormalizer": "with stop words",
    "StringSplit": "",
    "Unique": "",
}
"""Operators, or forms of them, whose number of results only a call can tell."""
