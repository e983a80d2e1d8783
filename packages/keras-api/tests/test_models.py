"""Models of dense layers: shapes, weights, configuration, training against arithmetic by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

RNG = np.random.default_rng(1)


def random(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def mlp(**compiled: Any) -> Any:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    if compiled:
        model.compile(**compiled)
    return model


def test_dense_against_numpy() -> None:
    layer = keras.layers.Dense(5, activation="tanh")
    x = random(2, 3, 4)
    y = layer(x)
    kernel, bias = layer.get_weights()
    assert [v.path for v in layer.weights] == [f"{layer.name}/kernel", f"{layer.name}/bias"]
    np.testing.assert_allclose(y, np.tanh(x @ kernel + bias), rtol=1e-5, atol=1e-6)
    assert np.abs(kernel).max() <= np.sqrt(6 / 9)  # Glorot's limit
    assert not bias.any()


def test_sequential_and_functional_agree() -> None:
    model = mlp()
    begin = keras.Input((4,))
    same = keras.Model(begin, model.layers[1](model.layers[0](begin)))
    x = random(6, 4)
    np.testing.assert_array_equal(model(x), same(x))
    assert (model.count_params(), same.count_params()) == (67, 67)
    assert same.input_shape == (None, 4)
    assert [layer.name for layer in same.layers[1:]] == [layer.name for layer in model.layers]


def test_a_sequential_model_without_input_is_built_by_its_first_call() -> None:
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    assert not model.built
    assert model(random(3, 2, 2)).shape == (3, 2)
    assert model.output_shape == (None, 2)
    with pytest.raises(ValueError, match="axis -1 must have size 4"):
        model(random(3, 5))


def test_several_inputs_and_outputs_and_shared_layers() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = keras.layers.Dense(2, name="shared")
    model = keras.Model({"a": a, "b": b}, {"sum": shared(a) + shared(b), "first": shared(a)})
    x, y = random(4, 3), random(4, 3)
    kernel, bias = shared.get_weights()
    made = model({"a": x, "b": y})
    np.testing.assert_allclose(made["first"], x @ kernel + bias, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made["sum"], (x + y) @ kernel + 2 * bias, rtol=1e-5, atol=1e-5)
    assert len(model.weights) == 2
    model.compile("sgd", {"sum": "mse", "first": "mse"}, metrics={"sum": ["mae"]})
    history = model.fit({"a": x, "b": y}, {"sum": y[:, :2], "first": x[:, :2]}, verbose=0)
    assert set(history.history) == {"loss", "sum_loss", "first_loss", "sum_mae"}
    assert history.history["loss"][0] == pytest.approx(
        history.history["sum_loss"][0] + history.history["first_loss"][0], rel=1e-5
    )


def test_a_step_of_gradient_descent_by_hand() -> None:
    layer = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    x, y = random(5, 3), random(5, 1)
    kernel, bias = layer.get_weights()
    error = x @ kernel + bias - y
    loss = (error**2).mean() + 0.1 * (kernel**2).sum()
    got = model.train_on_batch(x, y)
    assert got == pytest.approx(loss, rel=1e-5)
    new_kernel, new_bias = layer.get_weights()
    np.testing.assert_allclose(
        new_kernel, kernel - 0.5 * (2 * x.T @ error / 5 + 0.2 * kernel), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(new_bias, bias - 0.5 * 2 * error.mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("eagerly", [False, True])
def test_adam_by_hand(eagerly: bool) -> None:
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=eagerly)
    x, y = random(4, 2), random(4, 1)
    w = layer.get_weights()[0].astype(np.float64)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, 4):
        g = 2 * x.T.astype(np.float64) @ (x @ w - y) / 4
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w -= 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m / (np.sqrt(v) + 1e-7)
        model.train_on_batch(x, y)
    np.testing.assert_allclose(layer.get_weights()[0], w, rtol=1e-4, atol=1e-5)


def test_fit_learns_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    ps.random.set_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x / 16.0, y, epochs=15, validation_split=0.2, verbose=0)
    assert history.history["val_accuracy"][-1] > 0.85
    loss, accuracy = model.evaluate(x / 16.0, y, verbose=0)
    assert accuracy == pytest.approx((model.predict(x / 16.0).argmax(1) == y).mean(), abs=1e-6)
    assert model.evaluate(x / 16.0, y, return_dict=True) == {"loss": loss, "accuracy": accuracy}


def test_frozen_layers_do_not_change() -> None:
    model = mlp(optimizer="sgd", loss="sparse_categorical_crossentropy")
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2
    before = [w.copy() for w in model.get_weights()]
    model.fit(random(8, 4), RNG.integers(0, 3, 8), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]


@pytest.mark.parametrize("functional", [False, True])
def test_models_come_back_from_their_configuration(functional: bool) -> None:
    model = mlp()
    if functional:
        begin = keras.Input((4,), name="rows")
        x = keras.layers.Dense(4, name="one")(begin)
        model = keras.Model(begin, keras.layers.Dense(3, name="two")(x))
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    again = keras.saving.deserialize_keras_object(data)
    again.set_weights(model.get_weights())
    x = random(2, 4)
    np.testing.assert_array_equal(again(x), model(x))
    assert again.get_config() == model.get_config()


def test_a_subclass_with_its_own_step() -> None:
    class Doubling(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            x, y = data[:2]
            with ps.GradientTape() as tape:
                loss = ps.mean((self(x, training=True) - 2 * y) ** 2)
            self.optimizer.apply(
                tape.gradient(loss, self.trainable_weights), self.trainable_weights
            )
            return {"loss": loss}

    model = Doubling()
    model.compile(keras.optimizers.SGD(0.1))
    x = random(64, 2)
    y = x @ np.array([[1.0], [-1.0]], np.float32)
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.01 * losses[0]
    np.testing.assert_allclose(model.dense.get_weights()[0], [[2.0], [-2.0]], atol=0.05)


def test_callbacks_are_told_and_stop() -> None:
    told = []

    class Teller(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            told.append((epoch, sorted(logs)))
            self.model.stop_training = epoch == 1

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            told.append(batch)

    model = mlp(optimizer="sgd", loss="sparse_categorical_crossentropy")
    model.fit(
        random(6, 4), np.zeros(6, np.int64), batch_size=3, epochs=5, callbacks=[Teller()], verbose=0
    )
    assert told == [0, 1, (0, ["loss"]), 0, 1, (1, ["loss"])]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: keras.layers.Dense(0), "use a whole number above 0"),
        (lambda: keras.layers.Dense(3, unit=2), "got the arguments unit, which it does not know"),
        (lambda: mlp()(random(2, 5)), "axis -1 must have size 4"),
        (lambda: mlp()(random(4)), r"add an axis, x\[None\] for a batch|at least 2 axes"),
        (lambda: mlp().fit(random(2, 4), np.zeros(2)), "call model.compile"),
        (lambda: mlp(loss="mse").fit(random(2, 4), np.zeros(3)), "need as many as each other"),
        (lambda: mlp(loss="msee"), "did you mean 'mse'"),
        (lambda: mlp(loss="mse", optimizer="addam"), "did you mean 'adam'"),
        (lambda: mlp().set_weights([np.zeros(2)]), "got 1 arrays for 4 weights"),
        (lambda: mlp(loss="mse", loss_weights=["accuracy"]).fit(random(2, 4), random(2, 3), verbose=0), "metrics by name"),
        (lambda: keras.activations.get("rellu"), "did you mean 'relu'"),
        (lambda: keras.Sequential([keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="a")]), "two layers are called 'a'"),
        (lambda: keras.Model(keras.Input((2,)), keras.layers.Dense(2)(keras.Input((2,)))), "which is not among the model's inputs"),
        (lambda: bool(keras.Input((2,))), "stands for a tensor and has no values"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call: Any, match: str) -> None:
    with pytest.raises((ValueError, TypeError), match=match):
        call()


def test_sizes_that_are_unknown_may_be_equal() -> None:
    a, b = keras.Input((None, 4)), keras.Input((None, 4))
    assert (a + b).shape == (None, None, 4)
    model = keras.Model([a, b], a + b)
    x = np.ones((2, 3, 4), np.float32)
    np.testing.assert_array_equal(model([x, x]), x + x)
    with pytest.raises(ps.errors.ShapeError, match=r"\(None, None, 4\) and \(None, None, 5\)"):
        a + keras.Input((None, 5))


def test_layers_built_by_hand_have_their_own_name_and_are_built() -> None:
    class Pair(keras.Layer):
        def __init__(self) -> None:
            super().__init__(name="pair")
            self.first = keras.layers.Dense(3, name="first")
            self.second = keras.layers.Dense(2, name="pair")

        def build(self, input_shape: Any) -> None:
            self.first.build(input_shape)
            self.second.build((*input_shape[:-1], 3))

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    pair = Pair()
    pair.build((None, 4))
    assert pair.built
    assert pair.first.built
    paths = ["pair/first/kernel", "pair/first/bias", "pair/pair/kernel", "pair/pair/bias"]
    assert [w.path for w in pair.weights] == paths
    assert pair.get_build_config() == {"input_shape": (None, 4)}
    assert pair(np.ones((5, 4))).shape == (5, 2)


def test_a_call_forgets_the_losses_of_the_call_before() -> None:
    class Term(keras.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ps.mean(x))
            return x

    class Outer(keras.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Term(), Term()

        def call(self, x: Any) -> Any:
            return self.second(self.first(x) + 1.0)

    layer = Outer()
    for _ in range(3):
        layer(np.zeros((2, 3)))
        assert [float(term) for term in layer.losses] == [0.0, 1.0]


def test_a_model_without_weights_is_told_of_and_evaluated() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Flatten()])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="are all layers frozen"):
        history = model.fit(np.ones((2, 3)), np.zeros((2, 3)), verbose=0)
    assert history.history["loss"] == [1.0]


def test_a_model_that_begins_within_another_is_saved(tmp_path: Any) -> None:
    inputs = keras.Input((4,))
    features = keras.layers.Dense(3, activation="tanh")(inputs)
    head = keras.Model(features, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(features)))
    assert [type(layer).__name__ for layer in head.layers] == ["InputLayer", "Dropout", "Dense"]
    whole = keras.Model(inputs, head(features))
    x = random(5, 4)
    for model, rows in ((head, random(5, 3)), (whole, x)):
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        assert np.array_equal(again(rows).numpy(), model(rows).numpy())
    between = keras.Model(inputs, features)(x)
    np.testing.assert_allclose(head(between), whole(x), rtol=1e-6)
    head.compile("sgd", "mse")
    before = whole(x).numpy()
    head.fit(between, random(5, 2), verbose=0)
    assert not np.array_equal(before, whole(x).numpy())  # the layers are the same ones


class Forgetful(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        self.last = x * 2


def test_a_layer_that_returns_nothing_is_named() -> None:
    with pytest.raises(TypeError, match=r"\[forgetful\] returned None.*is its `return` missing"):
        Forgetful(name="forgetful")(keras.Input((8,)))
