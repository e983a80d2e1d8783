"""Gradients of control flow against finite differences, and what is kept for them."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock.errors import GraphError

ROWS = np.random.default_rng(0).normal(size=(5, 2)) * 0.4
WEIGHTS = np.array([[0.3, 0.5], [0.2, -0.4]])


def both(fn):
    """The function as it is and traced: they must agree."""
    return [fn, ps.function(fn)]


def finite_differences(fn, x, step=1e-6):
    """The gradient of a scalar function of one float64 array."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        high, low = (float(fn(ps.asarray(m))) for m in moved)
        gradient[i] = (high - low) / (2 * step)
    return gradient


def check_gradient(fn, x):
    expected = finite_differences(fn, x)
    for grad in both(ps.grad(fn)):
        np.testing.assert_allclose(grad(ps.asarray(x)).numpy(), expected, rtol=1e-6, atol=1e-8)


def ops_inside(graph, op):
    found = []
    for node in graph.nodes:
        inner = [v for v in node.attrs.values() if isinstance(v, ps.Graph)]
        found += [node] if node.op == op else []
        for body in inner:
            found += ops_inside(body, op)
    return found


def rnn(xs):
    weights = ps.asarray(WEIGHTS)
    last, seen = ps.scan(
        lambda c, x: (ps.tanh(c @ weights + x), ps.sum(c * x)), ps.zeros((1, 2), "float64"), xs
    )
    return ps.sum(last * last) + ps.sum(seen)


def test_scan_gradient():
    check_gradient(rnn, ROWS)


def test_scan_gradient_backwards():
    check_gradient(
        lambda xs: ps.sum(
            ps.scan(lambda c, x: (c * x + x, c), ps.ones((2,), "float64"), xs, reverse=True)[1]
        ),
        ROWS,
    )


def test_scan_second_gradient():
    check_gradient(lambda xs: ps.sum(ps.square(ps.grad(rnn)(xs))), ROWS[:3])


def test_while_gradient():
    def grow(x):
        return ps.sum(ps.while_loop(lambda y: ps.sum(y) < 50.0, lambda y: y * (x + 1) + x * x, x))

    check_gradient(grow, np.array([0.8, 1.1]))
    check_gradient(lambda x: ps.sum(ps.grad(grow)(x) * x), np.array([0.8, 1.1]))


def test_while_third_gradient():
    def grow(x):
        return ps.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, ps.sin(y) * x), (0, x))[1]

    check_gradient(lambda x: ps.sum(ps.grad(ps.grad(grow))(x[0]) * x), np.array([1.3]))


def test_a_gradient_of_a_loop_may_be_taken_in_a_body():
    @ps.function
    def grad(x, wanted):
        with ps.GradientTape() as tape:
            tape.watch(x)
            y = ps.while_loop(lambda y: ps.sum(y) < 100.0, lambda y: y * x, x)
        return ps.cond(wanted, lambda: tape.gradient(y, x), lambda: x)

    x = np.array([3.0, 2.0])  # the sums are 5, 13, 35, 97, 275
    np.testing.assert_allclose(grad(ps.asarray(x), ps.asarray(True)).numpy(), 5 * x**4)
    assert grad(ps.asarray(x), ps.asarray(False)).tolist() == x.tolist()


def test_while_gradient_without_iterations():
    grad = ps.function(
        ps.grad(lambda x: ps.sum(ps.while_loop(lambda y: ps.sum(y) < 0.0, lambda y: y * x, x)))
    )
    assert grad(ps.asarray([1.0, 2.0])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cond_gradient(sign):
    def fn(x):
        return ps.sum(ps.cond(x[0] > 0, lambda: x * x * x, lambda: ps.exp(x)))

    check_gradient(fn, sign * np.array([0.5, 0.7]))
    check_gradient(lambda x: ps.sum(ps.square(ps.grad(fn)(x))), sign * np.array([0.5, 0.7]))


def test_call_gradient():
    check_gradient(lambda x: ps.sum(ps.call(lambda y: y * y * x, x)), np.array([0.5, 0.7]))


def test_nested_gradient():
    def fn(xs):
        return ps.sum(
            ps.map(
                lambda r: ps.while_loop(
                    lambda y: y < 3.0,
                    lambda y: ps.cond(y < 1.5, lambda: y * 2, lambda: y * ps.sum(r)),
                    r[0] + 1.0,
                ),
                xs,
            )
        )

    check_gradient(fn, np.abs(ROWS) + 0.5)


def test_operands_may_be_one_tensor():
    check_gradient(
        lambda x: ps.sum(ps.scan(lambda c, r: (c * r + x[0], None), x[0], x)[0]), ROWS[:3]
    )


def test_variable_gradient():
    weight = ps.Variable(WEIGHTS)

    def loss():
        last, _ = ps.scan(
            lambda c, x: (ps.tanh(c @ weight + x), None), ps.zeros((1, 2), "float64"), ROWS
        )
        return ps.sum(last)

    def gradient():
        with ps.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, weight)

    def at(w):
        weight.assign(w)
        return loss()

    expected = finite_differences(at, WEIGHTS)
    weight.assign(WEIGHTS)
    for fn in both(gradient):
        np.testing.assert_allclose(fn().numpy(), expected, rtol=1e-6, atol=1e-9)


def masked(x):
    return ps.sum(ps.where(ps.random.uniform(x.shape, dtype="float64") > 0.5, x * x * x, 0.0))


@pytest.mark.parametrize(
    "fn",
    [
        lambda xs: ps.sum(ps.scan(lambda c, x: (c, masked(x)), 0.0, xs)[1]),
        lambda xs: ps.cond(ps.sum(xs) > -100, lambda: masked(xs), lambda: ps.sum(xs)),
        lambda xs: ps.call(lambda: masked(xs)),
        lambda xs: ps.while_loop(
            lambda i, y: i < 4, lambda i, y: (i + 1, y + masked(xs)), (0, 0.0 * xs[0, 0])
        )[1],
    ],
    ids=["scan", "cond", "call", "while"],
)
def test_gradients_see_the_random_numbers_of_the_forward_pass(fn):
    value, grad = ps.function(ps.value_and_grad(fn))(ps.asarray(ROWS))
    # Each term is x**3 or nothing, so x * gradient / 3 gives the value back.
    assert float(value) != 0.0
    np.testing.assert_allclose(float(ps.sum(grad * ROWS)) / 3, float(value), rtol=1e-12)


def test_random_loops_inside_loops_refuse_gradients():
    def inner(x):
        return ps.while_loop(
            lambda y: y < 3.0, lambda y: y + ps.random.uniform((), dtype="float64"), x
        )

    with pytest.raises(GraphError, match=r"use penstock\.scan for the inner loop"):
        ps.function(ps.grad(lambda xs: ps.sum(ps.map(inner, xs))))(
            ps.asarray([1.0, 2.0], "float64")
        )


def test_what_only_gradients_need_is_left_out():
    fn = ps.function(lambda xs: ps.scan(lambda c, x: (c + masked(x), None), 0.0 * xs[0, 0], xs)[0])
    made = fn.trace(ps.asarray(ROWS))
    (before,) = ops_inside(made.graph, "scan")
    (after,) = ops_inside(made.optimized, "scan")
    assert len(before.outputs) > len(after.outputs) == 1


def test_passes_keep_the_numbers_of_bodies():
    with ps.check_passes():
        fn = ps.function(ps.grad(rnn))
        eager = ps.grad(rnn)(ps.asarray(ROWS))
        np.testing.assert_allclose(fn(ps.asarray(ROWS)).numpy(), eager.numpy(), rtol=1e-12)


def test_gradient_through_a_batched_map():
    check_gradient(lambda xs: ps.sum(ps.map(lambda r: ps.sum(r) * ps.softmax(r), xs)), ROWS)


@pytest.mark.parametrize("how", ["while", "scan", "cond", "call", "scan in cond"])
def test_variables_that_are_read_and_written_inside_have_gradients(how):
    v = ps.Variable(3.0)

    def step(x):
        y = v * x + v * v
        v.assign(v + 1.0)
        return y + v * 2.0

    def run(x):
        if how == "while":
            return ps.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, step(y)), (0, x))[1]
        if how == "scan":
            return ps.scan(lambda y, _: (step(y), None), x, length=3)[0]
        if how == "cond":
            return ps.cond(x > 0, lambda: step(x), lambda: x * v)
        if how == "call":
            return ps.call(step, x)
        loop = lambda: ps.scan(lambda y, _: (step(y), None), x, length=3)[0]  # noqa: E731
        return ps.cond(x > 0, loop, lambda: x)

    def both_gradients(x):
        with ps.GradientTape() as tape:
            tape.watch(x)
            y = run(x) * v
        return tape.gradient(y, [x, v])

    x = ps.asarray(0.5)
    expected = [float(g) for g in both_gradients(x)]
    after = float(v.value)
    v.assign(3.0)
    found = [float(g) for g in ps.function(both_gradients)(x)]
    assert float(v.value) == after
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected[1] != 0


def test_a_written_variable_stays_in_place_when_nobody_asks_for_its_gradient():
    v = ps.Variable(ps.zeros((4,)))

    def step(i):
        v.assign_add(v * 0.0 + 1.0)
        return i + 1

    count = ps.function(lambda: ps.while_loop(lambda i: i < 3, step, 0))

    count()
    assert v.numpy().tolist() == [3.0] * 4
    (loop,) = [node for node in count.traces[0].optimized.nodes if node.op == "while"]
    assert not any(t.node.op == "read_variable" for t in loop.inputs)


def test_second_gradient_through_a_loop_in_a_branch():
    def power(x):
        loop = lambda: ps.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1]  # noqa: E731
        return ps.cond(x > 0, loop, lambda: -x)

    second = ps.grad(ps.grad(power))
    for fn in both(second):
        assert float(fn(ps.asarray(2.0))) == pytest.approx(12 * 2.0**2)
        assert float(fn(ps.asarray(-2.0))) == 0
