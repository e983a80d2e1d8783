"""`penstock doctor --ops`: what it lists is what runs."""

from __future__ import annotations

import io
import json

import penstock as ps
from penstock import cli
from penstock.plugins import op_report
from penstock.registry import kernels


def test_every_op_is_listed_with_its_gradient() -> None:
    reports = {report.name: report for report in op_report.examine_ops()}
    assert set(reports) == set(ps.registry.op_blocks())
    assert reports["exp"].gradient == "vjp"
    assert reports["argmax"].gradient == "none"
    assert reports["exp"].reference


def test_native_kernels_are_those_of_the_registry() -> None:
    (report,) = op_report.examine_ops("add")
    native = [k for k in kernels("add") if k.isa != "python" and not k.is_reference]
    assert bool(native) == ("cpu" in report.native)
    for kernel in native:
        assert kernel.dtypes in report.native["cpu"]


def test_the_table_ends_with_the_counts() -> None:
    text = io.StringIO()
    reports = op_report.examine_ops("a*")
    op_report.print_ops(reports, file=text)
    lines = text.getvalue().splitlines()
    assert lines[0].split() == ["op", "gradient", "kernels"]
    assert any(line.split()[:2] == ["abs", "vjp"] for line in lines)
    assert any(line.startswith(f"{len(reports)} ops, ") for line in lines)


def test_the_command_prints_json(capsys: object) -> None:
    assert cli.main(["doctor", "--ops", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]
    assert {"name", "gradient", "native", "other", "reference"} <= set(printed[0])
    assert "add" in {op["name"] for op in printed}
