"""A folder is there whole or not at all: after kill -9, on a full disk, with a hole in between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import penstock as ps

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and limits")

# Saves 1, 2, 3, ... as the weight, and says of each one when it is on the disk. Runs until it is killed.
SAVER = """
import sys, numpy as np, penstock as ps
w = ps.Variable(np.zeros((200, 500), np.float32), name="w")
f = ps.function(lambda x: x * w)
number = int(sys.argv[2])
while True:
    number += 1
    w.assign(np.full((200, 500), number, np.float32))
    ps.save(f, sys.argv[1], [("float32", ())], golden=(np.float32(1),))
    print(number, flush=True)
"""


def weight(folder: Path) -> int:
    values = ps.load(folder).variables["w"].value.numpy()
    assert (values == values[0, 0]).all()
    return int(values[0, 0])


@posix
def test_kill_9_leaves_the_folder_before_or_the_one_after(tmp_path: Path) -> None:
    """PENSTOCK_TEST_KILLS says how often."""
    rng = random.Random(0)
    folder, last = tmp_path / "net", 0
    for _ in range(int(os.environ.get("PENSTOCK_TEST_KILLS", "4"))):
        with subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder), str(last)], stdout=subprocess.PIPE, text=True
        ) as saver:
            assert saver.stdout is not None
            told = int(saver.stdout.readline())
            time.sleep(rng.random() * 0.05)
            saver.send_signal(signal.SIGKILL)
            told = max([told, *map(int, saver.stdout.read().split())])
        assert weight(folder) in (told, told + 1)
        last = weight(folder)
    w = ps.Variable(1.0, name="w")
    ps.save(ps.function(lambda x: x * w), folder, [("float32", ())])
    assert [path.name for path in tmp_path.iterdir()] == ["net"]  # what was killed is cleared


@posix
def test_a_full_disk_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    w = ps.Variable(np.full((200, 500), 7, np.float32), name="w")
    ps.save(ps.function(lambda x: x * w), tmp_path / "net", [("float32", ())])
    limited = (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n" + SAVER
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, str(tmp_path / "net"), "8"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "OSError" in done.stderr
    assert weight(tmp_path / "net") == 7
    assert [path.name for path in tmp_path.iterdir()] == ["net"]  # nothing half written stays


def test_a_function_that_fails_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    double = ps.function(lambda x: x * 2)
    spec = [("float32", ("n",))]
    ps.save(double, tmp_path / "net", spec)
    with pytest.raises(ps.errors.ShapeError):
        ps.save(double, tmp_path / "net", spec, golden=(np.zeros((2, 2), np.float32),))
    assert ps.load(tmp_path / "net")(np.float32([1])).tolist() == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for factor in (2, 3):
        ps.save(ps.function(lambda x, f=factor: x * f), tmp_path / "link", [("float32", ())])
        assert ps.load(tmp_path / "link")(1.0).item() == factor
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_loaded_model_outlives_its_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        w = ps.Variable(np.full((1000,), number, np.float32), name="w")
        ps.save({"read": lambda w=w: w.value}, tmp_path / "net", {"read": []})
        if number == 1:
            first = ps.load(tmp_path / "net")
    assert first().numpy().max() == 1
    assert ps.load(tmp_path / "net")().numpy().max() == 2
