"""A detector for other things: the same network, with scores for other labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.architectures.detector import DetectorConfig

Array = np.ndarray[Any, Any]

# How likely an anchor has a thing, where nothing is known yet: the bias of new scores says so, and the first steps are
# not spent on learning that most anchors have nothing (Lin et al., 2017, section 3.3).
PRIOR = 0.01
EMPTY = float(np.log(PRIOR / (1 - PRIOR)))


def with_other_labels(
    network: keras.Model, config: DetectorConfig, old: Sequence[str], new: Sequence[str]
) -> keras.Model:
    """Return a network with scores for other labels, and everything else from this one.

    Args:
        network: The network.
        config: Its sizes.
        old: Its labels.
        new: The labels of the new one; those that it knew already keep their scores.

    Returns:
        The new network, which shares no weights with the old one.

    Raises:
        ValueError: Never here.
    """
    changed = config.model_copy(update={"num_classes": len(new)})
    made: keras.Model = architecture.find(config.architecture).backbone(changed)
    kept = [layer for layer in made.layers if layer.weights and not is_class_head(layer.name)]
    for layer in kept:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    rows = {label: np.eye(len(old))[i] for i, label in enumerate(old)}
    mix = np.stack([rows.get(label, np.zeros(len(old))) for label in new])
    mix_scores(made, network, config, mix)
    return made


def is_class_head(name: str) -> bool:
    """Return whether a layer tells scores of classes."""
    return name.startswith("class_")


def is_head(name: str) -> bool:
    """Return whether a layer tells scores or offsets."""
    return name.startswith(("class_", "box_", "object_"))


def with_first_scores(network: keras.Model, config: DetectorConfig) -> keras.Model:
    """Return a new network whose scores say at first that there is hardly anything anywhere."""
    for place in range(config.num_maps):
        layer = network.get_layer(f"class_{place}")
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel * 0.1, np.full_like(bias, EMPTY)])
    return network


def mix_scores(
    network: keras.Model, parent: keras.Model, config: DetectorConfig, mix: Array
) -> None:
    """Make the scores of a network mixtures of another's.

    Args:
        network: What gets the scores.
        parent: What has them.
        config: The sizes of `parent`.
        mix: [new classes, old classes]: how much of each old score a new one has; one that has nothing of any begins
            at `PRIOR` everywhere.

    Raises:
        ValueError: The shapes do not fit together.
    """
    start = np.where(mix.any(1), 0.0, EMPTY)
    for place in range(config.num_maps):
        kernel, bias = parent.get_layer(f"class_{place}").get_weights()
        anchors, old = config.num_anchors(place), config.num_classes
        kernel = kernel.reshape(*kernel.shape[:3], anchors, old) @ mix.T
        bias = bias.reshape(anchors, old) @ mix.T + start
        values = [kernel.reshape(*kernel.shape[:3], -1), bias.ravel()]
        network.get_layer(f"class_{place}").set_weights([v.astype(np.float32) for v in values])


def most_alike(answers: Array, most: int = 3) -> Array:
    """Return the mixture of old classes that answers best where a new one's things are.

    Args:
        answers: [new classes, old classes]: the mean of the old scores on the things of each new class.
        most: How many old classes are mixed.

    Returns:
        [new classes, old classes], rows of sum 1; or of 0 where no old class answers.

    Raises:
        ValueError: The shape is another.

    >>> most_alike(np.array([[0.1, 0.6, 0.0, 0.3]]), 2).round(2).tolist()
    [[0.0, 0.67, 0.0, 0.33]]
    """
    floor = np.sort(answers, axis=1)[:, -min(most, answers.shape[1])][:, None]
    kept = np.where(answers >= floor, answers, 0.0)
    total = kept.sum(1, keepdims=True)
    return np.where(total > 1e-3, kept / np.maximum(total, 1e-3), 0.0)
