"""What tensors and dtypes look like."""

from __future__ import annotations

import re

import numpy as np
import pytest

import penstock as ps

GOLDEN = {
    "bool": "Tensor([False,  True,  True], shape=(3,), dtype=bool)",
    "int8": "Tensor([0, 1, 2], shape=(3,), dtype=int8)",
    "int16": "Tensor([0, 1, 2], shape=(3,), dtype=int16)",
    "int32": "Tensor([0, 1, 2], shape=(3,), dtype=int32)",
    "int64": "Tensor([0, 1, 2], shape=(3,), dtype=int64)",
    "uint8": "Tensor([0, 1, 2], shape=(3,), dtype=uint8)",
    "uint16": "Tensor([0, 1, 2], shape=(3,), dtype=uint16)",
    "uint32": "Tensor([0, 1, 2], shape=(3,), dtype=uint32)",
    "uint64": "Tensor([0, 1, 2], shape=(3,), dtype=uint64)",
    "float16": "Tensor([0., 1., 2.], shape=(3,), dtype=float16)",
    "bfloat16": "Tensor([0., 1., 2.], shape=(3,), dtype=bfloat16)",
    "float32": "Tensor([0., 1., 2.], shape=(3,), dtype=float32)",
    "float64": "Tensor([0., 1., 2.], shape=(3,), dtype=float64)",
    "complex64": "Tensor([0.+0.j, 1.+0.j, 2.+0.j], shape=(3,), dtype=complex64)",
    "complex128": "Tensor([0.+0.j, 1.+0.j, 2.+0.j], shape=(3,), dtype=complex128)",
}


@pytest.mark.parametrize("dtype", GOLDEN)
def test_every_dtype(dtype: str) -> None:
    x = ps.asarray([0, 1, 2], dtype)
    assert repr(x) == str(x) == f"{x}" == GOLDEN[dtype]
    assert repr(x.dtype) == f"penstock.{dtype}"
    assert str(x.dtype) == dtype


def test_matrices_are_aligned() -> None:
    x = ps.asarray([[1.5, -2.0], [np.nan, np.inf]])
    lines = ["Tensor([[ 1.5, -2. ],", "        [ nan,  inf]], shape=(2, 2), dtype=float32)"]
    assert repr(x) == "\n".join(lines)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1.5, "Tensor(1.5, shape=(), dtype=float32)"),
        (np.zeros((0, 3), "float32"), "Tensor([], shape=(0, 3), dtype=float32)"),
        (["a", "<b>"], "Tensor([b'a', b'<b>'], shape=(2,), dtype=string)"),
        ("é", r"Tensor(b'\xc3\xa9', shape=(), dtype=string)"),
    ],
)
def test_others(x: object, text: str) -> None:
    assert repr(ps.asarray(x)) == text


def test_large_tensors_are_summarised() -> None:
    start = "Tensor([   0,    1,    2, ..., 1997, 1998, 1999]"
    assert repr(ps.arange(2000)) == f"{start}, shape=(2000,), dtype=int64)"
    assert len(repr(ps.ones((1000, 1000)))) < 500


def test_symbols_show_name_and_sizes() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float32", ("batch", 3), name="x")
        assert repr(x) == "Tensor(<x>, shape=(batch, 3), dtype=float32)"
        assert x._repr_html_() == "<pre>Tensor(&lt;x&gt;, shape=(batch, 3), dtype=float32)</pre>"


def test_formats() -> None:
    assert f"{ps.asarray(2.0):.3f}" == "2.000"
    assert f"{ps.asarray(7):04d}" == "0007"
    with pytest.raises(TypeError, match=r"'.2f' needs a single number.*shape \(2,\).*\.tolist"):
        f"{ps.ones(2):.2f}"


# ---- in notebooks


def test_html_is_escaped() -> None:
    text = ps.asarray([["<script>", "&"]])._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "&amp;" in text


def test_html_of_a_matrix_is_a_table() -> None:
    text = ps.asarray([[0.0, 1.0], [np.nan, 0.5]])._repr_html_()
    assert "<caption>Tensor shape=(2, 2), dtype=float32</caption>" in text
    assert re.findall(r">([^<>]+)</td>", text) == ["0", "1", "nan", "0.5"]
    assert re.findall(r"244, ([\d.]+)\)", text) == ["0.00", "0.60", "0.00", "0.30"]


def test_html_of_a_large_matrix_is_cut() -> None:
    text = ps.reshape(ps.arange(10_000), (100, 100))._repr_html_()
    assert text.count("<tr>") == 13
    assert text.count("…") == 13 + 12
    assert ">9999<" in text


@pytest.mark.parametrize("x", [1.0, np.ones(3), np.ones((0, 2)), np.ones((1, 1), "complex64")])
def test_html_of_others_is_text(x: object) -> None:
    text = ps.asarray(x)._repr_html_()
    assert text.startswith("<pre>Tensor(")
    assert text.endswith("</pre>")


@pytest.mark.parametrize("dtype", ["bool", "int8", "bfloat16", "uint64"])
def test_html_of_every_kind(dtype: str) -> None:
    assert ps.ones((2, 2), dtype)._repr_html_().count("<td") == 4
