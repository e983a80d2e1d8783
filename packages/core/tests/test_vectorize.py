"""`vmap` against jax and against loops: eager, traced, nested, with gradients inside and around it."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock.errors import AxisError, InvalidTypeError, InvalidValueError

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3)).astype("float32")
W = RNG.normal(size=(5, 3, 2)).astype("float32")
V = RNG.normal(size=(3,)).astype("float32")


def both(fn):
    return [fn, ps.function(fn)]


def near(actual, expected):
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=2e-5, atol=2e-6)


def rows(fn, *arrays):
    """A loop: the truth."""
    return np.stack([np.asarray(fn(*map(ps.asarray, row))) for row in zip(*arrays, strict=True)])


def test_it_is_jax_s():
    expected = jax.vmap(lambda a, w: jnp.tanh(a @ w))(X, W)
    for fn in both(lambda x, w: ps.vmap(lambda a, b: ps.tanh(a @ b))(x, w)):
        near(fn(X, W), expected)


@pytest.mark.parametrize("in_axes", [0, 1, -1, (0, None), (1, None), [-1, None]])
@pytest.mark.parametrize("out_axes", [0, 1, -1])
def test_axes_are_jax_s(in_axes, out_axes):
    y = V[0] if isinstance(in_axes, (tuple, list)) else X
    jax_axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    expected = jax.vmap(lambda a, b: a * 2 + b, jax_axes, out_axes)(X, y)
    for fn in both(lambda x, y: ps.vmap(lambda a, b: a * 2 + b, in_axes, out_axes)(x, y)):
        near(fn(X, y), expected)


def test_structures_have_axes_of_their_own():
    def fn(pair, scale):
        return {"sum": pair["a"] + pair["b"], "twice": (scale * 2, pair["a"])}

    given = {"a": X, "b": V}
    in_axes, out_axes = ({"a": 0, "b": None}, None), {"sum": 1, "twice": (None, 0)}
    for run in both(lambda p, s: ps.vmap(fn, in_axes, out_axes)(p, s)):
        made = run(given, 3.0)
        near(made["sum"], (X + V).T)
        assert float(made["twice"][0]) == 6.0
        near(made["twice"][1], X)


def test_keywords_count_along_the_first_axis_and_words_are_shared():
    def fn(a, *, b, how):
        return a + b if how == "add" else a - b

    near(ps.vmap(fn)(X, b=X * 2, how="add"), X * 3)


def test_vmap_of_vmap():
    expected = jax.vmap(lambda a: jax.vmap(lambda b: jnp.sum(a * b))(X))(X)
    for fn in both(lambda x: ps.vmap(lambda a: ps.vmap(lambda b: ps.sum(a * b))(x))(x)):
        near(fn(X), expected)


def test_gradients_per_example():
    expected = jax.vmap(jax.grad(lambda w, a: jnp.sum(jnp.tanh(a @ w) ** 2)), (None, 0))(W[0], X)
    grad = ps.grad(lambda w, a: ps.sum(ps.tanh(a @ w) ** 2))
    for fn in both(lambda w, x: ps.vmap(grad, in_axes=(None, 0))(w, x)):
        near(fn(W[0], X), expected)


def test_gradient_through_it_reaches_what_the_function_closes_over():
    expected = jax.grad(lambda v: jnp.sum(jax.vmap(lambda a: jnp.sum(a * v) ** 2)(X)))(V)
    loss = ps.grad(lambda v: ps.sum(ps.vmap(lambda a: ps.sum(a * v) ** 2)(ps.asarray(X))))
    for fn in both(loss):
        near(fn(V), expected)


def test_gradient_tells_two_tensors_of_one_memory_apart():
    x = ps.asarray(V)

    def loss(y):  # y is x's memory under another name
        return ps.sum(ps.vmap(lambda a: a * y + x)(ps.asarray(X)))

    near(ps.grad(loss)(x), X.sum(0))


def test_gradient_reaches_variables():
    v = ps.Variable(V)
    loss = ps.grad(lambda v: ps.sum(ps.vmap(lambda a: ps.sum(a * v) ** 2)(ps.asarray(X))))
    for fn in both(lambda: loss(v)):
        near(fn(), 2 * (X @ V) @ X)


def test_every_convolution_has_a_gradient_of_its_own():
    x = RNG.normal(size=(3, 2, 6, 6, 2)).astype("float32")
    filters = RNG.normal(size=(3, 3, 2, 4)).astype("float32")
    grad = ps.grad(lambda f, a: ps.sum(ps.tanh(ps.nn.conv2d(a, f))))
    for fn in both(lambda f, a: ps.vmap(grad, in_axes=(None, 0))(f, a)):
        near(fn(filters, x), rows(lambda a: grad(ps.asarray(filters), a), x))


@pytest.mark.parametrize("norm", [ps.nn.layer_norm, ps.nn.rms_norm])
def test_every_normalisation_has_a_gradient_of_its_own(norm):
    x = RNG.normal(size=(3, 4, 5)).astype("float32")
    more = [np.zeros(5, "float32")] if norm is ps.nn.layer_norm else []
    grad = ps.grad(lambda s, a: ps.sum(norm(a, s, *more) ** 3))
    scale = np.linspace(1, 2, 5, dtype="float32")
    for fn in both(lambda s, a: ps.vmap(grad, in_axes=(None, 0))(s, a)):
        near(fn(scale, x), rows(lambda a: grad(ps.asarray(scale), a), x))
    one_row = x[:, 0]
    near(
        ps.vmap(grad, in_axes=(None, 0))(ps.asarray(scale), ps.asarray(one_row)),
        rows(lambda a: grad(ps.asarray(scale), a), one_row),
    )


# ---- random numbers


def test_examples_draw_different_numbers_and_the_first_draws_its_own():
    def fn(a):
        return a * 0 + ps.random.normal((3,), seed=3)

    for run in both(lambda x: ps.vmap(fn)(x)):
        made = run(X).numpy()
        np.testing.assert_array_equal(made, run(X).numpy())
        np.testing.assert_array_equal(made[0], ps.random.normal((3,), seed=3).numpy())
        assert len(np.unique(made)) == made.size


def test_numbers_follow_the_process_s_seed():
    def draw():
        ps.random.set_seed(5)
        return ps.vmap(lambda a: a + ps.random.uniform((3,)))(ps.asarray(X)).numpy()

    np.testing.assert_array_equal(draw(), draw())


# ---- control flow


def test_a_branch_becomes_a_choice():
    def fn(a):
        return ps.cond(ps.sum(a) > 0, lambda: a * 2, lambda: a - 1)

    for run in both(lambda x: ps.vmap(fn)(x)):
        near(run(X), np.where(X.sum(1, keepdims=True) > 0, X * 2, X - 1))


def test_a_branch_that_all_examples_take_stays_one():
    def fn(a, flag):
        return ps.cond(flag > 0, lambda: a * 2, lambda: a - 1)

    run = ps.function(lambda x, flag: ps.vmap(fn, in_axes=(0, None))(x, flag))
    near(run(X, 1.0), X * 2)
    near(run(X, -1.0), X - 1)
    assert "cond" in {node.op for node in run.graph.nodes}


def test_examples_leave_a_loop_each_in_its_time():
    def fn(n):
        return ps.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 2.0), (0, 1.0))[1]

    for run in both(lambda n: ps.vmap(fn)(n)):
        assert run(np.array([0, 3, 1, 5])).tolist() == [1.0, 8.0, 2.0, 32.0]


def test_scan_in_every_example():
    def fn(a):
        return ps.scan(lambda c, v: (c + v, c * v), 0.0, a, reverse=True)

    for run in both(lambda x: ps.vmap(fn)(x)):
        last, products = run(X)
        near(last, X.sum(1))
        near(products, rows(lambda a: fn(a)[1], X))


@pytest.mark.parametrize("loop", ["scan", "while", "cond"])
def test_gradient_of_control_flow_in_every_example(loop):
    def fn(a):
        if loop == "scan":
            return ps.scan(lambda c, v: (ps.sin(c * v) + v, None), 1.0, a)[0]
        if loop == "cond":
            return ps.cond(a[0] > 0, lambda: ps.sum(a**2), lambda: ps.sum(a**3))
        return ps.while_loop(lambda i, c: c < 3, lambda i, c: (i + 1, c * 1.5), (0, ps.sum(a**2)))[
            1
        ]

    for run in both(lambda x: ps.vmap(ps.grad(fn))(x)):
        near(run(X), rows(ps.grad(fn), X))
    for run in both(ps.grad(lambda x: ps.sum(ps.vmap(fn)(x)))):
        near(run(X), rows(ps.grad(fn), X))


def test_a_function_that_writes_goes_row_by_row():
    total = ps.Variable(0.0)

    def fn(a):
        total.assign(total * 2 + ps.sum(a))
        return total + 0.0

    for run in both(lambda x: ps.vmap(fn)(x)):
        total.assign(0.0)
        expected = np.zeros(0)
        for s in X.sum(1):
            expected = np.append(expected, (expected[-1] if len(expected) else 0) * 2 + s)
        near(run(X), expected)


# ---- gradients of one's own


@ps.custom_gradient
def _tripled(a):
    e = ps.exp(a)
    return ps.sum(e), lambda dy: dy * e * 3.0


def test_custom_gradient_inside_and_around():
    for run in both(lambda x: ps.vmap(ps.grad(_tripled))(x)):
        near(run(X), 3 * np.exp(X))
    for run in both(ps.grad(lambda x: ps.sum(ps.vmap(_tripled)(x)))):
        near(run(X), 3 * np.exp(X))


def test_custom_gradient_of_what_all_examples_share_is_summed():
    @ps.custom_gradient
    def product(w, a):
        return ps.sum(w * a), lambda dy: (dy * a * 3.0, None)

    loss = ps.grad(lambda w: ps.sum(ps.vmap(lambda a: product(w, a))(ps.asarray(X))))
    for run in both(loss):
        near(run(V), 3 * X.sum(0))


def test_gradient_of_an_embedding_in_every_example():
    ids = np.array([[0, 2], [1, 1]])

    def grad(table, i):
        return ps.grad(lambda t: ps.sum(ps.nn.embedding(t, i) ** 2))(table)

    made = ps.vmap(grad, in_axes=(None, 0))(ps.asarray(X), ps.asarray(ids))
    expected = np.zeros((2, *X.shape), "float32")
    for row, mine in enumerate(ids):
        np.add.at(expected[row], mine, 2 * X[mine])
    near(made, expected)


# ---- borders


def test_no_examples():
    for run in both(lambda x: ps.vmap(lambda a: (ps.sum(a), ps.nonzero(a > 0, size=2)[0]))(x)):
        sums, places = run(X[:0])
        assert sums.shape == (0,)
        assert places.shape == (0, 2)


def test_one_graph_serves_all_numbers_of_examples():
    run = ps.function(lambda x: ps.vmap(lambda a: ps.sort(a)[0])(x))
    for n in (2, 3, 5):
        near(run(X[:n]), X[:n].min(1))
    assert len(run.traces) == 1


def test_ops_are_called_once_for_all_examples():
    run = ps.function(lambda x, w: ps.vmap(lambda a, b: ps.nn.softmax(a @ b))(x, w))
    ops = {node.op for node in run.trace(X, W).graph.nodes}
    assert "matmul" in ops
    assert not ops & {"scan", "while"}


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (AxisError, "None for a tensor that all examples", lambda: ps.vmap(ps.sum)(1.0)),
        (AxisError, "give one of its axes", lambda: ps.vmap(ps.sum, in_axes=2)(X)),
        (AxisError, "give one of its axes", lambda: ps.vmap(ps.sum, out_axes=2)(X)),
        (InvalidValueError, "whose entry of in_axes is not None", lambda: ps.vmap(ps.sum, None)(X)),
        (InvalidValueError, "give all the same number", lambda: ps.vmap(ps.add)(X, X[:2])),
        (InvalidValueError, "give one for each", lambda: ps.vmap(ps.add, (0,))(X, X)),
        (InvalidValueError, "structure it alike", lambda: ps.vmap(ps.sum, ((0, 0),))(X)),
        (InvalidValueError, "give it an axis: 0", lambda: ps.vmap(ps.sum, out_axes=None)(X)),
        (InvalidTypeError, "whole number, None, or a tuple", lambda: ps.vmap(ps.sum, 1.5)(X)),
        (InvalidTypeError, "an axis is a whole number", lambda: ps.vmap(ps.sum, ("x",))(X)),
    ],
)
def test_wrong_uses_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()
