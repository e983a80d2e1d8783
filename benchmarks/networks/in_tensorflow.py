"""The ops that networks are written in, and a training step: TensorFlow's. Channels are last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def _edges(pad: int) -> list[list[int]]:
    return [[0, 0], [pad, pad], [pad, pad], [0, 0]]


class Ops:
    """Names that every framework here gives; filters are [height, width, in, out]."""

    relu = staticmethod(tf.nn.relu)
    relu6 = staticmethod(tf.nn.relu6)
    gelu = staticmethod(tf.nn.gelu)

    def __init__(self, training: bool) -> None:
        self.training = training

    def conv(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return tf.nn.conv2d(x, w, stride, _edges(pad) if pad else "VALID")

    def depthwise(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        edges = _edges(pad) if pad else "VALID"
        return tf.nn.depthwise_conv2d(x, w, (1, stride, stride, 1), edges)

    def bias(self, x: Any, b: Any) -> Any:
        return tf.nn.bias_add(x, b)

    def norm(self, x: Any, w: dict[str, Any], name: str) -> Any:
        given = {} if self.training else {k: w[f"{name}/{k}"] for k in ("mean", "variance")}
        scale, offset = w[f"{name}/scale"], w[f"{name}/offset"]
        return tf.compat.v1.nn.fused_batch_norm(
            x, scale, offset, **given, epsilon=1e-3, is_training=self.training
        )[0]

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        return tf.nn.max_pool2d(tf.pad(x, _edges(pad)) if pad else x, size, stride, "VALID")

    def mean_of_places(self, x: Any) -> Any:
        return tf.reduce_mean(x, (1, 2))

    def flatten(self, x: Any) -> Any:
        return tf.reshape(x, (x.shape[0], -1))

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        product = tf.matmul(x, w) if len(x.shape) == 2 else tf.tensordot(x, w, 1)
        return tf.nn.bias_add(product, b)

    def lstm(self, x: Any, w: Any, u: Any, b: Any) -> Any:
        units = u.shape[0]
        h = c = tf.zeros((x.shape[0], units))
        steps = x.shape[1]
        ahead = tf.transpose(tf.nn.bias_add(tf.tensordot(x, w, 1), b), (1, 0, 2))
        # Slices of a tensor would make a gradient of its whole size in every step.
        inputs = tf.TensorArray(tf.float32, steps).unstack(ahead)

        def cell(state: Any, given: Any) -> Any:
            h, c = state
            i, f, g, o = tf.split(given + tf.matmul(h, u), 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            return tf.sigmoid(o) * tf.tanh(c), c

        def body(t: Any, h: Any, c: Any) -> Any:
            return t + 1, *cell((h, c), inputs.read(t))

        return tf.while_loop(lambda t, h, c: t < steps, body, (0, h, c), maximum_iterations=steps)[
            1
        ]

    def embedding(self, table: Any, ids: Any) -> Any:
        return tf.gather(table, ids)

    def rows(self, table: Any, ids: Any) -> Any:
        return table[: tf.shape(ids)[1]]

    def layer_norm(self, x: Any, scale: Any, offset: Any) -> Any:
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-5)

    def attention(self, q: Any, k: Any, v: Any, heads: int, depth: int) -> Any:
        batch, length, width = tf.shape(q)[0], tf.shape(q)[1], heads * depth
        apart = (batch, length, heads, depth)
        q, k, v = (tf.transpose(tf.reshape(t, apart), (0, 2, 1, 3)) for t in (q, k, v))
        scores = tf.matmul(q, k, transpose_b=True) * depth**-0.5
        mixed = tf.matmul(tf.nn.softmax(scores), v)
        return tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (batch, length, width))

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def train_step(
    loss: Callable[..., Any],
    start: dict[str, np.ndarray],
    x: np.ndarray,
    labels: np.ndarray,
    *,
    jit_compile: bool,
) -> Any:
    """Return a step of Adam on one batch as one traced function, with TensorFlow's own op for Adam."""
    weights = {k: tf.Variable(v) for k, v in start.items()}
    first = {k: tf.Variable(tf.zeros_like(v)) for k, v in weights.items()}
    second = {k: tf.Variable(tf.zeros_like(v)) for k, v in weights.items()}
    count = tf.Variable(0.0)
    ops = Ops(training=True)

    @tf.function(jit_compile=jit_compile)
    def step(x: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(ops, weights, x, labels)
        gradients = tape.gradient(value, weights)
        t = count.assign_add(1.0)
        for k, weight in weights.items():
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first[k].handle,
                v=second[k].handle,
                beta1_power=0.9**t,
                beta2_power=0.999**t,
                lr=1e-3,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-7,
                grad=gradients[k],
            )
        return value

    given = tf.constant(x), tf.constant(labels)
    return lambda: step(*given).numpy()


def inference(forward: Callable[..., Any], start: dict[str, np.ndarray], **options: Any) -> Any:
    """Return a network as one traced function; `options` are tf.function's."""
    weights = {k: tf.Variable(v) for k, v in start.items()}
    ops = Ops(training=False)
    return tf.function(lambda x: forward(ops, weights, x), **options)
