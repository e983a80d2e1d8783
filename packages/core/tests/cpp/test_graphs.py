"""Graphs with variables, tensors of all kinds, and errors with their kind, in C++."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import penstock

WANTED = """\
shape -1 3
dtype 0 64
found 1
outputs 2
found 1
shape 1 1
8 graph 'types' has no value 'nowhere'
2 [sum] has no attribute 'axes'
whole 1 2 3 4 5 6
sum 36
counter 0 after 100 runs
counted 1
kept 1, now 0
4 [assign_variable] variable 'counter' holds int64, the new value is float32; convert it: value.astype(penstock.int64)
3 [assign_variable] variable 'counter' has shape (), the new value has (2,); reshape it, or make a new variable
strings 3 3
bools 2
half 16
moved 1 0
invalid the tensor has another dtype
invalid the tensor has not one element
invalid the data does not fill the shape
3 a tensor's size is -1; expected 0 or more
13 [load] /nowhere/at/all: cannot read /nowhere/at/all/graph.json: No such file or directory
"""


@pytest.mark.compiler
def test_every_line(compiled, kernels: Path):
    program = compiled("graphs.cpp")
    run = subprocess.run([program, kernels], capture_output=True, text=True, check=True)
    assert run.stdout == WANTED


@pytest.mark.compiler
def test_the_c_header_is_plain_c(tmp_path: Path):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    source = tmp_path / "main.c"
    source.write_text(
        "#include <penstock/penstock.h>\nint main(void) { return penstock_last_error_kind(); }\n"
    )
    include = Path(penstock.__file__).parent / "include"
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run([compiler, *flags, f"-I{include}", source], check=True)
