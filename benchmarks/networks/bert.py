"""An encoder of text as in BERT: embeddings, then layers of attention and two dense layers, norms behind both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from networks.layouts import Arrays, Draw


@dataclass(frozen=True)
class Sizes:
    """How large an encoder is."""

    layers: int
    width: int
    heads: int
    hidden: int
    words: int = 30522
    longest: int = 512


BASE = Sizes(12, 768, 12, 3072)
MINILM = Sizes(6, 384, 12, 1536)


def weights(sizes: Sizes) -> Arrays:
    """Draw all weights."""
    draw = Draw()

    def dense(name: str, inputs: int, outputs: int) -> None:
        draw.normal(name, inputs, outputs, scale=inputs**-0.5)
        draw.normal(f"{name}/bias", outputs, scale=0.1)

    def norm(name: str) -> None:
        draw.uniform(f"{name}/scale", sizes.width, low=0.5, high=1.5)
        draw.normal(f"{name}/offset", sizes.width, scale=0.1)

    draw.normal("words", sizes.words, sizes.width)
    draw.normal("places", sizes.longest, sizes.width, scale=0.1)
    norm("norm")
    for i in range(sizes.layers):
        for part in ("query", "key", "value", "out"):
            dense(f"{i}/{part}", sizes.width, sizes.width)
        norm(f"{i}/norm1")
        dense(f"{i}/wide", sizes.width, sizes.hidden)
        dense(f"{i}/narrow", sizes.hidden, sizes.width)
        norm(f"{i}/norm2")
    return draw.arrays


def forward(sizes: Sizes, ops: Any, w: dict[str, Any], ids: Any) -> Any:
    """Return a vector for each word of [batch, length] word numbers."""

    def dense(x: Any, name: str) -> Any:
        return ops.dense(x, w[name], w[f"{name}/bias"])

    def norm(x: Any, name: str) -> Any:
        return ops.layer_norm(x, w[f"{name}/scale"], w[f"{name}/offset"])

    depth = sizes.width // sizes.heads
    x = norm(ops.embedding(w["words"], ids) + ops.rows(w["places"], ids), "norm")
    for i in range(sizes.layers):
        parts = (dense(x, f"{i}/{part}") for part in ("query", "key", "value"))
        x = norm(x + dense(ops.attention(*parts, sizes.heads, depth), f"{i}/out"), f"{i}/norm1")
        x = norm(x + dense(ops.gelu(dense(x, f"{i}/wide")), f"{i}/narrow"), f"{i}/norm2")
    return x
