"""The states of layers that draw, such as dropout: set by a seed, and part of what a training must remember."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock_keras_api as keras


def states_of(network: keras.Model) -> list[Any]:
    """Return the states of a network's layers that draw, in the layers' order."""
    weights = {id(weight) for weight in network.weights}
    return [variable for variable in network.variables if id(variable) not in weights]


def set_states(network: keras.Model, seed: int) -> None:
    """Let a network draw what a seed says, whatever was drawn before.

    Args:
        network: The network.
        seed: The seed.

    Raises:
        ValueError: Never here.
    """
    states = states_of(network)
    for state, own in zip(
        states, np.random.SeedSequence(seed).generate_state(len(states)), strict=True
    ):
        state.assign(np.array([own, 0], np.uint32))
