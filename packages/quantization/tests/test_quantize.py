"""Models quantised after training: what they are made of, how good they stay, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.saved import GraphFunction, GraphModel
from penstock_quantization import QuantizationWarning, Report, quantize
from penstock_quantization.quantizing import _timed


def ops_of(model: GraphModel) -> set[str]:
    return {node.op for node in model.default.graph.nodes}


@pytest.mark.parametrize("calibration", ["min_max", "percentile", "mse"])
def test_a_static_model_computes_in_integers_alone(learned: Any, calibration: str) -> None:
    made = quantize(learned.model, learned.x, calibration=calibration, slower="ignore").model
    assert ops_of(made) == {
        "placeholder",
        "constant",
        "quantize",
        "quantized_conv2d",
        "quantized_depthwise_conv2d",
        "quantized_add",
        "max_pool2d",
        "reshape",
        "quantized_matmul",
        "dequantize",
    }
    assert learned.accuracy(made) > learned.accuracy(learned.model) - 0.02


def test_the_report_says_what_is_true(learned: Any) -> None:
    result = quantize(learned.model, learned.test_x, labels=learned.test_labels, slower="ignore")
    report = result.report
    assert report.before == learned.accuracy(learned.model)
    assert report.after == learned.accuracy(result.model)
    assert report.drop == report.before - report.after
    assert [layer.op for layer in report.layers] == [
        "conv2d",
        "depthwise_conv2d",
        "conv2d",
        "matmul",
    ]
    assert all(layer.signal_to_noise > 25 for layer in report.layers)  # type: ignore[operator]
    assert report.bytes_before == 4 * (144 + 144 + 256 + 2560)
    assert report.bytes_after < report.bytes_before / 3
    assert "accuracy: 0.9" in str(report)
    assert report._repr_html_().count("<tr>") == 5


@pytest.mark.parametrize(
    ("options", "ops", "size"),
    [
        ({"method": "weight_only"}, ["weight_only_matmul"], 0.30),
        ({"method": "weight_only", "bits": 4, "group_size": 32}, ["weight_only_matmul"], 0.20),
        ({"method": "dynamic"}, ["dynamic_quantized_matmul", "conv2d"], 0.40),
        ({"method": "bfloat16"}, ["cast", "conv2d", "matmul"], 0.51),
    ],
    ids=str,
)
def test_other_methods_keep_the_answers(
    learned: Any, options: dict[str, Any], ops: list[str], size: float
) -> None:
    result = quantize(learned.model, learned.x, slower="ignore", **options)
    assert ops_of(result.model).issuperset(ops)
    assert learned.accuracy(result.model) > learned.accuracy(learned.model) - 0.03
    assert result.report.bytes_after < size * result.report.bytes_before


def test_layers_stay_float_until_the_drop_is_met(learned: Any) -> None:
    poor = quantize(learned.model, learned.x, labels=learned.labels, bits=2, slower="ignore")
    assert poor.report.drop is not None
    assert poor.report.drop > 0.02
    kept = quantize(
        learned.model, learned.x, labels=learned.labels, bits=2, slower="ignore", max_drop=0.02
    )
    assert kept.report.drop is not None
    assert kept.report.drop <= 0.02
    kinds = {layer.kept_in for layer in kept.report.layers}
    assert kinds == {"int2", "float32"}
    assert "kept in float for max_drop" in str(kept.report)


def test_a_drop_that_nothing_meets_leaves_the_model_float(learned: Any) -> None:
    def metric(model: Any) -> float:
        return -float(any(node.op == "quantize" for node in model.graph.nodes))

    with pytest.warns(QuantizationWarning, match="the model stayed float"):
        made = quantize(learned.model, learned.x, metric=metric, max_drop=0.5, slower="ignore")
    np.testing.assert_allclose(
        made.model(learned.test_x), learned.model(learned.test_x), rtol=1e-4, atol=1e-4
    )


def test_named_layers_stay_float(learned: Any) -> None:
    made = quantize(learned.model, learned.x, keep_float=["matmul"], slower="ignore")
    assert [layer.kept_in for layer in made.report.layers] == ["int8"] * 3 + ["float32"]
    assert "matmul" in ops_of(made.model)


def products(count: int) -> GraphFunction:
    """Build a function that multiplies matrices so many times."""
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 600), name="x")
        y = x
        for _ in range(count):
            y = ps.tanh(y @ np.eye(600, dtype="float32"))
        graph.inputs, graph.outputs = [x], [y]
    return GraphFunction(graph)


def test_a_slower_model_is_told_or_refused() -> None:
    quick, slow = products(0), products(20)
    batch = {"x": np.ones((4, 600), "float32")}
    report = Report("static", ())
    with pytest.warns(QuantizationWarning, match="slower on this machine"):
        timed = _timed(report, quick, slow, batch, "warn")
    assert timed.speedup is not None
    assert 0 < timed.speedup < 1
    with pytest.raises(InvalidValueError, match="slower='warn'"):
        _timed(report, quick, slow, batch, "refuse")
    faster = _timed(report, slow, quick, batch, "refuse")
    assert faster.speedup is not None
    assert faster.speedup > 1


def test_a_saved_integer_model_gives_the_same_bits(learned: Any, tmp_path: Path) -> None:
    made = quantize(learned.model, learned.x, slower="ignore").model
    ps.save(made, tmp_path / "small")
    again = ps.load(tmp_path / "small")
    np.testing.assert_array_equal(again(learned.test_x), made(learned.test_x))


def test_batch_norms_are_folded_before() -> None:
    rng = np.random.default_rng(0)
    w = ps.Variable(rng.standard_normal((3, 3, 2, 4)).astype("float32"), name="w")
    mean, variance, scale, offset = (rng.uniform(0.5, 2, 4).astype("float32") for _ in range(4))
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 6, 6, 2), name="x")
        y = ps.nn.batch_norm_inference(ps.conv2d(x, w), mean, variance, scale, offset)
        pooled = ps.mean(ps.relu(y), (1, 2))
        graph.inputs, graph.outputs = [x], [pooled]
    model = GraphModel({"main": GraphFunction(graph)}, {"w": w})
    data = rng.standard_normal((50, 6, 6, 2)).astype("float32")
    result = quantize(model, data, slower="ignore")
    assert "quantized_avg_pool2d" in ops_of(result.model)
    np.testing.assert_allclose(result.model(data), model(data), atol=0.2, rtol=0.05)


def test_several_inputs_come_by_name() -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((8, 4)).astype("float32")
    with ps.Graph().as_default() as graph:
        a = ps.placeholder("float32", ("batch", 8), name="a")
        b = ps.placeholder("float32", ("batch", 8), name="b")
        graph.inputs = [a, b]
        graph.outputs = [ps.concat([a @ w, b @ w], axis=1) * (a @ w)[:, :1]]
    model = GraphModel({"main": GraphFunction(graph)})
    data = {name: rng.standard_normal((40, 8)).astype("float32") for name in "ab"}
    made = quantize(model, data, slower="ignore").model
    assert {"quantized_concat", "quantized_matmul"} <= ops_of(made)
    want = np.asarray(model(**data))
    assert np.abs(np.asarray(made(**data)) - want).max() < 0.03 * np.abs(want).max()
    with pytest.raises(InvalidValueError, match="dictionary of arrays by input"):
        quantize(model, data["a"])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "int8"}, "'static', 'dynamic', 'weight_only', 'bfloat16'"),
        ({"bits": 9}, "use 2, 3, 4"),
        ({"method": "weight_only", "bits": 3}, "use 4, 8"),
        ({"slower": "no"}, "'warn', 'refuse' and 'ignore'"),
        ({"group_size": 3}, "even number"),
        ({"keep_float": ["dense"]}, "there are conv2d, depthwise_conv2d, conv2d_1, matmul"),
        ({"labels": [1, 2]}, "one class number for each"),
        ({"data": []}, "needs some real examples"),
        ({"keep_float": ["conv2d", "depthwise_conv2d", "conv2d_1", "matmul"]}, "name fewer"),
    ],
    ids=str,
)
def test_wrong_arguments_are_explained(learned: Any, options: dict[str, Any], match: str) -> None:
    data = options.pop("data", learned.x[:50])
    with pytest.raises(InvalidValueError, match=match):
        quantize(learned.model, data, **options)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match=r"penstock\.load"):
        quantize(lambda x: x, np.zeros((1, 2), "float32"))  # type: ignore[arg-type]


def test_a_model_without_layers_is_refused() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 8), name="x")
        graph.inputs, graph.outputs = [x], [ps.relu(x)]
    with pytest.raises(InvalidValueError, match="nothing to quantise"):
        quantize(GraphModel({"main": GraphFunction(graph)}), np.zeros((1, 8), "float32"))


def test_what_rounding_adds_on_average_is_taken_off_again() -> None:
    """Inputs that are all positive make an error of each channel's weights add up; the mean of the result stays."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((64, 8)).astype("float32")
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 64), name="x")
        graph.inputs, graph.outputs = [x], [x @ w]
    model = GraphModel({"main": GraphFunction(graph)})
    data = rng.uniform(1, 2, (500, 64)).astype("float32")
    want = np.asarray(model(data)).mean(axis=0)
    uncorrected = data @ (np.round(w / np.abs(w).max(0) * 7) / 7 * np.abs(w).max(0))
    for options in ({}, {"method": "weight_only", "group_size": 64}):
        made = quantize(model, data, bits=4, slower="ignore", **options).model  # type: ignore[arg-type]
        error = np.abs(np.asarray(made(data)).mean(axis=0) - want)
        assert error.max() < 0.2 * np.abs(uncorrected.mean(axis=0) - want).max()


def dense(weights: Any, bias: Any, **turned: bool) -> GraphModel:
    w, b = (ps.Variable(np.asarray(v, "float32"), name=n) for v, n in ((weights, "w"), (bias, "b")))
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 6), name="x")
        with ps.name_scope("layer"):
            y = ps.matmul(x, w, **turned) + b
        graph.inputs, graph.outputs = [x], [y]
    return GraphModel({"main": GraphFunction(graph)}, {"w": w, "b": b})


@pytest.mark.parametrize(
    "options",
    [{}, {"method": "dynamic"}, {"method": "weight_only"}, {"method": "bfloat16"}],
    ids=str,
)
def test_weights_that_are_taken_the_other_way_round(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    weights, x = rng.standard_normal((6, 6)), rng.standard_normal((50, 6)).astype("float32")
    model = dense(weights, np.ones(6), transpose_y=True)
    result = quantize(model, x, slower="ignore", **options)
    np.testing.assert_allclose(result.model(x).numpy(), x @ weights.T + 1, atol=0.1)
    assert [layer.name for layer in result.report.layers] == ["layer/matmul"]


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("small", [0.0, 1e-12, 1e-42])
def test_a_bias_much_larger_than_the_weights_of_its_channel(
    small: float, per_channel: bool
) -> None:
    rng = np.random.default_rng(4)
    weights, x = rng.standard_normal((6, 3)) * small, rng.standard_normal((50, 6)).astype("float32")
    if per_channel:
        weights[:, 0] = 1.0
    model = dense(weights, [1.0, 50.0, -20.0])
    made = quantize(model, x, slower="ignore", per_channel=per_channel).model
    np.testing.assert_allclose(made(x).numpy(), model(x).numpy(), atol=0.4)


def test_convolutions_alone_are_not_quantised_in_every_call() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 6, 6, 1), name="x")
        graph.inputs, graph.outputs = (
            [x],
            [ps.conv2d(x, ps.asarray(np.ones((3, 3, 1, 2), "float32")))],
        )
    model = GraphModel({"main": GraphFunction(graph)})
    with pytest.raises(InvalidValueError, match=r"only convolutions, use method='static'"):
        quantize(model, np.ones((4, 6, 6, 1), "float32"), method="dynamic", slower="ignore")


@pytest.mark.parametrize(("upper", "spelled"), [(6.0, "relu6"), (None, "relu"), (5.0, "relu")])
def test_activations_written_as_limits_belong_to_their_layers(
    upper: float | None, spelled: str
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((3, 3, 4, 8)).astype(np.float32)
    bias = rng.standard_normal(8).astype(np.float32)
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 8, 8, 4), name="x")
        y = ps.maximum(ps.nn.conv2d(x, ps.asarray(weights)) + bias, 0.0)
        y = y if upper is None else ps.minimum(y, upper)
        graph.inputs, graph.outputs = [x], [y]
    model = GraphModel({"main": GraphFunction(graph)}, {})
    data = rng.standard_normal((16, 8, 8, 4)).astype(np.float32)
    made = quantize(model, data, slower="ignore").model
    (layer,) = [n for n in made.default.graph.nodes if n.op == "quantized_conv2d"]
    assert layer.attrs["activation"] == spelled
    assert "maximum" not in ops_of(made)
    assert ("minimum" in ops_of(made)) is (upper == 5.0)
    np.testing.assert_allclose(made(data).numpy(), model(data).numpy(), atol=0.3)


@pytest.mark.parametrize(("width", "value"), [(1, -np.inf), (1, 0.0), (3, -np.inf)])
def test_padded_pools_of_turned_images_stay_integers(width: int, value: float) -> None:
    """Planes are quantised before they become channels; a window of padding alone has no integer."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((3, 3, 3, 8)).astype(np.float32)
    sides = [(0, 0), (width, width), (width, width), (0, 0)]
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 3, 9, 10), name="x")
        image = ps.transpose(x, (0, 2, 3, 1))
        y = ps.pad(ps.conv2d(image, ps.asarray(weights)), sides, constant_values=value)
        y = ps.conv2d(ps.max_pool2d(y, 3, 2), ps.asarray(weights[:1, :1].repeat(3, 2)[:, :, :8]))
        graph.inputs, graph.outputs = [x], [y]
    model = GraphModel({"main": GraphFunction(graph)}, {})
    data = rng.standard_normal((16, 3, 9, 10)).astype(np.float32)
    made = quantize(model, data, slower="ignore").model
    ops = [node.op for node in made.default.graph.nodes if node.op != "constant"]
    assert ops[:4] == ["placeholder", "quantize", "transpose", "quantized_conv2d"]
    assert (ops.count("quantize") == 1) is (width == 1)
    if width == 1:
        np.testing.assert_allclose(made(data).numpy(), model(data).numpy(), atol=2.0)
