"""TensorFlow 1's way of working: a default graph, and nothing that runs before `Session.run`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

import penstock
import penstock.v1 as tf
from penstock import errors


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def test_hello_world() -> None:
    hello = tf.constant("Hello, TensorFlow!")
    with tf.Session() as sess:
        assert sess.run(hello) == b"Hello, TensorFlow!"


def test_constants_added() -> None:
    a = tf.constant(2)
    b = tf.constant(3)
    with tf.Session() as sess:
        assert sess.run(a + b) == 5
        assert sess.run(a * b) == 6
        assert sess.run(tf.add(a, b)).dtype == np.int32


def test_matrix_product() -> None:
    left = tf.constant([[3.0, 3.0]])
    right = tf.constant([[2.0], [2.0]])
    with tf.Session() as sess:
        assert sess.run(tf.matmul(left, right)).tolist() == [[12.0]]


def test_constants_take_a_shape_and_a_dtype() -> None:
    sess = tf.Session()
    assert sess.run(tf.constant(7.0, shape=(2, 2))).tolist() == [[7, 7], [7, 7]]
    assert sess.run(tf.constant([1, 2, 3, 4], shape=(2, 2))).tolist() == [[1, 2], [3, 4]]
    assert sess.run(tf.constant(1, dtype=tf.float64)).dtype == np.float64
    assert sess.run(tf.constant(1.5)).dtype == np.float32
    assert sess.run(tf.constant(np.arange(2))).dtype == np.int64
    assert tf.constant(1.0, name="one").name == "one"
    with pytest.raises(ValueError, match="reshape"):
        tf.constant([1, 2, 3], shape=(2, 2))


def test_nothing_runs_before_session_run() -> None:
    v = tf.Variable(1.0, name="v")
    written = v.assign(5.0)
    total = tf.constant(1.0) + v
    assert written.is_symbolic
    assert total.is_symbolic
    sess = tf.Session()
    with pytest.raises(
        errors.GraphError, match="variable 'v' has no value yet; run global_variables_init"
    ):
        sess.run(total)
    sess.run(tf.global_variables_initializer())
    assert sess.run(total) == 2
    sess.run(written)
    assert sess.run([total, v]) == [6, 5]


def test_placeholders_are_fed() -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    doubled = x * 2 + tf.ones([2])
    with tf.Session() as sess:
        assert sess.run(doubled, feed_dict={x: [[1, 2]]}).tolist() == [[3, 5]]
        with pytest.raises(errors.GraphError, match="placeholder 'x' is needed and was not fed"):
            sess.run(doubled)


def test_variables_are_listed() -> None:
    w = tf.Variable([1.0, 2.0], name="w")
    step = tf.Variable(0, trainable=False, name="step")
    assert tf.global_variables() == [w, step]
    assert tf.trainable_variables() == [w]
    assert (w.dtype, step.dtype) == (tf.float32, tf.int32)
    tf.reset_default_graph()
    assert tf.global_variables() == []


def test_a_counter() -> None:
    state = tf.Variable(0, name="counter")
    update = state.assign(state + 1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        counted = []
        for _ in range(3):
            sess.run(update)
            counted.append(int(sess.run(state)))
    assert counted == [1, 2, 3]


def test_variables_may_start_from_random_values_and_from_each_other() -> None:
    w = tf.Variable(tf.random_normal([3, 2]), name="w")
    double = tf.Variable(w.initial_value * 2, name="double")
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    first = sess.run(w)
    assert first.shape == (3, 2)
    assert np.abs(first).max() > 0
    np.testing.assert_array_equal(sess.run(w), first)
    np.testing.assert_array_equal(sess.run(double), first * 2)


def test_a_regression_is_trained_by_gradients_and_assignments() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((64, 3)).astype("float32")
    truth = np.array([[1.0], [-2.0], [0.5]], "float32")
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32, [None, 1])
    w = tf.Variable(tf.zeros([3, 1]), name="w")
    b = tf.Variable(0.0, name="b")
    loss = tf.mean(tf.square(tf.matmul(x, w) + b - y))
    dw, db = tf.gradients(loss, [w, b])
    train = tf.group(w.assign_sub(0.2 * dw), b.assign_sub(0.2 * db))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        feeds = {x: data, y: data @ truth + 3}
        first = sess.run(loss, feeds)
        for _ in range(100):
            sess.run(train, feeds)
        assert sess.run(loss, feeds) < 1e-6 < first
        np.testing.assert_allclose(sess.run(w), truth, atol=1e-3)
        np.testing.assert_allclose(sess.run(b), 3, atol=1e-3)


def test_graphs_of_ones_own() -> None:
    g = tf.Graph("mine")
    with g.as_default():
        c = tf.constant(4.0)
        v = tf.Variable(1.0)
        assert tf.get_default_graph() == g
        assert tf.global_variables() == [v]
    assert c.graph == g
    assert tf.get_default_graph() != g
    assert tf.global_variables() == []
    with tf.Session(graph=g) as sess:
        assert sess.run(c) == 4


def test_scopes_and_devices() -> None:
    with tf.name_scope("layer"), tf.device("cpu:0"):
        c = tf.constant(1.0, name="c")
        d = tf.exp(c)
    assert c.name == "layer/c"
    assert d.node.name == "layer/exp"
    assert d.node.device.endswith("device:cpu:0")


def test_nn_functions_append_to_the_default_graph() -> None:
    r = tf.nn.relu(tf.constant([-1.0, 2.0]))
    assert r.is_symbolic
    assert tf.Session().run(r).tolist() == [0, 2]


def test_results_take_a_name() -> None:
    a, b = tf.constant([1.0, 2.0]), tf.placeholder(tf.float32, [2], name="b")
    total = tf.add(a, b, name="total")
    assert total.name == "total"
    assert tf.add(a, b, name="total").name == "total_1"
    assert tf.multiply(a, 2, name=None).node.name == "multiply"
    with tf.name_scope("layer"):
        assert tf.nn.bias_add([[1.0, 2.0]], a, name="out").name == "layer/out"  # made of several
    parts = tf.split(b, 2, name="halves")
    assert [p.name for p in parts] == ["halves", "halves_1"]
    sess = tf.Session()
    assert sess.run("total", {"b": [10.0, 20.0]}).tolist() == [11, 22]
    assert tf.identity(total, name="output").name == "output"
    with pytest.raises(errors.GraphError, match="no such node"):
        sess.run("add")  # the name that it would have had


def test_a_name_is_for_what_the_call_made() -> None:
    c = tf.constant(1.0, name="c")
    assert tf.asarray(c, name="again") is c
    assert c.name == "c"


def test_a_variable_of_a_graph_is_not_pickled() -> None:
    v = tf.Variable(1.0, name="v")
    for fn in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match=r"make a variable of it: Variable\(value\)"):
            fn(v)


def test_the_default_graph_stays_away_from_eager_code() -> None:
    tf.constant(1.0)
    assert not penstock.ones((1,)).is_symbolic
    assert penstock.current_graph() is None


def test_functions_are_the_same_object_each_time() -> None:
    assert tf.add is tf.add
    assert tf.nn.relu is tf.nn.relu


def test_a_variable_of_a_symbolic_value_takes_the_dtype_asked_for() -> None:
    v = tf.Variable(tf.constant(2.5) * 2, dtype=tf.float64)
    assert v.dtype == tf.float64
    sess = tf.Session()
    assert "no value yet" in repr(v)
    sess.run(tf.global_variables_initializer())
    assert sess.run(v) == 5


def test_what_does_not_exist_says_so() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        tf.nonsense
