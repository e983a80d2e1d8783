"""What goes wrong with files, in the words of every message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import FormatError, PenstockError


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn whatever an absurd file makes fail into a FormatError; errors with a remedy stay what they are.

    Raises:
        FormatError: Something inside failed.
    """
    try:
        yield
    except PenstockError:
        raise
    except RecursionError as error:
        raise FormatError(
            f"[load_model] {where} is nested too deeply; save the model again"
        ) from error
    except (
        ArithmeticError, AttributeError, AssertionError, LookupError, MemoryError, NotImplementedError, RuntimeError,
        TypeError, ValueError,
    ) as error:  # fmt: skip
        raise FormatError(
            f"[load_model] {where} makes no sense ({type(error).__name__}: {error}); save the model again, and see that "
            "classes of your own take what their get_config returns"
        ) from error
