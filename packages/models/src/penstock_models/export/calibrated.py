"""A model whose probabilities are as sure as they should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import penstock_keras_api as keras
from penstock.errors import InvalidValueError

NAME = "temperature"


def calibrated(model: Any, temperature: float) -> Any:
    """Return a model whose logits are divided by a temperature. The best label of every example stays the same.

    Args:
        model: An adapted classifier.
        temperature: Above 0; see `evaluation.fit_temperature`.

    Returns:
        A model of the same kind, with the same weights.

    Raises:
        ValueError: The temperature is not above 0, or the model was not adapted.
    """
    if not temperature > 0:
        raise InvalidValueError(f"[calibrated] got the temperature {temperature}; give one above 0")
    if getattr(model, "adapted", None) is None:
        raise InvalidValueError(
            '[calibrated] the model has no head of its own; give what model.adapt("probe", labels=[...]) returns'
        )
    network = model.adapted.network
    logits, scale = network.output["logits"], 1 / temperature
    if network.layers[-1].name == NAME:  # it was calibrated before
        logits, scale = network.layers[-1].input, network.layers[-1].scale * scale
    logits = keras.layers.Rescaling(scale, name=NAME)(logits)
    scaled: Any = keras.Model(network.input, {"logits": logits}, name=network.name)
    made = model.with_network(scaled, model.labels)
    made.adapted, made.seed = replace(model.adapted, network=scaled), model.seed
    return made
