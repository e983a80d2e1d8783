"""Optimizers and metrics whose state is handed in and out; several optimizers together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam", "Ftrl", "Lamb", "Adafactor"])
def test_stateless_apply_is_apply(name: str) -> None:
    start = [RNG.normal(size=shape).astype(np.float32) for shape in ((3, 4), (2,))]
    steps = [[RNG.normal(size=v.shape).astype(np.float32) for v in start] for _ in range(3)]
    first, second = ([keras.Variable(value) for value in start] for _ in range(2))
    one, other = (getattr(keras.optimizers, name)(0.1) for _ in range(2))
    other.build(second)
    values, state = [v.value for v in second], [v.value for v in other.variables]
    for grads in steps:
        one.apply(grads, first)
        values, state = other.stateless_apply(state, grads, values)
    for mine, theirs in zip(values, first, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-6)
    for v, value in zip(second, start, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)
    other.set_weights([s.numpy() for s in state])
    for mine, theirs in zip(other.variables, one.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="build the optimizer first"):
        other.set_weights(state[1:])
    with pytest.raises(ValueError, match=r"call optimizer\.build"):
        keras.optimizers.SGD().stateless_apply([], [], [])


def test_stateless_metrics() -> None:
    metric, plain = keras.metrics.AUC(num_thresholds=20), keras.metrics.AUC(num_thresholds=20)
    state = metric.stateless_reset_state()
    for _ in range(3):
        labels, scores = RNG.integers(0, 2, 9), RNG.uniform(size=9).astype(np.float32)
        plain.update_state(labels, scores)
        state = metric.stateless_update_state(state, labels, scores)
    assert float(metric.stateless_result(state)) == float(plain.result())
    assert not any(v.numpy().any() for v in metric.variables)
    with pytest.raises(ValueError, match=r"give one for each of metric\.variables"):
        metric.stateless_result(state[1:])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("as_function", [False, True])
def test_several_optimizers(real: Any, as_function: bool) -> None:
    found = []
    for k in (keras, real):
        x = k.Input((3,))
        model = k.Model(x, k.layers.Dense(1, name="head")(k.layers.Dense(2, name="body")(x)))
        weights = np.random.default_rng(1)
        model.set_weights([weights.normal(size=tuple(w.shape)) for w in model.weights])
        adam, sgd = k.optimizers.Adam(0.01), k.optimizers.SGD(0.1)
        chosen = (
            (lambda v, adam=adam, sgd=sgd: adam if "body" in v.path else sgd)
            if as_function
            else k.optimizers.OptimizerMap(sgd, {"body/.*": adam})
        )
        model.compile(k.optimizers.MultiOptimizer(chosen), "mse")
        data = np.random.default_rng(3).normal(size=(12, 3)).astype(np.float32)
        model.fit(data, data[:, :1], batch_size=4, epochs=2, shuffle=False, verbose=0)
        found.append([np.asarray(w) for w in model.get_weights()])
        with pytest.raises(AttributeError, match="optimizers"):
            _ = model.optimizer.learning_rate
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_optimizers_by_paths() -> None:
    optimizers = keras.optimizers
    by_path = optimizers.OptimizerMap(optimizers.SGD(0.1), {"b.*": optimizers.Adam(0.5)})
    assert by_path["bb"] is by_path["b.*"]
    assert by_path["x/bb"] is by_path.default_optimizer
    multi = optimizers.MultiOptimizer(by_path)
    again = optimizers.deserialize(optimizers.serialize(multi))
    assert again.get_config() == multi.get_config()
    by_path["bb?"] = optimizers.SGD()
    with pytest.raises(ValueError, match="let one pattern match"):
        _ = by_path["bb"]
    with pytest.raises(TypeError, match="give an optimizer"):
        by_path["c"] = "sgd"
    with pytest.raises(TypeError, match="give an OptimizerMap"):
        optimizers.MultiOptimizer([optimizers.SGD()])
