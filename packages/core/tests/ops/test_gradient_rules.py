"""Gradient rules at awkward places: unused gradients, zeros, complex numbers, sizes that are symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops import BLOCKS

from .test_conformance import CASES, Call, Case

torch = pytest.importorskip("torch")


def ops_in(function: Any, *inputs: Any) -> list[str]:
    """What a gradient, as it is traced, is made of."""
    with ps.Graph().as_default() as graph:
        function(*(ps.placeholder(x.dtype.name, x.shape) for x in inputs))
    return [node.op for node in graph.nodes]


@pytest.mark.parametrize(
    ("function", "absent"),
    [
        (lambda x: x**2.0, "log"),
        (lambda x: ps.divide(x, 3.0), "negative"),
        (lambda x: ps.subtract(x, 3.0), "negative"),
        (lambda x: ps.maximum(x, 3.0), "less_equal"),
        (lambda x: x @ ps.ones((3, 3)), "transpose"),
    ],
)
def test_a_gradient_that_nobody_uses_is_not_computed(function: Any, absent: str) -> None:
    x = np.ones((3, 3), "float32")
    both = ops_in(ps.grad(lambda x: ps.sum(function(x))), x)
    assert absent not in both
    first = ops_in(ps.grad(lambda w, x: ps.sum(w @ x)), x, x)
    assert first.count("matmul") == 2  # forward, and the gradient of w alone


def test_a_constant_power_raises_no_false_alarm() -> None:
    x = ps.asarray([-1.0, 0.0, 2.0])
    with ps.debug_nans():
        assert ps.grad(lambda x: ps.sum(x**3.0))(x).tolist() == [3, 0, 12]


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_second_derivatives_of_prod_are_exact_at_zeros(zeros: int) -> None:
    x = np.array([2.0, -1.5, 3.0, 0.7])
    x[:zeros] = 0
    hessian = [
        ps.grad(lambda t, i=i: ps.grad(ps.prod)(t)[i])(ps.asarray(x)).numpy()  # type: ignore[misc]
        for i in range(len(x))
    ]
    expected = torch.autograd.functional.hessian(torch.prod, torch.tensor(x))
    np.testing.assert_allclose(hessian, expected.numpy(), rtol=1e-12, atol=1e-12)


# ---- complex numbers: the gradient of a real L is dL/dx - i dL/dy, so a complex derivative comes not conjugated

COMPLEX_CASES = [
    p
    for p in CASES
    if BLOCKS[p.values[0][0]].vjp_fn
    and p.values[0][1].differentiable
    and p.values[0][1].label == "complex128"
    and p.values[0][0] not in ("cast", "where")
]


@pytest.mark.parametrize("case", COMPLEX_CASES)
@pytest.mark.parametrize("step", [1e-6, 1e-6j], ids=["real", "imaginary"])
def test_complex_derivatives_equal_differences_in_every_direction(case: Case, step: Any) -> None:
    call = Call(case)

    def loss(*values: Any) -> Any:
        total = ps.sum(call(*values)[0])
        return ps.real(total) if total.dtype.kind == "complex" else total

    inputs = [ps.asarray(a) for a in call.arrays]
    argnums = [i for i, a in enumerate(call.arrays) if a.dtype.kind == "c"]
    with ps.GradientTape() as tape:
        for i in argnums:
            tape.watch(inputs[i])
        value = loss(*inputs)
    for gradient, i in zip(
        tape.gradient(value, [inputs[i] for i in argnums]), argnums, strict=True
    ):
        for at in np.ndindex(call.arrays[i].shape):
            moved = [[a.copy() for a in call.arrays] for _ in range(2)]
            moved[0][i][at] += step
            moved[1][i][at] -= step
            above, below = (loss(*map(ps.asarray, m)).item() for m in moved)
            slope = (above - below) / (2 * abs(step))
            given = complex(gradient.numpy()[at]) if gradient is not None else 0j
            given_slope = -given.imag if isinstance(step, complex) else given.real
            np.testing.assert_allclose(given_slope, slope, rtol=1e-6, atol=1e-6)


def test_the_complex_cases_cover_arithmetic() -> None:
    names = {p.values[0][0] for p in COMPLEX_CASES}
    assert {"multiply", "divide", "power", "exp", "tanh", "matmul", "prod", "mean"} <= names


# ---- sizes


def test_the_gradient_of_a_mean_over_a_symbolic_size_sums_nothing() -> None:
    f = ps.function(ps.grad(ps.mean))
    x = np.ones((5, 3), "float32")
    np.testing.assert_allclose(f(x).numpy(), np.full((5, 3), 1 / 15), rtol=1e-6)
    np.testing.assert_allclose(f(x[:4]).numpy(), np.full((4, 3), 1 / 12), rtol=1e-6)
    ops = [node.op for node in f.graph.nodes]
    assert "size_of" in ops
    assert "sum" not in ops


def test_the_size_of_a_symbolic_shape() -> None:
    f = ps.function(lambda x: ps.ops.size_of((x.shape[0], 2, x.shape[1] + 1)))
    assert f(np.zeros((5, 3))).item() == 40
    assert f(np.zeros((6, 7))).item() == 96


def test_the_gradient_of_a_matrix_that_many_rows_share_is_one_product() -> None:
    def gradient(x: ps.Tensor, y: ps.Tensor) -> ps.Tensor:
        with ps.GradientTape() as tape:
            tape.watch(y)
            z = ps.sum(ps.matmul(x, y) ** 2)
        return tape.gradient(z, y)

    x, y = (np.random.default_rng(0).normal(size=s) for s in ((5, 6, 3), (3, 4)))
    rows = x.reshape(30, 3)
    np.testing.assert_allclose(
        gradient(ps.asarray(x), ps.asarray(y)).numpy(), 2 * rows.T @ rows @ y
    )
    with ps.Graph().as_default() as graph:
        gradient(*(ps.placeholder("float64", a.shape) for a in (x, y)))
    shapes = [tuple(out.shape) for node in graph.nodes for out in node.outputs]
    assert (3, 4) in shapes
    assert (5, 3, 4) not in shapes
