"""Gradients that compute again what they need: the same but for the order of sums, with less memory."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps

RNG = np.random.default_rng(0)
W = (RNG.normal(size=(16, 16)) * 0.3).astype("float32")
X = RNG.normal(size=(64, 16)).astype("float32")


def block(x, w):
    for _ in range(6):
        x = ps.sin(x @ w)
    return x


def network(block, blocks=6):
    def loss(w, x):
        for _ in range(blocks):
            x = block(x, w)
        return ps.sum(x)

    return loss


def test_gradients_are_the_same():
    plain, again = (ps.function(ps.grad(network(b))) for b in (block, ps.recompute_grad(block)))
    np.testing.assert_allclose(plain(W, X).numpy(), again(W, X).numpy(), rtol=1e-4, atol=1e-4)
    eager = ps.grad(network(ps.recompute_grad(block)))(ps.asarray(W), ps.asarray(X))
    np.testing.assert_allclose(eager.numpy(), again(W, X).numpy(), rtol=1e-4, atol=1e-4)


def test_it_takes_less_memory_and_the_allocator_agrees():
    plain, again = (ps.function(ps.grad(network(b))) for b in (block, ps.recompute_grad(block)))
    before, after = (f.memory(W, X) for f in (plain, again))
    # Of 36 activations it keeps 6, and has another 6 while it is in a block.
    assert after["peak_bytes"] < before["peak_bytes"] / 2
    products = [
        sum(n.op in ("matmul", "core.matmul_tile") for n in f.traces[0].optimized.nodes)
        for f in (plain, again)
    ]
    assert products[1] == products[0] + 30  # those of five blocks, again


def test_variables_closures_and_structures():
    v = ps.Variable(W)
    scale = ps.asarray(2.0)
    inner = ps.recompute_grad(lambda pair, k: {"y": ps.tanh(pair[0] @ v) * scale, "z": pair[1] * k})

    def loss(x):
        made = inner((x, x), 3.0)
        return ps.sum(made["y"]) + ps.sum(made["z"])

    def plain(x):
        return ps.sum(ps.tanh(x @ v) * scale) + ps.sum(x * 3.0)

    @ps.function
    def both(x):
        with ps.GradientTape() as tape:
            tape.watch(x)
            y = loss(x)
        return tape.gradient(y, [x, v])

    with ps.GradientTape() as tape:
        x = ps.asarray(X)
        tape.watch(x)
        y = plain(x)
    for a, b in zip(both(X), tape.gradient(y, [x, v]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)


def test_random_numbers_are_not_drawn_again():
    @ps.recompute_grad
    def noisy(x):
        return ps.sum(x * ps.random.uniform((4,)))

    run = ps.function(lambda x: ps.value_and_grad(noisy)(x))
    value, gradient = run(np.ones(4, "float32"))
    np.testing.assert_allclose(float(value), gradient.numpy().sum(), rtol=1e-6)


def test_python_s_statements_inside():
    def decide(x):
        if ps.sum(x) > 0:
            return x * x
        return -x

    run = ps.function(ps.grad(lambda x: ps.sum(ps.recompute_grad(decide)(x))))
    np.testing.assert_array_equal(run(np.array([1.0, 2.0], "float32")).numpy(), [2.0, 4.0])
    np.testing.assert_array_equal(run(np.array([-1.0, -2.0], "float32")).numpy(), [-1.0, -1.0])


def test_second_derivatives_and_forward_mode():
    fn = ps.recompute_grad(lambda x: ps.sum(ps.sin(x) ** 2))
    x = np.array([0.3, 0.7])
    made = ps.function(ps.hessian(fn))(x)
    np.testing.assert_allclose(made.numpy(), np.diag(2 * np.cos(2 * x)), rtol=1e-6)
    many = ps.function(lambda x: ps.vmap(ps.grad(lambda a: ps.sin(a) ** 2))(x))(x)
    np.testing.assert_allclose(many.numpy(), np.sin(2 * x), rtol=1e-6)


def test_errors_go_through():
    run = ps.function(ps.recompute_grad(lambda x: ps.matmul(x, ps.ones((7, 7)))))
    with pytest.raises(ValueError, match="matmul"):
        run(X)
