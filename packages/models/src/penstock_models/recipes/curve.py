"""A curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 420, 190, 60, 24, 30
COLOURS = ("#1f6feb", "#d9480f", "#2b8a3e", "#862e9c")
X = "seconds"


def draw(points: Sequence[dict[str, float]]) -> str:
    """Return an SVG with a panel for each quantity over time; "val_loss" is drawn into the panel of "loss".

    Args:
        points: Numbers by name; each has "seconds".

    Returns:
        The text of the SVG.

    Raises:
        KeyError: A point has no time.

    >>> picture = draw([{"seconds": 0.0, "loss": 2.0}, {"seconds": 5.0, "loss": 1.0}])
    >>> picture.count("<polyline")
    1
    """
    panels: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for point in points for name in point):
        if name not in (X, "epoch", "learning_rate"):
            panels.setdefault(name.removeprefix("val_"), []).append(name)
    parts = [_panel(i, names, points) for i, names in enumerate(panels.values())]
    height = max(1, len(parts)) * HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""])


def _panel(index: int, names: Sequence[str], points: Sequence[dict[str, float]]) -> str:
    lines = {n: [(p[X], p[n]) for p in points if n in p and p[n] == p[n]] for n in names}
    ys = [y for line in lines.values() for _, y in line] or [0.0]
    low, high, last = min(ys), max(ys), max([p[X] for p in points], default=0.0) or 1.0
    span = high - low or 1.0
    right, floor = WIDTH - 16, HEIGHT - BOTTOM

    def place(x: float, y: float) -> str:
        across = LEFT + (right - LEFT) * x / last
        return f"{across:.1f},{floor - (floor - TOP) * (y - low) / span:.1f}"

    parts = [f'<g transform="translate(0 {index * HEIGHT})">']
    parts.append(f'<path d="M{LEFT} {TOP}V{floor}H{right}" fill="none" stroke="#888"/>')
    for value, at in ((high, TOP + 4), (low, floor)):
        parts.append(f'<text x="{LEFT - 6}" y="{at}" text-anchor="end">{value:.4g}</text>')
    parts.append(f'<text x="{right}" y="{floor + 15}" text-anchor="end">{last:.0f} seconds</text>')
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 8 + 110 * i}" y="14" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</g>"])
