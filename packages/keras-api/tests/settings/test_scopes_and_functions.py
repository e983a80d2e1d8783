"""`Function`, scopes, and what optimizers and metrics do without changing variables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def test_function_runs_what_is_between() -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    middle = keras.ops.exp(a) + b
    out = {"sum": keras.layers.Dense(2)(middle), "middle": middle}
    function = keras.Function([a, b], out, name="between")
    made = function([X, 2 * X])
    np.testing.assert_allclose(made["middle"].numpy(), np.exp(X) + 2 * X, rtol=1e-5)
    assert function.compute_output_shape([(None, 3), (None, 3)]) == {
        "sum": (None, 2),
        "middle": (None, 3),
    }
    assert len(function.operations) == 3
    late = keras.Function(middle, out["sum"])
    np.testing.assert_allclose(late(made["middle"]).numpy(), made["sum"].numpy(), rtol=1e-6)


def test_a_function_on_what_stands_for_tensors_is_a_part_of_a_model() -> None:
    x = keras.Input((3,))
    function = keras.Function(x, keras.ops.tanh(x) * 3)
    y = keras.Input((3,))
    model = keras.Model(y, function(y))
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * np.tanh(X), rtol=1e-5)


def test_a_function_names_the_input_that_is_missing() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    with pytest.raises(ValueError, match="depends on 'b', which is not among the inputs; add it"):
        keras.Function(a, a + b)
    with pytest.raises(ValueError, match="got 2 inputs; give 1"):
        keras.Function(a, a * 2)([X, X])


def test_name_scopes_are_paths() -> None:
    with keras.name_scope("outer"), keras.name_scope("inner"):
        v = keras.Variable(1.0, name="v")
    assert v.path == "outer/inner/v"
    with pytest.raises(TypeError, match="a word without '/'"):
        keras.name_scope("a/b")


def test_the_device_is_chosen_by_keras_names() -> None:
    with keras.device("cpu:0"):
        assert keras.ops.ones((2,)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Lion"])
def test_stateless_apply_gives_what_apply_does(name: str) -> None:
    def made() -> tuple[Any, Any]:
        v = keras.Variable(X)
        optimizer = getattr(keras.optimizers, name)(0.1)
        optimizer.build([v])
        return v, optimizer

    v, optimizer = made()
    values, state = [v.value], [s.value for s in optimizer.variables]
    for n in range(3):
        values, state = optimizer.stateless_apply(state, [X * (n + 1)], values)
    np.testing.assert_array_equal(v.numpy(), X)
    other, real_optimizer = made()
    for n in range(3):
        real_optimizer.apply([X * (n + 1)], [other])
    np.testing.assert_allclose(np.asarray(values[0]), other.numpy(), rtol=1e-6)
    real_optimizer.set_weights(state)
    assert int(real_optimizer.iterations.numpy()) == 3
    with pytest.raises(ValueError, match=r"optimizer\.build"):
        getattr(keras.optimizers, name)().stateless_apply([], [], [])


def test_metrics_without_state() -> None:
    metric = keras.metrics.MeanSquaredError()
    state = [v.value for v in metric.variables]
    for _ in range(2):
        state = metric.stateless_update_state(state, X, X + 2)
    assert float(metric.stateless_result(state)) == pytest.approx(4.0)
    assert float(metric.result()) == 0.0
    assert [float(v) for v in metric.stateless_reset_state()] == [0.0] * len(state)
    with pytest.raises(ValueError, match=r"one for each of metric\.variables"):
        metric.stateless_result([])


def test_layers_by_configuration() -> None:
    data = keras.layers.serialize(keras.layers.Dense(3, name="d"))
    assert keras.layers.deserialize(data).name == "d"
    with pytest.raises(TypeError, match="which is no layer"):
        keras.layers.deserialize(keras.saving.serialize_keras_object(keras.initializers.Zeros()))
