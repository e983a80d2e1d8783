"""Masks: which steps of a sequence count, and how layers hand them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock_keras_api import abstract, context, tree
from penstock_keras_api.keras_tensor import KerasTensor


def mask_of(leaf: Any) -> Any:
    """Return the mask of a tensor, or of what stands for one; None if it has none."""
    if isinstance(leaf, KerasTensor):
        return getattr(leaf, "_keras_mask", None)
    return context.get_mask(leaf)


def note_masks(
    compute: Callable[[Any, Any], Any], is_default: bool, inputs: Any, outputs: Any, symbolic: bool
) -> None:
    """Give the outputs of a layer the masks that it computes.

    Args:
        compute: The layer's `compute_mask`.
        is_default: Whether that only hands on the mask of the input.
        inputs: What the layer was called on.
        outputs: What it returned.
        symbolic: Whether these only stand for tensors.
    """
    previous = tree.map_structure(mask_of, inputs)
    if is_default and not any(m is not None for m in tree.flatten(previous)):
        return
    if symbolic:
        masks = abstract.compute_output_spec(compute, inputs, previous)
    else:
        masks = compute(inputs, previous)
    flat, tensors = tree.flatten(masks), tree.flatten(outputs)
    if len(flat) != len(tensors):  # one for all
        flat = (flat if len(flat) == 1 else [None]) * len(tensors)
    for t, mask in zip(tensors, flat, strict=True):
        if mask is None:
            continue
        if isinstance(t, KerasTensor):
            t._keras_mask = mask
        elif not symbolic:
            context.set_mask(t, mask)
