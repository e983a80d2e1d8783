"""What people of other frameworks type first: either it works, or the message says what to type."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _migration
from penstock.errors import (
    AxisError,
    DTypeError,
    GraphError,
    InvalidTypeError,
    InvalidValueError,
    PenstockError,
    ShapeError,
)

X = ps.ones((2, 3))
TEXT = ps.asarray(["a", "b"])


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: ps.ones(2, 3), InvalidTypeError, r"\[ones\].*penstock\.ones\(\(2, 3\)\)"),
        (lambda: ps.zeros(2, 3), InvalidTypeError, r"\[zeros\].*penstock\.zeros\(\(2, 3\)\)"),
        (lambda: TEXT == 1, DTypeError, r"\[equal\].*numbers of them, penstock\.string_to_number"),
        (lambda: ps.zeros(2, "string"), DTypeError, r"penstock\.broadcast_to\(penstock\.asarray"),
        (lambda: X * 2**70, InvalidValueError, r"does not fit int64; give a float"),
        (lambda: X ^ 2, DTypeError, r"\[bitwise_xor\].*x\.astype\(penstock\.int32\)"),
        (lambda: bool(X), ShapeError, r"\[bool\].*penstock\.any\(x\)"),
        (lambda: int(X), ShapeError, r"\[item\] only a tensor with one element"),
        (lambda: range(ps.asarray(1.0)), DTypeError, r"\[index\].*use int\(x\)"),
        (lambda: len(ps.asarray(1.0)), InvalidTypeError, r"\[len\].*use x\.size"),
        (lambda: list(ps.asarray(1.0)), InvalidTypeError, r"\[iter\].*use \.item\(\)"),
        (lambda: f"{X:.3f}", InvalidTypeError, r"\[format\].*from \.tolist\(\)"),
        (lambda: X["a"], AxisError, r"\[getitem\] str is no index; use ints"),
        (lambda: ps.asarray([[1], [2, 3]]), InvalidValueError, "pad the shorter ones"),
        (lambda: ps.asarray(object()), InvalidTypeError, "give numbers, strings, nested lists"),
        (lambda: ps.stack([X, X[0]]), ShapeError, r"\[stack\].*with penstock\.concat"),
        (lambda: ps.stack([]), InvalidValueError, r"\[stack\].*give at least one"),
        (lambda: ps.stack(3), InvalidTypeError, r"\[stack\].*give a list or tuple"),
        (lambda: ps.stack([X], axis=5), AxisError, r"\[stack\] axis 5.*use -3 to 2"),
        (lambda: ps.concat([X, X[0]]), ShapeError, r"\[concat\].*reshape, or concatenate"),
        (lambda: ps.grad(lambda x: x)(X), ShapeError, r"\[grad\].*penstock\.sum\(x\)"),
        (lambda: ps.grad(lambda x: x)(1), DTypeError, r"\[grad\].*x\.astype\(penstock\.float32\)"),
        (lambda: ps.value_and_grad(lambda x: x)(X), ShapeError, r"\[value_and_grad\].*reduce it"),
        (lambda: ps.grad(3), InvalidTypeError, r"\[grad\] got int where it takes a function"),
        (lambda: ps.function(3), InvalidTypeError, r"\[function\].*give one, such as lambda"),
        (lambda: ps.cond(X[0, 0] > 0, 1, 2), InvalidTypeError, r"\[cond\] got int.*give one"),
        (lambda: ps.while_loop(1, 2, 3), InvalidTypeError, r"\[while_loop\] got int.*give one"),
        (lambda: ps.map(3, X), InvalidTypeError, r"\[map\] got int.*give one"),
        (lambda: ps.scan(3, X, X), InvalidTypeError, r"\[scan\] got int.*give one"),
        (lambda: ps.call(3), InvalidTypeError, r"\[call\] got int.*give one"),
        (
            lambda: ps.switch("a", [lambda: X, lambda: X]),
            DTypeError,
            r"\[switch\] the index is string.*penstock\.int32",
        ),
        (lambda: ps.random.set_seed("a"), InvalidTypeError, r"\[set_seed\].*use an int"),
        (lambda: ps.device(3).__enter__(), InvalidTypeError, r"\[device\] got int; give a .*name"),
        (lambda: ps.sum(X, dim=1), InvalidTypeError, "has no argument 'dim'; did you mean 'axis'"),
        (lambda: ps.max(X, keepdim=True), InvalidTypeError, "did you mean 'keepdims'"),
    ],
)
def test_mistakes_are_explained(call: Any, error: type[PenstockError], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


# ---- while a graph is built


@pytest.mark.parametrize(
    ("use", "match"),
    [
        (lambda x: 1 if x[0, 0] > 0 else 2, r"\[bool\].*penstock\.cond.*penstock\.while_loop"),
        (lambda x: int(x[0, 0]), r"\[int\].*penstock\.switch"),
        (lambda x: range(ps.astype(x[0, 0], "int32")), r"\[index\].*penstock\.while_loop"),
        (lambda x: float(x[0, 0]), r"\[float\].*return it and convert it outside"),
    ],
)
def test_values_of_symbols_have_other_ways(use: Any, match: str) -> None:
    with pytest.raises(GraphError, match=match):
        ps.function(use)(X)


def test_shape_errors_in_a_trace_have_the_sizes_of_the_call() -> None:
    y = ps.ones((4, 5))
    for fn in (lambda x, y: x + y, ps.matmul, lambda x, y: ps.concat([x, y], axis=1)):
        with pytest.raises(ShapeError) as eager:
            fn(X, y)
        with pytest.raises(ShapeError, match=re.escape("(2, 3) and (4, 5)")) as traced:
            ps.function(fn)(X, y)
        assert str(traced.value) == str(eager.value)


def test_shape_errors_inside_of_bodies_have_sizes_too() -> None:
    fn = ps.function(lambda x, y: ps.cond(ps.sum(x) > 0, lambda: x @ y, lambda: x))
    with pytest.raises(ShapeError, match=re.escape("[matmul] got shapes (2, 3) and (4, 5)")):
        fn(X, ps.ones((4, 5)))


def test_shape_errors_name_the_axes_that_have_names() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", ("batch", None))
        with pytest.raises(ShapeError, match=r"\(batch, n1\) and \(2, 3, 4\)"):
            ps.concat([x, ps.ones((2, 3, 4))])
        graph = ps.current_graph()
        rows = graph.placeholder("float32", (graph.new_symbol("rows", 7), 3))
        with pytest.raises(ShapeError, match=re.escape("(rows=7, 3) and (5,)")):
            rows + ps.ones((5,))
        with pytest.raises(ShapeError, match=re.escape("(rows + 2)=9")):
            ps.pad(rows, [(1, 1), (0, 0)]) + ps.ones((2, 3))


# ---- NumPy


def test_elementwise_functions_of_numpy_are_those_of_penstock() -> None:
    x = ps.asarray([0.25, 0.5])
    for name in ("exp", "arcsin", "absolute", "isfinite", "sqrt"):
        result = getattr(np, name)(x)
        assert isinstance(result, ps.Tensor)
        np.testing.assert_allclose(result.numpy(), getattr(np, name)(x.numpy()), rtol=1e-6)
    assert np.arctan2(x, 1.0).dtype == "float32"
    assert np.multiply(np.ones(2, "float32"), ps.Variable(x)).tolist() == [0.25, 0.5]
    assert ps.grad(lambda x: ps.sum(np.square(x)))(x).tolist() == [0.5, 1.0]
    assert ps.function(lambda x: np.square(x))(x).tolist() == [0.0625, 0.25]


def test_reductions_of_numpy_are_the_methods() -> None:
    x = ps.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert np.sum(x, axis=0).tolist() == [4.0, 6.0]
    assert np.mean(x).item() == 2.5
    assert np.max(x, axis=1, keepdims=True).tolist() == [[2.0], [4.0]]


def test_arrays_stay_arrays_when_they_are_written_to() -> None:
    array = np.ones(2)
    same = array
    same += ps.asarray([1.0, 2.0])
    assert same is array
    assert array.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: np.frexp(x), r"np\.frexp\(x\.numpy\(\)\)"),
        (lambda x: np.add.reduce(x), r"np\.add\.reduce\(x\.numpy\(\)\)"),
        (lambda x: np.exp(x, dtype="float64"), r"use penstock\.exp\(x\), or NumPy on the values"),
        (lambda x: np.sum(x, where=np.array([True])), r"has no argument 'where'"),
    ],
)
def test_what_numpy_cannot_do_with_tensors(call: Any, match: str) -> None:
    with pytest.raises(InvalidTypeError, match=match):
        call(ps.ones((2,)))


# ---- names of other frameworks


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("cat", r"use penstock\.concat\(xs, axis\)"),
        ("constant", r"use penstock\.asarray\(values\)"),
        ("reduce_sum", r"use penstock\.sum\(x, axis\)"),
        ("softmx", r"did you mean penstock\.softmax\?"),
        ("no_such_name_at_all", r"'no_such_name_at_all'$"),
    ],
)
def test_functions_that_are_called_otherwise(name: str, match: str) -> None:
    with pytest.raises(AttributeError, match=match):
        getattr(ps, name)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("unsqueeze", r"use penstock\.expand_dims\(x, axis\)"),
        ("add", r"use penstock\.add\(x\)"),
        ("backward", r"penstock\.value_and_grad"),
        ("reshpe", r"did you mean x\.reshape\?"),
        ("no_such_name_at_all", r"'no_such_name_at_all'"),
    ],
)
def test_methods_that_are_called_otherwise(name: str, match: str) -> None:
    for owner in (X, ps.Variable(X)):
        with pytest.raises(AttributeError, match=match):
            getattr(owner, name)


def test_hints_name_what_there_is() -> None:
    hints = [*_migration.FUNCTIONS.values(), *_migration.METHODS.values()]
    for path in re.findall(r"penstock\.([\w.]+)", " ".join(hints)):
        found: Any = ps
        for name in path.split("."):
            found = __import__("penstock.v1").v1 if name == "v1" else getattr(found, name)
    for method in re.findall(r"\bx\.(\w+)", " ".join(hints)):
        assert hasattr(X, method)


class Stranger:
    """Something that knows how to meet tensors on either side."""

    def __rmatmul__(self, other: object) -> str:
        return "rmatmul"

    def __radd__(self, other: object) -> str:
        return "radd"


def test_operators_ask_the_other_side() -> None:
    x = ps.ones((2, 2))
    assert x @ Stranger() == "rmatmul"
    assert x + Stranger() == "radd"
    with pytest.raises(TypeError, match="unsupported operand"):
        object() @ x
