"""The ops that networks are written in, and a training step: Penstock's. Channels are last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps

Loss = Callable[..., Any]


class Ops:
    """Names that every framework here gives; filters are [height, width, in, out]."""

    relu = staticmethod(ps.nn.relu)
    relu6 = staticmethod(ps.nn.relu6)
    gelu = staticmethod(ps.nn.gelu)

    def __init__(self, training: bool) -> None:
        self.training = training

    def conv(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return ps.nn.conv2d(x, w, stride, "explicit", (pad,) * 4)

    def depthwise(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return ps.nn.depthwise_conv2d(x, w, stride, "explicit", (pad,) * 4)

    def bias(self, x: Any, b: Any) -> Any:
        return x + b

    def norm(self, x: Any, w: dict[str, Any], name: str) -> Any:
        scale, offset = w[f"{name}/scale"], w[f"{name}/offset"]
        if self.training:
            return ps.nn.batch_norm(x, scale, offset)[0]
        mean, variance = w[f"{name}/mean"], w[f"{name}/variance"]
        return ps.nn.batch_norm_inference(x, mean, variance, scale, offset)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        if pad:
            x = ps.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        return ps.nn.max_pool2d(x, size, stride)

    def mean_of_places(self, x: Any) -> Any:
        return ps.nn.global_avg_pool(x)

    def flatten(self, x: Any) -> Any:
        return ps.reshape(x, (x.shape[0], -1))

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return x @ w + b

    def lstm(self, x: Any, w: Any, u: Any, b: Any) -> Any:
        return ps.nn.lstm(x, w, u, b)[1][0]

    def embedding(self, table: Any, ids: Any) -> Any:
        return ps.nn.embedding(table, ids)

    def rows(self, table: Any, ids: Any) -> Any:
        return table[: ids.shape[1]]

    def layer_norm(self, x: Any, scale: Any, offset: Any) -> Any:
        return ps.nn.layer_norm(x, scale, offset)

    def attention(self, q: Any, k: Any, v: Any, heads: int, depth: int) -> Any:
        batch, length, width = q.shape
        q, k, v = (
            ps.permute_dims(ps.reshape(t, (batch, length, heads, depth)), (0, 2, 1, 3))
            for t in (q, k, v)
        )
        mixed = ps.nn.scaled_dot_product_attention(q, k, v)
        return ps.reshape(ps.permute_dims(mixed, (0, 2, 1, 3)), (batch, length, width))

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return ps.mean(ps.nn.softmax_cross_entropy(logits, labels))


def train_step(loss: Loss, start: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> Any:
    """Return a step of Adam on one batch as one compiled function, and what tells its memory."""
    weights = {k: ps.Variable(v, name=k) for k, v in start.items()}
    first = {k: ps.Variable(np.zeros_like(v), trainable=False) for k, v in start.items()}
    second = {k: ps.Variable(np.zeros_like(v), trainable=False) for k, v in start.items()}
    count = ps.Variable(0.0, trainable=False)

    @ps.function
    def step(x: Any, labels: Any) -> Any:
        with ps.GradientTape() as tape:
            value = loss(Ops(training=True), {k: w.value for k, w in weights.items()}, x, labels)
        gradients = tape.gradient(value, weights)
        t = count.assign_add(1.0)
        for k, weight in weights.items():
            new = ps.ops.adam_update(weight, first[k], second[k], gradients[k], 1e-3, t)
            for variable, updated in zip((weight, first[k], second[k]), new, strict=True):
                variable.assign(updated)
        return value

    given = ps.asarray(x), ps.asarray(labels)
    return lambda: step(*given), lambda: step.memory(*given)["peak_bytes"]


def inference(forward: Loss, start: dict[str, np.ndarray]) -> Any:
    """Return a network as one compiled function."""
    weights = {k: ps.Variable(v, name=k) for k, v in start.items()}
    ops = Ops(training=False)

    @ps.function
    def network(x: Any) -> Any:
        return forward(ops, {k: w.value for k, w in weights.items()}, x)

    return network
