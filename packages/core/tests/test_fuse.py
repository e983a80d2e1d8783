"""Fusion: which chains become tile programs, which may not, and that no bit changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import _native, config
from penstock.errors import NumericError, PluginError
from penstock.ops._tile_program import TileProgram
from penstock.passes import fuse as fuse_module
from penstock.passes.fuse import fuse
from penstock.reference import Destination

RNG = np.random.default_rng(0)


def traced(fn: Callable[..., Any], *shapes: tuple[int, ...], dtype: str = "float32") -> ps.Graph:
    g = ps.Graph("g")
    with g.as_default():
        result = fn(*(ps.placeholder(dtype, shape) for shape in shapes))
        g.outputs = list(result) if isinstance(result, tuple) else [result]
    return g


def ops_of(graph: ps.Graph) -> Counter[str]:
    return Counter(node.op for node in graph.nodes if node.op not in ("placeholder", "constant"))


def program_of(graph: ps.Graph) -> TileProgram:
    (node,) = (node for node in graph.nodes if node.op == "core.tile")
    return TileProgram.parse(node.attrs["program"], node.attrs["constants"])


def run(graph: ps.Graph, *inputs: Any) -> list[bytes]:
    made = _native.Plan(graph).run([ps.asarray(x) for x in inputs])
    arrays = (t.numpy() for t in made)
    return [np.where(a != a, np.nan, a).astype(a.dtype).tobytes() for a in arrays]  # one NaN only


def same_bits(g: ps.Graph) -> ps.Graph:
    """Fuse a graph; what it computes for random inputs may not change at all."""
    fused = fuse(g)
    inputs = [RNG.standard_normal(t.shape).astype(t.dtype.name) for t in g.inputs]
    assert run(fused, *inputs) == run(g, *inputs)
    return fused


def test_a_chain_becomes_one_program() -> None:
    fused = same_bits(traced(lambda x, a, b: ps.tanh(x * a + b) * 0.5, (40, 7), (7,), (40, 1)))
    assert ops_of(fused) == {"core.tile": 1}
    assert program_of(fused).text() == (
        "%4 = multiply(%0, %1); %5 = add(%4, %2); %6 = tanh(%5); %7 = multiply(%6, 0.5)"
    )


def test_a_value_that_is_needed_outside_is_another_output() -> None:
    def fn(x: Any, w: Any) -> Any:
        y = ps.exp(x) + 1
        return ps.matmul(y, w), ps.log(y) * 2

    fused = same_bits(traced(fn, (5, 6), (6, 3)))
    assert ops_of(fused) == {"core.tile": 2, "matmul": 1}  # the product stands between them

    def both(x: Any) -> Any:
        y = ps.exp(x)
        return y, y * 2

    assert len(program_of(same_bits(traced(both, (5,)))).outputs) == 2


def test_a_loss_is_one_pass() -> None:
    fused = same_bits(traced(lambda a, b: ps.mean(ps.square(a - b)), (300, 70), (300, 70)))
    assert ops_of(fused) == {"core.tile": 1}


@pytest.mark.parametrize("axis", [-1, (1, 2), None, (0, 1, 2)])
@pytest.mark.parametrize("op", [ps.sum, ps.mean, ps.max, ps.min])
def test_reductions_over_trailing_axes_join(op: Any, axis: Any) -> None:
    g = traced(lambda x: op(ps.exp(x) * 2, axis=axis, keepdims=True), (3, 50, 60))
    assert ops_of(same_bits(g)) == {"core.tile": 1}


def test_reductions_over_other_axes_stay() -> None:
    assert ops_of(same_bits(traced(lambda x: ps.sum(ps.exp(x) * 2, axis=0), (3, 5)))) == {
        "core.tile": 1,
        "sum": 1,
    }


def test_what_a_reduction_made_does_not_come_back_into_its_program() -> None:
    g = traced(lambda x: ps.exp(x * 2) / ps.sum(ps.exp(x * 2), axis=-1, keepdims=True), (4, 1))
    same_bits(g)
    h = traced(lambda x: ps.exp(x - ps.max(x * 1.5, axis=-1, keepdims=True)), (4, 300))
    assert ops_of(same_bits(h)) == {"core.tile": 2}


def test_masks_comparisons_and_casts_join() -> None:
    def fn(x: Any, y: Any) -> Any:
        near = ps.logical_and(x < y, ps.logical_not(ps.isnan(x)))
        return ps.where(near, x, ps.cast(near, "float32") + 3), near

    assert ops_of(same_bits(traced(fn, (33, 9), (9,)))) == {"core.tile": 1}


def test_a_user_between_two_members_keeps_them_apart() -> None:
    def fn(x: Any) -> Any:
        y = ps.exp(x)
        z = ps.cumsum(y, axis=0)
        return ps.tanh(y + z) * 2

    fused = same_bits(traced(fn, (20,)))
    assert ops_of(fused)["exp"] == 1  # cumsum needs it before the rest can run
    assert ops_of(fused)["core.tile"] == 1


def test_the_order_of_effects_stays() -> None:
    v = ps.Variable(np.float32(1.0))

    def fn(x: Any) -> Any:
        before = v.value * 2 + 1
        v.assign(before * x)
        return before + v.value * 3

    f = ps.function(fn)
    assert float(f(ps.asarray(2.0))) == 3 + 6 * 3
    assert float(f(ps.asarray(2.0))) == 13 + 26 * 3


def test_nodes_that_others_wait_for_stay() -> None:
    def fn(x: Any) -> Any:
        with ps.control_dependencies([ps.exp(x * 2)]):
            return ps.tanh(x)

    fused = fuse(traced(fn, (2,)))
    assert fused.find_node("tanh").control_inputs == [fused.find_node("exp")]


def test_integers_strings_and_mixtures_stay() -> None:
    assert "core.tile" not in ops_of(fuse(traced(lambda x: x * 2 + 1, (3,), dtype="int32")))
    assert "core.tile" not in ops_of(fuse(traced(lambda x: x * 2 + 1, (3,), dtype="bfloat16")))
    g = traced(lambda x: ps.tanh(ps.exp(ps.cast(ps.exp(x) * 2, "float64"))), (3,))
    assert ops_of(same_bits(g)) == {"core.tile": 2, "cast": 1}


def test_long_chains_keep_within_the_limits() -> None:
    def fn(x: Any, *others: Any) -> Any:
        for i in range(100):
            x = ps.maximum(x * others[i % 20], others[(i + 7) % 20] - 0.5 * i)
        return x

    fused = same_bits(traced(fn, *[(30,)] * 21))
    assert ops_of(fused)["core.tile"] >= 2
    for node in fused.nodes:
        if node.op == "core.tile":
            program = TileProgram.parse(node.attrs["program"], node.attrs["constants"])
            assert program.inputs <= 12
            assert len(program.instructions) <= 32


def test_symbols_that_a_guard_calls_equal_are_one_size() -> None:
    f = ps.function(lambda x, y: ps.mean(ps.square((x + y) - x)))
    for n in (3, 50):
        x, y = RNG.standard_normal((2, n, 8)).astype("float32")
        np.testing.assert_allclose(f(x, y).numpy(), np.mean(y**2), rtol=1e-5)
    assert len(f.traces) == 1
    assert ops_of(f.traces[0].optimized) == {"core.tile": 1}


def test_a_session_fuses_and_its_fetches_survive() -> None:
    g = ps.Graph()
    with g.as_default():
        x = ps.placeholder("float32", (None,), name="x")
        y = ps.exp(x)
        z = ps.tanh(y * 2)
    with ps.Session(g) as sess:
        got = sess.run([z, y], {x: [0.0, 1.0]})
        assert "core.tile" in ops_of(next(iter(sess._plans.values()))[0].graph)
        np.testing.assert_allclose(got[1], np.exp([0.0, 1.0]), rtol=1e-6)
        np.testing.assert_allclose(got[0], np.tanh(2 * got[1]), rtol=1e-6)
        np.testing.assert_allclose(sess.run(z, {y: [0.5]}), np.tanh([1.0]), rtol=1e-6)


def test_an_error_inside_names_the_first_line_of_the_chain() -> None:
    f = ps.function(lambda x: ps.max(ps.exp(x) * 2, axis=0))
    f(ps.ones((3,)))
    g = ps.Graph()
    with g.as_default():
        x = ps.placeholder("float32", (None,), name="x")
        y = ps.max(ps.exp(x) * 2, axis=0)
    with ps.Session(g) as sess, pytest.raises(ValueError, match=r"no elements(.|\n)*test_fuse.py"):
        sess.run(y, {x: np.zeros(0, "float32")})


def test_debug_nans_still_names_the_op() -> None:
    f = ps.function(lambda x: ps.exp(ps.log(x) * 2))
    with ps.debug_nans(), pytest.raises(NumericError, match="log"):
        f(ps.asarray([-1.0]))


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    g = traced(lambda x: ps.exp(x) * 2, (3,))
    off = config.Settings.from_environment({"PENSTOCK_FUSION": "off"})
    monkeypatch.setattr(fuse_module, "settings", lambda: off)
    assert ops_of(fuse(g)) == {"exp": 1, "multiply": 1}
    with pytest.raises(config.ConfigError, match=r"PENSTOCK_FUSION='maybe'.*on .*or off"):
        config.Settings.from_environment({"PENSTOCK_FUSION": "maybe"})


def hosts_of(graph: ps.Graph) -> list[str]:
    return [n.op for n in graph.nodes if n.op not in ("placeholder", "constant")]


def test_what_follows_a_product_runs_in_its_kernel() -> None:
    def dense(x: Any, w: Any, b: Any, r: Any) -> Any:
        return ps.relu(ps.matmul(x, w) + b) + r

    fused = same_bits(traced(dense, (50, 900), (900, 37), (37,), (50, 37)))  # two blocks of 900
    assert hosts_of(fused) == ["core.matmul_tile"]
    wide = same_bits(traced(lambda x, w, b: ps.matmul(x, w) + b, (3, 8), (8, 700), (700,)))
    assert hosts_of(wide) == ["core.matmul_tile"]  # a bias alone is enough
    stacked = same_bits(traced(dense, (4, 9, 16), (4, 16, 5), (4, 1, 1), (4, 9, 5)))
    assert hosts_of(stacked) == ["core.matmul_tile"]


def test_what_follows_a_convolution_runs_in_its_kernel() -> None:
    def layer(x: Any, w: Any, b: Any) -> Any:
        return ps.relu(ps.nn.conv2d(x, w, padding="same") + b)

    for shape in ((2, 9, 8, 3), (2, 1, 1, 3)):
        fused = same_bits(traced(layer, shape, (3, 3, 3, 40), (40,)))
        assert hosts_of(fused) == ["core.conv2d_tile"]
    pointwise = same_bits(traced(layer, (3, 5, 5, 3), (1, 1, 3, 4), (3, 1, 1, 4)))
    assert hosts_of(pointwise) == ["core.conv2d_tile"]


def test_a_product_that_others_want_stays() -> None:
    def both(x: Any, w: Any) -> Any:
        y = ps.matmul(x, w)
        return y, ps.relu(y) * 2

    assert ops_of(same_bits(traced(both, (5, 6), (6, 3)))) == {"matmul": 1, "core.tile": 1}

    def spread(x: Any, w: Any, r: Any) -> Any:
        return ps.relu(ps.matmul(x, w) + r)  # more elements than the product has

    wide = same_bits(traced(spread, (5, 6), (6, 3), (2, 5, 3)))
    assert ops_of(wide) == {"matmul": 1, "core.tile": 1}
    total = same_bits(traced(lambda x, w: ps.sum(ps.exp(ps.matmul(x, w))), (5, 6), (6, 3)))
    assert ops_of(total) == {"matmul": 1, "core.tile": 1}


def test_a_kernel_that_declares_nothing_keeps_its_op() -> None:
    """Somebody's product runs as it is; the epilogue is for those who take one."""

    def product(ctx: Any, x: Any, y: Any, *, out: Any, **attrs: Any) -> None:
        out[...] = x @ y + 1000

    g = traced(lambda x, w, b: ps.matmul(x, w) + b, (2, 3), (3, 4), (4,))
    kernel = Destination(product)
    _native.register_python_kernel("matmul", "cpu", "f32", kernel, 50, "plain")
    try:
        assert hosts_of(fuse(g)) == ["matmul", "add"]
    finally:
        _native.remove_kernels("plain")
    assert hosts_of(fuse(g)) == ["core.matmul_tile"]


def test_a_kernel_in_python_takes_an_epilogue() -> None:
    def product(ctx: Any, x: Any, y: Any, *extras: Any, out: Any, **attrs: Any) -> None:
        out[...] = x @ y + 1000
        if "program" in attrs:
            program = TileProgram.parse(attrs["program"], attrs["constants"])
            out[...] = program.run([out, *extras], out.dtype)[0]

    g = traced(lambda x, w, b: ps.matmul(x, w) * b, (2, 3), (3, 4), (4,))
    kernel = Destination(product)
    _native.register_python_kernel("matmul", "cpu", "f32", kernel, 50, "able", epilogue=True)
    try:
        fused = fuse(g)
        assert hosts_of(fused) == ["core.matmul_tile"]
        x, w, b = np.ones((2, 3), "f"), np.ones((3, 4), "f"), np.arange(4, dtype="f")
        (got,) = _native.Plan(fused).run([ps.asarray(v) for v in (x, w, b)])
        np.testing.assert_array_equal(got.numpy(), 1003 * b * np.ones((2, 1), "f"))
    finally:
        _native.remove_kernels("able")
    assert hosts_of(fuse(g)) == ["core.matmul_tile"]  # of whoever is left


def test_only_products_and_convolutions_have_epilogues() -> None:
    with pytest.raises(
        PluginError, match="for 'exp'; it is for matmul, conv2d and depthwise_conv2d: take"
    ):
        _native.register_python_kernel("exp", "cpu", "f32", print, 50, "wrong", epilogue=True)


def test_explain_names_the_product() -> None:
    f = ps.function(lambda x, w, b: ps.relu(ps.matmul(x, w) + b))
    f(ps.ones((2, 3)), ps.ones((3, 4)), ps.ones((4,)))
    assert ": matmul, add, relu in one pass" in ps.explain_placement(f)


def test_explain_shows_the_members() -> None:
    f = ps.function(lambda x: ps.exp(x) * 2)
    f(ps.ones((3,)))
    assert ": exp, multiply in one pass" in ps.explain_placement(f)


def test_the_reference_runs_the_same_programs() -> None:
    code = """
import numpy as np, penstock as ps
def fn(x, r):
    return ps.mean(ps.square(ps.tanh(x * r) - 1.5), axis=-1), ps.relu(x) + r, ps.relu(x @ x + r)
f = ps.function(fn)
x, r = np.random.default_rng(0).standard_normal((2, 60, 60)).astype("float32")
got = f(x, r[0])
assert {"core.tile", "core.matmul_tile"} <= {n.op for n in f.traces[0].optimized.nodes}
eager = f.__wrapped__(ps.asarray(x), ps.asarray(r[0]))
assert [a.numpy().tobytes() for a in got] == [a.numpy().tobytes() for a in eager]
print("same")
"""
    env = os.environ | {"PENSTOCK_PLUGINS": "none"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "same\n", done.stderr


UNARY = [ps.exp, ps.tanh, ps.abs, ps.square, ps.sign, ps.relu, ps.negative, ps.floor]
BINARY = [ps.add, ps.subtract, ps.multiply, ps.maximum, ps.minimum, ps.divide]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_random_graphs_keep_every_bit(data: st.DataObject) -> None:
    shapes = data.draw(
        st.sampled_from([[(6, 5), (5,), (6, 1), ()], [(2, 3, 40), (40,), (3, 1), (1,)]])
    )

    def fn(*inputs: Any) -> Any:
        values = list(inputs)
        for _ in range(data.draw(st.integers(2, 25))):
            pick = st.integers(0, len(values) - 1)
            kind = data.draw(st.integers(0, 9))
            x, y = values[data.draw(pick)], values[data.draw(pick)]
            if kind < 3:
                values.append(data.draw(st.sampled_from(UNARY))(x))
            elif kind < 7:
                values.append(data.draw(st.sampled_from(BINARY))(x, y))
            elif kind == 7:
                values.append(ps.where(x < y, y, x * 0.5))
            elif kind == 8:
                values.append(ps.mean(x, axis=-1, keepdims=True) if x.ndim else x)
            else:
                values.append(ps.cumsum(x, axis=0) if x.ndim else x)
        chosen = data.draw(
            st.lists(st.integers(len(inputs), len(values) - 1), min_size=1, max_size=4)
        )
        return tuple(values[i] for i in chosen)

    same_bits(traced(fn, *shapes))


def test_masks_that_are_compared_or_chosen_stay_outside() -> None:
    def f(x: Any, y: Any) -> Any:
        p, q = ps.logical_or(x, y), ps.logical_and(x, y)
        return ps.equal(p, q), ps.where(p, q, x), ps.less(q, p)

    x, y = RNG.random((2, 64, 5)) < 0.5
    p, q = x | y, x & y
    for actual, expected in zip(
        ps.function(f)(x, y), (p == q, np.where(p, q, x), q < p), strict=True
    ):
        np.testing.assert_array_equal(actual.numpy(), expected)


def test_each_of_two_products_runs_the_steps_behind_it() -> None:
    rng = np.random.default_rng(0)
    x, v, w = (rng.normal(size=s).astype("f") for s in ((8, 6), (6, 5), (6, 5)))
    a, b = (rng.normal(size=5).astype("f") for _ in range(2))

    def block(x: Any, v: Any, w: Any, a: Any, b: Any) -> Any:
        return ps.nn.relu((x @ v - a) * b + (x @ w * b + a))

    with ps.Graph().as_default() as graph:
        graph.inputs = [ps.placeholder("float32", t.shape) for t in (x, v, w, a, b)]
        graph.outputs = [block(*graph.inputs)]
    function = ps.saved.GraphFunction(graph)
    assert hosts_of(function.plan.graph) == ["core.matmul_tile"] * 2
    assert not [node for node in function.plan.graph.nodes if node.op in ("core.tile", "multiply")]
    got = np.asarray(function(x, v, w, a, b))
    np.testing.assert_array_equal(got, np.asarray(block(*map(ps.asarray, (x, v, w, a, b)))))
