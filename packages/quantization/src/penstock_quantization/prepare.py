"""What every method starts from: one function, for inference, with batch norms folded and weights as constants."""

from __future__ import annotations

from typing import Any

from penstock import transforms
from penstock.errors import InvalidTypeError
from penstock.saved import GraphFunction, GraphModel


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
    return transforms.simplify(made).default
