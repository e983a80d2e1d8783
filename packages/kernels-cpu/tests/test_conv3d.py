"""Convolution and pooling of volumes against PyTorch in float64, at sizes that cross tiles, panels and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional

# x, filter, strides, pads of each side, dilations, groups
CASES = [
    ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    ((2, 5, 8, 7, 3), (3, 3, 3, 3, 16), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    ((1, 6, 9, 33, 5), (2, 3, 2, 5, 35), (1, 2, 1), (0, 2, 1), (1, 1, 1), 1),
    ((3, 7, 6, 8, 4), (3, 2, 3, 4, 6), (2, 2, 3), (1, 0, 1), (1, 2, 1), 1),
    ((2, 6, 6, 6, 8), (3, 3, 3, 2, 12), (1, 1, 1), (1, 1, 1), (1, 1, 1), 4),
    ((2, 7, 5, 9, 6), (2, 2, 3, 1, 6), (1, 2, 2), (1, 1, 0), (2, 1, 2), 6),
    ((9, 3, 4, 5, 16), (1, 1, 1, 16, 32), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
]


@pytest.mark.parametrize("case", CASES)
def test_conv3d_and_its_gradients(draw: Any, case: Any) -> None:
    x_shape, f_shape, strides, pads, dilations, groups = case
    x, f = draw(*x_shape), draw(*f_shape)
    explicit = [p for p in pads for _ in (0, 1)]

    def run(x: Any, f: Any) -> Any:
        return nn.conv3d(x, f, strides, "explicit", explicit, dilations, groups)

    tx, tf = (torch.tensor(a.astype(np.float64), requires_grad=True) for a in (x, f))
    want = F.conv3d(
        torch.moveaxis(tx, -1, 1), tf.permute(4, 3, 0, 1, 2), None, strides, pads, dilations, groups
    ).moveaxis(1, -1)
    got = run(x, f).numpy()
    scale = np.sqrt(np.prod(f_shape[:4]))
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-5, atol=1e-6 * scale)
    dy = draw(*got.shape)
    want.backward(torch.asarray(dy.astype(np.float64)))
    gradients = ps.grad(lambda x, f: ps.sum(run(x, f) * dy), argnums=(0, 1))(x, f)
    for ours, t in zip(gradients, (tx.grad, tf.grad), strict=True):
        size = float(t.abs().max())
        np.testing.assert_allclose(ours.numpy(), t.numpy(), rtol=1e-4, atol=2e-6 * size)


@pytest.mark.parametrize("channels", [1, 15, 16, 37])
@pytest.mark.parametrize(("size", "strides"), [((2, 2, 2), (2, 2, 2)), ((3, 2, 1), (1, 2, 2))])
def test_pooling_and_its_gradients(draw: Any, channels: int, size: Any, strides: Any) -> None:
    x = draw(2, 6, 7, 4, channels)
    for name, theirs in (("max_pool3d", F.max_pool3d), ("avg_pool3d", F.avg_pool3d)):
        tx = torch.tensor(x.astype(np.float64), requires_grad=True)
        want = theirs(torch.moveaxis(tx, -1, 1), size, strides).moveaxis(1, -1)
        run = getattr(nn, name)
        got = run(x, size, strides).numpy()
        np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-6, atol=1e-7)
        dy = draw(*got.shape)
        want.backward(torch.asarray(dy.astype(np.float64)))
        ours = ps.grad(lambda x, run=run, dy=dy: ps.sum(run(x, size, strides) * dy))(x)
        np.testing.assert_allclose(ours.numpy(), tx.grad.numpy(), rtol=1e-5, atol=1e-6)
