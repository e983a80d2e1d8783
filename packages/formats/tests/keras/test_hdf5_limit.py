"""A file that keeps the HDF5 library busy is given up after time on the processor, not on the clock."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import time
from penstock_formats.keras import _hdf5_probe as probe
probe._SECONDS = 0
probe.limit(0)
time.sleep({asleep})
print("awake", flush=True)
while {busy}:
    pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's time")
def test_only_time_on_the_processor_counts() -> None:
    def run(asleep: float, busy: bool) -> subprocess.CompletedProcess[str]:
        program = PROGRAM.format(asleep=asleep, busy=busy)
        return subprocess.run(
            [sys.executable, "-c", program], check=False, capture_output=True, text=True
        )

    patient = run(2.5, False)
    assert (patient.returncode, patient.stdout) == (0, "awake\n")
    endless = run(0.0, True)
    assert (endless.returncode, endless.stdout) == (-signal.SIGXCPU, "awake\n")
