"""docs/keras/api_table.md says what is true."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[1] / "tools" / "api_table.py"


@pytest.fixture(scope="module")
def program() -> Any:
    spec = importlib.util.spec_from_file_location("api_table", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_program_writes(program: Any) -> None:
    if importlib.util.find_spec("penstock_models") is None:
        pytest.skip("the page is written with the package of models: pip install penstock-models")
    made = program.page().splitlines()
    page = program.PAGE.read_text("utf-8").splitlines()
    changed = [line for line in made if line not in set(page)]
    assert made == page, f"python {PROGRAM.name} writes it again; new lines: {changed[:9]}"


@pytest.mark.parametrize(
    ("want", "got", "problem"),
    [
        ("(a, b=1)", "(a, b=1, c=2)", ""),
        ("(a, b=1)", "(a, b=2)", "b is 2 by default, not 1"),
        ("(a, b=1)", "(a)", "lacks b"),
        ("(a, b=1)", "(a, **kw)", "begins with a, not with a, b"),
        ("(a, b=1)", "(b=1, a=2)", "begins with b, a, not with a, b"),
        ("(a, b=1)", "(a, b)", "b is required"),
        ("(a)", "(a, c)", "needs c too"),
        ("(a, b=...)", "(a, b=3)", ""),
        ("(a)", "(*args, **kwargs)", "takes anything"),
        ("(*args, **kwargs)", "(*args, **kwargs)", ""),
    ],
)
def test_differences(program: Any, want: str, got: str, problem: str) -> None:
    assert program.difference(want, got) == problem


def test_signatures_are_written_as_python_writes_them(program: Any) -> None:
    def call(a: int, b: Any = (1, 2), *rest: int, c: Any = None, **more: int) -> None: ...

    assert program.signature_of(call) == "(a, b=(1, 2), *rest, c=None, **more)"
