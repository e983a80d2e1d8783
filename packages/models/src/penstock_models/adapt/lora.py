"""Small matrices beside large ones: what is learnt is a · b, of low rank, and added to the large one in the end.

Hu et al., 2021, "LoRA: Low-Rank Adaptation of Large Language Models", https://arxiv.org/abs/2106.09685.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.adapt.blocks import DEPTHWISE, Block

KINDS = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


class LowRank:
    """A kernel with what is learnt beside it; layers take its value as they took the kernel's.

    Args:
        layer: A layer with a kernel [..., out]; the kernel stays as it is.
        rank: The rank of what is learnt.
        rng: Draws a; b begins at zero, so that nothing is changed at first.
    """

    def __init__(self, layer: Any, rank: int, rng: np.random.Generator) -> None:
        self.kernel = layer.kernel
        self._layer = layer
        shape = tuple(int(n) for n in self.kernel.shape)
        self.a = layer.add_weight((*shape[:-1], rank), "zeros", name="lora_a")
        self.b = layer.add_weight((rank, shape[-1]), "zeros", name="lora_b")
        width = np.prod(shape[:-1])
        self.a.assign(rng.normal(0.0, 1.0 / np.sqrt(width), (*shape[:-1], rank)).astype("float32"))
        object.__setattr__(layer, "kernel", self)

    @property
    def value(self) -> Any:
        """The kernel with what was learnt: kernel + a · b."""
        return self.kernel.value + ps.cast(ps.matmul(self.a.value, self.b.value), self.kernel.dtype)

    @property
    def shape(self) -> Any:
        """The kernel's shape."""
        return self.kernel.shape

    @property
    def dtype(self) -> Any:
        """The kernel's dtype."""
        return self.kernel.dtype

    def merge(self) -> None:
        """Add to the kernel what was learnt, and make the layer what it was."""
        self.kernel.assign(self.value)
        object.__setattr__(self._layer, "kernel", self.kernel)
        gone = {id(self.a), id(self.b)}
        self._layer._variables[:] = [v for v in self._layer._variables if id(v) not in gone]


def attach(blocks: Sequence[Block], rank: int, seed: int) -> list[list[LowRank]]:
    """Put small matrices beside the kernels of all dense layers and convolutions; filters of single channels stay.

    Args:
        blocks: The blocks of a network.
        rank: The rank; a kernel that has no more rows or columns is left alone.
        seed: Draws them.

    Returns:
        The small matrices of each block.

    Raises:
        ValueError: A layer has no weights yet.
    """
    rng = np.random.default_rng([seed, 4])
    seen: set[int] = set()
    return [
        [
            LowRank(layer, rank, rng)
            for layer in _with_kernels(block, seen)
            if _is_large(layer, rank)
        ]
        for block in blocks
    ]


def _with_kernels(block: Block, seen: set[int]) -> list[Any]:
    """Return the layers that can have small matrices, each in the first block that has it."""
    inner = [layer for outer in block.layers for layer in outer._flatten_layers()]
    found = [layer for layer in inner if isinstance(layer, KINDS) and id(layer) not in seen]
    seen |= {id(layer) for layer in found}
    return [layer for layer in found if not isinstance(layer, DEPTHWISE)]


def _is_large(layer: Any, rank: int) -> bool:
    *rows, columns = (int(n) for n in layer.kernel.shape)
    return min(columns, int(np.prod(rows))) > rank
