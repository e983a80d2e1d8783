"""Reads a .tflite file into a model: parses it, and builds each subgraph's ops one after the other."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.tflite.building import CONVERTERS, Call, Converter, is_quantized
from penstock_formats.tflite.metadata import describe
from penstock_formats.tflite.model import Operator, Signature, Subgraph, TensorInfo, parse

for _family in (
    "control",
    "detection",
    "elementwise",
    "layers",
    "lstm",
    "reductions",
    "resizing",
    "shapes",
    "tables",
):
    import_module(f"penstock_formats.tflite.{_family}")

# What says shapes: computed while the file is read, if all its inputs are small and known.
_SHAPE_ARITHMETIC = frozenset(
    [
        "ADD",
        "CAST",
        "CONCATENATION",
        "DIV",
        "EXPAND_DIMS",
        "FLOOR_DIV",
        "FLOOR_MOD",
        "GATHER",
        "MAXIMUM",
        "MINIMUM",
        "MUL",
        "PACK",
        "REDUCE_PROD",
        "RESHAPE",
        "SLICE",
        "SPLIT",
        "SQUEEZE",
        "STRIDED_SLICE",
        "SUB",
        "UNPACK",
    ]
)
_SMALL = 1000
_DEEPEST, _MOST_BODIES = 8, 1000
# What knows int16 itself.
_WIDE = ("CAST", "DEQUANTIZE", "QUANTIZE", "RANK", "SHAPE", "UNIDIRECTIONAL_SEQUENCE_LSTM")
_OWN = (
    PenstockError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    ZeroDivisionError,
)


def read(path: str | Path, *, batch: int | str | None = None, states: bool = False) -> GraphModel:
    """Read a TensorFlow Lite model.

    Float weights become variables, under their names in the file and with the axes that Penstock's ops want. Quantised
    weights stay constants, and quantised ops compute in integers, with the bits of TensorFlow Lite's reference kernels.
    Inputs and outputs keep their dtype: their scales are in `model.metadata`.

    Args:
        path: The .tflite file.
        batch: A size, or a name for one that may vary, in place of a first axis of size 1 of every input.
        states: Whether recurrent layers take their state as further inputs and return what it becomes; otherwise each
            call begins with an empty one.

    Returns:
        A model with a function for each signature of the file, or one named "main".

    Raises:
        FormatError: The file is damaged, or uses what Penstock does not know.
        OSError: The file cannot be read.
    """
    data = Path(path).read_bytes()
    model = parse(data)
    signatures = model.signatures or [Signature("main", 0, {}, {})]
    variables: dict[str, ps.Variable] = {}
    functions: dict[str, GraphFunction] = {}
    used: dict[int, Builder] = {}
    for signature in signatures:
        number = signature.subgraph
        if number not in used:
            shared = Shared(model.subgraphs, variables, batch)
            used[number] = Builder(model.subgraphs[number], shared, states=states)
            used[number].run()
        functions[signature.key or "main"] = used[number].function(signature)
    metadata = describe(model, data, list(functions))
    if names := set().union(*(builder.shared.in_float for builder in used.values())):
        metadata["in_float"] = sorted(names)
    return GraphModel(functions, variables, metadata)


@dataclass
class Shared:
    """What the builders of all subgraphs share.

    Args:
        subgraphs: Those of the file.
        variables: Where variables are collected.
        batch: What to put in place of a first axis of size 1.
    """

    subgraphs: list[Subgraph]
    variables: dict[str, ps.Variable]
    batch: int | str | None = None
    made: dict[Any, ps.Variable] = field(default_factory=dict)
    in_float: set[str] = field(default_factory=set)  # ops on integers that have no kernel for them
    bodies: int = 0


class Builder:
    """Builds the graph of one subgraph.

    Args:
        subgraph: What the file says.
        shared: What it shares with others.
        states: Whether states become inputs and outputs.
        depth: In how many other subgraphs it lies; inside others it builds in the graph that is being built.
    """

    def __init__(
        self, subgraph: Subgraph, shared: Shared, *, states: bool = False, depth: int = 0
    ) -> None:
        self.subgraph, self.shared, self.depth = subgraph, shared, depth
        self.batch = shared.batch
        kept = [i for i, t in enumerate(subgraph.tensors) if t.is_state] if states else []
        self.states = [i for i in kept if i not in subgraph.inputs]
        self.graph = ps.Graph(subgraph.name or "main")
        self.values: dict[int, Any] = {
            i: t.value for i, t in enumerate(subgraph.tensors) if t.value is not None
        }
        self.origins: dict[
            int, int
        ] = {}  # of constants that were float16: the tensor they come from

    def run(self) -> None:
        """Build inputs, ops and outputs."""
        with self.graph.as_default():
            inputs = [self._input(i) for i in (*self.subgraph.inputs, *self.states)]
        for number, operator in enumerate(self.subgraph.operators):
            self._build(number, operator)
        with self.graph.as_default():
            self.graph.inputs = inputs
            self.graph.outputs = [self._output(i) for i in (*self.subgraph.outputs, *self.states)]

    def function(self, signature: Signature) -> GraphFunction:
        """Make the function, with the signature's names or else those of the tensors."""
        tensors = self.subgraph.tensors
        names = [
            _unique(
                [given.get(i) or tensors[i].name or f"{kind}_{i}" for i in (*numbers, *self.states)]
            )
            for kind, given, numbers in (
                ("input", signature.inputs, self.subgraph.inputs),
                ("output", signature.outputs, self.subgraph.outputs),
            )
        ]
        return GraphFunction(self.graph, signature.key or "main", *names)

    # ---- inputs and outputs

    def _input(self, number: int) -> Any:
        info = self.subgraph.tensors[number]
        if number in self.values:
            raise FormatError(
                f"[tflite] input {info.name!r} is a constant, or given twice; expected a tensor of its own; get the file again"
            )
        shape: list[int | str] = [
            size if size >= 0 else ("batch" if axis == 0 else f"d{number}_{axis}")
            for axis, size in enumerate(info.shape)
        ]
        if self.batch is not None and shape and shape[0] == 1:
            shape[0] = self.batch
        self.values[number] = ps.placeholder(info.dtype, tuple(shape), name=_scope(info.name))
        return self.values[number]

    def _output(self, number: int) -> Any:
        value = self._value(number, "an output")
        symbolic = isinstance(value, ps.Tensor) and value.is_symbolic
        return value if symbolic else ps.identity(ps.asarray(value))

    def _value(self, number: int, user: str) -> Any:
        if number not in self.values:
            raise FormatError(
                f"[tflite] tensor {self.subgraph.tensors[number]} is used by {user} before any op computes it; expected ops "
                "in the order in which they run; the file is damaged: get it again"
            )
        return self.values[number]

    # ---- ops

    def _build(self, number: int, operator: Operator) -> None:
        if self._widened(operator):
            return
        where = f"op {number} ({operator.name})"
        entry = CONVERTERS.get(operator.name)
        if entry is None:
            raise FormatError(
                f"[tflite] {where}, version {operator.version}, is not supported; expected one of "
                f"{', '.join(sorted(CONVERTERS))}; convert the model without it"
            )
        call = self._call(operator, where)
        run = entry.run
        if _needs_floats(call, entry.integers):
            self.shared.in_float.add(operator.name)
            run = _through_floats(entry.run)
        elif entry.integers == "same":
            _need_one_scale(call)
        try:
            made = self._run(operator, run, call)
        except FormatError:
            raise
        except _OWN as error:
            raise FormatError(
                f"[tflite] {where} does not fit its inputs: {error}; expected what its schema allows; the file is damaged: "
                "get it again"
            ) from error
        self._keep(operator, made if isinstance(made, list) else [made], where)
        for position, state in call.states.items():
            self.values[operator.inputs[position]] = state

    def _run(self, operator: Operator, run: Any, call: Call) -> Any:
        if operator.name in _SHAPE_ARITHMETIC and all(map(_small, call.values)):
            made = run(call)
            parts = made if isinstance(made, list) else [made]
            return [_known(part) for part in parts]
        inside = nullcontext() if self.depth else self.graph.as_default()
        with inside, ps.name_scope(_scope(call.output().name)):
            return run(call)

    def _call(self, operator: Operator, where: str) -> Call:
        tensors = self.subgraph.tensors
        empty = {i for i in operator.inputs if i >= 0 and tensors[i].is_state} - self.values.keys()
        values = [
            None
            if i < 0
            else (np.zeros(0, tensors[i].dtype) if i in empty else self._value(i, where))
            for i in operator.inputs
        ]

        def variable(position: int, value: Any) -> ps.Variable:
            return self._variable(operator.inputs[position], value)

        return Call(
            operator,
            [None if i < 0 else tensors[i] for i in operator.inputs],
            [tensors[i] for i in operator.outputs],
            values,
            [tensors[i] for i in operator.intermediates],
            variable,
            self.batch is not None,
            self._body,
        )

    def _body(self, number: int, values: list[Any]) -> list[Any]:
        """Build another subgraph in the graph that is being built."""
        self.shared.bodies += 1
        if (
            not 0 <= number < len(self.shared.subgraphs)
            or self.depth >= _DEEPEST
            or self.shared.bodies > _MOST_BODIES
        ):
            raise FormatError(
                f"[tflite] subgraph {number} of {len(self.shared.subgraphs)} is used {self.depth} deep, {self.shared.bodies} "
                f"times in all; expected at most {_DEEPEST} deep and {_MOST_BODIES} times; the file is damaged: get it again"
            )
        inner = Builder(self.shared.subgraphs[number], self.shared, depth=self.depth + 1)
        return inner.build_on(values)

    def build_on(self, values: list[Any]) -> list[Any]:
        """Build all ops on given inputs, and return the outputs."""
        numbers = self.subgraph.inputs
        if len(numbers) != len(values) or not self.values.keys().isdisjoint(numbers):
            raise FormatError(
                f"[tflite] subgraph {self.subgraph.name!r} takes {len(numbers)} inputs and gets {len(values)}; expected one "
                "value for each; the file is damaged: get it again"
            )
        self.values |= dict(zip(numbers, values, strict=True))
        for number, operator in enumerate(self.subgraph.operators):
            self._build(number, operator)
        return [ps.asarray(self._value(i, "an output")) for i in self.subgraph.outputs]

    def _widened(self, operator: Operator) -> bool:
        """Turn constants of float16 into float32 at once, so that they can be variables."""
        if operator.name != "DEQUANTIZE" or len(operator.inputs) != 1 or len(operator.outputs) != 1:
            return False
        (source,), (target,) = operator.inputs, operator.outputs
        info = self.subgraph.tensors[source] if source >= 0 else None
        if info is None or info.value is None or info.dtype != "float16" or target in self.values:
            return False
        self.values[target] = info.value.astype(np.float32)
        self.origins[target] = source
        return True

    def _variable(self, number: int, value: Any) -> ps.Variable:
        """Make a variable out of a constant, once for each order of its axes."""
        key = id(self.subgraph), number, tuple(value.shape)
        if key not in self.shared.made:
            name = (
                self.subgraph.tensors[self.origins.get(number, number)].name or f"weights_{number}"
            )
            fresh, count = name, 1
            while fresh in self.shared.variables:
                fresh, count = f"{name}_{count}", count + 1
            made = ps.Variable(value.copy(), name=fresh)
            self.shared.made[key] = self.shared.variables[fresh] = made
        return self.shared.made[key]

    def _keep(self, operator: Operator, made: list[Any], where: str) -> None:
        if len(made) < len(operator.outputs):
            raise FormatError(
                f"[tflite] {where} has {len(operator.outputs)} outputs; expected at most {len(made)}; get the file again"
            )
        for number, value in zip(operator.outputs, made, strict=False):
            info = self.subgraph.tensors[number]
            if number in self.values:
                raise FormatError(
                    f"[tflite] {where} computes {info}, which has a value already; expected each tensor once; get the file "
                    "again"
                )
            _check_result(where, info, value, any_batch=self.batch is not None)
            self.values[number] = value


def _known(value: Any) -> Any:
    """Turn what was computed at once into an array; inside a body it becomes an op all the same."""
    return value.numpy() if isinstance(value, ps.Tensor) and not value.is_symbolic else value


def _small(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuO" and value.size <= _SMALL


def _needs_floats(call: Call, integers: str) -> bool:
    """Whether an op has quantised numbers and no kernel for them."""
    infos = [i for i in (*call.infos, *call.outputs) if is_quantized(i)]
    if integers == "float":
        return bool(infos)
    wide = any(info is not None and info.dtype == "int16" for info in infos)
    return wide and integers == "own" and call.name not in _WIDE


def _through_floats(run: Converter) -> Converter:
    def build(call: Call) -> Any:
        made = run(call.in_float())
        parts = made if isinstance(made, list) else [made]
        return [
            ps.quantize(y, *call.single(info), dtype=info.dtype) if is_quantized(info) else y
            for y, info in zip(parts, call.outputs, strict=False)
        ]

    return build


def _need_one_scale(call: Call) -> None:
    infos = [i for i in (*call.infos, *call.outputs) if i is not None and is_quantized(i)]
    if len({call.single(info) for info in infos}) > 1:
        raise call.fail("changes the scale of its quantised numbers")


def _check_result(where: str, info: TensorInfo, value: Any, *, any_batch: bool) -> None:
    """Compare with what the file says; old converters wrote 1 for sizes that they did not know."""
    if value.dtype == object:  # sizes, some of which vary
        return
    dtype, shape = str(getattr(value.dtype, "name", value.dtype)), tuple(value.shape)
    loose = (1, -1)
    sizes = zip(shape, info.shape, strict=False)
    if any_batch:
        sizes = zip(shape[1:], info.shape[1:], strict=False)
    wrong = any(isinstance(n, int) and m not in loose and n != m for n, m in sizes)
    if dtype != info.dtype or (info.shape and (wrong or len(shape) != len(info.shape))):
        raise FormatError(
            f"[tflite] {where} makes {dtype}{list(shape)} of its inputs; the file says {info}; the file is damaged: get it "
            "again"
        )


def _scope(name: str) -> str:
    """Make a scope's name out of a tensor's; one that converters merged keeps its first part."""
    parts = [
        re.sub(r"[^A-Za-z0-9_.\-]", "_", part)
        for part in name.split(";", maxsplit=1)[0].split("/")
        if part
    ]
    return "/".join(parts[:20])[:200].strip("/") or "op"


def _unique(names: list[str]) -> list[str]:
    made: list[str] = []
    for name in names:
        fresh, count = name, 1
        while fresh in made:
            fresh, count = f"{name}_{count}", count + 1
        made.append(fresh)
    return made
