"""Single operators with random attributes, against ONNX Runtime and against the words of the standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="needs the package onnx")

from onnx import TensorProto, helper  # noqa: E402

from penstock_formats.onnx import backend  # noqa: E402


def _model(op: str, attrs: dict[str, Any], inputs: list[Any], opset: int) -> Any:
    names = [f"i{k}" for k in range(len(inputs))]
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, inputs, strict=True)
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, names, ["y"], **attrs)], "g", infos, [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def _equals_runtime(op: str, attrs: dict[str, Any], inputs: list[Any], opset: int = 21) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    model = _model(op, attrs, inputs, opset)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, {f"i{k}": x for k, x in enumerate(inputs)})
    (have,) = backend.prepare(model).run(inputs)
    assert have.dtype == expected.dtype
    np.testing.assert_allclose(have, expected, rtol=1e-4, atol=1e-4)


def _positions(size: int, start: int, end: int, step: int) -> list[int]:
    """The standard: negative bounds count from the end, then bounds are clamped, for steps back to -1 at the lowest."""
    start, end = (n + size if n < 0 else n for n in (start, end))
    low, high = (0, size) if step > 0 else (-1, size - 1)
    start, end = min(max(start, 0), high), min(max(end, low), high)
    return list(range(start, end, step))


_BOUNDS = st.integers(-9, 9) | st.sampled_from([2**62, -(2**62), 2**31 - 1])


@settings(max_examples=150, deadline=None)
@given(size=st.integers(1, 6), start=_BOUNDS, end=_BOUNDS, step=st.sampled_from([1, 2, -1, -2, 7]))
def test_slices_are_clamped_as_the_standard_says(
    size: int, start: int, end: int, step: int
) -> None:
    x = np.arange(size, dtype=np.float32)
    bounds = [np.array([n]) for n in (start, end, 0, step)]
    (have,) = backend.prepare(_model("Slice", {}, [x, *bounds], 18)).run([x, *bounds])
    assert have.tolist() == _positions(size, start, end, step)


@settings(max_examples=60, deadline=None)
@given(
    rank=st.integers(1, 3),
    groups=st.sampled_from([1, 2, 4]),
    data=st.data(),
)
def test_convolutions(rank: int, groups: int, data: st.DataObject) -> None:
    def numbers(low: int, high: int, count: int = rank) -> list[int]:
        return data.draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    rng = np.random.default_rng(0)
    sizes, kernel = numbers(6, 9), numbers(1, 3)
    attrs = {
        "group": groups,
        "strides": numbers(1, 3),
        "dilations": numbers(1, 2),
        "pads": numbers(0, 2, 2 * rank),
    }
    x = rng.normal(size=(2, 4, *sizes)).astype("f4")
    w = rng.normal(size=(8, 4 // groups, *kernel)).astype("f4")
    _equals_runtime("Conv", attrs, [x, w, np.arange(8, dtype="f4")])
    extra = [data.draw(st.integers(0, s - 1)) for s in attrs["strides"]]
    w = rng.normal(size=(4, 8 // groups, *kernel)).astype("f4")
    _equals_runtime(
        "ConvTranspose", attrs | {"output_padding": extra}, [x, w, np.arange(8, dtype="f4")]
    )


@settings(max_examples=60, deadline=None)
@given(rank=st.integers(1, 3), ceil=st.booleans(), include=st.booleans(), data=st.data())
def test_poolings(rank: int, ceil: bool, include: bool, data: st.DataObject) -> None:
    def numbers(low: int, high: int, count: int = rank) -> list[int]:
        return data.draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    kernel = numbers(1, 3)
    attrs = {
        "kernel_shape": kernel,
        "strides": numbers(1, 3),
        "dilations": numbers(1, 2),
        "ceil_mode": int(ceil),
    }
    attrs["pads"] = [data.draw(st.integers(0, k - 1)) for k in kernel * 2]
    x = np.random.default_rng(0).normal(size=(2, 3, *numbers(5, 8))).astype("f4")
    _equals_runtime("MaxPool", attrs, [x])
    _equals_runtime("AveragePool", attrs | {"count_include_pad": int(include)}, [x])


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    shift=st.sampled_from(["half_pixel", "asymmetric", "align_corners"]),
    height=st.integers(2, 12),
    width=st.integers(2, 12),
)
def test_resizing(mode: str, shift: str, height: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 6)).astype("f4")
    model = _model(
        "Resize", {"mode": mode, "coordinate_transformation_mode": shift}, [x, x, x, x], 19
    )
    runtime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    del model.graph.input[1:]
    model.graph.node[0].input[1:3] = ["", ""]
    sizes = onnx.numpy_helper.from_array(np.array([1, 2, height, width]), "i3")
    model.graph.initializer.append(sizes)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, {"i0": x})
    (have,) = backend.prepare(model).run([x])
    np.testing.assert_allclose(have, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    mode=st.sampled_from(["linear", "nearest", "cubic"]),
    padding=st.sampled_from(["zeros", "border", "reflection"]),
    aligned=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sampling_on_a_grid(mode: str, padding: str, aligned: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, grid = (
        rng.normal(size=(2, 3, 4, 5)).astype("f4"),
        (rng.normal(size=(2, 3, 3, 2)) * 1.3).astype("f4"),
    )
    attrs = {"mode": mode, "padding_mode": padding, "align_corners": int(aligned)}
    _equals_runtime("GridSample", attrs, [x, grid], 20)


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("sizes", [(3, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
def test_affine_grids(batch: int, sizes: tuple[int, ...], aligned: int) -> None:
    theta = np.random.default_rng(0).standard_normal((batch, len(sizes), len(sizes) + 1))
    inputs = [theta.astype(np.float32), np.array([batch, 3, *sizes])]
    _equals_runtime("AffineGrid", {"align_corners": aligned}, inputs, 20)
