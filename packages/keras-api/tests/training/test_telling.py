"""What `fit` tells people: lines, bars, what was slow, what the plan is made of."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock_keras_api.trainers import training as training_module

X = np.random.default_rng(5).normal(size=(24, 3)).astype(np.float32)
Y = X.sum(-1, keepdims=True)

SCRIPT = """
import sys, time
import numpy as np
from penstock import keras
x = np.ones((40, 3), "float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
wait = keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: time.sleep(0.06))
model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=eval(sys.argv[1]), callbacks=[wait])
model.evaluate(x, x[:, :1], verbose=eval(sys.argv[1]))
"""


def model() -> Any:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="small")
    made.compile("sgd", "mse", metrics=["mae"])
    return made


@pytest.mark.parametrize("verbose", ["1", "2", "'auto'"])
def test_plain_lines_in_a_file(tmp_path: Path, verbose: str) -> None:
    path = tmp_path / "log.txt"
    with path.open("w") as file:
        command = [sys.executable, "-c", SCRIPT, verbose]
        subprocess.run(command, stdout=file, check=True)
    lines = path.read_text().splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2", "Evaluation"]
    assert all(" - 10/10 - " in line and "mae: " in line for line in lines[:2])
    assert "\x1b" not in path.read_text()


def test_a_bar_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", SCRIPT, "1"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0
    os.close(ours)
    text = shown.decode(errors="replace")
    assert "━" in text  # the bar
    assert "/10" in text
    assert "Epoch 2/2 - 10/10" in text
    assert "loss: " in text


def test_nothing_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    made = model()
    made.fit(X, Y, verbose=0)
    made.evaluate(X, Y, verbose=0)
    made.predict(X)
    assert capsys.readouterr().out == ""
    made.predict(X, verbose=1)
    assert capsys.readouterr().out.startswith("Prediction - 1/1")


def test_slow_data_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "_LONG", 0.1)

    def slow(seconds: float) -> Any:
        for i in range(0, 24, 4):
            time.sleep(seconds)
            yield X[i : i + 4], Y[i : i + 4]

    model().fit(slow(0.05), verbose=2)
    assert "fit waited for data for" in capsys.readouterr().out
    model().fit(slow(0.0), verbose=2)
    assert "waited" not in capsys.readouterr().out


def test_explain() -> None:
    made = model()
    with pytest.raises(ValueError, match=r"call model.fit\(...\) first"):
        made.explain()
    made.fit(X, Y, verbose=0)
    before = [v.numpy() for v in made.variables + made.optimizer.variables]
    text = made.explain()
    assert "train step of 'small' on int64[24], float32[24, 3], float32[24, 1]" in text
    for told in ("matmul", "memory: ", "waiting for data", "kernels-cpu"):
        assert told in text
    for v, value in zip(made.variables + made.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)
    made.run_eagerly = True
    assert "op by op" in made.explain()


def test_many_predictions_hold_memory_flat() -> None:
    made = model()
    row = X[:1]

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    for _ in range(2000):
        made.predict(row, verbose=0)
    before = resident()
    for _ in range(20_000):
        made.predict(row, verbose=0)
    assert resident() - before < 1_000_000  # 50 bytes a call would be seen
