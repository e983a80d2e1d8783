"""Keeps the HDF5 library from going round for ever in a damaged file: another process reads the file first."""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

# The other process limits its own time on the processor; this is for one that waits, or a system without such a limit. A
# machine that is busy with other things makes a file no worse.
_SECONDS: Final = 8 if sys.platform == "win32" else 240
_BYTES_PER_SECOND: Final = 10 << 20 if sys.platform == "win32" else 1 << 20


class Guard:
    """A process that reads files, started by the first one, and again after one that ended it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def survives(self, data: bytes | memoryview) -> bool:
        """Whether a file can be read to an end, in a time that depends on its size."""
        if not sys.executable:
            return True  # inside of another program; there is no Python to run
        with self._lock:
            process = self._running()
            timer = threading.Timer(_SECONDS + len(data) / _BYTES_PER_SECOND, process.kill)
            timer.start()
            try:
                answer = _ask(process, data)
            finally:
                timer.cancel()
            if not answer:
                self.stop()
            return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("_hdf5_probe.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            self._owner = os.getpid()
        return self._process

    def stop(self) -> None:
        """End the process, if it is this program's own."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.kill()
            with suppress(OSError), process:  # what it had not read is lost
                process.wait()


def _ask(process: subprocess.Popen[bytes], data: bytes | memoryview) -> bool:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(struct.pack("<q", len(data)))
        process.stdin.write(data)
        process.stdin.flush()
        return process.stdout.read(1) == b"1"
    except OSError:
        return False


guard: Final = Guard()
atexit.register(guard.stop)
