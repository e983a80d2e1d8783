"""The library file: what it needs, what it shows, and that core knows every op that it fills."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import penstock as ps

KERNELS = Path(__file__).parents[1] / "csrc" / "kernels.def"


def output_of(tool: str, *arguments: str | Path) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"needs {tool}")
    return subprocess.run(
        [path, *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout


def test_it_needs_nothing_but_libc_and_libm(library: Path) -> None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", library))
    if any("san.so" in name for name in needed):
        pytest.skip("built with a sanitizer, which brings its own libraries")
    assert set(needed) <= {
        "libc.so.6",
        "libm.so.6",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }


def test_it_shows_only_its_entry(library: Path) -> None:
    shown = output_of("nm", "--dynamic", "--defined-only", "--extern-only", library)
    assert [line.split()[-1] for line in shown.splitlines()] == ["penstock_plugin_init_v1"]


def test_it_asks_for_no_symbol_of_ours(library: Path) -> None:
    wanted = output_of("nm", "--dynamic", "--undefined-only", library)
    assert "penstock" not in wanted
    assert "_Z" not in wanted  # nothing of the C++ library


def rows_filled() -> list[tuple[str, str]]:
    """The op and the dtypes of every row."""
    return re.findall(
        r"^(?:ROW|CAPABLE|PREPARED)\((\w+),\s*([^,]+)", KERNELS.read_text("utf-8"), re.MULTILINE
    )


def twice(names: Sequence[Any]) -> set[Any]:
    """What a list names more than once."""
    return {name for name in names if names.count(name) > 1}


@pytest.mark.skipif(not KERNELS.exists(), reason="needs the sources")
def test_core_knows_every_op_and_takes_every_row() -> None:
    rows = rows_filled()
    assert twice(rows) == set()
    ops = {op for op, _ in rows}
    assert len(ops) > 60
    for op in ops:
        assert op in ps.ops.BLOCKS, op
        assert any(row[0] == "kernels-cpu" for row in ps._native.kernel_rows(op)), op


# ---- registries that are not as they should be: the structs of kernel_abi.h, written out ----


class Head(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("major", ctypes.c_uint16), ("minor", ctypes.c_uint16), ("next", ctypes.c_void_p)]  # fmt: skip


class Definition(ctypes.Structure):
    _fields_ = [("head", Head), ("op", ctypes.c_char_p)]  # the rest is not looked at


AddKernel = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Definition))
Fail = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)


class Registry(ctypes.Structure):
    _fields_ = [
        ("head", Head), ("host_data", ctypes.c_void_p), ("level", ctypes.c_int32), ("add_kernel", AddKernel),
        ("add_device", ctypes.c_void_p), ("fail", Fail),
    ]  # fmt: skip


def register(library: Path, accepted: int, major: int = 0, size: int | None = None) -> Any:
    """Hand the entry a registry of this test's own; return its status, the rows and the reason."""
    rows: list[str] = []
    reasons: list[str] = []

    def add(_: Any, definition: Any) -> int:
        rows.append(definition.contents.op.decode())
        return int(len(rows) > accepted)

    def fail(_: Any, reason: bytes) -> int:
        reasons.append(reason.decode())
        return 1

    head = Head(ctypes.sizeof(Registry) if size is None else size, major, 1, None)
    registry = Registry(head, None, 0, AddKernel(add), None, Fail(fail))
    entry = ctypes.CDLL(str(library)).penstock_plugin_init_v1
    return entry(ctypes.byref(registry)), rows, reasons


def test_every_row_reaches_the_registry(library: Path) -> None:
    status, rows, reasons = register(library, accepted=10_000)
    assert (status, reasons) == (0, [])
    assert twice(rows) >= {"matmul", "conv2d"}  # floats of 16 bits have rows of their own
    assert len(rows) > 60


@pytest.mark.parametrize("accepted", [0, 5])
def test_the_first_refused_row_ends_the_registration(library: Path, accepted: int) -> None:
    status, rows, _ = register(library, accepted)
    assert status == 1
    assert len(rows) == accepted + 1


def test_another_major_version_is_refused_with_a_reason(library: Path) -> None:
    status, rows, reasons = register(library, 10_000, major=9)
    assert (status, rows) == (1, [])
    assert reasons == ["kernels-cpu was built for another major version of the kernel ABI"]


def test_a_registry_that_is_too_small_is_left_alone(library: Path) -> None:
    assert register(library, 10_000, size=8) == (1, [], [])
    assert ctypes.CDLL(str(library)).penstock_plugin_init_v1(None) == 1


def test_loading_twice_does_not_register_twice(library: Path) -> None:
    before = ps._native.kernel_rows("add")
    ps._native.load_library(str(library))
    assert ps._native.kernel_rows("add") == before
