"""Which known things look like new ones: the start of new labels' scores."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.data.examples import Examples
from penstock_models.detection.matching import match
from penstock_models.preprocessing import ImageScaler, read_image

Array = np.ndarray[Any, Any]

# So many pictures say enough about which known things are alike.
MOST_PICTURES = 200


def answers_on_things(
    network: keras.Model,
    scaler: ImageScaler,
    anchors: Array,
    reach: Array | None,
    examples: Examples,
) -> Array:
    """Return how sure a network is of each of its own classes where new things are.

    Args:
        network: From scaled pictures to "logits" [batch, anchors, old classes].
        scaler: What makes pictures ready for it.
        anchors: [anchors, 4].
        reach: As in `match`.
        examples: Pictures with boxes of the new things.

    Returns:
        float64 [new classes, old classes]: the mean over things of the best score of an anchor that has the thing; 0
        for new classes of which there is nothing.

    Raises:
        FormatError: A file is no picture.
    """
    run = ps.function(lambda x: ps.sigmoid(network(x, training=False)["logits"]), autograph=False)
    sums: Array = np.zeros((len(examples.labels), network.output["logits"].shape[-1]))
    counts = np.zeros(len(examples.labels))
    for row in range(min(len(examples), MOST_PICTURES)):
        boxes = examples.targets[row]
        if not len(boxes.classes):
            continue
        scores = run(scaler(read_image(examples.inputs[row])[None]))[0].numpy()
        owner = match(boxes.corners, anchors, reach=reach)
        for thing, kind in enumerate(boxes.classes):
            sums[kind] += scores[owner == thing].max(0, initial=0.0)
            counts[kind] += 1
    return sums / np.maximum(counts, 1)[:, None]
