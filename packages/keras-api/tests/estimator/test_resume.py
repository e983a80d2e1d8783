"""A training that is killed goes on where its last checkpoint was, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_functions import COLUMNS, KIND, X, Y, batches

from penstock import keras
from penstock.keras import estimator

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_resume import make, from_dataset
slow = type("Slow", (make.hook,), {"after_run": lambda self, c, v: time.sleep(0.02)})
make(sys.argv[2]).train(from_dataset, hooks=[slow()])
"""


def make(folder: Any) -> Any:
    """A model with dropout, whose random numbers must go on too."""
    config = estimator.RunConfig(tf_random_seed=11, save_checkpoints_steps=5)
    return estimator.DNNClassifier(
        [8], COLUMNS, folder, dropout=0.3, optimizer="Adam", batch_norm=True, config=config
    )


make.hook = estimator.SessionRunHook  # type: ignore[attr-defined]


def from_dataset() -> Any:
    data = keras.data.Dataset.from_tensor_slices(({"x": X, "kind": KIND}, Y))
    return data.shuffle(256).batch(32).repeat(8)


class Interrupt(estimator.SessionRunHook):
    def __init__(self, after: int) -> None:
        self.left = after

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def assert_same(a: Any, b: Any) -> None:
    assert a.get_variable_names() == b.get_variable_names()
    for name in a.get_variable_names():
        np.testing.assert_array_equal(a.get_variable_value(name), b.get_variable_value(name), name)


@pytest.mark.parametrize("after", [1, 7, 10, 39])
@pytest.mark.parametrize("input_fn", [batches(epochs=5), from_dataset])
def test_an_interruption_leaves_no_trace(tmp_path: Path, after: int, input_fn: Any) -> None:
    whole = make(tmp_path / "whole").train(input_fn)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "parts").train(input_fn, hooks=[Interrupt(after)])
    parts = make(tmp_path / "parts").train(input_fn)
    assert_same(whole, parts)


def test_steps_count_from_the_beginning_of_what_was_interrupted(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole").train(batches(), steps=20)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "parts").train(batches(), steps=20, hooks=[Interrupt(13)])
    parts = make(tmp_path / "parts").train(batches(), steps=20)
    assert parts.get_variable_value("global_step") == 20
    assert_same(whole, parts)
    parts.train(batches(), steps=20)
    assert parts.get_variable_value("global_step") == 40


def test_fewer_batches_than_before_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path).train(batches(), hooks=[Interrupt(13)])
    with pytest.raises(ValueError, match="or begin in another model_dir"):
        make(tmp_path).train(batches(epochs=1))


@pytest.mark.slow
def test_a_killed_process_leaves_no_trace(tmp_path: Path) -> None:
    folder = Path(__file__).parent
    whole = make(tmp_path / "whole").train(from_dataset)
    path = tmp_path / "killed"
    for kills in range(min(int(os.environ.get("PENSTOCK_TEST_KILLS", "3")), 10)):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(path)])
        before = _newest(path)
        deadline = time.monotonic() + 60
        while _newest(path) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _newest(path) > before, f"no checkpoint before kill {kills}"
    assert_same(whole, make(path).train(from_dataset))


def _newest(path: Path) -> int:
    found = estimator.latest_checkpoint(path)
    return -1 if found is None else int(found.rpartition("-")[2])
