"""What becomes of the graphs inside: optimised, inlined, and called once for all rows of a map."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps

ROWS = np.random.default_rng(0).normal(size=(5, 2)) * 0.4


def ops_inside(graph, op):
    found = []
    for node in graph.nodes:
        inner = [v for v in node.attrs.values() if isinstance(v, ps.Graph)]
        found += [node] if node.op == op else []
        for body in inner:
            found += ops_inside(body, op)
    return found


def test_bodies_are_optimised():
    fn = ps.function(lambda xs: ps.scan(lambda c, r: (c, ps.cumsum(r) * ps.cumsum(r)), 0, xs))
    made = fn.trace(ps.asarray(ROWS))
    assert len(ops_inside(made.graph, "cumsum")) == 2
    assert len(ops_inside(made.optimized, "cumsum")) == 1


def test_inlined_calls_keep_devices_and_what_runs_first():
    graph = ps.Graph()
    v = ps.Variable(1.0)
    with graph.as_default():
        x = ps.placeholder("float32", (), name="x")

        def body(x):
            first = x * 2.0
            with ps.control_dependencies([first]), ps.device("cpu:0"):
                return ps.exp(x)

        with ps.control_dependencies([v.assign(x)]):
            y = ps.call(body, x)
        with ps.control_dependencies([y]):
            z = v.assign_add(1.0)
    graph.outputs = [y, z]
    from penstock.passes.inline import inline_calls

    flat = inline_calls(graph)
    names = {node.op: node for node in flat.nodes}
    assert "call" not in names
    assert names["exp"].device == "/job:localhost/task:0/device:cpu:0"
    assert {c.op for c in names["exp"].control_inputs} >= {"multiply", "assign_variable"}
    writes = [node for node in flat.nodes if node.op == "assign_variable"]
    assert "exp" in {c.op for c in writes[1].control_inputs}


IMAGES = np.random.default_rng(1).normal(size=(3, 2, 6, 6, 2))
TABLE = ps.asarray(np.arange(12.0).reshape(6, 2))
FILTER = ps.asarray(np.random.default_rng(2).normal(size=(3, 3, 2, 4)))
GRID = np.random.default_rng(3).normal(size=(4, 3, 5))


@pytest.mark.parametrize(
    ("fn", "xs"),
    [
        (lambda r: r * ps.sum(r) + TABLE[0, 0], GRID),
        (lambda r: r[0] + r, GRID),
        (lambda r: ps.mean(r, axis=1, keepdims=True) - ps.max(r), GRID),
        (lambda r: (ps.argmax(r), ps.argmin(r, axis=-1)), GRID),
        (lambda r: ps.argmax(r, keepdims=True), GRID),
        (lambda r: ps.softmax(r, axis=0) + ps.log_softmax(r), GRID),
        (lambda r: ps.softmax_cross_entropy(r, ps.asarray([0, 1, 2])), GRID),
        (lambda r: ps.transpose(r) @ r, GRID),
        (lambda r: r @ TABLE[1:6], GRID),
        (lambda r: ps.asarray(GRID) @ ps.transpose(r), GRID),
        (lambda r: ps.reshape(r, (5, 3)) + ps.flatten(r)[1], GRID),
        (lambda r: ps.broadcast_to(r[0], (2, 5)), GRID),
        (lambda r: ps.concat([r, ps.zeros((1, 5), "float64")]), GRID),
        (lambda r: ps.pad(r, ((1, 0), (0, 2)))[::-1, 1:4], GRID),
        (lambda r: ps.take(r, ps.asarray([2, 0]), axis=0), GRID),
        (lambda i: ps.take(TABLE, i, axis=0), np.array([[0, 1], [5, 2]])),
        (lambda i: ps.take(TABLE, i, axis=1), np.array([[0, 1], [1, 1]])),
        (lambda i: ps.embedding(TABLE, i), np.array([[0, 1], [5, 2]])),
        (lambda t: ps.embedding(t, ps.asarray([2, 0])), GRID),
        (lambda i: ps.one_hot(i, 4), np.array([[0, 1], [3, 2]])),
        (lambda x: ps.max_pool2d(ps.conv2d(x, FILTER), 2), IMAGES),
        (lambda x: ps.conv2d_transpose(x, FILTER[:, :, :, :2], 2), IMAGES),
        (lambda x: ps.depthwise_conv2d(x, FILTER), IMAGES),
        (lambda x: ps.group_norm(x, TABLE[1], TABLE[2], groups=1), IMAGES),
        (lambda r: ps.layer_norm(r, GRID[0, 0], GRID[0, 1]), GRID),
        (lambda r: ps.rms_norm(r, GRID[0]), GRID),
        (lambda r: ps.scaled_dot_product_attention(r, r, GRID[0], causal=True), GRID),
        (lambda r: TABLE, GRID),
    ],
)
def test_map_calls_ops_once_for_all_rows(fn, xs):
    rows = [fn(ps.asarray(row)) for row in xs]
    columns = zip(*rows, strict=True) if isinstance(rows[0], tuple) else [rows]
    expected = [np.stack([t.numpy() for t in column]) for column in columns]
    mapped = ps.function(lambda a: ps.map(fn, a))
    got = mapped(ps.asarray(xs))
    for g, e in zip(got if isinstance(got, tuple) else (got,), expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e, rtol=1e-12)
    assert not ops_inside(mapped.graph, "scan")


def test_map_loops_where_it_must():
    drawn = ps.function(lambda a: ps.map(lambda r: r + ps.random.uniform((), dtype="float64"), a))
    noise = (drawn(ps.asarray(ROWS)) - ROWS).numpy()
    assert len(set(noise[:, 0])) == len(ROWS)  # each row draws its own
    assert ops_inside(drawn.graph, "scan")
