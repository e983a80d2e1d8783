"""All numbers of a model as nested dictionaries, and losses for values that are handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.stateless import StatelessScope

if TYPE_CHECKING:
    from penstock_keras_api.models.model import Model

_FORMATS: Final[dict[str, Callable[[Any], Any]]] = {
    "backend_tensor": lambda v: v.value,
    "numpy_array": lambda v: np.array(v.numpy()),
}


def state_tree(model: Model, value_format: str) -> dict[str, Any]:
    """Return the variables of a model by kind and path; see `Model.get_state_tree`."""
    if value_format not in _FORMATS:
        raise InvalidValueError(
            f"[get_state_tree] got value_format={value_format!r}; use 'backend_tensor' or 'numpy_array'"
        )
    read = _FORMATS[value_format]
    return {name: _nested(rows, read) for name, rows in _kinds(model).items()}


def set_state_tree(model: Model, tree: Mapping[str, Any]) -> None:
    """Set the variables of a model; see `Model.set_state_tree`."""
    kinds = _kinds(model)
    for name, values in tree.items():
        if name not in kinds:
            raise InvalidValueError(
                f"[set_state_tree] got {name!r}; there are {', '.join(kinds)}, as get_state_tree returns them"
            )
        found = {v.path: v for v in kinds[name]}
        for path, value in _flat(values, ()):
            if path not in found:
                raise InvalidValueError(
                    f"[set_state_tree] there is no variable {path!r} among {name}; build the model first, and compile it"
                )
            found[path].assign(value)


def _kinds(model: Model) -> dict[str, list[Any]]:
    made = {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": [
            v for v in model.non_trainable_variables if not _is_metric(model, v)
        ],
    }
    if model.optimizer is not None:
        made["optimizer_variables"] = model.optimizer.variables
    made["metrics_variables"] = model.metrics_variables
    return made


def _is_metric(model: Model, v: Any) -> bool:
    return any(v is other for other in model.metrics_variables)


def _nested(variables: Sequence[Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for v in variables:
        place = made
        *groups, last = v.path.split("/")
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = read(v)
    return made


def _flat(tree: Any, path: tuple[str, ...]) -> Any:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _flat(value, (*path, str(key)))
    else:
        yield "/".join(path), tree


def stateless_loss(
    model: Model, values: Mapping[str, Sequence[Any]], arguments: Mapping[str, Any]
) -> tuple[Any, tuple[list[Any], list[Any], list[Any]]]:
    """Compute the loss with values in place of variables; see `Model.stateless_compute_loss`."""
    pairs = []
    for name, given in values.items():
        mine = getattr(model, name)
        if len(given) != len(mine):
            raise InvalidValueError(
                f"[stateless_compute_loss] got {len(given)} {name}, and {model.name} has {len(mine)}; give one value for each"
            )
        pairs += list(zip(mine, given, strict=True))
    with StatelessScope(pairs) as scope:
        loss = model.compute_loss(**arguments)
        after = [[v.value for v in getattr(model, name)] for name in values]
    del scope
    trained, others, metrics = after
    return loss, (trained, others, metrics)
