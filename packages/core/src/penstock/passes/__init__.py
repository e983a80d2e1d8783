"""Passes: functions Graph -> Graph that keep what a graph computes and change how.

They run in the order of `PIPELINE`, then users' own passes, fusion and placement. `register_pass` is the door for more.
"""

from __future__ import annotations

from penstock.passes._pipeline import (
    PIPELINE,
    check_passes,
    optimize,
    register_pass,
    unregister_pass,
)
from penstock.passes._rewrite import rewrite

__all__ = ["PIPELINE", "check_passes", "optimize", "register_pass", "rewrite", "unregister_pass"]
