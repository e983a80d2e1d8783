"""Gradients: against finite differences, against each other, and what wrong uses are told."""

# ruff: noqa: E731 - a formula of one line reads best as a lambda

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


def numerical(
    fn: Callable[[np.ndarray[Any, Any]], float], x: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Central differences in float64."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[i] += sign * 1e-5
            out[i] += sign * fn(moved) / 2e-5
    return out


def points(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(0.3, 1.7, shape)


# The tape


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: ps.sum(ps.tanh(x) * x), lambda x: (np.tanh(x) * x).sum()),
        (lambda x: ps.sum((x @ x.T) ** 2 / 3), lambda x: ((x @ x.T) ** 2 / 3).sum()),
        (lambda x: ps.mean(ps.log(x)[1:] + x[0]), lambda x: (np.log(x)[1:] + x[0]).mean()),
        (lambda x: ps.sum(ps.max(x, axis=1)), lambda x: x.max(axis=1).sum()),
        (lambda x: ps.sum(x * x[:, :1] * x[0]), lambda x: (x * x[:, :1] * x[0]).sum()),
    ],
    ids=["tanh", "matmul", "slices", "max", "broadcast"],
)
def test_gradients_agree_with_finite_differences(ours: Any, theirs: Any) -> None:
    x = points(3, 4)
    expected = numerical(theirs, x)
    t = ps.asarray(x)
    np.testing.assert_allclose(ps.grad(ours)(t).numpy(), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        ps.function(ps.grad(ours))(t).numpy(), expected, rtol=1e-6, atol=1e-8
    )


def test_variables_are_watched_and_add_up_when_read_twice() -> None:
    v, frozen = ps.Variable(3.0), ps.Variable(2.0, trainable=False)
    with ps.GradientTape() as tape:
        y = v * v * frozen + v
    dv, df = tape.gradient(y, [v, frozen])
    assert dv.item() == 13
    assert df is None
    with ps.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(frozen)
        y = v * v * frozen + v
    assert [g if g is None else g.item() for g in tape.gradient(y, [v, frozen])] == [None, 9]


def test_variables_that_change_on_the_way() -> None:
    v = ps.Variable(3.0)
    with ps.GradientTape() as tape:
        y = v * v
        v.assign(10.0)
    assert tape.gradient(y, v).item() == 6


def test_a_tape_is_used_once_unless_persistent() -> None:
    x = ps.asarray(2.0)
    with ps.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(
        errors.GraphError, match=r"used already; create it with GradientTape\(persistent=True\)"
    ):
        tape.gradient(y, x)
    with ps.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * x
    assert [tape.gradient(t, x).item() for t in (y, z, y)] == [4, 12, 4]
    assert tape.gradient(z, y).item() == 2


def test_second_order_by_nested_tapes() -> None:
    x = ps.asarray(2.0)
    with ps.GradientTape() as outer:
        outer.watch(x)
        with ps.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        dx = inner.gradient(y, x)
    assert dx.item() == 12
    assert outer.gradient(dx, x).item() == 12


def test_a_gradient_taken_inside_its_own_block() -> None:
    x = ps.asarray(3.0)
    with ps.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        dx = tape.gradient(y, x)
        z = x * dx  # dx is a plain value for this tape
    assert dx.item() == 6
    assert tape.gradient(z, x).item() == 6


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_higher_orders(order: int) -> None:
    f: Any = lambda x: ps.exp(2 * x)
    for _ in range(order):
        f = ps.grad(f)
    x = ps.asarray(0.3, dtype="float64")
    np.testing.assert_allclose(f(x).item(), 2**order * np.exp(0.6), rtol=1e-12)
    np.testing.assert_allclose(ps.function(f)(x).item(), 2**order * np.exp(0.6), rtol=1e-12)


def test_only_what_is_watched_is_recorded() -> None:
    x = ps.asarray(2.0)
    with ps.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None
    assert tape._tape.entries() == []


def test_watching_wrong_things() -> None:
    with (
        ps.GradientTape() as tape,
        pytest.raises(errors.InvalidTypeError, match="got float; it must be a Tensor"),
    ):
        tape.watch(3.0)
    with pytest.raises(errors.InvalidTypeError, match="a source is float"):
        tape.gradient(ps.ones(()), 3.0)


def test_stop_gradient() -> None:
    x = ps.asarray(3.0)
    assert ps.grad(lambda x: x * ps.stop_gradient(x))(x).item() == 3
    assert ps.function(ps.grad(lambda x: x * ps.stop_gradient(x)))(x).item() == 3


def test_unconnected_sources() -> None:
    x, other = ps.asarray(1.0), ps.asarray([1.0, 2.0])
    v = ps.Variable([[1.0]])
    for how, expected in (("none", [None, None]), ("zero", [[0, 0], [[0]]])):
        with ps.GradientTape() as tape:
            tape.watch(x, other)
            y = x * 2
        got = tape.gradient(y, [other, v], unconnected_gradients=how)
        assert [g if g is None else g.tolist() for g in got] == expected
    with pytest.raises(
        errors.InvalidValueError,
        match=r"unconnected_gradients is 'nil'; it must be 'none' or 'zero'",
    ):
        tape.gradient(y, x, unconnected_gradients="nil")


def test_several_targets_and_what_flows_into_them() -> None:
    x = ps.asarray([1.0, 2.0])
    with ps.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, b = x * x, 3 * x
    assert tape.gradient([a, b], x).tolist() == [5, 7]
    assert tape.gradient({"a": a}, x, output_gradients={"a": [10.0, 1.0]}).tolist() == [20, 4]
    assert tape.gradient([a, a], x).tolist() == [4, 8]
    assert tape.gradient(x, x).tolist() == [1, 1]
    with pytest.raises(errors.InvalidValueError, match="2 targets and 1 output_gradients"):
        tape.gradient([a, b], x, output_gradients=[a])
    with pytest.raises(errors.ShapeError, match=r"output_gradients.*\(3,\).*\(2,\)"):
        tape.gradient(a, x, output_gradients=[1.0, 1.0, 1.0])


def test_sources_keep_their_structure() -> None:
    x, y = ps.asarray(2.0), ps.asarray(3.0)
    with ps.GradientTape() as tape:
        tape.watch(x, y)
        z = x * y
    got = tape.gradient(z, {"x": x, "rest": (y, [x])})
    assert got["x"].item() == 3
    assert got["rest"][0].item() == 2
    assert got["rest"][1][0].item() == 3


def test_an_exception_closes_the_tape() -> None:
    x = ps.asarray(2.0)
    tape = ps.GradientTape()
    tape.watch(x)

    def fail() -> None:
        with tape:
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    x * x
    assert tape._tape.entries() == []


# value_and_grad and grad


def test_value_and_grad_of_structures() -> None:
    params = {"w": ps.asarray([[1.0], [2.0]]), "b": [ps.asarray(0.5)]}

    def loss(p: Any, x: Any, *, scale: float = 1.0) -> Any:
        return ps.sum(x @ p["w"] + p["b"][0]) * scale

    x = ps.asarray([[1.0, 3.0], [2.0, 4.0]])
    value, gradient = ps.value_and_grad(loss)(params, x, scale=2.0)
    assert value.item() == 36
    assert gradient["w"].tolist() == [[6], [14]]
    assert gradient["b"][0].item() == 4


def test_argnums() -> None:
    f = lambda a, b, c: a * b + b * c
    a, b, c = (ps.asarray(float(i)) for i in (2, 3, 5))
    assert ps.grad(f)(a, b, c).item() == 3
    assert ps.grad(f, 1)(a, b, c).item() == 7
    assert ps.grad(f, argnums=-1)(a, b, c).item() == 3
    value, gradients = ps.value_and_grad(f, (0, 2))(a, b, c)
    assert value.item() == 21
    assert [g.item() for g in gradients] == [3, 3]
    assert isinstance(gradients, tuple)
    with pytest.raises(
        errors.InvalidValueError, match=r"argnums has 3; the call has 3 positional arguments"
    ):
        ps.grad(f, 3)(a, b, c)


def test_has_aux() -> None:
    f = lambda x: (x * x, {"twice": 2 * x, "text": "kept"})
    x = ps.asarray(3.0)
    (value, aux), gradient = ps.value_and_grad(f, has_aux=True)(x)
    assert (value.item(), aux["twice"].item(), aux["text"], gradient.item()) == (9, 6, "kept", 6)
    gradient, aux = ps.grad(f, has_aux=True)(x)
    assert (gradient.item(), aux["text"]) == (6, "kept")


def test_numbers_and_arrays_can_be_differentiated_by() -> None:
    assert ps.grad(lambda x: x * x)(3.0).item() == 6
    assert ps.grad(lambda x: ps.sum(x * x))(np.ones(2, "float32")).tolist() == [2, 2]


def test_variables_as_the_argument() -> None:
    v = ps.Variable(3.0, trainable=False)
    assert ps.grad(lambda v: v * v)(v).item() == 6
    assert ps.grad(lambda p: p["v"] * p["v"])({"v": v})["v"].item() == 6


def test_an_argument_used_in_two_places_is_told_apart() -> None:
    x = ps.asarray(3.0)
    assert ps.grad(lambda a, b: a * b)(x, x).item() == 3
    closed = ps.grad(lambda a: a * x)
    assert closed(x).item() == 3


def test_the_value_must_be_a_scalar() -> None:
    with pytest.raises(
        errors.ShapeError, match=r"returned Tensor of shape \(2,\); it must return a scalar"
    ):
        ps.grad(lambda x: x)(ps.ones((2,)))
    with pytest.raises(errors.ShapeError, match="returned tuple"):
        ps.grad(lambda x: (x, x))(ps.ones(()))


def test_integers_have_no_gradient() -> None:
    with pytest.raises(errors.DTypeError, match=r"argument 0 .*int64.*float"):
        ps.grad(lambda i: ps.sum(i * 1.5))(np.arange(3))
    x, i = ps.asarray([1.0, 2.0]), ps.asarray([1, 0])
    with ps.GradientTape() as tape:
        with pytest.raises(errors.DTypeError, match=r"\[GradientTape.watch\] got int64.*astype"):
            tape.watch(i)
        tape.watch(x)
        y = ps.sum(ps.take(x, i) * i)
    dx, di = tape.gradient(y, [x, i])
    assert dx.tolist() == [0, 1]
    assert di is None


@pytest.mark.parametrize("narrow", ["float16", "bfloat16", "float64"])
def test_gradients_have_the_dtype_of_what_they_belong_to(narrow: str) -> None:
    a = ps.asarray([1.0, 2.0], dtype=narrow)
    b = ps.asarray([3.0, 4.0], dtype="float32")
    f = lambda a, b: ps.sum(a * b)
    for g in (ps.grad(f, (0, 1)), ps.function(ps.grad(f, (0, 1)))):
        da, db = g(a, b)
        assert (da.dtype.name, db.dtype.name) == (narrow, "float32")
        assert (da.tolist(), db.tolist()) == ([3, 4], [1, 2])


def test_complex_results_are_not_scalars_of_reals() -> None:
    with pytest.raises(errors.DTypeError, match="returned complex64"):
        ps.grad(lambda x: x * 1j)(ps.asarray(1.0))


# In graphs


def test_gradients_in_a_graph_equal_eager_ones_bit_for_bit() -> None:
    x = np.random.default_rng(1).standard_normal((16, 8)).astype("float32")
    w = np.random.default_rng(2).standard_normal((8, 4)).astype("float32")
    f = lambda x, w: ps.mean(ps.tanh(x @ w) ** 2 + ps.exp(w)[0] * 0.1)
    eager = ps.grad(f, (0, 1))(ps.asarray(x), ps.asarray(w))
    with ps.Graph().as_default() as g:
        sx = ps.placeholder("float32", (None, 8))
        sw = ps.placeholder("float32", (8, 4))
        made = ps.gradients(f(sx, sw), [sx, sw])
    from_session = ps.Session(g).run(made, {sx: x, sw: w})
    traced = ps.function(ps.grad(f, (0, 1)))(x, w)
    for e, s, t in zip(eager, from_session, traced, strict=True):
        np.testing.assert_array_equal(e.numpy(), s)
        np.testing.assert_array_equal(e.numpy(), t.numpy())


def test_gradients_of_gradients_in_a_graph() -> None:
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float64", ())
        y = ps.sin(x)
        for _ in range(4):
            y = ps.gradients(y, x)
    np.testing.assert_allclose(ps.Session(g).run(y, {x: 0.7}), np.sin(0.7), rtol=1e-12)


def test_gradients_by_intermediates_and_unconnected_ones() -> None:
    v = ps.Variable(4.0)
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float32", ())
        lonely = ps.placeholder("float32", ())
        h = x * v
        y = h * h
        dx, dh, dv, none = ps.gradients(y, [x, h, v, lonely])
        seeded = ps.gradients(y, x, grad_ys=10.0)
    assert none is None
    assert ps.Session(g).run([dx, dh, dv, seeded], {x: 3.0}) == [96, 24, 72, 960]


def test_gradients_wants_graph_tensors() -> None:
    with pytest.raises(errors.GraphError, match="for values use GradientTape or value_and_grad"):
        ps.gradients(ps.ones(()), ps.ones(()))
    with pytest.raises(errors.GraphError, match="ys is empty"):
        ps.gradients([], ps.ones(()))


def test_a_tape_in_a_function_trains() -> None:
    w = ps.Variable([0.0, 0.0])

    @ps.function
    def step(x: Any, y: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.mean((x @ w - y) ** 2)
        w.assign_sub(0.3 * tape.gradient(loss, w))
        return loss

    x = np.random.default_rng(0).standard_normal((32, 2)).astype("float32")
    losses = [step(x, x @ np.array([2, -1], "float32")).item() for _ in range(60)]
    assert losses[-1] < 1e-6 < losses[0]
    np.testing.assert_allclose(w.numpy(), [2, -1], atol=1e-3)


# Gradients of one's own


@pytest.mark.parametrize("wrap", [lambda f: f, ps.function], ids=["eager", "traced"])
def test_custom_gradient(wrap: Any) -> None:
    @ps.custom_gradient
    def clipped(x: Any) -> Any:
        return x * 1, lambda dy: ps.clip(dy, -1.0, 1.0)

    assert wrap(ps.grad(lambda x: 5 * clipped(x)))(ps.asarray(2.0)).item() == 1
    assert wrap(clipped)(ps.asarray(2.0)).item() == 2


def test_custom_gradient_of_several_inputs_and_outputs() -> None:
    @ps.custom_gradient
    def both(x: Any, y: Any) -> Any:
        return (x * y, {"sum": x + y}), lambda dp, ds: (100 * dp + ds, None)

    def f(x: Any, y: Any) -> Any:
        product, rest = both(x, y)
        return product + 3 * rest["sum"]

    dx, dy = ps.grad(f, (0, 1))(ps.asarray(2.0), ps.asarray(5.0))
    assert (dx.item(), dy.item()) == (103, 0)


def test_custom_gradient_is_differentiable_itself() -> None:
    @ps.custom_gradient
    def cube(x: Any) -> Any:
        return x * x * x, lambda dy: dy * 3 * x * x

    assert ps.grad(ps.grad(cube))(ps.asarray(2.0)).item() == 12
    assert ps.function(ps.grad(ps.grad(cube)))(ps.asarray(2.0)).item() == 12


def test_custom_gradient_of_the_wrong_count_or_shape() -> None:
    @ps.custom_gradient
    def wrong(x: Any, y: Any) -> Any:
        return x * y, lambda dy: dy

    with pytest.raises(
        errors.GraphError, match="returned 1 gradients for 2 inputs; return one per tensor"
    ):
        ps.grad(wrong)(ps.asarray(1.0), ps.asarray(1.0))
    forgot = ps.custom_gradient(lambda x: x * x)
    with pytest.raises(errors.InvalidTypeError, match=r"must return a pair \(outputs, grad_fn\)"):
        forgot(ps.asarray(1.0))


def test_an_op_without_a_rule_that_says_why_stops_the_gradient() -> None:
    x = ps.asarray([1.0, -2.0])
    assert ps.grad(lambda x: ps.sum(ps.floor(x) * x))(x).tolist() == [1, -2]
