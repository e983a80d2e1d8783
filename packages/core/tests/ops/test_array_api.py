"""The names of the Python array API that are not ops: facts of dtypes, sets, creation, devices, bit operators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import DeviceError


def test_the_namespace_describes_itself() -> None:
    assert ps.__array_api_version__ == "2024.12"
    x = ps.ones(2)
    assert x.__array_namespace__() is ps
    assert x.__array_namespace__(api_version="2022.12") is ps
    with pytest.raises(ValueError, match=r"expected one of 2021.*2024\.12"):
        x.__array_namespace__(api_version="2019.12")
    info = ps.__array_namespace_info__()
    assert info.default_device() in info.devices()
    assert info.capabilities()["data-dependent shapes"]
    assert info.dtypes(kind="real floating") == {"float32": ps.float32, "float64": ps.float64}
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {
        "bool",
        "complex64",
        "complex128",
    }
    with pytest.raises(ValueError, match="'integral'"):
        info.dtypes(kind="whole")
    assert (ps.e, ps.pi, ps.inf, ps.newaxis) == (math.e, math.pi, math.inf, None)
    assert math.isnan(ps.nan)


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "complex64", "complex128"])
def test_limits_of_floats_are_numpys(name: str) -> None:
    ours, theirs = ps.finfo(name), np.finfo(name)
    for field in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(ours, field) == float(getattr(theirs, field))
    assert ours.dtype == theirs.dtype.name
    assert ps.finfo(ps.ones(1, name)) == ours


def test_limits_of_bfloat16() -> None:
    limits = ps.finfo("bfloat16")
    one = ps.asarray(1.0, "bfloat16")
    assert (one + limits.eps).item() > 1
    assert (one + limits.eps / 4).item() == 1
    assert ps.asarray(limits.max, "bfloat16").item() == limits.max
    assert ps.asarray(limits.smallest_normal, "bfloat16").item() == limits.smallest_normal


@pytest.mark.parametrize("name", ["int8", "uint16", "int64", "uint64"])
def test_limits_of_integers_are_numpys(name: str) -> None:
    ours, theirs = ps.iinfo(name), np.iinfo(name)
    assert (ours.bits, ours.min, ours.max) == (theirs.bits, theirs.min, theirs.max)


def test_what_has_no_limits_is_refused() -> None:
    with pytest.raises(TypeError, match="for integers use"):
        ps.finfo("int32")
    with pytest.raises(TypeError, match="for floats use"):
        ps.iinfo(ps.ones(1))


def test_kinds_and_conversions() -> None:
    assert ps.isdtype("uint8", "integral")
    assert ps.isdtype(ps.float32, ps.float32)
    assert not ps.isdtype("bool", "numeric")
    with pytest.raises(ValueError, match="'real floating'"):
        ps.isdtype("int8", "float")
    for source in ("int8", "uint8", "int64", "float32", "complex64", "bool"):
        for target in ("int16", "float64", "complex128", "uint64"):
            joined = ps.can_cast(source, target)
            assert joined == (ps.can_cast(ps.ones(1, source), target))
    assert ps.can_cast("uint8", "int16")
    assert not ps.can_cast("float64", "float32")
    assert not ps.can_cast("uint64", "int64")
    assert not ps.can_cast("string", "float32")


def test_a_dtype_is_no_other_object() -> None:
    assert ps.float32 != None  # noqa: E711
    assert ps.float32 != 3
    assert ps.float32 == np.float32


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128", "bool"])
def test_sets_equal_numpy(dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 4, (3, 5)).astype(dtype)
    ours = ps.unique_all(x)
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    for actual, expected in zip(
        ours, (values, first, inverse.reshape(x.shape), counts), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(ps.unique_values(x), np.unique(x))
    np.testing.assert_array_equal(ps.unique_counts(x).counts, ours.counts)
    np.testing.assert_array_equal(ps.unique_inverse(x).inverse_indices, ours.inverse_indices)


def test_every_nan_is_an_element_of_its_own() -> None:
    x = np.array([[np.nan, 1.0, np.nan], [2.0, 1.0, np.nan]])
    values, first, inverse, counts = ps.unique_all(x)
    expected = np.unique(x, return_index=True, return_counts=True, equal_nan=False)
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(first, expected[1])
    np.testing.assert_array_equal(counts, expected[2])
    np.testing.assert_array_equal(values.numpy()[inverse.numpy()], x)
    assert sorted(set(inverse.numpy().ravel())) == [0, 1, 2, 3, 4]


def test_a_graph_needs_the_size_of_a_set() -> None:
    run = ps.function(lambda x: ps.unique_values(x, size=2))
    assert run(ps.asarray([3, 1, 3])).tolist() == [1, 3]
    with pytest.raises(RuntimeError, match="give size="):
        ps.function(ps.unique_values)(ps.asarray([3, 1, 3]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_sums_equal_numpy(axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    for initial in (False, True):
        flags = {"axis": axis, "include_initial": initial}
        widths = [(1, 0) if initial and a == axis % 2 else (0, 0) for a in range(2)]
        sums = np.pad(np.cumsum(x, axis), widths)
        products = np.pad(np.cumprod(x, axis), widths, constant_values=1)
        np.testing.assert_allclose(ps.cumulative_sum(x, **flags), sums)
        np.testing.assert_allclose(ps.cumulative_prod(x, **flags), products)
    narrow = ps.cumulative_sum(np.ones(3, "int8"), dtype="int16")
    assert narrow.dtype == "int16"
    with pytest.raises(ValueError, match="give axis=, or flatten"):
        ps.cumulative_sum(x)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1])
def test_differences_equal_numpy(n: int, axis: int) -> None:
    x = np.random.default_rng(0).integers(0, 9, (4, 5))
    np.testing.assert_array_equal(ps.diff(x, n=n, axis=axis), np.diff(x, n, axis))
    ends = {"prepend": x[:1] if axis == 0 else x[:, :1], "append": 7}
    np.testing.assert_array_equal(
        ps.diff(x, n=n, axis=axis, **ends), np.diff(x, n, axis, ends["prepend"], 7)
    )
    np.testing.assert_array_equal(ps.diff(x > 4, axis=axis), np.diff(x > 4, axis=axis))
    with pytest.raises(ValueError, match="must not be negative"):
        ps.diff(x, n=-1)


def test_shapes_broadcast_as_numpys_do() -> None:
    for shapes in (((2, 1), (3,)), ((0,), (1,)), ((), (2, 1, 4), (5, 1)), ()):
        assert ps.broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)
    with pytest.raises(ValueError, match="reshape one of them"):
        ps.broadcast_shapes((2,), (3,))
    x, y = ps.broadcast_arrays(np.arange(3), np.zeros((2, 1)))
    assert x.shape == y.shape == (2, 3)
    assert (x.dtype, y.dtype) == ("int64", "float64")


def test_parts_of_a_tensor() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    for axis in (0, 1, -1):
        for ours, theirs in zip(ps.unstack(x, axis=axis), np.moveaxis(x, axis, 0), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ps.concat([x, [1]], axis=None), [*x.ravel(), 1])
    assert ps.count_nonzero(x, axis=(0, 2)).tolist() == np.count_nonzero(x, (0, 2)).tolist()
    with pytest.raises(TypeError, match="expected a numeric dtype"):
        ps.positive([True])


def test_one_truth_value_takes_all_or_nothing() -> None:
    x = np.arange(6).reshape(2, 3)
    for truth in (True, False):
        mask = np.asarray(truth)
        np.testing.assert_array_equal(ps.asarray(x)[ps.asarray(truth)], x[mask])
        ours, theirs = ps.asarray(x), x.copy()
        ours[ps.asarray(truth)], theirs[mask] = 7, 7
        np.testing.assert_array_equal(ours, theirs)


def test_operators_work_on_bits_and_on_truth_values() -> None:
    x, y = np.array([12, -7, 5], "int32"), np.array([10, 3, 1], "int32")
    a, b = ps.asarray(x), ps.asarray(y)
    for ours, theirs in (
        *((a & b, x & y), (a | b, x | y), (a ^ b, x ^ y), (~a, ~x)),
        *((a << b, x << y), (a >> b, x >> y), (a & 3, x & 3), (3 | a, 3 | x)),
    ):
        assert ours.dtype == "int32"
        np.testing.assert_array_equal(ours, theirs)
    truth = ps.asarray([True, False])
    assert (truth ^ True).tolist() == [False, True]
    assert (~truth).tolist() == [False, True]
    a <<= 1
    assert a.tolist() == (x << 1).tolist()
    with pytest.raises(TypeError, match="expected bool"):
        ps.asarray([1.5]) & ps.asarray([2.5])


def test_division_beside_infinity_is_the_standards() -> None:
    inf = math.inf
    x, y = [inf, -inf, 1.0, -1.0, inf], [2.0, 2.0, -inf, inf, inf]
    for dtype in ("float32", "float64"):
        made = ps.floor_divide(ps.asarray(x, dtype), ps.asarray(y, dtype)).numpy()
        np.testing.assert_array_equal(made, [inf, -inf, -0.0, -0.0, math.nan])
        np.testing.assert_array_equal(np.signbit(made[2:4]), [True, True])


def test_new_tensors_go_to_a_device() -> None:
    for made in (
        *(ps.zeros(2, device="cpu:0"), ps.empty((2,), device="cpu:0"), ps.eye(2, device="cpu:0")),
        *(ps.arange(3, device="cpu:0"), ps.full((2,), 3, device="cpu:0")),
        *(ps.linspace(0, 1, 3, device="cpu:0"), ps.asarray([1.0], device="cpu:0")),
        *(ps.ones_like([1], device="cpu:0"), ps.astype([1], "int8", device="cpu:0")),
    ):
        assert made.device == "cpu:0"
        assert made.to_device("cpu:0").device == "cpu:0"
    with pytest.raises(DeviceError, match="tpu"):
        ps.zeros(2, device="tpu:0")
    with pytest.raises(ValueError, match="leave it out"):
        ps.ones(1).to_device("cpu:0", stream=1)


def test_copies_are_made_only_where_they_may_be() -> None:
    x = ps.ones(2)
    assert ps.asarray(x, copy=False) is x
    assert ps.astype(x, "float32", copy=False) is x
    for copy in (ps.asarray(x, copy=True), x.astype("float32"), ps.positive(x)):
        copy[0] = 5
        assert (copy.tolist(), x.tolist()) == ([5, 1], [1, 1])
    assert ps.grad(lambda v: ps.sum(ps.asarray(v, copy=True) ** 2))(x).tolist() == [2, 2]
    with pytest.raises(ValueError, match="leave copy out"):
        ps.asarray([1.0], copy=False)
    with pytest.raises(ValueError, match="leave copy out"):
        ps.asarray(x, "int32", copy=False)


def test_complex_numbers_from_python() -> None:
    assert complex(ps.asarray(1 + 2j)) == 1 + 2j
    z = ps.linspace(0, 1j, 3)
    np.testing.assert_allclose(z, np.linspace(0, 1j, 3))
    assert z.dtype == "complex64"
    assert ps.full((2,), 1j).dtype == "complex64"


@pytest.mark.parametrize("name", ["abs", "sign", "angle", "real", "imag", "conj"])
def test_gradients_of_complex_functions_equal_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))

    def loss(m: Any, f: Any, z: Any) -> Any:
        y = f(z)
        total = m.sum(y * y * 0.5) if "complex" not in str(y.dtype) else m.sum(m.real(y * (2 - 1j)))
        return total + m.sum(m.abs(z) ** 3)

    z = torch.tensor(x, requires_grad=True)
    loss(torch, torch.sgn if name == "sign" else getattr(torch, name), z).backward()
    ours = ps.grad(lambda v: loss(ps, getattr(ps, name), v))(ps.asarray(x))
    np.testing.assert_allclose(ours, z.grad.resolve_conj().numpy().conj(), atol=1e-12)


def test_searching_takes_a_sorter() -> None:
    x, values = np.array([5.0, 1.0, 3.0]), np.array([0.0, 3.0, 9.0])
    order = np.argsort(x)
    for side in ("left", "right"):
        np.testing.assert_array_equal(
            ps.searchsorted(x, values, side=side, sorter=order),
            np.searchsorted(x, values, side, order),
        )
