"""The page about reading ONNX files says what is so."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the package onnx")

from penstock_formats.onnx import support

_PAGE = Path(__file__).parents[4] / "docs" / "onnx_import.md"


def test_the_table_is_that_of_the_converters() -> None:
    if not _PAGE.is_file():
        pytest.skip("the pages are not beside the tests")
    shown = _PAGE.read_text("utf-8").split(support.BEGIN)[1].split(support.END)[0]
    assert shown.strip() == support.table().strip()
