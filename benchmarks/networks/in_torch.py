"""The ops that networks are written in, and a training step: PyTorch's. Channels are second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812


class Ops:
    """Names that every framework here gives; filters are [out, in, height, width]."""

    relu = staticmethod(F.relu)
    relu6 = staticmethod(F.relu6)
    gelu = staticmethod(F.gelu)

    def conv(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return F.conv2d(x, w, None, stride, pad)

    def depthwise(self, x: Any, w: Any, stride: int = 1, pad: int = 0) -> Any:
        return F.conv2d(x, w, None, stride, pad, groups=x.shape[1])

    def bias(self, x: Any, b: Any) -> Any:
        return x + b[:, None, None]

    def batch_norm(self, x: Any, scale: Any, offset: Any) -> Any:
        return F.batch_norm(x, None, None, scale, offset, training=True, eps=1e-3)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        return F.max_pool2d(x, size, stride, pad)

    def mean_of_places(self, x: Any) -> Any:
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    def flatten(self, x: Any) -> Any:
        return x.flatten(1)

    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(x, w, b)

    def lstm(self, x: Any, w: Any, u: Any, b: Any) -> Any:
        zeros = x.new_zeros(1, x.shape[0], u.shape[1])
        nothing = torch.zeros_like(b)
        return torch._VF.lstm(
            x, (zeros, zeros), (w, u, b, nothing), True, 1, 0.0, True, False, True
        )[1][0]

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return F.cross_entropy(logits, labels)


def weight(array: np.ndarray, places: tuple[int, ...] | None, depthwise: bool) -> np.ndarray:
    """Turn an array into PyTorch's order of axes.

    Args:
        array: A filter, a matrix or a vector.
        places: The height, width and channels that the rows of a matrix stand for, after flattening.
        depthwise: Whether a filter has one channel.
    """
    if array.ndim == 4:
        array = array.transpose(2, 3, 0, 1) if depthwise else array.transpose(3, 2, 0, 1)
    elif array.ndim == 2:
        if places:
            array = array.reshape(*places, -1).transpose(2, 0, 1, 3).reshape(array.shape)
        array = array.T
    return np.ascontiguousarray(array)


def train_step(
    loss: Callable[..., Any],
    start: dict[str, np.ndarray],
    x: np.ndarray,
    labels: np.ndarray,
    *,
    places: dict[str, tuple[int, ...]],
    depthwise: frozenset[str],
    compiled: bool,
    channels_last: bool,
) -> Any:
    """Return a step of Adam on one batch; `compiled` compiles the loss, and so its gradients."""
    weights = {
        k: torch.nn.Parameter(torch.from_numpy(weight(v, places.get(k), k in depthwise)))
        for k, v in start.items()
    }
    # The step that works on all of a parameter at once is the fastest here.
    optimizer = torch.optim.Adam(weights.values(), lr=1e-3, eps=1e-7, fused=True)
    given = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x))
    if channels_last and x.ndim == 4:
        given = given.contiguous(memory_format=torch.channels_last)
        for w in weights.values():
            if w.ndim == 4:
                w.data = w.data.contiguous(memory_format=torch.channels_last)
    classes = torch.from_numpy(labels)
    ops = Ops()

    def forward(x: Any, labels: Any) -> Any:
        return loss(ops, weights, x, labels)

    if compiled:
        from harness.frameworks import compile_torch

        forward = compile_torch(forward)

    def step() -> Any:
        value = forward(given, classes)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    return step
