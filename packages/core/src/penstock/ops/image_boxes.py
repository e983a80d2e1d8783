"""Boxes in images: (top, left, bottom, right), in pixels or, where it is said, from 0 to 1."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError, InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _boxes(rng: np.random.Generator, *shape: int, dtype: str = "float64") -> Any:
    corner = rng.uniform(0, 5, (*shape, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 4, (*shape, 2))], -1).astype(dtype)


@op(infer="box_iou")
def box_iou(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take the area that two boxes share, over the area that they cover, for each pair.

    Args:
        x: [..., n, 4], any real dtype: top, left, bottom, right.
        y: [..., m, 4], likewise.

    Returns:
        [..., n, m], of the promoted dtype or float32; 0 where a box has no area.

    Raises:
        ValueError: The last axis has not 4 elements, or the leading axes do not broadcast.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.image.box_iou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]])
        Tensor([[0.5, 0. ]], shape=(1, 2), dtype=float32)
    """


def _areas(boxes: Any, clip: Any) -> Any:
    height, width = (clip(boxes[..., i + 2] - boxes[..., i]) for i in (0, 1))
    return height * width


@box_iou.reference
def _(x: Any, y: Any) -> Any:
    x, y = wider(x)[..., :, None, :], wider(y)[..., None, :, :]
    sides = np.minimum(x[..., 2:], y[..., 2:]) - np.maximum(x[..., :2], y[..., :2])
    shared = np.maximum(sides, 0).prod(-1)
    whole = sum(_areas(b, lambda side: np.maximum(side, 0)) for b in (x, y)) - shared
    return np.where(shared > 0, shared / np.where(whole > 0, whole, 1), 0)


@box_iou.compose
def _(x: Tensor, y: Tensor) -> Tensor:
    x, y = ops.expand_dims(x, -2), ops.expand_dims(y, -3)
    low, high = ops.maximum(x[..., :2], y[..., :2]), ops.minimum(x[..., 2:], y[..., 2:])
    sides = ops.relu(high - low)
    shared = sides[..., 0] * sides[..., 1]
    whole = _areas(x, ops.relu) + _areas(y, ops.relu) - shared
    return ops.where(shared > 0, shared / ops.where(whole > 0, whole, 1.0), 0.0)


@box_iou.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((_boxes(rng, 3, dtype=dtype), _boxes(rng, 4, dtype=dtype)), label=dtype)
    yield Sample((_boxes(rng, 2, 1, 3), _boxes(rng, 4, 2)), label="broadcast")
    yield Sample((np.zeros((0, 4)), _boxes(rng, 2)), label="empty")
    yield Sample((np.zeros((2, 4)), np.zeros((1, 4))), label="no area", differentiable=False)
    yield Sample(
        (_boxes(rng, 67, dtype="float32"), _boxes(rng, 63, dtype="float32")), label="large"
    )


@box_iou.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones((2, 4))), match=r"expected \[..., boxes, 4\]")
    yield Reject((np.ones(4), np.ones((2, 4))), match="at least 2 axes")


@op(infer="non_max_suppression", outputs=3)
def non_max_suppression_(
    boxes: TensorLike,
    scores: TensorLike,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float | None = None,
    soft_nms_sigma: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose boxes by falling score; a box that overlaps a chosen one is left out, or loses score.

    Args:
        boxes: [n, 4], any real dtype: two opposite corners.
        scores: [n], any real dtype.
        max_output_size: How many boxes to choose at most.
        iou_threshold: A box that overlaps a chosen one more than this is left out.
        score_threshold: Only boxes with a higher score are chosen; None for all but NaN and -inf.
        soft_nms_sigma: Above 0 no box is left out for its overlap; instead its score is multiplied by
            exp(-iou² / (2·sigma)) for each chosen box.

    Returns:
        The places of the chosen boxes, [max_output_size], int64, their scores, and how many there are; what is
        missing is 0.

    Raises:
        ValueError: The shapes do not fit together, or a number is out of range.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> boxes = [[0.0, 0.0, 2.0, 2.0], [0.0, 0.1, 2.0, 2.1], [5.0, 5.0, 6.0, 6.0]]
        >>> places, scores, count = penstock.ops.non_max_suppression_(boxes, [0.5, 0.9, 0.2], 3)
        >>> places.tolist(), int(count)
        ([1, 2, 0], 2)
    """


non_max_suppression_.not_differentiable("which boxes are chosen changes in jumps")


def _overlap(box: Any, boxes: Any) -> Any:
    shared = (np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])).clip(0)
    area = shared.prod(1)
    whole = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - area
    return np.where(area > 0, area / np.where(whole > 0, whole, 1), 0)


@non_max_suppression_.reference
def _(
    boxes: Any,
    scores: Any,
    max_output_size: int,
    iou_threshold: float,
    score_threshold: float | None,
    soft_nms_sigma: float,
) -> Any:
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    boxes = np.concatenate([low, high], 1)
    least = -np.inf if score_threshold is None else score_threshold
    open_ = scores > least
    left = np.where(open_, wider(scores), -np.inf)
    places, found = np.zeros(max_output_size, np.int64), np.zeros(max_output_size, left.dtype)
    count = 0
    while count < max_output_size and open_.any():
        best = int(np.where(open_, left, -np.inf).argmax())
        places[count], found[count] = best, left[best]
        count += 1
        iou = _overlap(boxes[best], boxes)
        if soft_nms_sigma > 0:
            left = left * np.exp(-0.5 * iou**2 / soft_nms_sigma).astype(left.dtype)
        else:
            open_ &= iou <= iou_threshold
        open_ &= left > least
        open_[best] = False
    return places, found, np.array(count)


@non_max_suppression_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        drawn = _boxes(rng, 12, dtype=dtype), array(rng, (12,), dtype, 0, 1)
        yield Sample((*drawn, 5), label=dtype)
    drawn = _boxes(rng, 40), array(rng, (40,), low=0, high=1)
    for label, attrs in (
        ("all", {}),
        ("strict", {"iou_threshold": 0.05}),
        ("score", {"score_threshold": 0.6}),
        ("soft", {"iou_threshold": 1.0, "soft_nms_sigma": 0.5, "score_threshold": 0.2}),
        ("soft and hard", {"iou_threshold": 0.4, "soft_nms_sigma": 0.3}),
    ):
        yield Sample((*drawn, 50), attrs, label=label)
    turned = drawn[0][:, [2, 1, 0, 3]]
    yield Sample((turned, drawn[1], 9), label="other corners")
    yield Sample((np.zeros((0, 4)), np.zeros(0), 3), label="empty")
    yield Sample((np.zeros((3, 4)), np.ones(3), 3), label="ties, no area")
    yield Sample((*drawn, 0), label="none")


@non_max_suppression_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 4)), np.ones(3), 1), match="one score for each box")
    yield Reject((np.ones((2, 3)), np.ones(2), 1), match=r"expected \[boxes, 4\]")
    yield Reject((np.ones((2, 4)), np.ones(2), -1), match="must not be negative")
    yield Reject((np.ones((2, 4)), np.ones(2), 1, 1.5), match="iou_threshold=1.5; use 0 to 1")


def non_max_suppression(
    boxes: TensorLike,
    scores: TensorLike,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    *,
    padded: bool = False,
) -> Any:
    """Choose the boxes of the highest scores, without those that overlap a chosen one.

    Args:
        boxes: [n, 4], any real dtype: two opposite corners.
        scores: [n], any real dtype.
        max_output_size: How many boxes to choose at most.
        iou_threshold: A box that overlaps a chosen one more than this is left out.
        score_threshold: Only boxes with a higher score are chosen.
        padded: Fill the result with 0 up to `max_output_size`, and also return how many are real; needed in graphs,
            where sizes must be known.

    Returns:
        The places of the chosen boxes, [chosen], int64, by falling score; with `padded` a pair.

    Raises:
        ValueError: The shapes do not fit together, or a number is out of range.
        TypeError: A tensor is complex or a string tensor.
        GraphError: The boxes are computed in a graph, without `padded`.

    Example:
        >>> boxes = [[0.0, 0.0, 2.0, 2.0], [0.0, 0.1, 2.0, 2.1], [5.0, 5.0, 6.0, 6.0]]
        >>> penstock.image.non_max_suppression(boxes, [0.5, 0.9, 0.2], 3)
        Tensor([1, 2], shape=(2,), dtype=int64)
    """
    places, _, count = non_max_suppression_(
        boxes, scores, max_output_size, iou_threshold, _finite(score_threshold)
    )
    if padded:
        return places, count
    return places[: _known("non_max_suppression", count)]


def non_max_suppression_with_scores(
    boxes: TensorLike,
    scores: TensorLike,
    max_output_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = -math.inf,
    soft_nms_sigma: float = 0.0,
    *,
    padded: bool = False,
) -> Any:
    """Choose boxes by falling score, where a box loses score for each chosen one that it overlaps.

    Args:
        boxes: [n, 4], any real dtype: two opposite corners.
        scores: [n], any real dtype.
        max_output_size: How many boxes to choose at most.
        iou_threshold: A box that overlaps a chosen one more than this is left out, if soft_nms_sigma is 0.
        score_threshold: Only boxes with a higher score are chosen.
        soft_nms_sigma: Above 0 no box is left out for its overlap; instead its score is multiplied by
            exp(-iou² / (2·sigma)) for each chosen box, as in TensorFlow.
        padded: Fill the results with 0 up to `max_output_size`, and also return how many are real; needed in graphs.

    Returns:
        The places of the chosen boxes, [chosen], int64, and their scores then; with `padded` also their number.

    Raises:
        ValueError: The shapes do not fit together, or a number is out of range.
        TypeError: A tensor is complex or a string tensor.
        GraphError: The boxes are computed in a graph, without `padded`.

    Example:
        >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
        >>> places, scores = penstock.image.non_max_suppression_with_scores(
        ...     boxes, [1.0, 0.5], 2, soft_nms_sigma=0.5
        ... )
        >>> penstock.round(scores * 100)
        Tensor([100.,  18.], shape=(2,), dtype=float32)

    Source:
        Bodla et al., 2017, "Soft-NMS: improving object detection with one line of code".
        https://arxiv.org/abs/1704.04503
    """
    places, found, count = non_max_suppression_(
        boxes,
        scores,
        max_output_size,
        iou_threshold,
        _finite(score_threshold),
        soft_nms_sigma,
    )
    if padded:
        return places, found, count
    n = _known("non_max_suppression_with_scores", count)
    return places[:n], found[:n]


def _finite(threshold: float) -> float | None:
    return None if threshold == -math.inf else threshold


def _known(name: str, count: Tensor) -> int:
    if count.is_symbolic:
        raise GraphError(
            f"[{name}] how many boxes are chosen depends on the data, and is not known while a graph is built; give "
            "padded=True"
        )
    return int(count)


# From each layout to (top, left, bottom, right); "xyxy" and its like begin with the left edge.
_LAYOUTS = ("yxyx", "xyxy", "xywh", "cxcywh")


def box_convert(boxes: TensorLike, source: str, target: str) -> Tensor:
    """Write boxes in another way.

    Args:
        boxes: [..., 4], a float dtype.
        source: "yxyx" (top, left, bottom, right), "xyxy" (left, top, right, bottom), "xywh" (left, top, width,
            height) or "cxcywh" (middle, width, height).
        target: One of these.

    Returns:
        [..., 4].

    Raises:
        ValueError: A layout is unknown, or the last axis has not 4 elements.

    Example:
        >>> penstock.image.box_convert([1.0, 2.0, 4.0, 6.0], "xywh", "xyxy")
        Tensor([1., 2., 5., 8.], shape=(4,), dtype=float32)
    """
    boxes = asarray(boxes)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise InvalidValueError(
            f"[box_convert] got boxes of shape {boxes.shape}; expected [..., 4]; reshape them"
        )
    for layout in (source, target):
        if layout not in _LAYOUTS:
            raise InvalidValueError(
                f"[box_convert] got the layout {layout!r}; use {', '.join(map(repr, _LAYOUTS))}"
            )
    a, b, c, d = (boxes[..., i] for i in range(4))
    if source == "yxyx":
        a, b, c, d = b, a, d, c
    elif source == "xywh":
        c, d = a + c, b + d
    elif source == "cxcywh":
        a, b, c, d = a - c * 0.5, b - d * 0.5, a + c * 0.5, b + d * 0.5
    return ops.stack(_from_corners(a, b, c, d, target), -1)


def _from_corners(left: Any, top: Any, right: Any, bottom: Any, target: str) -> list[Any]:
    width, height = right - left, bottom - top
    if target == "yxyx":
        return [top, left, bottom, right]
    if target == "xywh":
        return [left, top, width, height]
    if target == "cxcywh":
        return [left + width * 0.5, top + height * 0.5, width, height]
    return [left, top, right, bottom]


def clip_boxes(boxes: TensorLike, height: float, width: float) -> Tensor:
    """Limit boxes to an image.

    Args:
        boxes: [..., 4], any real dtype: top, left, bottom, right.
        height: Of the image, in the unit of the boxes.
        width: Of the image.

    Returns:
        [..., 4].

    Raises:
        ValueError: The last axis has not 4 elements.

    Example:
        >>> penstock.image.clip_boxes([-1.0, 2.0, 5.0, 9.0], 4, 8)
        Tensor([0., 2., 4., 8.], shape=(4,), dtype=float32)
    """
    boxes = asarray(boxes)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise InvalidValueError(
            f"[clip_boxes] got boxes of shape {boxes.shape}; expected [..., 4]; reshape them"
        )
    limits = asarray([height, width, height, width], dtype=boxes.dtype)
    return ops.minimum(ops.maximum(boxes, 0), limits)
