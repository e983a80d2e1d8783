"""TensorFlow 1's optimisers, layers, losses and metrics, compared with the formulas in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock.v1 as tf
from penstock import errors


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def _trained(optimizer: Any, steps: int = 4) -> np.ndarray:
    """Train w to make w · w + 3 w small."""
    w = tf.get_variable("w", initializer=np.array([1.0, -2.0], np.float32))
    step = tf.train.get_or_create_global_step()
    train = optimizer.minimize(tf.reduce_sum(w * w + 3.0 * w), global_step=step)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(steps):
            sess.run(train)
        assert sess.run(step) == steps
        return np.asarray(sess.run(w))


def test_adagrad() -> None:
    w, a = np.array([1.0, -2.0]), np.full(2, 0.1)
    for _ in range(4):
        g = 2 * w + 3
        a = a + g * g
        w = w - 0.5 * g / np.sqrt(a)
    np.testing.assert_allclose(_trained(tf.train.AdagradOptimizer(0.5)), w, rtol=1e-5)


def test_rmsprop_with_momentum() -> None:
    w, s, m = np.array([1.0, -2.0]), np.ones(2), np.zeros(2)
    for _ in range(4):
        g = 2 * w + 3
        s = 0.8 * s + 0.2 * g * g
        m = 0.5 * m + 0.1 * g / np.sqrt(s + 1e-10)
        w = w - m
    found = _trained(tf.train.RMSPropOptimizer(0.1, decay=0.8, momentum=0.5))
    np.testing.assert_allclose(found, w, rtol=1e-5)


def test_ftrl_with_l1_and_l2() -> None:
    w, n, z = np.array([1.0, -2.0]), np.full(2, 0.1), np.zeros(2)
    for _ in range(4):
        g = 2 * w + 3
        sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / 0.3
        z, n = z + g - sigma * w, n + g * g
        w = np.where(np.abs(z) > 0.2, (np.sign(z) * 0.2 - z) / (np.sqrt(n) / 0.3 + 2 * 0.1), 0.0)
    optimizer = tf.train.FtrlOptimizer(
        0.3, l1_regularization_strength=0.2, l2_regularization_strength=0.1
    )
    np.testing.assert_allclose(_trained(optimizer), w, rtol=1e-5)


def test_there_is_one_global_step() -> None:
    assert tf.train.get_global_step() is None
    step = tf.train.create_global_step()
    assert tf.train.get_global_step() is step
    with pytest.raises(errors.GraphError, match=r"take it: tf\.train\.get_global_step\(\)"):
        tf.train.create_global_step()


def test_layers_share_weights_by_name() -> None:
    x = tf.placeholder("float32", (None, 3))
    first = tf.layers.dense(x, 2, tf.nn.relu, name="a")
    again = tf.layers.dense(x, 2, tf.nn.relu, name="a", reuse=True)
    tf.layers.dense(first, 1)
    tf.layers.dense(first, 1)
    names = [v.name for v in tf.global_variables()]
    assert names == [
        "a/kernel",
        "a/bias",
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    rows = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        one, two, kernel = sess.run([first, again, tf.global_variables()[0]], {x: rows})
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one, np.maximum(rows @ kernel, 0), rtol=1e-5)


def test_layers_of_images() -> None:
    x = tf.placeholder("float32", (None, 6, 6, 1))
    y = tf.layers.max_pooling2d(tf.layers.conv2d(x, 4, 3, padding="same"), 2, 2)
    flat = tf.layers.dropout(tf.layers.flatten(y), 0.5)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(flat, {x: np.zeros((2, 6, 6, 1), np.float32)}).shape == (2, 36)


def test_dense_needs_a_known_size() -> None:
    x = tf.placeholder("float32", (None, None))
    with pytest.raises(errors.InvalidValueError, match=r"tf\.reshape\(x, \[-1, n\]\)"):
        tf.layers.dense(x, 2)


def test_weighted_losses() -> None:
    labels, found = np.array([1.0, 2.0, 4.0], np.float32), np.array([1.5, 0.0, 4.0], np.float32)
    weights = np.array([2.0, 1.0, 0.0], np.float32)
    losses = [
        tf.losses.mean_squared_error(labels, found, weights),
        tf.losses.absolute_difference(labels, found, 3.0),
    ]
    with tf.Session() as sess:
        squared, absolute = sess.run(losses)
    assert squared == pytest.approx((2 * 0.25 + 4.0) / 2)
    assert absolute == pytest.approx(3 * 2.5 / 3)


def test_cross_entropies() -> None:
    logits = np.array([[2.0, -1.0], [0.5, 0.0]], np.float32)
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    values = [
        tf.losses.sparse_softmax_cross_entropy(np.array([[1], [0]]), tf.constant(logits)),
        tf.losses.softmax_cross_entropy(np.array([[0, 1], [1, 0]]), tf.constant(logits)),
        tf.losses.sigmoid_cross_entropy(np.array([[0.0, 1], [1, 0]]), tf.constant(logits)),
    ]
    with tf.Session() as sess:
        sparse, dense, sigmoid = sess.run(values)
    want = -(logp[0, 1] + logp[1, 0]) / 2
    assert sparse == pytest.approx(want, rel=1e-5)
    assert dense == pytest.approx(want, rel=1e-5)
    truth = np.array([[0.0, 1], [1, 0]])
    elementwise = np.log1p(np.exp(logits)) - logits * truth
    assert sigmoid == pytest.approx(elementwise.mean(), rel=1e-5)


def test_losses_refuse_other_axes() -> None:
    with pytest.raises(errors.ShapeError, match=r"tf\.reshape\(labels"):
        tf.losses.mean_squared_error(np.zeros(3, np.float32), np.zeros((3, 1), np.float32))


def test_metrics_over_batches() -> None:
    labels, found = tf.placeholder("int64", (None,)), tf.placeholder("int64", (None,))
    pairs = {
        "accuracy": tf.metrics.accuracy(labels, found),
        "precision": tf.metrics.precision(labels, found),
        "recall": tf.metrics.recall(labels, found),
        "rmse": tf.metrics.root_mean_squared_error(labels, found),
        "mae": tf.metrics.mean_absolute_error(labels, found),
    }
    assert not tf.global_variables()
    truth, guess = np.array([1, 0, 1, 1, 0, 1]), np.array([1, 1, 0, 1, 0, 1])
    with tf.Session() as sess:
        for _ in range(2):  # the initializer begins anew
            sess.run(tf.local_variables_initializer())
            for part in (slice(0, 2), slice(2, 6)):
                feed = {labels: truth[part], found: guess[part]}
                last = sess.run({k: u for k, (_, u) in pairs.items()}, feed)
        values = sess.run({k: v for k, (v, _) in pairs.items()})
    assert values == pytest.approx(last)
    assert values == pytest.approx(
        {
            "accuracy": 4 / 6,
            "precision": 3 / 4,
            "recall": 3 / 4,
            "rmse": (2 / 6) ** 0.5,
            "mae": 2 / 6,
        }
    )


def test_the_global_step_is_made_once() -> None:
    assert tf.train.get_or_create_global_step() is tf.train.get_or_create_global_step()
