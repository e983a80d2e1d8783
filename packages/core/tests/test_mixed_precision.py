"""Mixed precision: what is rounded, what is not, and training through overflows."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock import mixed_precision as mp
from penstock.errors import DTypeError, InvalidTypeError, InvalidValueError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")
W = RNG.normal(size=(3, 3)).astype("float32")


def both(fn):
    return [fn, ps.function(fn)]


def rounded(a):
    """To bfloat16 and back, by its bits: to the nearest, ties to even."""
    bits = np.asarray(a, "float32").view("uint32")
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    return (bits & np.uint32(0xFFFF0000)).view("float32")


def test_products_are_rounded_and_nothing_else_is():
    fn = mp.autocast(lambda x, w: (x @ w, x * w[0]))
    for run in both(fn):
        product, elementwise = run(X, W)
        assert product.dtype == "float32"
        exact = rounded(X).astype("float64") @ rounded(W).astype("float64")
        np.testing.assert_allclose(product.numpy(), exact, rtol=2**-7, atol=2**-8)
        np.testing.assert_array_equal(product.numpy(), rounded(product.numpy()))
        np.testing.assert_array_equal(elementwise.numpy(), X * W[0])


def test_convolutions_and_attention_too():
    image = RNG.normal(size=(1, 5, 5, 2)).astype("float32")
    filters = RNG.normal(size=(3, 3, 2, 4)).astype("float32")

    def fn(image, filters, x):
        return ps.nn.conv2d(image, filters), ps.nn.scaled_dot_product_attention(x, x, x)

    x = X.reshape(1, 1, 4, 3)
    for made, exact in zip(mp.autocast(fn)(image, filters, x), fn(image, filters, x), strict=True):
        np.testing.assert_array_equal(made.numpy(), rounded(made.numpy()))
        np.testing.assert_allclose(made.numpy(), exact.numpy(), rtol=0.05, atol=0.05)


def test_gradients_keep_their_dtype_and_are_near():
    def loss(w, x):
        return ps.sum(ps.tanh(x @ w) ** 2)

    exact = ps.grad(loss)(ps.asarray(W), ps.asarray(X)).numpy()
    for dtype, near in (("bfloat16", 5e-2), ("float16", 5e-3)):
        for run in both(ps.grad(mp.autocast(loss, dtype))):
            made = run(ps.asarray(W), ps.asarray(X))
            assert made.dtype == "float32"
            np.testing.assert_allclose(made.numpy(), exact, rtol=near, atol=near)
            assert np.abs(made.numpy() - exact).max() > 0


def test_variables_stay_float32():
    v = ps.Variable(W)
    for run in both(lambda: ps.grad(lambda v: ps.sum(mp.autocast(lambda: X @ v)() ** 2))(v)):
        assert run().dtype == "float32"
        np.testing.assert_allclose(run().numpy(), 2 * X.T @ (X @ W), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("kind", ["scan", "while", "cond", "call"])
def test_products_inside_of_control_flow(kind):
    def fn(x, w):
        if kind == "scan":
            return ps.scan(lambda c, r: (c @ w, r * c), x, ps.asarray([1.0, 2.0]), reverse=True)[1]
        if kind == "while":
            return ps.while_loop(lambda i, c: i < 2, lambda i, c: (i + 1, c @ w), (0, x))[1]
        if kind == "cond":
            return ps.cond(ps.sum(x) > -1e9, lambda: x @ w, lambda: x)
        return ps.call(lambda x: x @ w, x)

    for run in both(mp.autocast(fn)):
        made = run(ps.asarray(X), ps.asarray(W)).numpy()
        exact = fn(ps.asarray(X), ps.asarray(W)).numpy()
        np.testing.assert_allclose(made, exact, rtol=0.05, atol=0.05)
        assert np.abs(made - exact).max() > 0


def test_other_dtypes_are_left_alone():
    x, w = X.astype("float64"), W.astype("float64")
    np.testing.assert_array_equal(mp.autocast(ps.matmul)(x, w).numpy(), ps.matmul(x, w).numpy())


def test_vmap_of_autocast_and_autocast_of_vmap():
    many = np.stack([W, W * 2])
    inside = ps.vmap(mp.autocast(lambda w: ps.asarray(X) @ w))(many)
    outside = mp.autocast(lambda ws: ps.vmap(lambda w: ps.asarray(X) @ w)(ws))(many)
    np.testing.assert_array_equal(inside.numpy(), outside.numpy())


# ---- policies


def test_policies():
    policy = mp.Policy("mixed_float16")
    assert (policy.compute_dtype, policy.variable_dtype) == (ps.float16, ps.float32)
    tree = policy.cast_to_compute({"x": X, "n": np.arange(3)})
    assert (tree["x"].dtype, tree["n"].dtype) == (ps.float16, ps.int64)
    assert policy.cast_to_variable(tree)["x"].dtype == ps.float32
    assert mp.Policy("float64").variable_dtype == ps.float64
    mp.set_global_policy("mixed_bfloat16")
    try:
        assert mp.global_policy() == mp.Policy("mixed_bfloat16")
    finally:
        mp.set_global_policy(mp.Policy("float32"))


# ---- scaled losses


def test_tiny_gradients_survive_float16():
    def gradient(scaler):
        w = ps.Variable(np.float32(1.0))
        with ps.GradientTape() as tape:
            y = ps.cast(ps.cast(w.value, "float16") * 1e-4, "float32") * 1e-5
            y = scaler.scale(y) if scaler else y
        (g,) = tape.gradient(y, [w])
        return float(scaler.unscale([g])[0][0]) if scaler else float(g)

    assert gradient(mp.LossScaler(2.0**16)) == pytest.approx(1e-9, rel=1e-2)


def test_the_factor_follows_overflows():
    scaler = mp.LossScaler(initial_scale=8.0, growth_interval=2)
    step = ps.function(scaler.update)
    factors = []
    for finite in (True, True, True, False, True, True, False, False, False, False, False, False):
        step(ps.asarray(finite))
        factors.append(float(scaler.current_scale.numpy()))
    assert factors == [8, 16, 16, 8, 8, 16, 8, 4, 2, 1, 1, 1]
    fixed = mp.LossScaler(initial_scale=8.0, dynamic=False)
    fixed.update(False)
    assert float(fixed.current_scale.numpy()) == 8.0


def test_a_step_that_overflows_is_not_taken():
    w = ps.Variable(np.ones(3, "float32"))
    scaler = mp.LossScaler(initial_scale=4.0)

    @ps.function
    def train(gradient):
        (g,), finite = scaler.unscale([gradient])
        scaler.apply(finite, lambda: w.assign(w - g))
        return finite

    assert not bool(train(np.array([1.0, np.inf, 0.0], "float32")))
    np.testing.assert_array_equal(w.numpy(), np.ones(3))
    assert bool(train(np.array([2.0, 4.0, 0.0], "float32")))
    np.testing.assert_array_equal(w.numpy(), [0.0, -1.0, 1.0])
    assert float(scaler.current_scale.numpy()) == 2.0


def test_rows_and_missing_gradients():
    rows = ps.IndexedSlices(np.array([[2.0]], "float32"), np.array([1]), (2, 1))
    (made, nothing), finite = mp.LossScaler(2.0).unscale([rows, None])
    assert made.to_dense().tolist() == [[0.0], [1.0]]
    assert nothing is None
    assert bool(finite)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (InvalidValueError, "'mixed_bfloat16' and 'mixed_float16'", lambda: mp.Policy("float8")),
        (InvalidValueError, "is one of", lambda: mp.Policy("mixed_float32")),
        (InvalidTypeError, "give a Policy or its name", lambda: mp.set_global_policy(3)),
        (InvalidValueError, "bfloat16 or float16", lambda: mp.autocast(ps.sin, "float32")),
        (InvalidValueError, "must be positive", lambda: mp.LossScaler(0.0)),
        (DTypeError, "the one bool that unscale returned", lambda: mp.LossScaler().update(1.0)),
    ],
)
def test_wrong_uses_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()
