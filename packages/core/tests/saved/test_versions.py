"""Folders of every format version load for ever. A new version gets a folder of its own; the old ones are never written again.

python packages/core/tests/saved/test_versions.py FOLDER    writes such a folder
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps

FILES = Path(__file__).with_name("files")
X = np.float32([[1, -2, 3], [0.5, 0.25, -0.125]])
WORDS = np.array(["fox", b"\xff\\\n", "dog"], object)


def make(folder: Path) -> None:
    """Write a folder that has something of everything."""
    kernel = ps.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), name="kernel")
    narrow = ps.Variable(ps.cast(np.float32([1, 2, 3, 4]), "bfloat16"), name="narrow")
    wide = ps.Variable(np.array([1 + 2j]), name="wide", trainable=False)
    steps = ps.Variable(0, name="steps", trainable=False)
    table = ps.lookup.VocabularyTable([f"word{i}" for i in range(20)] + ["fox", b"\xff\\\n"], 2)

    def predict(x: Any) -> Any:
        y = ps.nn.leaky_relu(x @ kernel, 0.25) * ps.cast(narrow.value, "float32")
        y = y + np.arange(20, dtype=np.float32)[:4]
        start = (ps.asarray(0), y)
        _, y = ps.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 0.5 + 1.0), start)
        total, rows = ps.scan(lambda c, r: (c + r, c), ps.zeros((4,)), y)
        chosen = ps.cond(ps.sum(x) > 0, lambda: rows * 2.0, lambda: rows - 1.0)
        return {"total": total, "chosen": chosen, "flat": ps.reshape(y, (x.shape[0] * 4,))}

    def train(x: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean((x @ kernel) ** 2)
        kernel.assign_sub(tape.gradient(loss, kernel) * 0.1)
        steps.assign_add(1)
        return loss, (steps.value, ps.imag(wide.value))

    rows = ("float32", ("batch", 3))
    ps.save(
        {"predict": predict, "train": train, "ids": table.lookup},
        folder,
        {"predict": [rows], "train": [rows], "ids": [("string", ("n",))]},
        golden={"predict": (X,), "train": (X,), "ids": (WORDS,)},
        metadata={"licence": "CC0-1.0", "labels": ["a", "b"]},
    )


@pytest.mark.parametrize("folder", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_an_old_folder_gives_the_same_answers(folder: Path) -> None:
    model = ps.load(folder)  # with its golden pairs
    kernel = np.linspace(-1, 1, 12).reshape(3, 4)
    y = X @ kernel
    y = np.where(y > 0, y, y / 4) * [1, 2, 3, 4] + np.arange(4)
    for _ in range(3):
        y = y * 0.5 + 1
    found = model.functions["predict"](X)
    np.testing.assert_allclose(found["total"].numpy(), y.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["chosen"].numpy(), [np.zeros(4), y[0] * 2], rtol=1e-5)
    np.testing.assert_allclose(found["flat"].numpy(), y.reshape(-1), rtol=1e-5)
    assert model.functions["ids"](WORDS).tolist()[:2] == [20, 21]
    loss, (steps, imaginary) = model.functions["train"](X)
    np.testing.assert_allclose(loss.numpy(), np.mean((X @ kernel) ** 2), rtol=1e-5)
    assert (steps.item(), imaginary.tolist()) == (1, [2.0])
    assert model.metadata == {"licence": "CC0-1.0", "labels": ["a", "b"]}
    with ps.GradientTape() as tape:
        tape.watch(x := ps.asarray(X))
        total = ps.sum(model(x)["flat"])
    assert tape.gradient(total, x).shape == (2, 3)


def test_there_is_a_folder_of_todays_version(tmp_path: Path) -> None:
    make(tmp_path / "net")
    told = json.loads((tmp_path / "net/graph.json").read_text())
    kept = json.loads((FILES / f"v{told['version']}/graph.json").read_text())
    assert told["variables"] == kept["variables"]
    assert sorted(told) == sorted(kept)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
