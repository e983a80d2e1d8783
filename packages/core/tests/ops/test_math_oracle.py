"""Mathematical functions, activations and losses against SciPy and PyTorch, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import penstock as ps

from .test_torch_oracle import F, compare, draw, torch

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize(
    "name",
    ["exp2", "expm1", "log2", "log10", "erf", "erfc", "erfinv", "tan", "asin", "acos", "atan", "sinh",
     "cosh", "asinh", "acosh", "atanh", "reciprocal"],
)  # fmt: skip
def test_functions_of_one_tensor(close: Callable[..., None], name: str) -> None:
    x = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)) + (name == "acosh")
    compare(close, getattr(ps, name), getattr(torch, name), x)


@pytest.mark.parametrize("name", ["atan2", "hypot", "logaddexp", "copysign"])
def test_functions_of_two_tensors(close: Callable[..., None], name: str) -> None:
    x, y = draw(3, 1), draw(1, 4)
    if name == "copysign":  # PyTorch has no gradient of the sign either, but gives zeros for it
        close(ps.copysign(x, y), np.copysign(x, y))
    else:
        compare(close, getattr(ps, name), getattr(torch, name), x, y)


@pytest.mark.parametrize("x", [0.999999, 1 - 1e-15, -0.3, 1e-300, 0.0])
def test_erfinv_far_out(x: float) -> None:
    got = ps.erfinv(ps.asarray(x, "float64")).item()
    np.testing.assert_allclose(got, special.erfinv(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: ps.nn.gelu(x, approximate=True), lambda x: F.gelu(x, approximate="tanh")),
        (ps.nn.gelu, F.gelu),
        (ps.nn.silu, F.silu),
        (ps.nn.mish, F.mish),
        (ps.nn.softplus, F.softplus),
        (ps.nn.softsign, F.softsign),
        (ps.nn.elu, F.elu),
        (lambda x: ps.nn.elu(x, alpha=0.4), lambda x: F.elu(x, 0.4)),
        (ps.nn.selu, F.selu),
        (lambda x: ps.nn.celu(x, alpha=0.5), lambda x: F.celu(x, 0.5)),
        (lambda x: ps.nn.leaky_relu(x, negative_slope=0.01), F.leaky_relu),
        (ps.nn.relu6, F.relu6),
        (ps.nn.hard_sigmoid, lambda x: torch.clamp(x + 3, 0, 6) / 6),
        (ps.nn.hard_swish, F.hardswish),
        (lambda x: ps.clip(x, -1.0, 2.0), lambda x: torch.clamp(x, -1.0, 2.0)),
        (lambda x: ps.logsumexp(x, 0), lambda x: torch.logsumexp(x, 0)),
        (lambda x: ps.logsumexp(x, (0, 1), keepdims=True), lambda x: x.logsumexp((0, 1), True)),
    ],
)
def test_activations(close: Callable[..., None], ours: Any, theirs: Any) -> None:
    compare(close, ours, theirs, draw(5, 6) * 4)


def test_losses_of_elements(close: Callable[..., None]) -> None:
    x, y = draw(4, 5), draw(5, 4).T.copy()
    p, t = special.expit(x), special.expit(y)
    compare(close, ps.nn.huber, lambda t, y: F.huber_loss(y, t, reduction="none"), x * 3, y)
    compare(
        close,
        ps.nn.sigmoid_cross_entropy,
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
        *(x, t),
    )
    compare(
        close,
        lambda p: ps.nn.binary_cross_entropy(t, p),
        lambda p: F.binary_cross_entropy(p, torch.tensor(t), reduction="none"),
        p,
    )
    compare(close, ps.nn.log_cosh, lambda t, y: torch.log(torch.cosh(y - t)), x, y)
    compare(close, ps.nn.hinge, lambda t, y: torch.relu(1 - t * y), x, y)
    compare(close, ps.nn.squared_hinge, lambda t, y: torch.relu(1 - t * y) ** 2, x, y)
    compare(close, ps.nn.mean_squared_error, lambda t, y: ((t - y) ** 2).mean(-1), x, y)
    compare(close, ps.nn.mean_absolute_error, lambda t, y: (t - y).abs().mean(-1), x, y)


def test_losses_of_rows(close: Callable[..., None]) -> None:
    x, p, t = draw(4, 5), special.softmax(draw(5, 4).T, -1), special.softmax(draw(4, 5), -1)
    compare(
        close,
        ps.nn.softmax_cross_entropy_dense,
        lambda x, t: -(t * F.log_softmax(x, -1)).sum(-1),
        *(x, t),
    )
    compare(close, ps.nn.kl_divergence, lambda t, p: (t * torch.log(t / p)).sum(-1), t, p)
    compare(close, ps.nn.cosine_similarity, lambda x, y: F.cosine_similarity(x, y, -1), x, p)
    labels = np.array([0, 4, 2, 2])
    compare(
        close,
        lambda x: ps.nn.nll_loss(ps.nn.log_softmax(x), labels),
        lambda x: F.nll_loss(F.log_softmax(x, -1), torch.tensor(labels), reduction="none"),
        x,
    )


def test_one_hot_labels_give_the_loss_of_class_numbers(close: Callable[..., None]) -> None:
    x, labels = draw(4, 5) * 100, np.array([0, 4, 2, 2])
    x[0, 1:] = -np.inf  # impossible classes that nobody asks for cost nothing
    dense = ps.nn.softmax_cross_entropy_dense(x, np.eye(5)[labels])
    close(dense, ps.nn.softmax_cross_entropy(x, labels).numpy())


def test_kl_divergence_of_certainty_is_finite() -> None:
    assert ps.nn.kl_divergence([1.0, 0.0], [0.0, 1.0]).item() == pytest.approx(16.118095, rel=1e-5)


def test_logsumexp_of_impossible_events_has_no_nan_gradient() -> None:
    x = ps.asarray([[-np.inf, -np.inf], [0.0, -np.inf]])
    assert ps.logsumexp(x, 1).tolist() == [-np.inf, 0.0]
    assert ps.grad(lambda x: ps.sum(ps.logsumexp(x, 1)))(x).tolist() == [[0, 0], [1, 0]]


def test_clip_takes_one_end_tensors_and_crossed_ends() -> None:
    x = np.array([-2.0, 0.5, 3.0])
    assert ps.clip(x, min=0.0).tolist() == [0, 0.5, 3]
    assert ps.clip(x, max=1.0).tolist() == [-2, 0.5, 1]
    assert ps.clip(x).tolist() == x.tolist()
    assert ps.clip(x, x, x + 1).tolist() == x.tolist()
    assert ps.clip(x, 1.0, -1.0).tolist() == [-1, -1, -1]
    assert ps.clip(np.array([1, 5]), 2, 3).dtype == "int64"


def test_gelu_is_exact_unless_told() -> None:
    x = ps.asarray([1.0], "float64")
    exact = float(special.ndtr(1.0))
    assert ps.nn.gelu(x).item() == pytest.approx(exact, rel=1e-14)
    assert ps.nn.gelu(x, approximate=True).item() == pytest.approx(0.8411919906082768, rel=1e-14)
