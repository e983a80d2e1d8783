"""Tensors from Python values: dtypes, ranges and symbolic sizes; seeds; the version."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


@pytest.mark.parametrize("wide", [False, True])
def test_the_dtype_does_not_depend_on_the_order(wide: bool) -> None:
    number = np.float64(2.0) if wide else np.float32(2.0)
    for items in ([1.0, number], [number, 1.0], [1, number], [number, 1]):
        assert ps.asarray(items).dtype.name == ("float64" if wide else "float32")


@pytest.mark.parametrize("items", [["a", 1], [1, "a"], [["a"], [2.0]]])
def test_strings_and_numbers_do_not_mix(items: Any) -> None:
    with pytest.raises(errors.InvalidTypeError, match=r"mixes strings with .*convert with str"):
        ps.asarray(items)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ps.asarray([1, 300], "uint8"),
            "300 does not fit uint8, which holds 0 to 255; give",
        ),
        (lambda: ps.full((2,), 300, "uint8"), "300 does not fit uint8, which holds 0 to 255; give"),
        (lambda: ps.full((2,), 2**70), "does not fit int64"),
        (lambda: ps.arange(2**60, 2**60 + 2), "from -2**53 to 2**53: count from 0"),
        (lambda: ps.random.set_seed(2**64), "from 0 to 2**64 - 1: use seed % 2**64"),
        (lambda: ps.random.set_seed(-1), "from 0 to 2**64 - 1: use seed % 2**64"),
    ],
)
def test_numbers_out_of_range(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(errors.InvalidValueError, match=re.escape(message)):
        call()


def test_numpy_floats_count_as_floats() -> None:
    assert ps.arange(np.float32(3)).dtype == "float32"


def test_symbolic_sizes_become_tensors() -> None:
    mean = ps.function(lambda x: ps.sum(x) / ps.asarray(x.shape[0]))
    assert [mean(ps.ones((n,))).item() for n in (4, 5)] == [1, 1]
    assert ps.function(lambda x: ps.asarray([x.shape[0], 2]))(ps.ones((4,))).tolist() == [4, 2]


def test_many_traces_are_told_once() -> None:
    f = ps.function(lambda x, how: x)
    with pytest.warns(errors.RetraceWarning, match=r"traced 8 times; see .*explain\(\)") as told:
        list(map(f, [1.0] * 10, "abcdefghij"))
    assert len(told) == 1


def test_the_version_is_known() -> None:
    assert re.match(r"\d+(\.|\+)\w+", ps.__version__)
