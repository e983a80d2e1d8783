"""What the kernel tests share: errors in ULP, a new Python, and the certainty that native kernels ran."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps

# Products by pairs add in another order than float32 does, which tests compare with; test_bf16_pairs.py asks for them.
os.environ.setdefault("PENSTOCK_BF16_PAIRS", "off")

Array = np.ndarray[Any, Any]
LIBRARY = "libpenstock_kernels_cpu.so"


@pytest.fixture(scope="session", autouse=True)
def native_kernels() -> None:
    """Fail at once when every test would silently run on the reference."""
    ps.add(1.0, 1.0)
    rows = ps._native.kernel_rows("add")
    assert any(row[0] == "kernels-cpu" for row in rows), f"no native kernels: {rows}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1234)


@pytest.fixture
def draw(rng: np.random.Generator) -> Callable[..., Array]:
    """Draw float32 numbers around zero: `draw(2, 3)`."""
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)


@pytest.fixture
def ulp() -> Callable[[Array, Array], float]:
    """Return the largest distance of float32 results from the float64 truth, in float32 steps."""

    def largest(got: Array, truth: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = truth.astype(np.float32)
            finite = np.isfinite(rounded)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))
            np.testing.assert_array_equal(got[np.isinf(rounded)], rounded[np.isinf(rounded)])
        error = np.abs(got[finite].astype(np.float64) - truth[finite])
        return float(np.max(error / np.spacing(np.abs(rounded[finite])), initial=0.0))

    return largest


@pytest.fixture
def python() -> Callable[..., str]:
    """Run a program in a new Python under other settings: `python(code, PENSTOCK_NUM_THREADS="2")`."""

    def run(code: str, **settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=os.environ | settings,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{settings}: exit status {done.returncode}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def library() -> Path:
    """Return the library that was loaded."""
    import penstock_kernels_cpu

    return Path(penstock_kernels_cpu.__file__).with_name(LIBRARY)
