"""Convolution, pooling, activations and losses against PyTorch, which nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def close(got: Any, expected: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(
        got.numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance
    )


def channels_first(x: Any) -> Any:
    return torch.moveaxis(torch.asarray(x), -1, 1)


def channels_last(x: Any) -> Any:
    return torch.moveaxis(x, 1, -1)


@pytest.mark.parametrize(
    ("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 2), ((1, 2, 1), 2, 1)]
)
def test_conv3d_and_its_gradients(
    rng: np.random.Generator, stride: Any, dilation: Any, groups: int
) -> None:
    x, w = rng.normal(size=(2, 6, 7, 5, 4)), rng.normal(size=(2, 3, 2, 4 // groups, 6))

    def ours(x: Any, w: Any) -> Any:
        y = nn.conv3d(x, w, stride, dilations=dilation, groups=groups)
        return ps.sum(ps.square(y)), y

    tx, tw = (torch.tensor(v, requires_grad=True) for v in (x, w))
    y = F.conv3d(
        torch.moveaxis(tx, -1, 1),
        tw.permute(4, 3, 0, 1, 2),
        stride=stride,
        dilation=dilation,
        groups=groups,
    )
    close(ours(x, w)[1], channels_last(y))
    y.square().sum().backward()
    for g, t in zip(
        ps.grad(lambda a, b: ours(a, b)[0], argnums=(0, 1))(x, w), (tx, tw), strict=True
    ):
        close(g, t.grad, 1e-8)


def test_transposed_convolutions(rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(2, 5, 3)), rng.normal(size=(4, 2, 3))
    got = nn.conv1d_transpose(x, w, 2, "explicit", 1, 1, (1, 1))
    want = F.conv_transpose1d(channels_first(x), torch.asarray(w).permute(2, 1, 0), None, 2, 1, 1)
    close(got, channels_last(want))
    x, w = rng.normal(size=(1, 3, 2, 4, 3)), rng.normal(size=(3, 2, 3, 2, 3))
    got = nn.conv3d_transpose(x, w, 2, "explicit", (1, 1, 0, 0, 1, 1), output_padding=1)
    want = F.conv_transpose3d(
        channels_first(x), torch.asarray(w).permute(4, 3, 0, 1, 2), None, 2, (1, 0, 1), 1
    )
    close(got, channels_last(want))


def test_conv1d_takes_explicit_padding(rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(2, 9, 3)), rng.normal(size=(4, 3, 2))
    got = nn.conv1d(x, w, 2, "explicit", explicit_padding=(2, 2))
    want = F.conv1d(channels_first(x), torch.asarray(w).permute(2, 1, 0), None, 2, 2)
    close(got, channels_last(want))


def test_pooling_of_volumes(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 6, 7, 5, 3))
    first = channels_first(x)
    close(
        nn.max_pool3d(x, (2, 3, 2), (1, 2, 2)),
        channels_last(F.max_pool3d(first, (2, 3, 2), (1, 2, 2))),
    )
    close(nn.avg_pool3d(x, 2), channels_last(F.avg_pool3d(first, 2)))


@pytest.mark.parametrize("size", [1, 3, 4, 7, 9])
def test_adaptive_pooling(rng: np.random.Generator, size: int) -> None:
    for sides in ((7,), (7, 5), (4, 7, 3)):
        x = rng.normal(size=(2, *sides, 3))
        n = len(sides)
        average = getattr(F, f"adaptive_avg_pool{n}d")(channels_first(x), size)
        largest = getattr(F, f"adaptive_max_pool{n}d")(channels_first(x), size)
        close(nn.adaptive_avg_pool(x, size), channels_last(average))
        close(nn.adaptive_max_pool(x, size), channels_last(largest))


def test_local_response_normalization(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 3, 4, 9))
    # PyTorch divides alpha by the size of the window.
    want = F.local_response_norm(channels_first(x), 5, 5 * 0.3, 0.7, 1.5)
    close(nn.local_response_normalization(x, 2, 1.5, 0.3, 0.7), channels_last(want))


def test_moments_and_length(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4, 5))
    mean, variance = nn.moments(x, (0, 2))
    close(mean, torch.asarray(x).mean((0, 2)))
    close(variance, torch.asarray(x).var((0, 2), correction=0))
    close(nn.l2_normalize(x, 1), F.normalize(torch.asarray(x), dim=1))
    close(nn.l2_loss(x), torch.asarray(x).square().sum() / 2)


ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "log_sigmoid": (nn.log_sigmoid, F.logsigmoid),
    "hard_tanh": (nn.hard_tanh, F.hardtanh),
    "tanh_shrink": (nn.tanh_shrink, F.tanhshrink),
    "soft_shrink": (nn.soft_shrink, F.softshrink),
    "hard_shrink": (nn.hard_shrink, F.hardshrink),
    "threshold": (
        lambda x: nn.threshold(x, 0.3, -2.0),
        lambda x: F.threshold(x, 0.3, -2.0),
    ),
    "glu": (lambda x: nn.glu(x, 1), lambda x: F.glu(x, 1)),
    "prelu": (
        lambda x: nn.prelu(x, np.array([0.1, 0.2, 0.3, 0.4])),
        lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(rng: np.random.Generator, name: str) -> None:
    ours, theirs = ACTIVATIONS[name]
    x = rng.normal(size=(6, 4)) * 2
    t = torch.tensor(x, requires_grad=True)
    y = theirs(t)
    close(ours(x), y)
    y.square().sum().backward()
    close(ps.grad(lambda x: ps.sum(ps.square(ours(x))))(x), t.grad)


def test_sparsemax_is_the_nearest_distribution(rng: np.random.Generator) -> None:
    x = rng.normal(size=(20, 6)) * 2
    p = nn.sparsemax(x).numpy()
    np.testing.assert_allclose(p.sum(-1), 1)
    assert (p >= 0).all()
    # The projection's condition: x - p is the same where p > 0, and no larger elsewhere.
    gap = x - p
    tau = gap.max(-1, keepdims=True)
    np.testing.assert_allclose(np.where(p > 0, gap, tau), np.broadcast_to(tau, gap.shape))


def test_gumbel_softmax_draws_by_probability() -> None:
    logits = np.log(np.broadcast_to([0.2, 0.3, 0.5], (20_000, 3)))
    drawn = nn.gumbel_softmax(logits, 0.5, hard=True, seed=2).numpy()
    np.testing.assert_allclose(drawn.mean(0), [0.2, 0.3, 0.5], atol=0.015)
    soft = ps.grad(lambda x: nn.gumbel_softmax(x, hard=True, seed=3)[0])(np.array([0.0, 1.0]))
    assert abs(soft.numpy()).min() > 0


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "smooth_l1": (
        lambda t, p: nn.smooth_l1(t, p, 0.7),
        lambda t, p: F.smooth_l1_loss(p, t, reduction="none", beta=0.7),
    ),
    "weighted": (
        lambda t, p: nn.weighted_cross_entropy_with_logits(t, p, 3.0),
        lambda t, p: F.binary_cross_entropy_with_logits(
            p, t, reduction="none", pos_weight=torch.tensor(3.0)
        ),
    ),
    "gaussian": (
        lambda t, p: nn.gaussian_nll_loss(t, p, ps.square(p)),
        lambda t, p: F.gaussian_nll_loss(p, t, p.square(), reduction="none"),
    ),
    "ranking": (
        lambda t, p: nn.margin_ranking_loss(t, p, ps.sign(p), margin=0.2),
        lambda t, p: F.margin_ranking_loss(t, p, p.sign(), margin=0.2, reduction="none"),
    ),
    "triplet": (
        lambda t, p: nn.triplet_margin_loss(t, p, -p),
        lambda t, p: F.triplet_margin_loss(t, p, -p, reduction="none"),
    ),
    "cosine": (
        lambda t, p: nn.cosine_embedding_loss(t, p, np.array([1, -1, 1, -1, 1])),
        lambda t, p: F.cosine_embedding_loss(
            t, p, torch.tensor([1, -1, 1, -1, 1]), reduction="none"
        ),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(rng: np.random.Generator, name: str) -> None:
    ours, theirs = LOSSES[name]
    t, p = rng.uniform(size=(5, 4)), rng.normal(size=(5, 4))
    close(ours(t, ps.asarray(p)), theirs(torch.asarray(t), torch.asarray(p)), 1e-8)


def test_losses_of_keras(rng: np.random.Generator) -> None:
    t, p = rng.uniform(0.1, 2, (5, 4)), rng.uniform(0.1, 2, (5, 4))

    def same(got: Any, expected: Any) -> None:
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)

    same(nn.mean_absolute_percentage_error(t, p), 100 * np.mean(np.abs(t - p) / t, -1))
    same(nn.mean_squared_logarithmic_error(t, p), np.mean((np.log1p(t) - np.log1p(p)) ** 2, -1))
    same(nn.poisson_loss(t, p), np.mean(p - t * np.log(p), -1))
    hot = np.eye(4)[[0, 3, 1, 1, 2]]
    wrong = np.where(hot > 0, 0, p).max(-1)
    same(nn.categorical_hinge(hot, p), np.maximum(wrong - (p * hot).sum(-1) + 1, 0))
    same(nn.dice_loss(hot, p), 1 - 2 * (hot * p).sum(-1) / (hot.sum(-1) + p.sum(-1)))
    q = 1 / (1 + np.exp(-p))
    focal = np.where(hot > 0, -0.25 * (1 - q) ** 2 * np.log(q), -0.75 * q**2 * np.log(1 - q))
    same(nn.sigmoid_focal_loss(hot, p), focal)
    same(nn.label_smoothing(hot, 0.2), hot * 0.8 + 0.05)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: nn.conv1d_transpose(np.ones((2, 3)), np.ones((2, 1, 1))), "expected 3 axes"),
        (lambda: nn.conv3d_transpose(np.ones((2, 3)), np.ones((2, 1, 1))), "expected 5 axes each"),
        (
            lambda: nn.conv3d_transpose(
                np.ones((1, 2, 2, 2, 1)), np.ones((2, 2, 2, 1, 1)), output_padding=1
            ),
            "use numbers from 0 to stride - 1",
        ),
        (lambda: nn.adaptive_avg_pool(np.ones((2, 3)), 2), "one to three sides"),
        (lambda: nn.adaptive_max_pool(np.ones((2, 3, 1)), 0), "one number of at least 1"),
        (lambda: nn.local_response_normalization(np.ones(3), -1), "use 0 or more"),
        (lambda: nn.glu(np.ones(3)), "even size"),
        (lambda: nn.smooth_l1([0.0], [1.0], 0.0), "use a number above 0"),
        (lambda: nn.label_smoothing([0.0], 2.0), "from 0 to 1"),
        (lambda: nn.gumbel_softmax([0.0], 0.0), "use a number above 0"),
        (lambda: nn.tversky_loss([0.0], [[1.0]]), "reshape them"),
    ],
)
def test_refusals(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


# ---- attention


@pytest.mark.parametrize("causal", [False, True])
def test_heads_share_keys_and_values(rng: np.random.Generator, causal: bool) -> None:
    q, k, v = (rng.normal(size=(2, heads, 5, 4)) for heads in (6, 2, 2))
    got = nn.scaled_dot_product_attention(q, k, v, causal=causal, enable_gqa=True)
    want = F.scaled_dot_product_attention(
        *map(torch.asarray, (q, k, v)), is_causal=causal, enable_gqa=True
    )
    close(got, want)
    with pytest.raises(ValueError, match="multiple of those of key and value"):
        nn.scaled_dot_product_attention(q[:, :5], k, v, enable_gqa=True)


def test_dropout_of_attention_keeps_the_mean(rng: np.random.Generator) -> None:
    q, k, v = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    mask = np.array([[True, True, False]] * 3)
    full = nn.scaled_dot_product_attention(q, k, v, mask).numpy()
    many = [np.broadcast_to(t, (4000, *t.shape)) for t in (q, k, v)]
    dropped = nn.scaled_dot_product_attention(*many, mask, dropout_rate=0.3, seed=1).numpy()
    np.testing.assert_allclose(dropped.mean(0), full, atol=0.06)
    assert np.abs(dropped - full).max() > 0.1
    # With an identity for values the result is the weights themselves.
    eye = np.broadcast_to(np.eye(3), (2, 3, 3))
    weights = nn.scaled_dot_product_attention(q, k, eye, mask).numpy()
    kept = nn.scaled_dot_product_attention(q, k, eye, mask, dropout_rate=0.5, seed=2).numpy()
    np.testing.assert_allclose(kept, np.where(kept > 0, 2 * weights, 0.0))


def test_causal_attention_with_dropout_sees_nothing_later(rng: np.random.Generator) -> None:
    q, k = (rng.normal(size=(4, 4)) for _ in range(2))
    weights = nn.scaled_dot_product_attention(
        q, k, np.eye(4), causal=True, dropout_rate=0.2, seed=1
    )
    np.testing.assert_array_equal(np.triu(weights.numpy(), 1), 0)
