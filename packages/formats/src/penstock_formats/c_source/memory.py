"""Which values need memory, from which step to which, and which take over that of a value nobody reads again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock_formats.c_source.arena import Block, place
from penstock_formats.c_source.emitters import IN_PLACE
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value


def plan_memory(
    steps: Sequence[Step], parameters: Iterable[Value], align: int
) -> tuple[int, list[tuple[Value, int]]]:
    """Place all values but constants and the caller's.

    Args:
        steps: In their order.
        parameters: What the caller gives and gets.
        align: What offsets are multiples of.

    Returns:
        The bytes of the arena, and each value in it with its offset.
    """
    last = {value.name: now for now, step in enumerate(steps) for value in step.reads()}
    outside = {value.name for value in parameters}
    blocks: dict[str, Block] = {}
    values: list[Value] = []
    for now, step in enumerate(steps):
        for output in step.outputs:
            if output.name in outside:
                continue
            block = _inherited(step, output, now, blocks, last) or Block(output.nbytes, now, now)
            block.last = max(block.last, last.get(output.name, now))
            blocks[output.name] = block
            values.append(output)
    size = place({id(b): b for b in blocks.values()}.values(), align)
    return size, [(value, blocks[value.name].offset) for value in values]


def _inherited(
    step: Step, output: Value, now: int, blocks: dict[str, Block], last: dict[str, int]
) -> Block | None:
    """Find the memory of an input of the same bytes that this step is the last to read."""
    if step.op not in IN_PLACE:
        return None
    for value in step.reads():
        alike = value.size == output.size and value.item_bytes == output.item_bytes
        if value.name in blocks and alike and last[value.name] == now:
            return blocks[value.name]
    return None
