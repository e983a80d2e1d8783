"""Ops that are composed of others: one call on the tape, whose gradient is its own rule or that of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops._declare import unregister_op

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock.annotations import TensorLike


@pytest.fixture
def swish() -> Iterator[Any]:
    @ps.op(infer="elementwise:float", name="composed.swish")
    def swish(x: TensorLike, /, *, beta: float = 1.0) -> Tensor:
        """Take x times the sigmoid of beta x."""

    swish.compose(lambda x, beta: x * ps.sigmoid(x * beta))
    yield swish
    unregister_op("composed.swish")


@pytest.fixture
def through() -> Iterator[Any]:
    @ps.op(infer="elementwise:float", name="composed.through")
    def through(x: TensorLike, /) -> Tensor:
        """Hand the input through."""

    through.compose(lambda x: x)
    through.vjp(lambda node, dy: (dy * 3,))
    yield through
    unregister_op("composed.through")


X = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])


def slope(x: Any, beta: float) -> Any:
    s = 1 / (1 + np.exp(-beta * x))
    return s + x * beta * s * (1 - s)


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_the_gradient_of_a_composition_is_that_of_its_parts(swish: Any, beta: float) -> None:
    def loss(x: Any) -> Any:
        return ps.sum(swish(x, beta=beta))

    np.testing.assert_allclose(ps.grad(loss)(ps.asarray(X)).numpy(), slope(X, beta), rtol=1e-12)
    traced = ps.function(ps.grad(loss))(ps.asarray(X))
    np.testing.assert_allclose(traced.numpy(), slope(X, beta), rtol=1e-12)


def test_it_can_be_taken_twice(swish: Any) -> None:
    first = ps.grad(lambda x: ps.sum(swish(x)))
    second = ps.grad(lambda x: ps.sum(first(x)))(ps.asarray(X)).numpy()
    step = 1e-5
    expected = (slope(X + step, 1.0) - slope(X - step, 1.0)) / (2 * step)
    np.testing.assert_allclose(second, expected, rtol=1e-7)


def test_a_rule_of_its_own_counts_once(through: Any) -> None:
    for run in (
        ps.grad(lambda x: ps.sum(through(x))),
        ps.function(ps.grad(lambda x: ps.sum(through(x)))),
    ):
        np.testing.assert_array_equal(run(ps.asarray(X)).numpy(), np.full(5, 3.0))


def test_what_is_used_beside_it_keeps_its_own_gradient(through: Any) -> None:
    gradient = ps.grad(lambda x: ps.sum(through(x) * x))(ps.asarray(X))
    np.testing.assert_array_equal(gradient.numpy(), 4 * X)  # 3 x from the op, x beside it
