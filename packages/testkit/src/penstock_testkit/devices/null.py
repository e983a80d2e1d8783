"""The null device: it keeps bytes and has no kernel, so that everything falls back to the host."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import Any


class NullDevice:
    """The least that a device can be: the six methods over a table of byte arrays."""

    type = "null"

    def __init__(self) -> None:
        self._memory: dict[int, bytearray] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()  # a collection inside may free tensors

    def properties(self) -> Mapping[str, Any]:
        """Two devices, so that copies between neighbours are tested too."""
        return {"count": 2}

    def allocate(self, index: int, num_bytes: int) -> int:
        """Return the number of a new byte array."""
        with self._lock:
            number = next(self._numbers)
            self._memory[number] = bytearray(num_bytes)
            return number

    def free(self, index: int, memory: int) -> None:
        """Forget a byte array."""
        with self._lock:
            del self._memory[memory]

    def copy_in(self, index: int, memory: int, source: memoryview) -> None:
        """Store host bytes."""
        self._memory[memory][: len(source)] = source

    def copy_out(self, index: int, target: memoryview, memory: int) -> None:
        """Read bytes back."""
        target[:] = self._memory[memory][: len(target)]

    def synchronize(self, index: int) -> None:
        """Nothing is ever under way."""

    def live(self) -> int:
        """Count what is allocated now."""
        return len(self._memory)
