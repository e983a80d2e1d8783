"""TensorFlow 1's input pipelines: every example comes, as often as it should, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import penstock.v1 as tf
from penstock import errors


@pytest.fixture(autouse=True)
def fresh_graph() -> None:
    tf.reset_default_graph()


def drain(fetches: Any, most: int = 1000) -> list[Any]:
    """Run until the input ends."""
    got: list[Any] = []
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess=sess, coord=coord)
        with coord.stop_on_exception():
            while not coord.should_stop() and len(got) < most:
                got.append(sess.run(fetches))
        coord.request_stop()
        coord.join(threads)
    return got


def test_files_are_gone_through_in_order() -> None:
    names = tf.train.string_input_producer(["a", "b", "c"], num_epochs=2, shuffle=False)
    assert drain(names.dequeue()) == [b"a", b"b", b"c"] * 2


def test_each_epoch_has_another_order() -> None:
    numbers = tf.train.range_input_producer(50, num_epochs=2, seed=3)
    got = [int(i) for i in drain(numbers.dequeue())]
    assert sorted(got[:50]) == sorted(got[50:]) == list(range(50))
    assert got[:50] != got[50:]


def test_rows_of_several_tensors_stay_together() -> None:
    x, y = np.arange(12.0, dtype="float32").reshape(6, 2), np.arange(6) * 10
    row, label = tf.train.slice_input_producer([x, y], num_epochs=1, seed=1)
    batch = tf.train.batch([row * 2, label], 4, allow_smaller_final_batch=True)
    got = drain(batch)
    assert [len(labels) for _, labels in got] == [4, 2]
    rows, labels = np.concatenate([r for r, _ in got]), np.concatenate([n for _, n in got])
    np.testing.assert_array_equal(rows, 2 * x[labels // 10])
    assert sorted(labels) == y.tolist()


def test_what_is_left_over_is_left_out_by_default() -> None:
    numbers = tf.train.range_input_producer(10, num_epochs=1, shuffle=False)
    assert [b.tolist() for b in drain(tf.train.batch(numbers.dequeue(), 4))] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]


def test_examples_of_different_sizes_are_padded() -> None:
    n = tf.train.range_input_producer(4, num_epochs=1, shuffle=False).dequeue()
    ragged = tf.numpy_function(lambda n: np.arange(3) + n, [n], "int64", [(3,)])
    batch = tf.train.batch({"n": n, "x": ragged}, 2, dynamic_pad=True)
    got = drain(batch)
    assert [b["x"].tolist() for b in got] == [[[0, 1, 2], [1, 2, 3]], [[2, 3, 4], [3, 4, 5]]]


def test_batches_are_mixed() -> None:
    numbers = tf.train.range_input_producer(
        200, num_epochs=1, shuffle=False, capacity=400
    ).dequeue()
    got = drain(tf.train.shuffle_batch(numbers, 50, 200, 100, num_threads=2, seed=1))
    flat = np.concatenate(got)
    assert sorted(flat) == list(range(200))
    assert not np.array_equal(flat, np.arange(200))


def test_several_examples_may_come_at_a_time() -> None:
    rows = tf.train.limit_epochs(tf.constant(np.arange(6.0).reshape(3, 2)), 2)
    got = drain(tf.train.batch(rows, 3, enqueue_many=True))
    np.testing.assert_array_equal(got, [np.arange(6.0).reshape(3, 2)] * 2)


def wrong() -> Iterator[tuple[Any, type[Exception], str]]:
    yield (lambda: tf.train.input_producer(3.0), errors.ShapeError, "rows of known sizes")
    yield (
        lambda: tf.train.range_input_producer(3, num_epochs=0),
        errors.InvalidValueError,
        "1 or more",
    )
    yield (
        lambda: tf.train.slice_input_producer([np.ones(2), np.ones(3)]),
        errors.ShapeError,
        "equally many of each",
    )
    yield (
        lambda: tf.train.batch(tf.placeholder(tf.float32, (None,)), 2),
        errors.InvalidValueError,
        "only a PaddingFIFOQueue",
    )


@pytest.mark.parametrize(("call", "error", "message"), list(wrong()))
def test_mistakes_are_told(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
