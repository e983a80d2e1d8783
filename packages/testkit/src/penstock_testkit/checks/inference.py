"""Shapes and dtypes that are inferred, with sizes known and with sizes as symbols, against those that come out."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance


def inference_agrees(group: Group, tolerance: Tolerance | None) -> None:
    """Compare what the shape rule says with what the kernel gives."""
    for case in group.cases:
        results = case.eager()
        _, _, known = case.graph()
        assert len(known) == len(results), f"{case!r}: the shape rule gives {len(known)} results"
        for i, (inferred, actual) in enumerate(zip(known, results, strict=True)):
            assert (inferred.dtype, inferred.shape) == (actual.dtype, actual.shape), (
                f"{case!r}: the shape rule gives {inferred.dtype}{inferred.shape} for result {i}, "
                f"the kernel {actual.dtype}{actual.shape}"
            )
        traced = ps.function(lambda *values, case=case: case(*values))
        symbols = traced.trace(*case.tensors()).graph.outputs
        assert len(symbols) == len(results), f"{case!r}: traced, it has {len(symbols)} results"
        for i, (inferred, actual) in enumerate(zip(symbols, results, strict=True)):
            sizes = tuple(_size(d) for d in inferred.shape)
            agrees = inferred.dtype == actual.dtype and len(sizes) == actual.ndim
            agrees = agrees and all(
                s is None or s == d for s, d in zip(sizes, actual.shape, strict=True)
            )
            assert agrees, (
                f"{case!r}: with symbols the shape rule gives {inferred.dtype}{inferred.shape}, "
                f"here {sizes}, for result {i}; the kernel gives {actual.dtype}{actual.shape}"
            )


def _size(d: Any) -> int | None:
    """Return what a size is in the example at hand; None where it depends on values."""
    return d if isinstance(d, int) else d.hint
