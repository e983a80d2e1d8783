"""Sparse tensors against scipy.sparse, and their way through functions and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import sparse

scipy_sparse = pytest.importorskip("scipy.sparse")
torch = pytest.importorskip("torch")

KINDS = ("coo", "csr")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def pair(rng: np.random.Generator, shape: tuple[int, int], kind: str = "coo") -> tuple[Any, Any]:
    """A sparse matrix of ours and the same one of scipy's."""
    dense = rng.normal(size=shape).astype("float32") * (rng.random(shape) < 0.3)
    ours = sparse.from_dense(dense)
    return (ours if kind == "coo" else ours.to_csr()), scipy_sparse.csr_matrix(dense)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (4, 0), (0, 3)])
def test_parts_and_whole(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> None:
    ours, scipys = pair(rng, shape, kind)
    assert (ours.shape, ours.nnz, ours.ndim) == (shape, scipys.nnz, 2)
    np.testing.assert_array_equal(ours.numpy(), scipys.toarray())
    csr = ours.to_csr()
    np.testing.assert_array_equal(csr.columns.numpy(), scipys.indices)
    np.testing.assert_array_equal(csr.row_splits.numpy(), scipys.indptr)
    np.testing.assert_array_equal(csr.values.numpy(), scipys.data)
    np.testing.assert_array_equal(csr.T.numpy(), scipys.T.toarray())
    np.testing.assert_array_equal(csr.to_coo().to_csr().numpy(), scipys.toarray())


@pytest.mark.parametrize("kind", KINDS)
def test_arithmetic_is_scipys(rng: np.random.Generator, kind: str) -> None:
    a, b = pair(rng, (5, 7), kind)
    c, d = pair(rng, (5, 7), kind)
    x = rng.normal(size=(7, 4)).astype("float32")
    for ours, theirs in (
        (a @ x, b @ x),
        (a @ x[:, 0], b @ x[:, 0]),
        (x.T @ a.T, x.T @ b.T),
        (a + c, b + d),
        (a - c, b - d),
        (a * 3 / 2, b * 1.5),
        (-a, -b),
        (a * x[:5, :1], b.multiply(x[:5, :1])),
        (a + np.ones((5, 7), "float32"), b + np.ones((5, 7), "float32")),
        (a.sum(0), np.asarray(b.sum(0))[0]),
        (a.sum(axis=(1,)), np.asarray(b.sum(1))[:, 0]),
        (a.sum(), b.sum()),
        (sparse.concat([a, c], axis=1), scipy_sparse.hstack([b, d])),
        (sparse.concat([a, c]), scipy_sparse.vstack([b, d])),
    ):
        expected = theirs.toarray() if scipy_sparse.issparse(theirs) else np.asarray(theirs)
        np.testing.assert_allclose(np.asarray(ours), expected, rtol=1e-5, atol=1e-6)


def test_places_that_occur_twice_add_up() -> None:
    a = sparse.CooTensor([1.0, 2.0, 4.0, 8.0], [[1, 1], [0, 2], [1, 1], [0, 0]], (2, 3))
    expected = np.array([[8, 0, 2], [0, 5, 0]], "float32")
    once = a.coalesce()
    assert once.indices.tolist() == [[0, 0], [0, 2], [1, 1]]
    for form in (a, once, a.to_csr(), a.T.T):
        np.testing.assert_array_equal(form.numpy(), expected)
    np.testing.assert_array_equal((a @ ps.eye(3)).numpy(), expected)


def test_more_axes() -> None:
    x = np.zeros((2, 3, 4), "float32")
    x[1, 2, 3], x[0, 1, 0] = 5, 7
    a = sparse.from_dense(x)
    np.testing.assert_array_equal(a.transpose((2, 0, 1)).numpy(), x.transpose(2, 0, 1))
    np.testing.assert_array_equal(a.sum((0, -1)).numpy(), x.sum((0, 2)))
    np.testing.assert_array_equal((a * x).numpy(), x * x)


@pytest.mark.parametrize("kind", KINDS)
def test_softmax_is_torchs(rng: np.random.Generator, kind: str) -> None:
    a, scipys = pair(rng, (6, 5), kind)
    dense = torch.tensor(scipys.toarray()).to_sparse_coo()
    expected = torch.sparse.softmax(dense, 1).to_dense().numpy()
    np.testing.assert_allclose(sparse.softmax(a).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("traced", [False, True])
def test_gradients_are_those_of_the_dense_product(
    rng: np.random.Generator, kind: str, traced: bool
) -> None:
    a, scipys = pair(rng, (5, 7), kind)
    x, weights = (rng.normal(size=s).astype("float32") for s in ((7, 3), (5, 3)))

    def loss(values: Any, x: Any) -> Any:
        return ps.sum(ps.square(sparse.matmul(a.with_values(values), x)) * weights)

    gradient = ps.grad(loss, argnums=(0, 1))
    run = ps.function(gradient) if traced else gradient
    of_values, of_x = run(a.values, ps.asarray(x))

    dense, x_torch = (torch.tensor(v, requires_grad=True) for v in (scipys.toarray(), x))
    (((dense @ x_torch) ** 2) * torch.tensor(weights)).sum().backward()
    places = a.to_coo().indices.numpy()
    np.testing.assert_allclose(of_x.numpy(), x_torch.grad.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        of_values.numpy(), dense.grad.numpy()[tuple(places.T)], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_sparse_tensor_is_sparse(rng: np.random.Generator, kind: str) -> None:
    a, _ = pair(rng, (4, 3), kind)
    x = ps.asarray(rng.normal(size=(3, 2)).astype("float32"))

    def loss(a: Any, scale: Any) -> Any:
        return ps.sum(ps.square(a @ x)) * scale

    for gradient in (ps.grad(loss, argnums=(0, 1)), ps.function(ps.grad(loss, argnums=(0, 1)))):
        of_a, _ = gradient(a, ps.asarray(2.0))
        assert type(of_a) is type(a)
        by_values = ps.grad(lambda v: loss(a.with_values(v), 2.0))(a.values)
        np.testing.assert_array_equal(of_a.numpy(), a.with_values(by_values).numpy())
    with pytest.raises(TypeError, match="has no gradient"):
        ps.grad(lambda b: ps.sum(b.values))(a.astype("int32"))


def test_gradients_through_softmax_and_sum(rng: np.random.Generator) -> None:
    a, _ = pair(rng, (4, 5))
    weights = rng.normal(size=4).astype("float32")

    def loss(values: Any) -> Any:
        return ps.sum(sparse.softmax(a.with_values(values)).map_values(ps.square).sum(1) * weights)

    values = torch.tensor(a.values.numpy(), requires_grad=True)
    indices = torch.tensor(a.indices.numpy().T)
    soft = torch.sparse.softmax(
        torch.sparse_coo_tensor(indices, values, a.shape, check_invariants=True), 1
    )
    ((soft.to_dense() ** 2).sum(1) * torch.tensor(weights)).sum().backward()
    actual = ps.grad(loss)(a.values)
    np.testing.assert_allclose(actual.numpy(), values.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_functions_take_and_return_them(rng: np.random.Generator, kind: str) -> None:
    a, scipys = pair(rng, (5, 7), kind)

    @ps.function
    def twice(a: Any) -> Any:
        return a * 2, a.T @ ps.ones((5, 2)), a.to_csr().sum(1)

    doubled, product, sums = twice(a)
    assert type(doubled) is type(a)
    np.testing.assert_array_equal(doubled.numpy(), 2 * scipys.toarray())
    np.testing.assert_allclose(product.numpy(), scipys.T @ np.ones((5, 2)), rtol=1e-5)
    np.testing.assert_allclose(sums.numpy(), np.asarray(scipys.sum(1))[:, 0], rtol=1e-5)
    b, more = pair(rng, (5, 7), kind)  # another number of elements
    np.testing.assert_array_equal(twice(b)[0].numpy(), 2 * more.toarray())


def test_a_graph_keeps_as_many_places_as_it_is_told() -> None:
    keep = ps.function(lambda x: sparse.from_dense(x, size=3))
    kept = keep(ps.asarray([[0.0, 5.0], [7.0, 0.0]]))
    assert kept.nnz == 3
    np.testing.assert_array_equal(kept.numpy(), [[0, 5], [7, 0]])
    with pytest.raises(ps.errors.GraphError, match="size"):
        ps.function(sparse.from_dense)(ps.ones((2, 2)))
    with pytest.raises(ps.errors.GraphError, match="leave places that occur several times"):
        ps.function(lambda a: a.coalesce())(kept)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: sparse.CooTensor([1.0], [[0]], (2, 2)), ValueError, r"indices \[n, 2\]"),
        (lambda: sparse.CooTensor([1.0], [[0, 2]], (2, 2)), IndexError, "count from 0"),
        (lambda: sparse.CooTensor([1.0], [[0.0, 1.0]], (2, 2)), TypeError, "astype"),
        (lambda: sparse.CsrTensor([1.0], [0], [0, 1], (2, 2)), ValueError, r"\[rows \+ 1\]"),
        (lambda: sparse.CsrTensor([1.0], [0], [0, 2, 1], (2, 2)), IndexError, "must rise"),
        (lambda: sparse.CsrTensor([1.0], [2], [0, 1, 1], (2, 2)), IndexError, "count from 0"),
        (lambda: sparse.eye(2) @ np.ones((3, 1)), ValueError, "transpose or reshape"),
        (lambda: sparse.matmul(np.eye(2), np.eye(2)), TypeError, "sparse.from_dense"),
        (lambda: sparse.softmax(np.eye(2)), TypeError, "penstock.softmax"),
        (lambda: sparse.eye(2) + sparse.eye(3), ValueError, "one shape"),
        (lambda: sparse.eye(2) * sparse.eye(2), TypeError, "to_dense"),
        (lambda: sparse.eye(2).with_values([1.0]), ValueError, "one for each stored place"),
        (lambda: sparse.eye(2).sum(2), IndexError, "use -2 to 1"),
        (lambda: sparse.eye(2).transpose((0, 0)), IndexError, "each of them once"),
        (lambda: sparse.CooTensor([1.0], [[0]], (2,)).to_csr(), ValueError, "expected a matrix"),
        (lambda: sparse.concat([]), ValueError, "at least one"),
        (lambda: sparse.concat([sparse.eye(2), sparse.eye(3)]), ValueError, "must be equal"),
    ],
)
def test_errors_say_what_to_do(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_nothing_is_refused_that_is_empty() -> None:
    empty = sparse.CooTensor([], [], (2, 3))
    assert empty.nnz == 0
    np.testing.assert_array_equal((empty @ np.ones((3, 1), "float32")).numpy(), np.zeros((2, 1)))
    assert sparse.softmax(empty).nnz == 0
