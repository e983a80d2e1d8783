"""`debug_nans` names the op and the line."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import penstock as ps
from penstock import errors


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_an_eager_op_is_named_with_its_line() -> None:
    x = ps.asarray([1.0, 0.0, -1.0])
    expected = line() + 2
    with ps.debug_nans(), pytest.raises(errors.NumericError) as caught:
        ps.log(x)
    assert "[log] produced" in str(caught.value)
    assert "flat index 1 of its output of shape (3,)" in str(caught.value)
    assert f"test_debug.py:{expected}" in str(caught.value)
    assert isinstance(caught.value, ArithmeticError)


def test_a_node_of_a_function_is_named_with_its_line() -> None:
    where = []

    @ps.function
    def f(x: ps.Tensor) -> ps.Tensor:
        y = x * 2
        where.append(line() + 1)
        z = y / (x - 3)
        return ps.tanh(z)

    assert f(4.0).item() == pytest.approx(np.tanh(8.0))
    with ps.debug_nans(), pytest.raises(errors.NumericError) as caught:
        f(3.0)
    assert "[divide] produced infinity" in str(caught.value)
    assert f"test_debug.py:{where[0]}" in str(caught.value)
    assert f(3.0).item() == 1  # outside the block nobody looks


def test_a_step_that_was_fused_is_taken_apart() -> None:
    f = ps.function(lambda x: ps.tanh(ps.sqrt(x * 2) + 1) * 3)
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (None,))
        y = ps.tanh(ps.sqrt(x * 2) + 1) * 3
    sess = ps.Session(graph)
    good, bad = np.ones(64, "float32"), np.full(64, -1, "float32")
    for _ in range(2):  # plans from before and from inside the block are kept apart
        assert np.isnan(f(bad).numpy()).all()
        assert np.isnan(sess.run(y, {x: bad})).all()
        with ps.debug_nans():
            assert f(good).shape == (64,)
            with pytest.raises(errors.NumericError, match=r"\[sqrt\] produced NaN.*\n.*test_debug"):
                f(bad)
            with pytest.raises(errors.NumericError, match=r"\[sqrt\] produced NaN.*\n.*test_debug"):
                sess.run(y, {x: bad})


def test_a_node_of_a_session_is_named() -> None:
    with ps.Graph().as_default() as g:
        x = ps.placeholder("float32", (2,), name="x")
        y = ps.sum(ps.log(x))
    with (
        ps.debug_nans(),
        pytest.raises(errors.NumericError, match=r"\[log\] produced NaN at flat index 1"),
    ):
        ps.Session(g).run(y, {x: [1.0, -1.0]})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_float_is_looked_at(dtype: str) -> None:
    x = ps.asarray([0.0], dtype=dtype)
    with ps.debug_nans(), pytest.raises(errors.NumericError, match="produced NaN"):
        x / x


def test_finite_and_integer_results_pass() -> None:
    with ps.debug_nans():
        assert (ps.ones((3,)) / 2).tolist() == [0.5] * 3
        assert (ps.asarray([1, 2]) * 2).tolist() == [2, 4]
        assert ps.ones((0,)).shape == (0,)


def test_blocks_nest_and_end_with_an_exception() -> None:
    with ps.debug_nans():
        with ps.debug_nans(False):
            ps.log(0.0)
        with pytest.raises(errors.NumericError):
            ps.log(0.0)
    with pytest.raises(KeyError), ps.debug_nans():
        raise KeyError
    ps.log(0.0)


def test_gradients_are_looked_at() -> None:
    with ps.debug_nans(), pytest.raises(errors.NumericError):
        ps.grad(lambda x: ps.sum(ps.sqrt(x)))(ps.asarray([0.0]))
