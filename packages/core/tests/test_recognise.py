"""Recognisers: which spellings are found, which may not be, and that numbers stay the same up to rounding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import _native
from penstock.passes.algebra import simplify_algebra
from penstock.passes.cse import share_common
from penstock.passes.prune import prune
from penstock.passes.recognise import recognise

RNG = np.random.default_rng(0)
F32_LOWEST = float(np.finfo(np.float32).min)


def traced(fn: Callable[..., Any], *shapes: tuple[Any, ...], dtype: str = "float32") -> ps.Graph:
    """A function's graph as recognisers see it."""
    g = ps.Graph("g")
    with g.as_default():
        result = fn(*(ps.placeholder(dtype, shape) for shape in shapes))
        g.outputs = _tensors(result)
    return prune(share_common(simplify_algebra(g)))


def _tensors(result: Any) -> list[Any]:
    return [t for r in result for t in _tensors(r)] if isinstance(result, tuple) else [result]


def ops_of(graph: ps.Graph) -> Counter[str]:
    return Counter(node.op for node in graph.nodes if node.op not in ("placeholder", "constant"))


def run(graph: ps.Graph, inputs: list[Any]) -> list[Any]:
    return [t.numpy() for t in _native.Plan(graph).run([ps.asarray(x) for x in inputs])]


def recognised(fn: Callable[..., Any], *shapes: tuple[Any, ...], sizes: Any = None) -> ps.Graph:
    """Run the recognisers on a function; the numbers must stay the same."""
    g = traced(fn, *shapes)
    after = recognise(g)
    inputs = [RNG.standard_normal(s).astype("float32") for s in sizes or shapes]
    for old, new in zip(run(g, inputs), run(after, inputs), strict=True):
        np.testing.assert_allclose(new, old, rtol=2e-5, atol=2e-6)
    return after


# Softmax


def softmax(x: Any, axis: int = -1) -> Any:
    e = ps.exp(x - ps.max(x, axis=axis, keepdims=True))
    return e / ps.sum(e, axis=axis, keepdims=True)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_softmax_of_small_ops(axis: int) -> None:
    assert ops_of(recognised(lambda x: softmax(x, axis), (3, 5, 7))) == {"softmax": 1}


def test_a_softmax_whose_sum_is_wanted_stays() -> None:
    def fn(x: Any) -> Any:
        e = ps.exp(x - ps.max(x, axis=-1, keepdims=True))
        total = ps.sum(e, axis=-1, keepdims=True)
        return e / total, total

    assert "softmax" not in ops_of(recognised(fn, (3, 5)))


def test_sums_of_other_axes_are_no_softmax() -> None:
    def fn(x: Any) -> Any:
        e = ps.exp(x - ps.max(x, axis=-1, keepdims=True))
        return e / ps.sum(e, axis=0, keepdims=True)

    assert "softmax" not in ops_of(recognised(fn, (3, 5)))


# Norms


def moments(x: Any) -> tuple[Any, Any]:
    mean = ps.mean(x, axis=-1, keepdims=True)
    d = x - mean
    return d, ps.mean(d**2, axis=-1, keepdims=True)


def exported(x: Any, w: Any, b: Any) -> Any:
    d, variance = moments(x)
    return d / ps.sqrt(variance + 1e-5) * w + b


def by_rsqrt(x: Any, w: Any, b: Any) -> Any:
    d, variance = moments(x)
    return b + w * (ps.rsqrt(1e-3 + variance) * d)


def by_reciprocal(x: Any, w: Any, b: Any) -> Any:
    d, variance = moments(x)
    return d * (1.0 / ps.sqrt(variance + 1e-5)) * w + b


def by_differences(x: Any, w: Any, b: Any) -> Any:
    mean = ps.mean(x, axis=-1, keepdims=True)
    variance = ps.mean(ps.squared_difference(x, mean), axis=-1, keepdims=True)
    s = ps.rsqrt(variance + 1e-3) * w
    return x * s + (b - mean * s)


@pytest.mark.parametrize("norm", [exported, by_rsqrt, by_reciprocal, by_differences])
def test_layer_norms_of_small_ops(norm: Any) -> None:
    assert ops_of(recognised(norm, (2, 3, 8), (8,), (8,))) == {"layer_norm": 1}


def test_layer_norms_over_two_axes_and_of_sizes_that_vary() -> None:
    def over_two(x: Any, w: Any, b: Any) -> Any:
        d = x - ps.mean(x, axis=(-2, -1), keepdims=True)
        return d / ps.sqrt(ps.mean(d * d, axis=(-2, -1), keepdims=True) + 1e-5) * w + b

    assert ops_of(recognised(over_two, (4, 3, 5), (3, 5), (3, 5))) == {"layer_norm": 1}
    found = recognised(exported, ("n", "m", 8), (8,), (8,), sizes=[(2, 3, 8), (8,), (8,)])
    assert ops_of(found) == {"layer_norm": 1}


def test_norms_without_scale_or_offset() -> None:
    def bare(x: Any) -> Any:
        d, variance = moments(x)
        return d / ps.sqrt(variance + 1e-5)

    assert ops_of(recognised(bare, (4, 8))) == {"layer_norm": 1}
    assert ops_of(recognised(lambda x, w: bare(x) * w, (4, 8), (1, 8))) == {
        "layer_norm": 1,
        "reshape": 1,
    }


def test_rms_norms() -> None:
    def by_root(x: Any, w: Any) -> Any:
        return x / ps.sqrt(ps.mean(ps.square(x), axis=-1, keepdims=True) + 1e-6) * w

    def by_inverse(x: Any, w: Any) -> Any:
        return w * (x * ps.rsqrt(ps.mean(x * x, axis=-1, keepdims=True) + 1e-6))

    for norm in (by_root, by_inverse):
        assert ops_of(recognised(norm, (3, 8), (8,))) == {"rms_norm": 1}


def test_norms_in_functions_of_any_sizes() -> None:
    @ps.function
    def scaled(x: Any, w: Any, b: Any) -> Any:
        return exported(x, w, b)

    @ps.function
    def plain(x: Any) -> Any:
        d, variance = moments(x)
        return d / ps.sqrt(variance + 1e-5)

    for rows, cols in ((4, 12), (3, 7)):
        x, w, b = (RNG.standard_normal(s).astype("float32") for s in ((rows, cols), cols, cols))
        want = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        got = scaled(*map(ps.asarray, (x, w, b)))
        np.testing.assert_allclose(got, want * w + b, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(plain(ps.asarray(x)), want, rtol=2e-5, atol=2e-6)
    assert "layer_norm" in str(ps.explain_placement(scaled))
    assert "layer_norm" in str(ps.explain_placement(plain))


def test_what_is_only_like_a_layer_norm_stays() -> None:
    def other_mean(x: Any, w: Any, b: Any) -> Any:
        d = x - ps.mean(x, axis=0, keepdims=True)
        return d / ps.sqrt(ps.mean(d * d, axis=-1, keepdims=True) + 1e-5) * w + b

    def other_difference(x: Any, w: Any, b: Any) -> Any:
        d, variance = moments(x)
        return (d + 1) / ps.sqrt(variance + 1e-5) * w + b

    assert "layer_norm" not in ops_of(recognised(other_difference, (2, 8), (8,), (8,)))
    assert "layer_norm" not in ops_of(recognised(other_mean, (8, 8), (8,), (8,)))


def test_a_norm_whose_variance_is_fetched_stays() -> None:
    def fn(x: Any, w: Any, b: Any) -> Any:
        d, variance = moments(x)
        return d / ps.sqrt(variance + 1e-5) * w + b, variance

    assert "layer_norm" not in ops_of(recognised(fn, (2, 8), (8,), (8,)))


def test_a_scale_of_columns_is_not_taken_for_one_of_rows() -> None:
    def fn(x: Any, w: Any) -> Any:
        d, variance = moments(x)
        return d / ps.sqrt(variance + 1e-5) * w

    assert ops_of(recognised(fn, (8, 8), (8, 1))) == {"layer_norm": 1, "multiply": 1}


# Attention


def heads(x: Any, count: int) -> Any:
    b, t, width = x.shape
    return ps.transpose(ps.reshape(x, (b, t, count, width // count)), (0, 2, 1, 3))


def exported_attention(x: Any, y: Any, z: Any, mask: Any) -> Any:
    """As PyTorch writes it: keys transposed with the heads, a divisor, a mask that is added."""
    b, t, width = y.shape
    keys = ps.transpose(ps.reshape(y, (b, t, 2, width // 2)), (0, 2, 3, 1))
    scores = ps.matmul(heads(x, 2), keys) / math.sqrt(4.0) + mask
    seen = ps.matmul(ps.nn.softmax(scores), heads(z, 2))
    return ps.reshape(ps.transpose(seen, (0, 2, 1, 3)), x.shape)


def test_attention_of_small_ops() -> None:
    shapes = ((2, 5, 8), (2, 6, 8), (2, 6, 8), (2, 1, 1, 6))
    found = ops_of(recognised(exported_attention, *shapes))
    assert found["attention_biased"] == 1
    assert not found["softmax"]
    assert not found["matmul"]


def test_attention_of_sizes_that_vary() -> None:
    shapes = (("b", "t", 8), ("b", "t", 8), ("b", "t", 8), ("b", 1, 1, "t"))
    sizes = ((2, 5, 8), (2, 5, 8), (2, 5, 8), (2, 1, 1, 5))
    assert ops_of(recognised(exported_attention, *shapes, sizes=sizes))["attention_biased"] == 1


def test_attention_in_a_function_of_any_sizes() -> None:
    @ps.function
    def attend(q: Any, k: Any, v: Any) -> Any:
        return softmax(q @ ps.swapaxes(k, -1, -2) / 8.0) @ v

    for sizes in ((2, 3, 5, 8), (1, 2, 9, 4)):
        q, k, v = (RNG.standard_normal(sizes).astype("float32") for _ in range(3))
        scores = np.exp(q @ np.swapaxes(k, -1, -2) / 8.0)
        want = scores / scores.sum(-1, keepdims=True) @ v
        np.testing.assert_allclose(attend(*map(ps.asarray, (q, k, v))), want, rtol=2e-5, atol=2e-6)
    assert str(ps.explain_placement(attend)).startswith("attention ")


def test_attention_with_scales_at_queries_and_keys_and_without_a_mask() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        scores = ps.matmul(q * 0.7, ps.swapaxes(k * 0.5, -1, -2))
        return ps.matmul(softmax(scores), v)

    assert ops_of(recognised(fn, (3, 5, 4), (3, 6, 4), (3, 6, 2))) == {"attention": 1}


@pytest.mark.parametrize("op", ["multiply", "divide"])
def test_scales_that_are_tensors_of_one_element(op: str) -> None:
    def fn(q: Any, k: Any, v: Any, scale: Any, mask: Any) -> Any:
        scores = ps.matmul(q, k, transpose_y=True)
        scores = scale * scores if op == "multiply" else scores / scale
        return ps.matmul(ps.nn.softmax(scores + mask), v)

    shapes = ((2, 5, 4), (2, 6, 4), (2, 6, 4), (1,), (2, 1, 6))
    assert ops_of(recognised(fn, *shapes)) == {op: 1, "attention_biased": 1}
    shapes = ((2, 5, 4), (2, 6, 4), (2, 6, 4), (1, 1, 6), (2, 1, 6))
    assert "softmax" in ops_of(recognised(fn, *shapes))


def test_biases_before_and_behind_the_scale() -> None:
    def fn(q: Any, k: Any, v: Any, near: Any, mask: Any) -> Any:
        scores = (ps.matmul(q, k, transpose_y=True) + near) * 0.3 + mask
        return ps.matmul(ps.nn.softmax(scores), v)

    shapes = ((2, 5, 4), (2, 6, 4), (2, 6, 4), (5, 6), (2, 1, 6))
    assert ops_of(recognised(fn, *shapes))["attention_biased"] == 1


@pytest.mark.parametrize("hidden", [-math.inf, F32_LOWEST])
@pytest.mark.parametrize("keeps", [True, False])
def test_conditions_that_hide_keys(hidden: float, keeps: bool) -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        seen = ps.asarray(np.tri(5, 6) > 0)
        scores = ps.matmul(q, k, transpose_y=True) * 0.5
        low = ps.asarray(np.float32(hidden))
        masked = (
            ps.where(seen, scores, low) if keeps else ps.where(ps.logical_not(seen), low, scores)
        )
        return ps.matmul(ps.nn.softmax(masked), v)

    assert ops_of(recognised(fn, (2, 5, 4), (2, 6, 4), (2, 6, 4)))["attention_biased"] == 1


def test_queries_that_see_nothing_get_zeros_as_exporters_write_it() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        bias = ps.asarray(np.where(np.arange(5)[:, None] == 1, -np.inf, 0.0).astype("float32"))
        weights = ps.nn.softmax(ps.matmul(q, k, transpose_y=True) + bias)
        weights = ps.where(ps.isnan(weights), ps.asarray(np.zeros(1, "float32")), weights)
        return ps.matmul(weights, v)

    found = recognised(fn, (2, 5, 4), (2, 6, 4), (2, 6, 4))
    assert ops_of(found)["attention_biased"] == 1
    (y,) = run(found, [np.ones((2, n, 4), "float32") for n in (5, 6, 6)])
    assert (y[:, 1] == 0).all()
    assert (y[:, 0] == 1).all()


def test_a_number_that_only_lowers_scores_is_no_mask() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        seen = ps.asarray(np.zeros((5, 6), bool))
        scores = ps.where(seen, ps.matmul(q, k, transpose_y=True), ps.asarray(np.float32(-1e4)))
        return ps.matmul(ps.nn.softmax(scores), v)

    assert "attention_biased" not in ops_of(recognised(fn, (5, 4), (6, 4), (6, 4)))


def test_attention_whose_weights_are_fetched_stays() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        weights = ps.nn.softmax(ps.matmul(q, k, transpose_y=True))
        return ps.matmul(weights, v), weights

    found = ops_of(recognised(fn, (5, 4), (6, 4), (6, 4)))
    assert found == {"matmul": 2, "softmax": 1}


def test_heads_that_share_keys_by_broadcasting_stay() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        return ps.matmul(ps.nn.softmax(ps.matmul(q, k, transpose_y=True)), v)

    assert "attention" not in ops_of(recognised(fn, (3, 5, 4), (1, 6, 4), (1, 6, 4)))


def test_a_softmax_over_queries_stays() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        return ps.matmul(ps.nn.softmax(ps.matmul(q, k, transpose_y=True), axis=-2), v)

    assert "attention" not in ops_of(recognised(fn, (3, 5, 4), (3, 6, 4), (3, 6, 4)))


@given(
    batch=st.integers(0, 3),
    queries=st.integers(0, 70),
    keys=st.integers(1, 140),
    depth=st.integers(1, 40),
    width=st.integers(1, 40),
)
@settings(max_examples=30, deadline=None)
def test_attention_of_any_sizes(
    batch: int, queries: int, keys: int, depth: int, width: int
) -> None:
    def fn(q: Any, k: Any, v: Any, mask: Any) -> Any:
        scores = ps.matmul(q, k, transpose_y=True) / math.sqrt(depth) + mask
        return ps.matmul(softmax(scores), v)

    shapes = ((batch, queries, depth), (batch, keys, depth), (batch, keys, width), (queries, 1))
    assert ops_of(recognised(fn, *shapes))["attention_biased"] == 1


# Layouts


def split_heads(x: Any, w: Any) -> Any:
    return heads(ps.matmul(x, w), 2)


def test_attention_reads_what_layers_make_without_transposes() -> None:
    def fn(x: Any, w: Any, mask: Any) -> Any:
        q, k, v = (split_heads(x, w * c) for c in (1.0, 0.5, -1.0))
        seen = ps.nn.scaled_dot_product_attention(q, k, v, mask, causal=True)
        return ps.reshape(ps.transpose(seen, (0, 2, 1, 3)), x.shape)

    found = recognised(fn, (2, 5, 8), (8, 8), (2, 1, 1, 5))
    assert "transpose" not in ops_of(found)
    (node,) = (n for n in found.nodes if n.op == "attention_biased")
    assert node.attrs["by_token"] is True


def test_gradients_of_attention_need_no_transposes_either() -> None:
    def loss(x: Any, w: Any) -> Any:
        q, k, v = (split_heads(x, w * c) for c in (1.0, 0.5, -1.0))
        seen = ps.nn.scaled_dot_product_attention(q, k, v)
        return ps.sum(ps.reshape(ps.transpose(seen, (0, 2, 1, 3)), x.shape) ** 2)

    found = recognised(ps.value_and_grad(loss, argnums=(0, 1)), (2, 5, 8), (8, 8))
    counts = ops_of(found)
    assert (counts["attention"], counts["attention_grad"], counts["transpose"]) == (1, 1, 0)


def test_attention_over_heads_that_come_so_is_left_alone() -> None:
    def fn(q: Any, k: Any, v: Any) -> Any:
        return ps.nn.scaled_dot_product_attention(q, ps.transpose(k, (0, 2, 1, 3)), v)

    found = ops_of(recognised(fn, (2, 3, 5, 4), (2, 5, 3, 4), (2, 3, 5, 4)))
    assert found == {"attention": 1, "transpose": 1}


# The whole pipeline


def test_functions_and_their_gradients_keep_their_numbers() -> None:
    w = ps.Variable(RNG.standard_normal(8).astype("float32"))

    def block(x: Any, mask: Any) -> Any:
        y = exported(x, w, w) + exported_attention(x, x, x, mask)
        return ps.sum(by_differences(y, w, w) ** 3)

    x = RNG.standard_normal((2, 5, 8)).astype("float32")
    mask = np.where(RNG.random((2, 1, 1, 5)) < 0.3, -1e9, 0.0).astype("float32")
    with ps.check_passes():
        value, slopes = ps.function(ps.value_and_grad(block))(x, mask)
    with ps.GradientTape() as tape:
        given = ps.asarray(x)
        tape.watch(given)
        expected = block(given, ps.asarray(mask))
    np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-4)
    np.testing.assert_allclose(
        slopes.numpy(), tape.gradient(expected, given).numpy(), rtol=1e-3, atol=1e-4
    )


def block_model(fn: Callable[..., Any]) -> tuple[Any, ps.Variable]:
    """A model as importers make it, with a weight that can be trained."""
    w = ps.Variable(RNG.standard_normal(8).astype("float32"), name="w")
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("b", "t", 8), name="x")
        mask = ps.placeholder("float32", ("b", 1, 1, "t"), name="mask")
        graph.inputs, graph.outputs = [x, mask], [fn(x, mask, w)]
    return ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w}), w


def test_imported_models_train_by_the_gradients_of_what_is_found() -> None:
    def fn(x: Any, mask: Any, w: Any) -> Any:
        return exported_attention(exported(x, w, w), x, x, mask)

    model, w = block_model(fn)
    x = ps.asarray(RNG.standard_normal((2, 5, 8)).astype("float32"))
    mask = ps.asarray(RNG.standard_normal((2, 1, 1, 5)).astype("float32"))

    def gradients(call: Callable[..., Any]) -> list[Any]:
        with ps.GradientTape() as tape:
            tape.watch(x)
            loss = ps.sum(call(x, mask) ** 3)
        return [t.numpy() for t in tape.gradient(loss, [x, w])]

    expected = gradients(lambda x, mask: fn(x, mask, w))
    for got, want in zip(gradients(model), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
    traced_gradient = traced(
        lambda x, m: ps.grad(lambda x: ps.sum(model(x, m)))(x), x.shape, mask.shape
    )
    counts = ops_of(traced_gradient)
    assert (counts["attention_biased_grad"], counts["layer_norm_grad"]) == (1, 1)


def test_what_stops_gradients_is_kept_in_models() -> None:
    model, _ = block_model(
        lambda x, mask, w: x * ps.stop_gradient(x) + 0 * (exported(x, w, w) + ps.sum(mask))
    )
    x = RNG.standard_normal((1, 2, 8)).astype("float32")
    mask = np.zeros((1, 1, 1, 2), "float32")
    slope = ps.grad(lambda x: ps.sum(model(x, mask)))(ps.asarray(x))
    np.testing.assert_allclose(slope.numpy(), x, rtol=1e-5, atol=1e-6)  # not 2 x


def test_equal_small_constants_are_one() -> None:
    def fn(x: Any) -> Any:
        lows = [ps.asarray(np.full(1, -np.inf, "float32")) for _ in range(2)]
        return tuple(ps.where(x > 0, x, low) for low in lows)

    g = ps.Graph("g")
    with g.as_default():
        x = ps.placeholder("float32", (3,))
        g.outputs = list(fn(x))
    assert ops_of(prune(share_common(g)))["where"] == 1


# GELU

WIDE, CUBE = math.sqrt(2 / math.pi), 0.044715
GELUS: dict[str, Callable[[Any], Any]] = {
    "halves first": lambda x: 0.5 * x * (1.0 + ps.erf(x / math.sqrt(2.0))),
    "halves last": lambda x: x * (ps.erf(x * math.sqrt(0.5)) + 1.0) * 0.5,
    "half of the gate": lambda x: x * (0.5 * (1.0 + ps.erf(x / math.sqrt(2.0)))),
    "divided": lambda x: x * (1.0 + ps.erf(x / math.sqrt(2.0))) / 2.0,
    "tanh": lambda x: 0.5 * x * (1.0 + ps.tanh(WIDE * (x + CUBE * x * x * x))),
    "tanh of a power": lambda x: 0.5 * x * (1.0 + ps.tanh(WIDE * (x + CUBE * ps.power(x, 3.0)))),
    "tanh of a square": lambda x: x * (0.5 * (1.0 + ps.tanh(WIDE * x * (1.0 + CUBE * x * x)))),
}


@pytest.mark.parametrize("spelling", GELUS)
def test_a_gelu_of_small_ops(spelling: str) -> None:
    after = recognised(GELUS[spelling], (3, 50))
    assert ops_of(after) == {"gelu": 1}
    node = next(n for n in after.nodes if n.op == "gelu")
    assert node.attrs["approximate"] == spelling.startswith("tanh")


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: 0.5 * x * (1.0 + ps.erf(x / 1.5)),
        lambda x: 0.6 * x * (1.0 + ps.erf(x / math.sqrt(2.0))),
        lambda x: 0.5 * x * (2.0 + ps.erf(x / math.sqrt(2.0))),
        lambda x: 0.5 * ps.exp(x) * (1.0 + ps.erf(x / math.sqrt(2.0))),
        lambda x: 0.5 * x * (1.0 + ps.tanh(WIDE * (x + 0.05 * x * x * x))),
        lambda x: 0.5 * x * (1.0 + ps.tanh(WIDE * (x + CUBE * x * x))),
        lambda x: 0.5 * x * x * (1.0 + ps.erf(x / math.sqrt(2.0))),
        lambda x: 0.5 * x * (1.0 + ps.tanh(x / math.sqrt(2.0))),
    ],
)
def test_what_only_looks_like_a_gelu_stays(fn: Callable[[Any], Any]) -> None:
    assert "gelu" not in ops_of(recognised(fn, (3, 50)))


def test_a_gelu_whose_gate_is_wanted_stays() -> None:
    def fn(x: Any) -> Any:
        gate = 1.0 + ps.erf(x / math.sqrt(2.0))
        return 0.5 * x * gate, gate

    assert "gelu" not in ops_of(recognised(fn, (3, 5)))


@given(st.integers(0, 4), st.integers(1, 40), st.floats(0.1, 6.0))
@settings(max_examples=20, deadline=None)
def test_a_gelu_among_other_ops(rows: int, cols: int, scale: float) -> None:
    def fn(x: Any) -> Any:
        z = x * scale + 0.25
        return 0.5 * z * (1.0 + ps.tanh(WIDE * (z + CUBE * z * z * z))) - 0.5

    assert ops_of(recognised(fn, (rows, cols)))["gelu"] == 1
