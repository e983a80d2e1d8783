"""Loops over windows of images [batch, height, width, channels]: what convolutions and pools share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from penstock_formats.c_source.code import Code, index
from penstock_formats.c_source.values import Value


@dataclass
class Side:
    """One side of the image.

    Args:
        size: Of the image.
        window: Cells of the window.
        stride: Steps between windows.
        dilation: Steps between cells.
        before: What is padded in front.
        out: How many windows there are.
    """

    size: int
    window: int
    stride: int
    dilation: int
    before: int
    out: int

    @property
    def leaves(self) -> bool:
        """Whether a window reaches out of the image."""
        last = (self.out - 1) * self.stride + (self.window - 1) * self.dilation - self.before
        return self.before > 0 or last >= self.size


def sides(x: Value, y: Value, window: Sequence[int], attrs: Mapping[str, Any]) -> list[Side]:
    """Describe how windows lie over both sides of an image."""
    strides = _pair(attrs.get("strides") or window)
    dilations = _pair(attrs.get("dilations") or 1)
    explicit = attrs.get("explicit_padding")
    made = []
    for i in range(2):
        size, out, reach = x.shape[1 + i], y.shape[1 + i], (window[i] - 1) * dilations[i] + 1
        before = 0
        if attrs["padding"] == "same":
            before = max((out - 1) * strides[i] + reach - size, 0) // 2
        elif explicit:
            before = int(explicit[2 * i])
        made.append(Side(size, window[i], strides[i], dilations[i], before, out))
    return made


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    items = [int(v) for v in value]
    return (items[0], items[-1])


def pool_window(attrs: Mapping[str, Any]) -> tuple[int, int]:
    """Take height and width of a pool's window."""
    return _pair(attrs["pool_size"])


@dataclass
class Pixel:
    """The counters of one pixel of the result.

    Args:
        n: Of the image.
        row: Of its row.
        column: Of its column.
        rows: The side of rows.
        columns: The side of columns.
    """

    n: str
    row: str
    column: str
    rows: Side
    columns: Side

    def of_result(self, channels: int) -> str:
        """Write where its channels begin."""
        terms = (
            (self.n, self.rows.out * self.columns.out),
            (self.row, self.columns.out),
            (self.column, 1),
        )
        return index((v, s * channels) for v, s in terms)


@contextmanager
def pixels(code: Code, batch: int, rows: Side, columns: Side) -> Iterator[Pixel]:
    """Loop over the pixels of the result."""
    with (
        code.loop("n", batch) as n,
        code.loop("row", rows.out) as row,
        code.loop("column", columns.out) as column,
    ):
        yield Pixel(n, row, column, rows, columns)


@contextmanager
def cells(code: Code, pixel: Pixel, channels: int) -> Iterator[tuple[str, str, str]]:
    """Loop over the cells of a pixel's window that lie in the image.

    Yields:
        The counters of the cell's row and column, and where the channels of what it sees begin.
    """
    with ExitStack() as stack:
        names, places = [], []
        for name, at, counter, side in (
            ("i", "y", pixel.row, pixel.rows),
            ("j", "x", pixel.column, pixel.columns),
        ):
            cell = stack.enter_context(code.loop(name, side.window, always=side.leaves))
            place = index(((counter, side.stride), (cell, side.dilation)))
            if side.before:
                place = f"{place} - {side.before}"
            if side.leaves:
                code.line(f"const int32_t at_{at} = {place};")
                place = f"at_{at}"
                with code.block(f"if ({place} < 0 || {place} >= {side.size})"):
                    code.line("continue;")
            names.append(cell)
            places.append(place)
        seen = index(
            (
                (pixel.n, pixel.rows.size * pixel.columns.size * channels),
                (_grouped(places[0]), pixel.columns.size * channels),
                (_grouped(places[1]), channels),
            )
        )
        yield names[0], names[1], seen


def _grouped(place: str) -> str:
    return f"({place})" if " " in place else place
