"""What is special here: the capacity, and that memory comes back."""

import gc

import pytest

import penstock as ps
from acme_demo.device import CAPACITY
from penstock.errors import OutOfMemoryError


def test_values_travel_there_and_back() -> None:
    there = ps.to_device(ps.asarray([1.0, 2.0]), "acme_demo")
    assert there.device == "acme_demo:0"
    assert there.numpy().tolist() == [1.0, 2.0]


def test_it_is_full_at_some_point_and_then_goes_on() -> None:
    half = ps.zeros((CAPACITY // 8 + 1,))  # a little more than half, in float32
    first = ps.to_device(half, "acme_demo")
    with pytest.raises(OutOfMemoryError, match="acme_demo:0"):
        ps.to_device(half, "acme_demo")
    del first
    gc.collect()
    assert ps.to_device(half, "acme_demo").shape == half.shape
