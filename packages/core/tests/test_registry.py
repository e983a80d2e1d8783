"""What tools are told: which ops and kernels there are, and which kernel a node gets."""

from __future__ import annotations

import pytest

import penstock as ps
from penstock import errors, registry


def test_blocks_are_found_by_glob() -> None:
    assert set(registry.op_blocks("is*")) >= {"isnan", "isfinite"}
    assert registry.op_blocks("no such *") == {}
    assert len(registry.op_blocks()) > 70


def test_a_block_and_its_function_belong_together() -> None:
    assert registry.op_function("add") is ps.add
    assert registry.op_function("add").schema is registry.op_blocks("add")["add"].schema  # type: ignore[attr-defined]
    with pytest.raises(errors.PenstockError, match="matmul"):
        registry.op_function("matmull")


def test_kernels_come_best_first_and_end_with_the_reference() -> None:
    rows = registry.kernels("exp")
    assert [row.priority for row in rows] == sorted((r.priority for r in rows), reverse=True)
    assert rows[-1].is_reference
    assert rows[-1].dtypes == "*"
    assert registry.kernels("exp", "nowhere") == []


def test_a_node_has_the_kernel_that_it_would_run() -> None:
    with ps.Graph().as_default():
        x = ps.placeholder("float64", (2, 2))
        wide = registry.kernel_of(ps.floor_divide(x, x).node)
        assert wide is not None
        assert wide.is_reference
        assert registry.kernel_of(ps.reshape(x, (4,)).node) is None
