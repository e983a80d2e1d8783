"""Which anchor answers for which thing.

Liu et al., 2015, "SSD", section 2.2, https://arxiv.org/abs/1512.02325.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock_models.architectures.box_coding import encode
from penstock_models.evaluation.boxes import overlaps

NOTHING = -1


def match(
    corners: np.ndarray[Any, Any],
    anchors: np.ndarray[Any, Any],
    least: float = 0.5,
    reach: np.ndarray[Any, Any] | None = None,
) -> np.ndarray[Any, Any]:
    """Return for each anchor the thing that it answers for.

    Every thing has the anchor that fits it best, even if that fits badly; of the others each has the thing that it
    overlaps most, if that is enough.

    Args:
        corners: [things, 4]: left, top, right and bottom.
        anchors: [anchors, 4]: middle x, middle y, width and height.
        least: The overlap that is enough.
        reach: [anchors, 2]: how far the middle of a thing may be from an anchor's; None for any distance.

    Returns:
        int64 [anchors]: the number of a thing, or -1.

    Raises:
        ValueError: The shapes are others.

    >>> anchors = np.array([[0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])
    >>> match(np.array([[0.5, 0.5, 0.9, 0.9]]), anchors).tolist()
    [-1, 0]
    """
    if not len(corners):
        return np.full(len(anchors), NOTHING)
    half = anchors[:, 2:] / 2
    shared = overlaps(
        corners, np.concatenate([anchors[:, :2] - half, anchors[:, :2] + half], axis=1)
    )
    if reach is not None:
        middles = (corners[:, None, :2] + corners[:, None, 2:]) / 2
        near = (np.abs(middles - anchors[None, :, :2]) <= reach[None]).all(-1)
        # The anchors around a thing are better for it than any other, even those that it hardly overlaps.
        shared = np.where(near, np.maximum(shared, 1e-6), 0.0)
    owner = np.where(shared.max(0) >= least, shared.argmax(0), NOTHING)
    # The pair that fits best of all goes first, so that no two things want the same anchor.
    left = shared.copy()
    for _ in range(min(len(corners), len(anchors))):
        thing, anchor = np.unravel_index(left.argmax(), left.shape)
        owner[anchor] = thing
        left[thing, :], left[:, anchor] = -1.0, -1.0
    return owner


def targets(
    corners: np.ndarray[Any, Any],
    classes: np.ndarray[Any, Any],
    anchors: np.ndarray[Any, Any],
    least: float = 0.5,
    reach: np.ndarray[Any, Any] | None = None,
) -> np.ndarray[Any, Any]:
    """Return what a detector should say of a picture.

    Args:
        corners: [things, 4]: left, top, right and bottom.
        classes: [things]: the number of each thing's label.
        anchors: [anchors, 4]: middle x, middle y, width and height.
        least: The overlap that is enough, as in `match`.
        reach: As in `match`.

    Returns:
        float32 [anchors, 5]: offsets as `encode` has them, 0 where there is nothing, and the class, -1 for nothing.

    Raises:
        ValueError: The shapes are others.
    """
    made = np.zeros((len(anchors), 5), np.float32)
    made[:, 4] = NOTHING
    owner = match(corners, anchors, least, reach)
    held = np.flatnonzero(owner >= 0)
    made[held, :4] = encode(corners[owner[held]], anchors[held])
    made[held, 4] = classes[owner[held]]
    return made
