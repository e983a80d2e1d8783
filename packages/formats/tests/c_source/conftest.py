"""What the tests of C source share: a compiler with all warnings as errors."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.saved import GraphModel
from penstock_formats.c_source.write import write

FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic")


@pytest.fixture(scope="session")
def compiler() -> str:
    """The C compiler."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("there is no C compiler, cc")
    return found


@pytest.fixture
def compiled(compiler: str, tmp_path: Path) -> Callable[..., Callable[..., list[Any]]]:
    """Writes and compiles a model, and returns a function of arrays."""

    def make(model: GraphModel, **options: Any) -> Callable[..., list[Any]]:
        write(model, tmp_path / "net.c", **options)
        library = tmp_path / "net.so"
        command = [compiler, *FLAGS, "-shared", "-fPIC", "-o", library, tmp_path / "net.c", "-lm"]
        subprocess.run(command, check=True)
        run = ctypes.CDLL(str(library)).net_run
        batch = options.get("batch", 1)
        outputs = model.default.outputs.values()

        def call(*inputs: Any) -> list[Any]:
            made = [
                np.zeros([batch if isinstance(n, str) else n for n in spec.shape], spec.dtype.name)
                for spec in outputs
            ]
            arrays = [np.array(x, order="C") for x in inputs] + made
            assert run(*[a.ctypes.data_as(ctypes.c_void_p) for a in arrays]) == 0
            return made

        return call

    return make
