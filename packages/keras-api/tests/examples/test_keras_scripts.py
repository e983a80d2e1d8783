"""The example scripts run, briefly, and would run with Keras if only their import lines were changed."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "examples" / "keras"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("hub", "compare"))
BRIEFLY = ["--samples", "64", "--epochs", "1"]


def run(name, mirror):
    environment = {k: v for k, v in os.environ.items() if k != "PENSTOCK_MIRROR"}
    if mirror is not None:
        environment["PENSTOCK_MIRROR"] = mirror
    command = [sys.executable, str(FOLDER / f"{name}.py"), *BRIEFLY]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def load_compare():
    spec = importlib.util.spec_from_file_location("compare", FOLDER / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_scripts():
    assert len(SCRIPTS) >= 4


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name):
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror:
        pytest.skip("needs PENSTOCK_MIRROR: a folder with datasets")
    if name == "flowers":
        pytest.importorskip("PIL")
    done = run(name, mirror)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^test (accuracy|error) \d+\.\d{4,5}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_import_lines_change_for_keras(name):
    ours = (FOLDER / f"{name}.py").read_text("utf-8")
    theirs = load_compare().with_keras(ours)
    changed = [
        line
        for line, other in zip(ours.splitlines(), theirs.splitlines(), strict=True)
        if line != other
    ]
    assert changed
    assert all(re.match(r"(from|import) penstock", line) for line in changed)
    assert "penstock" not in theirs


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_short(name):
    assert len((FOLDER / f"{name}.py").read_text("utf-8").splitlines()) <= 120


def test_without_a_mirror_the_message_says_what_to_set():
    done = run("text_lstm", None)
    assert done.returncode == 1
    assert "set PENSTOCK_MIRROR to one that has datasets/rt_polarity" in done.stderr
