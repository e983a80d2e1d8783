"""Losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import penstock as ps
from penstock_formats.onnx.writing._table import composes, elementwise
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing.ops.arithmetic import log1p

if TYPE_CHECKING:
    from penstock import Tensor


@elementwise("sigmoid_cross_entropy")
def _(logits: Value, labels: Value) -> Value:
    return logits.op("Max", 0) - logits * labels + (-logits.op("Abs")).op("Softplus") + 0


@elementwise("binary_cross_entropy")
def _(y_true: Value, y_pred: Value, epsilon: float) -> Value:
    p = y_pred.op("Clip", 0, 1)
    low, high = math.log(epsilon), math.log1p(-epsilon)
    yes, no = p.op("Log").op("Clip", low, high), log1p(-p).op("Clip", low, high)
    return -(y_true * yes + (1 - y_true) * no)


@elementwise("huber")
def _(y_true: Value, y_pred: Value, delta: float) -> Value:
    e = (y_pred - y_true).op("Abs")
    return (e <= delta).where(e * e * 0.5, delta * (e - delta / 2))


@elementwise("hinge")
def _(y_true: Value, y_pred: Value) -> Value:
    return (1 - y_true * y_pred).op("Max", 0)


@elementwise("log_cosh")
def _(y_true: Value, y_pred: Value) -> Value:
    e = (y_pred - y_true).op("Abs")
    return (e < 1e-4).where(e * e * 0.5, e + log1p((e * -2).op("Exp")) - math.log(2))


@composes("softmax_cross_entropy")
def _(logits: Tensor, labels: Tensor) -> Any:
    logs = ps.nn.log_softmax(logits, -1)
    loss = -ps.take_along_axis(logs, ps.expand_dims(labels, -1), -1)
    return ps.squeeze(loss, -1), ps.exp(logs)


@composes("softmax_cross_entropy_dense")
def _(logits: Tensor, labels: Tensor) -> Any:
    logs = ps.nn.log_softmax(logits, -1)
    return -ps.sum(ps.where(labels == 0, 0.0, labels * logs), -1)


@composes("kl_divergence")
def _(y_true: Tensor, y_pred: Tensor, epsilon: float) -> Any:
    t, p = (ps.clip(x, epsilon, 1.0) for x in (y_true, y_pred))
    return ps.sum(t * ps.log(t / p), -1)


@composes("cosine_similarity")
def _(x: Tensor, y: Tensor, epsilon: float) -> Any:
    def unit(t: Tensor) -> Tensor:
        squared = ps.sum(t * t, -1, keepdims=True)
        return t * ps.rsqrt(ps.maximum(squared, epsilon))

    return ps.sum(unit(x) * unit(y), -1)
