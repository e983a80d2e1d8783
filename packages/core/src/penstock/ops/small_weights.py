"""Products of float rows with small weights: integers with scales, read as they are."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _fixed_point as fixed
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import array
from penstock.ops.quantized_conv import drawn

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_INTEGERS = "its weights are integers; train with fake_quant in front of matmul"


@op(infer="weight_only_matmul")
def weight_only_matmul(
    x: TensorLike, weights: TensorLike, scales: TensorLike, bits: int = 8
) -> Tensor:
    """Multiply float rows with weights that are kept as integers: x @ (scale · weights).

    The channels in are cut into groups of equal size. Each group of each channel out has a scale of its own.

    Args:
        x: [..., channels in], a float dtype.
        weights: [channels in, channels out], int8. With bits=4 [channels in / 2, channels out], uint8: row i holds row
            2i in its low four bits and row 2i + 1 in its high ones, both raised by 8.
        scales: [groups, channels out]: what one step is worth.
        bits: 4 or 8.

    Returns:
        [..., channels out], of x's dtype.

    Raises:
        ValueError: The shapes do not fit, or bits is neither 4 nor 8.
        TypeError: x is not a float, or the weights have another dtype.

    Example:
        >>> x = penstock.asarray([[1.0, 2.0]])
        >>> penstock.weight_only_matmul(x, penstock.asarray([[3], [-4]], "int8"), [[0.5]])
        Tensor([[-2.5]], shape=(1, 1), dtype=float32)
        >>> penstock.weight_only_matmul(x, penstock.asarray([[0x4B]], "uint8"), [[0.5]], bits=4)
        Tensor([[-2.5]], shape=(1, 1), dtype=float32)
    """


weight_only_matmul.not_differentiable(_INTEGERS)


def _unpacked(weights: Any, bits: int) -> Any:
    if bits == 8:
        return weights
    pairs = np.stack([weights & 15, weights >> 4], axis=1).astype(np.int8) - np.int8(8)
    return pairs.reshape(-1, weights.shape[1])


@weight_only_matmul.reference
def _(x: Any, weights: Any, scales: Any, bits: int) -> Any:
    steps = _unpacked(weights, bits)
    each = np.repeat(scales.astype(np.float64), len(steps) // len(scales), axis=0)
    return (x.astype(np.float64) @ (each * steps)).astype(x.dtype)


@weight_only_matmul.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for rows, depth, out, groups in (((3,), 8, 5, 2), ((2, 3), 64, 33, 1), ((), 6, 4, 3)):
        x = array(rng, (*rows, depth), "float32")
        scales = rng.uniform(0.01, 0.05, (groups, out)).astype("float32")
        label = f"{(*rows, depth)} to {out}, {groups} groups"
        yield Sample((x, drawn(rng, (depth, out), "int8"), scales), label=label)
        if depth // groups % 2 == 0:
            packed = drawn(rng, (depth // 2, out), "uint8")
            yield Sample((x, packed, scales), {"bits": 4}, label=f"{label}, 4 bits")
    weights, scales = drawn(rng, (4, 3), "int8"), np.ones((1, 3), "float32")
    yield Sample((array(rng, (2, 4), "float64"), weights, scales), label="float64")
    yield Sample((array(rng, (0, 4), "float32"), weights, scales), label="no rows")
    yield Sample((array(rng, (4, 6), "float32").T[::2], weights, scales), label="strided")
    x, scales = array(rng, (37, 256), "float32"), np.full((4, 130), 0.01, "float32")
    yield Sample((x, drawn(rng, (256, 130), "int8"), scales), label="large")


def _rejects(groups: tuple[int, ...]) -> Iterator[Reject]:
    x, w, s = np.ones((2, 4), "float32"), np.ones((4, 3), "int8"), np.ones((*groups, 3), "float32")
    yield Reject((x.astype("complex64"), w, s), error=TypeError, match="real part")
    yield Reject((x, w.astype("float32"), s), error=TypeError, match="penstock.quantize")
    yield Reject((x[:, :3], w, s), match="must have the size of 4")
    yield Reject((x, w, s[..., :2]), match="scales")


@weight_only_matmul.rejects
def _() -> Iterator[Reject]:
    yield from _rejects((1,))
    x, w, s = np.ones((2, 4), "float32"), np.ones((4, 3), "int8"), np.ones((3, 3), "float32")
    yield Reject((x, w, s), match="multiple of the groups")
    yield Reject((x, w, s[:1], 5), match="use 4 or 8")
    yield Reject((x, w, s[:1], 4), error=TypeError, match="expected uint8")


@op(infer="dynamic_quantized_matmul")
def dynamic_quantized_matmul(x: TensorLike, weights: TensorLike, scales: TensorLike) -> Tensor:
    """Multiply float rows with int8 weights in integers: each row is quantised by what is largest in it.

    With s = max |row| / 127 a row becomes round(row / s), halves away from zero; the sum of 32 bits is multiplied by
    s · scale. A row with a number that is not finite gives NaN.

    Args:
        x: [..., channels in], a float dtype.
        weights: [channels in, channels out], int8.
        scales: [channels out]: what one step of the weights is worth.

    Returns:
        [..., channels out], of x's dtype.

    Raises:
        ValueError: The shapes do not fit.
        TypeError: x is not a float, or the weights are not int8.

    Example:
        >>> x = penstock.asarray([[1.0, 127.0]])
        >>> penstock.dynamic_quantized_matmul(x, penstock.asarray([[3], [-4]], "int8"), [0.5])
        Tensor([[-252.5]], shape=(1, 1), dtype=float32)
    """


dynamic_quantized_matmul.not_differentiable(_INTEGERS)


@dynamic_quantized_matmul.reference
def _(x: Any, weights: Any, scales: Any) -> Any:
    rows = x.astype(np.float32)
    most = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
    finite = np.isfinite(most)
    step = np.where(finite & (most > 0), most / np.float32(127), np.float32(1)).astype(np.float32)
    with np.errstate(invalid="ignore"):
        steps = np.where(finite, fixed.round_away(rows / step), 0)
    total = fixed.wrapped((steps.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64))
    result = total.astype(np.float32) * (step * scales.astype(np.float32))
    return np.where(finite, result, np.float32(np.nan)).astype(x.dtype)


@dynamic_quantized_matmul.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for rows, depth, out in (((3,), 8, 5), ((2, 3), 66, 33), ((), 6, 4), ((37,), 256, 130)):
        x = array(rng, (*rows, depth), "float32")
        scales = rng.uniform(0.01, 0.05, out).astype("float32")
        label = f"{(*rows, depth)} to {out}"
        yield Sample((x, drawn(rng, (depth, out), "int8"), scales), label=label)
    weights, scales = drawn(rng, (4, 3), "int8"), np.ones(3, "float32")
    yield Sample((array(rng, (2, 4), "float64"), weights, scales), label="float64")
    yield Sample((array(rng, (0, 4), "float32"), weights, scales), label="no rows")
    yield Sample((array(rng, (4, 6), "float32").T[::2], weights, scales), label="strided")
    odd = np.array(
        [[0, 0, 0, 0], [1, np.nan, 2, 3], [np.inf, 1, 2, 3], [1, -2, 3, 1e30]], "float32"
    )
    yield Sample((odd, weights, scales), label="special")


@dynamic_quantized_matmul.rejects
def _() -> Iterator[Reject]:
    yield from _rejects(())
