"""Runs a written file beside the function it was made of, and finds the first op that differs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphFunction
from penstock_formats.onnx.writing._prepare import prepare

if TYPE_CHECKING:
    from penstock._native import Graph
    from penstock.saved import GraphModel, TensorSpec

BATCHES: Final = (1, 3)
TOLERANCE: Final = {"float16": 1e-2, "bfloat16": 5e-2}
"""Of a difference, in parts of the largest result, or of 1, where a graph uses such a dtype; else 1e-4."""

_STEPS: Final = 0.5
"""Of the range of results, where quantised ops may round otherwise: random inputs are no pictures, so this is coarse."""

Arrays = list[np.ndarray[Any, Any]]


def verify_file(
    file: Path,
    function: GraphFunction,
    model: GraphModel,
    opset: int,
    sizes: Mapping[str, int],
    exact: bool = True,
) -> tuple[float, str]:
    """Compare a file with its function on random inputs of two batch sizes.

    Returns:
        The largest difference, and what ran the file.

    Raises:
        FormatError: The results differ.
    """
    run, runtime = open_file(file)
    worst, relative = 0.0, tolerance(function.graph)
    for trial, batch in enumerate(BATCHES):
        arrays = random_inputs(function, batch, sizes, trial)
        try:
            wanted = run_function(function, arrays)
        except PenstockError as error:
            raise FormatError(
                f"[onnx] the function cannot run on random inputs of {_shapes(function, arrays)}: {error}. Give the "
                "sizes that it takes, sizes={{'height': 64}}, or say verify=False".replace(
                    "{{", "{"
                ).replace("}}", "}")
            ) from error
        got = run(dict(zip(function.inputs, arrays, strict=True)))
        for spec, have, want in zip(function.outputs.values(), got, wanted, strict=True):
            error_size = difference(have, want)
            if error_size > (allowed(want, relative) if exact else _STEPS * _reach(want)):
                raise FormatError(
                    f"[onnx] output {spec.name} of the file differs from Penstock's by {error_size:.3g} in {runtime}; "
                    f"{first_difference(function, model, opset, arrays)}. Say verify=False to write it nevertheless"
                )
            worst = max(worst, error_size)
    return worst, runtime


def _shapes(function: GraphFunction, arrays: Arrays) -> str:
    pairs = zip(function.inputs, arrays, strict=True)
    return ", ".join(f"{name} {array.shape}" for name, array in pairs)


def open_file(file: Path | bytes) -> tuple[Any, str]:
    """Return a function that runs a model on arrays by name, and what it runs in."""
    source = file if isinstance(file, bytes) else str(file)
    try:
        import onnxruntime
    except ImportError:
        return _reference(source), "onnx.reference"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a class that depends on its version
        if "NOT_IMPLEMENTED" not in str(error):
            raise FormatError(
                f"[onnx] ONNX Runtime cannot load what was written: {error}. Say verify=False to write it nevertheless"
            ) from error
        return _reference(source), "onnx.reference"
    return partial(_run_session, session), "onnxruntime"


def _run_session(session: Any, given: dict[str, Any]) -> Any:
    try:
        return session.run(None, given)
    except Exception as error:  # of a class that depends on its version
        raise FormatError(
            f"[onnx] ONNX Runtime cannot run what was written on random inputs: {error}. If it can on yours, say "
            "verify=False"
        ) from error


def _reference(source: str | bytes) -> Any:
    """Run by the plain evaluator of the onnx package: slow, and for every dtype."""
    from onnx.reference import ReferenceEvaluator

    proto = onnx.load_from_string(source) if isinstance(source, bytes) else onnx.load(source)
    evaluator = ReferenceEvaluator(proto)

    def run(given: dict[str, Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return evaluator.run(None, given)

    return run


def run_function(function: GraphFunction, arrays: Arrays) -> Arrays:
    """Run a function on arrays."""
    tensors = [
        ps.asarray(array).astype(spec.dtype)
        for array, spec in zip(arrays, function.inputs.values(), strict=True)
    ]
    return [as_numpy(t) for t in function.run(tensors)]


def as_numpy(t: Any) -> np.ndarray[Any, Any]:
    """Return a tensor's numbers; bfloat16 as float32."""
    return np.asarray((t.astype("float32") if t.dtype.name == "bfloat16" else t).numpy())


def random_inputs(
    function: GraphFunction, batch: int, sizes: Mapping[str, int], seed: int
) -> Arrays:
    """Draw inputs: normal numbers, and integers that are good indices anywhere."""
    rng = np.random.default_rng(seed)
    return [_drawn(rng, spec, batch, sizes) for spec in function.inputs.values()]


def _drawn(
    rng: np.random.Generator, spec: TensorSpec, batch: int, sizes: Mapping[str, int]
) -> np.ndarray[Any, Any]:
    shape = [
        size if isinstance(size, int) else sizes.get(size, batch if axis == 0 else 16)
        for axis, size in enumerate(spec.shape)
    ]
    dtype = spec.dtype.name
    if spec.dtype.kind == "float":
        drawn = rng.standard_normal(shape)
        return drawn.astype("float32" if dtype == "bfloat16" else dtype)
    if dtype in ("uint8", "int8"):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return rng.integers(0, 2, shape).astype(dtype)


def difference(have: Any, want: Any) -> float:
    """Return the largest difference of two arrays; infinity if shapes or special values differ."""
    have, want = np.asarray(have, np.float64), np.asarray(want, np.float64)
    if have.shape != want.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        same = (have == want) | (np.isnan(have) & np.isnan(want))
        distance = np.where(same, 0.0, np.abs(have - want))
    return float(np.max(np.where(np.isnan(distance), np.inf, distance), initial=0.0))


def tolerance(graph: Graph) -> float:
    """Return the tolerance of the narrowest floats that a graph computes with."""
    dtypes = {t.dtype.name for node in graph.nodes for t in node.outputs}
    return max(TOLERANCE.get(dtype, 1e-4) for dtype in dtypes | {"float32"})


def allowed(want: np.ndarray[Any, Any], relative: float) -> float:
    """Return the largest difference that is taken for rounding; of integers there is none."""
    if want.dtype.kind != "f":
        return 0.0
    finite = np.where(np.isfinite(want), np.abs(want), 0)
    return relative * max(1.0, float(np.max(finite, initial=0.0)))


def _reach(want: np.ndarray[Any, Any]) -> float:
    """Return how far results may be apart."""
    if want.dtype.kind in "iu":
        return float(np.iinfo(want.dtype).max) - float(np.iinfo(want.dtype).min)
    return max(1.0, float(np.max(np.abs(want), initial=0.0)))


def first_difference(function: GraphFunction, model: GraphModel, opset: int, arrays: Arrays) -> str:
    """Find the first node whose value differs, and say so."""
    from penstock_formats.onnx.writing.write import to_proto

    graph = prepare(function.graph)
    values = [
        t
        for node in graph.nodes
        if node.op not in ("placeholder", "constant", "read_variable")
        for t in node.outputs[:1]
        if t.dtype.kind != "complex"
    ]
    graph.outputs = values
    names = [f"value {i}" for i in range(len(values))]
    every = GraphFunction(graph, "every", list(function.inputs), names)
    run, _ = open_file(to_proto(every, model, opset=opset).SerializeToString())
    got = run(dict(zip(every.inputs, arrays, strict=True)))
    return _first(values, got, run_function(every, arrays))


def _first(values: Sequence[Any], got: Any, wanted: Arrays) -> str:
    for t, have, want in zip(values, got, wanted, strict=True):
        error_size = difference(have, want)
        if error_size > allowed(want, tolerance(t.node.graph)):
            node = t.node
            return f"the first op that does is {node.name} ({node.op}), by {error_size:.3g}"
    return "no single op does, so it is what ONNX Runtime makes of them together"
