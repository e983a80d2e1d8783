"""Gradients of attention that is written as small ops: those of the op in functions, with the numbers of eager calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps

RNG = np.random.default_rng(0)
SIZES = (2, 3, 7, 5)


def arrays(count: int, *shape: int) -> list[Any]:
    return [RNG.standard_normal(shape or SIZES).astype("float32") for _ in range(count)]


def attend(q: Any, k: Any, v: Any, bias: Any = None) -> Any:
    scores = q @ ps.swapaxes(k, -1, -2) / math.sqrt(5.0)
    return ps.nn.softmax(scores if bias is None else scores + bias) @ v


def masked(q: Any, k: Any, v: Any, mask: Any) -> Any:
    scores = ps.matmul(q, k, transpose_y=True) * 0.3
    return ps.nn.softmax(ps.where(mask > 0.0, scores, -math.inf)) @ v


def spelled_out(q: Any, k: Any, v: Any) -> Any:
    scores = (q * 0.4) @ ps.swapaxes(k, -1, -2)
    powers = ps.exp(scores - ps.max(scores, axis=-1, keepdims=True))
    return (powers / ps.sum(powers, axis=-1, keepdims=True)) @ v


def gradients(fn: Callable[..., Any], *inputs: Any) -> Any:
    """The result and the gradients of a weighted sum by all inputs."""
    weights = ps.asarray(np.random.default_rng(1).standard_normal(SIZES).astype("float32"))
    places = tuple(range(len(inputs)))
    return ps.value_and_grad(lambda *x: ps.sum(fn(*x) * weights), argnums=places)(*inputs)


def both(fn: Callable[..., Any], *inputs: Any) -> str:
    """Compare a function's gradients with those of eager calls; return what runs in the function."""
    tensors = [ps.asarray(x) for x in inputs]
    step = ps.function(lambda *x: gradients(fn, *x))
    got, want = step(*tensors), gradients(fn, *tensors)
    for a, b in zip((got[0], *got[1]), (want[0], *want[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    return str(ps.explain_placement(step))


def ops_of(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines()]


def test_the_gradient_of_attention_needs_no_scores() -> None:
    ran = ops_of(both(attend, *arrays(3)))
    assert ran.count("attention") == 1
    assert ran.count("attention_grad") == 1
    assert not {"matmul", "softmax", "core.matmul_tile"} & set(ran)


def test_a_bias_that_is_learnt_needs_the_scores() -> None:
    assert "softmax" in ops_of(both(attend, *arrays(3), *arrays(1, 1, 3, 7, 7)))


def test_masks_hide_keys_from_gradients() -> None:
    mask = np.tril(np.ones((7, 7), "float32"))
    ran = ops_of(both(lambda q, k, v: masked(q, k, v, ps.asarray(mask)), *arrays(3)))
    assert ran.count("attention_biased") == 1


def test_biases_that_are_given() -> None:
    bias = ps.asarray(arrays(1, 1, 3, 7, 7)[0])
    ran = ops_of(both(lambda q, k, v: attend(q, k, v, bias), *arrays(3)))
    assert ran.count("attention_biased") == ran.count("attention_biased_grad") == 1
    assert "softmax" not in ran


def test_products_by_einsum_are_found_where_there_is_no_gradient() -> None:
    @ps.function
    def fn(q: Any, k: Any, v: Any) -> Any:
        weights = ps.nn.softmax(ps.einsum("bhqd,bhkd->bhqk", q, k) * 0.3)
        return ps.einsum("bhqk,bhkd->bhqd", weights, v)

    q, k, v = map(ps.asarray, arrays(3))
    want = ps.nn.softmax(ps.matmul(q, k, transpose_y=True) * 0.3) @ v
    np.testing.assert_allclose(fn(q, k, v), want, rtol=1e-4, atol=1e-5)
    assert ops_of(str(ps.explain_placement(fn))) == ["attention"]


def test_a_softmax_in_small_ops_keeps_its_gradient() -> None:
    both(spelled_out, *arrays(3))


def test_two_layers_are_two_calls() -> None:
    ran = ops_of(both(lambda q, k, v: attend(attend(q, k, v), k, v), *arrays(3)))
    assert ran.count("attention") == ran.count("attention_grad") == 2


def test_heads_that_layers_make() -> None:
    def layer(x: Any, w: Any) -> Any:
        q, k, v = (
            ps.transpose(ps.reshape(p, (2, 7, 3, 5)), (0, 2, 1, 3))
            for p in ps.split(x @ w, 3, axis=-1)
        )
        return attend(q, k, v)

    ran = ops_of(both(layer, *arrays(1, 2, 7, 8), *arrays(1, 8, 45)))
    assert "softmax" not in ran


def test_weights_that_are_wanted_themselves() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        weights = ps.nn.softmax(q @ ps.swapaxes(k, -1, -2))
        return weights @ v + ps.sum(weights, axis=-1, keepdims=True) * ps.mean(weights)

    assert "softmax" in ops_of(both(fn, *arrays(3)))


def test_weights_that_a_gradient_is_asked_of() -> None:
    weights, scores, v = (ps.asarray(x) for x in (*arrays(2, 4, 4), *arrays(1, 4, 5)))

    @ps.function
    def step(scores: Any, v: Any) -> Any:
        with ps.GradientTape() as tape:
            tape.watch(scores)
            weights = ps.nn.softmax(scores @ scores)
            loss = ps.sum((weights @ v) ** 2)
        return tape.gradient(loss, [weights, scores])

    inner, outer = step(scores, v)
    w = ps.nn.softmax(scores @ scores)
    np.testing.assert_allclose(inner, 2 * (w @ v) @ ps.transpose(v), rtol=1e-4, atol=1e-5)
    want = ps.grad(lambda s: ps.sum((ps.nn.softmax(s @ s) @ v) ** 2))(scores)
    np.testing.assert_allclose(outer, want, rtol=1e-4, atol=1e-5)
    assert weights.shape == w.shape


def test_only_values_that_have_gradients() -> None:
    q, k, v = arrays(3)
    weights = ps.asarray(arrays(1)[0])
    of_values = ps.grad(lambda v, q, k: ps.sum(attend(q, k, v) * weights))
    of_queries = ps.grad(lambda q, k, v: ps.sum(attend(q, k, v) * weights))
    for fn, args in ((of_values, (v, q, k)), (of_queries, (q, k, v))):
        tensors = [ps.asarray(x) for x in args]
        np.testing.assert_allclose(ps.function(fn)(*tensors), fn(*tensors), rtol=2e-4, atol=2e-5)


def test_gradients_of_gradients() -> None:
    q, k, v = (ps.asarray(x) for x in arrays(3))

    def penalty(q: Any, k: Any, v: Any) -> Any:
        return ps.sum(ps.grad(lambda q: ps.sum(attend(q, k, v) ** 2))(q) ** 2)

    second = ps.grad(penalty, argnums=(0, 1, 2))
    for a, b in zip(ps.function(second)(q, k, v), second(q, k, v), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_steps_of_a_scan() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        return ps.scan(lambda c, _: (attend(c, k, v), ps.sum(c)), q, None, length=3)[0]

    both(fn, *arrays(3))


def test_a_session_with_gradients() -> None:
    values = arrays(3)
    with ps.Graph().as_default():
        q, k, v = (ps.placeholder("float32", SIZES) for _ in range(3))
        found = ps.gradients(ps.sum(attend(q, k, v) ** 2), [q, k, v])
        with ps.Session() as session:
            got = session.run(found, dict(zip((q, k, v), values, strict=True)))
    want = ps.grad(lambda *x: ps.sum(attend(*x) ** 2), argnums=(0, 1, 2))(*map(ps.asarray, values))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_nothing_changes_while_every_op_is_looked_at() -> None:
    with ps.debug_nans():
        assert "attention" not in both(attend, *arrays(3))
