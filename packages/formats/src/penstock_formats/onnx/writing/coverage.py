"""Which ops can be written, and how: the source of the table in docs/onnx_export.md."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from penstock.registry import op_blocks
from penstock_formats.onnx.writing import ops as _  # noqa: F401 -- fills the tables
from penstock_formats.onnx.writing._refusals import why_not
from penstock_formats.onnx.writing._table import COMPLEX, COMPOSITIONS, ELEMENTWISE, EXPORTERS


@dataclass(frozen=True)
class Row:
    """One op.

    Args:
        op: Its name.
        how: "op" if it has a formula of ONNX's ops, "ops" if it becomes other ops of Penstock first, or "no".
        note: Why it cannot be written.
    """

    op: str
    how: str
    note: str = ""


def coverage() -> list[Row]:
    """List every op that is known here.

    >>> next(row for row in coverage() if row.op == "relu")
    Row(op='relu', how='op', note='')
    """
    rows = []
    for name, block in sorted(op_blocks().items()):
        if name in ELEMENTWISE or name in EXPORTERS or name in COMPLEX or name == "placeholder":
            rows.append(Row(name, "op"))
        elif name in COMPOSITIONS or block.compose_fn is not None or name == "call":
            rows.append(Row(name, "ops"))
        else:
            rows.append(Row(name, "no", why_not(name)))
    return rows


def table() -> str:
    """Return the table of core's ops in Markdown.

    >>> "| ctc_loss | ONNX has nothing like it |" in table()
    True
    """
    rows = [row for row in coverage() if "." not in row.op or row.op.startswith("core.")]
    direct = [row.op for row in rows if row.how == "op"]
    composed = [row.op for row in rows if row.how == "ops"]
    refused = [row for row in rows if row.how == "no"]
    lines = [
        f"**Written as ops of ONNX ({len(direct)}):** {', '.join(direct)}.",
        "",
        f"**Made of other ops first ({len(composed)}):** {', '.join(composed)}.",
        "",
        f"**Not written ({len(refused)}):**",
        "",
        "| op | why |",
        "|---|---|",
        *(f"| {row.op} | {row.note} |" for row in refused),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
