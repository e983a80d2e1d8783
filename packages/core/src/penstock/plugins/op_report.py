"""`penstock doctor --ops`: every op, how it is differentiated, and who runs it on which device in which dtypes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from penstock.registry import Kernel


@dataclass(frozen=True)
class OpReport:
    """What one op has.

    Args:
        name: The op.
        gradient: "vjp", "composed" (its composition's), or "none".
        native: For each device type the dtype signatures with a kernel in native code, as in `kernel_abi.h`.
        other: Kernels in Python, the reference left out, in the same way.
        reference: Whether it has a meaning in NumPy.
    """

    name: str
    gradient: str
    native: dict[str, str]
    other: dict[str, str]
    reference: bool


def examine_ops(pattern: str = "*") -> list[OpReport]:
    """List the ops of this process, those of installed plugins too, with their kernels.

    Args:
        pattern: A glob such as "acme.*".

    Returns:
        The ops by name.

    Raises:
        ConfigError: PENSTOCK_PLUGINS is not understood.
    """
    from penstock import _native
    from penstock.device import devices
    from penstock.registry import kernels, op_blocks

    types = dict.fromkeys(name.split("/")[-1].split(":")[-2] for name in devices())
    blocks = op_blocks(pattern)
    for kind in types:
        if blocks:
            kernels(next(iter(blocks)), kind)  # its plugins are active from here on
    return [_report(_native, name, block) for name, block in sorted(blocks.items())]


def _report(native_module: Any, name: str, block: Any) -> OpReport:
    from penstock.registry import Kernel

    rows = [Kernel(*row) for row in native_module.kernel_rows(name)]
    rows = [row for row in rows if not row.is_reference]
    if block.vjp_fn is not None:
        gradient = "vjp"
    else:
        gradient = "composed" if block.compose_fn is not None else "none"
    return OpReport(
        name,
        gradient,
        _by_device(row for row in rows if row.isa != "python"),
        _by_device(row for row in rows if row.isa == "python"),
        block.reference_fn is not None,
    )


def _by_device(rows: Iterable[Kernel]) -> dict[str, str]:
    """Join the signatures of each device's rows."""
    found: dict[str, str] = {}
    for row in rows:
        found[row.device] = f"{found.get(row.device, '')} {row.dtypes}".strip()
    return found


def print_ops(reports: list[OpReport], *, file: TextIO | None = None) -> None:
    """Print a line for each op, and how many there are of each kind.

    Args:
        reports: What `examine_ops` returned.
        file: Where to; by default standard output.

    Raises:
        Nothing.
    """
    file = file or sys.stdout
    width = max((len(report.name) for report in reports), default=2)
    print(f"{'op':{width}}  gradient  kernels", file=file)
    for report in reports:
        print(f"{report.name:{width}}  {report.gradient:8}  {_kernels(report)}", file=file)
    print(file=file)
    for line in summary(reports):
        print(line, file=file)


def _kernels(report: OpReport) -> str:
    found = [f"{device}: {dtypes}" for device, dtypes in report.native.items()]
    found += [f"{device} (Python): {dtypes}" for device, dtypes in report.other.items()]
    return "; ".join(found) or ("reference" if report.reference else "the runtime's own")


def summary(reports: list[OpReport]) -> list[str]:
    """Count ops, gradients and kernels.

    Args:
        reports: What `examine_ops` returned.

    Returns:
        Lines of text.

    Raises:
        Nothing.
    """
    by_device: dict[str, int] = {}
    for report in reports:
        for device in report.native:
            by_device[device] = by_device.get(device, 0) + 1
    gradients = sum(report.gradient != "none" for report in reports)
    lines = [f"{len(reports)} ops, {gradients} with a gradient"]
    lines += [f"{number} with native kernels on {device}" for device, number in by_device.items()]
    return lines


def ops_to_json(reports: list[OpReport]) -> str:
    """Write the reports as JSON.

    Args:
        reports: What `examine_ops` returned.

    Returns:
        Indented JSON: a list of ops.

    Raises:
        Nothing.
    """
    return json.dumps([asdict(report) for report in reports], indent=2)
