"""Writes a model's function as an ONNX file, checks it, and runs it beside the original."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import onnx
from onnx import ModelProto, helper

from penstock.errors import FormatError
from penstock_formats.onnx.writing._batch import with_batch
from penstock_formats.onnx.writing._emitter import Emitter, describe
from penstock_formats.onnx.writing._finish import finish
from penstock_formats.onnx.writing._prepare import prepare
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing._verify import verify_file
from penstock_formats.onnx.writing._writer import GraphWriter

if TYPE_CHECKING:
    from penstock.saved import GraphFunction, GraphModel

OLDEST_OPSET: Final = 18
_INLINE_BYTES: Final = 1_500_000_000
"""Weights beyond this go to a file beside the model, as one file may have 2 GiB."""


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how it was checked.

    Args:
        nodes: How many nodes the file has.
        opset: The version of ONNX's operators.
        max_abs_diff: The largest difference between the file's results and Penstock's; None if it was not run.
        runtime: What ran the file: "onnxruntime", "onnx.reference", or "" for nothing.
    """

    nodes: int
    opset: int
    max_abs_diff: float | None
    runtime: str


def write(
    model: GraphModel,
    path: str | os.PathLike[str],
    *,
    function: str | None = None,
    opset: int = OLDEST_OPSET,
    batch: int | str | None = None,
    verify: bool = True,
    sizes: Mapping[str, int] | None = None,
    external_data: bool | None = None,
    exact: bool = True,
) -> ExportReport:
    """Write one function of a model as an ONNX file.

    The file is checked by `onnx.checker`; then it runs on random inputs of two batch sizes, in ONNX Runtime if that is
    installed, and its results must equal Penstock's. Only then it takes its place at `path`.

    Args:
        model: What to write. Variables become initializers under their names.
        path: Where to.
        function: The function's name; None for the first.
        opset: The version of ONNX's operators, 18 to the newest that the onnx package knows.
        batch: A number or a name for the first size of every input, in place of what it is; None to leave it.
        verify: Run the file.
        sizes: What the other symbolic sizes are while it runs, by name; 16 where nothing is said.
        exact: Write quantised ops so that each bit is as in Penstock. Else as what runtimes have fast kernels for, float
            ops between DequantizeLinear and QuantizeLinear, whose results may be some steps away.
        external_data: Write the weights to `<path>.data`; None to do so beyond 1.5 GB.

    Returns:
        What was written, and how far its results are from Penstock's.

    Raises:
        FormatError: ONNX cannot express an op, or the file's results differ; the message names the first op that does.
        OSError: The file cannot be written.

    >>> import penstock as ps, tempfile, pathlib
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("batch", 3), name="x")
    ...     y = ps.nn.relu(x - 1.0)
    >>> graph.inputs, graph.outputs = [x], [y]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph, output_names=["y"])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write(model, pathlib.Path(folder) / "model.onnx")
    >>> report.nodes, report.opset, report.max_abs_diff
    (2, 18, 0.0)
    """
    chosen = _function(model, function)
    if batch is not None:
        chosen = with_batch(chosen, batch)
    proto = to_proto(chosen, model, opset=opset, exact=exact)
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        file = Path(folder) / path.name
        _save(proto, file, external_data)
        _check(file)
        found = verify_file(file, chosen, model, opset, sizes or {}, exact) if verify else None
        for made in sorted(Path(folder).iterdir(), key=lambda p: p == file):  # the model last
            shutil.move(made, path.parent / made.name)
    difference, runtime = found or (None, "")
    return ExportReport(len(proto.graph.node), opset, difference, runtime)


def to_proto(
    function: GraphFunction, model: GraphModel, *, opset: int = OLDEST_OPSET, exact: bool = True
) -> ModelProto:
    """Return a function as ONNX's protobuf, unchecked.

    Args:
        function: What to write.
        model: Whose variables and metadata it uses.
        opset: The version of ONNX's operators.
        exact: Write quantised ops so that each bit is as in Penstock.

    Returns:
        The protobuf.

    Raises:
        FormatError: ONNX cannot express an op, or there is no such opset.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", (2,), name="x")
    >>> graph.inputs, graph.outputs = [x], [x]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph, output_names=["y"])})
    >>> to_proto(model.default, model).graph.node[0].op_type
    'Identity'
    """
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise FormatError(
            f"[onnx] opset {opset} was asked for; the onnx package that is installed knows up to {newest}, and "
            f"{OLDEST_OPSET} is the oldest that is written. Say opset={OLDEST_OPSET}"
        )
    names = {v._handle._id: name for name, v in model.variables.items()}
    emitter = Emitter(opset, fast=not exact)
    for name in (*function.inputs, *function.outputs, *names.values()):
        if emitter.name(name) != name:
            raise FormatError(
                f"[onnx] {name!r} is the name of two things among inputs, outputs and variables; give each another: "
                "GraphFunction(graph, name, input_names, output_names)"
            )
    writer = GraphWriter(prepare(function.graph), emitter, names)
    writer.bind([Value(emitter, s.name, s.dtype.name) for s in function.inputs.values()])
    writer.write()
    emitter.scope = "output"
    finish(emitter, [writer.value(t) for t in writer.graph.outputs], list(function.outputs))
    inputs, outputs = (
        [describe(spec.name, spec.dtype.name, spec.shape) for spec in specs.values()]
        for specs in (function.inputs, function.outputs)
    )
    graph = helper.make_graph(
        emitter.nodes, function.name, inputs, outputs, list(emitter.initializers.values())
    )
    return _model(graph, model, opset)


def _function(model: GraphModel, name: str | None) -> GraphFunction:
    if name is None:
        return model.default
    if name not in model.functions:
        raise FormatError(
            f"[onnx] the model has no function {name!r}; it has {', '.join(model.functions)}"
        )
    return model.functions[name]


def _model(graph: onnx.GraphProto, model: GraphModel, opset: int) -> ModelProto:
    operators = helper.make_opsetid("", opset)
    made = helper.make_model(
        graph,
        opset_imports=[operators],
        producer_name="penstock",
        ir_version=helper.find_min_ir_version_for([operators]),
    )
    helper.set_model_props(made, {key: _text(value) for key, value in model.metadata.items()})
    return made


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _save(proto: ModelProto, file: Path, external_data: bool | None) -> None:
    if external_data is None:
        external_data = sum(len(t.raw_data) for t in proto.graph.initializer) > _INLINE_BYTES
    if external_data:
        location = f"{file.name}.data"
        onnx.save_model(proto, file, save_as_external_data=True, location=location)
    else:
        onnx.save_model(proto, file)


def _check(file: Path) -> None:
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise FormatError(
            f"[onnx] onnx.checker refuses what was written: {error}. Please report this with the model's graph"
        ) from error
