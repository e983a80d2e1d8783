"""The ops that networks are written in, and a training step: PyTorch's. Channels are second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from networks.layouts import Arrays, channels_second, image

TABLES = ("words", "places")


class Ops:
    """Names that every framework here gives; filters are [out, in, height, width]."""

    relu = staticmethod(F.relu)
    relu6 = staticmethod(F.relu6)
    gelu = staticmethod(F.gelu)

    def __init__(self, training: bool) -> None:
        self.training = training

    def conv(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return F.conv2d(x, w, None, stride, pad)

    def depthwise(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return F.conv2d(x, w, None, stride, pad, groups=x.shape[1])

    def bias(self, x: Any, b: Any) -> Any:
        return x + b[:, None, None]

    def norm(self, x: Any, w: dict[str, Any], name: str) -> Any:
        scale, offset = w[f"{name}/scale"], w[f"{name}/offset"]
        if self.training:
            return F.batch_norm(x, None, None, scale, offset, training=True, eps=1e-3)
        mean, variance = w[f"{name}/mean"], w[f"{name}/variance"]
        return F.batch_norm(x, mean, variance, scale, offset, eps=1e-3)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        return F.max_pool2d(x, size, stride, pad)

    def mean_of_places(self, x: Any) -> Any:
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    def flatten(self, x: Any) -> Any:
        return x.flatten(1)

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(x, w.T, b)

    def lstm(self, x: Any, w: Any, u: Any, b: Any) -> Any:
        zeros = x.new_zeros(1, x.shape[0], u.shape[0])
        nothing = torch.zeros_like(b)
        return torch._VF.lstm(
            x, (zeros, zeros), (w.T, u.T, b, nothing), True, 1, 0.0, True, False, True
        )[1][0]

    def embedding(self, table: Any, ids: Any) -> Any:
        return F.embedding(ids, table)

    def rows(self, table: Any, ids: Any) -> Any:
        return table[: ids.shape[1]]

    def layer_norm(self, x: Any, scale: Any, offset: Any) -> Any:
        return F.layer_norm(x, scale.shape, scale, offset, 1e-5)

    def attention(self, q: Any, k: Any, v: Any, heads: int, depth: int) -> Any:
        q, k, v = (t.unflatten(2, (heads, depth)).transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return F.cross_entropy(logits, labels)


def tensors(
    arrays: Arrays, places: dict[str, tuple[int, ...]], depthwise: frozenset[str]
) -> dict[str, Any]:
    """Return weights as PyTorch keeps them; filters have channels last in memory, which is faster here."""
    found = {}
    for name, array in channels_second(arrays, places, depthwise).items():
        if array.ndim == 2 and name not in TABLES:
            array = np.ascontiguousarray(array.T)  # as its modules do
        tensor = torch.from_numpy(array)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        found[name] = tensor if array.ndim != 2 or name in TABLES else tensor.T
    return found


def given(x: np.ndarray) -> Any:
    """Return a batch as a tensor."""
    tensor = torch.from_numpy(image(x))
    if tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def train_step(
    loss: Callable[..., Any],
    weights: dict[str, Any],
    x: Any,
    labels: np.ndarray,
    compiled: bool,
) -> Any:
    """Return a step of Adam on one batch; `compiled` compiles the loss, and so its gradients."""
    weights = {k: torch.nn.Parameter(w) for k, w in weights.items()}
    # The step that works on all of a parameter at once is the fastest here.
    optimizer = torch.optim.Adam(weights.values(), lr=1e-3, eps=1e-7, fused=True)
    classes = torch.from_numpy(labels)
    ops = Ops(training=True)

    def forward(x: Any, labels: Any) -> Any:
        return loss(ops, weights, x, labels)

    if compiled:
        forward = torch.compile(forward, dynamic=False)

    def step() -> Any:
        value = forward(x, classes)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def inference(forward: Callable[..., Any], weights: dict[str, Any], **compiling: Any) -> Any:
    """Return a network without gradients, compiled if there is an option for that."""
    ops = Ops(training=False)
    torch.set_grad_enabled(False)

    def network(x: Any) -> Any:
        return forward(ops, weights, x)

    return torch.compile(network, **compiling) if compiling else network
