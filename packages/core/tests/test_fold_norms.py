"""Norms by given statistics behind products: fewer steps, the same numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn
from penstock.passes.cse import share_common
from penstock.passes.fold_norms import fold_norms
from penstock.passes.prune import prune

RNG = np.random.default_rng(0)
NAMES = ("mean", "variance", "scale", "offset")


def statistics(channels: int) -> dict[str, ps.Variable]:
    return {n: ps.Variable(RNG.uniform(0.5, 1.5, channels).astype(np.float32)) for n in NAMES}


def normed(x: Any, w: dict[str, ps.Variable]) -> Any:
    return nn.batch_norm_inference(x, *(w[n].value for n in NAMES))


def reference(x: np.ndarray, w: dict[str, ps.Variable]) -> np.ndarray:
    mean, variance, scale, offset = (w[n].numpy().astype(np.float64) for n in NAMES)
    return (x - mean) / np.sqrt(variance + 1e-3) * scale + offset


def drawn(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


CASES = {
    "conv2d": (lambda x, w: nn.conv2d(x, w, 2, "same"), (2, 9, 7, 3), (3, 3, 3, 5)),
    "large_filter": (lambda x, w: nn.conv2d(x, w, 1, "same"), (1, 5, 6, 43), (3, 3, 43, 61)),
    "depthwise": (lambda x, w: nn.depthwise_conv2d(x, w, 1, "valid"), (2, 8, 5, 3), (3, 2, 3, 2)),
    "matmul": (lambda x, w: x @ w, (7, 13), (13, 5)),
    "large_matmul": (lambda x, w: x @ w, (3, 171), (171, 131)),
}


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_products_with_norms(name: str, biased: bool) -> None:
    product, shape, filters = CASES[name]
    x, w = drawn(*shape), ps.Variable(drawn(*filters))
    channels = product(ps.asarray(x), w.value).shape[-1]
    parts, bias = statistics(channels), ps.Variable(drawn(channels))

    def net(x: Any) -> Any:
        y = product(x, w.value)
        return nn.relu(normed(y + bias if biased else y, parts))

    f = ps.function(net)
    for step in range(3):
        raw = product(ps.asarray(x.astype(np.float64)), ps.asarray(w.numpy().astype(np.float64)))
        want = np.maximum(reference(raw.numpy() + (bias.numpy() if biased else 0), parts), 0)
        np.testing.assert_allclose(f(ps.asarray(x)).numpy(), want, rtol=1e-4, atol=1e-4)
        for variable in (w, bias, *parts.values()):
            variable.assign(variable.numpy() * np.float32(1.1 + 0.1 * step))


def counted(net: Any, shape: tuple[int, ...]) -> tuple[Counter[str], Counter[str]]:
    """Steps of each op that take what a product made, before and after."""
    g = ps.Graph("g")
    with g.as_default():
        result = net(ps.placeholder("float32", shape))
        g.outputs = list(result) if isinstance(result, tuple) else [result]
    before = prune(share_common(g))
    return _behind_products(before), _behind_products(fold_norms(before))


def _behind_products(graph: ps.Graph) -> Counter[str]:
    made: set[int] = set()
    found: Counter[str] = Counter()
    for node in graph.nodes:
        if any(t.value_index in made for t in node.inputs):
            found[node.op] += 1
        if node.op in ("conv2d", "matmul") or any(t.value_index in made for t in node.inputs):
            made |= {t.value_index for t in node.outputs}
    return found


def conv(x: Any, w: ps.Variable, parts: dict[str, ps.Variable]) -> Any:
    return normed(nn.conv2d(x, w.value, 1, "same"), parts)


def test_small_filters_take_the_factor_and_large_ones_do_not() -> None:
    for inputs, left in ((3, {"add": 1}), (700, {"multiply": 1, "add": 1})):
        w, parts = ps.Variable(drawn(3, 3, inputs, 5)), statistics(5)
        before, after = counted(lambda x, w=w, p=parts: conv(x, w, p), (1, 4, 4, inputs))
        assert before == {"subtract": 1, "multiply": 1, "add": 1}
        assert after == left


def test_two_steps_and_a_large_filter_stay() -> None:
    w, row = ps.Variable(drawn(3, 3, 700, 5)), ps.Variable(drawn(5))
    before, after = counted(lambda x: nn.conv2d(x, w.value) * row + row, (1, 4, 4, 700))
    assert before == after


def test_what_others_use_stays() -> None:
    w, parts = ps.Variable(drawn(3, 3, 3, 5)), statistics(5)

    def net(x: Any) -> Any:
        raw = nn.conv2d(x, w.value, 1, "same")
        return normed(raw, parts), raw

    before, after = counted(net, (1, 4, 4, 3))
    assert before == after


def test_norms_elsewhere_stay() -> None:
    """A difference of large numbers from their mean is exact; a product of large numbers is not."""
    parts = statistics(5)
    before, after = counted(lambda x: normed(x, parts) @ ps.ones((5, 2)), (7, 5))
    assert before == after
    parts["mean"].assign(np.full(5, 1e6, np.float32))
    x = 1e6 + np.arange(35, dtype=np.float32).reshape(7, 5)
    f = ps.function(lambda x: normed(x, parts))
    np.testing.assert_allclose(f(ps.asarray(x)).numpy(), reference(x, parts), rtol=1e-5)


def test_sizes_that_calls_know_are_not_assumed() -> None:
    w = ps.Variable(drawn(3, 5))
    g = ps.Graph("g")
    with g.as_default():
        x, row = ps.placeholder("float32", ("n", 3)), ps.placeholder("float32", ("m", 5))
        g.outputs = [(x @ w.value) * row + row]
    assumed = list(g.guards)
    folded = fold_norms(g)
    assert folded.guards == assumed
    assert _behind_products(folded) == {"multiply": 1, "add": 1}


def test_filters_that_the_run_changes_are_not_scaled() -> None:
    w, parts = ps.Variable(drawn(3, 3, 3, 5)), statistics(5)

    def net(x: Any) -> Any:
        y = conv(x, w, parts)
        w.assign(w.value * 0.5)
        return y

    _, after = counted(net, (1, 4, 4, 3))
    assert after == {"multiply": 1, "add": 1}


def test_gradients_see_the_norm_as_it_was_written() -> None:
    w, parts = ps.Variable(drawn(3, 3, 3, 5)), statistics(5)
    x = ps.asarray(drawn(2, 6, 6, 3))

    def gradients(x: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.sum(nn.relu(conv(x, w, parts)))
        return tape.gradient(loss, [w, *parts.values()])

    for eager, compiled in zip(gradients(x), ps.function(gradients)(x), strict=True):
        np.testing.assert_allclose(compiled.numpy(), eager.numpy(), rtol=1e-4, atol=1e-4)
