"""To and from NumPy, DLPack, pickle: and nobody's writing ever changes a tensor."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

IN_NUMPY = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)


def sample(dtype: str) -> Any:
    return np.arange(6).reshape(2, 3).astype(dtype)


# ---- NumPy


def test_int64_looks_as_in_numpy() -> None:
    # NumPy has two letters for 64 bits; the one of its own int64 lets it print without a dtype.
    for dtype in ("int64", "uint64"):
        array = ps.asarray([1, 2], dtype=dtype).numpy()
        assert array.dtype.char == np.dtype(dtype).char
        assert memoryview(ps.asarray([1], dtype=dtype)).format == np.dtype(dtype).char
    assert repr(ps.asarray([1, 2]).numpy()) == "array([1, 2])"


@pytest.mark.parametrize("dtype", IN_NUMPY)
def test_numpy_both_ways(dtype: str) -> None:
    x = sample(dtype)
    t = ps.asarray(x)
    assert t.dtype == dtype
    assert t.shape == (2, 3)
    for back in (t.numpy(), np.asarray(t), np.array(t), t.__array__()):
        assert back.dtype == x.dtype
        np.testing.assert_array_equal(back, x)
    assert t.tolist() == x.tolist()
    assert t[1, 2].item() == x[1, 2].item()


def test_bfloat16_comes_out_as_float32() -> None:
    t = ps.asarray([1.0, 2.5], "bfloat16")
    assert t.numpy().dtype == np.asarray(t).dtype == np.float32
    assert t.tolist() == [1.0, 2.5]


def test_bfloat16_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.array([[1.0, 2.5, -3.0]]).astype(ml_dtypes.bfloat16)
    for y in (x, x[:, ::-2], x.T, x[0, 0].reshape(())):
        t = ps.asarray(y)
        assert t.dtype == "bfloat16"
        np.testing.assert_array_equal(t.numpy(), y.astype("float32"))


def test_strings_come_out_as_bytes() -> None:
    for given in (["a", "é"], np.array(["a", "é"]), np.array(["a", "é"], object), [b"a", "é"]):
        t = ps.asarray(given)
        assert t.dtype == "string"
        assert t.tolist() == [b"a", "é".encode()]
        assert t.numpy().dtype == object


def test_numpy_is_a_read_only_view() -> None:
    t = ps.ones((2, 2))
    for view in (t.numpy(), np.asarray(t), ps.asarray(["a"]).numpy(), t.astype("bfloat16").numpy()):
        assert not view.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
    assert np.shares_memory(t.numpy(), np.asarray(t))
    assert memoryview(t).readonly


def test_a_view_outlives_its_tensor_and_its_changes() -> None:
    t = ps.ones(1000)
    view = t.numpy()
    t[0] = 5.0
    assert (view == 1).all()
    del t
    ps.zeros(1000)
    assert (view == 1).all()


def test_array_protocol_converts_and_copies() -> None:
    t = ps.asarray([1.0, 2.0])
    assert np.asarray(t, "float64").dtype == np.float64
    assert t.__array__(np.dtype("int8")).tolist() == [1, 2]
    mine = t.__array__(copy=True)
    mine[0] = 9
    mine = np.array(t)
    mine[0] = 9
    assert t.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"float32 tensor cannot become .*float64 without a copy"):
        t.__array__(np.dtype("float64"), copy=False)


def test_arithmetic_with_arrays_gives_tensors() -> None:
    x, t = np.ones(2, "float32"), ps.ones(2)
    for result in (x + t, t + x, x @ t, t @ x, x * t, np.float32(2) * t, x < t):
        assert isinstance(result, ps.Tensor)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x[::2],
        lambda x: x[:, ::-1],
        lambda x: x[::-2, 1],
        lambda x: x[..., None],
        lambda x: np.broadcast_to(x, (3, *x.shape)),
        lambda x: x[:0],
        lambda x: x.astype(">f8"),
        lambda x: x[1, 1],
    ],
)
def test_any_layout_comes_in(view: Callable[[Any], Any]) -> None:
    x = view(np.arange(20.0).reshape(4, 5))
    t = ps.asarray(x)
    assert t.shape == x.shape
    np.testing.assert_array_equal(t.numpy(), x)


def test_unaligned_records_come_in() -> None:
    records = np.zeros(3, np.dtype([("a", "i1"), ("b", "f4")]))
    records["b"] = [1, 2, 3]
    assert ps.asarray(records["b"]).tolist() == [1, 2, 3]


def test_writing_to_the_source_changes_nothing() -> None:
    for source in (
        np.arange(4.0),
        bytearray(b"\1\2\3\4"),
        [1.0, 2.0],
        np.array(["a", "b"], object),
    ):
        t = ps.asarray(source)
        before = t.tolist()
        source[0] = type(source[0])(7)
        assert t.tolist() == before


def test_writing_to_an_argument_changes_no_constant() -> None:
    table = np.arange(3.0)
    f = ps.function(lambda x: x + table)
    assert f(ps.zeros(3)).tolist() == [0, 1, 2]
    table[:] = 9
    assert f(ps.zeros(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (np.zeros(2, "M8[s]"), r"datetime64\[s\] has no counterpart here; convert the array first"),
        (np.zeros(2, [("a", "i4"), ("b", "i4")]), "has no counterpart here"),
        (np.zeros(2, "longdouble"), "has no counterpart here"),
        (np.zeros(2, "clongdouble"), "has no counterpart here"),
        (np.array([1, None]), r"got int, which does not become a tensor; give numbers, strings"),
        (np.array(["a", None]), "got NoneType"),
        (None, "got NoneType"),
        (object(), "got object"),
        ({"a": 1}, "got dict"),
        ({1, 2}, "got set"),
        (lambda: 1, "got function"),
    ],
)
def test_what_becomes_no_tensor(wrong: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        ps.asarray(wrong)


def test_ragged_lists() -> None:
    with pytest.raises(ValueError, match=r"no regular shape.*pad the shorter ones"):
        ps.asarray([[1, 2], [3]])


def test_lists_of_tensors() -> None:
    x = ps.asarray([1.0, 2.0])
    assert ps.asarray([x, [3.0, x[0]]]).tolist() == [[1, 2], [3, 1]]
    assert ps.function(lambda x: ps.asarray([x[0], x[1] * 2]))(x).tolist() == [1, 4]


# ---- DLPack


@pytest.mark.parametrize("dtype", IN_NUMPY)
def test_dlpack_both_ways_with_numpy(dtype: str) -> None:
    x = sample(dtype)
    t = ps.from_dlpack(x)
    assert (t.dtype, t.shape) == (dtype, (2, 3))
    back = np.from_dlpack(t)
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(ps.from_dlpack(t).numpy(), x)


def test_dlpack_writing_changes_no_tensor() -> None:
    x = np.arange(4.0)
    t = ps.from_dlpack(x)
    x[:] = 9
    assert t.tolist() == [0, 1, 2, 3]
    taken = np.from_dlpack(t)
    if taken.flags.writeable:
        taken[:] = 9
    assert t.tolist() == [0, 1, 2, 3]


def test_dlpack_without_a_copy_when_asked() -> None:
    x = np.arange(4.0)
    shared = ps.from_dlpack(x, copy=False)
    assert np.shares_memory(shared.numpy(), x)
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # where from_dlpack knows copy
        view = np.from_dlpack(shared, copy=False)
        assert np.shares_memory(view, x)
        assert not view.flags.writeable


def test_dlpack_of_shared_memory_outlives_its_owner() -> None:
    shared = ps.from_dlpack(np.full(1000, 7.0), copy=False)
    np.zeros(1000)
    assert (shared.numpy() == 7).all()
    view = np.from_dlpack(ps.full((1000,), 7.0))
    ps.zeros(1000)
    assert (view == 7).all()


def test_dlpack_of_any_layout() -> None:
    x = np.arange(20.0).reshape(4, 5)
    for view in (x.T, x[::2], x[:, ::-1], x[1:2], x[:, :0]):
        np.testing.assert_array_equal(ps.from_dlpack(view).numpy(), view)


def test_dlpack_tells_its_device_and_refuses() -> None:
    assert ps.ones(2).__dlpack_device__() == (1, 0)
    with pytest.raises(TypeError, match=r"no string dtype; use x\.tolist\(\)"):
        ps.asarray(["a"]).__dlpack__()
    with pytest.raises(TypeError, match=r"list has no __dlpack__; use penstock\.asarray"):
        ps.from_dlpack([1, 2])
    with ps.Graph().as_default():
        x = ps.placeholder("float32", ())
        with pytest.raises(RuntimeError, match="graph tensor has no memory to share"):
            x.__dlpack__()
        with pytest.raises(TypeError, match="has no value yet"):
            np.asarray(x)


def test_an_unused_capsule_gives_its_memory_back() -> None:
    x = np.ones(8)
    t = ps.from_dlpack(x, copy=False)
    count = sys.getrefcount(x)
    capsule = t.__dlpack__(copy=False, max_version=(1, 0))
    del t
    assert sys.getrefcount(x) == count
    del capsule
    assert sys.getrefcount(x) == count - 1


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int64", "uint8", "float16", "bfloat16", "float32", "complex64"]
)
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    ours = ps.from_dlpack(theirs)
    assert (ours.dtype, ours.shape) == (dtype, (2, 3))
    assert ps.asarray(theirs).tolist() == ours.tolist() == theirs.tolist()
    theirs.zero_()
    kept = ours.tolist()
    assert any(any(row) for row in kept)
    back = torch.from_dlpack(ours)
    assert back.dtype == getattr(torch, dtype)
    assert back.tolist() == kept
    back.zero_()
    assert ours.tolist() == kept
    transposed = torch.from_dlpack(ours).T
    assert ps.from_dlpack(transposed).tolist() == transposed.tolist()


# ---- copies


@pytest.mark.parametrize("dtype", [*IN_NUMPY, "bfloat16"])
def test_pickle(dtype: str) -> None:
    t = ps.asarray(sample("float32" if dtype == "bfloat16" else dtype), dtype)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(t, protocol))  # noqa: S301
        assert repr(back) == repr(t)


@pytest.mark.parametrize(
    "value", [["a", "b"], "a", np.zeros((0, 2), "float32"), 1.5, np.zeros((2, 0), "S1")]
)
def test_pickle_of_unusual_tensors(value: Any) -> None:
    t = ps.asarray(value)
    for back in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t), copy.copy(t)):  # noqa: S301
        assert repr(back) == repr(t)
        assert (back.dtype, back.shape) == (t.dtype, t.shape)


def test_deep_copies_are_apart() -> None:
    t = ps.ones(3)
    model = {"w": t, "again": t}
    other = copy.deepcopy(model)
    assert other["w"] is other["again"]
    other["w"][0] = 5.0
    assert t.tolist() == [1, 1, 1]


def test_a_graph_tensor_has_nothing_to_copy() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", (), name="x")
        for fn in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="has no value to pickle or copy; return it from"):
                fn(x)
