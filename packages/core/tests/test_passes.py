"""Passes: what each removes, what each must keep, and that none changes a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import _native, errors, passes
from penstock.passes.algebra import simplify_algebra
from penstock.passes.cse import share_common
from penstock.passes.fold import fold_constants
from penstock.passes.inline import inline_calls
from penstock.passes.prune import prune


def traced(fn: Callable[..., Any], *shapes: tuple[int, ...], dtype: str = "float32") -> ps.Graph:
    """A function's graph before any pass."""
    g = ps.Graph("g")
    with g.as_default():
        g.outputs = [fn(*(ps.placeholder(dtype, shape) for shape in shapes))]
    return g


def ops_of(graph: ps.Graph) -> Counter[str]:
    return Counter(node.op for node in graph.nodes if node.op not in ("placeholder", "constant"))


def run(graph: ps.Graph, *inputs: Any) -> list[Any]:
    return [t.numpy() for t in _native.Plan(graph).run([ps.asarray(x) for x in inputs])]


# Prune


def test_prune_drops_what_no_output_needs() -> None:
    def fn(x: Any) -> Any:
        ps.exp(ps.sin(x))
        return ps.tanh(x)

    g = traced(fn, (2,))
    assert ops_of(g) == {"exp": 1, "sin": 1, "tanh": 1}
    assert ops_of(prune(g)) == {"tanh": 1}
    assert len(prune(g).inputs) == 1
    assert ops_of(g)["exp"] == 1  # a pass leaves its argument alone


def test_prune_keeps_inputs_and_effects() -> None:
    v = ps.Variable(1.0)

    def fn(x: Any, unused: Any) -> Any:
        v.assign(v * 2)
        ps.random.normal((2,))
        v.value + 1
        return x

    left = prune(traced(fn, (), ()))
    assert ops_of(left) == {
        "assign_variable": 1,
        "multiply": 1,
        "random_normal": 1,
        "read_variable": 1,
    }
    assert len(left.inputs) == 2


def test_prune_follows_control_inputs() -> None:
    def fn(x: Any) -> Any:
        with ps.control_dependencies([ps.exp(x)]):
            return ps.tanh(x)

    left = prune(traced(fn, ()))
    assert ops_of(left) == {"exp": 1, "tanh": 1}
    assert left.find_node("tanh").control_inputs == [left.find_node("exp")]


# Fold


def test_fold_computes_what_is_known() -> None:
    g = fold_constants(traced(lambda x: x + ps.exp(ps.asarray([0.0, 1.0])) * 2, (2,)))
    assert ops_of(g) == {"add": 1}
    np.testing.assert_allclose(run(g, [0.0, 0.0])[0], 2 * np.exp([0, 1]), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, -0.0, np.inf, -np.inf])
def test_fold_keeps_special_values(value: float) -> None:
    g = fold_constants(traced(lambda x: ps.negative(-ps.asarray(np.float32(value))), ()))
    got = run(g, 1.0)[0]
    np.testing.assert_array_equal(got, np.float32(value))
    assert np.signbit(got) == np.signbit(np.float32(value)) or np.isnan(value)


def test_fold_leaves_random_numbers_and_large_results() -> None:
    assert (
        ops_of(fold_constants(traced(lambda x: x + ps.random.normal((3,)), (3,))))["random_normal"]
        == 1
    )
    large = fold_constants(
        traced(lambda x: x + ps.broadcast_to(ps.asarray([1.0]), (1 << 17,)), (1,))
    )
    assert ops_of(large)["broadcast_to"] == 1


# CSE


def test_large_weights_become_smaller_once() -> None:
    weights = np.ones((300, 300), np.float32)
    narrow = fold_constants(
        traced(lambda x: x + ps.cast(ps.asarray(weights), "float16"), (300, 300))
    )
    assert "float16" in {str(n.outputs[0].dtype.name) for n in narrow.nodes if n.op == "constant"}
    wide = fold_constants(traced(lambda x: x + ps.cast(ps.asarray(weights), "float64"), (300, 300)))
    assert {n.outputs[0].dtype.name for n in wide.nodes if n.op == "constant"} == {"float32"}


def test_cse_computes_the_same_thing_once() -> None:
    g = share_common(traced(lambda x, y: ps.exp(x + y) * ps.exp(x + y), (2,), (2,)))
    assert ops_of(g) == {"add": 1, "exp": 1, "multiply": 1}


def test_cse_tells_apart_attributes_signs_and_orders() -> None:
    def fn(x: Any) -> Any:
        parts = [ps.sum(x, axis=0), ps.sum(x, axis=1), ps.sum(x, axis=0, keepdims=True)[0]]
        zeros = [
            ps.full((2,), 0.0),
            ps.full((2,), -0.0),
            ps.full((2,), 0.0, dtype="float64").astype("float32"),
        ]
        return ps.stack([*parts, *zeros, x[0] - x[1], x[1] - x[0]])

    g = traced(fn, (2, 2))
    shared = share_common(g)
    assert ops_of(shared)["full"] == 3
    assert ops_of(shared)["sum"] == 3
    assert ops_of(shared)["subtract"] == 2
    x = np.array([[1.0, 2], [3, 4]], "float32")
    before, after = run(g, x)[0], run(shared, x)[0]
    assert before.tobytes() == after.tobytes()


def test_cse_keeps_every_draw_and_every_write() -> None:
    v = ps.Variable(1.0)

    def fn(x: Any) -> Any:
        v.assign_add(x)
        v.assign_add(x)
        return ps.random.normal(()) + ps.random.normal(())

    shared = ops_of(share_common(traced(fn, ())))
    assert shared["random_normal"] == 2
    assert shared["assign_variable"] == 2
    assert shared["read_variable"] == 2  # a write lies between them


def test_cse_shares_reads_between_writes() -> None:
    v = ps.Variable(1.0)
    assert ops_of(share_common(traced(lambda x: v * x + v * x, ())))["read_variable"] == 1


# Algebra


@pytest.mark.parametrize(
    ("fn", "left"),
    [
        (lambda x: x * 1, {}),
        (lambda x: 1 * x, {}),
        (lambda x: x / 1, {}),
        (lambda x: x - 0, {}),
        (lambda x: x**1, {}),
        (lambda x: x**2, {"square": 1}),
        (lambda x: ps.clip(x, -1.0, 1.0), {"maximum": 1, "minimum": 1}),
        (lambda x: ps.negative(-x), {"negative": 1}),
        (lambda x: ps.identity(ps.stop_gradient(x)), {}),
        (lambda x: x.astype("float32"), {}),
        (lambda x: ps.transpose(ps.transpose(x)), {"transpose": 1}),
        (lambda x: ps.reshape(ps.reshape(x, (4,)), (1, 4)), {"reshape": 2}),
        (lambda x: ps.reshape(x, (2, 2)), {}),
        # What must stay: it matters for -0.0, NaN, or the order of the operands.
        (lambda x: x + 0, {"add": 1}),
        (lambda x: 0 - x, {"subtract": 1}),
        (lambda x: x - (-0.0), {"subtract": 1}),
        (lambda x: x * 0, {"multiply": 1}),
        (lambda x: x - x, {"subtract": 1}),
        (lambda x: x / x, {"divide": 1}),
        (lambda x: 1 / x, {"divide": 1}),
        (lambda x: 1**x, {"power": 1}),
    ],
)
def test_algebra_removes_only_what_changes_nothing(fn: Any, left: dict[str, int]) -> None:
    g = traced(fn, (2, 2))
    simple = simplify_algebra(g)
    x = np.array([[np.nan, -0.0], [np.inf, 3.5]], "float32")
    before, after = run(g, x)[0], run(simple, x)[0]
    assert before.tobytes() == after.tobytes()
    assert before.shape == after.shape
    assert ops_of(simple) == left


def test_algebra_minds_broadcasting_and_promotion() -> None:
    g = simplify_algebra(traced(lambda x: x * ps.ones((3, 1)), (2,)))
    assert run(g, [1.0, 2.0])[0].shape == (3, 2)
    g = simplify_algebra(traced(lambda x: x * ps.asarray(1.0, dtype="float64"), (2,)))
    assert run(g, [1.0, 2.0])[0].dtype == np.float64
    g = simplify_algebra(traced(lambda x: x / 1, (2,), dtype="int32"))
    assert run(g, np.array([1, 2], "int32"))[0].dtype == np.float32


def test_algebra_lets_products_read_transposed_matrices_as_they_lie() -> None:
    x, y = (
        np.random.default_rng(1).normal(size=(3, 5, 4)),
        np.random.default_rng(2).normal(size=(3, 2, 5)),
    )
    both = traced(
        lambda: ps.matmul(ps.matrix_transpose(ps.asarray(x)), ps.matrix_transpose(ps.asarray(y)))
    )
    simple = simplify_algebra(both)
    assert ops_of(prune(simple))["transpose"] == 0
    np.testing.assert_allclose(
        run(simple)[0], x.transpose(0, 2, 1) @ y.transpose(0, 2, 1), rtol=1e-6
    )
    moved = traced(lambda: ps.matmul(ps.permute_dims(ps.asarray(x), (2, 0, 1)), ps.ones((5, 2))))
    assert ops_of(prune(simplify_algebra(moved)))["transpose"] == 1
    row = traced(lambda: ps.matmul(ps.ones(4), ps.matrix_transpose(ps.ones((2, 4)))))
    np.testing.assert_array_equal(run(simplify_algebra(row))[0], [4.0, 4.0])


@pytest.mark.parametrize("strides", [2, 1])
def test_algebra_masks_before_it_unpools(strides: int) -> None:
    def gradient(x: ps.Tensor) -> ps.Tensor:
        return ps.grad(lambda v: ps.sum(ps.square(ps.max_pool2d(ps.relu(v), 2, strides))))(x)

    x = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")
    x[0, 0, 0] = [np.nan, -0.0, np.inf]
    x[1, :2, :2] = -1.0  # a window that relu closes
    g = traced(gradient, x.shape)
    simple = simplify_algebra(g)
    assert run(g, x)[0].tobytes() == run(simple, x)[0].tobytes()
    sizes = {node.op: node.outputs[0].shape for node in simple.nodes}
    assert sizes["relu_grad"] == sizes["max_pool2d"] != sizes["max_pool2d_grad"]


# The pipeline


def test_optimize_leaves_its_argument_alone_and_keeps_names() -> None:
    g = traced(lambda x: ps.exp(x * 1) + ps.exp(x), (2,))
    before = g.text()
    optimised = passes.optimize(g)
    assert g.text() == before
    assert ops_of(optimised) == {"core.tile": 1}  # named after the last of its ops
    assert optimised.find_node("add").source == g.find_node("exp").source


def test_blocks_around_a_call_do_not_reach_the_passes() -> None:
    f = ps.function(lambda x: ps.reshape(ps.reshape(x, (4,)), (4, 1)) * ps.exp(ps.asarray(0.0)))
    x = ps.ones((2, 2))
    with ps.name_scope("around"), ps.device("cpu:0"), ps.GradientTape() as tape:
        made = f.trace(x)
    assert not any(node.name.startswith("around") for node in made.optimized.nodes)
    assert tape._tape.entries() == []


_UNARY: list[Callable[[Any], Any]] = [
    lambda x: -x,
    ps.exp,
    ps.tanh,
    ps.square,
    ps.abs,
    ps.transpose,
    ps.relu,
    ps.identity,
    lambda x: x * 1,
    lambda x: x + 0,
    lambda x: x - 0,
    lambda x: x * 0,
    lambda x: x / 1,
    lambda x: ps.sum(x, axis=0, keepdims=True) + 0 * x,
    lambda x: ps.reshape(ps.reshape(x, (9,)), (3, 3)),
    lambda x: x + ps.exp(ps.asarray(0.5)),
    lambda x: ps.clip(x, -2.0, 2.0),
]
_BINARY: list[Callable[[Any, Any], Any]] = [
    ps.add,
    ps.subtract,
    ps.multiply,
    ps.maximum,
    ps.matmul,
    lambda a, b: ps.where(a > b, a, b),
]


@st.composite
def programs(draw: Any) -> Callable[[Any, Any], list[Any]]:
    size = st.integers(0, 10_000)
    steps = draw(st.lists(st.tuples(st.booleans(), size, size, size), min_size=1, max_size=12))

    def program(x: Any, y: Any) -> list[Any]:
        values = [x, y]
        for unary, which, a, b in steps:
            left, right = values[a % len(values)], values[b % len(values)]
            if unary:
                values.append(_UNARY[which % len(_UNARY)](left))
            else:
                values.append(_BINARY[which % len(_BINARY)](left, right))
        return values[2:][-3:]

    return program


@settings(max_examples=60, deadline=None)
@given(program=programs(), seed=st.integers(0, 100))
def test_random_graphs_compute_the_same_bits_when_optimised(program: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((3, 3)).astype("float32") for _ in range(2))
    x[0, 0], x[1, 1], y[2, 2] = np.nan, -0.0, np.inf
    g = ps.Graph()
    with g.as_default():
        g.outputs = program(ps.placeholder("float32", (3, 3)), ps.placeholder("float32", (3, 3)))
    plain, optimised = run(g, x, y), run(passes.optimize(g), x, y)
    eager = [t.numpy() for t in program(ps.asarray(x), ps.asarray(y))]
    for p, o, e in zip(plain, optimised, eager, strict=True):
        np.testing.assert_array_equal(p, o)
        np.testing.assert_array_equal(p, e)
        np.testing.assert_array_equal(np.signbit(p)[~np.isnan(p)], np.signbit(o)[~np.isnan(p)])


# Users' passes


@pytest.fixture
def user_pass() -> Iterator[Callable[[Any], None]]:
    def add(fn: Any) -> None:
        ps.register_pass("mine", fn)

    yield add
    passes.unregister_pass("mine")


def test_a_users_pass_runs_on_every_graph(user_pass: Any) -> None:
    def exp_to_tanh(graph: ps.Graph) -> ps.Graph:
        return passes.rewrite(
            graph, lambda node, inputs: [ps.tanh(inputs[0])] if node.op == "exp" else None
        )

    user_pass(exp_to_tanh)
    assert ps.function(lambda x: ps.exp(x))(0.0).item() == 0
    g = traced(ps.exp, ())
    assert ps.Session(g).run(g.outputs[0].name, {g.inputs[0].name: 0.0}) == 0


def test_check_passes_catches_a_pass_that_changes_numbers(user_pass: Any) -> None:
    user_pass(
        lambda graph: passes.rewrite(
            graph, lambda node, inputs: [inputs[0]] if node.op == "negative" else None
        )
    )
    f = ps.function(lambda x: -x)
    with (
        ps.check_passes(),
        pytest.raises(
            errors.GraphError,
            match=r"(?s)pass 'mine' changed output 0 of graph '<lambda>'.*before: graph.*negative.*after: graph",
        ),
    ):
        f(ps.ones((3,)))
    assert ps.function(lambda x: -x)(ps.ones((3,))).tolist() == [
        1,
        1,
        1,
    ]  # unchecked, it is believed


def test_check_passes_catches_a_changed_dtype(user_pass: Any) -> None:
    def narrow(graph: ps.Graph) -> ps.Graph:
        new = passes.rewrite(graph)
        with new.as_default():
            new.outputs = [ps.cast(t, "float16") for t in new.outputs]
        return new

    user_pass(narrow)
    with (
        ps.check_passes(),
        pytest.raises(errors.GraphError, match="pass 'mine' changed the outputs of graph"),
    ):
        ps.function(lambda x: -x)(1.0)


def test_check_passes_accepts_cores_own() -> None:
    v = ps.Variable(2.0)

    @ps.function
    def f(x: Any) -> Any:
        return ps.softmax(x * 1 + 0) * v + ps.exp(ps.asarray(1.0)), x.astype("float32")

    with ps.check_passes():
        assert f(ps.ones((2, 3)))[0].shape == (2, 3)
        with ps.Graph().as_default() as g:
            x = ps.placeholder("float32", (None, 2))
            y = ps.tanh(x * 1) + ps.tanh(x)
        assert ps.Session(g).run(y, {x: np.ones((4, 2))}).shape == (4, 2)


def test_a_pass_must_return_a_graph(user_pass: Any) -> None:
    user_pass(lambda graph: None)
    with pytest.raises(
        errors.GraphError, match="pass 'mine' returned NoneType; it must return a Graph"
    ):
        ps.function(lambda x: x)(1.0)


def test_the_door_minds_names_and_stages() -> None:
    with pytest.raises(
        errors.GraphError, match="there is a pass 'cse' already; choose another name"
    ):
        ps.register_pass("cse", lambda graph: graph)
    with pytest.raises(errors.GraphError, match="asks for stage 'early'; the stages are: 'user'"):
        ps.register_pass("x", lambda graph: graph, stage="early")
    with pytest.raises(errors.GraphError, match="there is no pass 'x'"):
        passes.unregister_pass("x")


# Inline, decompose, place


def test_inline_puts_a_subgraph_in_place_of_its_call() -> None:
    body = traced(lambda x: ps.exp(x) * 2, (3,))
    g = ps.Graph()
    with g.as_default():
        x = ps.placeholder("float32", (3,))
        once = _native.call_op("call", [x], {"graph": body})[0]
        g.outputs = _native.call_op("call", [once], {"graph": body})
    assert ops_of(g) == {"call": 2}
    optimised = inline_calls(g)
    assert ops_of(optimised) == {"exp": 2, "multiply": 2}
    x = np.array([0.0, 0.5, -1.0], "float32")
    np.testing.assert_allclose(run(optimised, x)[0], np.exp(np.exp(x) * 2) * 2, rtol=1e-5)


def test_decompose_leaves_no_op_that_only_numpy_could_run_but_that_is_made_of_others() -> None:
    g = passes.optimize(traced(lambda x: ps.softmax(x) + ps.var(x) + ps.log_softmax(x), (2, 3)))
    for node in g.nodes:
        kernel = _native.kernel_for_node(node)
        has_native = kernel is not None and kernel[2] > -1000
        assert has_native or getattr(node.op_function, "compose_fn", None) is None
    x = np.random.default_rng(0).standard_normal((2, 3)).astype("float32")
    soft = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    np.testing.assert_allclose(run(g, x)[0], soft + x.var() + np.log(soft), rtol=1e-4, atol=1e-5)
