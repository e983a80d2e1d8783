"""What the running process shares: the thread pool, the memory of the host, what happens where a kernel is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock import _native
from penstock.config import Fallback
from penstock.errors import InvalidValueError


def num_threads() -> int:
    """Return the number of threads that kernels share.

    Returns:
        One or more.

    Raises:
        Nothing.

    >>> num_threads() >= 1
    True
    """
    return int(_native.num_threads())


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let kernels use so many threads while the block runs. Results do not depend on it.

    Args:
        count: One or more.

    Raises:
        InvalidValueError: The count is less than one.

    >>> with threads(1):
    ...     num_threads()
    1
    """
    if count < 1:
        raise InvalidValueError(f"[threads] got {count}; a pool has one thread or more: threads(1)")
    outer = num_threads()
    _native.set_num_threads(count)
    try:
        yield
    finally:
        _native.set_num_threads(outer)


@contextmanager
def fallback(policy: Fallback) -> Iterator[None]:
    """Say what happens in the block when an op has no kernel on its device and would run on the host.

    Args:
        policy: "warn" once for each op, "silent", or "error".

    Raises:
        InvalidValueError: There is no such policy.

    >>> with fallback("silent"):
    ...     pass
    """
    outer = _native.get_fallback()
    _native.set_fallback(policy)
    try:
        yield
    finally:
        _native.set_fallback(outer)


def memory_stats() -> dict[str, int]:
    """Count the host's memory: `live_bytes`, `cached_bytes`, `peak_bytes`, `num_allocations`, `limit`.

    Returns:
        The counts; `limit` is 0 where there is none.

    Raises:
        Nothing.

    >>> memory_stats()["live_bytes"] <= memory_stats()["peak_bytes"]
    True
    """
    return dict(_native.memory_stats())


__all__ = ["fallback", "memory_stats", "num_threads", "threads"]
