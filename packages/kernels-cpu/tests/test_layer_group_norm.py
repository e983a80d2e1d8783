"""Layer, root-mean-square, group and instance normalisation, and their gradients, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")


def compare(ours: Any, theirs: Any, arrays: Any, dy: Any) -> None:
    """Compare the value and the gradients, as near as sums of so many numbers can be."""
    leaves = [torch.tensor(a.astype(np.float64), requires_grad=True) for a in arrays]
    want = theirs(*leaves)
    want.backward(torch.tensor(dy.astype(np.float64)))
    np.testing.assert_allclose(ours(*arrays), want.detach().numpy(), rtol=2e-5, atol=2e-5)
    which = tuple(range(len(arrays)))
    gradients = ps.grad(lambda *args: ps.sum(ours(*args) * dy), argnums=which)(*arrays)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        truth = leaf.grad.numpy()
        bound = 2e-5 * (1 + float(np.abs(truth).max(initial=0)))
        np.testing.assert_allclose(gradient, truth, rtol=1e-4, atol=bound)


ROWS = [((5,), (5,)), ((3, 16), (16,)), ((300, 7), (7,)), ((2, 3, 1000), (1000,)), ((4, 3, 5), (3, 5)), ((0, 4), (4,)), ((3, 1), (1,))]  # fmt: skip


@pytest.mark.parametrize(("shape", "row"), ROWS, ids=str)
def test_layer_norm(shape: Any, row: Any, draw: Any) -> None:
    x, dy = draw(*shape) * 3 + 20, draw(*shape)
    compare(
        lambda x, s, o: ps.nn.layer_norm(x, s, o, epsilon=1e-3),
        lambda x, s, o: F.layer_norm(x, row, s, o, 1e-3),
        (x, draw(*row), draw(*row)),
        dy,
    )


@pytest.mark.parametrize(("shape", "row"), ROWS, ids=str)
def test_rms_norm(shape: Any, row: Any, draw: Any) -> None:
    compare(
        lambda x, s: ps.nn.rms_norm(x, s, epsilon=1e-3),
        lambda x, s: F.rms_norm(x, row, s, 1e-3),
        (draw(*shape) + 1, draw(*row)),
        draw(*shape),
    )


IMAGES = [((2, 3, 4, 6), 2), ((3, 8), 4), ((2, 40, 50, 16), 1), ((1, 700, 32), 32), ((2, 5, 34), 17), ((0, 3, 4), 2)]  # fmt: skip


def channels_first(x: Any) -> Any:
    return x.movedim(-1, 1)


@pytest.mark.parametrize(("shape", "groups"), IMAGES, ids=str)
def test_group_norm(shape: Any, groups: int, draw: Any) -> None:
    if shape[0] == 0:
        nothing = ps.nn.group_norm(draw(*shape), draw(shape[-1]), draw(shape[-1]), groups)
        assert nothing.shape == shape
        return
    compare(
        lambda x, s, o: ps.nn.group_norm(x, s, o, groups, epsilon=1e-3),
        lambda x, s, o: F.group_norm(channels_first(x), groups, s, o, 1e-3).movedim(1, -1),
        (draw(*shape) * 2 + 5, draw(shape[-1]), draw(shape[-1])),
        draw(*shape),
    )


def test_instance_norm(draw: Any) -> None:
    compare(
        lambda x, s, o: ps.nn.instance_norm(x, s, o, epsilon=1e-3),
        lambda x, s, o: F.instance_norm(channels_first(x), weight=s, bias=o, eps=1e-3).movedim(
            1, -1
        ),
        (draw(2, 6, 7, 5), draw(5), draw(5)),
        draw(2, 6, 7, 5),
    )


def test_a_large_mean_costs_no_digits(draw: Any) -> None:
    x = draw(4, 512) + 1000
    wide = x.astype(np.float64)
    want = (wide - wide.mean(-1, keepdims=True)) / wide.std(-1, keepdims=True)
    one, zero = np.ones(512, np.float32), np.zeros(512, np.float32)
    got = ps.nn.layer_norm(x, one, zero, epsilon=0.0)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)  # 1000 in float32 has steps of 6e-5
