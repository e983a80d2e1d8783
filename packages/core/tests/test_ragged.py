"""Ragged tensors against lists of Python, one row at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import ragged

floats = st.floats(-100, 100, width=32)
rows_of_floats = st.lists(st.lists(floats, max_size=5), min_size=1, max_size=6)


def rows(values: Any) -> list[list[float]]:
    return [[float(np.float32(v)) for v in row] for row in values]


@settings(deadline=None, max_examples=40)
@given(rows_of_floats)
def test_lists_there_and_back(given_rows: list[list[float]]) -> None:
    x = ragged.constant(given_rows, "float32")
    lengths = [len(row) for row in given_rows]
    flat = [v for row in given_rows for v in row]
    assert x.tolist() == given_rows
    assert x.row_lengths().tolist() == lengths
    assert x.row_ids().tolist() == [i for i, n in enumerate(lengths) for _ in range(n)]
    assert ragged.from_row_ids(flat, x.row_ids(), len(x)).row_lengths().tolist() == lengths
    assert ragged.from_row_lengths(x.values, lengths).tolist() == given_rows
    assert ragged.from_row_splits(x.values, x.row_splits).tolist() == given_rows
    width = max(lengths)
    padded = [row + [-1.0] * (width - len(row)) for row in given_rows]
    assert x.to_dense(-1).tolist() == padded
    assert ragged.from_dense(x.to_dense(7), lengths).tolist() == given_rows
    assert x.to_dense(0, width=2).tolist() == [([*row, 0.0, 0.0])[:2] for row in given_rows]


@settings(deadline=None, max_examples=40)
@given(rows_of_floats)
def test_reductions_row_by_row(given_rows: list[list[float]]) -> None:
    x = ragged.constant(given_rows, "float32")
    arrays = [np.array(row, "float32") for row in given_rows]
    np.testing.assert_allclose(x.sum(1).numpy(), [a.sum() for a in arrays], rtol=1e-5, atol=1e-4)
    means = [a.mean() if a.size else 0 for a in arrays]
    np.testing.assert_allclose(x.mean(-1).numpy(), means, rtol=1e-5, atol=1e-4)
    assert x.max(1).tolist() == [a.max() if a.size else -np.inf for a in arrays]
    assert x.min(1).tolist() == [a.min() if a.size else np.inf for a in arrays]
    width = max(len(a) for a in arrays)
    columns = [sum(float(a[j]) for a in arrays if len(a) > j) for j in range(width)]
    np.testing.assert_allclose(x.sum(0).numpy(), columns, rtol=1e-4, atol=1e-3)
    for ours, row in zip(ragged.softmax(x), arrays, strict=True):
        e = np.exp(row.astype("float64") - (row.max() if row.size else 0))
        np.testing.assert_allclose(
            ours.numpy(), e / e.sum() if row.size else row, rtol=1e-4, atol=1e-30
        )


@settings(deadline=None, max_examples=40)
@given(rows_of_floats, st.data())
def test_rows_are_taken_and_joined(given_rows: list[list[float]], data: Any) -> None:
    x = ragged.constant(given_rows, "float32")
    n = len(given_rows)
    chosen = data.draw(st.lists(st.integers(-n, n - 1), max_size=6))
    assert ragged.gather(x, chosen).tolist() == [given_rows[i] for i in chosen]
    assert x[::-1].tolist() == given_rows[::-1]
    assert [row.tolist() for row in x] == given_rows
    both = ragged.concat([x, x * 2])
    assert both.tolist() == given_rows + rows([[2 * v for v in row] for row in given_rows])
    longer = ragged.concat([x, -x, x], axis=1)
    assert longer.tolist() == [[*row, *(-v for v in row), *row] for row in given_rows]


def test_arithmetic() -> None:
    x = ragged.constant([[1.0, 2.0], [], [4.0]])
    assert (x + 1).tolist() == [[2, 3], [], [5]]
    assert (1 - x).tolist() == [[0, -1], [], [-3]]
    assert (x * x / 2).tolist() == [[0.5, 2], [], [8]]
    assert (2 / x).tolist() == [[2, 1], [], [0.5]]
    assert (x - np.array([1.0, 5.0, 7.0], "float32")).tolist() == [[0, 1], [], [-3]]
    assert (x - np.array([[1.0], [5.0], [7.0]], "float32")).tolist() == [[0, 1], [], [-3]]
    assert (-x).astype("int32").tolist() == [[-1, -2], [], [-4]]
    assert ragged.map_values(ps.maximum, x, 1.5).tolist() == [[1.5, 2], [], [4]]
    assert ragged.map_values(ps.multiply, x, x).tolist() == [[1, 4], [], [16]]


def test_rows_of_rows() -> None:
    nested = [[[1, 2], [3]], [], [[4], [], [5, 6]]]
    x = ragged.constant(nested)
    assert (x.ragged_rank, x.ndim, x.shape) == (2, 3, (3, None, None))
    assert x.tolist() == nested
    assert (x * 2).tolist() == [[[2, 4], [6]], [], [[8], [], [10, 12]]]
    assert x.sum(axis=2).tolist() == [[3, 3], [], [4, 0, 11]]
    assert x.sum(axis=2).sum(axis=1).tolist() == [6, 0, 15]
    assert x[2].tolist() == nested[2]
    assert ragged.gather(x, [2, 0]).tolist() == [nested[2], nested[0]]
    assert ragged.concat([x, x]).tolist() == nested + nested
    assert x.to_dense().shape == (3, 3, 2)
    assert x.to_dense(9)[0].tolist() == [[1, 2], [3, 9], [9, 9]]
    with pytest.raises(ValueError, match=r"x.sum\(axis=2\)"):
        x.sum(axis=1)


def test_values_with_more_axes() -> None:
    values = np.arange(12.0, dtype="float32").reshape(4, 3)
    x = ragged.from_row_lengths(values, [1, 3])
    assert x.shape == (2, None, 3)
    np.testing.assert_array_equal(x.sum(1).numpy(), [values[0], values[1:].sum(0)])
    np.testing.assert_array_equal(x.max(0).numpy(), [values[1], values[2], values[3]])
    np.testing.assert_array_equal(x.sum(axis=2).values.numpy(), values.sum(1))
    np.testing.assert_array_equal(x.to_dense().numpy()[1], values[1:])
    assert ragged.from_dense(x.to_dense(-1), padding=-1).tolist() == x.tolist()


@pytest.mark.parametrize("run", [lambda f: f, ps.function], ids=["eager", "traced"])
def test_gradients_flow_into_the_values(run: Callable[..., Any]) -> None:
    splits = np.array([0, 2, 2, 5])
    values = np.array([1.0, -2.0, 0.5, 3.0, 2.0], "float32")
    weights = np.array([1.0, 2.0, 3.0], "float32")

    def loss(values: Any) -> Any:
        x = ragged.RaggedTensor(values, splits)
        dense = (x * x).to_dense(width=3)
        return ps.sum(x.sum(1) * weights) + ps.sum(dense) + ps.sum(x.max(1)[2])

    slope = np.repeat(weights, [2, 0, 3]) + 2 * values + [0, 0, 0, 1, 0]
    actual = run(ps.grad(loss))(ps.asarray(values))
    np.testing.assert_allclose(actual.numpy(), slope, rtol=1e-6)


def test_the_gradient_of_a_ragged_tensor_is_ragged() -> None:
    x = ragged.constant([[1.0, 2.0], [], [3.0]])
    weights = np.array([1.0, 5.0, 7.0], "float32")
    gradient = ps.grad(lambda x: ps.sum(x.sum(1) * weights))(x)
    assert gradient.tolist() == [[1, 1], [], [7]]


def test_functions_take_and_return_them() -> None:
    traces = []

    @ps.function
    def half(x: Any) -> Any:
        traces.append(1)
        return x / 2, x.sum(1), x.to_dense(width=2), ragged.softmax(x)

    for given_rows in ([[1.0, 3.0], [5.0]], [[2.0], [], [4.0, 6.0, 8.0], [1.0]]):
        x = ragged.constant(given_rows)
        halves, sums, dense, soft = half(x)
        assert halves.tolist() == [[v / 2 for v in row] for row in given_rows]
        assert sums.tolist() == [sum(row) for row in given_rows]
        assert dense.tolist() == [([*row, 0.0, 0.0])[:2] for row in given_rows]
        assert soft.sum(1).numpy() == pytest.approx([float(bool(row)) for row in given_rows])
    assert len(traces) <= 2
    with pytest.raises(ps.errors.GraphError, match="width="):
        ps.function(lambda x: x.to_dense())(x)
    with pytest.raises(ps.errors.GraphError, match="call it outside"):
        ps.function(lambda x: ragged.gather(x, [0]))(x)


def test_rows_of_tensors() -> None:
    x = ragged.stack([ps.ones((2, 3)), ps.zeros((0, 3))])
    assert x.shape == (2, None, 3)
    assert [row.shape for row in x.numpy()] == [(2, 3), (0, 3)]
    assert repr(x).startswith("RaggedTensor(values=")


X = ragged.constant([[1, 2], [3]])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: ragged.RaggedTensor([1, 2], [0, 1]), ValueError, "from_row_lengths"),
        (lambda: ragged.RaggedTensor([1, 2], [0, 2, 1, 2]), ValueError, "must rise"),
        (lambda: ragged.RaggedTensor(1.0, [0]), ValueError, "ragged.constant"),
        (lambda: ragged.RaggedTensor([1], [0.0, 1.0]), TypeError, "astype"),
        (lambda: ragged.constant([[1], 2]), ValueError, "nested equally deep"),
        (lambda: ragged.constant([[[1]], [2]]), ValueError, "nested equally deep"),
        (lambda: ragged.from_row_ids([1, 2], [1, 0], 2), ValueError, "sort values"),
        (lambda: ragged.from_row_ids([1, 2], [0, 2], 2), ValueError, "lie in 0 to 1"),
        (lambda: ragged.from_dense([[1]]), ValueError, "give one of"),
        (lambda: X + ragged.constant([[1], [2, 3]]), ValueError, "the same rows"),
        (lambda: X + np.ones(3), ValueError, "one element for each row"),
        (lambda: X.with_values([1]), ValueError, "as many as before"),
        (lambda: X[2], IndexError, "2 rows"),
        (lambda: ragged.gather(X, [2]), IndexError, "there are 2"),
        (lambda: X.sum(2), IndexError, "use -2 to 1"),
        (lambda: ragged.concat([]), ValueError, "at least one"),
        (lambda: ragged.concat([X, X], axis=2), ValueError, "use 0"),
        (lambda: ragged.concat([X, X[:1]], axis=1), ValueError, "all need as many"),
        (lambda: ragged.map_values(ps.abs, [1]), TypeError, "call the function itself"),
        (lambda: ragged.softmax([[1.0]]), TypeError, "expected a ragged tensor"),
        (lambda: ragged.stack([]), ValueError, "at least one"),
    ],
)
def test_errors_say_what_to_do(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()
