"""Networks as ONNX files: run by ONNX Runtime while they are written, with sizes that vary, and with weights by name."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import penstock as ps  # noqa: E402
from penstock.errors import FormatError  # noqa: E402
from penstock.saved import GraphFunction, GraphModel  # noqa: E402
from penstock_formats.onnx.writing import to_proto, write  # noqa: E402
from penstock_formats.onnx.writing._table import ELEMENTWISE  # noqa: E402

RNG = np.random.default_rng(5)


class Weights(dict[str, ps.Variable]):
    """Variables by the names that the model gives them."""

    def __call__(self, name: str, *shape: int) -> Any:
        if name not in self:
            start = RNG.standard_normal(shape).astype(np.float32) / max(shape[0], 1) ** 0.5
            self[name] = ps.Variable(start)
        return self[name]


def model_of(
    build: Callable[..., Any], *inputs: tuple[str, tuple[Any, ...]], metadata: Any = None
) -> GraphModel:
    """Make a model of a function of weights and placeholders."""
    weights = Weights()
    with ps.Graph().as_default() as graph:
        given = [
            ps.placeholder(dtype, shape, name=f"x{i}") for i, (dtype, shape) in enumerate(inputs)
        ]
        made = build(weights, *given)
    results = list(made) if isinstance(made, tuple) else [made]
    graph.inputs, graph.outputs = given, results
    names = [f"x{i}" for i in range(len(given))], [f"y{i}" for i in range(len(results))]
    return GraphModel({"main": GraphFunction(graph, "main", *names)}, weights, metadata)


def ops_of(model: GraphModel) -> Counter[str]:
    return Counter(node.op_type for node in to_proto(model.default, model).graph.node)


def checked(model: GraphModel, folder: Path, **options: Any) -> Any:
    """Write, with the comparison that this makes, and return the report."""
    report = write(model, folder / "model.onnx", **options)
    assert report.runtime == "onnxruntime"
    return report


def image_net(w: Weights, x: Any) -> Any:
    y = ps.nn.relu(
        ps.nn.conv2d(x, w("stem/w", 3, 3, 3, 8), strides=2, padding="same") + w("stem/b", 8)
    )
    for i in range(2):
        z = ps.nn.depthwise_conv2d(y, w(f"{i}/depth", 3, 3, 8, 1), padding="same")
        z = (z - w(f"{i}/mean", 8)) * ps.rsqrt(ps.square(w(f"{i}/var", 8)) + 1e-3)
        z = ps.nn.conv2d(ps.nn.relu6(z), w(f"{i}/point", 1, 1, 8, 8))
        y = ps.concat([y + z, z], -1)[..., 4:12]
    y = ps.nn.max_pool2d(ps.pad(y, [(0, 0), (1, 1), (1, 1), (0, 0)]), 3, 2)
    return ps.nn.softmax(ps.mean(y, (1, 2)) @ w("head", 8, 5))


def test_a_chain_of_convolutions_is_transposed_once(tmp_path: Path) -> None:
    model = model_of(image_net, ("float32", ("batch", 17, 16, 3)))
    assert checked(model, tmp_path).max_abs_diff < 1e-5
    ops = ops_of(model)
    assert ops["Transpose"] == 1
    assert ops["Conv"] == 5


def test_images_of_any_size(tmp_path: Path) -> None:
    model = model_of(image_net, ("float32", ("batch", "height", "width", 3)))
    checked(model, tmp_path, sizes={"height": 23, "width": 18})


def test_weights_have_their_names_and_biases_are_part_of_convolutions(tmp_path: Path) -> None:
    model = model_of(image_net, ("float32", ("batch", 17, 16, 3)))
    checked(model, tmp_path)
    proto = onnx.load(tmp_path / "model.onnx")
    initializers = {t.name: list(t.dims) for t in proto.graph.initializer}
    assert set(model.variables) <= set(initializers)
    assert initializers["stem/w"] == [8, 3, 3, 3]
    stem = next(node for node in proto.graph.node if node.op_type == "Conv")
    assert list(stem.input)[1:] == ["stem/w", "stem/b"]
    (shape,) = [
        [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim]
        for i in proto.graph.input
    ]
    assert shape == ["batch", 17, 16, 3]
    assert [o.name for o in proto.graph.output] == ["y0"]


def encoder(w: Weights, ids: Any) -> Any:
    x = ps.take(w("table", 50, 16), ids, 0)
    batch, time = x.shape[:2]

    def heads(name: str) -> Any:
        y = ps.reshape(x @ w(name, 16, 16), (batch, time, 4, 4))
        return ps.transpose(y, (0, 2, 1, 3))

    seen = ps.nn.scaled_dot_product_attention(heads("q"), heads("k"), heads("v"), causal=True)
    y = ps.reshape(ps.transpose(seen, (0, 2, 1, 3)), (batch, time, 16))
    x = ps.nn.layer_norm(x + y, w("scale", 16), w("offset", 16))
    hidden = ps.nn.gelu(ps.einsum("btd,dh->bth", x, w("up", 16, 32)))
    x = x + ps.nn.rms_norm(hidden @ w("down", 32, 16), w("rms", 16))
    return ps.nn.log_softmax(ps.matmul(x, w("table", 50, 16), transpose_y=True))


def test_a_transformer_of_any_batch_and_length(tmp_path: Path) -> None:
    model = model_of(encoder, ("int64", ("batch", "time")))
    checked(model, tmp_path, sizes={"time": 7})


@pytest.mark.parametrize("kind", ["lstm", "gru", "simple_rnn"])
@pytest.mark.parametrize("masked", [False, True])
def test_recurrent_networks_are_onnx_s_own_unless_they_are_masked(
    tmp_path: Path, kind: str, masked: bool
) -> None:
    gates = {"lstm": 4, "gru": 3, "simple_rnn": 1}[kind]

    def net(w: Weights, x: Any) -> Any:
        mask = ps.sum(x, -1) > 0 if masked else None
        given = [x, w("kernel", 5, gates * 6), w("recurrent", 6, gates * 6), w("bias", gates * 6)]
        if kind == "gru":
            given.append(w("inner_bias", 18))
        return getattr(ps.nn, kind)(*given, mask=mask)[0]

    model = model_of(net, ("float32", ("batch", 9, 5)))
    checked(model, tmp_path)
    ops = ops_of(model)
    proto = onnx.load(tmp_path / "model.onnx")
    assert set(model.variables) <= {t.name for t in proto.graph.initializer}
    own = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}[kind]
    assert ops[own] == (not masked)
    assert ops["Scan"] == masked


def test_the_last_state_of_an_lstm_goes_step_by_step(tmp_path: Path) -> None:
    def net(w: Weights, x: Any) -> Any:
        _, (h, c) = ps.nn.lstm(x, w("kernel", 3, 16), w("recurrent", 4, 16), w("bias", 16))
        return h, c

    checked(model_of(net, ("float32", ("batch", 6, 3))), tmp_path)


def test_control_flow_becomes_if_loop_and_scan(tmp_path: Path) -> None:
    def net(w: Weights, x: Any) -> Any:
        big = ps.cond(ps.sum(x) > 0, lambda t: t @ w("a", 4, 4), lambda t: t - w("b", 4), x)
        _, grown = ps.while_loop(
            lambda i, t: ps.sum(t * t) < 100.0 + ps.cast(i, "float32"),
            lambda i, t: (i + 1, t * 2.0 + 1.0),
            (ps.asarray(0), big),
        )
        carry, rows = ps.scan(lambda s, r: (s + r, s * r), ps.zeros((4,)), grown, reverse=True)
        return grown, carry, rows

    model = model_of(net, ("float32", ("batch", 4)))
    checked(model, tmp_path)
    ops = ops_of(model)
    assert (ops["If"], ops["Loop"], ops["Scan"]) == (1, 1, 1)


def test_an_inner_loop_in_a_branch(tmp_path: Path) -> None:
    def net(_w: Weights, x: Any) -> Any:
        def halved(t: Any) -> Any:
            return ps.while_loop(lambda s: ps.max(s) > 1, lambda s: (s / 2,), (t,))[0]

        return ps.cond(ps.max(x) > 1, halved, lambda t: t + x.shape[0], x)

    checked(model_of(net, ("float32", ("batch", 3))), tmp_path)


def test_sizes_are_computed_from_shapes(tmp_path: Path) -> None:
    def net(_w: Weights, x: Any, y: Any) -> Any:
        rows = x.shape[0] * 2 + 1
        ones = ps.ones((rows, y.shape[1]))
        mixed = ps.reshape(x, (x.shape[0], 2, -1, 1))
        outer = ps.broadcast_to(x[:, None, :], (x.shape[0], y.shape[1], 6))
        return ones, mixed, outer, ps.roll(y, 2, 1), ps.repeat(x, 2, 0), y[::-1, 1:]

    model = model_of(net, ("float32", ("batch", 6)), ("float32", ("batch", "time")))
    checked(model, tmp_path, sizes={"time": 5})


def test_sizes_as_numbers_are_computed_too(tmp_path: Path) -> None:
    def net(_w: Weights, x: Any) -> Any:
        n = x.shape[0]
        seen = ps.arange(n)[:, None] >= ps.arange(n)
        scores = ps.where(seen, x @ ps.matrix_transpose(x), -1e9)
        padded = ps.pad(ps.nn.softmax(scores) @ x, ((0, 9 - n), (1, 0)))
        return padded, ps.tile(x, (n, 1)), ps.repeat(x, n, 1), ps.eye(n), ps.linspace(0.0, 1.0, n)

    model = model_of(net, ("float32", ("tokens", 6)))
    checked(model, tmp_path, sizes={"tokens": 5})


def test_volumes_lines_and_transposed_convolutions(tmp_path: Path) -> None:
    def net(w: Weights, volume: Any, line: Any, image: Any) -> Any:
        a = ps.nn.avg_pool3d(ps.nn.conv3d(volume, w("3d", 2, 3, 2, 2, 4), padding="same"), 2)
        b = ps.nn.conv1d(line, w("1d", 3, 4, 5), stride=2, padding="same")
        c = ps.nn.conv2d_transpose(image, w("up", 3, 3, 5, 3), strides=2, padding="same")
        d = ps.image.resize(c, (9, 31), "bilinear")
        return a, b, c, ps.nn.group_norm(d, w("scale", 5), w("offset", 5), groups=5)

    model = model_of(
        net,
        ("float32", ("batch", 5, 6, 4, 2)),
        ("float32", ("batch", 12, 4)),
        ("float32", ("batch", 6, 7, 3)),
    )
    checked(model, tmp_path)


@pytest.mark.parametrize("opset", range(18, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_is_valid(tmp_path: Path, opset: int) -> None:
    model = model_of(image_net, ("float32", ("batch", 9, 8, 3)))
    newest_run = opset <= 23  # what ONNX Runtime promises varies with its version
    write(model, tmp_path / "model.onnx", opset=opset, verify=newest_run)
    (imported,) = onnx.load(tmp_path / "model.onnx").opset_import
    assert imported.version == opset


def test_the_batch_can_be_fixed_and_named(tmp_path: Path) -> None:
    model = model_of(image_net, ("float32", ("batch", 9, 8, 3)))
    for batch in (4, "n"):
        checked(model, tmp_path, batch=batch)
        (given,) = onnx.load(tmp_path / "model.onnx").graph.input
        size = given.type.tensor_type.shape.dim[0]
        assert (size.dim_param or size.dim_value) == batch


def test_a_batch_that_the_graph_was_not_made_for_is_refused(tmp_path: Path) -> None:
    model = model_of(lambda _w, x: x + np.ones((2, 3), np.float32), ("float32", (2, 3)))
    with pytest.raises(FormatError, match=r"placeholders of shape \('batch', ...\)"):
        write(model, tmp_path / "model.onnx", batch="batch")


def test_weights_can_lie_beside_the_model(tmp_path: Path) -> None:
    model = model_of(lambda w, x: x @ w("large", 64, 64), ("float32", ("batch", 64)))
    checked(model, tmp_path, external_data=True)
    assert (tmp_path / "model.onnx").stat().st_size < 4096
    assert (tmp_path / "model.onnx.data").stat().st_size >= 64 * 64 * 4
    x = RNG.standard_normal((2, 64)).astype(np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (y,) = session.run(None, {"x0": x})
    np.testing.assert_allclose(y, x @ model.variables["large"].numpy(), rtol=1e-4, atol=1e-4)


def test_metadata_and_other_functions(tmp_path: Path) -> None:
    model = model_of(
        lambda _w, x: x + 1, ("float32", (2,)), metadata={"licence": "CC0", "labels": ["a"]}
    )
    model.functions["twice"] = model_of(lambda _w, x: x * 2, ("float32", (2,))).default
    write(model, tmp_path / "model.onnx", function="twice")
    proto = onnx.load(tmp_path / "model.onnx")
    assert {p.key: p.value for p in proto.metadata_props} == {"licence": "CC0", "labels": '["a"]'}
    assert [node.op_type for node in proto.graph.node] == ["Mul"]
    with pytest.raises(FormatError, match="it has main, twice"):
        write(model, tmp_path / "model.onnx", function="thrice")


@pytest.mark.parametrize("opset", [17, 1000])
def test_an_unknown_opset_is_refused(tmp_path: Path, opset: int) -> None:
    model = model_of(lambda _w, x: x, ("float32", (2,)))
    with pytest.raises(FormatError, match="Say opset=18"):
        write(model, tmp_path / "model.onnx", opset=opset)


def test_two_things_of_one_name_are_refused() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (2,), name="x")
    graph.inputs, graph.outputs = [x], [x * 2]
    model = GraphModel({"main": GraphFunction(graph, "main", ["x"], ["x"])})
    with pytest.raises(FormatError, match="give each another"):
        to_proto(model.default, model)


def test_all_that_cannot_be_written_is_listed_with_where_it_was_made(tmp_path: Path) -> None:
    def net(_w: Weights, x: Any) -> Any:
        return ps.linalg.inv(x) @ ps.nn.softmax(ps.random.normal((2, 2)))

    with pytest.raises(FormatError) as caught:
        write(model_of(net, ("float32", (2, 2))), tmp_path / "model.onnx")
    message = str(caught.value)
    assert "inv (inv, made at" in message
    assert "no factorisations" in message
    assert "draws numbers" in message
    assert not list(tmp_path.iterdir())


def test_a_wrong_result_names_the_first_op_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ELEMENTWISE, "sin", lambda x: x.op("Cos"))
    model = model_of(lambda _w, x: ps.exp(ps.sin(x * 2) + 1), ("float32", ("batch", 3)))
    with pytest.raises(FormatError, match=r"the first op that does is sin \(sin\), by"):
        write(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_sizes_that_the_function_does_not_take_are_said(tmp_path: Path) -> None:
    model = model_of(lambda _w, x, y: x + y, ("float32", ("n", 3)), ("float32", (4, 3)))
    with pytest.raises(FormatError, match="Give the sizes that it takes"):
        write(model, tmp_path / "model.onnx")


def test_padding_before_a_pool_may_win(tmp_path: Path) -> None:
    def net(_w: Weights, x: Any) -> Any:
        return ps.nn.max_pool2d(ps.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), 3, 2)

    checked(model_of(net, ("float32", ("batch", 5, 5, 2))), tmp_path)


def test_integers_are_cast_before_they_are_transposed(tmp_path: Path) -> None:
    def net(w: Weights, x: Any) -> Any:
        return ps.cast(ps.transpose(x, (1, 0, 2)), "float32") @ w("a", 6, 3)

    checked(model_of(net, ("uint8", ("batch", 5, 6))), tmp_path)


def test_what_onnx_runtime_cannot_run_on_random_inputs_is_said(tmp_path: Path) -> None:
    model = model_of(lambda _w, x, y: x // y, ("int64", ("n", 9)), ("int64", ("n", 9)))
    with pytest.raises(FormatError, match="If it can on yours, say verify=False"):
        write(model, tmp_path / "model.onnx")
    write(model, tmp_path / "model.onnx", verify=False)


def test_half_floats_are_written_too(tmp_path: Path) -> None:
    def net(w: Weights, x: Any) -> Any:
        y = ps.nn.relu(ps.cast(x, "float16") @ ps.cast(w("a", 4, 4), "float16"))
        return ps.cast(y, "float32")

    checked(model_of(net, ("float32", ("batch", 4))), tmp_path)


@pytest.mark.parametrize("opset", [18, 20])
def test_spectra_have_complex_numbers_inside(tmp_path: Path, opset: int) -> None:
    def net(_w: Weights, sound: Any) -> Any:
        spectrum = ps.signal.stft(sound, 64, 32, fft_length=64)
        mel = ps.signal.linear_to_mel_weight_matrix(8, 33, 16000, 20.0, 4000.0)
        heard = ps.log(ps.square(ps.abs(spectrum)) @ mel + 1e-6)
        turned = ps.conj(spectrum) * ps.complex(0.5, -1.0) / (spectrum + 3.0) - spectrum
        again = ps.signal.istft(spectrum, 64, 32, fft_length=64)
        return heard, ps.real(turned), ps.imag(turned), ps.angle(spectrum[:, :2] + 9.0), again

    checked(model_of(net, ("float32", ("batch", 200))), tmp_path, opset=opset)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_fourier_transforms_of_all_norms(tmp_path: Path, norm: str) -> None:
    def net(_w: Weights, x: Any) -> Any:
        there = ps.fft.fft2(x, norm=norm)
        back = ps.fft.ifft(there, norm=norm)
        half = ps.fft.rfft(x, norm=norm)
        return (
            ps.real(back),
            ps.imag(there),
            *[ps.fft.irfft(half, n=n, norm=norm) for n in (10, 7, 1)],
        )

    checked(model_of(net, ("float32", ("batch", 6, 10))), tmp_path)


@pytest.mark.parametrize("method", ["static", "dynamic", "weight_only"])
def test_models_that_were_quantised_here(tmp_path: Path, method: str) -> None:
    quantization = pytest.importorskip("penstock_quantization")

    def net(w: Weights, x: Any) -> Any:
        y = ps.nn.relu(ps.nn.conv2d(x, w("a", 3, 3, 3, 8), padding="same") + w("bias", 8))
        return ps.nn.max_pool2d(y, 2).reshape((-1, 128)) @ w("head", 128, 4)

    data = [RNG.standard_normal((4, 8, 8, 3)).astype(np.float32) for _ in range(2)]
    model = model_of(net, ("float32", ("batch", 8, 8, 3)))
    made = quantization.quantize(model, data, method=method, slower="ignore").model
    assert checked(made, tmp_path).max_abs_diff < 1e-5
    checked(made, tmp_path, exact=False)
    if method == "static":
        ops = Counter(n.op_type for n in onnx.load(tmp_path / "model.onnx").graph.node)
        assert ops["DequantizeLinear"] > ops["Conv"] > 0


def test_functions_are_saved_by_the_suffix(tmp_path: Path) -> None:
    weights = ps.Variable([[1.0], [-2.0]])
    path = ps.save(
        ps.function(lambda x: ps.nn.relu(x @ weights)),
        tmp_path / "net.onnx",
        [("float32", ("batch", 2))],
        opset=20,
    )
    session = onnxruntime.InferenceSession(path)
    (y,) = session.run(None, {session.get_inputs()[0].name: np.array([[3, 1]], np.float32)})
    assert y.tolist() == [[1.0]]


def test_a_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import penstock as ps\n"
        "try: ps.save(ps.function(lambda x: x), 'net.onnx', [('float32', (2,))])\n"
        "except ps.errors.FormatError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "penstock-formats[onnx]"' in done.stdout
