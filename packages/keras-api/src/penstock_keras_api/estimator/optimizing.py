"""Optimizers by name or as they are, and a step of them as an operation of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import optimizers


def get_optimizer(given: Any, learning_rate: float | None = None) -> Any:
    """Return an optimizer for one graph.

    Args:
        given: A name, such as "Adagrad"; a Keras optimizer, of which a fresh one is made; an optimizer of
            `penstock.v1.train`; or a function that makes one.
        learning_rate: For a name; None for the optimizer's own.

    Returns:
        The optimizer.

    Raises:
        TypeError: It is none of these.
        ValueError: There is none of such a name.

    >>> get_optimizer("SGD", 0.5).name
    'sgd'
    """
    if isinstance(given, str):
        found = optimizers.get(given)
        made = type(found)() if learning_rate is None else type(found)(learning_rate=learning_rate)
        return _named(made, given)
    if callable(given) and not isinstance(given, optimizers.Optimizer | v1.train.Optimizer):
        given = given()
    if isinstance(given, optimizers.Optimizer):
        return _named(type(given).from_config(given.get_config()), type(given).__name__)
    if isinstance(given, v1.train.Optimizer):
        return given
    raise InvalidTypeError(
        f"[Estimator] got the optimizer {given!r}; expected a name, a Keras optimizer, one of penstock.v1.train, or a "
        "function that makes one: 'Adagrad', keras.optimizers.Adam(0.01)"
    )


def _named(optimizer: Any, name: str) -> Any:
    """Name an optimizer after its kind: its variables in checkpoints must not depend on what else the program made."""
    config = {**optimizer.get_config(), "name": name.lower()}
    return type(optimizer).from_config(config)


def minimize(optimizer: Any, loss: Any, variables: Sequence[Any] | None = None) -> Any:
    """Append a step down the gradient of a loss, which raises the global step.

    Args:
        optimizer: Keras's, or one of `penstock.v1.train`.
        loss: A tensor of the graph.
        variables: What to change; by default the trainable variables of `penstock.v1`.

    Returns:
        The operation.

    Raises:
        ValueError: There is nothing to change.
    """
    step = v1.train.get_or_create_global_step()
    chosen = list(v1.trainable_variables() if variables is None else variables)
    if not chosen:
        raise InvalidValueError(
            "[Estimator] there is no variable to train; give trainable_variables=model.trainable_variables"
        )
    if isinstance(optimizer, v1.train.Optimizer):
        return optimizer.minimize(loss, step, chosen)
    # Keras's optimizers assign variables; ModelGraph makes what was assigned part of the step.
    apply(optimizer, loss, chosen)
    return ps.group(step.assign_add(1))


def apply(optimizer: Any, loss: Any, variables: Sequence[Any]) -> list[Any]:
    """Append a step that leaves the global step alone; return what to run."""
    if isinstance(optimizer, v1.train.Optimizer):
        return [optimizer.minimize(loss, None, list(variables))]
    gradients = ps.gradients(loss, list(variables))
    optimizer.apply([None if g is None else ps.asarray(g) for g in gradients], list(variables))
    return []
