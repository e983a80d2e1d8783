"""Every op's samples as models of one op, run by ONNX Runtime: also those of ops that are yet to come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import penstock as ps
from penstock.errors import FormatError
from penstock.registry import op_blocks
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.onnx.writing import coverage, table, to_proto
from penstock_formats.onnx.writing._table import FAST
from penstock_formats.onnx.writing._verify import (
    allowed,
    difference,
    first_difference,
    open_file,
    run_function,
)
from penstock_testkit.cases import Case, samples_of

HOW = {row.op: row for row in coverage()}

# What ONNX Runtime does otherwise, by op and a word of the sample.
OTHERWISE = {
    ("floor_divide", "signs"): "it refuses to divide integers by zero",
    ("remainder", "signs"): "it refuses to divide integers by zero",
    ("signbit", "special"): "a NaN has no sign in ONNX",
    ("copysign", "special"): "a NaN has no sign in ONNX",
    ("non_max_suppression", "soft"): "refused, with a message",
    ("fft_of_real", "large"): "its transforms of long prime lengths lose digits",
    ("fft_complex", "large"): "its transforms of long prime lengths lose digits",
    ("scatter_max", "NaN"): "it leaves a NaN out",
    ("scatter_min", "NaN"): "it leaves a NaN out",
    ("unique", "special"): "it cannot sort NaN",
    ("sort", "special"): "it cannot sort NaN",
    ("argsort", "special"): "it cannot sort NaN",
    ("top_k", "special"): "it cannot sort NaN",
    ("searchsorted", "special"): "comparisons cannot find NaN",
}


# Their parameters, from the second input on, are worked out while writing.
WITH_CONSTANTS = {
    "quantize": 1,
    "dequantize": 1,
    "requantize": 1,
    "quantized_softmax": 1,
    "weight_only_matmul": 1,
    "quantized_add": 2,
    "quantized_multiply": 2,
    "quantized_conv2d": 1,
    "quantized_depthwise_conv2d": 1,
    "quantized_matmul": 1,
}


def cases_of(name: str) -> Iterator[Case]:
    """Make a case of each sample; float64 becomes float32; what is then there twice, and empty tensors, are left out."""
    seen = set()
    for sample in samples_of(op_blocks(name)[name]):
        case = Case(op_blocks(name)[name], sample, "cpu")
        case.arrays = [a.astype("float32") if a.dtype == "float64" else a for a in case.arrays]
        if any(a.size == 0 for a in case.arrays):
            continue  # ONNX Runtime divides by zero in some ops of nothing
        dtypes = {a.dtype.name for a in case.arrays} - {"float32", "int64", "int32", "bool"}
        if dtypes and not (
            dtypes <= {"int8", "uint8"} and ("quant" in name or name in WITH_CONSTANTS)
        ):
            continue
        key = repr([(a.shape, a.dtype.name, a.tobytes()) for a in case.arrays]) + repr(case)
        if key not in seen:
            seen.add(key)
            yield case


def model_of(case: Case) -> tuple[GraphModel, list[np.ndarray[Any, Any]]]:
    """Return a model of one call, and the arrays that it takes."""
    name = case.name
    if name == "quantized_concat":
        free = [
            i for i in range(len(case.arrays)) if case.arrays[i].dtype.name in ("int8", "uint8")
        ]
        free = free[: len(case.sample.args[0])]
    else:
        free = list(range(WITH_CONSTANTS.get(name, len(case.arrays))))
    graph = ps.Graph()
    with graph.as_default():
        values = [
            ps.placeholder(case.dtype_of(a), a.shape, name=f"x{i}") if i in free else case.tensor(a)
            for i, a in enumerate(case.arrays)
        ]
        made = [t for t in case(*values) if t.is_symbolic]
        pairs = [(ps.real(t), ps.imag(t)) if t.dtype.kind == "complex" else (t,) for t in made]
        results = [t for pair in pairs for t in pair]
    graph.inputs, graph.outputs = [values[i] for i in free], results
    names = [f"x{i}" for i in free], [f"y{i}" for i in range(len(results))]
    model = GraphModel({"main": GraphFunction(graph, "main", *names)})
    return model, [case.arrays[i] for i in free]


def _is_plain(case: Case) -> bool:
    """Whether its results have dtypes that ONNX Runtime can give."""
    results = case.graph()[2]
    return not any(t.dtype.kind == "string" or t.dtype.itemsize == 2 for t in results)


def _is_otherwise(name: str, case: Any) -> bool:
    return any(op == name and word in case.sample.label for op, word in OTHERWISE)


@pytest.mark.parametrize("name", [row.op for row in coverage() if row.how in ("op", "ops")])
def test_what_is_written_computes_the_same_in_onnx_runtime(name: str) -> None:
    cases = [case for case in cases_of(name) if not _is_otherwise(name, case)]
    cases = [case for case in cases if _is_plain(case)]
    if not cases:
        pytest.skip("it has no sample of float32 or integers: networks test it")
    for case in cases:
        model, arrays = model_of(case)
        function = model.default
        run, _ = open_file(to_proto(function, model).SerializeToString())
        got = run(dict(zip(function.inputs, arrays, strict=True)))
        wanted = run_function(function, arrays)
        for spec, have, want in zip(function.outputs.values(), got, wanted, strict=True):
            error = difference(have, want)
            assert error <= allowed(want, 1e-4), (
                f"{case}, {spec.name}: {first_difference(function, model, 18, arrays)}"
            )


@pytest.mark.parametrize("name", [row.op for row in coverage() if row.how == "no"])
def test_what_cannot_be_written_says_why(name: str) -> None:
    cases = list(cases_of(name))
    if not cases:
        pytest.skip("it has no sample of float32 or integers")
    try:
        model, _ = model_of(cases[0])
    except TypeError:
        pytest.skip("its samples need float64")
    with pytest.raises(FormatError) as caught:
        to_proto(model.default, model)
    assert HOW[name].note in str(caught.value)
    assert "penstock.transforms.extract" in str(caught.value)


def test_every_op_is_in_the_table_and_most_can_be_written() -> None:
    assert {row.op for row in coverage()} >= set(op_blocks())
    written = [row for row in coverage() if row.how != "no"]
    assert len(written) > 200


def test_quantised_results_are_equal_to_the_bit() -> None:
    for name in ("quantized_conv2d", "quantized_matmul", "quantized_softmax", "quantized_add"):
        for case in cases_of(name):
            model, arrays = model_of(case)
            run, _ = open_file(to_proto(model.default, model).SerializeToString())
            (got,) = run(dict(zip(model.default.inputs, arrays, strict=True)))
            np.testing.assert_array_equal(got, run_function(model.default, arrays)[0], str(case))


def test_the_page_has_the_table() -> None:
    page = Path(__file__).parents[4] / "docs" / "onnx_export.md"
    if not page.is_file():
        pytest.skip("docs/onnx_export.md is not beside the tests")
    assert page.read_text("utf-8").endswith(table()), (
        "write the output of `python -m penstock_formats.onnx.writing.coverage` at the end of docs/onnx_export.md"
    )


@pytest.mark.parametrize("name", [name for name in FAST if name not in ("quantize", "dequantize")])
def test_fast_quantised_ops_are_a_few_steps_away_at_most(name: str) -> None:
    for case in cases_of(name):
        model, arrays = model_of(case)
        proto = to_proto(model.default, model, exact=False)
        run, _ = open_file(proto.SerializeToString())
        (got,) = run(dict(zip(model.default.inputs, arrays, strict=True)))
        (want,) = run_function(model.default, arrays)
        assert got.dtype == want.dtype
        assert difference(got, want) <= 2, str(case)
        if name not in ("requantize", "quantized_avg_pool2d"):
            assert "DequantizeLinear" in {node.op_type for node in proto.graph.node}
