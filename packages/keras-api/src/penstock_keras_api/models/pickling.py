"""Models in pickles, and copies of them: configuration, weights, and how they were compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError


def taken_apart(model: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a function, and arguments with which it makes an equal model.

    Raises:
        TypeError: The model has no configuration.
    """
    try:
        config = model.get_config()
    except (TypeError, NotImplementedError) as error:
        raise InvalidTypeError(
            f"[{model.name}] cannot be pickled or copied, since its configuration cannot be written: {error}; write "
            "get_config, or keep its weights: model.get_weights()"
        ) from error
    state = [np.asarray(v.numpy()) for v in getattr(model.optimizer, "variables", [])]
    shapes = model.get_build_config() if model.built else None
    values = model.get_weights() if model.built else None
    return put_together, (type(model), config, shapes, values, model.get_compile_config(), state)


def put_together(
    cls: Any,
    config: dict[str, Any],
    shapes: dict[str, Any] | None,
    values: list[Any] | None,
    compiling: dict[str, Any] | None,
    state: list[Any],
) -> Any:
    """Make a model of what `taken_apart` returned.

    Args:
        cls: Its class.
        config: Its configuration.
        shapes: For what it was built.
        values: The values of its weights.
        compiling: How it was compiled.
        state: The values of the optimizer's variables.

    Returns:
        The model.

    Raises:
        ValueError: The weights do not fit.
    """
    model = cls.from_config(config)
    if shapes and not model.built:
        model.build_from_config(shapes)
    if values:
        model.set_weights(values)
    if compiling:
        model.compile_from_config(compiling)
        mine = getattr(model.optimizer, "variables", [])
        if len(mine) == len(state):
            for v, value in zip(mine, state, strict=True):
                v.assign(value)
    return model
