"""Which function computes which op. Each family of ops fills the table in its own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Build = Callable[..., Any]

OPS: Final[dict[str, Build]] = {}
"""By the op's name: called with the node and its inputs, it returns the node's output, or a list of them."""

OUTPUTS: Final[dict[str, tuple[str, ...]]] = {
    "FusedBatchNorm": ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"),
    "FusedBatchNormV2": ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"),
    "FusedBatchNormV3": (
        "y",
        "batch_mean",
        "batch_variance",
        "reserve_space_1",
        "reserve_space_2",
        "reserve_space_3",
    ),
    "TensorArrayV3": ("handle", "flow"),
    "TopKV2": ("values", "indices"),
    "DecodeWav": ("audio", "sample_rate"),
}
"""Inside functions outputs have names; these are of the ops that have several, one tensor each."""


def tf_op(*names: str) -> Callable[[Build], Build]:
    """Put a function into the table."""

    def add(build: Build) -> Build:
        for name in names:
            OPS[name] = build
        return build

    return add
