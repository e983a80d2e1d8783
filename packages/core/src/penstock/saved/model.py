"""A model without its code: graphs with named inputs and outputs, and the variables that they share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from penstock import _native, passes
from penstock._native import DType, FunctionBase, Graph, Plan, Tensor
from penstock.dtypes import as_dtype
from penstock.errors import DTypeError, GraphError, InvalidTypeError, ShapeError
from penstock.ops import asarray
from penstock.passes.recognise import recognise_for_gradients
from penstock.saved._again import call_again
from penstock.saved._structure import LEAF, leaves_of, spec_of
from penstock.state import Variable

if TYPE_CHECKING:
    from penstock.annotations import DTypeLike


@dataclass(frozen=True)
class TensorSpec:
    """What an input or an output is.

    Args:
        name: Its name.
        dtype: Its dtype.
        shape: Its sizes; one that may differ from call to call has a name, or a formula of names, in its place.

    Raises:
        TypeError: There is no such dtype.

    >>> print(TensorSpec("image", "float32", ("batch", 224, 224, 3)))
    image: float32[batch, 224, 224, 3]
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...]

    def __init__(self, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dtype", as_dtype(dtype))
        object.__setattr__(self, "shape", tuple(shape))

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
        arguments: How a call's arguments are made of the inputs: structures by name, with `LEAF` for each input.
        results: Likewise what a call returns; by default the output, or a dictionary of them.
        optimized: The graph after all passes, if it is known.

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
        *,
        arguments: Mapping[str, Any] | None = None,
        results: Any = None,
        optimized: Graph | None = None,
    ) -> None:
        self.graph = graph
        self.name = name
        self.inputs = _specs(name, "input", graph.inputs, input_names)
        self.outputs = _specs(name, "output", graph.outputs, output_names)
        self.arguments = _checked_arguments(name, arguments, len(graph.inputs))
        self.results = _default_results(list(self.outputs)) if results is None else results
        self._packing = spec_of(self.results)
        _check_count(name, "results", self.results, len(graph.outputs))
        self._optimized = optimized
        self._lock = threading.Lock()
        self._run = _Runner(self)

    @property
    def is_optimized(self) -> bool:
        """Whether the passes have run: before the first call, only if a saved folder had their result."""
        return self._optimized is not None

    @property
    def optimized(self) -> Graph:
        """The graph after all passes; made by the first call."""
        with self._lock:
            if self._optimized is None:
                self._optimized = passes.optimize(self.graph)
            return self._optimized

    @cached_property
    def plan(self) -> Plan:
        """The optimised graph, ready to run; made by the first call."""
        return Plan(self.optimized)

    @cached_property
    def _recognised(self) -> Graph:
        return recognise_for_gradients(self.graph)

    @property
    def _differentiable(self) -> Graph:
        """The graph for tapes and traces: gradients of what recognisers find are kernels of their own."""
        return self.graph if _native.get_debug_nans() else self._recognised

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph.

        Args:
            args: Tensors, arrays, numbers or lists, in the order of the inputs; structures of these for a function that
                was saved with such arguments.
            kwargs: Others by name.

        Returns:
            The output, or a dictionary of the outputs by name if there are several; what the Python function
            returned, for a function that was saved from one.

        Raises:
            InvalidTypeError: An input is missing, or there is no input of that name.
            DTypeError: A tensor or array has another dtype.
            ShapeError: A size differs from the graph's, or breaks what the graph assumes.
        """
        if kwargs or self.arguments is not None:
            return self._run(*self.bind(*args, **kwargs))
        for value in args:
            if type(value) is not Tensor:
                return self._run(*self.bind(*args))
        return self._run(*args)

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Run the graph on a tensor for each input, and return one for each output."""
        if _native.recording() or _native.current_graph() or any(t.is_symbolic for t in inputs):
            return call_again(self._differentiable, inputs)
        return list(self.plan.run(list(inputs)))

    def bind(self, *args: Any, **kwargs: Any) -> list[Tensor]:
        """Make a tensor for each input out of the arguments of a call, and check it.

        Raises:
            InvalidTypeError: An input is missing, or there is no input of that name.
            DTypeError: A tensor or array has another dtype.
            ShapeError: A size differs from the graph's.
        """
        if self.arguments is not None and (args or set(kwargs) != set(self.inputs)):
            args = tuple(self._taken_apart(args, kwargs))
            kwargs = {}
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
        return _native.tree_unflatten(self._packing, list(outputs))

    def renamed(self, name: str) -> GraphFunction:
        """Return the same function under another name."""
        return GraphFunction(
            self.graph,
            name,
            list(self.inputs),
            list(self.outputs),
            arguments=self.arguments,
            results=self.results,
            optimized=self._optimized,
        )

    def fetch(
        self,
        outputs: str | Sequence[str] | Mapping[str, str],
        inputs: Sequence[str] | Mapping[str, str] | None = None,
    ) -> GraphFunction:
        """Make a function of what is inside: from the inputs, or from other tensors, to any tensors.

        Args:
            outputs: Names of tensors, such as "block3/relu"; a dictionary gives them names of their own.
            inputs: Names of tensors to give in place of computing them; by default the function's inputs.

        Returns:
            A function that shares the variables of this one.

        Raises:
            InvalidValueError: There is no tensor of such a name.
            GraphError: An output depends on an input that is not among those given.
        """
        from penstock.transforms import extract  # which imports this module

        wanted = [outputs] if isinstance(outputs, str) else outputs
        return extract(self, wanted, inputs, name=self.name)

    def _taken_apart(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Find the leaves of structured arguments, in the order of the inputs."""
        assert self.arguments is not None
        names = list(self.arguments)
        given = dict(zip(names, args, strict=False))
        missing = [name for name in names if name not in given and name not in kwargs]
        if missing or len(args) > len(names) or set(kwargs) - (set(names) - set(given)):
            raise InvalidTypeError(
                f"[{self.name}] got {len(args)} arguments in order and {sorted(kwargs)} by name; it takes "
                f"{', '.join(names)}: give each once"
            )
        given = {name: (given | dict(kwargs))[name] for name in names}
        try:
            return [leaf for _, leaf in leaves_of(self.arguments, given)]
        except ValueError as error:
            raise InvalidTypeError(f"[{self.name}] {error}") from None

    def _resolve(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Answer the native side, which keeps it: the plan for a call, its result's structure, and the inputs."""
        inputs = self.bind_flat(args)
        plan = self.plan
        if not plan.accepts(inputs):
            raise ShapeError(
                f"[{self.name}] got {', '.join(str(t.shape) for t in inputs)} for {self}; it assumes "
                f"{'; '.join(text for text, _ in self.graph.guards) or 'equal sizes where names are equal'}: give such "
                "sizes, or save the function for others"
            )
        return plan, self._packing, inputs, list(range(len(inputs)))

    def bind_flat(self, args: Sequence[Any]) -> list[Tensor]:
        """Check a tensor for each input."""
        specs = list(self.inputs.values())
        if len(args) != len(specs):
            raise InvalidTypeError(
                f"[{self.name}] got {len(args)} inputs; it takes {', '.join(map(str, specs)) or 'none'}: give each once"
            )
        return [_checked(self.name, spec, value) for spec, value in zip(specs, args, strict=True)]

    def _inline(self, *args: Any) -> Any:
        """Run under a tape, or while a graph is built: op by op."""
        inputs = self.bind_flat(args)
        return self.pack(call_again(self._differentiable, inputs))

    def __str__(self) -> str:
        takes = ", ".join(map(str, self.inputs.values()))
        return f"{self.name}({takes}) -> ({', '.join(map(str, self.outputs.values()))})"

    def __repr__(self) -> str:
        return f"<penstock.saved.GraphFunction {self}>"


class _Runner(FunctionBase):
    """The native call of a function: it knows the plan for shapes that it has seen, and asks for others."""

    _owner: GraphFunction

    def __new__(cls, owner: GraphFunction) -> _Runner:
        self = super().__new__(cls, owner._resolve, [], [])
        self._owner = owner
        return self

    @property
    def _body(self) -> Any:
        return self._owner._inline


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


def _default_results(names: list[str]) -> Any:
    return LEAF if len(names) == 1 else dict.fromkeys(names, LEAF)


def _checked_arguments(
    function: str, arguments: Mapping[str, Any] | None, count: int
) -> dict[str, Any] | None:
    """Leave out structures that are no more than the inputs themselves."""
    if arguments is None:
        return None
    _check_count(function, "arguments", dict(arguments), count)
    return None if all(value is LEAF for value in arguments.values()) else dict(arguments)


def _check_count(function: str, what: str, structure: Any, count: int) -> None:
    found = sum(leaf is LEAF for leaf in _native.tree_flatten(structure)[0])
    if found != count:
        raise GraphError(
            f"[{function}] its {what} have places for {found} tensors; there are {count}"
        )


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
