"""einsum against NumPy's, for whatever equation: eager, in a graph with symbols for sizes, and its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.ops._contract import contract

SIZES = {"i": 2, "j": 3, "k": 4, "l": 1, "m": 5}


@st.composite
def equations(draw: Any, dots: bool) -> str:
    """Equations of one to four operands, explicit or implicit, with diagonals and axes that are summed away."""
    letters = st.text("ijklm", max_size=3)
    terms = draw(st.lists(letters, min_size=1, max_size=4))
    used = sorted(set("".join(terms)))
    if dots:
        at = [draw(st.booleans()) for _ in terms]
        at[0] = True
        terms = [
            term[:cut] + "..." + term[cut:] if has else term
            for term, has, cut in zip(
                terms, at, [draw(st.integers(0, 3)) for _ in terms], strict=True
            )
        ]
    equation = ",".join(terms)
    if draw(st.booleans()):
        result = draw(st.permutations(used))[: draw(st.integers(0, len(used)))] if used else []
        equation += "->" + ("..." if dots else "") + "".join(result)
    return equation


def operands(equation: str, seed: int, extra: Any = ()) -> list[Any]:
    """Draw whole numbers, which add up to the same in any order; `extra` are the axes of each "..."."""
    rng = np.random.default_rng(seed)
    arrays = []
    for term in equation.split("->", maxsplit=1)[0].split(","):
        shape: list[int] = []
        for part in term.replace("...", "*"):
            shape += extra if part == "*" else [SIZES[part]]
        arrays.append(rng.integers(-3, 4, shape).astype("float64"))
    return arrays


@given(equation=equations(dots=False) | equations(dots=True), seed=st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_every_equation(equation: str, seed: int) -> None:
    arrays = operands(equation, seed, [3, 2])
    expected = np.einsum(equation, *arrays)
    np.testing.assert_array_equal(ps.einsum(equation, *arrays).numpy(), expected)
    traced = ps.function(lambda *xs: ps.einsum(equation, *xs))
    np.testing.assert_array_equal(traced(*map(ps.asarray, arrays)).numpy(), expected)


@given(equation=equations(dots=False), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_every_gradient(equation: str, seed: int) -> None:
    arrays = operands(equation, seed)
    weights = np.random.default_rng(seed).integers(-3, 4, np.einsum(equation, *arrays).shape)

    def loss(*xs: Any) -> Any:
        return ps.sum(ps.einsum(equation, *xs) * weights.astype("float64"))

    argnums = tuple(range(len(arrays)))
    inputs = [ps.asarray(a) for a in arrays]
    eager = ps.grad(loss, argnums=argnums)(*inputs)
    traced = ps.function(ps.grad(loss, argnums=argnums))(*inputs)
    for i, (e, t) in enumerate(zip(eager, traced, strict=True)):
        # einsum is linear in each operand, so its value for a unit is its derivative.
        expected = np.zeros(arrays[i].shape)
        for place in np.ndindex(expected.shape):
            unit = np.zeros(expected.shape)
            unit[place] = 1.0
            shifted = [*arrays[:i], unit, *arrays[i + 1 :]]
            expected[place] = np.sum(np.einsum(equation, *shifted) * weights)
        np.testing.assert_array_equal(e.numpy(), expected)
        np.testing.assert_array_equal(t.numpy(), expected)


def test_a_size_of_one_broadcasts_behind_the_dots() -> None:
    x, y = np.ones((2, 1, 3, 4)), np.arange(60.0).reshape(5, 4, 3)
    expected = np.einsum("...ij,...ji->...i", x, y)
    np.testing.assert_array_equal(ps.einsum("...ij,...ji->...i", x, y).numpy(), expected)


def test_one_trace_serves_every_size() -> None:
    traces = []

    @ps.function
    def f(x: Any, y: Any, z: Any) -> Any:
        traces.append(x.shape)
        return ps.einsum("bij,bjk,k->bi", x, y, z)

    for b, i, j, k in ((2, 3, 4, 5), (6, 5, 4, 3), (7, 2, 9, 8)):
        rng = np.random.default_rng(b)
        arrays = [rng.integers(-3, 4, s).astype("float64") for s in ((b, i, j), (b, j, k), (k,))]
        expected = np.einsum("bij,bjk,k->bi", *arrays)
        np.testing.assert_array_equal(f(*map(ps.asarray, arrays)).numpy(), expected)
    assert len(traces) == 1


def test_small_products_come_first() -> None:
    x, y, z = np.ones((200, 2)), np.ones((2, 200)), np.ones(200)
    with ps.Graph().as_default() as graph:
        inputs = [ps.placeholder("float64", a.shape) for a in (x, y, z)]
        contract("ab,bc,c->a", inputs)
    sizes = [node.outputs[0].size for node in graph.nodes]
    assert max(sizes) <= 400  # the product of x and y has 40000 elements


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int32", "complex64"])
def test_dtypes_are_kept(dtype: str, close: Callable[..., None]) -> None:
    x = np.arange(6).reshape(2, 3).astype(dtype)
    for equation in ("ij,ij->", "ij,kj->ik"):
        result = ps.einsum(equation, x, x)
        assert result.dtype == dtype
        close(result, np.einsum(equation, x, x))
    assert ps.einsum("ij->i", x).dtype == dtype
    assert ps.einsum("ij,ij->i", x, x.astype("complex64")).dtype == "complex64"


@pytest.mark.parametrize(
    ("equation", "shapes", "match"),
    [
        ("ij,jk", [(2, 3)], r'"ij,jk" is for 2 operands; got 1'),
        ("ij,jk", [(2, 3), (4, 5)], r'"j" has size 3 .* 4 .*give it one size'),
        ("ij->k", [(2, 3)], r'"k" that no operand has; leave it out'),
        ("ij->ii", [(2, 3)], r'"i" twice; name it once'),
        ("i?->i", [(2, 3)], r"expected a letter for each axis"),
        ("ijk...->i", [(2, 3)], r"names more axes than an operand has; leave letters out"),
        ("ijk->i", [(2, 3)], r"3 letters for operands.* of shape \(2, 3\); write one for each"),
    ],
)
def test_what_is_no_equation(equation: str, shapes: Any, match: str) -> None:
    arrays = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError, match=rf"\[einsum\].*{match}"):
        ps.einsum(equation, *arrays)
    with pytest.raises(ValueError, match=r"\[einsum\]"):  # the same, with symbols for the sizes
        ps.function(lambda *xs: ps.einsum(equation, *xs))(*map(ps.asarray, arrays))


def test_a_size_that_has_a_name_may_be_one() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 3, 4), name="x")
        graph.inputs = [x]
        graph.outputs = [ps.einsum("abc,abc->ab", x, x)]
    squares = ps.saved.GraphFunction(graph)
    for batch in (1, 2):
        given = np.ones((batch, 3, 4), np.float32)
        np.testing.assert_array_equal(squares(given).numpy(), np.full((batch, 3), 4.0))
