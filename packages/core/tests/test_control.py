"""Control flow: eager, traced, in sessions, against NumPy."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref

import numpy as np
import pytest

import penstock as ps
from penstock.errors import DTypeError, GraphError, InvalidValueError, ShapeError

ROWS = np.random.default_rng(0).normal(size=(5, 2)) * 0.4


def both(fn):
    """The function as it is and traced: they must agree."""
    return [fn, ps.function(fn)]


# ---- values


def test_cond_takes_the_branch():
    for fn in both(lambda x: ps.cond(ps.sum(x) > 0, lambda: x * 2, lambda: x - 1)):
        assert fn(ps.ones((2,))).tolist() == [2.0, 2.0]
        assert fn(-ps.ones((2,))).tolist() == [-2.0, -2.0]


def test_cond_passes_operands():
    for fn in both(lambda x, y: ps.cond(x > y, lambda a, b: a - b, lambda a, b: b - a, x, y)):
        assert float(fn(1.0, 3.0)) == float(fn(3.0, 1.0)) == 2.0


def test_only_the_chosen_branch_runs():
    log = ps.Variable(0)

    @ps.function
    def step(x):
        ps.cond(x > 0, lambda: log.assign(log + 1), lambda: log.assign(log - 10))
        return x

    step(1.0)
    step(1.0)
    step(-1.0)
    assert int(log.numpy()) == -8


@pytest.mark.parametrize(("index", "expected"), [(-3, 2), (0, 2), (1, 20), (2, 200), (9, 200)])
def test_switch_takes_the_nearest_branch(index, expected):
    branches = [lambda x: x, lambda x: x * 10, lambda x: x * 100]
    for fn in both(lambda i, x: ps.switch(i, branches, x)):
        assert float(fn(ps.asarray(index), ps.asarray(2.0))) == expected


def test_while_loop_counts():
    def power(x, n):
        return ps.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * x), (0, ps.ones_like(x)))

    for fn in both(power):
        i, y = fn(ps.asarray([1.0, 2.0]), 5)
        assert (int(i), y.tolist()) == (5, [1.0, 32.0])
        assert fn(ps.asarray([1.0, 2.0]), 0)[1].tolist() == [1.0, 1.0]


def test_while_loop_stops_at_maximum_iterations():
    for fn in both(
        lambda x: ps.while_loop(lambda y: y > 0, lambda y: y + 1, x, maximum_iterations=7)
    ):
        assert float(fn(1.0)) == 8.0


def test_while_loop_keeps_structures():
    def run(x):
        start = ({"a": x, "b": [x, 0]},)
        return ps.while_loop(
            lambda s: s["b"][1] < 3,
            lambda s: ({"a": s["a"] * 2, "b": [s["a"], s["b"][1] + 1]},),
            start,
        )

    for fn in both(run):
        (state,) = fn(ps.asarray(1.0))
        assert (float(state["a"]), float(state["b"][0]), int(state["b"][1])) == (8.0, 4.0, 3)


@pytest.mark.parametrize("start", [[0], (0,)])
@pytest.mark.parametrize("wrap", [lambda i: i, lambda i: [i], lambda i: (i,)])
def test_while_loop_takes_what_loops_of_tensorflow_return(start, wrap):
    for fn in both(lambda n: ps.while_loop(lambda i: i < n, lambda i: wrap(i + 1), start)):
        last = fn(4)
        assert type(last) is type(start)
        assert [int(t) for t in last] == [4]


def test_lists_and_tuples_stand_for_each_other_in_what_is_carried():
    def loop(x):
        start = [0, (x, {"a": x, "b": x})]
        return ps.while_loop(
            lambda i, s: i < 3, lambda i, s: (i + 1, [s[0] * 2, {"b": s[0], "a": s[1]["b"]}]), start
        )

    def rows(xs):
        return ps.scan(lambda c, r: [(c[0] + r, c[0]), r], [0.0, 0.0], xs)

    for fn in both(loop):
        i, (x, named) = fn(ps.asarray(1.0))
        values = int(i), float(x), float(named["a"]), float(named["b"])
        assert values == (3, 8.0, 2.0, 4.0)
    for fn in both(rows):
        carry, _ = fn(ps.asarray([1.0, 2.0, 4.0]))
        assert type(carry) is list
        assert [float(c) for c in carry] == [7.0, 3.0]


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_a_cumulative_sum(reverse):
    def run(xs):
        return ps.scan(lambda c, x: (c + x, c + x), ps.zeros((2,), "float64"), xs, reverse=reverse)

    rows = ROWS[::-1] if reverse else ROWS
    expected = np.cumsum(rows, axis=0)
    for fn in both(run):
        last, sums = fn(ps.asarray(ROWS))
        np.testing.assert_allclose(last.numpy(), expected[-1])
        np.testing.assert_allclose(sums.numpy(), expected[::-1] if reverse else expected)


def test_scan_takes_structures_and_no_rows():
    def pairs(xs, ys):
        return ps.scan(
            lambda c, r: (c + 1, {"sum": r[0] + r["y"], "none": None}), 0, {0: xs, "y": ys}
        )

    for fn in both(pairs):
        count, made = fn(ps.asarray([1.0, 2.0]), ps.asarray([10.0, 20.0]))
        assert int(count) == 2
        assert made["sum"].tolist() == [11.0, 22.0]
        assert made["none"] is None
    for fn in both(lambda a: ps.scan(lambda c, _: (c * 2, c), a, length=4)):
        last, seen = fn(1.0)
        assert float(last) == 16.0
        assert seen.tolist() == [1.0, 2.0, 4.0, 8.0]


def test_scan_of_nothing_knows_its_shape():
    for fn in both(lambda xs: ps.scan(lambda c, x: (c + ps.sum(x), x * 2), 0.0, xs)):
        last, made = fn(ps.zeros((0, 3)))
        assert float(last) == 0.0
        assert made.shape == (0, 3)


def test_one_trace_serves_every_length():
    fn = ps.function(lambda xs: ps.scan(lambda c, x: (c + ps.sum(x), ps.max(x)), 0.0, xs))
    for n in (2, 5, 9):
        total, highest = fn(ps.ones((n, 3)))
        assert (float(total), highest.shape) == (3.0 * n, (n,))
    assert len(fn.traces) == 1


def test_map_stacks():
    for fn in both(lambda xs: ps.map(lambda r: (ps.sum(r), r[::-1]), xs)):
        sums, turned = fn(ps.asarray(ROWS))
        np.testing.assert_allclose(sums.numpy(), ROWS.sum(1))
        np.testing.assert_allclose(turned.numpy(), ROWS[:, ::-1])


def test_call_is_one_node():
    fn = ps.function(lambda x: ps.call(lambda y: y * y + x, x))
    assert float(fn(ps.asarray(3.0))) == 12.0
    assert [node.op for node in fn.graph.nodes] == ["placeholder", "call"]


def test_bodies_nest():
    def run(xs):
        return ps.map(
            lambda r: ps.scan(
                lambda c, x: (c + ps.cond(x > 0, lambda: x, lambda: -x), c * x), 0.0 * r[0], r
            )[1],
            xs,
        )

    expected = [[np.abs(row[:i]).sum() * row[i] for i in range(len(row))] for row in ROWS]
    for fn in both(run):
        np.testing.assert_allclose(fn(ps.asarray(ROWS)).numpy(), expected)


def test_loops_assign_variables():
    counter = ps.Variable(0)

    @ps.function
    def count(n):
        def body(i):
            counter.assign(counter + 2)
            return i + 1

        return ps.while_loop(lambda i: i < n, body, 0), counter + 0

    _, seen = count(5)
    assert int(seen) == int(counter.numpy()) == 10


def test_loops_read_variables_of_each_call():
    weight = ps.Variable(2.0)
    fn = ps.function(lambda x: ps.while_loop(lambda y: y < 100.0, lambda y: y * weight, x))
    assert float(fn(1.0)) == 128.0
    weight.assign(10.0)
    assert float(fn(1.0)) == 100.0


def test_a_carried_value_is_overwritten_and_what_others_hold_is_not():
    start = ps.zeros((4,))
    kept = ps.Variable(np.ones(4, "float32"))

    @ps.function
    def fill(first):
        def step(i, a, b, c):
            return i + 1, a + 1.0, b * 2.0, a + c

        return ps.while_loop(lambda i, *_: i < 3, step, (0, first, kept.value, first))

    for _ in range(2):
        _, a, b, c = fill(start)
        assert a.tolist() == [3.0] * 4
        assert b.tolist() == [8.0] * 4
        assert c.tolist() == [3.0] * 4
        assert start.tolist() == [0.0] * 4
        assert kept.numpy().tolist() == [1.0] * 4


def test_code_after_a_body_reads_what_the_body_assigned():
    v = ps.Variable(1.0)

    def run(x):
        before = v * 1
        ps.cond(x > 0, lambda: v.assign(v + 10), lambda: v.assign(v - 10))
        between = v * 1
        ps.scan(lambda c, _: (c, v.assign(v * 2)), 0, length=3)
        return before, between, v * 1

    for fn in both(run):
        v.assign(1.0)
        assert [float(t) for t in fn(ps.asarray(1.0))] == [1.0, 11.0, 88.0]


def test_a_variable_assigned_from_a_carried_value_keeps_its_own_memory():
    total = ps.Variable(np.zeros(4, "float32"))

    @ps.function
    def run(n):
        def body(i, x):
            total.assign(total + x)
            return i + 1, ps.ones((4,)) * ps.cast(i, "float32")

        return ps.while_loop(lambda i, x: i < n, body, (0, ps.ones((4,))))

    run(4)
    assert total.numpy().tolist() == [4.0] * 4


def test_numbers_take_the_dtype_of_their_place():
    def run(x):
        return (
            ps.cond(x > 0, lambda: x, lambda: 0),
            ps.cond(x < 0, lambda: x, lambda: 1),
            ps.while_loop(lambda y: y > 0, lambda y: 0, x),
            ps.scan(lambda c, _: (0, c), x, length=2)[1],
        )

    for dtype in ("float64", "bfloat16", "int32"):
        x = ps.asarray(2, dtype)
        for fn in both(run):
            a, b, c, d = fn(x)
            assert (float(a), float(b), float(c), d.tolist()) == (2.0, 1.0, 0.0, [2, 0])
        assert {t.dtype for t in ps.function(run)(x)} == {x.dtype}
    chosen = ps.function(lambda p: ps.cond(p, lambda: 1, lambda: 2.5))(ps.asarray(True))
    assert (float(chosen), chosen.dtype) == (1.0, ps.float32)


def test_a_fraction_is_not_cut_to_fit():
    fn = ps.function(lambda x: ps.scan(lambda c, _: (0.5, c), x, length=2))
    with pytest.raises(DTypeError, match="or start with float32"):
        fn(ps.asarray(1))


@pytest.mark.parametrize("length", [-1, 2.5])
def test_scan_refuses_what_is_no_length(length):
    for fn in both(lambda x: ps.scan(lambda c, _: (c, c), x, length=length)):
        with pytest.raises(InvalidValueError, match="must be a whole number, zero or more"):
            fn(ps.asarray(1.0))


def test_memory_counts_what_is_inside_of_bodies():
    fn = ps.function(lambda x: ps.scan(lambda c, _: (ps.sum(x @ x, 0), None), x[0], length=3)[0])
    assert fn.memory(ps.ones((64, 64)))["arena_bytes"] >= 64 * 64 * 4


def test_a_tensor_of_a_body_that_failed_may_outlive_the_graph_around_it():
    kept = []

    def fail(x):
        kept.append(x * 2)
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        ps.function(lambda x: ps.cond(ps.sum(x) > 0, lambda: fail(x), lambda: x))(ps.ones((3,)))
    gc.collect()
    assert kept[0].shape[0] == 3


def test_a_function_with_a_custom_gradient_in_a_body_is_freed():
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)

    def make(held):
        @ps.function
        def fn(x):
            @ps.custom_gradient
            def square(y):
                return y * y, lambda g: g * 2 if (held, fn) else g

            return ps.cond(x > 0, lambda: square(x), lambda: x)

        fn(ps.asarray(1.0))

    make(held)
    del held
    gc.collect()
    assert gone() is None


def test_strings_are_carried():
    words = ps.asarray([b"a", b"b"])
    fn = ps.function(
        lambda n: ps.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, words[::-1]), (0, words))
    )
    assert fn(3)[1].tolist() == [b"b", b"a"]
    assert fn(0)[1].tolist() == [b"a", b"b"]


# ---- sessions


def test_session_feeds_and_fetches_around_control_flow():
    graph = ps.Graph()
    with graph.as_default():
        x = ps.placeholder("float32", (None,), name="x")
        n = ps.placeholder("int64", (), name="n")
        y = ps.cond(n > 2, lambda: x * 2, lambda: x + 1)
        total = ps.while_loop(
            lambda i, a: i < n, lambda i, a: (i + 1, a + y), (0, ps.zeros_like(x))
        )[1]
        dx = ps.gradients(ps.sum(total), x)
    session = ps.Session(graph)
    got = session.run([y, total, dx], {x: [1.0, 2.0], n: 3})
    assert [a.tolist() for a in got] == [[2.0, 4.0], [6.0, 12.0], [6.0, 6.0]]
    assert session.run(total, {x: [1.0, 2.0], n: 1}).tolist() == [2.0, 3.0]
    # Fed in the middle: the branch is not needed, nor its predicate.
    assert session.run(total, {x: [0.0, 0.0], y: [5.0, 7.0], n: 2}).tolist() == [10.0, 14.0]


def test_v1_has_control_flow():
    v1 = ps.v1
    graph = v1.Graph()
    with graph.as_default():
        i = v1.while_loop(lambda i: i < 10, lambda i: [i + 3], [v1.constant(0)])
        y = v1.cond(i[0] > 11, lambda: v1.constant(1.0), lambda: v1.constant(2.0))
    with v1.Session(graph=graph) as session:
        assert session.run([i, y]) == [[12], 1.0]


# ---- threads and long runs


def test_threads_share_one_loop():
    fn = ps.function(
        lambda x: ps.while_loop(lambda i, y: i < 200, lambda i, y: (i + 1, y + x), (0, x))[1]
    )
    fn(ps.zeros((3,)))
    results = {}

    def work(k):
        results[k] = fn(ps.full((3,), float(k))).tolist()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [201.0 * k] * 3 for k in range(6)}


def test_an_endless_loop_can_be_interrupted():
    # A background shell has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    fn = ps.function(lambda x: ps.while_loop(lambda y: y > 0, lambda y: y * 1.0, x))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fn(1.0)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_endless_loop_can_time_out():
    graph = ps.Graph()
    with graph.as_default():
        y = ps.while_loop(lambda y: y > 0, lambda y: y * 1.0, ps.asarray(1.0))
    start = time.monotonic()
    with pytest.raises(ps.errors.CancelledError, match="cancelled"):
        ps.Session(graph).run(y, timeout=0.2)
    assert time.monotonic() - start < 60


# ---- errors

X = ps.asarray([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        (
            lambda x: ps.cond(x > 0, lambda: x, lambda: x),
            DTypeError,
            r"reduce it with penstock\.all",
        ),
        (
            lambda x: ps.cond(ps.sum(x) > 0, lambda: (x, x), lambda: x),
            GraphError,
            "return the same structure from both",
        ),
        (
            lambda x: ps.cond(ps.sum(x) > 0, lambda: x, lambda: ps.asarray(1)),
            DTypeError,
            r"float32 in true_fn and int64 in false_fn; convert one: x\.astype\('float32'\)",
        ),
        (
            lambda x: ps.cond(ps.sum(x) > 0, lambda: x, lambda: x[1:]),
            ShapeError,
            "return the same shape from both",
        ),
        (
            lambda x: ps.cond(ps.sum(x) > 0, lambda: "yes", lambda: x),
            TypeError,
            "must be a tensor, an array or a number",
        ),
        (
            lambda x: ps.while_loop(lambda y: ps.sum(y) < 9, lambda y: ps.concat([y, y]), x),
            ShapeError,
            "must keep its shape: start with the final one",
        ),
        (
            lambda x: ps.while_loop(lambda y: ps.sum(y) < 9, lambda y: y.astype("float64"), x),
            DTypeError,
            r"is float32 and becomes float64; convert it: x\.astype\('float32'\)",
        ),
        (
            lambda x: ps.while_loop(lambda y: y < 9, lambda y: y, x),
            DTypeError,
            r"reduce it with penstock\.all\(x\)",
        ),
        (
            lambda x: ps.while_loop(lambda y: ps.sum(y) < 9, lambda y: (y, y), x),
            GraphError,
            "return the same structure",
        ),
        (lambda x: ps.scan(lambda c, r: c, x[0], x), GraphError, "must return a pair"),
        (
            lambda x: ps.scan(lambda c, r: ((c, c), r), x[0], x),
            GraphError,
            "return the same structure",
        ),
        (lambda x: ps.scan(lambda c, r: (c, r), x[0]), InvalidValueError, "neither xs nor length"),
        (
            lambda x: ps.scan(lambda c, r: (c, r), x[0], (x, x[1:])),
            InvalidValueError,
            "the lengths are .* they must be equal",
        ),
        (
            lambda x: ps.map(lambda r: r, ps.asarray(1.0)),
            InvalidValueError,
            "every tensor needs a first axis",
        ),
        (
            lambda x: ps.while_loop(lambda y: True, lambda y: y, x, maximum_iterations=-1),
            InvalidValueError,
            "must be zero or more",
        ),
        (lambda x: ps.switch(0, []), InvalidValueError, "give at least one function"),
    ],
)
def test_errors_say_what_to_do(fn, error, message):
    with pytest.raises(error, match=message):
        ps.function(fn)(X)


def test_ragged_lengths_are_refused_when_they_meet():
    graph = ps.Graph()
    with graph.as_default():
        a, b = (ps.placeholder("float32", (None,), name=n) for n in "ab")
        y = ps.scan(lambda c, r: (c + r[0] * r[1], None), 0.0, (a, b))[0]
    session = ps.Session(graph)
    assert float(session.run(y, {a: [1.0, 2.0], b: [3.0, 4.0]})) == 11.0
    with pytest.raises(ShapeError, match="built for"):
        session.run(y, {a: [1.0, 2.0], b: [3.0]})


def test_an_error_inside_names_the_line():
    fn = ps.function(lambda xs, ids: ps.scan(lambda c, i: (c, ps.take(xs, i)), 0, ids)[1])
    with pytest.raises(IndexError, match=r"(?s)index 7 .*node 'scan'.*test_control\.py"):
        fn(X, ps.asarray([0, 7]))


# ---- devices


def leaves(tree):
    return [leaf for item in tree for leaf in (leaves(item) if isinstance(item, tuple) else [item])]


@pytest.mark.filterwarnings("ignore::penstock.errors.FallbackWarning")
def test_control_flow_on_another_device():
    try:
        with ps.device("null"):
            pass
    except ps.errors.DeviceError:
        pytest.skip("needs a device of the testkit")

    def run(x):
        with ps.device("null"):
            _, y = ps.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), (0, x))
            z = ps.cond(y[0] > 4, lambda: y + 1.0, lambda: y)
            return ps.scan(lambda c, r: (c + r, c * r), z[0], z), ps.map(ps.exp, y)

    x = ps.asarray([1.0, 2.0])
    expected = [t.tolist() for t in leaves(run(x))]
    found = [t.tolist() for t in leaves(ps.function(run)(x))]
    assert found == expected

    loss = ps.grad(lambda x: ps.sum(run(x)[1]))
    np.testing.assert_allclose(ps.function(loss)(x).tolist(), loss(x).tolist(), rtol=1e-5)
