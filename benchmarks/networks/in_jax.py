"""The ops that networks are written in, and a training step: JAX's. Channels are last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Ops:
    """Names that every framework here gives; filters are [height, width, in, out]."""

    relu = staticmethod(jax.nn.relu)
    relu6 = staticmethod(jax.nn.relu6)
    gelu = staticmethod(partial(jax.nn.gelu, approximate=False))

    def __init__(self, training: bool) -> None:
        self.training = training

    def conv(self, x: Any, w: Any, stride: int = 1, pad: int = 0, groups: int = 1) -> Any:
        edges = ((pad, pad), (pad, pad))
        return lax.conv_general_dilated(
            x, w, (stride, stride), edges, dimension_numbers=LAYOUT, feature_group_count=groups
        )

    def depthwise(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return self.conv(x, w.transpose(0, 1, 3, 2), stride, pad, x.shape[-1])

    def bias(self, x: Any, b: Any) -> Any:
        return x + b

    def norm(self, x: Any, w: dict[str, Any], name: str) -> Any:
        if self.training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        else:
            mean, variance = w[f"{name}/mean"], w[f"{name}/variance"]
        factor = w[f"{name}/scale"] * lax.rsqrt(variance + 1e-3)
        return (x - mean) * factor + w[f"{name}/offset"]

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        edges = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        window, steps = (1, size, size, 1), (1, stride, stride, 1)
        return lax.reduce_window(x, -jnp.inf, lax.max, window, steps, edges)

    def mean_of_places(self, x: Any) -> Any:
        return x.mean((1, 2))

    def flatten(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return x @ w + b

    def lstm(self, x: Any, w: Any, u: Any, b: Any) -> Any:
        def cell(state: Any, given: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(given + h @ u, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((x.shape[0], u.shape[0]))
        return lax.scan(cell, (zeros, zeros), (x @ w + b).swapaxes(0, 1))[0][0]

    def embedding(self, table: Any, ids: Any) -> Any:
        return table[ids]

    def rows(self, table: Any, ids: Any) -> Any:
        return table[: ids.shape[1]]

    def layer_norm(self, x: Any, scale: Any, offset: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + offset

    def attention(self, q: Any, k: Any, v: Any, heads: int, depth: int) -> Any:
        q, k, v = (t.reshape(*t.shape[:2], heads, depth) for t in (q, k, v))
        mixed = jax.nn.dot_product_attention(q, k, v)
        return mixed.reshape(*mixed.shape[:2], -1)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        scores = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(scores, labels[:, None], 1).mean()


def train_step(
    loss: Callable[..., Any], start: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray
) -> Any:
    """Return a step of Adam on one batch, jitted as a whole; weights and moments are donated."""
    ops = Ops(training=True)

    @partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def step(weights: Any, first: Any, second: Any, t: Any, x: Any, labels: Any) -> Any:
        value, gradients = jax.value_and_grad(lambda w: loss(ops, w, x, labels))(weights)
        t = t + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        tree = jax.tree.map
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        weights = tree(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
        return value, weights, first, second, t

    weights = {k: jnp.array(v) for k, v in start.items()}
    state = [weights, *({k: jnp.zeros_like(v) for k, v in weights.items()} for _ in range(2))]
    state.append(jnp.float32(0))
    given = jnp.asarray(x), jnp.asarray(labels)

    def body() -> Any:
        value, *state[:] = step(*state, *given)
        jax.block_until_ready(state)
        return value

    return body


def inference(forward: Callable[..., Any], start: dict[str, np.ndarray]) -> Any:
    """Return a network, jitted, and its weights, which it takes as its first argument."""
    ops = Ops(training=False)
    weights = {k: jnp.asarray(v) for k, v in start.items()}
    return jax.jit(lambda w, x: forward(ops, w, x)), weights
