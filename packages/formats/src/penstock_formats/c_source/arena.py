"""Where values lie in the arena: values that are never needed at the same time share bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Block:
    """The memory of one value, or of several that follow each other in place.

    Args:
        nbytes: How large it is.
        first: The step that writes it.
        last: The last step that reads it.
        offset: Where it begins; `place` sets it.
    """

    nbytes: int
    first: int
    last: int
    offset: int = 0


def place(blocks: Iterable[Block], align: int) -> int:
    """Give every block an offset: the largest first, each at the lowest place that is free while it lives.

    Args:
        blocks: What to place.
        align: What offsets are multiples of.

    Returns:
        The bytes of the arena.
    """
    placed: list[Block] = []
    for block in sorted(blocks, key=lambda b: (-b.nbytes, b.first)):
        block.offset = _lowest(block, placed, align)
        placed.append(block)
    return max((_up(b.offset + b.nbytes, align) for b in placed), default=0)


def _lowest(block: Block, placed: list[Block], align: int) -> int:
    offset = 0
    meets = [b for b in placed if b.first <= block.last and block.first <= b.last]
    for other in sorted(meets, key=lambda b: b.offset):
        if offset + block.nbytes <= other.offset:
            break
        offset = max(offset, _up(other.offset + other.nbytes, align))
    return offset


def _up(n: int, align: int) -> int:
    return -(-n // align) * align
