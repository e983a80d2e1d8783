"""A device of tier 0: it holds memory and copies it. What has no kernel here runs on the host, with copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CAPACITY = 256 << 20  # bytes


class AcmeDevice:
    """Memory in Python's own heap, where yours would speak to a driver.

    What `allocate` returns is yours alone: the runtime hands it back and never looks inside. Methods are called from
    any thread. An exception reaches the user as the cause of a DeviceError.
    """

    type = "acme_demo"  # users write penstock.device("acme_demo:0")

    def __init__(self) -> None:
        self.used = 0

    def properties(self) -> Mapping[str, Any]:
        """How many there are, and what they have."""
        return {"count": 1, "memory_bytes": CAPACITY}

    def allocate(self, index: int, num_bytes: int) -> bytearray:
        """Return memory of at least this size."""
        if self.used + num_bytes > CAPACITY:
            raise MemoryError(f"{num_bytes} bytes do not fit: {self.used} of {CAPACITY} are in use")
        self.used += num_bytes
        return bytearray(num_bytes)

    def free(self, index: int, memory: bytearray) -> None:
        """Take memory back."""
        self.used -= len(memory)

    def copy_in(self, index: int, memory: bytearray, source: memoryview) -> None:
        """Copy host bytes to the start of the memory."""
        memory[: len(source)] = source

    def copy_out(self, index: int, target: memoryview, memory: bytearray) -> None:
        """Copy the start of the memory to the host."""
        target[:] = memory[: len(target)]

    def synchronize(self, index: int) -> None:
        """Wait until all that was asked for is done: here it always is."""
