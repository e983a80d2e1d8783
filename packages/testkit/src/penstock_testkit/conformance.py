"""The tests of ops and devices, for a test file of two lines.

    from penstock_testkit.conformance import *
    penstock_ops = "acme.*"

`penstock_ops` holds globs separated by commas, by default all ops; `penstock_device` names the device, by default the
host. The plugin (`plugin.py`) makes one test of each check, op and dtype. Exceptions lie beside the test file, in
`conformance.toml`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.registry import op_blocks
from penstock.runtime import fallback
from penstock_testkit.checks import Check
from penstock_testkit.device_checks import DeviceCheck
from penstock_testkit.expectations import Expectation, find, judge
from penstock_testkit.groups import Group

__all__ = ["test_conformance", "test_device", "test_exceptions"]


def test_conformance(
    penstock_check: Check,
    penstock_group: Group,
    penstock_expectations: tuple[Expectation, ...],
    record_property: Callable[[str, Any], None],
) -> None:
    """One check of one op with one dtype."""
    group, check = penstock_group, penstock_check
    facts = {"op": group.op, "dtype": group.dtype, "check": check.name, "device": group.device}
    record_property("penstock", {**facts, "placement": group.placement()})
    expectation = find(penstock_expectations, group.op, group.dtype, group.device, check.name)
    with fallback("silent"):
        judge(expectation, lambda tolerance: check.run(group, tolerance))


def test_device(
    penstock_device_check: DeviceCheck,
    penstock_device: str,
    penstock_expectations: tuple[Expectation, ...],
) -> None:
    """One check of the device itself."""
    check = penstock_device_check
    expectation = find(penstock_expectations, "device", "*", penstock_device, check.name)
    with fallback("silent"):
        judge(expectation, lambda tolerance: check.run(penstock_device))


def test_exceptions(penstock_expectations: tuple[Expectation, ...]) -> None:
    """Every entry of `conformance.toml` speaks of an op that exists; `op = "device"` of the device's own checks."""
    for entry in penstock_expectations:
        assert entry.op == "device" or op_blocks(entry.op), (
            f"conformance.toml speaks of {entry.op!r}, and no op has that name: remove the entry"
        )
