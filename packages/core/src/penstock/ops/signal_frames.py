"""Signals cut into frames that overlap, and put together again."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import NUMERIC, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider
from penstock.ops.shaping import normalise_axis

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="frame")
def frame_(
    x: TensorLike, frames: ShapeLike, frame_length: int, frame_step: int, fill: float = 0.0
) -> Tensor:
    """Cut frames out of the last axis: y[..., i, j] = x[..., i·frame_step + j].

    Args:
        x: [..., n], any numeric dtype.
        frames: How many frames.
        frame_length: How long each is.
        frame_step: From the beginning of one to that of the next.
        fill: What stands beyond the end of x.

    Returns:
        [..., frames, frame_length], of x's dtype.

    Raises:
        ValueError: x has no axis, or a number is out of range.
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.ops.frame_([1, 2, 3], 2, 2, 2)
        Tensor([[1, 2],
                [3, 0]], shape=(2, 2), dtype=int64)
    """


frame_.batch(_batch.leading)


def _positions(frames: int, length: int, step: int) -> Any:
    return np.arange(frames)[:, None] * step + np.arange(length)


@frame_.reference
def _(x: Any, frames: Any, frame_length: int, frame_step: int, fill: float) -> Any:
    at = _positions(frames[0], frame_length, frame_step)
    missing = max(int(at.max(initial=-1)) + 1 - x.shape[-1], 0)
    filler = np.full((*x.shape[:-1], missing), fill).astype(x.dtype)
    return np.concatenate([x, filler], -1)[..., at]


@frame_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return (ops.overlap_and_add_(dy, (x.shape[-1],), node.attrs["frame_step"]),)


@frame_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in NUMERIC:
        yield Sample((array(rng, (2, 11), dtype), 3, 4, 3), label=dtype)
    yield Sample((array(rng, (7,)), 4, 5, 2, 1.5), label="beyond the end")
    yield Sample((array(rng, (9,)), 2, 2, 5), label="gaps")
    yield Sample((array(rng, (3,)), 4, 2, 5), label="long beyond the end")
    yield Sample((array(rng, (2, 5)), 0, 3, 1), label="no frames")
    yield Sample((array(rng, (0, 5)), 2, 3, 1), label="empty")
    yield Sample((array(rng, (6, 4)).T, 2, 3, 2), label="strided")
    yield Sample((array(rng, (3, 4099), "float32"), 63, 128, 64), label="large")


@frame_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(5), 2, 0, 1), match="got frame_length=0; use 1 or more")
    yield Reject((np.ones(5), 2, 1, 0), match="got frame_step=0; use 1 or more")
    yield Reject((np.ones(5), -1, 1, 1), match="sizes must not be negative")
    yield Reject((np.float64(1), 1, 1, 1), match="at least 1 axis; reshape it")
    yield Reject((np.ones(5, bool), 1, 1, 1), error=TypeError, match="got bool.*astype")


@op(infer="overlap_and_add")
def overlap_and_add_(x: TensorLike, length: ShapeLike, frame_step: int) -> Tensor:
    """Add frames up at their places: y[..., i·frame_step + j] += x[..., i, j]. The transpose of frame_.

    Args:
        x: [..., frames, frame_length], any numeric dtype.
        length: How long the result is; what leaves it is left out.
        frame_step: From the beginning of one frame to that of the next.

    Returns:
        [..., length], of x's dtype.

    Raises:
        ValueError: x has fewer than 2 axes, or a number is out of range.
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.ops.overlap_and_add_([[1, 2], [3, 4]], 4, 1)
        Tensor([1, 5, 4, 0], shape=(4,), dtype=int64)
    """


overlap_and_add_.batch(_batch.leading)


@overlap_and_add_.reference
def _(x: Any, length: Any, frame_step: int) -> Any:
    frames, size = x.shape[-2:]
    y = np.zeros((*x.shape[:-2], max(length[0], (frames - 1) * frame_step + size)), wider(x).dtype)
    for i in range(frames):
        y[..., i * frame_step : i * frame_step + size] += x[..., i, :]
    return y[..., : length[0]]


@overlap_and_add_.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    frames, size = node.inputs[0].shape[-2:]
    return (_framed(dy, frames, size, node.attrs["frame_step"]),)


def _framed(x: Tensor, frames: Any, length: Any, step: int) -> Tensor:
    """Cut frames whose length may be a symbol, which an attribute of kind int cannot be."""
    return frame_(x, (frames,), int(length), step)


@overlap_and_add_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in NUMERIC:
        yield Sample((array(rng, (2, 3, 4), dtype), 10, 3), label=dtype)
    yield Sample((array(rng, (3, 4)), 7, 3), label="cut")
    yield Sample((array(rng, (3, 4)), 12, 2), label="zeros at the end")
    yield Sample((array(rng, (3, 2)), 12, 5), label="gaps")
    yield Sample((array(rng, (0, 4)), 6, 3), label="no frames")
    yield Sample((array(rng, (3, 4)), 0, 3), label="no room")
    yield Sample((array(rng, (0, 2, 3)), 4, 1), label="empty")
    yield Sample((array(rng, (4, 3)).T, 6, 1), label="strided")
    yield Sample((array(rng, (3, 63, 128), "float32"), 4096, 64), label="large")


@overlap_and_add_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), 3, 1), match="at least 2 axes; reshape it")
    yield Reject((np.ones((2, 3)), 3, 0), match="got frame_step=0; use 1 or more")
    yield Reject((np.ones((2, 3)), -1, 1), match="sizes must not be negative")


def frame(
    signal: TensorLike,
    frame_length: int,
    frame_step: int,
    pad_end: bool = False,
    pad_value: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cut a signal into frames that may overlap.

    Args:
        signal: [...], any numeric dtype.
        frame_length: How long each frame is.
        frame_step: From the beginning of one to that of the next.
        pad_end: Make a frame wherever one begins, and fill what lies beyond the end; else only whole frames count.
        pad_value: What to fill with.
        axis: The axis of time.

    Returns:
        The signal's shape with [frames, frame_length] in place of the axis.

    Raises:
        ValueError: A number is out of range.
        IndexError: The signal has no such axis.
        TypeError: The signal is boolean or a string tensor.

    Example:
        >>> penstock.signal.frame([1, 2, 3, 4, 5], 3, 2)
        Tensor([[1, 2, 3],
                [3, 4, 5]], shape=(2, 3), dtype=int64)
    """
    if frame_length < 1 or frame_step < 1:
        raise InvalidValueError(
            f"[frame] got frame_length={frame_length} and frame_step={frame_step}; use 1 or more"
        )
    x = asarray(signal)
    axis = normalise_axis("frame", axis, x.ndim)
    n = x.shape[axis]
    if pad_end:
        count = -(-n // frame_step)
    elif n < frame_length:
        count = 0
    else:
        count = (n - frame_length) // frame_step + 1
    last = x if axis == x.ndim - 1 else ops.moveaxis(x, axis, -1)
    framed = frame_(last, (count,), frame_length, frame_step, pad_value)
    return framed if axis == x.ndim - 1 else ops.moveaxis(framed, (-2, -1), (axis, axis + 1))


def overlap_and_add(signal: TensorLike, frame_step: int) -> Tensor:
    """Add frames up at their places: the inverse of `frame`, but for what overlaps.

    Args:
        signal: [..., frames, frame_length], any numeric dtype.
        frame_step: From the beginning of one frame to that of the next.

    Returns:
        [..., (frames - 1)·frame_step + frame_length].

    Raises:
        ValueError: The signal has fewer than 2 axes, or the step is not positive.
        TypeError: The signal is boolean or a string tensor.

    Example:
        >>> penstock.signal.overlap_and_add([[1, 2], [3, 4]], 1)
        Tensor([1, 5, 4], shape=(3,), dtype=int64)
    """
    x = asarray(signal)
    if x.ndim < 2:
        raise ShapeError(
            f"[overlap_and_add] got a signal of shape {x.shape}; expected [..., frames, frame_length]; reshape it"
        )
    frames, size = x.shape[-2:]
    length = (frames - 1) * frame_step + size
    return overlap_and_add_(x, (max(length, 0),), frame_step)
