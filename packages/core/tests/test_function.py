"""`@function`: what is an input, what is static, when a graph is shared, and what comes back."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors

Pair = namedtuple("Pair", "left right")


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


# What comes in


@pytest.mark.parametrize(
    "tree",
    [
        lambda a, b: (a, b),
        lambda a, b: [a, b],
        lambda a, b: {"a": a, "b": b},
        lambda a, b: Pair(a, b),
        lambda a, b: {"x": [a, (Pair(b, None),)], "flag": True},
    ],
    ids=["tuple", "list", "dict", "namedtuple", "nested"],
)
def test_structures_come_back_as_they_went_in(tree: Any) -> None:
    double = ps.function(lambda t: _map(lambda x: x * 2, t))
    for seed in (0, 1):
        a, b = floats(3, seed=seed), floats(2, 2, seed=seed + 10)
        result = double(tree(ps.asarray(a), ps.asarray(b)))
        _assert_same(result, tree(a * 2, b * 2))
    assert len(double.traces) == 1


def _map(fn: Any, tree: Any) -> Any:
    if isinstance(tree, ps.Tensor):
        return fn(tree)
    if isinstance(tree, dict):
        return {k: _map(fn, v) for k, v in tree.items()}
    if hasattr(tree, "_fields"):
        return type(tree)(*(_map(fn, v) for v in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(fn, v) for v in tree)
    return tree


def _assert_same(got: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got.numpy(), expected)
        return
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for k in expected:
            _assert_same(got[k], expected[k])
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            _assert_same(g, e)
    else:
        assert got == expected


def test_keywords_in_any_order_share_a_trace() -> None:
    @ps.function
    def digits(a: Any, b: Any, c: Any = 0.0, *, d: Any) -> Any:
        return a * 1000 + b * 100 + c * 10 + d

    one, two, three, four = (ps.asarray(float(i)) for i in (1, 2, 3, 4))
    assert digits(one, two, three, d=four).item() == 1234
    assert digits(d=four, c=three, b=two, a=one).item() == 1234
    assert digits(two, one, d=three, c=four).item() == 2143
    assert digits(one, c=three, b=two, d=four).item() == 1234
    assert len(digits.traces) == 1
    assert digits(one, two, d=four).item() == 1204  # the default is the body's constant
    assert len(digits.traces) == 2


def test_the_same_object_twice_does_not_stick() -> None:
    subtract = ps.function(lambda a, b: a - b)
    a, b = ps.asarray([1.0, 2.0]), ps.asarray([5.0, 7.0])
    np.testing.assert_array_equal(subtract(a, a).numpy(), [0, 0])
    np.testing.assert_array_equal(subtract(a, b).numpy(), [-4, -5])
    np.testing.assert_array_equal(subtract(b=a, a=b).numpy(), [4, 5])
    of_numbers = ps.function(lambda a, b: a - b)
    assert of_numbers(1.0, 1.0).item() == 0
    assert of_numbers(3.0, 1.0).item() == 2


def test_star_arguments() -> None:
    @ps.function
    def total(first: Any, *rest: Any, **named: Any) -> Any:
        return first + sum(rest) * 10 + sum(named.values()) * 100

    assert total(1.0, 2.0, 3.0, p=4.0, q=5.0).item() == 951
    assert total(5.0, 4.0, 3.0, p=2.0, q=1.0).item() == 375
    assert len(total.traces) == 1
    assert total(5.0).item() == 5
    assert len(total.traces) == 2


def test_numbers_and_arrays_are_inputs_and_share_a_trace() -> None:
    scale = ps.function(lambda x, k: x * k)
    x = floats(4)
    for k in (2.0, 3.5, -1.0):
        np.testing.assert_array_equal(scale(x, k).numpy(), x * np.float32(k))
    assert len(scale.traces) == 1
    assert scale(x, 2.0).dtype == ps.float32
    np.testing.assert_array_equal(
        scale(x.astype("float64"), 0.1).numpy(), x.astype("float64") * 0.1
    )
    assert len(scale.traces) == 2


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.bool_])
def test_numpy_scalars_are_inputs(kind: Any) -> None:
    identity = ps.function(lambda x: x)
    got = identity(kind(1))
    assert got.dtype == np.dtype(kind).name
    assert got.item() == kind(1)


def test_numbers_promote_as_in_eager_calls() -> None:
    def mixed(a: Any, b: Any, x: Any) -> Any:
        return (a - b) * x, a - b, a * 2

    x = ps.ones((2,))
    for got, expected in zip(ps.function(mixed)(1.0, 2.0, x), mixed(1.0, 2.0, x), strict=True):
        expected = ps.asarray(expected)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.numpy(), expected.numpy())
    got = ps.function(lambda a, b: a + b)(1, 2)
    assert got.dtype == ps.asarray(3).dtype
    assert got.item() == 3


def test_strings_none_and_bools_are_static() -> None:
    @ps.function
    def branch(x: Any, how: Any, flag: bool) -> Any:
        if how is None:
            return x
        return {"double": x * 2, "negate": -x}[how] + (1 if flag else 0)

    x = ps.asarray([3.0])
    assert branch(x, None, False).item() == 3
    assert branch(x, "double", False).item() == 6
    assert branch(x, "double", True).item() == 7
    assert branch(x, "negate", True).item() == -2
    assert len(branch.traces) == 4
    branch(x, "double", True)
    assert len(branch.traces) == 4
    assert "another static value" in branch.explain()


@pytest.mark.parametrize(
    "how",
    [
        {"static_argnums": 1},
        {"static_argnames": "n"},
        {"static_argnums": (1,), "static_argnames": ("n",)},
    ],
)
def test_static_arguments(how: dict[str, Any]) -> None:
    @ps.function(**how)
    def repeated(x: Any, n: int = 1) -> Any:
        for _ in range(n):
            x = x * 2
        return x

    x = ps.asarray(1.0)
    assert [repeated(x, n).item() for n in (1, 3, 5, 3)] == [2, 8, 32, 8]
    assert repeated(x, n=5).item() == 32
    assert len(repeated.traces) == 3


@pytest.mark.filterwarnings("ignore::penstock.errors.RetraceWarning")
def test_static_values_are_told_apart_by_type_and_sign() -> None:
    seen: list[Any] = []

    @ps.function(static_argnames="k")
    def f(x: Any, k: Any) -> Any:
        seen.append(k)
        return x

    x = ps.asarray(1.0)
    for k in (1, 1.0, True, 0.0, -0.0, (1, 2), (1, 2.0), float("nan")):
        f(x, k)
        f(x, k)
    assert [repr(k) for k in seen] == [
        "1",
        "1.0",
        "True",
        "0.0",
        "-0.0",
        "(1, 2)",
        "(1, 2.0)",
        "nan",
    ]


def test_static_shape_as_a_tuple() -> None:
    reshape = ps.function(lambda x, shape: ps.reshape(x, shape), static_argnums=1)
    assert reshape(ps.ones((6,)), (2, 3)).shape == (2, 3)
    assert reshape(ps.ones((6,)), (3, 2)).shape == (3, 2)


def test_static_objects_that_are_values_are_compared() -> None:
    @dataclass(frozen=True)
    class Config:
        factor: float

    scale = ps.function(lambda x, config: x * config.factor)
    x = ps.asarray(2.0)
    assert scale(x, Config(3.0)).item() == 6
    assert scale(x, Config(3.0)).item() == 6
    assert len(scale.traces) == 1
    assert scale(x, Config(4.0)).item() == 8


def test_variables_are_known_by_identity() -> None:
    double = ps.function(lambda v: v * 2)
    a, b = ps.Variable(1.0), ps.Variable(1.0)
    assert double(a).item() == 2
    b.assign(3.0)
    assert double(b).item() == 6
    a.assign(10.0)
    assert double(a).item() == 20
    assert len(double.traces) == 2


def test_unknown_static_arguments_are_named() -> None:
    with pytest.raises(errors.InvalidValueError, match=r"static_argnames has 'k'; f takes x, n"):

        @ps.function(static_argnames="k")
        def f(x: Any, n: int) -> Any: ...

    with pytest.raises(
        errors.InvalidValueError, match="static_argnums has 2; <lambda> takes 1 arg"
    ):
        ps.function(lambda x: x, static_argnums=2)


def test_wrong_arguments_get_pythons_own_message() -> None:
    f = ps.function(lambda x: x)
    with pytest.raises(TypeError, match="too many positional arguments"):
        f(1.0, 2.0)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        f()


# What comes out


def test_results_that_are_no_tensors() -> None:
    x = ps.asarray([1.0])
    assert ps.function(lambda x: None)(x) is None
    assert ps.function(lambda: None)() is None
    assert ps.function(lambda x: "text")(x) == "text"
    assert ps.function(lambda x: ())(x) == ()
    assert ps.function(lambda: 3)().item() == 3
    mixed = ps.function(lambda x: {"x": x, "none": None, "n": 2.5, "a": np.arange(3)})(x)
    assert mixed["none"] is None
    assert (mixed["n"].item(), mixed["n"].dtype) == (2.5, ps.float32)
    np.testing.assert_array_equal(mixed["a"].numpy(), [0, 1, 2])


def test_arguments_can_be_returned_themselves() -> None:
    swap = ps.function(lambda a, b: (b, a, a))
    a, b = ps.asarray([1.0]), ps.asarray([[2]])
    for left, right in ((a, b), (a + 1, b + 1)):
        got = swap(left, right)
        assert [t.tolist() for t in got] == [right.tolist(), left.tolist(), left.tolist()]


def test_a_returned_argument_is_a_value_of_its_own() -> None:
    x = ps.asarray([1.0, 2.0])
    y = ps.function(lambda x: x)(x)
    y[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


def test_a_constant_result_is_not_shared_between_calls() -> None:
    ones = ps.function(lambda: ps.ones((2,)))
    first = ones()
    first[0] = 9.0
    assert ones().tolist() == [1.0, 1.0]


def test_results_of_earlier_calls_stay() -> None:
    add = ps.function(lambda x: x + 1)
    first = add(ps.zeros((1000,)))
    for _ in range(5):
        add(ps.ones((1000,)))
    np.testing.assert_array_equal(first.numpy(), np.ones(1000))


def test_a_variable_as_result_is_its_value() -> None:
    v = ps.Variable([1.0])
    read = ps.function(lambda: v)
    assert read().tolist() == [1.0]
    v.assign([2.0])
    assert read().tolist() == [2.0]


def test_tensors_of_another_graph_cannot_be_returned() -> None:
    with ps.Graph("other").as_default():
        stranger = ps.placeholder("float32", (), name="stranger")
    with pytest.raises(errors.GraphError, match="returned tensor 'stranger' of another graph"):
        ps.function(lambda: stranger)()


def test_a_tensor_that_leaked_out_is_refused() -> None:
    leaked: list[Any] = []
    ps.function(lambda x: leaked.append(x * 1) or x)(ps.asarray(1.0))
    with pytest.raises(TypeError, match="belongs to a graph and has no value yet"):
        leaked[0].numpy()
    with pytest.raises(errors.GraphError, match="another graph"):
        ps.function(lambda x: x + leaked[0])(ps.asarray(1.0))


# When a graph is shared


def test_one_trace_for_200_random_shapes() -> None:
    calls = []

    @ps.function
    def layer(x: Any, w: Any, b: Any) -> Any:
        calls.append(1)
        return ps.tanh(x @ w + b)

    rng = np.random.default_rng(0)
    for _ in range(200):
        n, k, m = (int(i) for i in rng.integers(2, 20, 3))
        x, w, b = (rng.standard_normal(s).astype("float32") for s in ((n, k), (k, m), (m,)))
        np.testing.assert_allclose(layer(x, w, b).numpy(), np.tanh(x @ w + b), rtol=2e-5, atol=2e-6)
    assert len(layer.traces) == len(calls) == 1


def test_sizes_one_and_zero_keep_numpys_meaning() -> None:
    add = ps.function(lambda x, y: x + y)
    for left, right in [
        ((3, 1), (3, 4)),
        ((3, 5), (3, 5)),
        ((1, 4), (3, 1)),
        ((0, 4), (1, 4)),
        ((2, 4), (2, 4)),
        ((1, 1), (1, 1)),
    ]:
        x, y = floats(*left), floats(*right, seed=1)
        np.testing.assert_array_equal(add(x, y).numpy(), x + y)


def test_equal_sizes_then_unequal_ones_are_refused_and_broadcasting_ones_work() -> None:
    add = ps.function(lambda x, y: x + y)
    add(ps.ones((3,)), ps.ones((3,)))
    with pytest.raises(errors.ShapeError, match=r"broadcast|shapes"):
        add(ps.ones((3,)), ps.ones((4,)))
    assert add(ps.ones((3,)), ps.ones((1,))).tolist() == [2, 2, 2]
    assert add(ps.ones((5,)), ps.ones((5,))).tolist() == [2] * 5


def test_a_comparison_of_a_size_becomes_a_guard() -> None:
    @ps.function
    def pick(x: Any) -> Any:
        return x * 2 if x.shape[0] > 4 else -x

    for n in (6, 7, 3, 2, 5, 4):
        x = floats(n)
        np.testing.assert_array_equal(pick(x).numpy(), x * 2 if n > 4 else -x)
    assert len(pick.traces) == 2
    text = pick.explain()
    assert "pick: 2 traces" in text
    assert "1. (f32[n0]): the first call" in text
    assert "2. (f32[n0]): a size broke what an earlier trace assumes" in text
    assert "test_function.py:" in text
    assert "goes when the line named does not compare or convert that size" in text


def test_int_of_a_size_makes_a_graph_for_each_size() -> None:
    @ps.function
    def mean(x: Any) -> Any:
        return ps.sum(x) / int(x.shape[0])

    for n in (3, 4, 3, 4, 5):
        x = floats(n)
        np.testing.assert_allclose(mean(x).item(), x.mean(), rtol=1e-5)
    assert len(mean.traces) == 3
    assert "assumes n0 == 3" in mean.explain()


def test_a_size_used_as_a_size_stays_general() -> None:
    @ps.function
    def halves(x: Any) -> Any:
        return ps.reshape(x, (x.shape[0] // 2, 2 * x.shape[1]))

    for n, m in ((4, 3), (6, 2), (10, 7)):
        assert halves(floats(n, m)).shape == (n // 2, 2 * m)
    assert len(halves.traces) == 1


def test_dtype_and_rank_make_another_graph_and_explain_says_so() -> None:
    double = ps.function(lambda x: x * 2)
    for x in (floats(3), floats(3, 3), floats(3).astype("float64"), np.arange(3)):
        np.testing.assert_array_equal(double(x).numpy(), x * 2)
    assert len(double.traces) == 4
    assert double.explain().count("another dtype or rank; convert the arguments") == 3
    assert double.explain().endswith(
        "Fewer traces: pass tensors of one dtype and rank, and tensors in place of static values."
    )


def test_explain_says_an_assumption_once() -> None:
    product = ps.function(lambda x, y: (x @ y) + (x @ y))
    product(ps.ones((2, 3)), ps.ones((3, 4)))
    assert product.explain().count("assumes") == 1
    assert "what an op needs, such as equal sizes, stays" in product.explain()


def test_explain_before_any_call() -> None:
    assert ps.function(lambda x: x).explain() == "<lambda>: 0 traces"


def test_graph_needs_exactly_one_trace() -> None:
    f = ps.function(lambda x: x)
    with pytest.raises(errors.GraphError, match=r"<lambda> has 0 traces; call it once first"):
        f.graph
    f(1.0)
    assert "return %" in f.graph.text()
    f(ps.ones((2,)))
    with pytest.raises(errors.GraphError, match=r"has 2 traces; .* pick one of <lambda>.traces"):
        f.graph


def test_trace_makes_a_graph_without_running_it() -> None:
    v = ps.Variable(0.0)
    f = ps.function(lambda x: v.assign_add(x))
    made = f.trace(ps.asarray(1.0))
    assert v.value.item() == 0
    assert f.trace(ps.asarray(5.0)) is made
    assert "assign_variable" in made.optimized.text()
    f(ps.asarray(2.0))
    assert v.value.item() == 2
    assert len(f.traces) == 1


def test_memory_is_known_before_the_run() -> None:
    chain = ps.function(lambda x: ps.sum(ps.tanh(ps.exp(x) @ x) * 2))
    report = chain.memory(ps.ones((64, 64)))
    one = 64 * 64 * 4
    assert one <= report["arena_bytes"] <= report["unplanned_bytes"]
    assert report["arena_bytes"] < 4 * one
    assert report["output_bytes"] == 4
    assert chain.memory(ps.ones((128, 128)))["arena_bytes"] == 4 * report["arena_bytes"]
    assert len(chain.traces) == 1


# Effects


def test_writes_happen_in_the_order_of_the_program() -> None:
    v, w = ps.Variable(1.0, name="v"), ps.Variable(0.0, name="w")

    @ps.function
    def step(x: Any) -> Any:
        before = v.value
        v.assign_add(x)
        middle = v * 1
        w.assign(v.value)
        v.assign(v * 10)
        return before, middle, v.value

    assert [t.item() for t in step(2.0)] == [1, 3, 30]
    assert (v.value.item(), w.value.item()) == (30, 3)
    assert [t.item() for t in step(1.0)] == [30, 31, 310]


def test_a_write_that_nobody_reads_still_happens() -> None:
    count = ps.Variable(0, name="count")

    @ps.function
    def f(x: Any) -> Any:
        count.assign_add(1)
        return x

    for _ in range(3):
        f(1.0)
    assert count.value.item() == 3


def test_a_value_that_was_read_survives_the_write() -> None:
    v = ps.Variable(np.arange(1000, dtype="float32"))

    @ps.function
    def step() -> Any:
        old = v.value
        v.assign(v * 2)
        return old

    first = step()
    step()
    np.testing.assert_array_equal(first.numpy(), np.arange(1000))
    np.testing.assert_array_equal(v.numpy(), np.arange(1000) * 4)


def test_random_numbers_differ_from_call_to_call() -> None:
    draw = ps.function(lambda: (ps.random.uniform((4,)), ps.random.uniform((4,))))
    (a, b), (c, _) = draw(), draw()
    assert a.tolist() != b.tolist()
    assert a.tolist() != c.tolist()


# The body


def test_an_exception_in_the_body_leaves_nothing_open() -> None:
    def bad(x: Any) -> Any:
        with ps.name_scope("inner"):
            ps.exp(x)
            raise KeyError("mine")

    f = ps.function(bad)
    with ps.name_scope("outer"):
        with pytest.raises(KeyError, match="mine"):
            f(1.0)
        assert ps._native.get_scope() == "outer"
    assert ps.current_graph() is None
    assert f.traces == []
    assert not ps.exp(0.0).is_symbolic


def test_a_shape_error_in_the_body_names_the_op() -> None:
    f = ps.function(lambda x: x @ ps.ones((4, 4)))
    with pytest.raises(errors.ShapeError, match=r"\[matmul\]"):
        f(ps.ones((2, 3)))
    assert ps.current_graph() is None
    assert f(ps.ones((2, 4))).shape == (2, 4)


def test_values_in_the_body_are_symbols_and_cannot_be_looked_at() -> None:
    with pytest.raises(errors.GraphError, match=r"no value|graph"):
        ps.function(lambda x: x if x > 0 else -x)(1.0)


def test_methods_are_bound_and_instances_are_static() -> None:
    class Layer:
        def __init__(self, factor: float) -> None:
            self.w = ps.Variable(factor)

        @ps.function
        def __call__(self, x: Any) -> Any:
            return self.w * x

    two, three = Layer(2.0), Layer(3.0)
    assert two(5.0).item() == 10
    assert three(5.0).item() == 15
    two.w.assign(4.0)
    assert two(5.0).item() == 20
    assert len(Layer.__call__.traces) == 2


def test_the_wrapper_keeps_name_and_manual() -> None:
    @ps.function
    def documented(x: Any) -> Any:
        """Say what it does."""
        return x

    assert (documented.__name__, documented.__doc__) == ("documented", "Say what it does.")
    assert isinstance(documented, ps.Function)
    assert "documented, 0 traces" in repr(documented)
    assert isinstance(ps.function(static_argnums=0)(lambda n: n), ps.Function)


def test_nested_functions_become_part_of_the_outer_graph() -> None:
    square = ps.function(lambda x: x * x)
    outer = ps.function(lambda x: square(x) + square(x + 1))
    assert outer(3.0).item() == 25
    assert square.traces == []
    assert not any(node.op == "call" for node in outer.traces[0].optimized.nodes)


def test_recursion_ends_where_python_says() -> None:
    @ps.function(static_argnames="n")
    def power(x: Any, n: int) -> Any:
        return ps.ones_like(x) if n == 0 else x * power(x, n=n - 1)

    assert power(2.0, n=10).item() == 1024
    assert len(power.traces) == 1


def test_the_name_scope_of_the_caller_stays_outside() -> None:
    f = ps.function(lambda x: ps.exp(x))
    with ps.name_scope("caller"):
        f(1.0)
    assert [n.name for n in f.graph.nodes if n.op == "exp"] == ["exp"]


def test_functions_run_under_tapes_are_differentiated() -> None:
    cube = ps.function(lambda x: x * x * x)
    cube(2.0)
    x = ps.asarray(2.0)
    with ps.GradientTape() as tape:
        tape.watch(x)
        y = cube(x)
    assert tape.gradient(y, x).item() == 12


# Threads


def test_many_threads_call_one_function_at_once() -> None:
    f = ps.function(lambda x, k: ps.sum(ps.tanh(x) * k, axis=1))
    failures: list[str] = []
    start = threading.Barrier(8)

    def work(seed: int) -> None:
        start.wait()
        for i in range(40):
            n = 2 + (seed * 7 + i) % 13
            x = floats(n, 5, seed=seed * 100 + i)
            expected = (np.tanh(x) * np.float32(seed)).sum(axis=1)
            if not np.allclose(f(x, float(seed)).numpy(), expected, rtol=1e-4, atol=1e-5):
                failures.append(f"thread {seed}, call {i}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert len(f.traces) == 1


def test_threads_trace_different_functions_at_once() -> None:
    results: dict[int, float] = {}

    def work(k: int) -> None:
        f = ps.function(lambda x: sum((x * i for i in range(k)), x))
        results[k] = f(ps.asarray(1.0)).item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {k: 1 + sum(range(k)) for k in range(1, 9)}


@pytest.mark.parametrize(
    "fn",
    [
        ps.sin,
        ps.mean,
        ps.zeros_like,
        ps.grad(lambda a: a * a),
        lambda a: ps.stack([a, a]),
        lambda a: ps.asarray([a, a]),
        lambda a: ps.full((2,), a),
        lambda a: ps.sum(ps.broadcast_to(a, (3,))) * ps.ones((2,), "float16"),
        lambda a: ps.astype(a, "float64"),
        lambda a: a * ps.ones((2,), "float16"),
        lambda a: ps.clip(ps.ones((2,), "float16"), 0.0, a),
        lambda a: (a * 2) * ps.ones((2,), "float16"),
    ],
)
def test_numbers_have_the_dtypes_of_eager_calls(fn):
    eager, traced = fn(0.1), ps.function(fn)(0.1)
    assert traced.dtype == eager.dtype
    np.testing.assert_allclose(traced.numpy(), eager.numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_variables_take_numbers_of_the_arguments(dtype):
    v = ps.Variable(ps.asarray(1.0, dtype))
    ps.function(v.assign)(0.25)
    assert v.value.dtype == dtype
    assert float(v) == 0.25


def python_frames(call: Any) -> list[str]:
    """The files of Penstock whose Python code ran in a call."""
    seen: list[str] = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(Path(ps.__file__).parent)):
            seen.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.skipif(
    importlib.util.find_spec("penstock_kernels_cpu") is None,
    reason="kernels-cpu is not installed: the reference kernels are Python",
)
def test_a_new_size_runs_no_python() -> None:
    f = ps.function(lambda x, pair: (ps.exp(x) @ pair[0], x.shape[0] * pair[1]))
    given = {n: (ps.ones((n, 3)), [ps.ones((3, n)), ps.ones((n,))]) for n in range(2, 7)}
    f(*given[2])
    for n in range(3, 7):
        results: list[Any] = []
        assert python_frames(lambda n=n, r=results: r.extend(f(*given[n]))) == []
        np.testing.assert_allclose(results[0].numpy(), np.full((n, n), 3 * np.e), rtol=1e-6)
        np.testing.assert_array_equal(results[1].numpy(), np.full(n, n))
    assert len(f.traces) == 1


def test_a_new_size_finds_the_trace_that_takes_it() -> None:
    f = ps.function(lambda x: x * 2 if x.shape[0] < 5 else x * 10)
    for n in (3, 8, 2, 7, 4, 9, 3, 6):
        np.testing.assert_array_equal(f(ps.ones((n,))).numpy(), np.full(n, 2 if n < 5 else 10))
        np.testing.assert_array_equal(
            f(np.ones(n, np.float32)).numpy(), np.full(n, 2 if n < 5 else 10)
        )
    assert len(f.traces) == 2
    assert f(ps.ones((0,))).shape == (0,)
    assert f(ps.ones((4, 2))).shape == (4, 2)
    assert f(ps.ones((4,), dtype="float64")).dtype == "float64"
