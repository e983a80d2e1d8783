"""The errors of this reader."""

from __future__ import annotations

from penstock.errors import FormatError

DEEPEST = 24
"""How many graphs or functions may lie in each other; deeper files are refused."""

LARGEST = 1 << 24
"""How many elements a constant may have that the reader computes itself."""


class DataDependentError(FormatError):
    """A size, or a number of results, that only the numbers of a call decide."""


class UnsupportedOperatorError(FormatError, NotImplementedError):
    """An operator, or a form of one, that has no converter."""
