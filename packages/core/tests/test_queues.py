"""Queues: the order in which elements leave, who waits for whom, and how waiting ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
import penstock.v1 as tf
from penstock import errors


@pytest.fixture(autouse=True)
def fresh_graph() -> None:
    tf.reset_default_graph()


def ints(queue: Any, n: int) -> list[int]:
    return [int(queue.dequeue()) for _ in range(n)]


# ---- order


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-100, 100), max_size=20), st.data())
def test_fifo_is_a_list(values: list[int], data: Any) -> None:
    queue = ps.FIFOQueue(30, "int64", shapes=())
    for v in values:
        queue.enqueue(v)
    first = data.draw(st.integers(0, len(values)))
    assert queue.dequeue_many(first).tolist() == values[:first]
    assert int(queue.size()) == len(values) - first
    queue.close()
    if values[first:]:
        assert queue.dequeue_up_to(100).tolist() == values[first:]
    with pytest.raises(errors.OutOfRangeError, match="end the consumer"):
        queue.dequeue()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers()), min_size=1, max_size=20))
def test_priorities_are_a_stable_sort(pairs: list[tuple[int, int]]) -> None:
    pairs = [(p, v % 1000) for p, v in pairs]
    queue = ps.PriorityQueue(30, "int64", shapes=[()])
    for pair in pairs:
        queue.enqueue(pair)
    got = queue.dequeue_many(len(pairs))
    expected = sorted(pairs, key=lambda pair: pair[0])
    assert list(zip(got[0].tolist(), got[1].tolist(), strict=True)) == expected


def test_shuffling_keeps_every_element_and_mixes() -> None:
    def order(seed: int) -> list[int]:
        queue = ps.RandomShuffleQueue(1000, 0, "int64", shapes=[()], seed=seed)
        queue.enqueue_many(np.arange(1000))
        return list(queue.dequeue_many(1000).tolist())

    first = order(1)
    assert first == order(1) != order(2)
    assert sorted(first) == list(range(1000))
    # Where each element comes out says nothing of where it went in.
    assert abs(np.corrcoef(first, np.arange(1000))[0, 1]) < 0.15


def test_so_many_stay_for_mixing_while_the_queue_is_open() -> None:
    queue = ps.RandomShuffleQueue(10, 3, "int64", shapes=[()])
    queue.enqueue_many([1, 2, 3, 4])
    queue.dequeue()
    with ps.RunOptions(timeout=0.05), pytest.raises(errors.CancelledError, match="while it waited"):
        queue.dequeue()
    assert int(queue.size()) == 3
    queue.close()
    assert len(ints(queue, 3)) == 3


def test_elements_of_other_sizes_are_padded() -> None:
    queue = ps.PaddingFIFOQueue(10, ["float32", "string"], shapes=[(None, 2), (None,)])
    queue.enqueue((np.ones((1, 2), "float32"), ["a"]))
    queue.enqueue((np.ones((3, 2), "float32"), ["b", "c"]))
    numbers, words = queue.dequeue_many(2)
    np.testing.assert_array_equal(numbers.numpy()[0], [[1, 1], [0, 0], [0, 0]])
    assert words.tolist() == [[b"a", b""], [b"b", b"c"]]
    plain = ps.FIFOQueue(10, "float32")
    plain.enqueue([1.0])
    plain.enqueue([1.0, 2.0])
    with pytest.raises(errors.ShapeError, match="use a PaddingFIFOQueue"):
        plain.dequeue_many(2)
    assert int(plain.size()) == 0  # they were taken, and cannot be put together


def test_components_may_have_names() -> None:
    queue = ps.FIFOQueue(3, ["int32", "float32"], shapes=[(), (2,)], names=["i", "x"])
    queue.enqueue({"x": [1.0, 2.0], "i": 7})
    got = queue.dequeue()
    assert (int(got["i"]), got["x"].tolist()) == (7, [1, 2])
    with pytest.raises(errors.InvalidValueError, match=r"names are \['i', 'x'\]"):
        queue.enqueue({"y": 1})


# ---- wrong use


def test_what_does_not_fit_is_refused() -> None:
    queue = ps.FIFOQueue(3, ["int32", "float32"], shapes=[(), (2,)])
    with pytest.raises(errors.InvalidValueError, match="give one for each dtype"):
        queue.enqueue(np.int32(1))
    with pytest.raises(errors.DTypeError, match="convert it with astype"):
        queue.enqueue((np.float64(1), [1.0, 2.0]))
    with pytest.raises(errors.ShapeError, match=r"the queue holds \(2,\)"):
        queue.enqueue((1, [1.0, 2.0, 3.0]))
    with pytest.raises(errors.ShapeError, match="elements along a first axis"):
        queue.enqueue_many((1, [[1.0, 2.0]]))
    with pytest.raises(errors.ShapeError, match="equally many of each"):
        queue.enqueue_many(([1, 2], [[1.0, 2.0]]))
    with pytest.raises(errors.InvalidValueError, match="give 0 or more"):
        queue.dequeue_many(-1)
    assert int(queue.size()) == 0
    with pytest.raises(errors.InvalidValueError, match="give 1 or more"):
        ps.FIFOQueue(0, "int32")
    with pytest.raises(errors.InvalidValueError, match="give one for each"):
        ps.FIFOQueue(1, ["int32", "int32"], shapes=[()])
    with pytest.raises(errors.InvalidValueError, match="only a PaddingFIFOQueue"):
        ps.FIFOQueue(1, "int32", shapes=[(None,)])
    with pytest.raises(errors.InvalidValueError, match="fewer than fit in"):
        ps.RandomShuffleQueue(5, 5, "int32")
    with pytest.raises(errors.ShapeError, match="one whole number for each element"):
        ps.PriorityQueue(3, "int32").enqueue(([1, 2], 3))


def test_a_graph_must_know_the_shapes() -> None:
    queue = ps.FIFOQueue(3, "int32")
    with ps.Graph().as_default(), pytest.raises(errors.GraphError, match="give shapes="):
        queue.dequeue()


# ---- waiting


def test_a_consumer_waits_for_a_producer() -> None:
    queue = ps.FIFOQueue(2, "int64", shapes=[()])
    future = ps.submit(queue.dequeue_many, 5)  # more than fit in
    for i in range(5):
        queue.enqueue(i)
    assert future.result(60).tolist() == [0, 1, 2, 3, 4]


def test_a_full_queue_holds_the_producer_up() -> None:
    queue = ps.FIFOQueue(2, "int64", shapes=[()])
    future = ps.submit(queue.enqueue_many, [0, 1, 2, 3])
    time.sleep(0.05)
    assert not future.done()
    assert int(queue.size()) == 2
    assert queue.dequeue_many(4).tolist() == [0, 1, 2, 3]
    future.result(60)


def test_closing_ends_waiting() -> None:
    queue = ps.FIFOQueue(1, "int64", shapes=[()])
    consumer = ps.submit(queue.dequeue_many, 2)
    queue.enqueue(1)
    time.sleep(0.03)
    queue.close()
    with pytest.raises(errors.OutOfRangeError, match="take what is left with dequeue_up_to"):
        consumer.result(60)
    assert queue.dequeue_up_to(2).tolist() == [1]  # what it had taken is back
    assert bool(queue.is_closed())
    with pytest.raises(errors.OutOfRangeError, match="end the producer, or make a new queue"):
        queue.enqueue(2)


def test_who_waits_to_put_in_may_still_do_so_unless_cancelled() -> None:
    queue = ps.FIFOQueue(1, "int64", shapes=[()])
    queue.enqueue(1)
    waiting = ps.submit(queue.enqueue, 2)
    time.sleep(0.03)
    queue.close()
    assert ints(queue, 2) == [1, 2]
    waiting.result(60)
    other = ps.FIFOQueue(1, "int64", shapes=[()])
    other.enqueue(1)
    waiting = ps.submit(other.enqueue, 2)
    time.sleep(0.03)
    other.close(cancel_pending_enqueues=True)
    with pytest.raises(errors.OutOfRangeError, match="waited for room"):
        waiting.result(60)
    assert ints(other, 1) == [1]


def test_cancelling_ends_waiting_and_loses_nothing() -> None:
    queue = ps.FIFOQueue(3, "int64", shapes=[()])
    queue.enqueue_many([1, 2])
    future = ps.submit(queue.dequeue_many, 3)
    time.sleep(0.03)
    future.cancel()
    with pytest.raises(errors.CancelledError, match=r"\[fifo_queue\] the run was cancelled while"):
        future.result(60)
    assert ints(queue, 2) == [1, 2]


def test_many_producers_and_consumers_lose_nothing() -> None:
    queue = ps.FIFOQueue(7, "int64", shapes=[()])
    got: list[int] = []
    lock = threading.Lock()

    def produce(first: int) -> None:
        for i in range(first, first + 100, 4):
            queue.enqueue_many(np.arange(i, i + 4))

    def consume() -> None:
        while True:
            try:
                values = queue.dequeue_up_to(3).tolist()
            except errors.OutOfRangeError:
                return
            with lock:
                got.extend(values)

    producers = [ps.submit(produce, 100 * i) for i in range(4)]
    consumers = [ps.submit(consume) for _ in range(3)]
    for p in producers:
        p.result(60)
    queue.close()
    for c in consumers:
        c.result(60)
    assert sorted(got) == list(range(400))


# ---- graphs


def test_queues_work_in_a_session() -> None:
    queue = ps.FIFOQueue(10, ["float32", "string"], shapes=[(2,), ()])
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (2,))
        put = queue.enqueue((x * 2, "word"))
        value, word = queue.dequeue()
        many = queue.dequeue_many(2)[0]
        some = ps.sum(queue.dequeue_up_to(5)[0], axis=0)
        size, closed, close = queue.size(), queue.is_closed(), queue.close()
    sess = ps.Session(graph)
    for i in range(6):
        sess.run(put, {x: [i, 1]})
    assert sess.run(size) == 6
    got = sess.run([value + 1, word])
    np.testing.assert_array_equal(got[0], [1, 3])
    assert got[1] in ("word", b"word")
    np.testing.assert_array_equal(sess.run(many), [[2, 2], [4, 2]])
    assert not sess.run(closed)
    sess.run(close)
    np.testing.assert_array_equal(sess.run(some), [6 + 8 + 10, 6])  # three were left
    with pytest.raises(errors.OutOfRangeError, match="is closed and has 0 elements"):
        sess.run(some)
    with pytest.raises(errors.OutOfRangeError, match="is closed and has 0 elements"):
        sess.run(value)


def test_what_comes_out_can_be_fed_instead() -> None:
    queue = ps.PaddingFIFOQueue(10, "float32", shapes=[(None,)])
    with ps.Graph().as_default() as graph:
        y = queue.dequeue()
        total = ps.sum(y)
    assert ps.Session(graph).run(total, {y: [1.0, 2.0]}) == 3


def test_a_session_waits_no_longer_than_its_timeout() -> None:
    queue = ps.FIFOQueue(10, "float32", shapes=[()])
    with ps.Graph().as_default() as graph:
        y = queue.dequeue() + 1
        some = queue.dequeue_up_to(3)
    sess = ps.Session(graph)
    for fetch in (y, some):
        with pytest.raises(errors.CancelledError, match=r"timeout of 0\.05 seconds passed"):
            sess.run(fetch, timeout=0.05)
    future = sess.run_async(y)
    queue.enqueue(1.0)
    assert future.result(60) == 2


def test_a_function_takes_from_a_queue_each_time_it_runs() -> None:
    queue = ps.FIFOQueue(10, "float32", shapes=[(2,)])
    f = ps.function(lambda x: queue.dequeue() + x)
    queue.enqueue_many([[1.0, 2.0], [3.0, 4.0]])
    assert f(ps.asarray(1.0)).tolist() == [2, 3]
    assert f(ps.asarray(1.0)).tolist() == [4, 5]
    queue.close()
    with pytest.raises(errors.OutOfRangeError, match=r"end the consumer.*\n.*at .*test_queues"):
        f(ps.asarray(1.0))


# ---- TensorFlow 1's programs


def test_runners_fill_a_queue_until_the_input_ends() -> None:
    source = tf.FIFOQueue(100, tf.int64, shapes=[()], name="source")
    queue = tf.RandomShuffleQueue(16, 4, tf.int64, shapes=[()])
    fill = source.enqueue_many(tf.constant(np.arange(100)))
    tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(source.dequeue())] * 3))
    batch = queue.dequeue_up_to(8, name="batch")
    assert batch.name.startswith("batch")
    with tf.Session() as sess:
        sess.run(fill)
        sess.run(source.close())
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(coord=coord)
        assert len(threads) == 4
        got: list[int] = []
        with coord.stop_on_exception():
            while not coord.should_stop():
                got += sess.run(batch).tolist()
        coord.join(threads)
    assert sorted(got) == list(range(100))


def test_a_coordinator_ends_runners_that_wait() -> None:
    queue = tf.FIFOQueue(2, tf.float32, shapes=[()])
    runner = tf.train.QueueRunner(queue, [queue.enqueue(1.0)] * 2)
    with tf.Session() as sess:
        coord = tf.train.Coordinator()
        threads = runner.create_threads(sess, coord, start=True)
        assert sess.run(queue.dequeue()) == 1
        coord.request_stop()
        coord.join(threads, stop_grace_period_secs=30)
    assert not any(t.is_alive() for t in threads)
    assert coord.joined


def test_an_error_in_a_thread_is_raised_by_join() -> None:
    def fail(x: Any) -> Any:
        raise KeyError("no such file")

    queue = tf.FIFOQueue(2, tf.float32, shapes=[()])
    broken = tf.numpy_function(fail, [tf.constant(1.0)], "float32", [()])
    with tf.Session() as sess:
        coord = tf.train.Coordinator()
        tf.train.QueueRunner(queue, [queue.enqueue(broken)]).create_threads(sess, coord, start=True)
        with pytest.raises(errors.InvalidValueError, match="no such file"):
            coord.join()
    with pytest.raises(errors.GraphError, match="give sess="):
        tf.train.start_queue_runners()
    with pytest.raises(errors.InvalidValueError, match="give one for each thread"):
        tf.train.QueueRunner(queue, [])


def test_a_thread_that_does_not_stop_is_named() -> None:
    coord = tf.train.Coordinator()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="stubborn")
    thread.start()
    coord.request_stop()
    with pytest.raises(RuntimeError, match="stubborn did not stop"):
        coord.join([thread], stop_grace_period_secs=0.05)
    release.set()
    thread.join()


def test_a_saver_saves_and_restores(tmp_path: Any) -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    step = tf.Variable(7, name="step", trainable=False)
    saver = tf.train.Saver(max_to_keep=2)
    assert tf.train.latest_checkpoint(tmp_path) is None
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        path = saver.save(sess, tmp_path / "model", global_step=step)
        sess.run(v.assign([5.0, 5.0]))
        saver.save(sess, tmp_path / "model", global_step=8)
        assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "model" / "step-00000008")
        saver.restore(sess, path)
        np.testing.assert_array_equal(sess.run(v), [1, 2])
        saver.restore(sess, tmp_path / "model")
        np.testing.assert_array_equal(sess.run(v), [5, 5])


# ---- functions of the host


def test_a_function_of_the_host_is_a_step_of_a_graph() -> None:
    calls: list[tuple[int, ...]] = []

    def both(x: Any, y: Any) -> Any:
        calls.append(x.shape)
        return x + y, np.asarray([b"a", b"bc"], object)

    f = ps.function(
        lambda x: ps.numpy_function(both, [x, x], ["float32", "string"], [x.shape, (2,)])
    )
    for n in (3, 5):
        total, words = f(ps.ones((n,)))
        np.testing.assert_array_equal(total.numpy(), 2 * np.ones(n))
        assert words.tolist() == [b"a", b"bc"]
    assert calls == [(3,), (5,)]
    assert ps.numpy_function(np.sum, [[1.0, 2.0]], "float64").dtype == "float64"


def test_a_function_of_the_host_is_called_wrongly() -> None:
    with (
        ps.Graph().as_default(),
        pytest.raises(errors.InvalidValueError, match=r"shapes=\[\(2, 3\)\]"),
    ):
        ps.numpy_function(np.sum, [ps.ones((2,))], "float32")
    with pytest.raises(errors.InvalidValueError, match="give one for each dtype of Tout"):
        ps.numpy_function(np.sum, [[1.0]], ["float32", "float32"], [()])
    with pytest.raises(errors.InvalidValueError, match="got 1 for 2 results"):
        ps.numpy_function(np.sum, [[1.0]], ["float32", "float32"])
    with pytest.raises(ValueError, match=r"returned shape \(1,\), the op's rule says \(2,\)"):
        ps.numpy_function(np.abs, [[1.0]], "float32", [(2,)])
    x = ps.Variable([1.0])
    with ps.GradientTape() as tape:
        y = ps.numpy_function(np.abs, [x.value], "float32", [(1,)])
    assert tape.gradient(y, x) is None  # nobody can look into it


def test_a_capacity_is_a_whole_number() -> None:
    with pytest.raises(TypeError, match="float"):
        ps.FIFOQueue(1.5, "int64")  # type: ignore[arg-type]


def test_a_numpy_function_may_write_into_its_arrays() -> None:
    x = ps.ones((3,))
    assert ps.numpy_function(lambda a: a.__imul__(2), [x], "float32").tolist() == [2, 2, 2]
    assert x.tolist() == [1, 1, 1]
