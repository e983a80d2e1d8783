"""`Session`: feeds, fetches, what is left out, and what wrong ones are told."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


class Net:
    """y = x @ w + b and what hangs off it, in a graph of its own."""

    def __init__(self) -> None:
        self.graph = ps.Graph("net")
        with self.graph.as_default():
            self.x = ps.placeholder("float32", (None, 3), name="x")
            self.w = ps.placeholder("float32", (3, 2), name="w")
            self.h = ps.matmul(self.x, self.w)
            self.y = self.h + 1.0
            self.total = ps.sum(self.y)


@pytest.fixture
def net() -> Net:
    return Net()


X = np.arange(6, dtype="float32").reshape(2, 3)
W = np.arange(6, dtype="float32").reshape(3, 2)


def test_feeds_and_fetches(net: Net) -> None:
    with ps.Session(net.graph) as sess:
        got = sess.run(net.y, {net.x: X, net.w: W})
    assert isinstance(got, np.ndarray)
    np.testing.assert_array_equal(got, X @ W + 1)


def test_one_session_takes_any_size_of_an_open_dimension(net: Net) -> None:
    sess = ps.Session(net.graph)
    for n in (1, 2, 5, 0):
        x = np.ones((n, 3), "float32")
        np.testing.assert_array_equal(sess.run(net.y, {net.x: x, net.w: W}), x @ W + 1)


def test_fetches_keep_their_structure(net: Net) -> None:
    pair = namedtuple("pair", "a b")
    sess = ps.Session(net.graph)
    feeds = {net.x: X, net.w: W}
    got = sess.run({"y": net.y, "more": [net.total, (net.h, net.y)], "p": pair(net.x, "w")}, feeds)
    y = X @ W + 1
    assert list(got) == ["y", "more", "p"]
    np.testing.assert_array_equal(got["y"], y)
    assert got["more"][0] == y.sum()
    assert isinstance(got["more"][0], np.float32)
    np.testing.assert_array_equal(got["more"][1][0], X @ W)
    np.testing.assert_array_equal(got["p"].a, X)
    np.testing.assert_array_equal(got["p"].b, W)
    assert sess.run([], feeds) == []


def test_names_fetch_and_feed(net: Net) -> None:
    sess = ps.Session(net.graph)
    name = net.y.name
    for fetch in (name, f"{name}:0"):
        np.testing.assert_array_equal(sess.run(fetch, {"x": X, "w:0": W}), X @ W + 1)


def test_plans_do_not_depend_on_the_order_of_feeds_and_go_when_the_graph_changes() -> None:
    g = ps.Graph()
    with g.as_default():
        x, y = ps.placeholder("float32", ()), ps.placeholder("float32", ())
        z = x - y
    sess = ps.Session(g)
    assert sess.run(z, {x: 3.0, y: 1.0}) == sess.run(z, {y: 1.0, x: 3.0}) == 2
    assert len(sess._plans) == 1
    with g.as_default():
        w = z * 2
    assert sess.run(w, {y: 1.0, x: 3.0}) == 4
    assert len(sess._plans) == 1


def test_later_outputs_have_names() -> None:
    with ps.Graph().as_default() as g:
        first, second = ps.split(ps.placeholder("float32", (4,), name="x"), 2)
    got = ps.Session(g).run([second.name, first.name], {"x": [1, 2, 3, 4]})
    assert [part.tolist() for part in got] == [[3, 4], [1, 2]]


def test_what_fetches_do_not_need_is_left_out(net: Net) -> None:
    v = ps.Variable(0.0)
    with net.graph.as_default():
        v.assign(net.total)
        unrelated = ps.placeholder("float32", (), name="unrelated")
        unrelated * 2
    sess = ps.Session(net.graph)
    assert sess.run(net.h, {net.x: X, net.w: W}).shape == (2, 2)
    assert v.value.item() == 0


def test_feeding_an_intermediate_tensor_cuts_the_graph(net: Net) -> None:
    sess = ps.Session(net.graph)
    h = np.full((1, 2), 5, "float32")
    np.testing.assert_array_equal(sess.run(net.y, {net.h: h}), h + 1)
    np.testing.assert_array_equal(sess.run([net.y, net.h], {net.h: h})[1], h)


def test_the_same_fetch_with_other_feeds_is_planned_anew(net: Net) -> None:
    sess = ps.Session(net.graph)
    assert sess.run(net.total, {net.x: X, net.w: W}) == (X @ W + 1).sum()
    assert sess.run(net.total, {net.y: np.ones((4, 2), "float32")}) == 8
    assert sess.run(net.total, {net.w: W, net.x: X}) == (X @ W + 1).sum()
    with net.graph.as_default():  # the graph may grow between runs
        doubled = net.total * 2
    assert sess.run(doubled, {net.total: 3.0}) == 6


def test_control_dependencies_run_what_nobody_reads() -> None:
    count = ps.Variable(0.0, name="count")
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float32", (), name="x")
        bump = count.assign_add(1.0)
        with ps.control_dependencies([bump]):
            y = x * 2
        z = x * 2
    sess = ps.Session(g)
    assert sess.run(y, {x: 2.0}) == 4
    assert count.value.item() == 1
    assert sess.run(z, {x: 2.0}) == 4
    assert count.value.item() == 1
    sess.run([y, z], {x: 2.0})
    assert count.value.item() == 2


def test_operations_run_once_and_give_none() -> None:
    v, w = ps.Variable(1.0), ps.Variable(1.0)
    with ps.Graph().as_default() as g:
        both = ps.group(v.assign_add(1.0), ps.group(w.assign(5.0)), name="both")
    sess = ps.Session(g)
    assert sess.run(both) is None
    assert sess.run({"op": both, "v": v})["op"] is None
    assert (v.value.item(), w.value.item()) == (3, 5)
    assert "both of 2" in repr(both)
    assert sess.run(ps.group()) is None


def test_nodes_can_be_fetched_for_their_effects() -> None:
    v = ps.Variable(1.0)
    with ps.Graph().as_default() as g:
        written = v.assign_add(1.0)
    assert ps.Session(g).run(written.node) is None
    assert v.value.item() == 2


def test_variables_can_be_fetched_again_and_again() -> None:
    v = ps.Variable([1.0, 2.0], name="v")
    with ps.Graph().as_default() as g:
        step = v.assign_add([1.0, 1.0])
    sess, size = ps.Session(g), len(g)
    for i in range(5):
        np.testing.assert_array_equal(sess.run(v), np.array([1, 2]) + i)
        sess.run(step)
    assert len(g) == size  # fetching leaves the graph alone


def test_writes_and_reads_keep_the_order_of_the_program() -> None:
    v = ps.Variable(1.0)
    with ps.Graph().as_default() as g:
        before = v.value * 1
        written = v.assign(v * 10)
        after = v.value * 1
    assert ps.Session(g).run([after, written, before]) == [10, 10, 1]


def test_fed_values_take_the_tensors_dtype_when_nothing_is_lost(net: Net) -> None:
    sess = ps.Session(net.graph)
    lists = sess.run(net.h, {net.x: [[1, 2, 3]], net.w: W.astype("int8")})
    np.testing.assert_array_equal(lists, np.array([[1, 2, 3]]) @ W)
    assert lists.dtype == np.float32
    np.testing.assert_array_equal(sess.run(net.x, {net.x: X.astype("float64")}), X)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones((2, 4), "float32"), errors.ShapeError, r"'x'.*\(2, 4\)|x.*3"),
        (np.ones((3,), "float32"), errors.ShapeError, r"x"),
        (
            np.ones((2, 3), "complex64"),
            errors.DTypeError,
            r"'x' is float32 and is fed complex64; convert",
        ),
        (["a", "b"], errors.DTypeError, r"'x' is float32 and is fed string"),
    ],
)
def test_values_that_do_not_fit(net: Net, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ps.Session(net.graph).run(net.h, {net.x: value, net.w: W})


def test_floats_are_not_cut_off_to_integers() -> None:
    with ps.Graph().as_default() as g:
        i = ps.placeholder("int32", (), name="i")
    with pytest.raises(errors.DTypeError, match=r"'i' is int32 and is fed float32"):
        ps.Session(g).run(i, {i: 1.5})


def test_whole_numbers_fit_when_their_values_do() -> None:
    with ps.Graph().as_default() as g:
        u = ps.placeholder("uint8", (None,), name="u")
    sess = ps.Session(g)
    assert sess.run(u, {u: [1, 255]}).tolist() == [1, 255]
    for bad in ([-1], [256]):
        with pytest.raises(
            errors.DTypeError, match=r"'u' is uint8 and is fed int64 with values that uint8 cannot"
        ):
            sess.run(u, {u: bad})


def test_python_floats_keep_their_digits_in_float64() -> None:
    with ps.Graph().as_default() as g:
        d = ps.placeholder("float64", (), name="d")
    assert ps.Session(g).run(d, {d: 0.1}) == 0.1


def test_a_fetched_variable_is_read_after_the_runs_writes() -> None:
    v = ps.Variable(1.0)
    with ps.Graph().as_default() as g:
        step = v.assign_add(1.0)
    assert ps.Session(g).run([v, step]) == [2, 2]


def test_a_placeholder_that_is_needed_must_be_fed(net: Net) -> None:
    with pytest.raises(
        errors.GraphError, match="placeholder 'w' is needed and was not fed; add it to feed_dict"
    ):
        ps.Session(net.graph).run(net.y, {net.x: X})


def test_named_dimensions_must_agree() -> None:
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float32", ("batch", 2), name="x")
        y = ps.placeholder("float32", ("batch", 2), name="y")
        z = x * y
    sess = ps.Session(g)
    assert sess.run(z, {x: np.ones((3, 2)), y: np.ones((3, 2))}).shape == (3, 2)
    with pytest.raises(errors.ShapeError, match="batch"):
        sess.run(z, {x: np.ones((3, 2)), y: np.ones((4, 2))})


def test_tensors_of_another_graph_are_refused(net: Net) -> None:
    with ps.Graph("elsewhere").as_default():
        stranger = ps.placeholder("float32", (), name="stranger")
    sess = ps.Session(net.graph)
    message = r"tensor 'stranger' belongs to graph 'elsewhere', .*penstock.Session\(tensor.graph\)"
    with pytest.raises(errors.GraphError, match=message):
        sess.run(stranger, {})
    with pytest.raises(errors.GraphError, match=message):
        sess.run(net.y, {stranger: 1.0})


def test_unknown_names_get_a_suggestion(net: Net) -> None:
    sess = ps.Session(net.graph)
    with pytest.raises(
        errors.GraphError, match=r"cannot fetch 'matmull': .* did you mean matmul\?"
    ):
        sess.run("matmull", {})
    with pytest.raises(errors.GraphError, match=r"cannot feed 'qq': the graph has no such node"):
        sess.run(net.y, {"qq": 1.0})
    for name in ("matmul:1", "matmul:-1", "matmul:one"):
        with pytest.raises(
            errors.GraphError,
            match=rf"cannot fetch '{name}': the outputs of this node are 'matmul:0'",
        ):
            sess.run(name, {})


def test_things_that_cannot_be_fetched_or_fed(net: Net) -> None:
    sess = ps.Session(net.graph)
    with pytest.raises(errors.GraphError, match=r"cannot fetch 3 \(int\)"):
        sess.run(3)
    with pytest.raises(errors.GraphError, match=r"is a value already"):
        sess.run(ps.ones((2,)))
    with pytest.raises(errors.GraphError, match=r"feed_dict has the key 3 \(int\)"):
        sess.run(net.y, {3: 1})
    with pytest.raises(errors.GraphError, match=r"'x' is fed a graph tensor"):
        sess.run(net.y, {net.x: net.w})
    with pytest.raises(errors.GraphError, match=r"'x' is fed twice"):
        sess.run(net.x, {net.x: X, "x": X})
    with pytest.raises(errors.InvalidTypeError, match=r"\[group\] got int; it takes"):
        ps.group(3)


def test_a_closed_session_says_so(net: Net) -> None:
    with ps.Session(net.graph) as sess:
        pass
    with pytest.raises(errors.GraphError, match=r"this session is closed; make a new one"):
        sess.run(net.y)
    assert ps.current_graph() is None


def test_ops_in_the_block_belong_to_the_sessions_graph(net: Net) -> None:
    with ps.Session(net.graph) as sess:
        three = net.total * 3
        assert sess.run(three, {net.total: 2.0}) == 6


def test_a_timeout_cancels_the_run() -> None:
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float32", (None, None), name="x")
        y = x
        for _ in range(2000):
            y = ps.tanh(y @ x)
    sess = ps.Session(g)
    assert sess.run(y, {x: np.eye(2)}, timeout=60).shape == (2, 2)
    with pytest.raises(errors.CancelledError, match=r"the timeout of 0.02 seconds passed"):
        sess.run(y, {x: np.eye(300, dtype="float32")}, timeout=0.02)
    assert sess.run(y, {x: np.eye(2)}).shape == (2, 2)


def test_strings_travel() -> None:
    with ps.Graph().as_default() as g:
        s = ps.placeholder("string", (None,), name="s")
        same = ps.equal(s, "b")
    got = ps.Session(g).run([s, same], {s: ["a", "b"]})
    assert got[0].tolist() == [b"a", b"b"]
    assert got[1].tolist() == [False, True]


def test_equal_to_a_function_to_the_last_bit(net: Net) -> None:
    x, w = (
        np.random.default_rng(0).standard_normal(s).astype("float32") for s in ((64, 3), (3, 2))
    )
    traced = ps.function(lambda x, w: ps.sum(x @ w + 1.0))(x, w)
    assert ps.Session(net.graph).run(net.total, {net.x: x, net.w: w}) == traced.item()


def test_rows_of_an_unknown_number_can_be_taken() -> None:
    graph = ps.Graph()
    with graph.as_default():
        x = ps.placeholder("float32", (None, 2), name="x")
        first, last = x[0], x[-1]
    session = ps.Session(graph)
    got = session.run([first, last], {x: [[1.0, 2.0], [3.0, 4.0]]})
    assert [row.tolist() for row in got] == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(errors.ShapeError, match="built for"):
        session.run(first, {x: np.zeros((0, 2), "float32")})
