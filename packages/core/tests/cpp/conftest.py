"""A C++ program that does what the tests tell it, line by line."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
PACKAGE = Path(penstock.__file__).parent
HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for cpp_folders


class Probe:
    """A running probe.cpp."""

    def __init__(self, program: Path, plugins: list[Path]) -> None:
        self._process = subprocess.Popen(
            [program, *plugins], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *words: object) -> str:
        """Send a line and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the program ended with {self._process.wait()} at {words}"
        return answer.rstrip("\n")

    def close(self) -> None:
        self._process.communicate(timeout=60)


def compile_program(source: Path, program: Path) -> None:
    """Compile against the installed headers and libpenstock."""
    assert COMPILER is not None
    subprocess.run(
        [COMPILER, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{PACKAGE / 'include'}", "-o", program, source,
         f"-L{PACKAGE / 'lib'}", "-lpenstock", f"-Wl,-rpath,{PACKAGE / 'lib'}", "-pthread"],
        check=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def kernels() -> Path:
    """The library of kernels-cpu."""
    found = importlib.util.find_spec("penstock_kernels_cpu")
    if found is None or not found.submodule_search_locations:
        pytest.skip("kernels-cpu is not installed")
    return Path(found.submodule_search_locations[0]) / "libpenstock_kernels_cpu.so"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile one of the programs beside this file."""
    if COMPILER is None:
        pytest.skip("no C++ compiler on this machine")

    def build(name: str) -> Path:
        made = tmp_path_factory.mktemp("program") / "program"
        compile_program(HERE / name, made)
        return made

    return build


@pytest.fixture(scope="session")
def program(compiled: Callable[[str], Path]) -> Path:
    return compiled("probe.cpp")


@pytest.fixture
def loader(program: Path) -> Iterator[Probe]:
    """Without kernels: for what only loads."""
    probe = Probe(program, [])
    yield probe
    probe.close()


@pytest.fixture
def runner(program: Path, kernels: Path) -> Iterator[Probe]:
    probe = Probe(program, [kernels])
    yield probe
    probe.close()
