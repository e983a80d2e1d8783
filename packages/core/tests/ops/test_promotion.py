"""Dtypes of mixed operands: the table of the Python array API standard, and Python's own numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import penstock as ps

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
NUMERIC = (*SIGNED, *UNSIGNED, *FLOATS, *COMPLEX)

# Copied from the standard, "Type promotion rules": every pair of one kind, or of mixed kinds that it defines.
STANDARD = """
int8   int8  int8     int8   int16 int16    int8   int32 int32    int8   int64 int64
int16  int16 int16    int16  int32 int32    int16  int64 int64    int32  int32 int32
int32  int64 int64    int64  int64 int64
uint8  uint8 uint8    uint8  uint16 uint16  uint8  uint32 uint32  uint8  uint64 uint64
uint16 uint16 uint16  uint16 uint32 uint32  uint16 uint64 uint64  uint32 uint32 uint32
uint32 uint64 uint64  uint64 uint64 uint64
int8   uint8 int16    int8   uint16 int32   int8   uint32 int64   int16  uint8 int16
int16  uint16 int32   int16  uint32 int64   int32  uint8 int32    int32  uint16 int32
int32  uint32 int64   int64  uint8 int64    int64  uint16 int64   int64  uint32 int64
float32 float32 float32          float32 float64 float64          float64 float64 float64
complex64 complex64 complex64    complex64 complex128 complex128  complex128 complex128 complex128
float32 complex64 complex64      float32 complex128 complex128
float64 complex64 complex128     float64 complex128 complex128
bool   bool  bool
"""
_words = STANDARD.split()
TABLE = list(zip(_words[::3], _words[1::3], _words[2::3], strict=True))
# The half floats are ours: as NumPy has float16, and together they meet in float32.
TABLE += [
    ("float16", "float16", "float16"),
    ("bfloat16", "bfloat16", "bfloat16"),
    ("float16", "bfloat16", "float32"),
    ("float16", "float32", "float32"),
    ("bfloat16", "float32", "float32"),
    ("float16", "float64", "float64"),
    ("bfloat16", "float64", "float64"),
    ("float16", "complex64", "complex64"),
    ("bfloat16", "complex128", "complex128"),
]


def of(dtype: str, *shape: int) -> ps.Tensor:
    return ps.ones(shape, dtype)


def traced(fn: Any, *tensors: ps.Tensor) -> Any:
    """The dtype that tracing infers, which is also that of the value."""
    function = ps.function(fn)
    value = function(*tensors)
    assert function.graph.outputs[0].dtype == value.dtype
    return value.dtype


@pytest.mark.parametrize(("first", "second", "result"), TABLE)
def test_table_of_the_standard(first: str, second: str, result: str) -> None:
    for a, b in ((first, second), (second, first)):
        assert ps.result_type(a, b) == result
        if result == "bool":
            continue
        assert ps.add(of(a, 2), of(b, 2)).dtype == result
        assert ps.add(of(a), of(b, 2)).dtype == result  # rank does not count
        assert traced(ps.add, of(a, 2), of(b)) == result
        assert ps.where(of("bool", 2), of(a, 2), of(b, 2)).dtype == result


@pytest.mark.parametrize("floating", [*FLOATS, *COMPLEX])
@pytest.mark.parametrize("whole", ["bool", *SIGNED, *UNSIGNED])
def test_integers_take_the_dtype_of_a_float(whole: str, floating: str) -> None:
    assert ps.result_type(whole, floating) == floating
    assert (of(whole, 2) + of(floating, 2)).dtype == floating
    assert (of(floating, 2) * of(whole)).dtype == floating
    assert traced(lambda x, y: x - y, of(whole, 2), of(floating, 2)) == floating


@pytest.mark.parametrize("whole", [*SIGNED, *UNSIGNED])
def test_booleans_are_the_smallest_integers(whole: str) -> None:
    assert ps.result_type("bool", whole) == whole
    assert (of("bool", 2) + of(whole, 2)).dtype == whole


@pytest.mark.parametrize("dtype", NUMERIC)
def test_numbers_take_the_dtype_of_the_tensor(dtype: str) -> None:
    kinds = ("bool", "int", "float", "complex")
    lifted = {"float": "float32", "complex": "complex64"}
    narrow = (*SIGNED, *UNSIGNED)
    for kind, number in zip(kinds, (True, 2, 1.5, 1j), strict=True):
        expected = dtype
        if dtype in narrow:
            expected = lifted.get(kind, dtype)
        elif kind == "complex" and dtype in FLOATS:
            expected = "complex128" if dtype == "float64" else "complex64"
        x = of(dtype, 2)
        assert (x + number).dtype == (number + x).dtype == expected
        assert (of(dtype) + number).dtype == expected  # also at rank 0
        assert ps.result_type(dtype, number) == ps.result_type(number, x) == expected
        assert traced(lambda x, number=number: number * x, x) == expected
        fed = ps.function(lambda x, y: x + y)
        if kind != "complex":
            assert fed(x, number).dtype == expected  # also as an argument


def test_numbers_of_numpy_keep_their_dtype() -> None:
    x = of("float32", 2)
    assert (x + np.float64(1)).dtype == (np.float64(1) + x).dtype == "float64"
    assert (x + np.int64(1)).dtype == "float32"
    assert (of("int8", 2) + np.int32(1)).dtype == "int32"
    assert (of("float16", 2) * np.ones(2)).dtype == "float64"


def test_numbers_alone_have_the_default_dtypes() -> None:
    for number, dtype in ((True, "bool"), (1, "int64"), (1.0, "float32"), (1j, "complex64")):
        assert ps.asarray(number).dtype == ps.asarray([number]).dtype == dtype
        assert ps.as_dtype(type(number)) == dtype
    assert ps.asarray([1, 2.5]).dtype == "float32"
    assert ps.asarray([]).dtype == "float32"
    assert ps.asarray([True, 2]).dtype == "int64"
    assert ps.add(1, 2).dtype == "int64"
    assert ps.add(1, 2.5).dtype == "float32"


def test_a_chain_of_numbers_stays_weak_in_a_graph() -> None:
    f = ps.function(lambda a, b, x: (a - b) * x)
    assert f(3.0, 1.0, of("float16", 2)).dtype == "float16"
    assert (3.0 - 1.0) * of("float16", 2) == pytest.approx(2)


@pytest.mark.parametrize("signed", SIGNED)
def test_uint64_meets_no_signed_integer(signed: str) -> None:
    with pytest.raises(
        TypeError, match=rf"uint64 and {signed}, which have no common dtype; convert"
    ):
        ps.result_type("uint64", signed)
    with pytest.raises(TypeError, match=r"\[add\].*no common dtype; convert one of them"):
        of(signed, 2) + of("uint64", 2)


def test_numbers_among_themselves_have_the_default_dtypes() -> None:
    assert ps.result_type(True, False) == "bool"
    assert ps.result_type(2, True) == "int64"
    assert ps.result_type(1.5, 2) == "float32"
    assert ps.result_type(1.5, 2j) == "complex64"
    assert ps.result_type(np.float64(1.5), 2) == "float64"  # NumPy's numbers are strong
    with pytest.raises(TypeError, match="string"):
        ps.result_type("string", 2)


@pytest.mark.parametrize("dtype", ["bool", *NUMERIC])
def test_strings_meet_nothing(dtype: str) -> None:
    with pytest.raises(TypeError, match="string"):
        ps.result_type("string", dtype)


def test_promotion_is_commutative_and_associative() -> None:
    def promoted(*names: str) -> Any:
        try:
            return ps.result_type(*names)
        except TypeError:
            return None

    kinds = [n for n in ("bool", *NUMERIC) if n != "uint64"]
    for a, b in itertools.product(kinds, kinds):
        assert promoted(a, b) == promoted(b, a)
        assert promoted(a, a) == a
    for a, b, c in itertools.product(("bool", "int8", "uint8", "float16", "bfloat16"), repeat=3):
        left, right = promoted(promoted(a, b), c), promoted(a, promoted(b, c))
        assert left == right


@pytest.mark.parametrize("dtype", [*SIGNED, *UNSIGNED])
def test_float_functions_of_integers_give_float32(dtype: str) -> None:
    for name in ("sqrt", "exp", "sin", "tanh", "mean", "softmax", "sigmoid"):
        fn = getattr(ps, name)
        assert fn(of(dtype, 2)).dtype == "float32"
        assert traced(fn, of(dtype, 2)) == "float32"
    assert (of(dtype, 2) / of(dtype, 2)).dtype == "float32"
    assert (of(dtype, 2) / 2).dtype == "float32"


def test_sums_widen_small_integers() -> None:
    for dtype in ("bool", *SIGNED):
        assert ps.sum(of(dtype, 2)).dtype == ps.prod(of(dtype, 2)).dtype == "int64"
    for dtype in UNSIGNED:
        assert ps.sum(of(dtype, 2)).dtype == "uint64"
    for dtype in (*FLOATS, *COMPLEX):
        assert ps.sum(of(dtype, 2)).dtype == dtype
    assert int(ps.sum(ps.full((300,), 100, "int8"))) == 30000


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"300 does not fit int8; convert the tensor to a wider"):
        of("int8", 2) + 300
    with pytest.raises(ValueError, match="-1 does not fit uint8"):
        of("uint8", 2) + -1
    with pytest.raises(ValueError, match=r"does not fit int64; give dtype='uint64'"):
        ps.asarray(2**63)
    assert ps.asarray(2**63, "uint64").item() == 2**63


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ("float32", "float32"),
        (np.float16, "float16"),
        (np.dtype("uint8"), "uint8"),
        (float, "float32"),
        (int, "int64"),
        (bool, "bool"),
        (complex, "complex64"),
        (str, "string"),
        (bytes, "string"),
        (ps.bfloat16, "bfloat16"),
    ],
)
def test_what_stands_for_a_dtype(given: Any, dtype: str) -> None:
    assert ps.as_dtype(given) == dtype
    assert ps.as_dtype(given) is ps.as_dtype(dtype)


@pytest.mark.parametrize("wrong", ["float31", 3, None, object(), np.dtype("M8[s]")])
def test_what_stands_for_none(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"is not a dtype|no dtype"):
        ps.as_dtype(wrong)
