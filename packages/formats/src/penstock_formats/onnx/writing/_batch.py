"""The same function for another batch: its first sizes as a number or a name."""

from __future__ import annotations

import re
from typing import Any, Final

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphFunction

_REMEDY: Final = "placeholders of shape ('batch', ...)"


def with_batch(function: GraphFunction, batch: int | str) -> GraphFunction:
    """Return a function whose inputs have another first size.

    Raises:
        FormatError: The graph was made for one size only.
    """
    graph = ps.Graph(function.graph.name)
    with graph.as_default():
        inputs = [
            ps.placeholder(spec.dtype, _shape(spec.shape, batch), name=spec.name)
            for spec in function.inputs.values()
        ]
        try:
            graph.inputs, graph.outputs = inputs, function.run(inputs)
        except PenstockError as error:
            raise FormatError(
                f"[onnx] {function.name} cannot take a batch of {batch!r}: {error}. Build its graph with {_REMEDY}"
            ) from error
    for left, right in graph.guards:
        if isinstance(batch, str) and batch in re.findall(r"\w+", f"{left} {right}"):
            raise FormatError(
                f"[onnx] {function.name} cannot take a batch of {batch!r}: it was built for {left} == {right}. Build "
                f"its graph with {_REMEDY}"
            )
    return GraphFunction(graph, function.name, list(function.inputs), list(function.outputs))


def _shape(shape: tuple[Any, ...], batch: int | str) -> tuple[Any, ...]:
    return (batch, *shape[1:]) if shape else ()
