"""Write the table of operators in docs/onnx_import.md.

python -m penstock_formats.onnx.support docs/onnx_import.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from penstock_formats.onnx.backend import supported
from penstock_formats.onnx.reading.file import NEWEST, OLDEST, require_onnx
from penstock_formats.onnx.reading.missing import ONLY_EAGER, WHY_NOT

BEGIN, END = "<!-- table begins -->", "<!-- table ends -->"


def main(path: Path) -> None:
    """Replace the table in a page."""
    text = path.read_text("utf-8")
    before, rest = text.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n{table()}{END}{rest.split(END, 1)[1]}", "utf-8")


def table() -> str:
    """Make the table: for every operator of the default domain its opsets, and how it is read."""
    rows = ["| operator | opsets | read | |", "|---|---|---|---|"]
    rows += [_row(name, versions) for name, versions in sorted(_operators().items())]
    return "\n".join([*rows, ""])


def _operators() -> dict[str, list[Any]]:
    """Group the schemas of the opsets that can be read by operator, oldest first."""
    found: dict[str, list[Any]] = {}
    for schema in require_onnx().defs.get_all_schemas_with_history():
        if not schema.domain and schema.since_version <= NEWEST:
            found.setdefault(schema.name, []).append(schema)
    return {name: sorted(s, key=lambda schema: schema.since_version) for name, s in found.items()}


def _row(name: str, schemas: list[Any]) -> str:
    latest = schemas[-1]
    first = max(schemas[0].since_version, OLDEST)
    opsets = (
        f"{first} to {latest.since_version - 1}" if latest.deprecated else f"{first} to {NEWEST}"
    )
    note = ONLY_EAGER.get(name)
    if ("", name) in supported():
        how, why = "yes", "" if note is None else f"`eager=True` {note}".strip()
    elif latest.has_function or latest.has_context_dependent_function:
        how, why = "yes", "by the standard's definition"
        why += "" if note is None else "; `eager=True`"
    else:
        how, why = "no", WHY_NOT[name]
    return f"| {name} | {opsets} | {how} | {why} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
