"""What every method starts from: one function, for inference, with batch norms folded and weights as constants."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor, transforms
from penstock.errors import InvalidTypeError
from penstock.passes._rewrite import rewrite
from penstock.passes.prune import prune
from penstock.saved import GraphFunction, GraphModel
from penstock.transforms._models import with_graphs
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
    return transforms.simplify(transforms.freeze(upright(transforms.fold_batch_norm(made)))).default


def upright(model: GraphModel) -> GraphModel:
    """Turn weights that products take the other way round, so that their last axis is the channels.

    What was a variable becomes a new one, under the name of the old if nobody else uses that.
    """
    turned: dict[Any, ps.Variable] = {}

    def turn(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        weights = value_of(node.inputs[1]) if node.op == "matmul" else None
        if weights is None or weights.ndim != 2 or not node.attrs["transpose_y"]:
            return None
        value: Tensor = ps.asarray(np.ascontiguousarray(weights.T))
        old = node.inputs[1].node.attrs.get("variable")
        if old is not None:
            value = turned.setdefault(old, ps.Variable(value, old.name, old.trainable)).value
        made = ps.matmul(inputs[0], value, transpose_x=node.attrs["transpose_x"])
        made.node.rename(node.name.rsplit("/", 1)[-1])  # the scope is set already
        return [made]

    made = with_graphs(model, lambda graph: prune(rewrite(graph, turn)))
    for name, variable in model.variables.items():
        if variable._handle in turned:
            free = name if name not in made.variables else f"{name}_turned"
            made.variables[free] = turned[variable._handle]
    return made
