"""Graphs built by hand: the text form, names, scopes, and what wrong uses are told."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

import penstock as ps
from penstock import errors

GOLDEN = """\
graph small(%x: f32[batch, 3]) {
  %dense/read_variable: f32[3, 2] = read_variable(variable='w')  # test_graph.py:LINE
  %dense/matmul: f32[batch, 2] = matmul(%x, %dense/read_variable)  # test_graph.py:LINE
  %dense/constant: f32[] = constant(value=1.5)  # test_graph.py:LINE
  %dense/add: f32[batch, 2] = add(%dense/matmul, %dense/constant) after(%dense/matmul)  # test_graph.py:LINE
  %tanh: f32[batch, 2] = tanh(%dense/add) on /job:localhost/task:0/device:cpu:0  # test_graph.py:LINE
  %sum: f32[batch, 1] = sum(%tanh, axis=(1,), keepdims=True)  # test_graph.py:LINE
  return %sum
}"""


def small() -> ps.Graph:
    w = ps.Variable(np.ones((3, 2), "float32"), name="w")
    g = ps.Graph("small")
    with g.as_default():
        x = ps.placeholder("float32", ("batch", 3), name="x")
        with ps.name_scope("dense"):
            h = ps.matmul(x, w)
            with ps.control_dependencies([h]):
                h = h + 1.5
        with ps.device("cpu:0"):
            h = ps.tanh(h)
        g.outputs = [ps.sum(h, axis=1, keepdims=True)]
    return g


def test_golden_text() -> None:
    text = small().text()
    assert re.sub(r"test_graph.py:\d+", "test_graph.py:LINE", text) == GOLDEN
    assert repr(small()) == small().text()  # the same program gives the same text


def test_every_node_names_its_line() -> None:
    lines = [int(node.source.split(":")[1]) for node in small().nodes if node.op != "placeholder"]
    assert lines == sorted(lines)
    first = small.__code__.co_firstlineno
    assert all(first < line < first + 14 for line in lines)


def test_nodes_tell_what_they_are() -> None:
    g = small()
    add = g.find_node("dense/add")
    assert (add.op, add.name, add.scope, add.device) == ("add", "dense/add", "dense", "")
    assert [t.name for t in add.inputs] == ["dense/matmul", "dense/constant"]
    assert add.control_inputs == [g.find_node("dense/matmul")]
    assert add.outputs[0].node == add
    assert add.effects == "none"
    assert g.find_node("dense/read_variable").effects == "read"
    assert g.find_node("sum").attrs["axis"] == (1,)
    assert g.find_node("nothing") is None
    assert len(g) == len(g.nodes) == 7
    assert repr(add) == "<node dense/add: add>"


def test_names_are_unique() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (), name="x")
        names = [x.name, ps.placeholder("float32", (), name="x").name]
        names += [ps.exp(x).name for _ in range(3)]
        names.append(ps.placeholder("float32", (), name="exp_1").name)
        names.append(ps.exp(x).name)
    assert names[:5] == ["x", "x_1", "exp", "exp_1", "exp_2"]
    assert len(set(names)) == len(names)


def test_scopes_nest_and_end() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (), name="x")
        with ps.name_scope("a") as outer, ps.name_scope("b") as inner:
            assert (outer, inner) == ("a", "a/b")
            assert ps.exp(x).name == "a/b/exp"
        with pytest.raises(KeyError), ps.name_scope("broken"):
            raise KeyError
        assert ps.exp(x).name == "exp"
        with ps.name_scope("a"):
            assert ps.exp(x).name == "a/exp"


@pytest.mark.parametrize("name", ["", "has space", "new\nline", "a%b"])
def test_bad_scope_names(name: str) -> None:
    with (
        pytest.raises(errors.GraphError, match="is no scope name; use letters, digits"),
        ps.name_scope(name),
    ):
        pass


def test_device_blocks_nest_and_none_lifts_them() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", ())
        with ps.device("cpu"):
            assert ps.exp(x).node.device == "/job:localhost/task:0/device:cpu:0"
            with ps.device(None):
                assert ps.exp(x).node.device == ""
            with ps.device("/job:worker/task:1/device:cpu:0"):
                assert ps.exp(x).node.device == "/job:worker/task:1/device:cpu:0"
        assert ps.exp(x).node.device == ""


def test_unknown_devices_are_refused_and_the_others_listed() -> None:
    with (
        pytest.raises(errors.DeviceError, match=r"there is no device 'gpu:7'; there are: .*cpu:0"),
        ps.device("gpu:7"),
    ):
        pass


def test_symbolic_sizes() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", ("batch", None, 4))
        batch, other, four = x.shape
        assert (str(batch), four) == ("batch", 4)
        assert str(other) != "batch"
        assert not isinstance(batch, int)
        flat = ps.reshape(x, (batch * other, four))
        assert str(flat.shape[0]) == str(batch * other)
        again = ps.placeholder("float32", ("batch",))
        assert again.shape[0] == batch
        assert ps.concat([x, x], axis=0).shape[0] == 2 * batch
        assert batch - batch == 0
        assert batch * 3 // 3 == batch


def test_constants_known_when_building_are_nodes() -> None:
    with ps.Graph().as_default() as g:
        y = ps.ones((2,)) + 1
        assert y.is_symbolic
    assert ps.Session(g).run(y).tolist() == [2, 2]


def test_graphs_nest_and_close() -> None:
    assert ps.current_graph() is None
    with ps.Graph("a").as_default() as a:
        assert ps.current_graph() == a
        with ps.Graph("b").as_default() as b:
            assert ps.current_graph() == b
            assert a != b
        assert ps.current_graph() == a
        with pytest.raises(KeyError), ps.Graph().as_default():
            raise KeyError
        assert ps.current_graph() == a
    assert ps.current_graph() is None


def test_each_thread_builds_its_own_graph() -> None:
    seen: list[bool] = []
    with ps.Graph().as_default():
        thread = threading.Thread(target=lambda: seen.append(ps.ones((1,)).is_symbolic))
        thread.start()
        thread.join()
    assert seen == [False]


def test_placeholders_need_a_graph_and_a_rank() -> None:
    with pytest.raises(
        errors.GraphError, match=r"no graph to add it to; write `with penstock.Graph\(\)"
    ):
        ps.placeholder("float32", ())
    with (
        ps.Graph().as_default(),
        pytest.raises(errors.GraphError, match=r"'x' has no shape; .*shape=\(\) for a scalar"),
    ):
        ps.placeholder("float32", name="x")


def test_graphs_do_not_mix() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (), name="mine")
    with (
        ps.Graph().as_default(),
        pytest.raises(errors.GraphError, match="tensor 'mine' belongs to another graph"),
    ):
        x + 1


def test_shape_errors_come_when_the_graph_is_built() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (None, 3))
        with pytest.raises(errors.ShapeError, match=r"\[matmul\].*3.*4"):
            ps.matmul(x, ps.ones((4, 2)))


def test_control_dependencies_take_tensors_nodes_and_operations() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (), name="x")
        a, b, c = ps.exp(x), ps.sin(x), ps.cos(x)
        with ps.control_dependencies([a, b.node, ps.group(c)]):
            y = ps.tanh(x)
        assert y.node.control_inputs == [a.node, b.node, c.node]
        assert ps.tanh(x).node.control_inputs == []
        with (
            pytest.raises(
                errors.InvalidTypeError, match=r"\[control_dependencies\] got int; it takes tensors"
            ),
            ps.control_dependencies([3]),
        ):
            pass
