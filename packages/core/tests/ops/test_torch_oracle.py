"""Values and gradients against PyTorch, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")

Array = np.ndarray[Any, Any]


def draw(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def compare(
    close: Callable[..., None], ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Array
) -> None:
    """Compare the values of two functions, and the gradients of their weighted sums."""
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*leaves)
    weights = np.random.default_rng(1).normal(size=tuple(expected.shape))
    (expected * torch.tensor(weights)).sum().backward()
    inputs = [ps.asarray(a) for a in arrays]
    close(ours(*inputs), expected.detach().numpy())

    def loss(*values: Any) -> Any:
        return ps.sum(ours(*values) * weights)

    for grad in (ps.grad, lambda f, argnums: ps.function(ps.grad(f, argnums=argnums))):
        gradients = grad(loss, argnums=tuple(range(len(inputs))))(*inputs)
        for gradient, leaf in zip(gradients, leaves, strict=True):
            close(gradient, leaf.grad.numpy())


def nchw(x: Any) -> Any:
    return x.permute(0, 3, 1, 2)


def nhwc(x: Any) -> Any:
    return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1)])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_conv2d(
    close: Callable[..., None], strides: Any, dilations: Any, groups: int, padding: Any
) -> None:
    explicit = (padding[0], padding[0], padding[1], padding[1])

    def ours(x: Any, w: Any) -> Any:
        return ps.nn.conv2d(x, w, strides, "explicit", explicit, dilations, groups)

    def theirs(x: Any, w: Any) -> Any:
        out = F.conv2d(nchw(x), w.permute(3, 2, 0, 1), None, strides, padding, dilations, groups)
        return nhwc(out)

    compare(close, ours, theirs, draw(2, 7, 8, 4), draw(3, 2, 4 // groups, 8))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pools(close: Callable[..., None], size: int, stride: int) -> None:
    x = draw(2, 7, 8, 3)
    compare(
        close,
        lambda x: ps.nn.max_pool2d(x, size, stride),
        lambda x: nhwc(F.max_pool2d(nchw(x), size, stride)),
        x,
    )
    compare(
        close,
        lambda x: ps.nn.avg_pool2d(x, size, stride),
        lambda x: nhwc(F.avg_pool2d(nchw(x), size, stride)),
        x,
    )


def test_softmax_cross_entropy(close: Callable[..., None]) -> None:
    labels = np.array([0, 3, 2, 3, 1])
    compare(
        close,
        lambda x: ps.nn.softmax_cross_entropy(x, labels),
        lambda x: F.cross_entropy(x, torch.tensor(labels), reduction="none"),
        draw(5, 4),
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(close: Callable[..., None], axis: int) -> None:
    x = draw(3, 4, 5)
    compare(close, lambda x: ps.nn.softmax(x, axis), lambda x: F.softmax(x, axis), x)
    compare(close, lambda x: ps.nn.log_softmax(x, axis), lambda x: F.log_softmax(x, axis), x)


def test_batch_norm(close: Callable[..., None]) -> None:
    compare(
        close,
        lambda x, s, o: ps.nn.batch_norm(x, s, o, epsilon=1e-3)[0],
        lambda x, s, o: nhwc(F.batch_norm(nchw(x), None, None, s, o, training=True, eps=1e-3)),
        *(draw(3, 4, 5, 6), draw(6), draw(6) + 1),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (4,)),
    ],
)
def test_matmul(close: Callable[..., None], first: Any, second: Any) -> None:
    compare(close, ps.matmul, torch.matmul, draw(*first), draw(*second))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_and_scatter(close: Callable[..., None], axis: int) -> None:
    indices = np.array([2, 0, 2, 1])
    compare(
        close,
        lambda x: ps.take(x, indices, axis),
        lambda x: x.index_select(axis, torch.tensor(indices)),
        draw(3, 4, 5),
    )
    update = [3, 4, 5]
    update[axis] = len(indices)
    compare(
        close,
        lambda x, u: ps.scatter_add(x, indices, u, axis),
        lambda x, u: x.index_add(axis, torch.tensor(indices), u),
        *(draw(3, 4, 5), draw(*update)),
    )


def test_reductions_and_elementwise(close: Callable[..., None]) -> None:
    x, y = draw(3, 4), draw(1, 4) + 2
    for name in ("exp", "tanh", "sigmoid", "sin", "cos", "square", "relu", "abs"):
        compare(close, getattr(ps, name), getattr(torch, name), x)
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
        compare(close, getattr(ps, name), getattr(torch, name), x, y)
    for name in ("mean", "sum", "prod"):
        compare(
            close,
            lambda x, name=name: getattr(ps, name)(x, 1),
            lambda x, name=name: getattr(torch, name)(x, 1),
            x,
        )
    compare(close, lambda x: ps.max(x, 1), lambda x: x.amax(1), x)
    compare(close, lambda x: ps.var(x, 1), lambda x: x.var(1, unbiased=False), x)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("dilation", "groups"), [(1, 1), (2, 1), (1, 2)])
def test_conv1d(close: Callable[..., None], padding: str, dilation: int, groups: int) -> None:
    reach = 2 * dilation
    front = {"valid": (0, 0), "same": (reach // 2, reach // 2), "causal": (reach, 0)}[padding]

    def theirs(x: Any, w: Any) -> Any:
        x = F.pad(x.permute(0, 2, 1), front)
        out = F.conv1d(x, w.permute(2, 1, 0), None, 1, 0, dilation, groups)
        return out.permute(0, 2, 1)

    def ours(x: Any, w: Any) -> Any:
        return ps.nn.conv1d(x, w, 1, padding, dilation, groups)

    compare(close, ours, theirs, draw(2, 9, 4), draw(3, 4 // groups, 6))


def test_causal_positions_see_nothing_later() -> None:
    x = draw(1, 12, 2)
    later = x.copy()
    later[:, 7:] += 1
    a, b = (ps.nn.conv1d(v, draw(3, 2, 4), padding="causal").numpy() for v in (x, later))
    np.testing.assert_array_equal(a[:, :7], b[:, :7])
    assert not np.allclose(a[:, 7:], b[:, 7:])


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3)])
def test_pools_of_sequences(close: Callable[..., None], size: int, stride: int | None) -> None:
    x = draw(2, 9, 3)
    for ours, theirs in ((ps.nn.max_pool1d, F.max_pool1d), (ps.nn.avg_pool1d, F.avg_pool1d)):
        compare(
            close,
            lambda x, ours=ours: ours(x, size, stride),
            lambda x, theirs=theirs: theirs(x.permute(0, 2, 1), size, stride).permute(0, 2, 1),
            x,
        )


def test_global_pools(close: Callable[..., None]) -> None:
    x = draw(2, 3, 4, 5)
    compare(close, ps.nn.global_max_pool, lambda x: x.amax((1, 2)), x)
    compare(close, ps.nn.global_avg_pool, lambda x: x.mean((1, 2)), x)
    compare(
        close,
        lambda x: ps.nn.global_avg_pool(x, keepdims=True),
        lambda x: x.mean((1, 2), keepdim=True),
        x,
    )


def test_separable_conv2d(close: Callable[..., None]) -> None:
    def theirs(x: Any, d: Any, p: Any) -> Any:
        d = d.reshape(3, 2, 1, 8).permute(3, 2, 0, 1)
        out = F.conv2d(F.conv2d(nchw(x), d, None, 2, 0, 1, 4), p.permute(3, 2, 0, 1))
        return nhwc(out)

    compare(
        close,
        lambda x, d, p: ps.nn.separable_conv2d(x, d, p, 2),
        theirs,
        *(draw(2, 7, 8, 4), draw(3, 2, 4, 2), draw(1, 1, 8, 5)),
    )


WRONG = [
    (lambda: ps.nn.conv1d(np.ones((3, 4)), np.ones((2, 4, 1))), r"\[batch, length, channels\]"),
    (lambda: ps.nn.conv1d(np.ones((1, 3, 4)), np.ones((4, 1))), r"\[width, channels / groups"),
    (
        lambda: ps.nn.conv1d(np.ones((1, 3, 4)), np.ones((2, 4, 1)), padding="full"),
        "use 'valid', 'same', 'causal' or 'explicit'",
    ),
    (lambda: ps.nn.max_pool1d(np.ones((3, 4)), 2), r"\[max_pool1d\].*expected 3 axes"),
    (lambda: ps.nn.avg_pool1d(np.ones((3, 4)), 2), r"\[avg_pool1d\].*expected 3 axes"),
    (lambda: ps.nn.global_max_pool(np.ones((3, 4))), r"\[batch, ..., channels\]"),
    (lambda: ps.nn.global_avg_pool(np.ones((3, 4))), r"\[batch, ..., channels\]"),
    (
        lambda: ps.nn.separable_conv2d(*(np.ones((1, 4, 4, 2)), np.ones((2, 2, 2, 1))), np.ones(3)),
        "channels . multiplier, filters",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_sequences_and_images(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_learned_mask_may_hide_all_keys() -> None:
    q, k, v, bias = draw(3, 2), draw(4, 2), draw(4, 3), draw(3, 4)
    bias[1] = -np.inf

    def loss(bias: Any) -> Any:
        return ps.sum(ps.square(ps.nn.scaled_dot_product_attention(q, k, v, bias)))

    first = ps.grad(loss)(bias).numpy()
    second = ps.grad(lambda b: ps.sum(ps.grad(loss)(b) * first))(bias).numpy()
    for gradient in (first, second):
        assert np.isfinite(gradient).all()
        assert not gradient[1].any()
        assert gradient[[0, 2]].all()
