"""What a file says about its tensors, held against what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from penstock.errors import FormatError
from penstock_formats.onnx.reading.file import DTYPES

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

    from penstock_formats.onnx.reading.model import Source
    from penstock_formats.onnx.reading.values import Value


def initializers_fit(graph: GraphProto, constants: dict[str, Value]) -> None:
    """Compare initializers with what the graph's inputs of the same names say.

    Raises:
        FormatError: One has another dtype or shape; all that do are listed.
    """
    wrong = []
    for info in graph.input:
        if info.name in constants and info.type.HasField("tensor_type"):
            value = constants[info.name]
            said, have = _said(info), f"{value.dtype}{list(value.shape)}"
            if said is not None and said != have:
                wrong.append(f"{info.name!r} is {have}, and should be {said}")
    if wrong:
        raise FormatError(
            f"[onnx] {len(wrong)} initializers are not as the graph says: {'; '.join(wrong[:20])}; "
            "the weights are of another model: get both again"
        )


def _said(info: ValueInfoProto) -> str | None:
    """Write what is said about a tensor; None if that is not all."""
    tensor = info.type.tensor_type
    if not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim):
        return None
    return f"{DTYPES.get(tensor.elem_type)}{[d.dim_value for d in tensor.shape.dim]}"


def outputs_fit(graph: GraphProto, values: Iterable[Value]) -> None:
    """Compare outputs with the dtypes and ranks that the graph gives them.

    Raises:
        FormatError: One is another.
    """
    for info, value in zip(graph.output, values, strict=True):
        tensor = info.type.tensor_type
        if value.items is not None or not tensor.elem_type or tensor.elem_type not in DTYPES:
            continue
        said = DTYPES[tensor.elem_type]
        rank = len(tensor.shape.dim) if tensor.HasField("shape") else value.ndim
        if said != value.dtype or rank != value.ndim:
            raise FormatError(
                f"[onnx] the output {info.name!r} is {value.dtype} of {value.ndim} axes, and should be {said} of "
                f"{rank}; the file is damaged: export the model again"
            )


def unused(source: Source) -> list[str]:
    """List the initializers that no node takes."""
    taken = set(_taken(source.model.graph.node))
    taken |= {o.name for o in source.model.graph.output}
    return [t.name for t in source.model.graph.initializer if t.name not in taken]


def _taken(nodes: Iterable[NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                yield from _taken(graph.node)
                yield from (o.name for o in graph.output)
