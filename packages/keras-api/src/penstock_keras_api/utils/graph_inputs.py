"""`get_source_inputs`: where a tensor of a model comes from."""

from __future__ import annotations

from typing import Any

from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor


def get_source_inputs(tensor: Any) -> list[Any]:
    """List the inputs of which something is computed.

    Args:
        tensor: What stands for a tensor of a model.

    Returns:
        The inputs, each once.

    >>> from penstock import keras
    >>> x = keras.Input((3,))
    >>> get_source_inputs(keras.layers.Dense(2)(x))[0] is x
    True
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return [tensor]
    node = history.operation._inbound_nodes[history.node_index]
    if node.is_input:
        return [t for t in tree.flatten(node.outputs) if isinstance(t, KerasTensor)]
    found: dict[int, Any] = {}
    for before in node.input_tensors:
        for source in get_source_inputs(before):
            found.setdefault(id(source), source)
    return list(found.values())
