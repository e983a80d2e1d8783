"""Makes a virtual environment for each framework, with pip; one that cannot be made is left out, with the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.candidates import FRAMEWORKS, OURS


def make(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Make what is missing.

    Args:
        folder: Below it there is one for each framework.

    Returns:
        The interpreter of each framework, and why others have none.
    """
    pythons: dict[str, str] = {}
    failures: dict[str, str] = {}
    for name, framework in FRAMEWORKS.items():
        if name in (OURS, "numpy"):
            continue
        place = folder / name
        python = place / "bin" / "python"
        done = place / "installed"
        try:
            if not done.exists():
                print(f"making an environment for {name}", flush=True)
                _run([sys.executable, "-m", "venv", "--clear", str(place)])
                _run([str(python), "-m", "pip", "install", "-q", "numpy", *framework.requirements])
                done.touch()
            pythons[name] = str(python)
        except subprocess.CalledProcessError as error:
            failures[name] = (error.stderr or "").strip().rpartition("\n")[2] or str(error)
    return pythons, failures


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
