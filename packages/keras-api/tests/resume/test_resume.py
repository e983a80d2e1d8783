"""Trainings that are killed and go on, in real processes; full disks; backups that do not fit."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import CheckpointError

SCRIPT = Path(__file__).with_name("trained.py")
X = np.random.default_rng(5).normal(size=(24, 3)).astype(np.float32)
Y = X.sum(-1, keepdims=True)


def run(folder: Path, *args: Any) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(SCRIPT), str(folder), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def results(folder: Path) -> dict[str, Any]:
    with np.load(folder / "end.npz") as found:
        made: dict[str, Any] = dict(found)
    made["log"] = (folder / "log.csv").read_text()
    with np.load(folder / "best.weights.npz") as best:
        made |= {f"best_{name}": value for name, value in best.items()}
    return made


def assert_same_bits(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        if isinstance(value, str):
            assert found[name] == value
        else:
            assert found[name].tobytes() == value.tobytes(), name


@pytest.mark.parametrize(
    ("frequency", "data"),
    [
        (1, "arrays"),
        (3, "arrays"),
        ("epoch", "steps"),
        (2, "sequence"),
        (4, "generator"),
        (2, "dataset"),
    ],
)
def test_killed_at_random_steps(tmp_path: Path, frequency: Any, data: str) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    done = run(whole, frequency, data, 0)
    assert done.returncode == 0, done.stderr
    rng = random.Random(f"{frequency}{data}")
    kills = 0
    for _ in range(2):
        done = run(pieces, frequency, data, rng.randint(7, 14))
        kills += done.returncode == -signal.SIGKILL
    done = run(pieces, frequency, data, 0)
    assert done.returncode == 0, done.stderr
    assert kills == 2
    assert_same_bits(results(pieces), results(whole))
    assert not (pieces / "backup").exists()


def test_killed_from_outside_at_any_time(tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    assert run(whole, 1, "arrays", 0).returncode == 0
    pieces.mkdir()
    backup = pieces / "backup" / "training.safetensors"
    rng = random.Random(11)
    for _ in range(3):
        before = backup.stat().st_mtime_ns if backup.exists() else 0
        process = subprocess.Popen([sys.executable, str(SCRIPT), str(pieces), "1", "arrays", "0"])
        while process.poll() is None and not (
            backup.exists() and backup.stat().st_mtime_ns > before
        ):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.wait()
    assert run(pieces, 1, "arrays", 0).returncode == 0
    assert_same_bits(results(pieces), results(whole))


def model() -> Any:
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    made.compile("adam", "mse")
    return made


class StopError(Exception):
    """What ends a training here."""


def stop_after(epochs: int) -> Any:
    def end(epoch: int, logs: Any) -> None:
        if epoch + 1 == epochs:
            raise StopError

    return keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: end(e, logs))


def interrupted(folder: Path, **more: Any) -> Any:
    """Train for two epochs, and stop in the third."""
    keep = keras.callbacks.BackupAndRestore(folder, **more)
    with pytest.raises(StopError):
        model().fit(X, Y, epochs=5, verbose=0, callbacks=[keep, stop_after(3)])
    return keep


def test_a_full_disk_leaves_the_last_backup(tmp_path: Path) -> None:
    interrupted(tmp_path)
    before = (tmp_path / "training.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        keep = keras.callbacks.BackupAndRestore(tmp_path)
        with pytest.raises(CheckpointError, match="previous one is as it was: free about"):
            model().fit(X, Y, epochs=5, verbose=0, callbacks=[keep])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "training.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["training.safetensors"]
    history = model().fit(
        X, Y, epochs=5, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)]
    )
    assert history.epoch == [0, 1, 2, 3, 4]


def test_a_backup_of_another_model(tmp_path: Path) -> None:
    interrupted(tmp_path)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="Remove the backup to train anew"):
        other.fit(X, Y, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])


def test_a_damaged_backup(tmp_path: Path) -> None:
    keep = interrupted(tmp_path / "one")
    path = tmp_path / "one" / "training.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="remove it to begin anew"):
        model().fit(X, Y, verbose=0, callbacks=[keep])
    keep = interrupted(tmp_path / "two", double_checkpoint=True)
    path = tmp_path / "two" / "training.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert model().fit(X, Y, epochs=4, verbose=0, callbacks=[keep]).epoch == [0, 1, 2, 3]


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    keep = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    first = model()
    history = first.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    again = model()
    assert again.fit(X, Y, epochs=2, verbose=0, callbacks=[keep]).history == history.history
    for a, b in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["training.safetensors"]


def test_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use 'epoch' or a number of batches"):
        keras.callbacks.BackupAndRestore(tmp_path, save_freq="step")
    with pytest.raises(ValueError, match="give a folder's name"):
        keras.callbacks.BackupAndRestore("")

    class Odd(keras.callbacks.Callback):
        def get_state(self) -> dict[str, Any]:
            return {"odd": object()}

    with pytest.raises(TypeError, match="return these from get_state"):
        model().fit(X, Y, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path), Odd()])
