"""What quantisation did to a model: a table by layer, and totals."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError


def shortened(name: str, most: int) -> str:
    """Keep the end of a long name, which tells layers apart.

    Example:
        >>> shortened("MobilenetV1/Conv2d_3/conv2d", 16)
        '…onv2d_3/conv2d'
    """
    return name if len(name) <= most else f"…{name[2 - most :]}"


@dataclass(frozen=True)
class LayerReport:
    """One layer.

    Args:
        name: Its op's name in the float graph.
        op: The op.
        kept_in: "int8", "int4", "bfloat16" or "float32": what its weights became.
        signal_to_noise: Of its result against the float model's, in decibels; None where it stayed float.
        cosine: Of the angle between the two results; None where it stayed float.
        bytes_before: Of its weights.
        bytes_after: Of its weights and their scales.
    """

    name: str
    op: str
    kept_in: str
    signal_to_noise: float | None
    cosine: float | None
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class Report:
    """What quantisation did to a model. It shows itself as a table; in a notebook as HTML.

    Args:
        method: How the model was quantised.
        layers: One row each.
        metric: What `before` and `after` measure.
        before: The float model's metric, or None if it was not measured.
        after: The quantised model's.
        seconds_before: The float model's time for one call, or None if it was not measured.
        seconds_after: The quantised model's.
        notes: What else there is to know.
    """

    method: str
    layers: tuple[LayerReport, ...]
    metric: str = "metric"
    before: float | None = None
    after: float | None = None
    seconds_before: float | None = None
    seconds_after: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def drop(self) -> float | None:
        """How much smaller the metric became."""
        if self.before is None or self.after is None:
            return None
        return self.before - self.after

    @property
    def speedup(self) -> float | None:
        """How many times faster the quantised model is."""
        if self.seconds_before is None or self.seconds_after is None:
            return None
        return self.seconds_before / self.seconds_after

    @property
    def bytes_before(self) -> int:
        """Bytes of the layers' weights in the float model."""
        return sum(layer.bytes_before for layer in self.layers)

    @property
    def bytes_after(self) -> int:
        """Bytes of the layers' weights in the quantised model."""
        return sum(layer.bytes_after for layer in self.layers)

    def summary(self) -> Iterator[str]:
        """Yield the totals, a line each."""
        yield f"method: {self.method}"
        yield f"weights: {self.bytes_before:,} -> {self.bytes_after:,} bytes"
        if self.before is not None and self.after is not None:
            yield f"{self.metric}: {self.before:.4f} -> {self.after:.4f}"
        if self.seconds_before is not None and self.seconds_after is not None:
            yield (
                f"time for one call: {self.seconds_before * 1e3:.3f} -> {self.seconds_after * 1e3:.3f} ms, "
                f"{self.speedup:.2f} times as fast"
            )
        yield from self.notes

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the table's cells as text, the heading first."""
        yield "layer", "op", "kept in", "SNR (dB)", "cosine", "bytes"
        for row in self.layers:
            yield (
                row.name,
                row.op,
                row.kept_in,
                "" if row.signal_to_noise is None else f"{row.signal_to_noise:.1f}",
                "" if row.cosine is None else f"{row.cosine:.5f}",
                f"{row.bytes_before:,} -> {row.bytes_after:,}",
            )

    def __str__(self) -> str:
        rows = list(self.rows())
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*(line.rstrip() for line in lines), *self.summary()])

    def _repr_html_(self) -> str:
        head, *body = (
            "".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in self.rows()
        )
        table = "".join(f"<tr>{row}</tr>" for row in body)
        lines = "<br>".join(html.escape(line) for line in self.summary())
        head = head.replace("td>", "th>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{table}</tbody></table><p>{lines}</p>"

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw how well each layer's result survived.

        Args:
            path: Where to save the picture, such as "report.png"; None saves nothing.

        Returns:
            matplotlib's figure.

        Raises:
            ConfigError: matplotlib is missing.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ConfigError(
                '[quantize] a plot needs matplotlib: pip install "penstock-quantization[plot]"'
            ) from error
        shown = [row for row in self.layers if row.signal_to_noise is not None]
        figure = Figure(figsize=(7, 1.6 + 0.22 * len(shown)), layout="constrained")
        axes = figure.subplots()
        values = [min(row.signal_to_noise or 0.0, 80.0) for row in shown]
        names = [shortened(row.name, 40) for row in shown]
        places = range(len(shown))
        axes.barh(places, values, color="#3b6ea5")
        axes.set_yticks(places, names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel("signal to noise (dB)")
        axes.set_title("\n".join(self.summary()), fontsize=9, loc="left")
        axes.tick_params(axis="y", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


@dataclass(frozen=True)
class Result:
    """A quantised model and what is known of it.

    Args:
        model: The quantised `GraphModel`.
        report: What was measured.
    """

    model: Any
    report: Report
