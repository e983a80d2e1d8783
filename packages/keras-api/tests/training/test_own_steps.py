"""Models with a training step of their own, whose layers are built while it is traced."""

import numpy as np

import penstock as ps
from penstock import keras


class Own(keras.Model):
    """What `fit` does, written out; the model itself is never called."""

    def __init__(self, width):
        super().__init__()
        self.first = keras.layers.Dense(width, activation="tanh", kernel_initializer="ones")
        self.inner = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
        self.tracker = keras.metrics.Mean(name="error")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, data):
        x, y = data
        with ps.GradientTape() as tape:
            error = keras.ops.mean(keras.ops.square(self.inner(self.first(x)) - y))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(error, weights), weights, strict=True))
        self.tracker.update_state(error)
        return {"error": self.tracker.result()}


def data():
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    return x, x.sum(1, keepdims=True)


def test_own_step_learns_what_fit_learns():
    x, y = data()
    ordinary = keras.Sequential(
        [
            keras.layers.Dense(4, activation="tanh", kernel_initializer="ones"),
            keras.layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    ordinary.compile(keras.optimizers.SGD(0.01), "mse")
    expected = ordinary.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    own = Own(4)
    own.compile(keras.optimizers.SGD(0.01))
    found = own.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["error"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for ours, theirs in zip(own.get_weights(), ordinary.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_layers_of_own_steps_take_other_sizes_than_the_data():
    """A generator is fed with noise: nobody may build it for the pictures that `fit` gets."""

    class Generates(Own):
        def train_step(self, data):
            noise = keras.ops.ones((keras.ops.shape(data)[0], 3))
            return super().train_step((noise, keras.ops.sum(data, axis=1, keepdims=True)))

    model = Generates(4)
    model.compile("sgd")
    model.fit(data()[0], batch_size=16, epochs=1, verbose=0)  # the last batch is smaller
    assert model.first.kernel.shape == (3, 4)


def test_metrics_of_an_own_test_step_are_told_one_by_one():
    """`metrics` has one object for all metrics of `compile`, whose result is a dictionary."""

    class Tests(keras.Model):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(self.compute_loss(y=y, y_pred=y_pred))
                else:
                    metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    x, y = data()
    inputs = keras.Input((5,))
    model = Tests(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert sorted(found) == ["loss", "mae"]
    errors = np.abs(model.predict(x, verbose=0) - y)
    np.testing.assert_allclose(found["mae"], errors.mean(), rtol=1e-5)


def test_own_update_steps_keep_the_weight_decay() -> None:
    class Mine(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            variable.assign(variable - learning_rate * gradient)

    class Theirs(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)

    for kind in (Mine, Theirs, keras.optimizers.Adam):
        variable = keras.Variable(np.ones(3, np.float32))
        optimizer = kind(0.1, weight_decay=0.5)
        optimizer.build([variable])
        optimizer.apply([ps.zeros(3)], [variable])
        np.testing.assert_allclose(variable.numpy(), 0.95, rtol=1e-6)


def test_single_batches_forget_by_own_ways_too() -> None:
    class Batches(keras.metrics.Mean):
        forgotten = 0

        def reset_state(self):
            super().reset_state()
            self.forgotten += 1

    x, y = data()
    metric = Batches(name="batches")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metric])
    for count in (1, 2, 3):
        model.train_on_batch(x, y)
        assert metric.forgotten == count
    own = Own(4)
    own.compile(keras.optimizers.SGD(0.0))
    own.fit(x, y, verbose=0)
    first, second = (float(own.train_on_batch(x[at], y[at])) for at in (slice(20), slice(20, 40)))
    whole = float(own.train_on_batch(x, y))
    np.testing.assert_allclose((first + second) / 2, whole, rtol=1e-5)
