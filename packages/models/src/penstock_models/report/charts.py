"""Plots as SVG: lines, points with intervals, bars of reliability. Colours are the page's, so they follow its mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from penstock_models.evaluation import Calibration, Interval
from penstock_models.report.html import Html, tag


@dataclass(frozen=True)
class Frame:
    """A plot's place and scales.

    Args:
        width: Of the whole drawing.
        height: Of the whole drawing.
        x: The range of the horizontal axis.
        y: The range of the vertical axis.
        left: The room for labels on the left.
        bottom: The room for labels below.
    """

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 46
    bottom: float = 40
    top: float = 12
    right: float = 14

    def across(self, value: float) -> float:
        """Return where a value of the horizontal axis is drawn."""
        part = (value - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        return round(self.left + part * (self.width - self.left - self.right), 2)

    def up(self, value: float) -> float:
        """Return where a value of the vertical axis is drawn."""
        part = (value - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return round(self.height - self.bottom - part * (self.height - self.bottom - self.top), 2)

    def path(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Return a line through points."""
        points = zip(xs, ys, strict=True)
        return "M" + "L".join(f"{self.across(x)} {self.up(y)}" for x, y in points)


def svg(frame: Frame, description: str, *children: Any) -> Html:
    """Return a drawing with a description for those who cannot see it."""
    return tag(
        "svg",
        tag("title", description),
        *children,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        class_="plot",
        style=f"max-width:{frame.width * 1.15:.0f}px",
    )


def axes(
    frame: Frame, xs: Sequence[float], ys: Sequence[float], x_name: str, y_name: str, share: bool
) -> list[Html]:
    """Return grid lines, their numbers and the axes' names; `share` writes the vertical numbers in percent."""
    left, right = frame.left, frame.width - frame.right
    floor_line = frame.height - frame.bottom
    made = []
    for y in ys:
        at = frame.up(y)
        made.append(tag("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
        made.append(_text(f"{100 * y:.0f}" if share else _number(y), left - 7, at + 4, "end"))
    made += [_text(_number(x), frame.across(x), floor_line + 17, "middle") for x in xs]
    made.append(tag("line", x1=left, x2=right, y1=floor_line, y2=floor_line, class_="axis"))
    made.append(_text(x_name, (left + right) / 2, frame.height - 5, "middle", "name"))
    middle = (frame.top + floor_line) / 2
    made.append(
        tag(
            "text",
            y_name,
            x=12,
            y=middle,
            text_anchor="middle",
            class_="name",
            transform=f"rotate(-90 12 {middle:g})",
        )
    )
    return made


def lines(
    series: Mapping[str, Sequence[float]], y_name: str, share: bool, marked: int | None = None
) -> Html:
    """Plot numbers by epoch.

    Args:
        series: Numbers by name; at most three.
        y_name: What they are.
        share: Whether they are shares, shown in percent.
        marked: An epoch, from 0, that gets a vertical line.

    Returns:
        The drawing.
    """
    longest = max(len(values) for values in series.values())
    finite = [v for values in series.values() for v in values if abs(v) < float("inf")]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    ticks = nice_ticks(low, 1.0 if share and high > 0.9 else high)
    frame = Frame(430, 250, (1, max(longest, 2)), (ticks[0], ticks[-1]))
    steps = sorted({round(t) for t in nice_ticks(1, longest) if 1 <= t <= longest} | {1, longest})
    steps = [s for s in steps if s in (1, longest) or 0.08 < (s - 1) / max(longest - 1, 1) < 0.92]
    parts: list[Any] = axes(frame, steps, ticks, "epoch", y_name, share)
    if marked is not None:
        at = frame.across(marked + 1)
        parts.append(
            tag("line", x1=at, x2=at, y1=frame.top, y2=frame.up(frame.y[0]), class_="mark")
        )
    for number, values in enumerate(series.values()):
        kept = [(i, v) for i, v in enumerate(values, 1) if abs(v) < float("inf")]
        if kept:
            xs, ys = zip(*kept, strict=True)
            parts.append(tag("path", d=frame.path(xs, ys), class_=f"line s{number}"))
            parts += [
                tag("circle", cx=frame.across(x), cy=frame.up(y), r=2.6, class_=f"dot s{number}")
                for x, y in (kept if longest <= 40 else kept[-1:])
            ]
    return svg(frame, f"{y_name} by epoch: {', '.join(series)}", parts)


def curve(xs: Sequence[float], ys: Sequence[float], x_name: str, y_name: str) -> Html:
    """Plot one share against another, both in percent."""
    ticks = nice_ticks(min(ys), 1.0)
    frame = Frame(430, 250, (0.0, 1.0), (ticks[0], max(ticks[-1], 1.0)))
    parts: list[Any] = axes(frame, [], ticks, x_name, y_name, True)
    parts += [
        _text(f"{100 * x:.0f}", frame.across(x), frame.up(frame.y[0]) + 17, "middle")
        for x in (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    parts.append(tag("path", d=frame.path(xs, ys), class_="line s0"))
    return svg(frame, f"{y_name} by {x_name}", parts)


def comparison(rows: Mapping[str, Interval]) -> Html:
    """Plot shares with their intervals below each other, the first one stressed."""
    frame = Frame(640, 36 * len(rows) + 34, (0.0, 1.0), (0.0, 1.0), left=204, bottom=26, top=4)
    floor_line = frame.height - frame.bottom
    parts: list[Any] = []
    for x in (0, 0.25, 0.5, 0.75, 1):
        at = frame.across(x)
        parts.append(tag("line", x1=at, x2=at, y1=frame.top, y2=floor_line, class_="grid"))
        parts.append(_text(f"{100 * x:.0f} %", at, floor_line + 17, "middle"))
    for number, (name, row) in enumerate(rows.items()):
        y = frame.top + 18 + 36 * number
        kind = "s0" if number == 0 else "quiet"
        low, high = frame.across(row.low), frame.across(row.high)
        parts.append(_text(shortened(name, 30), frame.left - 12, y + 4.5, "end", "row"))
        if row.high > row.low:
            parts.append(tag("rect", x=low, y=y - 5, width=round(high - low, 2), height=10, rx=5, class_=f"whisker {kind}"))  # fmt: skip
        parts.append(tag("circle", cx=frame.across(row.value), cy=y, r=6, class_=f"dot {kind}"))
    words = ", ".join(f"{name} {100 * row.value:.1f} percent" for name, row in rows.items())
    return svg(frame, f"Accuracy: {words}", parts)


def reliability(found: Calibration) -> Html:
    """Plot how often answers of each confidence are right, and how many there are."""
    frame = Frame(330, 300, (0.0, 1.0), (0.0, 1.0), bottom=84)
    ticks = (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    parts: list[Any] = axes(frame, [], ticks, "how sure (%)", "how often right (%)", True)
    base = frame.up(0)
    most = max(b.count for b in found.bins)
    parts += [_text(f"{100 * x:.0f}", frame.across(x), frame.height - 22, "middle") for x in ticks]
    for b in found.bins:
        x, width = frame.across(b.low) + 1, frame.across(b.high) - frame.across(b.low) - 2
        top = frame.up(b.accuracy)
        words = (
            f"{b.count} answers, {100 * b.confidence:.0f} % sure, {100 * b.accuracy:.0f} % right"
        )
        hint = tag("title", words)
        parts.append(tag("rect", hint, x=x, y=top, width=width, height=round(base - top, 2), class_="bar"))  # fmt: skip
        tall = round(26 * b.count / most, 2)
        parts.append(tag("rect", hint, x=x, y=base + 36 - tall, width=width, height=tall, class_="count"))  # fmt: skip
    parts.append(tag("path", d=frame.path((0, 1), (0, 1)), class_="ideal"))
    # Dots stand where the confidence of a range really lies: above the diagonal too careful, below it too sure.
    parts += [
        tag(
            "circle", cx=frame.across(b.confidence), cy=frame.up(b.accuracy), r=3.6, class_="dot s0"
        )
        for b in found.bins
    ]
    return svg(frame, f"Reliability: calibration error {found.error:.3f}", parts)


def heat_map(table: Any, labels: Sequence[str]) -> Html:
    """Plot a large confusion matrix without its numbers, each row by its own sum."""
    count = len(labels)
    cell = max(2.0, min(14.0, 620 / count))
    frame = Frame(cell * count + 30, cell * count + 30, (0, 1), (0, 1))
    parts: list[Any] = [
        _text("answer", 24 + cell * count / 2, 14, "middle", "name"),
        tag("rect", x=24, y=20, width=cell * count, height=cell * count, class_="empty"),
    ]
    for i, row in enumerate(table):
        total = max(int(row.sum()), 1)
        for j, number in enumerate(row):
            if number:
                hint = tag("title", f"{labels[i]}, answered {labels[j]}: {int(number)}")
                parts.append(
                    tag("rect", hint, x=round(24 + j * cell, 2), y=round(20 + i * cell, 2), width=cell, height=cell,
                        class_="hit" if i == j else "miss", fill_opacity=round(0.15 + 0.85 * float(number) / total, 3))
                )  # fmt: skip
    return svg(frame, "Confusion matrix", parts)


def waveform(samples: Sequence[float]) -> Html:
    """Plot sound: the lowest and the highest sample of each of 160 pieces."""
    frame = Frame(240, 60, (0, 1), (-1, 1), left=0, bottom=0, top=0, right=0)
    pieces = min(160, len(samples)) or 1
    edges = [len(samples) * i // pieces for i in range(pieces + 1)]
    top = max((abs(float(s)) for s in samples), default=0.0) or 1.0
    strokes = []
    for i in range(pieces):
        own = samples[edges[i] : edges[i + 1]]
        if len(own):
            x = round(240 * (i + 0.5) / pieces, 1)
            strokes.append(
                f"M{x} {30 - 28 * float(max(own)) / top:.1f}V{30.4 - 28 * float(min(own)) / top:.1f}"
            )
    return svg(frame, "Waveform", tag("path", d="".join(strokes) or "M0 30H240", class_="wave"))


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about so many round numbers that hold a range.

    >>> nice_ticks(0.13, 0.94)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high - low < 1e-9:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    rough = (high - low) / count
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters.

    >>> shortened("chrysanthemum", 6)
    'chrys\u2026'
    """
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _text(words: str, x: float, y: float, anchor: str, kind: str | None = None) -> Html:
    return tag(
        "text", words, x=round(float(x), 2), y=round(float(y), 2), text_anchor=anchor, class_=kind
    )


def _number(value: float) -> str:
    return f"{value:.4g}"
