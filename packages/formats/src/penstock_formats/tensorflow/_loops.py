"""Loops of early TensorFlow, which lie in the graph as Enter, Merge, Switch, NextIteration and Exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.tensorflow._node import tensor
from penstock_formats.tensorflow._problems import damaged
from penstock_formats.tensorflow._rows import Rows

if TYPE_CHECKING:
    from penstock_formats.tensorflow._scope import Scope

OPS: Final = ("Enter", "Merge", "Switch", "LoopCond", "NextIteration", "Exit")


@dataclass
class Frame:
    """A loop: what enters it, goes round in it, and leaves it.

    Args:
        name: Its name in the file.
        enters: The nodes that bring something in.
        merges: For each value that goes round, the node that joins its first and its next value.
        condition: The node that says whether to go on.
        exits: The nodes through which values leave, and the merge of each.
    """

    name: str
    enters: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    condition: str = ""
    exits: dict[str, str] = field(default_factory=dict)

    def needs(self, nodes: Mapping[str, Any]) -> list[str]:
        """List what must be computed before the loop runs."""
        return [nodes[name].input[0] for name in self.enters]


def find_frames(nodes: Mapping[str, Any]) -> dict[str, Frame]:
    """Find the loops of a graph, by the names of their exits.

    Raises:
        FormatError: They are not put together as TensorFlow does.
    """
    frames: dict[str, Frame] = {}
    for name, node in nodes.items():
        if node.op == "Enter":
            title = node.attr["frame_name"].s.decode("utf-8", "replace")
            frames.setdefault(title, Frame(title)).enters.append(name)
    frame_of = {enter: frame for frame in frames.values() for enter in frame.enters}
    merge_frames: dict[str, Frame] = {}
    for name, node in nodes.items():
        if node.op == "Merge":
            frame = frame_of.get(_source(node, 0))
            if frame is None or len(node.input) != 2:
                raise damaged(f"the Merge {name!r} is of no loop; freeze the model for inference")
            frame.merges.append(name)
            merge_frames[name] = frame
    by_exit: dict[str, Frame] = {}
    for node in nodes.values():
        if node.op == "Switch" and _source(node, 0) in merge_frames:
            merge_frames[_source(node, 0)].condition = _source(node, 1)
    for name, node in nodes.items():
        if node.op == "Exit":
            merge = _source(nodes.get(_source(node, 0)), 0)
            if merge not in merge_frames:
                raise damaged(f"the Exit {name!r} leaves no loop")
            merge_frames[merge].exits[name] = merge
            by_exit[name] = merge_frames[merge]
    return by_exit


def _source(node: Any, index: int) -> str:
    """Name the node that an input comes from."""
    if node is None or len(node.input) <= index:
        raise damaged("a loop's node lacks an input")
    return str(node.input[index]).partition(":")[0]


def _begun(value: Any) -> Any:
    return value.empty() if isinstance(value, Rows) else value


def run(scope: Scope, frame: Frame) -> dict[str, list[Any]]:
    """Make a loop out of a frame whose inputs have been computed.

    Returns:
        The values of its exits.
    """
    nodes = scope.nodes
    condition = nodes.get(frame.condition)
    if condition is None or condition.op != "LoopCond":
        raise damaged(f"the loop {frame.name!r} has no condition")
    entered = {name: scope.output(nodes[name].input[0]) for name in frame.enters}
    first = [_begun(entered[_source(nodes[merge], 0)]) for merge in frame.merges]
    merged = {_source(nodes[merge], 0) for merge in frame.merges}
    fixed = {name: [value] for name, value in entered.items() if name not in merged}
    switches = {
        name: node.input[0].partition(":")[0]
        for name, node in nodes.items()
        if node.op == "Switch" and _source(node, 0) in frame.merges
    }

    def inside(carried: tuple[Tensor, ...]) -> Scope:
        given = dict(fixed)
        values = dict(zip(frame.merges, carried, strict=True))
        given |= {merge: [value, np.int32(0)] for merge, value in values.items()}
        given |= {name: [values[merge]] * 2 for name, merge in switches.items()}
        return type(scope)(list(nodes.values()), scope.file, given, scope.depth + 1)

    def test(*carried: Tensor) -> Any:
        return tensor(inside(carried).evaluate([condition.input[0]])[0])

    def body(*carried: Tensor) -> tuple[Tensor, ...]:
        nexts = [nodes[_source(nodes[merge], 1)] for merge in frame.merges]
        made = inside(carried).evaluate([node.input[0] for node in nexts])
        return tuple(tensor(value) for value in made)

    start = tuple(ps.identity(tensor(value)) for value in first)
    ends = dict(zip(frame.merges, ps.while_loop(test, body, start), strict=True))
    return {name: [ends[merge]] for name, merge in frame.exits.items()}
