"""The `@op` decorator: a typed function whose signature is the op's schema, and everything attached to it.

    @op(infer="elementwise:numeric", broadcasts=True)
    def add(x: TensorLike, y: TensorLike, /) -> Tensor:
        \"\"\"Add element by element.\"\"\"

    add.reference(np.add)

    @add.vjp
    def _(node, dz):
        ...

Parameters annotated `TensorLike` are inputs and `Sequence[TensorLike]` is a variadic input; every other
parameter is an attribute, whose kind follows from its annotation (`_KINDS`). The body stays empty: what runs is
the native function built from the schema.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
)

import numpy as np

from penstock import _native
from penstock._dataclass import dataclass, field
from penstock.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from penstock._native import Tensor

# Below every native kernel.
REFERENCE_PRIORITY = -1000

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

Effects = Literal["none", "read", "write", "random", "io"]

# Annotation -> attribute kind of the native side. `Axis` may be None by itself.
_KINDS = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "str": "str",
    "DTypeLike": "dtype",
    "Ints": "ints",
    "Axis": "ints",
    "ShapeLike": "shape",
    "Sequence[float]": "floats",
    "TensorValue": "tensor",
    "Graph": "graph",
    "Variable": "variable",
    "Callable[..., Any]": "object",
}


@dataclass(frozen=True)
class InputSpec:
    """A tensor that an op takes; the last one may be a list of tensors."""

    name: str
    variadic: bool = False


@dataclass(frozen=True)
class AttrSpec:
    """A static argument of an op."""

    name: str
    kind: str
    optional: bool  # None is allowed
    required: bool  # has no default
    keyword_only: bool
    default: Any = None


@dataclass(frozen=True)
class Schema:
    """What the runtime knows of an op; the same facts as a row of `csrc/ops/op_table.inc`."""

    name: str
    version: int
    inputs: tuple[InputSpec, ...]
    attrs: tuple[AttrSpec, ...]
    outputs: int  # what kernels write; -1: the shape rule decides
    public: int  # what callers get: the first so many
    rule: str  # "elementwise:float"; "python" when the block brings its own
    effects: Effects
    alias: bool
    broadcasts: bool
    host_only: bool


class Node(Protocol):
    """What a gradient rule sees of the call that it differentiates."""

    @property
    def inputs(self) -> Sequence[Tensor]:
        """The tensors that went in, after promotion."""

    @property
    def outputs(self) -> Sequence[Tensor]:
        """Everything that came out, also what callers do not get."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The attributes, normalised: axes are not negative, and so on."""

    def needs(self, i: int) -> bool:
        """Say whether anybody uses the gradient of input `i`; a rule may return None where nobody does."""


@dataclass(frozen=True)
class Sample:
    """Valid arguments of an op. NumPy arrays among them become tensors."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    differentiable: bool = True  # False where the function has a kink or a jump
    label: str = ""


@dataclass(frozen=True)
class Reject:
    """Arguments that an op refuses, the error, and a piece of the message: best the remedy."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    error: type[Exception] = ValueError
    match: str = ""


# In quotes: numpy.random takes 20 ms to import, and only samples need it.
SampleMaker = Callable[["np.random.Generator"], Iterator[Sample]]
RejectMaker = Callable[[], Iterator[Reject]]
Gradients = tuple["Tensor | None", ...]


class OpBlock(Generic[P, R]):
    """One op: its schema, its manual, and the rules attached to it.

    What `@op` returns is a native function that runs the op and hands every other attribute on to its block, so
    that `add.vjp` and `add.schema` work; for a type checker the two are one.
    """

    def __init__(self, schema: Schema, function: Callable[P, R]) -> None:
        self.schema = schema
        self.function = function
        self.reference_fn: Callable[..., Any] | None = None
        self.vjp_fn: Callable[..., Gradients] | None = None
        self.compose_fn: Callable[P, R] | None = None
        self.infer_fn: Callable[..., Any] | None = None
        self.batch_fn: Callable[..., Sequence[Tensor] | None] | None = None
        self.jvp_fn: Callable[..., Gradients] | None = None
        self.samples_fn: SampleMaker | None = None
        self.rejects_fn: RejectMaker | None = None
        self.no_gradient = ""
        self.refuses_gradient = False
        self.__module__, self.__doc__ = function.__module__, function.__doc__
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        raise NotImplementedError(
            f"[{self.schema.name}] runs natively; call the decorated function"
        )

    def __repr__(self) -> str:
        return f"<op {self.schema.name}{inspect.signature(self.function)}>"

    def reference(self, fn: F) -> F:
        """Attach the meaning in NumPy: `fn(*arrays, **attributes)` returns one array or a tuple of them.

        Ops with `effects="random"` get the Philox key and counter first. NumPy's floating point warnings are
        silenced: the ops follow IEEE 754 without comment.
        """
        self.reference_fn = _quiet(fn)
        _native.register_python_kernel(
            self.schema.name, "cpu", "*", self.reference_fn, REFERENCE_PRIORITY, "reference"
        )
        return fn

    def vjp(self, fn: F) -> F:
        """Attach the gradient: `fn(node, *grads)` returns one tensor, or None, for every input."""
        self.vjp_fn = fn
        return fn

    def jvp(self, fn: F) -> F:
        """Attach the derivative forwards: `fn(node, *tangents)` returns a tangent, or None, for every output.

        Ops need none: what has a gradient has this by differentiating twice. One of its own is cheaper.
        """
        self.jvp_fn = fn
        return fn

    def not_differentiable(self, reason: str, *, refuse: bool = False) -> None:
        """Say why the op has no gradient; the words complete "... has no gradient because".

        With `refuse` it has one that nobody wrote: to differentiate it is an error. Else it counts as constant.
        """
        self.no_gradient = reason
        self.refuses_gradient = refuse

    def compose(self, fn: F) -> F:
        """Attach the op in terms of other ops, with the op's own signature."""
        self.compose_fn = fn
        return fn

    def batch(self, fn: F) -> F:
        """Attach the op for many rows at once: `fn(node, inputs, batched, size)`, see `_batch.py`.

        Ops that broadcast and ops with a composition need none.
        """
        self.batch_fn = fn
        return fn

    def samples(self, fn: SampleMaker) -> SampleMaker:
        """Attach valid arguments, `fn(rng)`; every conformance test runs over them."""
        self.samples_fn = fn
        return fn

    def rejects(self, fn: RejectMaker) -> RejectMaker:
        """Attach wrong arguments, `fn()`, with the error and the message that each must get."""
        self.rejects_fn = fn
        return fn


def _quiet(fn: F) -> F:
    def run(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return fn(*args, **kwargs)

    run.__wrapped__ = fn  # type: ignore[attr-defined]
    return cast(F, run)


# Every block in the order of declaration, by op name.
BLOCKS: dict[str, OpBlock[..., Any]] = {}


def op(
    *,
    infer: str | Callable[..., Any],
    name: str | None = None,
    version: int = 1,
    outputs: int = 1,
    public: int | None = None,
    effects: Effects = "none",
    alias: bool = False,
    broadcasts: bool = False,
    host_only: bool = False,
) -> Callable[[Callable[P, R]], OpBlock[P, R]]:
    """Declare an op by a typed function without a body.

    Args:
        infer: A native shape rule, such as `"elementwise:float"`, or a Python function from the inputs' shapes
            and dtypes to the outputs' (a graph with such an op cannot be run without Python).
        name: The op's name; by default the function's without underscores at its ends. A plugin's op has a
            prefix: `"acme.scale_add"`.
        version: Raised whenever saved graphs would change their meaning.
        outputs: How many tensors a kernel writes; -1 when the shape rule decides.
        public: How many of them callers get; by default all.
        effects: What the op does besides computing its outputs.
        alias: The output is the input's memory under another shape; there is no kernel.
        broadcasts: Kernels get the inputs broadcast to the output's rank.
        host_only: Runs on the host wherever it is placed.

    Returns:
        A decorator that makes the function an op.

    Raises:
        TypeError: A parameter's annotation is not one that an op understands.
        ValueError: An op of that name exists with another schema.
    """

    def declare(function: Callable[P, R]) -> OpBlock[P, R]:
        op_name = name or function.__name__.strip("_")
        inputs, attrs = _parameters(op_name, function)
        schema = Schema(
            name=op_name,
            version=version,
            inputs=inputs,
            attrs=attrs,
            outputs=outputs,
            public=outputs if public is None else public,
            rule=infer if isinstance(infer, str) else "python",
            effects=effects,
            alias=alias,
            broadcasts=broadcasts,
            host_only=host_only,
        )
        block = OpBlock(schema, function)
        block.infer_fn = None if isinstance(infer, str) else infer
        native = _native_function(schema, block)
        BLOCKS[op_name] = block
        return cast(OpBlock[P, R], native)

    return declare


def unregister_op(name: str) -> None:
    """Take a plugin's op back: its name is free again. Graphs that have the op keep it.

    Raises:
        PluginError: The op is core's own.
    """
    _native.withdraw_op(name)
    BLOCKS.pop(name, None)


def _parameters(
    op_name: str, function: Callable[..., Any]
) -> tuple[tuple[InputSpec, ...], tuple[AttrSpec, ...]]:
    inputs: list[InputSpec] = []
    attrs: list[AttrSpec] = []
    for parameter in _signature(function):
        if parameter.annotation in ("TensorLike", "Sequence[TensorLike]"):
            inputs.append(InputSpec(parameter.name, parameter.annotation != "TensorLike"))
        else:
            attrs.append(_attribute(op_name, parameter))
    return tuple(inputs), tuple(attrs)


class _Parameter(NamedTuple):
    name: str
    annotation: str
    required: bool
    default: Any
    keyword_only: bool


def _signature(function: Callable[..., Any]) -> list[_Parameter]:
    """Read a function's parameters; `inspect.signature` took a tenth of `import penstock`."""
    code = function.__code__
    positional, count = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    defaults = function.__defaults__ or ()
    known = dict(
        zip(code.co_varnames[positional - len(defaults) : positional], defaults, strict=True)
    )
    known.update(function.__kwdefaults__ or {})
    annotations = function.__annotations__
    extra = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return [
        _Parameter(
            name,
            "*" if i >= count else str(annotations.get(name, "")),
            name not in known,
            known.get(name),
            i >= positional,
        )
        for i, name in enumerate(code.co_varnames[: count + extra])
    ]


def _attribute(op_name: str, parameter: _Parameter) -> AttrSpec:
    word = parameter.annotation.removesuffix(" | None")
    kind = _KINDS.get(word)
    if kind is None:
        raise InvalidTypeError(
            f"[{op_name}] parameter {parameter.name!r} is annotated {parameter.annotation!r}; an op understands "
            f"TensorLike, Sequence[TensorLike], {', '.join(_KINDS)}, each attribute also with ' | None'. "
            "Write one of these, and `from __future__ import annotations` at the top of the file."
        )
    return AttrSpec(
        parameter.name,
        kind,
        word != parameter.annotation or word == "Axis",
        parameter.required,
        parameter.keyword_only,
        parameter.default,
    )


def _native_function(schema: Schema, block: OpBlock[..., Any]) -> Any:
    try:
        return _made_natively(schema, block)
    except InvalidValueError as error:
        if block.function.__module__.startswith("penstock.ops."):
            raise InvalidValueError(
                f"{error}. Penstock's native part is not of the same version as its Python part: install it again, or "
                "in a source tree build it: nox -s dev"
            ) from None
        raise


def _made_natively(schema: Schema, block: OpBlock[..., Any]) -> Any:
    return _native.OpFunction(
        schema.name,
        schema.version,
        [(i.name, i.variadic) for i in schema.inputs],
        [(a.name, a.kind, a.optional, a.required, a.keyword_only, a.default) for a in schema.attrs],
        schema.outputs,
        schema.public,
        schema.rule,
        schema.effects,
        schema.alias,
        schema.broadcasts,
        schema.host_only,
        block,
    )
