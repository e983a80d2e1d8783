"""The table of ops that the runtime is built with says what the blocks say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import penstock

PACKAGE = Path(penstock.__file__).parent
TABLE = PACKAGE.parents[1] / "csrc" / "ops" / "op_table.inc"

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="an installed wheel has no csrc")


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock._generate", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_table_is_up_to_date() -> None:
    result = generate("--check")
    assert result.returncode == 0, result.stderr


def test_a_table_that_differs_is_found_and_written_anew(tmp_path: Path) -> None:
    other = tmp_path / "op_table.inc"
    other.write_text(TABLE.read_text(encoding="utf-8").replace("add", "plus"), encoding="utf-8")
    result = generate("--check", str(other))
    assert result.returncode == 1
    assert "is not what the op blocks say; write it anew with" in result.stderr
    assert generate(str(other)).returncode == 0
    assert other.read_text(encoding="utf-8") == TABLE.read_text(encoding="utf-8")


def test_it_needs_no_compiled_module() -> None:
    program = f"""
import runpy, sys
sys.argv = ["_generate.py", "--check"]
try:
    runpy.run_path({str(PACKAGE / "_generate.py")!r}, run_name="__main__")
except SystemExit as end:
    print(end.code, type(sys.modules["penstock._native"]).__name__)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout.strip() == "0 StandIn", result.stderr
