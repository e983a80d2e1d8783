"""Convolutions of random sizes, multiples of nothing, against NumPy's in float64 and against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

Case = dict[str, Any]


def drawn(seed: int) -> Case:
    """Draw a convolution; about every second one gathers its pixels: deep ones of small or far-apart pixels."""
    rng = np.random.default_rng(seed)
    deep = seed % 2 == 0
    groups = 1 if deep else int(rng.choice([1, 1, 2, 3]))
    ci = int(rng.choice([64, 100, 512, 515, 1024])) if deep else int(rng.integers(1, 40))
    co = int(rng.integers(128, 170)) if deep else int(rng.integers(1, 50))
    kernel = [int(k) for k in rng.integers(1, 4 if deep else 6, 2)]
    dilations = [int(d) for d in rng.integers(1, 3, 2)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = [int(rng.integers(max(r - 1, 1), r + (9 if deep else 20))) for r in reach]
    pads = [int(p) for p in rng.integers(0, 3, 4)]
    pads[0] += max(0, reach[0] - size[0] - pads[0] - pads[1])
    pads[2] += max(0, reach[1] - size[1] - pads[2] - pads[3])
    return {
        "x": rng.normal(size=(int(rng.integers(1, 4)), *size, ci * groups)).astype("f"),
        "filter": (rng.normal(size=(*kernel, ci, co * groups)) / np.sqrt(ci)).astype("f"),
        "strides": [int(s) for s in rng.integers(1, 4, 2)],
        "padding": "explicit",
        "explicit_padding": pads,
        "dilations": dilations,
        "groups": groups,
    }


@pytest.mark.parametrize("seed", range(40))
def test_random_convolutions_are_the_truth(seed: int) -> None:
    case = drawn(seed)
    truth = np.asarray(
        ps.conv2d(**{**case, "x": case["x"].astype("d"), "filter": case["filter"].astype("d")})
    )
    got = np.asarray(ps.conv2d(**case))
    assert got.shape == truth.shape
    np.testing.assert_allclose(got, truth, rtol=1e-5, atol=2e-6 * np.abs(truth).max(initial=1.0))


@pytest.mark.parametrize("seed", range(40, 60))
def test_random_convolutions_are_those_of_torch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    case = drawn(seed)
    (top, bottom, left, right), f = case["explicit_padding"], torch.nn.functional
    x = torch.from_numpy(case["x"].transpose(0, 3, 1, 2).copy()).double()
    w = torch.from_numpy(case["filter"].transpose(3, 2, 0, 1).copy()).double()
    wide = f.pad(x, (left, right, top, bottom))
    y = f.conv2d(wide, w, None, case["strides"], 0, case["dilations"], case["groups"])
    got = np.asarray(ps.conv2d(**case)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(got, y.numpy(), rtol=1e-5, atol=2e-6 * float(y.abs().max()))
