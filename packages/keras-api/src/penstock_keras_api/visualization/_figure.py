"""What all pictures share: matplotlib if it is there, one look, and a way to a file."""

from __future__ import annotations

import functools
import io
import os
from typing import Any

from penstock.errors import InvalidTypeError

# Colours that people with colour blindness can tell apart (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00")
FAINT = "#9A9A9A"


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any
) -> tuple[Any, Any]:
    """Make a figure that belongs to no window, so that it works without a display and leaks nothing.

    Args:
        width: In inches.
        height: In inches.
        rows: How many rows of axes.
        columns: How many columns.
        **layout: More for matplotlib's `Figure.subplots`.

    Returns:
        The figure, and its axes [rows, columns].

    Raises:
        TypeError: matplotlib is missing.
    """
    figure = _figure_class()(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **layout)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#E4E4E4", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def finish(figure: Any, path: str | os.PathLike[str] | None) -> Any:
    """Write the figure to a file, if one is named, and return it."""
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


@functools.cache
def _figure_class() -> type[Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidTypeError(
            "[visualization] pictures need matplotlib: pip install matplotlib"
        ) from None

    class Picture(Figure):
        """A figure that notebooks show by themselves."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=96)
            return buffer.getvalue()

    return Picture
