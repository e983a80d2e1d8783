"""Names of TensorFlow 1: programs of its time, and what is said of the names that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock.v1 as tf
from penstock import errors

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 4)).astype("float32")
CLASSES = RNG.integers(0, 3, 12)


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


# ---- variables


def test_variables_are_shared_by_name() -> None:
    def dense(x: Any) -> Any:
        with tf.variable_scope("dense", reuse=tf.AUTO_REUSE):
            w = tf.get_variable("w", [4, 2], initializer=tf.ones_initializer())
            b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
        return tf.matmul(x, w) + b

    x = tf.placeholder(tf.float32, [None, 4])
    one, other = dense(x), dense(x)
    assert [v.name for v in tf.global_variables()] == ["dense/w", "dense/b"]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        results = sess.run([one, other], {x: ROWS})
        sums = np.repeat(ROWS.sum(1, keepdims=True), 2, 1)
        for result in results:
            np.testing.assert_allclose(result, sums, rtol=1e-5)


def test_scopes_nest_and_are_entered_again() -> None:
    with tf.variable_scope("a") as outer, tf.variable_scope("b"):
        assert tf.get_variable_scope().name == "a/b"
        v = tf.get_variable("v", initializer=1.0)
    assert v.name == "a/b/v"
    with tf.variable_scope(outer, reuse=True), tf.variable_scope("b"):
        assert tf.get_variable("v") is v
    with tf.variable_scope("a/b") as scope:
        scope.reuse_variables()
        assert tf.get_variable("v", shape=()) is v
    assert tf.get_variable_scope().name == ""


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: tf.get_variable("v", [2]), errors.GraphError, r"exists; .*reuse=True"),
        (lambda: tf.get_variable("w"), errors.InvalidValueError, r"give shape=\(\.\.\.\)"),
    ],
)
def test_what_get_variable_refuses(call: Any, error: Any, match: str) -> None:
    tf.get_variable("v", [2])
    with pytest.raises(error, match=match):
        call()
    with tf.variable_scope("s", reuse=True):  # noqa: SIM117
        with pytest.raises(errors.GraphError, match=r"'s/v' to use again; .*AUTO_REUSE"):
            tf.get_variable("v")
    with tf.variable_scope("t", reuse=tf.AUTO_REUSE):
        tf.get_variable("v", [2])
        with pytest.raises(errors.ShapeError, match=r"has shape \(2,\), not \(3,\)"):
            tf.get_variable("v", [3])


@pytest.mark.parametrize(
    ("initializer", "low", "high", "mean"),
    [
        (None, -0.2449, 0.2449, 0.0),  # sqrt(6 / (60 + 40))
        (tf.zeros_initializer(), 0, 0, 0),
        (tf.ones_initializer(), 1, 1, 1),
        (tf.constant_initializer(2.5), 2.5, 2.5, 2.5),
        (tf.random_normal_initializer(1.0, 0.5, seed=1), -1.5, 3.5, 1.0),
        (tf.truncated_normal_initializer(1.0, 0.5, seed=1), 0.0, 2.0, 1.0),
        (tf.random_uniform_initializer(2.0, 3.0, seed=1), 2.0, 3.0, 2.5),
    ],
)
def test_first_values(initializer: Any, low: float, high: float, mean: float) -> None:
    tf.set_random_seed(3)
    v = tf.get_variable("v", (60, 40), initializer=initializer)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        value = sess.run(v)
    assert value.dtype == np.float32
    assert low - 1e-3 <= value.min() <= value.max() <= high + 1e-3
    assert abs(value.mean() - mean) < 0.05


def test_assignments_as_functions() -> None:
    v = tf.Variable(1.0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(tf.assign(v, 5.0)) == 5
        assert sess.run(tf.assign_add(v, 2.0, name="more")) == 7
        assert sess.run(tf.assign_sub(v, 3.0)) == 4
        assert sess.run("more:0") == 6
    with pytest.raises(errors.InvalidTypeError, match=r"\[assign\] got Tensor.*tf\.Variable"):
        tf.assign(tf.constant(1.0), 2.0)


def test_a_placeholder_may_have_a_default() -> None:
    rate = tf.placeholder_with_default(0.5, shape=[], name="rate")
    y = rate * 2
    with tf.Session() as sess:
        assert sess.run(y) == 1
        assert sess.run(y, {rate: 4.0}) == 8
        assert sess.run(y, {"rate:0": 5.0}) == 10
    with pytest.raises(errors.GraphError, match=r"use tf\.placeholder, and always feed it"):
        tf.placeholder_with_default([1.0, 2.0], shape=[None])


# ---- functions


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_reductions(name: str) -> None:
    reduce, truth = getattr(tf, f"reduce_{name}"), getattr(np, name)
    x = tf.constant(ROWS)
    with tf.Session() as sess:
        results = sess.run(
            [
                reduce(x),
                reduce(x, 1),
                reduce(x, axis=[0, 1], keepdims=True),
                reduce(x, reduction_indices=[0], keep_dims=True, name="reduced"),
            ]
        )
        assert sess.run("reduced").shape == (1, 4)
    kinds = [{}, {"axis": 1}, {"axis": (0, 1), "keepdims": True}, {"axis": 0, "keepdims": True}]
    for result, how in zip(results, kinds, strict=True):
        np.testing.assert_allclose(result, truth(ROWS, **how), rtol=1e-4)


def test_other_names_are_the_same_functions() -> None:
    a, b = tf.constant([7.0, -3.0]), tf.constant([2.0, 2.0])
    with tf.Session() as sess:
        run = sess.run
        assert run(tf.mul(a, b)).tolist() == [14, -6]
        assert run(tf.sub(a, b, name="less")).tolist() == [5, -5]
        assert run(tf.clip_by_value(a, -1.0, 1.0)).tolist() == [1, -1]
        assert run(tf.add_n([a, b, b])).tolist() == [11, 1]
        assert run(tf.range(3)).tolist() == [0, 1, 2]
        assert run(tf.gather(a, [1])).tolist() == [-3]
        assert run(tf.reduce_any(a > 5))
        assert not run(tf.reduce_all(a > 5))
        assert run(tf.nn.l2_loss(a)) == 29
        assert run(tf.convert_to_tensor([1, 2])).dtype == np.int32
    with pytest.raises(errors.InvalidValueError, match="give at least one"):
        tf.add_n([])


def test_losses_take_labels_and_logits() -> None:
    torch = pytest.importorskip("torch")
    scores = RNG.normal(size=(12, 3)).astype("float32")
    dense = np.eye(3, dtype="float32")[CLASSES]
    with tf.Session() as sess:
        sparse, same, each = sess.run(
            [
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=CLASSES, logits=scores),
                tf.nn.softmax_cross_entropy_with_logits_v2(labels=dense, logits=scores),
                tf.nn.sigmoid_cross_entropy_with_logits(labels=dense, logits=scores),
            ]
        )
    given = torch.from_numpy(scores), torch.from_numpy(CLASSES)
    truth = torch.nn.functional.cross_entropy(*given, reduction="none").numpy()
    np.testing.assert_allclose(sparse, truth, rtol=1e-5)
    np.testing.assert_allclose(same, truth, rtol=1e-5)
    truth = torch.nn.functional.binary_cross_entropy_with_logits(
        given[0], torch.from_numpy(dense), reduction="none"
    )
    np.testing.assert_allclose(each, truth.numpy(), rtol=1e-5)
    with pytest.raises(errors.InvalidValueError, match=r"penstock\.moveaxis"):
        tf.nn.softmax_cross_entropy_with_logits(labels=dense, logits=scores, axis=0)


def test_convolutions_and_pools_take_four_strides() -> None:
    image = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    filters = RNG.normal(size=(3, 3, 3, 4)).astype("float32")
    with tf.Session() as sess:
        made, largest, mean = sess.run(
            [
                tf.nn.conv2d(image, filters, strides=[1, 2, 2, 1], padding="SAME"),
                tf.nn.max_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
                tf.nn.avg_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
            ]
        )
    truth = ps.nn.conv2d(image, filters, (2, 2), "same").numpy()
    np.testing.assert_array_equal(made, truth)
    windows = image.reshape(2, 4, 2, 4, 2, 3)
    np.testing.assert_array_equal(largest, windows.max((2, 4)))
    np.testing.assert_allclose(mean, windows.mean((2, 4)), rtol=1e-5, atol=1e-6)
    with pytest.raises(errors.InvalidValueError, match=r"1 for batch and channels"):
        tf.nn.max_pool(image, [2, 2, 2, 1], [1, 2, 2, 1], "VALID")


def test_dropout_keeps_what_it_says() -> None:
    x = tf.constant(np.ones(10_000, "float32"))
    with tf.Session() as sess:
        kept = sess.run(tf.nn.dropout(x, keep_prob=0.8, seed=1))
        assert sess.run(tf.nn.relu(-x)).max() == 0
    assert set(np.unique(kept)) == {0.0, np.float32(1.25)}
    assert abs((kept > 0).mean() - 0.8) < 0.02
    with pytest.raises(errors.InvalidValueError, match="needs one of keep_prob and rate"):
        tf.nn.dropout(x)


# ---- training


def _trained(optimizer: Any, steps: int = 5) -> Any:
    """Fit a linear map and return it, with the losses and the number of steps."""
    x, y = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 1])
    w = tf.get_variable("w", [4, 1], initializer=tf.constant_initializer(0.5))
    count = tf.Variable(0, trainable=False)
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - y))
    train = optimizer.minimize(loss, global_step=count)
    feeds = {x: ROWS, y: ROWS.sum(1, keepdims=True)}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        losses = [sess.run([loss, train], feeds)[0] for _ in range(steps)]
        assert sess.run(count) == steps
        return sess.run(w), losses


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: tf.train.GradientDescentOptimizer(0.1), lambda t, p: t.SGD(p, 0.1)),
        (lambda: tf.train.MomentumOptimizer(0.05, 0.9), lambda t, p: t.SGD(p, 0.05, 0.9)),
        (
            lambda: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
            lambda t, p: t.SGD(p, 0.05, 0.9, nesterov=True),
        ),
        (lambda: tf.train.AdamOptimizer(0.1), lambda t, p: t.Adam(p, 0.1)),
    ],
    ids=["descent", "momentum", "nesterov", "adam"],
)
def test_optimizers_step_as_those_of_torch(ours: Any, theirs: Any) -> None:
    torch = pytest.importorskip("torch")
    made, losses = _trained(ours())
    w = torch.full((4, 1), 0.5, requires_grad=True)
    optimizer = theirs(torch.optim, [w])
    for loss in losses:
        x = torch.from_numpy(ROWS)
        expected = ((x @ w - x.sum(1, keepdim=True)) ** 2).mean()
        assert float(loss) == pytest.approx(expected.item(), rel=1e-4)
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
    np.testing.assert_allclose(made, w.detach().numpy(), rtol=1e-4)


def test_gradients_can_be_changed_on_their_way() -> None:
    w = tf.Variable([1.0, 2.0])
    unused = tf.Variable([3.0])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tf.reduce_sum(w * w), [w, unused])
    assert pairs[1][0] is None
    step = optimizer.apply_gradients([(tf.clip_by_value(g, -3.0, 3.0), v) for g, v in pairs[:1]])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(step)
        assert sess.run(w).tolist() == [-1, -1]


@pytest.mark.parametrize("make", [tf.train.GradientDescentOptimizer, tf.train.AdamOptimizer])
def test_rows_of_a_table_are_trained(make: Any) -> None:
    table = tf.get_variable("table", [4, 2], initializer=tf.ones_initializer())
    loss = tf.reduce_sum(tf.nn.embedding_lookup(table, [0, 2, 2]))
    train = make(0.5).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train)
        value = sess.run(table)
    assert (value[[1, 3]] == 1).all()
    assert (value[[0, 2]] < 1).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: tf.train.AdamOptimizer().minimize(tf.constant(1.0)), "no trainable variables"),
        (
            lambda: tf.train.AdamOptimizer().minimize(tf.constant(1.0), None, [tf.Variable(1.0)]),
            "no gradient for any variable",
        ),
    ],
)
def test_what_cannot_be_trained(call: Any, match: str) -> None:
    with pytest.raises(errors.InvalidValueError, match=match):
        call()


# ---- what is missing


@pytest.mark.parametrize(
    ("module", "name", "match"),
    [
        (tf, "InteractiveSession", r"use `with tf\.Session\(\) as sess:`"),
        (tf, "unsqueeze", r"use penstock\.expand_dims"),
        (tf, "reduce_sun", r"has no attribute 'reduce_sun'"),
        (tf.train, "Checkpoint", r"use penstock\.Checkpoint"),
        (tf.train, "AdadeltaOptimizer", "Ftrl- and RMSPropOptimizer"),
        (tf.train, "nonsense", "has no attribute 'nonsense'"),
    ],
)
def test_missing_names_have_another(module: Any, name: str, match: str) -> None:
    with pytest.raises(AttributeError, match=match):
        getattr(module, name)


def test_all_of_v1_is_there() -> None:
    assert len(tf.__all__) == len(set(tf.__all__))
    for name in [*tf.__all__, *tf.RENAMED]:
        assert hasattr(tf, name)
