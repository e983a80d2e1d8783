"""What every method starts from: one function, for inference, with batch norms folded and weights as constants."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock import Graph, Tensor, transforms
from penstock.errors import InvalidTypeError
from penstock.passes._rewrite import rewrite
from penstock.saved import GraphFunction, GraphModel
from penstock_quantization.layers import Node, value_of


def need_model(model: Any) -> GraphModel:
    """Refuse what is no model.

    Raises:
        InvalidTypeError: It is none.
    """
    if not isinstance(model, GraphModel):
        raise InvalidTypeError(
            f"[quantize] got {type(model).__name__}; expected a GraphModel: penstock.load(path) gives one"
        )
    return model


def first_function(model: GraphModel) -> GraphModel:
    """Return a model that has only the first function."""
    name, function = next(iter(model.functions.items()))
    return GraphModel({name: function}, model.variables, model.metadata)


def with_constants(model: GraphModel) -> GraphFunction:
    """Return a model's first function, ready to be quantised."""
    made = transforms.strip_training(first_function(model))
    made = transforms.freeze(transforms.fold_batch_norm(made))
    function = transforms.simplify(made).default
    return GraphFunction(
        _upright(function.graph), function.name, list(function.inputs), list(function.outputs)
    )


def _upright(graph: Graph) -> Graph:
    """Turn weights that products take the other way round, so that their last axis is the channels."""

    def turn(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        weights = value_of(node.inputs[1]) if node.op == "matmul" else None
        if weights is None or weights.ndim != 2 or not node.attrs["transpose_y"]:
            return None
        turned = ps.asarray(np.ascontiguousarray(weights.T))
        made = ps.matmul(inputs[0], turned, transpose_x=node.attrs["transpose_x"])
        made.node.rename(node.name.rsplit("/", 1)[-1])  # the scope is set already
        return [made]

    return transforms.simplify(
        GraphModel({"main": GraphFunction(rewrite(graph, turn))})
    ).default.graph
