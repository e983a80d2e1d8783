"""Recurrent networks at sizes that cross tiles, panels and vectors, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

torch = pytest.importorskip("torch")
Array = np.ndarray[Any, Any]

# batch, time, features, units
SIZES = [(1, 1, 1, 1), (3, 5, 4, 15), (14, 3, 7, 16), (33, 7, 20, 64), (2, 40, 9, 100)]
CELLS = {"lstm": (torch.nn.LSTM, 4, [0, 1, 2, 3]), "gru": (torch.nn.GRU, 3, [1, 0, 2])}


def weights_of(layer: Any, order: list[int]) -> list[Array]:
    """Return PyTorch's weights transposed, the gates in our order."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    parts = [np.split(getattr(layer, n).detach().numpy(), len(order)) for n in names]
    return [np.concatenate([p[i] for i in order]).T for p in parts]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients(rng: np.random.Generator, cell: str, sizes: Any) -> None:
    batch, time, features, units = sizes
    make, _, order = CELLS[cell]
    torch.manual_seed(0)
    layer = make(features, units, batch_first=True, dtype=torch.float64)
    k, r, b, rb = weights_of(layer, order)
    x = rng.standard_normal((batch, time, features))
    tx = torch.tensor(x, requires_grad=True)
    want, _ = layer(tx)
    mix = rng.standard_normal(want.shape)
    (want * torch.asarray(mix)).sum().backward()

    def run(x: Any, k: Any, r: Any, b: Any, rb: Any) -> Any:
        if cell == "lstm":
            return nn.lstm(x, k, r, b + rb)[0]
        return nn.gru(x, k, r, b, rb)[0]

    narrow = [ps.asarray(a.astype(np.float32)) for a in (x, k, r, b, rb)]
    got = run(*narrow).numpy()
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-4, atol=2e-6)
    weight = ps.asarray(mix.astype(np.float32))
    gradients = ps.grad(lambda *a: ps.sum(run(*a) * weight), argnums=(0, 1, 2, 3, 4))(*narrow)
    theirs = [tx.grad.numpy(), *weights_of_gradients(layer, order)]
    for ours, t in zip(gradients, theirs, strict=True):
        scale = max(1.0, float(np.abs(t).max()))
        np.testing.assert_allclose(ours.numpy(), t, rtol=1e-4, atol=5e-6 * scale)


def weights_of_gradients(layer: Any, order: list[int]) -> list[Array]:
    for p in layer.parameters():
        p.data = p.grad
    return weights_of(layer, order)


@pytest.mark.parametrize("reset_after", [True, False])
def test_masked_steps_copy_the_state_bit_by_bit(
    rng: np.random.Generator, draw: Any, reset_after: bool
) -> None:
    x, k, r = draw(20, 9, 5), draw(5, 60), draw(20, 60) * 0.2
    mask = rng.random((20, 9)) < 0.5
    h = draw(20, 20)
    every = nn.gru(x, k, r, None, None, h, mask, reset_after=reset_after)[0].numpy()
    before = np.concatenate([h[:, None], every[:, :-1]], 1)
    np.testing.assert_array_equal(every[~mask], before[~mask])
    assert not np.array_equal(every[mask], before[mask])


def test_a_sequence_does_not_depend_on_its_batch(draw: Any) -> None:
    x, k, r = draw(30, 6, 5), draw(5, 4 * 33), draw(33, 4 * 33) * 0.2
    whole = nn.lstm(x, k, r)[0].numpy()
    for i in (0, 13, 29):
        alone = nn.lstm(x[i : i + 1], k, r)[0].numpy()
        np.testing.assert_allclose(alone[0], whole[i], rtol=1e-5, atol=1e-6)
