"""Reverse-mode differentiation of values and of graphs.

The rules call ops. While a graph is built they append to it, so gradients are graphs that can be printed,
optimised and differentiated again; otherwise they run at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from penstock import (
    _body_gradients,  # noqa: F401 - attaches the rules of control flow
    _native,
    ops,
)
from penstock._backward import gradient_of
from penstock._custom import Rules
from penstock._native import Tensor
from penstock._trace import need_function
from penstock.errors import DTypeError, GraphError, InvalidTypeError, InvalidValueError, ShapeError
from penstock.ops import asarray
from penstock.state import Variable

F = TypeVar("F", bound=Callable[..., Any])


class GradientTape:
    """Record calls, so that gradients can be taken through them.

    Trainable variables are watched when they are read; tensors when you say so.

    Args:
        persistent: Allow `gradient` to be called more than once.
        watch_accessed_variables: Watch trainable variables by themselves.

    >>> import penstock as ps
    >>> x = ps.asarray(3.0)
    >>> with ps.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x)
    Tensor(6., shape=(), dtype=float32)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._tape = _native.Tape(watch_accessed_variables)
        self._persistent = persistent
        self._recording = False
        self._used = False

    def __enter__(self) -> GradientTape:
        self._tape.push()
        self._recording = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._recording:
            self._tape.pop()
            self._recording = False

    def watch(self, *tensors: Tensor | Variable) -> None:
        """Watch tensors or variables from now on.

        Raises:
            InvalidTypeError: An argument is neither.
            DTypeError: An argument has a dtype without gradients, such as int64.
        """
        for t in tensors:
            if not isinstance(t, Variable) and not isinstance(t, Tensor):
                raise InvalidTypeError(
                    f"[GradientTape.watch] got {type(t).__name__}; it must be a Tensor or Variable"
                )
            if t.dtype.kind not in ("float", "complex"):
                raise DTypeError(
                    f"[GradientTape.watch] got {t.dtype.name}, which has no gradient; convert it: "
                    "x.astype(penstock.float32)"
                )
            if isinstance(t, Variable):
                self._tape.watch_id(t._handle._id)
            else:
                self._tape.watch(t)

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Return the gradient of the sum of `target` with respect to `sources`.

        Of complex numbers it is the complex derivative, without conjugation.

        Args:
            target: A tensor, or nested lists, tuples and dictionaries of tensors.
            sources: A tensor or variable, or a structure of them.
            output_gradients: What flows into each target; by default ones.
            unconnected_gradients: "none" or "zero": what to return where target does not depend on a source.

        Returns:
            A structure like `sources`.

        Raises:
            GraphError: The tape was used before and is not persistent.
            InvalidValueError: `unconnected_gradients` or the number of `output_gradients` is wrong.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise InvalidValueError(
                f"[GradientTape.gradient] unconnected_gradients is {unconnected_gradients!r}; it must be 'none' or "
                "'zero'"
            )
        if self._used and not self._persistent:
            raise GraphError(
                "[GradientTape.gradient] this tape was used already; create it with GradientTape(persistent=True)"
            )
        self._used = True
        inside = self._recording  # then the walk itself must not be written on this tape
        if inside:
            self._tape.pop()
        try:
            return gradient_of(
                self._tape.entries(),
                target,
                sources,
                output_gradients,
                unconnected_gradients,
                self._watches,
            )
        finally:
            if inside:
                self._tape.push()
            if not self._persistent:
                self._tape.clear()

    def _watches(self, source: Tensor | Variable) -> bool:
        if isinstance(source, Variable):
            return self._tape.watches(source._handle.read())
        return self._tape.watches(source)


def value_and_grad(
    fn: Callable[..., Any], argnums: int | Sequence[int] | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns `fn`'s value and its gradient.

    Args:
        fn: Returns a scalar tensor, or a pair of it and anything else if `has_aux`.
        argnums: Which arguments to differentiate by; each may be a structure of tensors and variables. By default
            the first.
        has_aux: Whether `fn` returns a pair.

    Returns:
        A function of the same arguments, which returns `(value, gradient)`; the gradient has the structure of
        the argument, or is a tuple when `argnums` is a sequence.

    Raises:
        ShapeError: The value is not a scalar.
        DTypeError: The value, or an argument to differentiate by, is no floating-point number.
        InvalidTypeError: `fn` is no function.
        InvalidValueError: The call has no such argument.

    >>> import penstock as ps
    >>> ps.value_and_grad(lambda x: ps.sum(x * x))(ps.asarray([1.0, 2.0]))
    (Tensor(5., shape=(), dtype=float32), Tensor([2., 4.], shape=(2,), dtype=float32))
    """
    return _differentiated("value_and_grad", fn, argnums, has_aux)


def _differentiated(
    what: str, fn: Callable[..., Any], argnums: int | Sequence[int] | None, has_aux: bool
) -> Callable[..., Any]:
    """Make the function that `value_and_grad` returns; `what` is the function that was called, for messages."""
    need_function(what, fn)
    single = not isinstance(argnums, Sequence)
    positions = list(argnums) if isinstance(argnums, Sequence) else [argnums or 0]

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        new_args = list(args)
        tape = GradientTape(watch_accessed_variables=False)
        with tape:
            for i in positions:
                new_args[i] = _watched(what, tape, _argument(what, args, i), i)
            result = fn(*new_args, **kwargs)
            value = result[0] if has_aux else result
            _check_scalar(what, value)
        sources = [new_args[i] for i in positions]
        grads = tape.gradient(value, sources, unconnected_gradients="zero")
        grads = [_at_the_same_places(g, s) for g, s in zip(grads, sources, strict=True)]
        return result, grads[0] if single else tuple(grads)

    return wrapped


def _argument(what: str, args: Sequence[Any], i: int) -> Any:
    if not -len(args) <= i < len(args):
        raise InvalidValueError(
            f"[{what}] argnums has {i}; the call has {len(args)} positional arguments, and only those can be "
            "differentiated by"
        )
    return args[i]


def _watched(what: str, tape: GradientTape, argument: Any, number: int) -> Any:
    """Copy an argument's handles, so that watching them leaves the caller's alone."""
    leaves, structure = _native.tree_flatten(argument)
    watched = [
        leaf if isinstance(leaf, Variable) else ops.identity(asarray(leaf)) for leaf in leaves
    ]
    differentiable = [t for t in watched if t.dtype.kind in ("float", "complex")]
    for t in watched:
        # A sparse or ragged tensor says with integers where its values are.
        if t.dtype.kind not in ("float", "complex") and not (
            differentiable and _has_parts(argument)
        ):
            raise DTypeError(
                f"[{what}] argument {number} holds {t.dtype.name}, which has no gradient; convert it: "
                "x.astype(penstock.float32)"
            )
    tape.watch(*differentiable)
    return _native.tree_unflatten(structure, watched)


def _has_parts(argument: Any) -> bool:
    return hasattr(argument, "__penstock_parts__")


def _at_the_same_places(grad: Any, source: Any) -> Any:
    """Give the gradient of a sparse or ragged tensor its integers, which have none of their own."""
    if not _has_parts(source):
        return grad
    leaves, structure = _native.tree_flatten(grad)
    own = _native.tree_flatten(source)[0]
    kept = [
        g if g.dtype.kind in ("float", "complex") else s for g, s in zip(leaves, own, strict=True)
    ]
    return _native.tree_unflatten(structure, kept)


def _check_scalar(what: str, value: Any) -> None:
    if not isinstance(value, Tensor) or value.ndim != 0:
        shape = f" of shape {value.shape}" if isinstance(value, Tensor) else ""
        raise ShapeError(
            f"[{what}] the function returned {type(value).__name__}{shape}; it must return a scalar tensor: "
            "reduce it with penstock.sum(x) or penstock.mean(x), or pass has_aux=True for a pair"
        )
    if value.dtype.kind != "float":
        raise DTypeError(
            f"[{what}] the function returned {value.dtype.name}; it must return a real floating-point scalar: "
            "convert it, y.astype(penstock.float32)"
        )


def grad(
    fn: Callable[..., Any], argnums: int | Sequence[int] | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns the gradient of `fn`; see `value_and_grad`.

    >>> import penstock as ps
    >>> ps.grad(ps.grad(lambda x: x * x * x))(ps.asarray(2.0))
    Tensor(12., shape=(), dtype=float32)
    """
    both = _differentiated("grad", fn, argnums, has_aux)

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, grads = both(*args, **kwargs)
        return (grads, result[1]) if has_aux else grads

    return wrapped


def gradients(ys: Any, xs: Any, grad_ys: Any = None) -> Any:
    """Extend a graph by the gradients of `ys` with respect to `xs`, as TensorFlow 1 did.

    Args:
        ys: Symbolic tensors of one graph.
        xs: Symbolic tensors of that graph, or variables read in it.
        grad_ys: What flows into each y; by default ones.

    Returns:
        A structure like `xs`; None where ys do not depend on an x.

    Raises:
        GraphError: ys are not symbolic.

    >>> import penstock as ps
    >>> g = ps.Graph()
    >>> with g.as_default():
    ...     x = ps.placeholder("float32", ())
    ...     dx = ps.gradients(x * x, x)
    >>> print(ps.Session(g).run(dx, {x: 3.0}))
    6.0
    """
    leaves = _native.tree_flatten(ys)[0]
    if not leaves:
        raise GraphError("[gradients] ys is empty; give at least one tensor of the graph")
    first = leaves[0]
    if not isinstance(first, Tensor) or first.graph is None:
        raise GraphError(
            "[gradients] ys must be graph tensors; for values use GradientTape or value_and_grad"
        )
    graph = first.graph
    nodes = list(graph.nodes)
    graph.push()
    try:
        return gradient_of(nodes, ys, xs, grad_ys)
    finally:
        graph.pop()


def custom_gradient(fn: Callable[..., Any]) -> CustomGradient:
    """Give a function a gradient of your own.

    Args:
        fn: Takes tensors; returns `(outputs, grad_fn)`, where `grad_fn(*output_gradients)` returns one gradient
            per tensor that came in.

    Returns:
        A function that returns `outputs`. Its decorators `.jvp` and `.batch` attach what `penstock.jvp` and
        `penstock.vmap` do with it; without them the one differentiates the gradient, and the other calls the ops
        inside of `fn` once for all examples.

    Raises:
        GraphError: When differentiated: `grad_fn` returned another number of gradients.

    >>> import penstock as ps
    >>> @ps.custom_gradient
    ... def clipped(x):
    ...     return x, lambda dy: ps.clip(dy, -1.0, 1.0)
    >>> ps.grad(lambda x: 5 * clipped(x))(ps.asarray(2.0))
    Tensor(1., shape=(), dtype=float32)
    >>> @clipped.jvp
    ... def _(primals, tangents):
    ...     return ps.clip(tangents[0], -1.0, 1.0)
    >>> ps.jvp(clipped, (ps.asarray(2.0),), (ps.asarray(5.0),))[1]
    Tensor(1., shape=(), dtype=float32)
    """
    return CustomGradient(fn)


class CustomGradient:
    """A function with a gradient of its own; make one with `custom_gradient`."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._jvp: Callable[..., Any] | None = None
        self._batch: Callable[..., Any] | None = None

    def jvp(self, rule: F) -> F:
        """Attach the derivative forwards: `rule(primals, tangents)` returns how the outputs move."""
        self._jvp = rule
        return rule

    def batch(self, rule: F) -> F:
        """Attach the function of many examples: `rule(size, batched, *tensors)` returns the outputs, stacked.

        `batched` says which tensors have a leading axis of `size` examples; the others are shared by all.
        """
        self._batch = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = [asarray(a) for a in args]
        paused = _native.pause_tapes()  # what happens inside has no gradient of its own
        try:
            result = self._fn(*inputs, **kwargs)
        finally:
            _native.resume_tapes(paused)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            raise InvalidTypeError(
                f"[custom_gradient] {getattr(self, '__name__', 'the function')} returned {type(result).__name__}; it "
                "must return a pair (outputs, grad_fn)"
            )
        outputs, grad_fn = result
        leaves, structure = _native.tree_flatten(outputs)
        made = _native.call_op(
            "custom_gradient",
            [*inputs, *(asarray(leaf) for leaf in leaves)],
            {"num_inputs": len(inputs), "function": Rules(grad_fn, self._jvp, self._batch, kwargs)},
        )
        return _native.tree_unflatten(structure, made)


__all__ = ["GradientTape", "custom_gradient", "grad", "gradients", "value_and_grad"]
