"""Steps that failed fail again from their bundle, in another process too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


def check_same(f: Any, *args: Any, folder: Path) -> ps.replay.Bundle:
    """Make a bundle of a call that works, by failing after it, and compare what it returns."""
    from penstock import _native
    from penstock.replay import _variables, _write

    trace, inputs = f._find(args, {})[:2]
    held = [(v, v.read()) for v in _variables(trace.graph)]
    state = _native.random_state()
    leaves = _native.tree_flatten(f(*args))[0]
    _write(folder, trace.graph, inputs, held, state, ValueError("none"))
    for optimize in (True, False):
        bundle = ps.replay.load(folder)
        got = ps.replay.run(bundle, optimize=optimize)
        for a, b in zip(got, leaves, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert bundle.graph.text().count("\n") == trace.graph.text().count("\n")
    return bundle


def test_a_training_step_is_the_same_again(tmp_path: Path) -> None:
    w = ps.Variable(ps.ones((3, 2)), name="w")
    count = ps.Variable(0)

    @ps.function
    def step(x: Any, rate: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean((x @ w) ** 2 + ps.random.normal((x.shape[0], 2)))
        w.assign_sub(rate * tape.gradient(loss, w))
        count.assign_add(1)
        return {"loss": loss, "norm": ps.sum(ps.reshape(w.value, (2, 3)), axis=1)}

    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    bundle = check_same(step, x, 0.1, folder=tmp_path)
    assert [v.name for v in bundle.variables] == ["w", "variable"]
    np.testing.assert_array_equal(bundle.variables[0].numpy(), w.numpy())
    assert bundle.variables[1].numpy() == 1


def test_control_flow_strings_and_sizes_are_kept(tmp_path: Path) -> None:
    v = ps.Variable(2.0)

    @ps.function
    def f(x: Any, words: Any) -> Any:
        total = ps.while_loop(lambda t: ps.sum(t) < 50.0, lambda t: t * v.value, [x])
        rows = ps.scan(lambda c, r: (c + r, c), ps.zeros_like(x[0]), x)
        chosen = ps.cond(ps.sum(x) > 0, lambda: x * 2, lambda: x)
        flat = ps.reshape(x, (x.shape[0] * x.shape[1],))
        return total, rows, chosen, flat, ps.astype(words == "a", "int32")

    bundle = check_same(f, ps.ones((4, 3)), ps.asarray(["a", "b"]), folder=tmp_path)
    assert bundle.inputs[1].tolist() == [b"a", b"b"]


def test_a_failing_step_is_recorded(tmp_path: Path) -> None:
    w = ps.Variable([1.0, 2.0], name="w")

    @ps.function
    def step(x: Any) -> Any:
        w.assign_add(x)
        return ps.log(w.value - 3.0)

    recorded = ps.replay.record(step, tmp_path / "failed")
    assert recorded.__name__ == "step"
    with ps.debug_nans():
        recorded(ps.asarray([3.0, 2.0]))
        with pytest.raises(errors.NumericError, match=r"\[log\]") as caught:
            recorded(ps.asarray([-5.0, -5.0]))
    assert caught.value.__notes__ == [f"recorded; see: penstock replay {tmp_path / 'failed'}"]
    bundle = ps.replay.load(tmp_path / "failed")
    np.testing.assert_array_equal(bundle.variables[0].numpy(), [4, 4])  # before the step
    np.testing.assert_array_equal(bundle.inputs[0].numpy(), [-5, -5])
    assert bundle.error["class"] == "NumericError"
    assert "test_replay.py" in bundle.error["traceback"]
    with pytest.raises(errors.NumericError, match=r"\[log\] produced NaN.*\n.*test_replay.py"):
        ps.replay.run(bundle, nans=True)
    np.testing.assert_array_equal(bundle.variables[0].numpy(), [-1, -1])


def test_the_command_plays_it_again(tmp_path: Path) -> None:
    f = ps.replay.record(ps.function(lambda x: ps.log(x) + 1), tmp_path)
    with ps.debug_nans(), pytest.raises(errors.NumericError):
        f(ps.asarray([0.0]))
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "replay", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "command line extra" in done.stderr:
        pytest.skip("the extra `cli` is not installed")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].startswith("recorded:  NumericError: [")
    assert "as it ran: no error; returns f32[1]" in lines
    assert any(line.startswith("NaN hunt: NumericError: [log] produced infinity") for line in lines)


def test_the_random_numbers_are_those_of_the_step(tmp_path: Path) -> None:
    ps.random.set_seed(5)
    f = ps.function(lambda x: x + ps.random.normal((3,)))
    f(ps.zeros((3,)))
    check_same(f, ps.zeros((3,)), folder=tmp_path)


def test_what_cannot_be_recorded_is_told_beside_the_error(tmp_path: Path) -> None:
    def fail(x: Any) -> Any:
        raise KeyError("broken")

    f = ps.function(lambda x: ps.numpy_function(fail, [x], "float32", [(2,)]))
    with pytest.raises(errors.InvalidValueError, match="broken") as caught:
        ps.replay.record(f, tmp_path)(ps.ones((2,)))
    assert "call it before, and pass its result" in caught.value.__notes__[0]
    with pytest.raises(errors.InvalidTypeError, match=r"penstock\.function\(fn\)"):
        ps.replay.record(fail, tmp_path)  # type: ignore[arg-type]


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        errors.FormatError, match=r"give the folder that penstock\.replay\.record wrote"
    ):
        ps.replay.load(tmp_path)
    f = ps.replay.record(ps.function(lambda x: ps.log(x) + 1), tmp_path)
    with ps.debug_nans(), pytest.raises(errors.NumericError):
        f(ps.asarray([0.0]))
    path = tmp_path / "bundle.json"
    told = json.loads(path.read_text())
    damages: list[Any] = [
        [],
        {**told, "version": 99},
        {**told, "variables": [{}]},
        {**told, "graph": {**told["graph"], "outputs": [[99, 0]]}},
        {**told, "graph": {**told["graph"], "nodes": [{"op": "log"}]}},
    ]
    for damaged in damages:
        path.write_text(json.dumps(damaged))
        with pytest.raises(errors.FormatError, match="record it again"):
            ps.replay.load(tmp_path)
    unknown = json.loads(json.dumps(told).replace('"op": "log"', '"op": "acme.log"'))
    path.write_text(json.dumps(unknown))
    with pytest.raises(errors.PenstockError, match="acme"):
        ps.replay.load(tmp_path)
    path.write_text(json.dumps(told))
    (tmp_path / "tensors.safetensors").write_bytes(b"")
    with pytest.raises(errors.FormatError, match="no whole safetensors file"):
        ps.replay.load(tmp_path)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("random", 0), None),
        (("random",), [1]),
        (("error",), 3),
        (("graph", "nodes", 1, "attrs"), 1),
        (("graph", "nodes", 0, "attrs", "shape", 0), "x y"),
        (("graph", "nodes", 0, "attrs", "shape", 0), 2**70),
        (("graph", "nodes", 1, "op"), "cond"),
        (("graph", "outputs"), 5),
    ],
)
def test_a_bundle_is_not_trusted(tmp_path: Path, where: tuple[Any, ...], value: Any) -> None:
    step = ps.replay.record(ps.function(lambda x: ps.log(x)), tmp_path)
    with ps.debug_nans(), pytest.raises(ps.errors.NumericError):
        step(ps.asarray([-1.0]))
    told = json.loads((tmp_path / "bundle.json").read_text())
    place = told
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    (tmp_path / "bundle.json").write_text(json.dumps(told))
    with pytest.raises(ps.errors.PenstockError):
        ps.replay.load(tmp_path)
