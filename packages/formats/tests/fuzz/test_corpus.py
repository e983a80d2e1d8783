"""Files that were once a finding of the fuzzer: now a result or a named error, within 10 s and 1 GiB."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="memory is limited where POSIX is")

HERE = Path(__file__).parent
NAMES = sorted(folder.name for folder in (HERE / "corpus").iterdir())
NEEDS = {"onnx": "onnx", "keras_h5": "h5py", "keras_archive": "h5py"}


@pytest.mark.parametrize("name", NAMES)
def test_no_file_of_the_corpus_is_a_finding(name: str, tmp_path: Path) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    command = [sys.executable, str(HERE / "fuzz.py"), name, "--replay", "--found", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_fails_is_found(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import pathlib, fuzz_reader, fuzz_targets\n"
        "found = pathlib.Path(sys.argv[2]); kept = []\n"
        "def read(path):\n"
        "    if path.read_bytes() == b'y': raise KeyError(path)\n"
        "fuzz_reader.TARGETS['bad'] = fuzz_targets.Target('a', lambda: iter([b'x']), read)\n"
        "run = fuzz_reader.Run('bad', found, found, lambda kind, data: kept.append((kind, data)))\n"
        "run.feed(b'x'), run.feed(b'y')\n"
        "print(kept)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(HERE), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[('KeyError-outside', b'y')]\n"
