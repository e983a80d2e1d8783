"""The errors of this reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import FormatError, PenstockError

DEEPEST = 24
"""How many graphs or functions may lie in each other; deeper files are refused."""

LARGEST = 1 << 24
"""How many elements a constant may have that the reader computes itself."""


class DataDependentError(FormatError):
    """A size, or a number of results, that only the numbers of a call decide."""


class UnsupportedOperatorError(FormatError, NotImplementedError):
    """An operator, or a form of one, that has no converter."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever a damaged file makes go wrong into a FormatError.

    Raises:
        FormatError: Something went wrong in the block.
    """
    try:
        yield
    except FormatError:
        raise
    except (
        PenstockError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as e:
        raise FormatError(f"[onnx] the file is damaged: {e}; get or export it again") from e
    except (RecursionError, MemoryError) as e:
        raise FormatError("[onnx] the file needs too much memory to read; is it damaged?") from e
