"""C source: every op that is written against Penstock itself, compiled with all warnings as errors."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import registry
from penstock.errors import FormatError
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.c_source.emitters import EMITTERS
from penstock_formats.c_source.values import C_TYPES
from penstock_formats.c_source.write import write


def modelled(function: Callable[..., Any], *inputs: Any) -> GraphModel:
    """Make a model of a function of arrays like these."""
    with ps.Graph("net").as_default() as graph:
        given = [ps.placeholder(str(x.dtype), x.shape, name=f"x{i}") for i, x in enumerate(inputs)]
        made = function(*given)
    graph.inputs, graph.outputs = given, list(made) if isinstance(made, list | tuple) else [made]
    names = [f"y{i}" for i in range(len(graph.outputs))]
    return GraphModel(
        {"net": GraphFunction(graph, "net", [f"x{i}" for i in range(len(given))], names)}
    )


def same(got: Any, want: Any, what: str = "") -> None:
    """Compare integers exactly, floats to 1e-5 of the largest."""
    want = np.asarray(want)
    assert got.dtype == want.dtype
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, what)
        return
    finite = want[np.isfinite(want)]
    scale = max(1.0, float(np.abs(finite).max(initial=0)))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


def check(compiled: Any, function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Compare a function in C with Penstock."""
    model = modelled(function, *inputs)
    want = model.default.run([ps.asarray(x) for x in inputs])
    for got, y in zip(compiled(model)(*inputs), want, strict=True):
        same(got, y.numpy())


# ---- every op, on the samples of its block


def runtime_inputs(op: str, args: Sequence[Any]) -> int:
    """Say how many of the arguments are inputs; scales and zero points of quantised ops are constants."""
    if op in ("quantized_add", "quantized_multiply"):
        return 2
    if op == "quantized_concat":
        return 0
    return 1 if re.match("quantized_|quantize|dequantize|requantize", op) else len(args)


def samples(op: str) -> list[tuple[str, Any, Any]]:
    block = registry.op_blocks(op)[op]
    assert block.samples_fn is not None
    kept = []
    for sample in block.samples_fn(np.random.default_rng(7)):
        flat = [a for x in sample.args for a in (x if isinstance(x, list) else [x])]
        arrays = [a for a in flat if isinstance(a, np.ndarray | np.generic)]
        fits = all(str(a.dtype) in C_TYPES and 0 < a.size < 20_000 for a in arrays)
        if fits and "empty" not in sample.label:
            kept.append((sample.label, sample.args, sample.kwargs))
    return kept


OPS = sorted(set(EMITTERS) - {"copy"})


# Ops of which some samples are refused, with a message that names the way out.
PARTLY = ("image_resize", "power")


_PROGRAM = """
#include <stdio.h>
#include "net.h"
int main(void)
{
    T x[4] = {X}, y[10];
    if (net_run(x, y, y + 4, y + 8)) {
        return 1;
    }
    for (int i = 0; i < 10; i++) {
        printf("%lld ", (long long)y[i]);
    }
    return 0;
}
"""


@pytest.mark.parametrize("op", OPS)
def test_op_agrees_with_penstock_on_all_samples(op: str, tmp_path: Path, compiled: Any) -> None:
    inputs: list[Any] = []
    calls: dict[str, Callable[[Sequence[Any]], Any]] = {}
    for label, args, kwargs in samples(op):
        own: list[Any] = []
        alone = bound(op, args, kwargs, own)
        model = modelled(lambda *xs, call=alone: call(xs), *own)
        y = model.default.graph.outputs[0]
        if y.dtype.name not in C_TYPES or 0 in y.shape:
            continue
        if message := refusal(model, tmp_path / "one.c"):
            assert op in PARTLY, label
            assert re.search(r"is not written in C; (use|cast)", message)
            continue
        calls[label] = bound(op, args, kwargs, inputs)
    assert calls

    model = modelled(lambda *xs: [call(xs) for call in calls.values()], *inputs)
    run = compiled(model)
    with np.errstate(all="ignore"):
        want = model.default.run([ps.asarray(x) for x in inputs])
    for label, got, y in zip(calls, run(*inputs), want, strict=True):
        same(got, y.numpy(), f"{op}: {label}")


def refusal(model: GraphModel, path: Path) -> str:
    """Return why a model cannot be written; nothing if it can."""
    try:
        write(model, path)
    except FormatError as error:
        return str(error)
    return ""


def bound(op: str, args: Any, kwargs: Any, inputs: list[Any]) -> Callable[[Sequence[Any]], Any]:
    """Add an op's arguments to the inputs, and return what calls it with these."""
    function = registry.op_function(op)
    count = runtime_inputs(op, args)
    fixed: list[Any] = []

    def place(value: Any, i: int) -> Any:
        if isinstance(value, list) and op in ("concat", "quantized_concat"):
            return [place(v, i) for v in value]
        if isinstance(value, np.ndarray) and (i < count or (op == "quantized_concat" and i == 4)):
            inputs.append(np.array(value, order="C"))
            return len(inputs) - 1
        fixed.append(value)
        return ("fixed", len(fixed) - 1)

    places = [place(a, i) for i, a in enumerate(args)]

    def fetch(at: Any, xs: Sequence[Any]) -> Any:
        if isinstance(at, list):
            return [fetch(a, xs) for a in at]
        return xs[at] if isinstance(at, int) else fixed[at[1]]

    return lambda xs: function(*[fetch(at, xs) for at in places], **kwargs)


# ---- whole networks


def float_network(rng: np.random.Generator) -> tuple[GraphModel, Any]:
    """Make a small network with variables, batch norm, a residual, and an open batch."""

    def variable(name: str, *shape: int) -> ps.Variable:
        return ps.Variable(rng.normal(0, 0.3, shape).astype("float32"), name=name)

    weights = {
        "conv": variable("conv", 3, 3, 3, 8),
        "scale": variable("scale", 8),
        "offset": variable("offset", 8),
        "depthwise": variable("depthwise", 3, 3, 8, 1),
        "point": variable("point", 1, 1, 8, 8),
        "dense": variable("dense", 8, 5),
        "bias": variable("bias", 5),
    }
    with ps.Graph("net").as_default() as graph:
        x = ps.placeholder("float32", ("batch", 12, 12, 3), name="image")
        y = ps.nn.conv2d(x, weights["conv"], strides=2, padding="same")
        mean, variance = np.full(8, 0.1, "float32"), np.full(8, 1.7, "float32")
        y = ps.nn.batch_norm_inference(
            y, mean=mean, variance=variance, scale=weights["scale"], offset=weights["offset"]
        )
        y = ps.nn.relu6(y)
        z = ps.nn.depthwise_conv2d(y, weights["depthwise"], padding="same")
        z = ps.nn.conv2d(ps.nn.hard_swish(z), weights["point"]) + y
        z = ps.mean(ps.nn.max_pool2d(z, 2), (1, 2))
        graph.inputs = [x]
        graph.outputs = [ps.nn.softmax(z @ weights["dense"] + weights["bias"]), z]
    function = GraphFunction(graph, "net", ["image"], ["probabilities", "features"])
    return GraphModel({"net": function}, weights), rng.normal(size=(3, 12, 12, 3)).astype("float32")


def test_network_with_variables_and_an_open_batch(compiled: Any) -> None:
    model, images = float_network(np.random.default_rng(3))
    got = compiled(model, batch=3)(images)
    want = model(images)
    for array, name in zip(got, ("probabilities", "features"), strict=True):
        assert np.abs(array - want[name].numpy()).max() < 1e-5


def test_batch_norms_and_activations_are_part_of_the_loops_of_layers(tmp_path: Path) -> None:
    model, _ = float_network(np.random.default_rng(3))
    write(model, tmp_path / "net.c")
    steps = re.findall(r"/\* (.*): float32", (tmp_path / "net.c").read_text())
    assert steps == [
        "conv2d, add, relu6",
        "depthwise_conv2d, hard_swish",
        "conv2d, add",
        "max_pool2d",
        "mean",
        "matmul, add",
        "softmax",
    ]


def test_header_tells_shapes_scales_and_memory(tmp_path: Path) -> None:
    x = np.ones((1, 4), "uint8")
    model = modelled(lambda x: ps.ops.requantize(x, 0.5, 128, 0.25, 0), x)
    model.metadata["inputs"] = {"x0": {"scale": 0.5, "zero_point": 128}}
    write(model, tmp_path / "net.c")
    header = (tmp_path / "net.h").read_text()
    assert "x0: uint8[1, 4]; real = 0.5 * (integer - 128)" in header
    assert "#define NET_ARENA_BYTES 0" in header
    assert "#define NET_WEIGHT_BYTES 256" in header
    assert "#define NET_X0_SIZE 4" in header
    assert "int net_run(const uint8_t *x0, int8_t *y0);" in header


def test_values_that_do_not_meet_share_memory(tmp_path: Path, compiled: Any) -> None:
    def deep(x: Any) -> Any:
        for _ in range(9):
            x = ps.nn.softmax(ps.transpose(x))
        return x

    x = np.arange(36, dtype="float32").reshape(6, 6)
    check(compiled, deep, [x])
    assert "ARENA_BYTES 288" in (tmp_path / "net.h").read_text()  # two of 144 bytes


def test_elementwise_ops_work_in_place(tmp_path: Path, compiled: Any) -> None:
    x = np.linspace(-2, 2, 20, dtype="float32").reshape(4, 5)

    def twice(x: Any) -> Any:
        y = ps.transpose(x)
        return ps.transpose(ps.sigmoid(y) * ps.exp(y))

    check(compiled, twice, [x])
    assert "ARENA_BYTES 160" in (tmp_path / "net.h").read_text()  # the product lies over a factor


def test_inputs_constants_and_the_same_value_twice_can_be_given_out(compiled: Any) -> None:
    x = np.arange(6, dtype="int32").reshape(2, 3)

    def function(x: Any) -> Any:
        y = x + 1
        return [x, y, ps.reshape(y, (3, 2)), ps.asarray(np.arange(4, dtype="int8")) + 0]

    check(compiled, function, [x])


def test_names_that_c_cannot_use_are_changed(tmp_path: Path, compiled: Any) -> None:
    with ps.Graph("net").as_default() as graph:
        x = ps.placeholder("float32", (3,), name="x")
        graph.inputs, graph.outputs = [x], [x * 2.0, x + 1.0]
    function = GraphFunction(graph, "net", ["serving/default:0"], ["int", "9 lives"])
    model = GraphModel({"net": function})
    assert compiled(model)(np.ones(3, "float32"))[1].tolist() == [2, 2, 2]
    header = (tmp_path / "net.h").read_text()
    assert "net_run(const float *serving_default_0, float *x_int, float *x_9_lives)" in header


def test_header_serves_cpp_too(tmp_path: Path, compiler: str) -> None:
    model = modelled(lambda x: x * 2.0, np.ones(3, "float32"))
    write(model, tmp_path / "net.c")
    program = tmp_path / "main.cpp"
    program.write_text(
        '#include "net.h"\nint main() { float x[3] = {1, 2, 3}, y[3]; return net_run(x, y); }\n'
    )
    cpp = shutil.which("c++")
    if cpp is None:
        pytest.skip("there is no C++ compiler, c++")
    subprocess.run(
        [compiler, "-c", "-std=c99", "-o", tmp_path / "net.o", tmp_path / "net.c"], check=True
    )
    subprocess.run([cpp, "-o", tmp_path / "main", program, tmp_path / "net.o", "-lm"], check=True)
    subprocess.run([tmp_path / "main"], check=True)


def test_null_pointers_are_refused(tmp_path: Path, compiled: Any) -> None:
    compiled(modelled(lambda x: x * 2.0, np.ones(3, "float32")))
    assert ctypes.CDLL(str(tmp_path / "net.so")).net_run(None, None) == 1


def test_sums_beyond_32_bits_wrap_around_as_in_penstock(tmp_path: Path, compiled: Any) -> None:
    weights = np.full((70_000, 1), -128, "int8")
    x = np.full((1, 70_000), -128, "int8")

    def layer(x: Any) -> Any:
        bias = np.zeros(1, "int32")
        return ps.ops.quantized_matmul(x, weights, bias, 1.0, 127, 1.0, 0, 2.0**24, 0)

    check(compiled, layer, [x])
    assert "int64_t sum" in (tmp_path / "net.c").read_text()


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64"])
def test_integers_wrap_around_without_undefined_behaviour(
    tmp_path: Path, compiler: str, dtype: str
) -> None:
    ends = np.iinfo(dtype)
    x = np.array([ends.max, ends.min, ends.max, 3], dtype)
    with ps.Graph().as_default() as graph:
        given = ps.placeholder(dtype, (4,), name="x")
        turned = ps.flip(given, 0)
        sums = ps.stack([ps.sum(given, dtype=dtype), ps.prod(given, dtype=dtype)])
        graph.inputs = [given]
        graph.outputs = [given * turned, ps.squared_difference(given, turned), sums]
    model = GraphModel({"main": GraphFunction(graph)})
    write(model, tmp_path / "net.c")
    (tmp_path / "main.c").write_text(
        _PROGRAM.replace("T", f"{dtype}_t").replace(
            "X",
            ", ".join(
                f"({dtype}_t){n}ULL" if n >= 0 else f"({dtype}_t)(-{-(n + 1)}LL - 1)"
                for n in x.tolist()
            ),
        )
    )
    flags = ["-std=c99", "-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    command = [
        compiler,
        *flags,
        tmp_path / "net.c",
        tmp_path / "main.c",
        "-lm",
        "-o",
        tmp_path / "a",
    ]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the compiler has no sanitizer")
    told = subprocess.run([tmp_path / "a"], capture_output=True, text=True, check=True).stdout
    wanted = [n for y in model(x).values() for n in y.tolist()]
    assert [int(n) for n in told.split()] == wanted


def test_written_files_are_the_same_each_time(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        model, _ = float_network(np.random.default_rng(3))
        (tmp_path / name).mkdir()
        write(model, tmp_path / name / "net.c")
        texts.append((tmp_path / name / "net.c").read_text())
    assert texts[0] == texts[1]


# ---- what is refused


def test_ops_without_c_are_listed_with_names_and_lines(tmp_path: Path) -> None:
    model = modelled(lambda x: ps.sort(ps.cumsum(x)) + ps.cumsum(x * 2.0), np.ones(3, "float32"))
    with pytest.raises(
        FormatError,
        match=r"no C is written for 3 of .*cumsum 'cumsum' at .*test_c_source.py:\d+.*sort",
    ):
        write(model, tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


def test_open_sizes_are_listed(tmp_path: Path) -> None:
    with ps.Graph("net").as_default() as graph:
        x = ps.placeholder("float32", ("batch", "length"), name="x")
        graph.inputs, graph.outputs = [x], [x * 2.0]
    model = GraphModel({"net": GraphFunction(graph)})
    with pytest.raises(FormatError, match=r"give sizes=\{'length': 1\}"):
        write(model, tmp_path / "net.c")
    write(model, tmp_path / "net.c", batch=2, sizes={"length": 5})
    assert "float32[2, 5]" in (tmp_path / "net.h").read_text()


def test_dtypes_that_c_has_not_are_refused(tmp_path: Path) -> None:
    model = modelled(lambda x: ps.cast(x, "float16") * 2.0, np.ones(3, "float32"))
    with pytest.raises(FormatError, match=r"cast 'cast' at .*\(float16\)"):
        write(model, tmp_path / "net.c")


def test_scales_that_are_computed_are_refused(tmp_path: Path) -> None:
    one = np.ones((), "float32")
    x = np.ones((1, 4), "int8")
    model = modelled(lambda x, scale: ps.ops.quantized_softmax(x, scale), x, one)
    with pytest.raises(FormatError, match=r"x_scale of quantized_softmax .* make it a constant"):
        write(model, tmp_path / "net.c")


def test_unknown_function_and_alignment_are_refused(tmp_path: Path) -> None:
    model = modelled(lambda x: x * 2.0, np.ones(3, "float32"))
    with pytest.raises(FormatError, match="it has net: say function="):
        write(model, tmp_path / "net.c", function="train")
    with pytest.raises(FormatError, match="expected a power of two, such as 16"):
        write(model, tmp_path / "net.c", align=12)
