"""Read ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import penstock as ps
from penstock import Graph, Tensor, Variable
from penstock.errors import FormatError, InvalidTypeError
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.onnx.eager import EagerOnnx
from penstock_formats.onnx.reading import checks, converters, file, names
from penstock_formats.onnx.reading.errors import explained
from penstock_formats.onnx.reading.model import Source
from penstock_formats.onnx.reading.values import Array, Value
from penstock_formats.onnx.reading.walk import Scope, Walk

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

converters.load()


def read(
    path: str | Path,
    *,
    sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    trainable: Callable[[str, Array], bool] | None = None,
    eager: bool = False,
) -> Any:
    """Make a trainable model of an ONNX file.

    Float initializers become variables under the file's names: trainable ones, but for running means and variances.
    Filters of convolutions are kept with their axes as ours are, (height, width, channels, filters).

    Args:
        path: The file. Weights in other files are looked for beside it.
        sizes: Numbers for sizes that have a name in the file: {"batch": 1}.
        shapes: Other sizes for inputs: {"images": ("batch", 3, 224, 224)}. What follows is computed anew.
        trainable: Says for a float initializer's name and numbers whether it is to be trained.
        eager: Run the file node by node instead of making a graph; for models whose sizes depend on numbers.

    Returns:
        A `penstock.saved.GraphModel` with one function, "main"; with `eager` an `EagerOnnx`. Either is called with a
        tensor for each input, and has gradients.

    Raises:
        FormatError: The file is damaged, or has a node that cannot be converted; the message names it.
        InvalidTypeError: There is no input of a name in `shapes`.

    >>> import onnx.parser, pathlib, tempfile
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["" : 18]>
    ...     double (float[n] x) => (float[n] y) { y = Add(x, x) }''')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "double.onnx"
    ...     onnx.save(model, path)
    ...     double = read(path)
    >>> double([1.0, 2.0])
    Tensor([2., 4.], shape=(2,), dtype=float32)
    """
    path = Path(path)
    with explained():
        source = Source(file.load(path), path.parent, trainable)
    if eager:
        return EagerOnnx(source)
    return graph_model(source, sizes, shapes)


def graph_model(
    source: Source,
    sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
) -> GraphModel:
    """Make a graph of a file's nodes.

    Raises:
        FormatError: A node cannot be converted.
    """
    formals = source.inputs
    unknown = [name for name in shapes or {} if name not in {i.name for i in formals}]
    if unknown:
        raise InvalidTypeError(
            f"[onnx] there is no input {unknown[0]!r}; the file has {', '.join(i.name for i in formals) or 'none'}"
        )
    with explained():
        function = _converted(source, sizes or {}, shapes or {})
        return GraphModel({"main": function}, variables_of(source), metadata_of(source))


def _converted(
    source: Source, sizes: Mapping[str, int], shapes: Mapping[str, Sequence[int | str]]
) -> GraphFunction:
    message, formals = source.model.graph, source.inputs
    graph = Graph(names.plain(message.name) or "main")
    with graph.as_default():
        scope = Scope(None, source.opsets)
        scope.values.update(source.main_constants())
        inputs = [_placeholder(i, shapes.get(i.name), sizes) for i in formals]
        scope.values.update((i.name, Value(t)) for i, t in zip(formals, inputs, strict=True))
        scope.nodes = message.node
        results = Walk(source).nodes(message.node, scope, [o.name for o in message.output])
        checks.outputs_fit(message, results)
        outputs = [_output(v, o.name) for v, o in zip(results, message.output, strict=True)]
    graph.inputs, graph.outputs = inputs, outputs
    return GraphFunction(graph, "main", [i.name for i in formals], [o.name for o in message.output])


def _placeholder(
    info: ValueInfoProto, shape: Sequence[int | str] | None, sizes: Mapping[str, int]
) -> Tensor:
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        raise FormatError(
            f"[onnx] the input {info.name!r} is no tensor but a {kind or 'value without a type'}; a graph takes tensors: "
            "read the model with eager=True"
        )
    tensor = info.type.tensor_type
    dtype = file.dtype_of_code(tensor.elem_type, f"the input {info.name!r}")
    if shape is None:
        if not tensor.HasField("shape"):
            raise FormatError(
                f"[onnx] the input {info.name!r} has no shape, not even a number of axes; give it: "
                f"shapes={{{info.name!r}: ('batch', ...)}}"
            )
        shape = [_size(d, sizes, info.name) for d in tensor.shape.dim]  # type: ignore[misc]
    return ps.placeholder(dtype, tuple(shape), name=names.plain(info.name) or "input")


def _size(dim: Any, sizes: Mapping[str, int], name: str) -> int | str | None:
    if dim.HasField("dim_value"):
        if dim.dim_value < 0:
            raise FormatError(
                f"[onnx] the input {name!r} has a size of {dim.dim_value}; give another: shapes={{{name!r}: (...)}}"
            )
        return int(dim.dim_value)
    if dim.dim_param in sizes:
        return int(sizes[dim.dim_param])
    return names.symbol(dim.dim_param)


def _output(value: Value, name: str) -> Tensor:
    if value.items is not None:
        raise FormatError(
            f"[onnx] the output {name!r} is a sequence; a graph returns tensors: read the model with eager=True"
        )
    t = value.tensor
    return t if t.is_symbolic and t.node.op != "placeholder" else ps.identity(t)


def variables_of(source: Source) -> dict[str, Variable]:
    """Return the variables that the converted nodes read, by the file's names."""
    return {name: w.variable for name, w in source.weights.items() if w.variable is not None}


def metadata_of(source: Source) -> dict[str, Any]:
    """Return what the file says about itself."""
    model: ModelProto = source.model
    permuted = {
        name: list(w.axes)
        for name, w in source.weights.items()
        if w.variable is not None and w.axes != tuple(range(w.array.ndim))
    }
    facts: dict[str, Any] = {
        "format": "onnx",
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "opset": source.opsets.get("", 0),
        "description": model.doc_string or model.graph.doc_string,
        "properties": {p.key: p.value for p in model.metadata_props},
        "axes_of_weights": permuted,
        "unused_initializers": checks.unused(source),
    }
    return {key: value for key, value in facts.items() if value or key == "opset"}
