"""Gradients that are rows of a table, and the updates made with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")

TABLE = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
IDS = np.array([[4, 0], [4, 1]])
WEIGHTS = np.random.default_rng(1).normal(size=(2, 2, 3)).astype("float32")


def loss_of(table: Any, ids: Any = IDS) -> Any:
    return ps.sum(ps.square(ps.nn.embedding(table, ids)) * WEIGHTS)


def expected() -> Any:
    table = torch.tensor(TABLE, requires_grad=True)
    rows = torch.nn.functional.embedding(torch.tensor(IDS), table)
    (rows * rows * torch.tensor(WEIGHTS)).sum().backward()
    return table.grad.numpy()


def of_a_tape(variable: ps.Variable) -> Any:
    with ps.GradientTape() as tape:
        loss = loss_of(variable)
    return tape.gradient(loss, variable)


def of_value_and_grad(variable: ps.Variable) -> Any:
    return ps.value_and_grad(loss_of)(variable)[1]


def of_a_tensor(variable: ps.Variable) -> Any:
    return ps.grad(loss_of)(variable.value)


def of_a_session(variable: ps.Variable) -> Any:
    graph = ps.Graph()
    with graph.as_default():
        gradient = ps.gradients(loss_of(variable), variable)
    return ps.Session(graph).run(gradient)


WAYS = [of_a_tape, of_value_and_grad, of_a_tensor, of_a_session]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("traced", [False, True])
def test_the_gradient_is_rows(way: Callable[..., Any], traced: bool) -> None:
    if traced and way is of_a_session:
        pytest.skip("a session runs by itself")
    variable = ps.Variable(TABLE)
    gradient = ps.function(lambda: way(variable))() if traced else way(variable)
    assert isinstance(gradient, ps.IndexedSlices)
    assert (gradient.shape, gradient.ndim, gradient.dtype) == ((6, 3), 2, "float32")
    assert tuple(gradient.values.shape) == (4, 3)
    np.testing.assert_array_equal(np.asarray(gradient.indices), IDS.reshape(-1))
    np.testing.assert_allclose(np.asarray(gradient), expected(), rtol=1e-6)


def test_rows_of_a_table_of_unknown_size_leave_a_function_as_a_tensor() -> None:
    gradient = ps.function(ps.grad(loss_of))(TABLE)
    assert isinstance(gradient, ps.Tensor)
    np.testing.assert_allclose(gradient, expected(), rtol=1e-6)


def test_rows_and_rows_are_rows() -> None:
    variable = ps.Variable(TABLE)
    with ps.GradientTape() as tape:
        loss = ps.sum(ps.nn.embedding(variable, np.array([1, 1], "int32")))
        loss = loss + ps.sum(ps.nn.embedding(variable, [5]))
    gradient = tape.gradient(loss, variable)
    assert isinstance(gradient, ps.IndexedSlices)
    assert sorted(gradient.indices.tolist()) == [1, 1, 5]
    np.testing.assert_array_equal(gradient.numpy()[:, 0], [0, 2, 0, 0, 0, 1])


@pytest.mark.parametrize("rows_first", [True, False])
def test_rows_and_a_tensor_are_a_tensor(rows_first: bool) -> None:
    variable = ps.Variable(TABLE)
    with ps.GradientTape() as tape:
        parts = [ps.sum(ps.nn.embedding(variable, [1, 1])), ps.sum(variable * 3.0)]
        loss = parts[0] + parts[1] if rows_first else parts[1] + parts[0]
    gradient = tape.gradient(loss, variable)
    assert isinstance(gradient, ps.Tensor)
    np.testing.assert_array_equal(gradient[:, 0], [3, 5, 3, 3, 3, 3])


def test_in_a_branch_or_a_loop_they_become_a_tensor() -> None:
    def branch(table: Any) -> Any:
        some = ps.sum(table) < 1e9
        return ps.cond(some, lambda: loss_of(table), lambda: ps.sum(table))

    def loop(table: Any) -> Any:
        def body(total: Any, ids: Any) -> Any:
            row = ps.nn.embedding(table, ids)
            return total + ps.sum(ps.square(row) * 0.5), row

        return ps.scan(body, ps.asarray(0.0), ps.asarray(IDS))[0]

    gradient = ps.function(ps.grad(branch))(TABLE)
    np.testing.assert_allclose(gradient, expected(), rtol=1e-6)
    want = np.zeros_like(TABLE)
    np.add.at(want, IDS, TABLE[IDS])
    np.testing.assert_allclose(ps.function(ps.grad(loop))(TABLE), want, rtol=1e-6)


def test_another_op_before_the_table_gets_a_tensor() -> None:
    gradient = ps.grad(lambda w: loss_of(w * 2.0))(TABLE)
    assert isinstance(gradient, ps.Tensor)
    np.testing.assert_allclose(gradient, 4 * expected(), rtol=1e-6)


def test_the_second_derivative() -> None:
    def slope(table: Any) -> Any:
        return ps.sum(ps.grad(loss_of)(table) * 1.0)

    want = np.zeros_like(TABLE)
    np.add.at(want, IDS, 2 * WEIGHTS)
    np.testing.assert_allclose(ps.grad(slope)(TABLE), want, rtol=1e-6)


def test_arithmetic() -> None:
    rows = ps.IndexedSlices(TABLE[:2], [3, 3], (6, 3))
    dense = rows.numpy()
    for sparse, want in (
        (rows * 2, dense * 2), (0.5 * rows, dense / 2), (rows / ps.asarray(4.0), dense / 4),
        (-rows, -dense), (rows + rows, 2 * dense), (rows - rows, 0 * dense),
    ):  # fmt: skip
        assert isinstance(sparse, ps.IndexedSlices)
        np.testing.assert_allclose(sparse.numpy(), want, rtol=1e-6, atol=1e-6)
    for tensor, want in (
        (rows * TABLE, dense * TABLE), (rows / TABLE, dense / TABLE), (rows + TABLE, dense + TABLE),
        (TABLE - rows, TABLE - dense), (rows + 1, dense + 1), (ps.exp(rows), np.exp(dense)),
    ):  # fmt: skip
        assert isinstance(tensor, ps.Tensor)
        np.testing.assert_allclose(tensor, want, rtol=1e-6)


def test_functions_take_rows_and_give_them_back() -> None:
    rows = ps.IndexedSlices(TABLE[:2], [3, 3], (6, 3))
    halve = ps.function(lambda gradient: gradient / 2)
    for _ in range(2):
        np.testing.assert_allclose(halve(rows).numpy(), rows.numpy() / 2)
    longer = ps.IndexedSlices(TABLE[:4], [0, 1, 2, 3], (6, 3))
    np.testing.assert_allclose(halve(longer).values, TABLE[:4] / 2)
    assert len(halve.traces) == 1
    assert halve(ps.IndexedSlices(TABLE[:2], [0, 1], (9, 3))).shape == (9, 3)


def test_what_rows_look_like() -> None:
    rows = ps.IndexedSlices([[1.0]], [0], (2, 1))
    assert repr(rows).startswith("IndexedSlices(values=Tensor([[1.]]")
    with pytest.raises(ValueError, match=r"give one row of the table for each index"):
        ps.IndexedSlices([1.0], [0], (2, 1))


# ---- variables


UPDATES = [
    ("scatter_add", 1.0),
    ("scatter_sub", -1.0),
    ("assign_add", 1.0),
    ("assign_sub", -1.0),
]


@pytest.mark.parametrize(("method", "sign"), UPDATES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates(method: str, sign: float, dtype: str) -> None:
    want = TABLE.astype(dtype)
    np.add.at(want, [1, 5, 1], sign * TABLE[:3].astype(dtype))
    rows = ps.IndexedSlices(TABLE[:3].astype(dtype), [1, -1, 1], (6, 3))

    def update(rows: ps.IndexedSlices) -> Any:
        return getattr(variable, method)(rows)

    for run in (update, ps.function(update)):
        variable = ps.Variable(TABLE.astype(dtype))
        np.testing.assert_allclose(run(rows), want, rtol=1e-6)
        np.testing.assert_allclose(variable.numpy(), want, rtol=1e-6)


def test_rows_are_replaced() -> None:
    want = TABLE.copy()
    want[[1, 5, 1]] = TABLE[:3]
    rows = ps.IndexedSlices(TABLE[:3], [1, -1, 1], (6, 3))
    for wrap in (lambda run: run, ps.function):
        variable = ps.Variable(TABLE)
        wrap(lambda v=variable: v.scatter_update(rows))()
        np.testing.assert_array_equal(variable.numpy(), want)


def test_updates_leave_values_that_somebody_holds() -> None:
    variable = ps.Variable(TABLE)
    before = variable.value
    rows = ps.IndexedSlices(np.ones((1, 3), "float32"), [2], (6, 3))
    after = variable.scatter_add(rows)
    variable.scatter_add(rows)
    np.testing.assert_array_equal(before, TABLE)
    np.testing.assert_array_equal(after[2], TABLE[2] + 1)
    np.testing.assert_array_equal(variable.value[2], TABLE[2] + 2)


def test_updates_do_not_change_what_a_tape_has_seen() -> None:
    variable = ps.Variable(TABLE)
    with ps.GradientTape() as tape:
        loss = loss_of(variable)
        variable.scatter_sub(ps.IndexedSlices(TABLE[:1], [4], (6, 3)))
    np.testing.assert_allclose(tape.gradient(loss, variable), expected(), rtol=1e-6)
    np.testing.assert_allclose(variable.value[4], TABLE[4] - TABLE[0], rtol=1e-6)


def test_updates_in_a_session() -> None:
    variable = ps.Variable(TABLE)
    graph = ps.Graph()
    with graph.as_default():
        ids = ps.placeholder("int64", (None,))
        gradient = ps.gradients(ps.sum(ps.nn.embedding(variable, ids)), variable)
        train = variable.scatter_sub(gradient)
    session = ps.Session(graph)
    session.run(train, {ids: [0, 0]})
    session.run(train, {ids: [0, 3, 5]})
    np.testing.assert_allclose(
        variable.numpy()[:, 1], TABLE[:, 1] - np.array([3, 0, 0, 1, 0, 1]), rtol=1e-6
    )


def test_wrong_updates() -> None:
    variable = ps.Variable(TABLE, name="table")
    with pytest.raises(TypeError, match=r"IndexedSlices\(values, indices, variable.shape\)"):
        variable.scatter_add(TABLE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give its shape as dense_shape"):
        variable.scatter_sub(ps.IndexedSlices([[1.0, 2.0, 3.0]], [0], (7, 3)))
    with pytest.raises(IndexError, match=r"\b6\b"):
        variable.scatter_add(ps.IndexedSlices([[1.0, 2.0, 3.0]], [6], (6, 3)))
    np.testing.assert_array_equal(variable.numpy(), TABLE)


def sparse_adam(steps: list[Any]) -> Any:
    """Take the steps with PyTorch's SparseAdam."""
    table = torch.nn.Parameter(torch.tensor(TABLE))
    optimizer = torch.optim.SparseAdam([table], lr=0.1, eps=1e-8)
    for ids in steps:
        optimizer.zero_grad()
        rows = torch.nn.functional.embedding(torch.tensor(ids), table, sparse=True)
        (rows**3).sum().backward()
        optimizer.step()
    return table.detach().numpy()


@pytest.mark.parametrize("traced", [False, True])
def test_lazy_adam_agrees_with_torch(traced: bool) -> None:
    steps = [np.array(ids) for ids in ([0, 1, 1], [1, 4, 5], [1, 1, 1])]
    table = ps.Variable(TABLE)
    m, v = (ps.Variable(np.zeros_like(TABLE), trainable=False) for _ in range(2))

    def train(ids: Any, step: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = ps.sum(ps.nn.embedding(table, ids) ** 3.0)
        gradient = tape.gradient(loss, table)
        table.scatter_adam(gradient, m, v, 0.1, step, epsilon=1e-8)
        return loss

    run = ps.function(train) if traced else train
    for number, ids in enumerate(steps, 1):
        run(ids, float(number))
    np.testing.assert_allclose(table.numpy(), sparse_adam(steps), rtol=1e-4, atol=1e-6)
    assert not m.numpy()[2:4].any()


def test_large_tables_are_changed_in_place() -> None:
    table = ps.Variable(np.zeros((1000, 4), "float32"))
    rows = ps.IndexedSlices(np.ones((2, 4), "float32"), [7, 9], table.shape)
    if all(row[0] == "reference" for row in ps._native.kernel_rows("scatter_add")):
        pytest.skip("the reference makes a new value")
    before = table.value._data_pointer()
    table.scatter_add(rows)
    ps.function(lambda: table.scatter_sub(rows * 3.0) is None)()
    assert table.value._data_pointer() == before
    np.testing.assert_array_equal(table.numpy()[6:10, 0], [0, -2, 0, -2])
