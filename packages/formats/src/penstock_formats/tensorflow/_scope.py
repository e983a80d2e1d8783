"""Computes the nodes of a graph or function, each after what it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import penstock as ps
from penstock_formats.tensorflow import _loops
from penstock_formats.tensorflow._node import Array, Node
from penstock_formats.tensorflow._problems import damaged, explained, problem
from penstock_formats.tensorflow._registry import OPS, OUTPUTS

if TYPE_CHECKING:
    from penstock import Variable

_MOST_NODES: Final = 200_000
_MOST_REPEATED: Final = 1 << 28
_DEEPEST: Final = 60
_WITH_FUNCTIONS: Final = ("f", "body", "cond", "then_branch", "else_branch")


@dataclass
class File:
    """What all graphs and functions of a file share.

    Args:
        functions: By name.
        variable: Finds the value of a variable by its name, and what it is to be trained for.
        options: What the caller of `read` asked for.
    """

    functions: Mapping[str, Any]
    variable: Callable[[str], Array]
    options: Mapping[str, Any] = field(default_factory=dict)
    made: dict[str, Variable] = field(default_factory=dict)
    computed: int = 0
    repeated: int = 0

    def spread(self, count: int) -> None:
        """Count the numbers of constants that are one number many times, as the file tells them.

        Raises:
            FormatError: They are too many to be true.
        """
        self.repeated += count
        if self.repeated > _MOST_REPEATED:
            raise damaged(f"constants repeat single values {self.repeated:,} times")

    def make(self, name: str, array: Array, *, trainable: bool = True) -> Variable:
        """Make a variable, once."""
        if name not in self.made:
            self.made[name] = ps.Variable(ps.asarray(array), name, trainable=trainable)
        return self.made[name]


class Scope:
    """The nodes of a graph or a function, and what has been computed of them.

    Args:
        nodes: Messages.
        file: What is around them.
        given: Outputs that are known already: a function's arguments, the inputs of a model.
        depth: How many functions are around it.
    """

    def __init__(
        self,
        nodes: Sequence[Any],
        file: File,
        given: Mapping[str, list[Any]] | None = None,
        depth: int = 0,
    ) -> None:
        if depth > _DEEPEST:
            raise damaged(f"functions call each other more than {_DEEPEST} deep")
        self.nodes = {node.name: node for node in nodes}
        if len(self.nodes) != len(nodes):
            raise damaged("two nodes have the same name")
        self.file = file
        self.depth = depth
        self.values: dict[str, list[Any]] = dict(given or {})
        self._frames: dict[str, _loops.Frame] | None = None

    @property
    def frames(self) -> dict[str, _loops.Frame]:
        """The loops of the graph, by the names of their exits."""
        if self._frames is None:
            self._frames = _loops.find_frames(self.nodes)
        return self._frames

    def evaluate(self, refs: Sequence[str]) -> list[Any]:
        """Compute outputs of nodes.

        Args:
            refs: "name", "name:1", or inside functions "name:output:0".

        Returns:
            Tensors, or arrays where the numbers are known.
        """
        stack = [(split_ref(ref)[0], False) for ref in reversed(refs)]
        open_: set[str] = set()
        while stack:
            name, ready = stack.pop()
            if name in self.values:
                continue
            if name not in self.nodes:
                raise damaged(f"a node takes {name!r}, which there is not")
            message = self.nodes[name]
            if ready:
                self._compute(message)
                continue
            if name in open_:
                raise damaged(f"the node {name!r} takes what it makes")
            open_.add(name)
            stack.append((name, True))
            stack += [(split_ref(ref)[0], False) for ref in self._needs(message)]
        return [self.output(ref) for ref in refs]

    def output(self, ref: str) -> Any:
        """Return an output that has been computed."""
        name, output, index = split_ref(ref)
        made = self.values[name]
        names = OUTPUTS.get(self.nodes[name].op) if name in self.nodes else None
        if output and names and output in names:
            index += names.index(output)
        if not 0 <= index < len(made):
            raise damaged(f"{name!r} has no output {ref!r}")
        return made[index]

    def call(self, name: str, inputs: Sequence[Any]) -> list[Any]:
        """Compute a function of the file."""
        function = self.file.functions.get(name)
        if function is None:
            raise damaged(f"the function {name!r} is called, which there is not")
        formal = [arg.name for arg in function.signature.input_arg]
        if len(formal) != len(inputs):
            raise damaged(f"{name!r} takes {len(formal)} inputs and gets {len(inputs)}")
        given = {arg: [x] for arg, x in zip(formal, inputs, strict=True)}
        scope = Scope(function.node_def, self.file, given, self.depth + 1)
        refs = [function.ret.get(arg.name, "") for arg in function.signature.output_arg]
        return scope.evaluate(refs)

    def _needs(self, message: Any) -> list[str]:
        if message.op == "Exit":
            frame = self.frames.get(message.name)
            return [] if frame is None else frame.needs(self.nodes)
        return data_inputs(message)

    def _compute(self, message: Any) -> None:
        self.file.computed += 1
        if self.file.computed > _MOST_NODES:
            raise damaged(f"more than {_MOST_NODES:,} nodes are computed")
        node = Node(message, self)
        with explained(str(node)), ps.name_scope(_scope_name(message.name)):
            if message.op == "Exit":
                self.values |= _loops.run(self, self.frames[message.name])
                return
            build = OPS.get(message.op)
            if build is None:
                raise unknown_ops({message.op: 1})
            made = build(node, *[self.output(ref) for ref in data_inputs(message)])
        self.values[message.name] = list(made) if isinstance(made, list | tuple) else [made]


def split_ref(ref: str) -> tuple[str, str, int]:
    """Take apart what names an output: the node, the output's name or "", the number."""
    name, _, rest = ref.partition(":")
    output, _, index = rest.rpartition(":")
    if not index:
        return name, "", 0
    if not index.isdigit() or len(index) > 6:
        return name, index, 0
    return name, output, int(index)


def data_inputs(message: Any) -> list[str]:
    """List a node's inputs without those that only order it."""
    return [ref for ref in message.input if not ref.startswith("^")]


def need_known_ops(nodes: Sequence[Any], refs: Sequence[str], functions: Mapping[str, Any]) -> None:
    """Refuse a graph with ops that cannot be imported, and list all of them.

    Raises:
        FormatError: There are some among what the outputs need.
    """
    missing: Counter[str] = Counter()
    seen: set[str] = set()
    graphs = [(list(nodes), list(refs))]
    while graphs:
        found, wanted = graphs.pop()
        for message in _reached({node.name: node for node in found}, wanted):
            if message.op not in OPS and message.op not in _loops.OPS:
                missing[message.op] += 1
            for key in _WITH_FUNCTIONS:
                name = message.attr[key].func.name if key in message.attr else ""
                if name in functions and name not in seen:
                    seen.add(name)
                    body = functions[name]
                    graphs.append((list(body.node_def), list(body.ret.values())))
    if missing:
        raise unknown_ops(missing)


def unknown_ops(missing: Mapping[str, int]) -> Exception:
    """Make an error that lists ops, and how often each occurs."""
    rows = ", ".join(f"{name} ({count})" for name, count in sorted(missing.items()))
    return problem(
        f"the graph has ops that cannot be imported: {rows}",
        "choose other outputs, read(path, outputs=[...]), that do not need them, or export the model as ONNX",
    )


def _reached(nodes: Mapping[str, Any], refs: Sequence[str]) -> Iterator[Any]:
    waiting = [split_ref(ref)[0] for ref in refs]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            yield nodes[name]
            waiting += [split_ref(ref)[0] for ref in data_inputs(nodes[name])]


def _scope_name(name: str) -> str:
    return (
        "".join(c if c.isalnum() or c in "_.-/" else "_" for c in name)[:200].strip("/") or "node"
    )


def one(array: Array | np.generic | int) -> int:
    """Return the only number of an array."""
    return int(np.asarray(array).reshape(()))
