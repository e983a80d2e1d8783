"""`keras.ops` on what stands for tensors, inside of functions, and in models that are saved."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import penstock as ps
from penstock import keras

ops = keras.ops
X = np.random.default_rng(1).uniform(0.1, 1.0, (2, 4, 6)).astype(np.float32)
CALLS: list[Any] = [
    lambda x: ops.median(x, axis=1),
    lambda x: ops.quantile(x, 0.3, axis=-1, keepdims=True),
    lambda x: ops.nansum(ops.where(x > 0.5, x, float("nan")), axis=(1, 2)),
    lambda x: ops.rot90(x, k=3, axes=(1, 2)),
    lambda x: ops.array_split(x, 4, axis=2)[1],
    lambda x: ops.rearrange(x, "b (h p) w -> b h (p w)", p=2),
    lambda x: ops.stft(x, 4, 2, 4)[0],
    lambda x: ops.slice(x, (0, 1, 2), (2, 2, 3)),
    lambda x: ops.slice_update(x, (0, 1, 2), x[:, :2, :3]),
    lambda x: ops.scatter_update(x[0], [[0, 1], [2, 3]], x[0, 0, :2], reduction="add"),
    lambda x: ops.saturate_cast(x * 1000, "uint8"),
    lambda x: ops.unique(ops.cast(x * 3, "int32"), size=4),
    lambda x: ops.trapezoid(x, dx=0.5),
    lambda x: ops.layer_normalization(x, axis=(1, 2)),
    lambda x: ops.max_pool(x, 2, padding="same"),
    lambda x: ops.conv(x, np.ones((2, 6, 3), np.float32)),
    lambda x: ops.image.resize(x[..., None], (3, 5)),
    lambda x: ops.image.crop_images(x[..., None], 1, 1, target_height=2, target_width=3),
    lambda x: ops.cdist(x, x * 2),
    lambda x: ops.gcd(ops.cast(x * 9, "int32"), 6),
    lambda x: ops.view(x, "int32"),
    lambda x: ops.linspace(x, x + 1, 3, axis=1),
    lambda x: ops.dot_product_attention(
        x[:, :, None], x[:, :, None], x[:, :, None], is_causal=True
    ),
]


def array(x: Any) -> Any:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("call", CALLS)
def test_a_model_of_ops_gives_what_ops_give(call: Any) -> None:
    want = array(call(X))
    begin = keras.Input((4, 6), batch_size=2)
    spec = call(begin)
    assert tuple(spec.shape) == want.shape
    assert spec.dtype == want.dtype.name
    model = keras.Model(begin, spec)
    np.testing.assert_allclose(array(model(X)), want, rtol=1e-5, atol=1e-6)
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    again = keras.saving.deserialize_keras_object(data)
    np.testing.assert_allclose(array(again(X)), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("call", CALLS)
def test_a_function_of_ops_gives_what_ops_give(call: Any) -> None:
    np.testing.assert_allclose(array(ps.function(call)(X)), array(call(X)), rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable("test")
def double(x: Any) -> Any:
    return x * 2


def test_functions_inside_of_ops_come_back_by_their_registered_names() -> None:
    begin = keras.Input((4, 6), batch_size=2)
    model = keras.Model(begin, ops.map(double, begin))
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    again = keras.saving.deserialize_keras_object(data)
    np.testing.assert_allclose(array(again(X)), 2 * X)


def test_places_that_are_known_only_when_it_runs() -> None:
    @ps.function
    def part(x: Any, at: Any) -> Any:
        return ops.slice(x, (0, at), (2, 3)), ops.slice_update(x, (at, 0), x[:1] * 0)

    x = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    read, written = part(x, ps.asarray(1))
    np.testing.assert_array_equal(read.numpy(), x[:2, 1:4])
    assert written.numpy()[1].tolist() == [0, 0, 0, 0]


ROWS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=1, max_dims=3, max_side=5),
    elements=st.floats(-100, 100, width=32),
)


@settings(max_examples=60, deadline=None)
@given(x=ROWS, data=st.data())
def test_reductions_follow_numpy(x: Any, data: Any) -> None:
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    q = data.draw(st.floats(0, 1, width=32))
    for name in ("median", "ptp", "nanmean", "nanmax", "nancumsum", "nanstd"):
        got, want = array(getattr(ops, name)(x, axis=axis)), getattr(np, name)(x, axis=axis)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        array(ops.quantile(x, q, axis=axis)),
        np.quantile(x, np.float32(q), axis=axis),
        rtol=1e-3,
        atol=1e-2,
    )


@settings(max_examples=60, deadline=None)
@given(x=ROWS, y=st.floats(0.5, 9, width=32))
def test_remainders_and_splits_follow_numpy(x: Any, y: float) -> None:
    got, want = array(ops.fmod(x, y)), np.fmod(x, np.float32(y))
    apart = np.abs(got - want)
    assert np.all(np.minimum(apart, np.abs(apart - y)) < 1e-3)
    parts = [array(p) for p in ops.array_split(x, 3)]
    assert [p.shape for p in parts] == [p.shape for p in np.array_split(x, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), x)


@pytest.mark.parametrize(
    "name", ["sum", "prod", "nansum", "nanprod", "cumsum", "sort", "all", "any"]
)
def test_empty_arrays(name: str) -> None:
    x = np.zeros((0, 3), np.float32)
    got, want = array(getattr(ops, name)(x, axis=0)), getattr(np, name)(x, axis=0)
    assert got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: ops.rearrange(X, "a b -> b a"), "name its 3 axes"),
        (lambda: ops.rearrange(X, "a b c -> a b"), "the same axes on both sides"),
        (lambda: ops.rearrange(X, "a (b d) c -> a b c d", d=3), "give sizes that divide"),
        (lambda: ops.quantile(X, 0.5, method="middle"), "use one of linear"),
        (lambda: ops.scatter_update(X, [[0]], X[:1], reduction="mean"), "use None, 'add'"),
        (lambda: ops.stft(X, 4, 2, 2), "use an fft_length of at least"),
        (lambda: ops.conv(X, np.ones((2, 4, 3))), "channels / groups"),
        (lambda: ops.vectorize(double, signature="n->n")(X), r"write it as '\(m,n\),\(n\)->\(m\)'"),
        (lambda: ops.correlate(X[0, 0], X[0, 0], "all"), "'valid', 'same' or 'full'"),
        (lambda: ops.fold(X, 4, 2), r"expected \(batch, channels"),
        (lambda: ops.scan(double, X), "give one of them"),
    ],
)
def test_errors_say_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()
