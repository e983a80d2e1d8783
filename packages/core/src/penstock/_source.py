"""The line of the user's code that is running: what errors and graph nodes point at."""

# os.path, not pathlib: this runs for every node of a graph and for every error.
# ruff: noqa: PTH100, PTH119, PTH120

from __future__ import annotations

import os
import sys
from types import FrameType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def caller() -> str:
    """Name the innermost line outside this package, as "train.py:12"; empty when there is none.

    >>> caller() != ""
    True
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_PACKAGE):
            return f"{os.path.basename(filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
