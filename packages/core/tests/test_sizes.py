"""Sizes of arguments as numbers in a function: one trace serves them all, with the numbers of eager calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps

SIZES = (4, 2, 7, 3, 9)

Call = Callable[[Any], Any]

CALLS: dict[str, Call] = {
    "arange": lambda x: ps.arange(x.shape[0]),
    "arange, floats": lambda x: ps.arange(x.shape[0], dtype="float32"),
    "arange from a size": lambda x: ps.arange(x.shape[0], x.shape[0] * 2 + 1),
    "arange from below 0": lambda x: ps.arange(-x.shape[0], x.shape[0], 3),
    "arange backwards": lambda x: ps.arange(x.shape[0], 0, -2),
    "arange to a known end": lambda x: ps.arange(x.shape[0] - 20, 3),
    "linspace": lambda x: ps.linspace(-1.0, 2.5, x.shape[0]),
    "linspace without its end": lambda x: ps.linspace(3, 1, x.shape[0] + 1, endpoint=False),
    "eye": lambda x: ps.eye(x.shape[0]),
    "eye of another diagonal": lambda x: ps.eye(x.shape[0], x.shape[0] + 2, k=-1, dtype="int32"),
    "tril": lambda x: ps.tril(x @ ps.matrix_transpose(x), 1),
    "triu of a mask": lambda x: ps.triu(ps.ones((x.shape[0], 5), "bool"), -1),
    "one_hot": lambda x: ps.nn.one_hot(ps.argmax(x, 1), x.shape[0]),
    "one_hot of numbers outside": lambda x: ps.nn.one_hot(
        ps.asarray([-1, 2, 50], "int32"), x.shape[0]
    ),
    "pad to a length": lambda x: ps.pad(x, ((0, 12 - x.shape[0]), (1, 0)), constant_values=2.0),
    "tile": lambda x: ps.tile(x, (2, x.shape[0])),
    "repeat": lambda x: ps.repeat(x, x.shape[0] - 1, axis=1),
    "repeat, flattened": lambda x: ps.repeat(x, x.shape[0]),
}


def given(n: int) -> ps.Tensor:
    return ps.asarray(np.random.default_rng(n).standard_normal((n, 3)).astype("float32"))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_sizes_of_arguments_are_numbers_to_ops(call: Call) -> None:
    f = ps.function(call)
    for n in SIZES:
        made, expected = f(given(n)), call(given(n))
        assert (made.dtype, made.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(made.numpy(), expected.numpy(), rtol=1e-6, atol=1e-7)
    assert len(f.traces) == 1


@pytest.mark.parametrize("name", ["pad to a length", "tile", "repeat", "repeat, flattened"])
def test_gradients_through_sizes(name: str) -> None:
    def loss(x: Any) -> Any:
        y = CALLS[name](x)
        return ps.sum(y * ps.reshape(ps.arange(y.size, dtype="float32"), y.shape))

    f = ps.function(ps.grad(loss))
    for n in SIZES:
        np.testing.assert_allclose(f(given(n)).numpy(), ps.grad(loss)(given(n)).numpy(), rtol=1e-6)
    assert len(f.traces) == 1


def test_counting_to_no_numbers() -> None:
    f = ps.function(lambda x: ps.arange(x.shape[0] - 4))
    for n in SIZES:
        np.testing.assert_array_equal(f(given(n)).numpy(), np.arange(n - 4))


def test_a_size_too_large_for_its_room_is_said() -> None:
    f = ps.function(lambda x: ps.pad(x, ((0, 8 - x.shape[0]), (0, 0))))
    assert f(given(3)).shape == (8, 3)
    with pytest.raises(ValueError, match=r"\[pad\] got the pad width -1; widths must not be"):
        f(given(9))
    g = ps.function(lambda x: ps.tile(x, (8 - x.shape[0], 1)))
    assert g(given(3)).shape == (15, 3)
    with pytest.raises(ValueError, match="how often to repeat must not be negative"):
        g(given(9))


def test_bad_dtypes_are_refused_at_any_size() -> None:
    with pytest.raises(TypeError, match=r"\[arange\] .*got bool; expected"):
        ps.function(lambda x: ps.arange(x.shape[0], dtype="bool"))(given(3))
    with pytest.raises(TypeError, match=r"\[one_hot\] .*expected int32 or int64"):
        ps.function(lambda x: ps.nn.one_hot(x, x.shape[0]))(given(3))


def test_a_saved_mask_is_of_the_size_that_comes(tmp_path: Path) -> None:
    @ps.function
    def causal(x: Any) -> Any:
        n = x.shape[0]
        seen = ps.arange(n)[:, None] >= ps.arange(n)
        scores = ps.where(seen, x @ ps.matrix_transpose(x), -1e9)
        return ps.pad(ps.nn.softmax(scores) @ x, ((0, 10 - n), (0, 0)))

    ps.save(causal, tmp_path / "net", [("float32", ("tokens", 3))])
    loaded = ps.load(tmp_path / "net")
    for n in SIZES:
        np.testing.assert_allclose(
            loaded(given(n)).numpy(), causal(given(n)).numpy(), rtol=1e-5, atol=1e-6
        )
