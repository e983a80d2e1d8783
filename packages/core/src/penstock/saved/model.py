"""A model without its code: graphs with named inputs and outputs, and the variables that they share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from penstock import _native, passes
from penstock._native import DType, Graph, Plan, Tensor
from penstock.errors import DTypeError, GraphError, InvalidTypeError, ShapeError
from penstock.ops import asarray
from penstock.saved._symbols import call_again
from penstock.state import Variable


@dataclass(frozen=True)
class TensorSpec:
    """What an input or an output is.

    Args:
        name: Its name.
        dtype: Its dtype.
        shape: Its sizes; one that may differ from call to call has a name, or a formula of names, in its place.
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype.name}[{', '.join(map(str, self.shape))}]"


class GraphFunction:
    """A graph that is called like a function: with tensors, in order or by name.

    It can be called while another graph is built, becomes part of it, and has gradients like the ops it is made of.

    Args:
        graph: With its `inputs` and `outputs` set. Variables are read inside it.
        name: What the function is called.
        input_names: A name for each input; by default the names of their nodes.
        output_names: A name for each output; by default the names of the values.

    Raises:
        GraphError: There is not one name for each input and output, or a name is used twice.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("batch", 2), name="x")
    >>> graph.inputs, graph.outputs = [x], [x * 2]
    >>> double = ps.saved.GraphFunction(graph, "double", output_names=["y"])
    >>> print(double)
    double(x: float32[batch, 2]) -> (y: float32[batch, 2])
    >>> double([[1.0, 2.0]])
    Tensor([[2., 4.]], shape=(1, 2), dtype=float32)
    """

    def __init__(
        self,
        graph: Graph,
        name: str = "main",
        input_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.graph = graph
        self.name = name
        self.inputs = _specs(name, "input", graph.inputs, input_names)
        self.outputs = _specs(name, "output", graph.outputs, output_names)
        self._lock = threading.Lock()

    @cached_property
    def plan(self) -> Plan:
        """The graph after all passes, ready to run; made by the first call."""
        return Plan(passes.optimize(self.graph))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph.

        Args:
            args: Tensors, arrays, numbers or lists, in the order of the inputs.
            kwargs: Others by name.

        Returns:
            The output, or a dictionary of the outputs by name if there are several.

        Raises:
            InvalidTypeError: An input is missing, or there is no input of that name.
            DTypeError: A tensor or array has another dtype.
            ShapeError: A size differs from the graph's.
        """
        return self.pack(self.run(self.bind(*args, **kwargs)))

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Run the graph on a tensor for each input, and return one for each output."""
        symbolic = _native.current_graph() is not None or any(t.is_symbolic for t in inputs)
        if symbolic or _native.recording():
            return call_again(self.graph, inputs)
        with self._lock:
            plan = self.plan
        return list(plan.run(list(inputs)))

    def bind(self, *args: Any, **kwargs: Any) -> list[Tensor]:
        """Make a tensor for each input out of the arguments of a call, and check it."""
        specs = list(self.inputs.values())
        given = dict(zip(self.inputs, args, strict=False))
        wrong = [name for name in kwargs if name not in self.inputs or name in given]
        given |= kwargs
        if wrong or len(args) > len(specs) or len(given) < len(specs):
            raise InvalidTypeError(
                f"[{self.name}] got {len(args)} inputs in order and {sorted(kwargs)} by name; it takes "
                f"{', '.join(map(str, specs)) or 'none'}: give each once"
            )
        return [_checked(self.name, spec, given[spec.name]) for spec in specs]

    def pack(self, outputs: Sequence[Tensor]) -> Any:
        """Give the outputs the form in which a call returns them."""
        if len(outputs) == 1:
            return outputs[0]
        return dict(zip(self.outputs, outputs, strict=True))

    def __str__(self) -> str:
        takes = ", ".join(map(str, self.inputs.values()))
        return f"{self.name}({takes}) -> ({', '.join(map(str, self.outputs.values()))})"

    def __repr__(self) -> str:
        return f"<penstock.saved.GraphFunction {self}>"


class GraphModel:
    """Functions that share variables: what a saved folder holds, and what every importer makes.

    Args:
        functions: By name; the first is what a call of the model runs.
        variables: By name; each one that a function reads must be among them.
        metadata: Text, numbers, lists and dictionaries of these: where it comes from, its licence, its labels.

    Raises:
        GraphError: There is no function.
    """

    def __init__(
        self,
        functions: Mapping[str, GraphFunction],
        variables: Mapping[str, Variable] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if not functions:
            raise GraphError("[GraphModel] got no function; give at least one: {'main': function}")
        self.functions = dict(functions)
        self.variables = dict(variables or {})
        self.metadata = dict(metadata or {})

    @property
    def default(self) -> GraphFunction:
        """The function that a call of the model runs: the first."""
        return next(iter(self.functions.values()))

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that gradient tapes watch."""
        return [v for v in self.variables.values() if v.trainable]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the first function."""
        return self.default(*args, **kwargs)

    def __iter__(self) -> Iterator[GraphFunction]:
        return iter(self.functions.values())

    def __repr__(self) -> str:
        lines = [f"  {function}" for function in self]
        count = sum(int(v.value.size) for v in self.variables.values())
        lines.append(f"  {len(self.variables)} variables of {count:,} numbers")
        return "\n".join(["<penstock.saved.GraphModel", *lines, ">"])


def _specs(
    function: str, kind: str, tensors: Sequence[Tensor], names: Sequence[str] | None
) -> dict[str, TensorSpec]:
    found = [t.node.name if kind == "input" else t.name for t in tensors]
    used = list(names) if names is not None else _unique(found)
    if len(used) != len(tensors) or len(set(used)) != len(used):
        raise GraphError(
            f"[{function}] got the {kind} names {used} for {len(tensors)} {kind}s; give a name of its own to each"
        )
    return {
        name: TensorSpec(name, t.dtype, tuple(d if isinstance(d, int) else str(d) for d in t.shape))
        for name, t in zip(used, tensors, strict=True)
    }


def _unique(names: Sequence[str]) -> list[str]:
    """Number names that occur twice: one value may be two outputs."""
    made: list[str] = []
    for name in names:
        count, fresh = 1, name
        while fresh in made:
            fresh = f"{name}_{count}"
            count += 1
        made.append(fresh)
    return made


def _checked(function: str, spec: TensorSpec, value: Any) -> Tensor:
    strong = hasattr(value, "__array__") or hasattr(value, "__penstock_tensor__")
    t = asarray(value, dtype=None if strong else spec.dtype)
    if t.dtype != spec.dtype:
        raise DTypeError(
            f"[{function}] got {t.dtype.name} for {spec}; convert it: penstock.cast(x, '{spec.dtype.name}')"
        )
    pairs = zip(t.shape, spec.shape, strict=False)
    if t.ndim != len(spec.shape) or any(
        isinstance(have, int) and isinstance(want, int) and have != want for have, want in pairs
    ):
        raise ShapeError(f"[{function}] got shape {t.shape} for {spec}; reshape it")
    return t
