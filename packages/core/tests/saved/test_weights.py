"""Tensors of files in the variables of a model: names, shapes, dtypes, and what is said when they differ."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import (
    CheckpointError,
    FormatError,
    InvalidTypeError,
    InvalidValueError,
    PenstockError,
)
from penstock.saved import load_weights, read_tensors

THEIRS = {
    "fc1.weight": np.arange(6, dtype=np.float32).reshape(3, 2),
    "fc1.bias": np.ones(3, np.float32),
    "fc2.weight": np.arange(3, dtype=np.float32).reshape(1, 3),
    "fc2.bias": np.full(1, 7, np.float32),
}


def net() -> dict[str, ps.Variable]:
    return {
        "dense_1/kernel": ps.Variable(ps.zeros((2, 3))),
        "dense_1/bias": ps.Variable(ps.zeros(3)),
        "dense_2/kernel": ps.Variable(ps.zeros((3, 1))),
        "dense_2/bias": ps.Variable(ps.zeros(1)),
    }


RULES = [(r"^fc(\d)", r"dense_\1"), (r"\.weight$", "/kernel"), (r"\.bias$", "/bias")]
TURNED = {r".*\.weight": ps.matrix_transpose}


def check(model: dict[str, ps.Variable]) -> None:
    np.testing.assert_array_equal(model["dense_1/kernel"].value.numpy(), THEIRS["fc1.weight"].T)
    np.testing.assert_array_equal(model["dense_2/bias"].value.numpy(), [7])


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize(
    "rename",
    [
        RULES,
        {f"fc{i}.{a}": f"dense_{i}/{b}" for i in (1, 2) for a, b in (("weight", "kernel"), ("bias", "bias"))},
        lambda name: name.replace("fc", "dense_").replace(".weight", "/kernel").replace(".bias", "/bias"),
    ],
    ids=["expressions", "dictionary", "function"],
)  # fmt: skip
def test_names_and_shapes_of_another_library(tmp_path: Path, suffix: str, rename: Any) -> None:
    path = tmp_path / f"theirs{suffix}"
    if suffix == ".npz":
        np.savez(path, **THEIRS)
    else:
        ps.safetensors.save_file(THEIRS, path)
    model = net()
    report = load_weights(model, path, rename=rename, convert=TURNED)
    assert report.complete
    assert report.loaded == tuple(model)
    check(model)


def test_all_that_does_not_fit_is_listed_and_nothing_changes() -> None:
    model = net()
    given = {
        "dense_1/kernel": np.ones((3, 2), np.float32),
        "dense_1/bias": np.ones(3, np.float64),
        "dense_2/kernle": np.ones((3, 1), np.float32),
        "dense_2/bias": np.ones(1, np.float32),
    }
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, given)
    for part in (
        "missing in the file: dense_2/kernel",
        "only in the file: dense_2/kernle",
        "dense_1/kernel is float32[3, 2], the variable float32[2, 3]",
        "dense_1/bias is float64[3], the variable float32[3]",
        "if names differ: rename={'dense_2/kernle': 'dense_2/kernel'}",
        "to load what fits: strict=False",
    ):
        assert part in str(caught.value)
    assert all(float(ps.sum(v.value)) == 0 for v in model.values())
    report = load_weights(model, given, strict=False, cast=True)
    assert report.loaded == ("dense_1/bias", "dense_2/bias")
    assert float(ps.sum(model["dense_1/bias"].value)) == 3


def test_a_function_leaves_tensors_out() -> None:
    model = {"w": ps.Variable(ps.zeros(2))}
    load_weights(model, {"w": [1.0, 2.0], "step": 3}, rename=lambda n: n if n == "w" else None)
    assert model["w"].value.tolist() == [1.0, 2.0]


def test_objects_and_saved_folders(tmp_path: Path) -> None:
    class Layer:
        def __init__(self) -> None:
            self.kernel = ps.Variable(ps.ones((2, 2)))

    layer = Layer()
    layer.kernel.assign(ps.full((2, 2), 5.0))
    folder = ps.save(
        {"f": lambda v: v @ layer.kernel}, tmp_path / "net", {"f": [("float32", ("n", 2))]}
    )
    (name,) = read_tensors(folder)
    other = Layer()
    load_weights(other, folder, rename={name: "kernel"})
    assert other.kernel.value.tolist() == [[5.0, 5.0], [5.0, 5.0]]


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(InvalidValueError, match=r"both become 'w'; give each a name of its own"):
        load_weights(net(), {"a": 1.0, "b": 2.0}, rename=lambda _: "w")
    with pytest.raises(InvalidValueError, match=r"no regular expression .*; escape its signs"):
        load_weights(net(), {"a": 1.0}, convert={"(": ps.matrix_transpose})
    with pytest.raises(InvalidTypeError, match=r"without variables; give a model, or variables by"):
        load_weights(object(), {"a": 1.0})
    with pytest.raises(InvalidTypeError, match=r"rename is a list; give a dictionary, a function"):
        load_weights(net(), {"a": 1.0}, rename=[1, 2])  # type: ignore[list-item]


def test_tensors_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    ps.safetensors.save_file(THEIRS, path)
    with pytest.raises(FormatError, match=r"holds tensors and no graph; read them, penstock.saved"):
        ps.load(path)


def test_pickles_and_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.npz"
    np.savez(path, a=np.array([object()], dtype=object))
    with pytest.raises(FormatError, match=r"no archive of plain arrays .*; write it again: numpy"):
        read_tensors(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 100)
    with pytest.raises(FormatError, match="no archive of plain arrays"):
        read_tensors(path)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_archives_give_errors(tmp_path: Path, data: st.DataObject) -> None:
    good = tmp_path / "good.npz"
    if not good.exists():
        np.savez_compressed(good, **THEIRS)
    held = bytearray(good.read_bytes())
    if data.draw(st.booleans()):
        held = held[: data.draw(st.integers(0, len(held)))]
    for _ in range(data.draw(st.integers(0, 4)) if held else 0):
        held[data.draw(st.integers(0, len(held) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "bad.npz"
    path.write_bytes(held)
    try:
        read_tensors(path)
    except PenstockError:
        return
