"""Branches and loops: ops whose bodies are other subgraphs of the file."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_formats.tflite.building import Call, converts


@converts("IF", integers="own")
def branch(c: Call) -> Any:
    """Run one of two subgraphs."""
    condition = ps.reshape(c.x(0), ())
    operands = [ps.asarray(x) for x in c.xs()[1:]]
    chosen = ps.cond(
        condition,
        lambda: c.body(c.options["then"], operands),
        lambda: c.body(c.options["otherwise"], operands),
    )
    return list(chosen)


@converts("WHILE", integers="own")
def loop(c: Call) -> Any:
    """Run a subgraph as long as another one says so."""
    begin = [ps.asarray(x) for x in c.xs()]
    end = ps.while_loop(
        lambda *values: ps.reshape(c.body(c.options["condition"], list(values))[0], ()),
        lambda *values: tuple(c.body(c.options["body"], list(values))),
        tuple(begin),
    )
    return list(end)
