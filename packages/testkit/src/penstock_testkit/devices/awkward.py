"""The awkward device: all that a device may be and a program had better not count on.

- Its memory has rows of 60 bytes, each followed by 4 that nobody may touch, so that no tensor lies in one piece.
- It has 64 MiB; more is a MemoryError.
- It has kernels for a few ops in float32 only: no float64, and no copies to other devices but through the host.
- Its kernels work in threads of their own and end in an order that chance decides.

What it does not show: rows that follow a tensor's own last dimension, since `allocate` is told bytes and no shape; and
kernels of one run that overtake each other, since the runtime waits for each before it begins the next.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from penstock.reference import DeviceArray
from penstock.registry import op_blocks

ROW, PITCH = 60, 64
CANARY = 0xC3
CAPACITY = 64 << 20
KERNELS = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum", "negative", "exp", "tanh"),
    *("relu", "relu_grad", "matmul", "sum", "max", "transpose", "concat", "softmax"),
)

Rows = np.ndarray[Any, Any]


class AwkwardDevice:
    """The device. `live_bytes` and `complaints` are for tests."""

    type = "awkward"

    def __init__(self) -> None:
        self.live_bytes = 0
        self.complaints: list[str] = []
        self._lock = threading.RLock()  # a collection inside may free tensors
        self._known: set[int] = set()
        self._workers: ThreadPoolExecutor | None = None

    def properties(self) -> Mapping[str, Any]:
        """Say how much memory there is."""
        return {"count": 1, "memory_bytes": CAPACITY}

    # ---- memory

    def allocate(self, index: int, num_bytes: int) -> Rows:
        """Return rows, with their padding marked."""
        count = max(1, -(-num_bytes // ROW))
        with self._lock:
            if self.live_bytes + count * PITCH > CAPACITY:
                raise MemoryError(
                    f"awkward:{index} has {CAPACITY} bytes, {self.live_bytes} are in use; "
                    f"{num_bytes} more were asked for"
                )
            self.live_bytes += count * PITCH
            rows = np.full((count, PITCH), CANARY, np.uint8)
            self._known.add(id(rows))
        return rows

    def free(self, index: int, memory: Rows) -> None:
        """Take rows back; complain of strangers and of padding that was written to."""
        with self._lock:
            if id(memory) not in self._known:
                self.complaints.append(
                    "free got memory that is not the device's, or was freed before"
                )
                return
            self._known.remove(id(memory))
            self.live_bytes -= memory.nbytes
        if (memory[:, ROW:] != CANARY).any():
            self.complaints.append("the padding of a row was written to")

    def copy_in(self, index: int, memory: Rows, source: memoryview) -> None:
        """Spread host bytes over the rows."""
        self._store(memory, np.frombuffer(source, np.uint8))

    def copy_out(self, index: int, target: memoryview, memory: Rows) -> None:
        """Gather bytes from the rows."""
        np.frombuffer(target, np.uint8)[:] = self._load(memory, len(target))

    def synchronize(self, index: int) -> None:
        """Nothing is under way that nobody waits for."""

    def _store(self, memory: Rows, data: Rows) -> None:
        self._check(memory)
        whole, rest = divmod(len(data), ROW)
        memory[:whole, :ROW] = data[: whole * ROW].reshape(whole, ROW)
        if rest:
            memory[whole, :rest] = data[whole * ROW :]

    def _load(self, memory: Rows, count: int) -> Rows:
        self._check(memory)
        return np.ascontiguousarray(memory[: -(-count // ROW), :ROW]).reshape(-1)[:count]

    def _check(self, memory: Rows) -> None:
        if id(memory) not in self._known:
            self.complaints.append("memory was used after it was freed")
            raise ValueError("this memory is not the device's, or was freed")

    # ---- kernels

    def kernel(self, op: str) -> Callable[..., Future[None]]:
        """Make the kernel of an op: its reference, in a thread that takes its time."""
        reference = op_blocks(op)[op].reference_fn
        assert reference is not None, f"[{op}] has no reference to make a kernel of"

        def compute(inputs: tuple[DeviceArray, ...], out: DeviceArray, attrs: Any) -> None:
            time.sleep(random.choice((0.0, 0.0, 1e-4, 3e-4)))
            result = reference(*(self._array(x) for x in inputs), **attrs)
            dense = np.ascontiguousarray(result, "float32").reshape(-1)
            self._store(out.memory, dense.view(np.uint8))

        def run(ctx: Any, *inputs: DeviceArray, out: DeviceArray, **attrs: Any) -> Future[None]:
            return self._pool().submit(compute, inputs, out, attrs)

        return run

    def _array(self, x: DeviceArray) -> Rows:
        """Gather an operand, with its broadcasting strides."""
        steps = [(d - 1) * s for d, s in zip(x.shape, x.strides, strict=True)]
        count = 0 if 0 in x.shape else 1 + sum(steps)
        flat = self._load(x.memory, count * 4).view("float32")
        if not count:
            return np.zeros(x.shape, "float32")
        strides = [4 * s for s in x.strides]
        return np.lib.stride_tricks.as_strided(flat, x.shape, strides, writeable=False)

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._workers is None:
                self._workers = ThreadPoolExecutor(3, thread_name_prefix="awkward")
            return self._workers


DEVICE = AwkwardDevice()
