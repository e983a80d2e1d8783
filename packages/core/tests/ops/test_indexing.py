"""`x[...]` and `x[...] = v` against NumPy, for whatever NumPy understands; eager, traced, and differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import penstock as ps

Array = np.ndarray[Any, Any]

shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
often = settings(max_examples=300, deadline=None)
quick = settings(max_examples=60, deadline=None)


def numbered(shape: Any, dtype: str = "float64") -> Array:
    """Every element another number, so that a wrong place is a wrong value."""
    return np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


def basic(shape: Any) -> Any:
    """A key of ints, slices, None and one `...`."""
    return hnp.basic_indices(shape, allow_newaxis=True, max_dims=8)


@st.composite
def advanced(draw: Any, shape: Any) -> Any:
    """A key in which ints, slices and None stand between arrays that broadcast together, or a mask."""
    result = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    used = draw(st.integers(1, len(shape)))
    key: list[Any] = []
    axis = 0
    while axis < used:
        kind = draw(st.sampled_from("aasinm"))
        if kind == "n":
            key.append(None)
            continue
        if kind == "m":
            size = shape[axis : axis + draw(st.integers(1, 2))]
            mask = np.zeros(size, bool)  # with one true element it broadcasts with every array
            mask[tuple(draw(st.integers(0, n - 1)) for n in size)] = True
            key.append(mask)
            axis += len(size)
            continue
        n = shape[axis]
        if kind == "i":
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "a":
            drawn = draw(hnp.arrays("int64", result, elements=st.integers(-n, n - 1)))
            shrink = tuple(slice(0, 1) if draw(st.booleans()) else slice(None) for _ in result)
            key.append(drawn[shrink])
        else:
            key.append(draw(st.slices(n)))
        axis += 1
    if draw(st.booleans()):
        key.append(Ellipsis)
    return tuple(key)


def agree(x: Array, key: Any) -> None:
    """Require that ours gives what NumPy gives, or that both refuse."""
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(IndexError):
            ps.asarray(x)[key]
        return
    actual = ps.asarray(x)[key]
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual.numpy(), expected)


@given(data=st.data(), shape=shapes)
@often
def test_basic_keys(data: Any, shape: Any) -> None:
    agree(numbered(shape), data.draw(basic(shape)))


@given(data=st.data(), shape=hnp.array_shapes(max_dims=4, max_side=4))
@often
def test_advanced_keys(data: Any, shape: Any) -> None:
    agree(numbered(shape), data.draw(advanced(shape)))


@given(data=st.data(), shape=shapes)
@quick
def test_masks(data: Any, shape: Any) -> None:
    x = numbered(shape)
    mask = data.draw(hnp.arrays(bool, shape[: data.draw(st.integers(1, len(shape)))]))
    agree(x, mask)
    np.testing.assert_array_equal(ps.asarray(x)[ps.asarray(mask)].numpy(), x[mask])


@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=4))
@often
def test_keys_of_a_graph_whose_sizes_are_symbols(data: Any, shape: Any) -> None:
    x = numbered(shape)
    key = data.draw(st.one_of(basic(shape), advanced(shape)))
    try:
        expected = x[key]
    except IndexError:
        return
    f = ps.function(lambda x: x[key])
    np.testing.assert_array_equal(f(ps.asarray(x)).numpy(), expected)
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(part, np.ndarray) and part.dtype == bool for part in parts):
        larger = numbered([n + 1 for n in shape])
        np.testing.assert_array_equal(f(ps.asarray(larger)).numpy(), larger[key])


# ---- assignment


def set_both(x: Array, key: Any, value: Any) -> None:
    expected, actual = x.copy(), ps.asarray(x)
    before = actual.numpy()
    expected[key] = value
    kept = ps.asarray(actual)
    alias = ps.identity(actual)
    actual[key] = value
    np.testing.assert_array_equal(actual.numpy(), expected)
    assert actual.dtype == x.dtype.name
    assert kept is actual
    np.testing.assert_array_equal(alias.numpy(), x)  # another handle keeps its value
    np.testing.assert_array_equal(before, x)  # and so does an array that was looked at before


@given(data=st.data(), shape=shapes)
@often
def test_assignment_by_basic_keys(data: Any, shape: Any) -> None:
    x = numbered(shape)
    key = data.draw(basic(shape))
    part = np.shape(x[key])
    set_both(x, key, -1.5)
    set_both(x, key, -1.0 - numbered(part))
    if part:
        set_both(x, key, -1.0 - numbered(part[1:]))


@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=4))
@often
def test_assignment_by_advanced_keys(data: Any, shape: Any) -> None:
    x = numbered(shape)
    key = data.draw(advanced(shape))
    try:
        part = x[key].shape
    except IndexError:
        return
    set_both(x, key, -1.5)
    set_both(x, key, -1.0 - numbered(part))  # where a position occurs twice, the last value stays


@given(data=st.data(), shape=shapes)
@quick
def test_assignment_by_masks(data: Any, shape: Any) -> None:
    x = numbered(shape)
    mask = data.draw(hnp.arrays(bool, shape))
    set_both(x, mask, -1.5)
    set_both(x, mask, -1.0 - numbered((int(mask.sum()),)))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "complex64"])
def test_assignment_in_every_kind_of_dtype(dtype: str) -> None:
    x = numbered((3, 4)).astype(dtype)
    set_both(x, (slice(None), 1), 1)
    set_both(x, (np.array([2, 0]), np.array([1, 3])), np.ones(2, dtype))
    set_both(x, x > 3 if dtype != "complex64" else x.real > 3, 0)


def test_assignment_does_not_spread_infinities() -> None:
    x = np.array([np.inf, np.nan, 1.0, 2.0])
    set_both(x, np.array([0, 1]), np.array([5.0, 6.0]))
    set_both(x, np.array([2, 2]), np.array([np.inf, 4.0]))


def test_assignment_in_a_graph(close: Callable[..., None]) -> None:
    def f(x: Any, i: Any, v: Any) -> Any:
        y = x * 2.0
        y[1:3] = v
        y[i] = -v[0]
        y[y < -100.0] = 7.0
        return y

    x, i, v = np.array([1.0, 2.0, 3.0, -60.0, 5.0]), np.array([4]), np.array([8.0, 9.0])
    expected = np.array([2.0, 8.0, 9.0, 7.0, -8.0])
    close(f(ps.asarray(x), ps.asarray(i), ps.asarray(v)), expected)
    close(ps.function(f)(ps.asarray(x), ps.asarray(i), ps.asarray(v)), expected)


def test_repeated_positions_in_a_graph_keep_the_last_value() -> None:
    def f(x: Any, i: Any, j: Any, v: Any) -> Any:
        x[i, j] = v
        x[i] = -x[i]
        return x

    x, v = np.zeros((3, 4)), np.array([1.0, 2.0, 3.0])
    i, j = np.array([0, 2, 0]), np.array([1, 3, 1])
    expected = x.copy()
    expected[i, j] = v
    expected[i] = -expected[i]
    assert expected[0, 1] == -3.0
    traced = ps.function(f)(*map(ps.asarray, (x, i, j, v)))
    np.testing.assert_array_equal(traced.numpy(), expected)


@pytest.mark.parametrize(("i", "j"), [(0, 4), (3, 0), (-4, 0), (2, -5)])
def test_indices_of_a_graph_are_checked_against_their_own_axis(i: int, j: int) -> None:
    x = ps.asarray(numbered((3, 4)))
    indices = [ps.asarray([0, i]), ps.asarray([0, j])]  # inside the flattened tensor, mostly

    def write(x: Any, i: Any, j: Any) -> Any:
        x[i, j] = 1.0
        return x

    wrong = i if i not in range(-3, 3) else j
    for f in (lambda x, i, j: x[i, j], write):
        with pytest.raises(IndexError, match=rf"index {wrong} .* axis [01] "):
            ps.function(f)(x, *indices)
        f(x, ps.asarray([0, 2]), ps.asarray([0, 3]))


# ---- gradients


KEYS = [
    (slice(None, None, -2), 1),
    (Ellipsis, None, slice(1, 3)),
    (np.array([0, 2, 0]), slice(1, None)),
    (np.array([[0], [2]]), np.array([1, 1, 3])),
    (-1, np.array([3, 0])),
    (np.arange(12).reshape(3, 4) % 2 == 0,),
]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_gradients_of_reading(key: Any, close: Callable[..., None]) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    weights = np.random.default_rng(1).normal(size=x[key].shape)
    expected = np.zeros_like(x)
    np.add.at(expected, key, weights)
    grad = ps.grad(lambda x: ps.sum(x[key] * weights))
    close(grad(ps.asarray(x)), expected)
    close(ps.function(grad)(ps.asarray(x)), expected)


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_gradients_of_writing(key: Any, close: Callable[..., None]) -> None:
    x, weights = np.random.default_rng(0).normal(size=(2, 3, 4))
    v = np.zeros(x[key].shape)

    def loss(x: Any, v: Any) -> Any:
        y = x * 1.0
        y[key] = v
        return ps.sum(y * weights)

    dx, dv = ps.grad(loss, argnums=(0, 1))(ps.asarray(x), ps.asarray(v))
    kept = weights.copy()
    kept[key] = 0
    close(dx, kept)
    owner = np.full(x.shape, -1)  # which element of v stays where a position occurs twice
    owner[key] = np.arange(v.size).reshape(v.shape)
    expected = np.zeros(v.size)
    expected[owner[owner >= 0]] = weights[owner >= 0]
    close(dv, expected.reshape(v.shape))


# ---- what is refused


@pytest.mark.parametrize(
    ("key", "error", "match"),
    [
        (5, IndexError, r"index 5 is out of range for axis 0 of size 3"),
        ((0, -5), IndexError, r"index -5 is out of range for axis 1 of size 4"),
        (np.array([0, 3]), IndexError, r"index 3 is out of range for axis 0 of size 3"),
        ((0, 0, 0), IndexError, r"3 indices for a tensor of rank 2.*leave some out"),
        ((..., 0, ...), IndexError, r"two '\.\.\.'.*use one"),
        (1.0, IndexError, r"float is no index; use ints, slices"),
        ("a", IndexError, r"str is no index"),
        (np.array([1.0]), IndexError, r"float64 is no index"),
        (np.ones(4, bool), IndexError, r"mask has shape \(4,\) where the tensor has \(3,\)"),
        (True, IndexError, r"use None to insert an axis"),
        (slice(None, None, 0), ValueError, r"must not be 0; use -1 to reverse"),
        ((np.zeros(2, int), np.zeros(3, int)), IndexError, r"do not broadcast; reshape"),
    ],
)
def test_wrong_keys(key: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        ps.ones((3, 4))[key]
    x = ps.ones((3, 4))
    with pytest.raises(error, match=match):
        x[key] = 0.0


def test_wrong_values() -> None:
    x = ps.ones((3, 4))
    with pytest.raises(ValueError, match=r"cannot broadcast \(3,\) to \(4,\)"):
        x[0] = np.ones(3)


def test_masks_that_a_graph_computes_have_no_size() -> None:
    with pytest.raises(IndexError, match=r"no known number of true elements; use penstock\.where"):
        ps.function(lambda x: x[x > 0])(ps.ones(3))


def test_a_tensor_is_an_index_for_python_lists_and_ranges() -> None:
    assert ["a", "b", "c"][ps.asarray(1)] == "b"
    assert list(range(ps.asarray(2))) == [0, 1]
    with pytest.raises(TypeError):
        [1, 2][ps.asarray(1.0)]


def test_iteration() -> None:
    assert [row.tolist() for row in ps.asarray([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    first, second = ps.asarray([5, 6])
    assert (int(first), int(second)) == (5, 6)
    with pytest.raises(TypeError, match=r"nothing to iterate over; use \.item\(\)"):
        iter(ps.asarray(1.0))
