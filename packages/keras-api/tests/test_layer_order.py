"""Layers, and so weights, have Keras's order, whichever was called first."""

import numpy as np
import pytest


def late_embedding(k):
    """A branch that begins late: its layers come after those of the long branch."""
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    short = k.layers.Dense(2, name="short")(b)
    long = k.layers.Dense(2, name="two")(k.layers.Dense(2, name="one")(a))
    return k.Model([a, b], k.layers.Concatenate(name="end")([short, long]))


def made_in_another_order(k):
    a = k.Input((4,), name="a")
    left, right = k.layers.Dense(2, name="left"), k.layers.Dense(2, name="right")
    second = right(a)
    return k.Model(a, k.layers.Add(name="end")([left(a), second]))


def shared(k):
    a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
    twice = k.layers.Dense(3, name="twice")
    deep = k.layers.Dense(3, name="deep")(twice(a))
    other = k.layers.Dense(3, name="other")(b)
    return k.Model([a, b], k.layers.Concatenate(name="end")([twice(other), deep]))


def two_outputs(k):
    a = k.Input((3,), name="a")
    body = k.layers.Dense(3, name="body")(a)
    far = k.layers.Dense(1, name="far")(k.layers.Dense(2, name="middle")(body))
    return k.Model(a, [k.layers.Dense(1, name="near")(body), far])


def skipping(k):
    a = k.Input((3,), name="a")
    x = k.layers.Dense(3, name="x")(a)
    y = k.layers.Dense(3, name="y")(x)
    z = k.layers.Add(name="z")([a, y])
    return k.Model(a, k.layers.Add(name="end")([k.layers.Dense(3, name="w")(a), z]))


def as_list(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras's own variables
@pytest.mark.parametrize(
    "make", [late_embedding, made_in_another_order, shared, two_outputs, skipping]
)
def test_as_keras(real, make):
    from penstock import keras

    ours, theirs = make(keras), make(real)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    x = [np.random.default_rng(i).normal(size=(5, *t.shape[1:])) for i, t in enumerate(ours.inputs)]
    x = [part.astype("float32") for part in x]
    x = x[0] if len(x) == 1 else x
    for a, b in zip(
        as_list(ours.predict(x, verbose=0)), as_list(theirs.predict(x, verbose=0)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)
    config = [layer["config"]["name"] for layer in ours.get_config()["layers"]]
    assert config == [layer["config"]["name"] for layer in theirs.get_config()["layers"]]
