"""Graphs that TensorFlow made, against what it computes for them; make_facts.py wrote both."""

from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphModel
from penstock_formats.tensorflow.read import read

pytest.importorskip("google.protobuf")
FACTS = dict(np.load(Path(__file__).with_name("facts.npz")))
CASES = sorted({key.partition("/")[0] for key in FACTS} - {"saved", "recurrent"})


def of_case(case: str, stem: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{case}/{stem}") for key in FACTS)
    return [FACTS[f"{case}/{stem}{i}"] for i in range(count)]


@pytest.mark.parametrize("case", CASES)
def test_frozen_graph(tmp_path: Path, case: str) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(FACTS[f"{case}/graph"].tobytes())
    wanted = of_case(case, "out")
    model = read(path, outputs=[f"out{i}" for i in range(len(wanted))])
    assert isinstance(model, GraphModel)
    answer = model(*of_case(case, "in"))
    made = list(answer.values()) if isinstance(answer, dict) else [answer]
    for mine, want in zip(made, wanted, strict=True):
        assert mine.shape == want.shape
        assert mine.dtype.name == want.dtype.name
        np.testing.assert_allclose(mine.numpy(), want, rtol=2e-5, atol=1e-5)


def folder(tmp_path: Path, case: str = "saved") -> Path:
    for name, data in FACTS.items():
        if name.startswith(f"{case}/") and data.dtype == np.uint8:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.tobytes())
    return tmp_path / case


def test_recurrent_layers_that_keras_exported(tmp_path: Path) -> None:
    model = read(folder(tmp_path, "recurrent"))
    assert isinstance(model, GraphModel)
    x, want = FACTS["recurrent/x"], FACTS["recurrent/y"]
    for count in (3, 1):
        np.testing.assert_allclose(model(x[:count]).numpy(), want[:count], rtol=1e-5, atol=1e-6)
    assert len(model.trainable_variables) == 11


def test_saved_model_with_functions_loops_and_conditions(tmp_path: Path) -> None:
    model = read(folder(tmp_path))
    assert isinstance(model, GraphModel)
    assert str(model.default) == (
        "serving_default(ids: int32[batch], x: float32[batch, 3]) -> (flat: float32[3*batch], y: float32[batch, 3])"
    )
    assert sorted(model.variables) == ["table", "w"]
    answer = model(x=FACTS["saved/x"], ids=FACTS["saved/ids"])
    for name in ("y", "flat"):
        np.testing.assert_allclose(
            answer[name].numpy(), FACTS[f"saved/{name}"], rtol=1e-5, atol=1e-6
        )
    alone = model(x=FACTS["saved/x"][:1], ids=FACTS["saved/ids"][:1])["y"]
    assert alone.shape == (1, 3)


def test_a_saved_model_is_trainable(tmp_path: Path) -> None:
    model = read(folder(tmp_path))
    assert isinstance(model, GraphModel)
    with ps.GradientTape() as tape:
        loss = ps.sum(model(x=FACTS["saved/x"], ids=FACTS["saved/ids"])["y"])
    gradient = tape.gradient(loss, model.variables["w"])
    assert gradient is not None
    assert float(ps.sum(ps.abs(gradient))) > 0


def test_checkpoint_as_tensors(tmp_path: Path) -> None:
    for path in (folder(tmp_path), folder(tmp_path) / "variables" / "variables.index"):
        tensors = read(path, weights_only=True)
        assert not isinstance(tensors, GraphModel)
        np.testing.assert_array_equal(
            tensors["w/.ATTRIBUTES/VARIABLE_VALUE"].numpy(), FACTS["saved/w"]
        )
