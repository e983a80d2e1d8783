"""What Python saves, C++ computes alike: networks, train steps, control flow, strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpp_folders import KERNEL, net, write

import penstock as ps
from penstock import safetensors

pytestmark = pytest.mark.compiler


def numbers(answer: str) -> list[float]:
    assert answer.startswith("ok"), answer
    return [float(part) for part in answer[3:].split(", ")]


def sums(result: Any) -> list[float]:
    """Add up each output, as the program does."""
    results = result.values() if isinstance(result, dict) else [result]
    return [float(np.asarray(r, np.float64).sum()) for r in results]


def save(function: Any, folder: Path, **inputs: Any) -> ps.saved.GraphModel:
    ps.save({"main": ps.function(function)}, folder, {"main": inputs})
    return ps.load(folder)


def test_a_network_of_convolutions(runner, tmp_path):
    random = np.random.default_rng(0)
    kernel = ps.Variable(random.standard_normal((3, 3, 3, 8)).astype(np.float32), name="kernel")
    depth = ps.Variable(random.standard_normal((3, 3, 8, 1)).astype(np.float32), name="depth")

    def main(x: Any) -> Any:
        y = ps.nn.relu6(ps.nn.conv2d(x, kernel, strides=2, padding="same"))
        y = ps.nn.relu(ps.nn.depthwise_conv2d(y, depth, padding="same"))
        return ps.nn.log_softmax(ps.mean(y, axis=(1, 2)))

    model = save(main, tmp_path / "net", x=("float32", ("batch", 9, 9, 3)))
    want = sums(model(np.ones((2, 9, 9, 3), np.float32)))
    assert numbers(runner.ask("run", tmp_path / "net", "main")) == pytest.approx(want, rel=1e-4)


def test_a_network_of_norms_whose_weights_change_between_calls(runner, tmp_path):
    random = np.random.default_rng(1)
    drawn = {
        name: random.uniform(0.5, 1.5, 3).astype(np.float32)
        for name in ("mean", "variance", "scale", "offset")
    }
    w = {name: ps.Variable(value, name=name) for name, value in drawn.items()}

    def main(x: Any) -> Any:
        return ps.exp(
            ps.nn.batch_norm_inference(x, w["mean"], w["variance"], w["scale"], w["offset"])
        )

    def grow() -> Any:
        w["scale"].assign_add(w["scale"] * 0.5)
        return w["scale"].value * 1.0

    folder = tmp_path / "net"
    inputs = {"main": {"x": ("float32", ("batch", 3))}, "grow": {}}
    ps.save({"main": ps.function(main), "grow": ps.function(grow)}, folder, inputs)
    want = sums(main(np.ones((2, 3), np.float32)))
    assert numbers(runner.ask("run", folder, "main")) == pytest.approx(want, rel=1e-5)
    runner.ask("train", folder, "grow", 2)
    for _ in range(2):
        grow()
    want = sums(main(np.ones((2, 3), np.float32)))
    assert numbers(runner.ask("run", folder, "main")) == pytest.approx(want, rel=1e-5)


def adam_step(folder: Path) -> None:
    names = ("w", "m", "v", "count")
    values = [np.full((4, 3), x, np.float32) for x in (0.5, 0, 0)] + [np.float32(0)]
    w, m, v, count = (ps.Variable(a, name=n) for a, n in zip(values, names, strict=True))

    def main(x: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.square(x @ w - 1.0))
        step = count.assign_add(1.0)
        update = ps.ops.training.adam_update(w, m, v, tape.gradient(loss, w), 0.1, step)
        for variable, value in zip((w, m, v), update, strict=True):
            variable.assign(value)
        return loss

    ps.save({"main": ps.function(main)}, folder, {"main": {"x": ("float32", ("batch", 4))}})


def test_a_train_step_changes_the_weights_as_in_python(runner, tmp_path):
    adam_step(tmp_path / "net")
    model = ps.load(tmp_path / "net")
    for _ in range(5):
        loss = model(np.ones((2, 4), np.float32))
    answer = numbers(runner.ask("train", tmp_path / "net", "main", 5))
    assert answer == pytest.approx(sums(loss), rel=1e-5)
    trained = ps.load(tmp_path / "net")
    for name, variable in model.variables.items():
        np.testing.assert_allclose(trained.variables[name].value, variable.value, rtol=1e-5)


def test_loops_and_branches(runner, tmp_path):
    def main(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            return i + 1, ps.cond(ps.sum(y) > 10.0, lambda: y - 1.5, lambda: y * 2.0)

        return ps.while_loop(lambda i, _: i < 7, body, (ps.asarray(0), x))[1]

    model = save(main, tmp_path / "net", x=("float32", ("batch", 3)))
    want = sums(model(np.ones((2, 3), np.float32)))
    assert numbers(runner.ask("run", tmp_path / "net", "main")) == pytest.approx(want)


def test_strings_go_in_and_come_out(runner, tmp_path):
    def main(text: Any) -> Any:
        return {
            "joined": ps.strings.join([text, text], separator="-"),
            "length": ps.strings.length(text),
        }

    save(main, tmp_path / "net", text=("string", ("batch",)))
    assert numbers(runner.ask("run", tmp_path / "net", "main")) == [14, 6]


def test_what_only_python_runs_is_named(runner, tmp_path):
    ps.save(
        {"main": ps.function(lambda t: ps.strings.upper(t))}, tmp_path / "net", {"main": {"t": ("string", (2,))}}
    )  # fmt: skip
    answer = runner.ask("run", tmp_path / "net", "main")
    assert answer.startswith("error 7 [main] has nodes that only Python runs")
    assert (
        "(string_upper); compute them before, and save a function that takes their results"
        in answer
    )


def test_weights_are_saved_with_the_constants_and_loaded_back(runner, tmp_path):
    folder = write(tmp_path / "net")
    runner.ask("train", folder, "step", 2)
    np.testing.assert_array_equal(
        safetensors.load_file(folder / "weights.safetensors")["dense/kernel"], 4 * KERNEL
    )
    want = net(np.ones((2, 3), np.float32), 4 * KERNEL).sum()
    assert numbers(runner.ask("run", folder, "main")) == pytest.approx([want], rel=1e-5)
    other = write(tmp_path / "other")
    answer = runner.ask("weights", other, folder / "weights.safetensors")
    assert numbers(answer) == pytest.approx([want], rel=1e-5)


def test_weights_of_another_model_are_refused_and_change_nothing(runner, tmp_path):
    folder = write(tmp_path / "net")
    wrong = {"dense/kernel": KERNEL.T.copy(), "other": KERNEL}
    safetensors.save_file(wrong, tmp_path / "wrong.safetensors")
    answer = runner.ask("weights", folder, tmp_path / "wrong.safetensors")
    assert '"other" is unknown, "dense/kernel" is another tensor' in answer


def test_weights_that_cannot_be_written_leave_the_old_ones(runner, tmp_path):
    folder = write(tmp_path / "net")
    (folder / "weights.safetensors").unlink()
    (folder / "weights.safetensors").mkdir()
    assert "is no plain file" in runner.ask("train", folder, "step", 1)
