"""jvp, vjp, whole matrices of derivatives and products with them, against jax: eager, traced, nested."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import (
    AxisError,
    DTypeError,
    GraphError,
    InvalidTypeError,
    InvalidValueError,
    ShapeError,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=4).astype("float32")
T = RNG.normal(size=4).astype("float32")
W = RNG.normal(size=(4, 3)).astype("float32")


def scalar(np_, x):
    return np_.sum(np_.tanh(x @ W) ** 2 * np_.exp(x[:3]))


def vector(np_, x):
    return np_.sin(x @ W) / (1 + np_.sum(x**2))


def both(fn):
    return [fn, ps.function(fn)]


def near(actual, expected):
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=2e-4, atol=1e-5)


# ---- one direction


@pytest.mark.parametrize("fn", [scalar, vector])
def test_jvp_is_jax_s(fn):
    value, moved = jax.jvp(lambda x: fn(jnp, x), (X,), (T,))
    for run in both(lambda x, t: ps.jvp(lambda x: fn(ps, x), (x,), (t,))):
        near(run(X, T)[0], value)
        near(run(X, T)[1], moved)


def test_vjp_is_jax_s_and_may_be_pulled_often():
    value, pull = jax.vjp(lambda x: vector(jnp, x), X)

    def twice(x, dy):
        y, mine = ps.vjp(lambda x: vector(ps, x), x)
        return y, mine(dy)[0], mine(2 * dy)[0]

    dy = np.arange(3, dtype="float32")
    for run in both(twice):
        y, once, double = run(X, dy)
        near(y, value)
        near(once, pull(dy)[0])
        near(double, 2 * pull(dy)[0])


def test_structures_go_through():
    def fn(pair, scale):
        return {"sum": pair["a"] + pair["b"] * scale, "product": (pair["a"] * pair["b"],)}

    primals = ({"a": ps.asarray(X), "b": ps.asarray(T)}, ps.asarray(2.0))
    tangents = ({"a": ps.asarray(T), "b": ps.asarray(X)}, ps.asarray(1.0))
    _, moved = ps.jvp(fn, primals, tangents)
    near(moved["sum"], T + X * 2 + T)
    near(moved["product"][0], T * T + X * X)
    _, pull = ps.vjp(fn, *primals)
    pair, scale = pull({"sum": np.ones(4, "float32"), "product": (np.zeros(4, "float32"),)})
    near(pair["b"], np.full(4, 2.0))
    near(scale, T.sum())


def test_aux_goes_beside():
    def fn(x):
        return ps.sum(x * x), {"shape": x * 3}

    _, moved, aux = ps.jvp(fn, (X,), (T,), has_aux=True)
    near(moved, np.sum(2 * X * T))
    near(aux["shape"], X * 3)
    _, pull, aux = ps.vjp(fn, X, has_aux=True)
    near(pull(1.0)[0], 2 * X)
    near(ps.jacfwd(fn, has_aux=True)(X)[1]["shape"], X * 3)


def test_results_that_do_not_move_have_tangents_of_zero():
    _, moved = ps.jvp(lambda x: (ps.stop_gradient(x), ps.argmax(x), x), (X,), (T,))
    near(moved[0], np.zeros(4))
    assert moved[1].tolist() == 0
    near(moved[2], T)


def test_variables_are_arguments_too():
    v = ps.Variable(X)
    near(ps.jvp(lambda v: v * v, (v,), (T,))[1], 2 * X * T)
    near(ps.jacrev(lambda v: v * v)(v), np.diag(2 * X))
    near(ps.jacfwd(lambda v: v * v)(v), np.diag(2 * X))


@pytest.mark.parametrize("loop", ["scan", "while", "cond"])
def test_control_flow(loop):
    def mine(x):
        if loop == "scan":
            return ps.scan(lambda c, v: (ps.sin(c * v) + v, c * c), 1.0, x)[1]
        if loop == "cond":
            return ps.cond(ps.sum(x) > 0, lambda: x**2, lambda: x**3)
        return ps.while_loop(lambda i, c: i < 3, lambda i, c: (i + 1, ps.sin(c) * 2), (0, x))[1]

    def theirs(x):
        if loop == "scan":
            return jax.lax.scan(lambda c, v: (jnp.sin(c * v) + v, c * c), 1.0, x)[1]
        if loop == "cond":
            return jax.lax.cond(jnp.sum(x) > 0, lambda x: x**2, lambda x: x**3, x)
        step = lambda a: (a[0] + 1, jnp.sin(a[1]) * 2)  # noqa: E731
        return jax.lax.while_loop(lambda a: a[0] < 3, step, (0, x))[1]

    expected = jax.jvp(theirs, (X,), (T,))[1]
    for run in both(lambda x, t: ps.jvp(mine, (x,), (t,))[1]):
        near(run(X, T), expected)
    for matrix in (ps.jacfwd, ps.jacrev):
        for run in both(matrix(mine)):
            near(run(X), jax.jacfwd(theirs)(X))
    for run in both(ps.jacfwd(ps.grad(lambda x: ps.sum(mine(x) ** 2)))):
        near(run(X), jax.jacfwd(jax.jacfwd(lambda x: jnp.sum(theirs(x) ** 2)))(X))


# ---- whole matrices


@pytest.mark.parametrize("matrix", [ps.jacrev, ps.jacfwd, ps.jacobian])
def test_jacobian_is_jax_s(matrix):
    expected = jax.jacfwd(lambda x: vector(jnp, x))(X)
    for run in both(matrix(lambda x: vector(ps, x))):
        near(run(X), expected)


@pytest.mark.parametrize("outer", [ps.jacrev, ps.jacfwd])
@pytest.mark.parametrize("inner", [ps.jacrev, ps.jacfwd])
def test_jacobians_of_jacobians(outer, inner):
    expected = jax.jacfwd(jax.jacfwd(lambda x: vector(jnp, x)))(X)
    for run in both(outer(inner(lambda x: vector(ps, x)))):
        near(run(X), expected)


@pytest.mark.parametrize("matrix", [ps.jacrev, ps.jacfwd])
def test_jacobian_of_structures_is_jax_s(matrix):
    def fn(np_, a, b):
        return {"x": np_.sum(a * b), "y": (a @ np_.ones((4, 2)), b[:2])}

    theirs = jax.jacfwd(lambda a, b: fn(jnp, a, b), (0, 1))(X, T)
    for run in both(matrix(lambda a, b: fn(ps, a, b), (0, 1))):
        mine = run(X, T)
        for i in (0, 1):
            near(mine["x"][i], theirs["x"][i])
            near(mine["y"][0][i], theirs["y"][0][i])
            near(mine["y"][1][i], theirs["y"][1][i])


def test_hessian_is_jax_s_alone_and_for_many_examples():
    many = np.stack([X, T])
    for run in both(ps.hessian(lambda x: scalar(ps, x))):
        near(run(X), jax.hessian(lambda x: scalar(jnp, x))(X))
    for run in both(lambda xs: ps.vmap(ps.hessian(lambda x: scalar(ps, x)))(xs)):
        near(run(many), jax.vmap(jax.hessian(lambda x: scalar(jnp, x)))(many))


def test_hessian_with_two_arguments():
    theirs = jax.hessian(lambda a, b: jnp.sum(a**2 * b), (0, 1))(X, T)
    mine = ps.hessian(lambda a, b: ps.sum(a**2 * b), (0, 1))(X, T)
    for i in (0, 1):
        for j in (0, 1):
            near(mine[i][j], theirs[i][j])


def test_product_with_the_hessian():
    expected = jax.hessian(lambda x: scalar(jnp, x))(X) @ T
    for run in both(lambda x, t: ps.hvp(lambda x: scalar(ps, x), (x,), (t,))[0]):
        near(run(X, T), expected)


def test_product_with_the_hessian_of_a_network():
    x = RNG.normal(size=(2, 6, 6, 2))
    filters = RNG.normal(size=(3, 3, 2, 4)) * 0.3

    def loss(f):
        y = ps.nn.avg_pool2d(ps.nn.gelu(ps.nn.conv2d(x, f)), 2)
        y = ps.nn.layer_norm(y, np.ones(4), np.zeros(4))
        return ps.mean(ps.nn.softmax_cross_entropy(ps.reshape(y, (2, -1)), np.array([1, 3])))

    v = RNG.normal(size=filters.shape)
    step = 1e-5
    ahead, behind = (ps.grad(loss)(ps.asarray(filters + s * v)).numpy() for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    for run in both(lambda f, t: ps.hvp(loss, (f,), (t,))[0]):
        np.testing.assert_allclose(run(filters, v).numpy(), expected, rtol=1e-5, atol=1e-7)


def test_jacobian_calls_ops_once_for_all_rows():
    run = ps.function(ps.jacrev(lambda x: vector(ps, x)))
    assert not {node.op for node in run.trace(X).graph.nodes} & {"scan", "while"}


# ---- rules of one's own


def test_a_function_with_rules_for_everything():
    calls = []

    @ps.custom_gradient
    def cube(x):
        return x**3, lambda dy: dy * 3 * x**2

    @cube.jvp
    def _(primals, tangents):
        calls.append("jvp")
        return 10 * tangents[0] * primals[0] ** 2

    @cube.batch
    def _(size, batched, x):
        calls.append("batch")
        assert size == 2
        assert batched == (True,)
        return x**3 + 1000

    near(ps.jvp(cube, (X,), (T,))[1], 10 * T * X**2)
    near(ps.jacfwd(cube)(X), np.diag(10 * X**2))
    many = np.stack([X, T])
    for run in both(lambda x: ps.vmap(cube)(x)):
        near(run(many), many**3 + 1000)
    for run in both(ps.grad(lambda x: ps.sum(ps.vmap(cube)(x)))):
        near(run(many), 3 * many**2)
    for run in both(lambda x, t: ps.jvp(lambda x: ps.vmap(cube)(x), (x,), (t,))[1]):
        near(run(many, many), 10 * many**3)
    for run in both(lambda x: ps.vmap(ps.grad(lambda a: ps.sum(cube(a))))(x)):
        near(run(many), 3 * many**2)
    assert {"jvp", "batch"} == set(calls)


def test_rules_of_an_op_win(monkeypatch):
    block = ps.ops.BLOCKS["sin"]
    monkeypatch.setattr(block, "jvp_fn", lambda node, t: (t * 7,))
    near(ps.jvp(ps.sin, (X,), (T,))[1], 7 * T)


def test_keywords_reach_the_rules():
    @ps.custom_gradient
    def scaled(x, *, by):
        return x * by, lambda dy: dy * by

    @scaled.jvp
    def _(primals, tangents, *, by):
        return tangents[0] * by * 2

    near(ps.jvp(lambda x: scaled(x, by=3.0), (X,), (T,))[1], 6 * T)


# ---- what is refused


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (InvalidTypeError, "give a tuple with an entry", lambda: ps.jvp(ps.sin, X, (T,))),
        (InvalidTypeError, "give a tuple with an entry", lambda: ps.jvp(ps.sin, (X,), T)),
        (InvalidValueError, "one tensor for each", lambda: ps.jvp(ps.sin, (X,), (T, T))),
        (ShapeError, "give it the same shape", lambda: ps.jvp(ps.sin, (X,), (T[:2],))),
        (ShapeError, "give it the same shape", lambda: ps.vjp(ps.sin, X)[1](T[:2])),
        (InvalidValueError, "one tensor for each", lambda: ps.vjp(ps.sin, X)[1]((T, T))),
        (DTypeError, "let the function close over it", lambda: ps.jvp(ps.abs, (1,), (1,))),
        (DTypeError, "with has_aux=True", lambda: ps.jacrev(ps.argmax)(X)),
        (AxisError, "only those can be differentiated", lambda: ps.jacrev(ps.sin, 1)(X)),
        (InvalidTypeError, "must return a pair", lambda: ps.vjp(ps.sin, X, has_aux=True)),
        (ShapeError, "must return a scalar", lambda: ps.hvp(ps.sin, (X,), (T,))),
    ],
)
def test_wrong_uses_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()


def test_a_rule_that_returns_too_much_is_refused():
    @ps.custom_gradient
    def same(x):
        return x * 1.0, lambda dy: dy

    same.jvp(lambda primals, tangents: (tangents[0], tangents[0]))
    with pytest.raises(GraphError, match="for each output one"):
        ps.jvp(same, (X,), (T,))
    same.batch(lambda size, batched, x: (x, x))
    with pytest.raises(GraphError, match="for each output one"):
        ps.vmap(same)(X)


@pytest.mark.parametrize("transform", [ps.grad, ps.jacrev, ps.jacfwd])
@pytest.mark.parametrize("argnums", [(0, 0), (0, -2)])
def test_an_argument_may_be_asked_for_twice(transform: Any, argnums: tuple[int, int]) -> None:
    found = transform(lambda a, b: a * b, argnums)(ps.asarray(2.0), ps.asarray(3.0))
    assert [t.item() for t in found] == [3.0, 3.0]
