"""Damaged folders: the C++ loader answers with a graph or a named error, and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cpp_folders import document, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.compiler
EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STRANGE = st.sampled_from(
    [None, True, -1, 0, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 0.5, 1e300, "", "batch", "9" * 30, "a" * 2000, "x:1",
     "batch*batch//0", "-batch", "max(batch, 2)", [], [[]], {}, ["batch", "batch"], {"float": "nan"}, {"dtype": "string"},
     {"variable": "dense/kernel"}, {"tensor": {"dtype": "int64", "shape": [], "values": [2**62]}}]
)  # fmt: skip


def check(loader: Any, folder: Path) -> None:
    answer = loader.ask("load", folder)
    assert answer.startswith(("ok ", "error 13 [load] ")), answer


@given(st.data())
@EXAMPLES
def test_damaged_bytes(loader, tmp_path, data):
    folder = write(tmp_path / "net")
    path = folder / data.draw(st.sampled_from(["graph.json", "weights.safetensors"]))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    path.write_bytes(
        raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    )
    check(loader, folder)


def places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every member of a document."""
    if isinstance(told, dict):
        return [p for key in told for p in [(*path, key), *places(told[key], (*path, key))]]
    if isinstance(told, list):
        return [p for i in range(len(told)) for p in [(*path, i), *places(told[i], (*path, i))]]
    return []


PLACES = places(document())


@given(st.lists(st.tuples(st.sampled_from(PLACES), STRANGE), min_size=1, max_size=3))
@EXAMPLES
def test_strange_members(loader, tmp_path, changes):
    told: Any = document()
    for path, value in changes:
        at = told
        try:
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    check(loader, write(tmp_path / "net", told))
