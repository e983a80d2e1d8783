"""What goes wrong with a file of TensorFlow, in the words of every message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import FormatError, PenstockError


def problem(what: str, then: str) -> FormatError:
    """Make an error: what is wrong, and what to do."""
    return FormatError(f"[tensorflow] {what}; {then}")


def damaged(what: str) -> FormatError:
    """Make an error for a file that TensorFlow never writes."""
    return problem(what, "the file is damaged: save the model again, or fetch the file again")


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn whatever an absurd file makes fail into a FormatError.

    Raises:
        FormatError: Something inside failed.
    """
    try:
        yield
    except FormatError:
        raise
    except PenstockError as e:
        raise damaged(f"{where} does not fit: {e}") from e
    except RecursionError as e:
        raise damaged(f"{where} is nested too deeply") from e
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as e:
        raise damaged(f"{where} makes no sense ({type(e).__name__}: {e})") from e
