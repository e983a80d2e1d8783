"""Derivatives of functions: forwards (`jvp`), backwards (`vjp`), whole matrices of them.

They call `fn` once, write its ops on a tape and walk along it. So they nest, and inside of `@function` they become part
of the graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._backward import gradient_of
from penstock._bodies import as_tensor
from penstock._dataclass import dataclass
from penstock._forward import is_float, push
from penstock._native import Tensor, TreeSpec
from penstock.autodiff import grad
from penstock.errors import (
    AxisError,
    DTypeError,
    InvalidTypeError,
    InvalidValueError,
    ShapeError,
)
from penstock.ops._scatter_gradients import first_counted
from penstock.ops.indexed_slices import dense
from penstock.state import Variable
from penstock.vectorize import vmap

__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "vjp"]


def jvp(
    fn: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False
) -> tuple[Any, ...]:
    """Call a function, and differentiate it in one direction: forward mode.

    With J the matrix of its derivatives, the second result is J · tangents.

    Args:
        fn: A function of tensors.
        primals: A tuple of its arguments, floating-point tensors or structures of them.
        tangents: How each of them moves, structured and shaped alike.
        has_aux: Whether `fn` returns a pair, of which only the first is differentiated.

    Returns:
        What `fn` returned, and how it moves; with `has_aux` also the second of its pair.

    Raises:
        DTypeError: An argument has no derivatives.
        InvalidTypeError: Primals or tangents are no tuple.
        InvalidValueError: The structures differ.
        ShapeError: The shapes differ.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> penstock.jvp(penstock.sin, (penstock.asarray(0.0),), (penstock.asarray(2.0),))
        (Tensor(0., shape=(), dtype=float32), Tensor(2., shape=(), dtype=float32))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise InvalidTypeError(
                f"[jvp] {name} is {type(given).__name__}; give a tuple with an entry for each argument: (x,)"
            )
    made = _Linearised.of("jvp", fn, tuple(primals), has_aux)
    moved = made.push(_like("jvp", "tangents", tuple(tangents), made))
    return (made.result, moved, made.aux) if has_aux else (made.result, moved)


def vjp(fn: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Call a function, and make the function that differentiates it backwards.

    Args:
        fn: A function of tensors.
        primals: Its arguments, floating-point tensors or structures of them.
        has_aux: Whether `fn` returns a pair, of which only the first is differentiated.

    Returns:
        What `fn` returned, and a function that takes what flows into that, structured and shaped alike, and returns
        a tuple with what flows into each argument; it may be called often. With `has_aux` also the second of the
        pair.

    Raises:
        DTypeError: An argument has no derivatives.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> y, pull = penstock.vjp(lambda x: x * x, penstock.asarray([1.0, 2.0]))
        >>> pull(penstock.asarray([1.0, 10.0]))
        (Tensor([ 2., 40.], shape=(2,), dtype=float32),)
    """
    made = _Linearised.of("vjp", fn, primals, has_aux)

    def pull(flows: Any) -> Any:
        return made.pull(_like_result(made, flows))

    return (made.result, pull, made.aux) if has_aux else (made.result, pull)


@dataclass
class _Linearised:
    """A call that was made and written down, so that derivatives can walk along it."""

    inputs: list[Any]  # the tensors and variables that it was called with
    structure: TreeSpec
    result: Any
    aux: Any
    entries: Sequence[Any]

    @staticmethod
    def of(
        what: str, fn: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool = False
    ) -> _Linearised:
        leaves, structure = _native.tree_flatten(primals)
        tape = _native.Tape(False)
        inputs = [_watched(what, tape, leaf) for leaf in leaves]
        tape.push()
        try:
            result, aux = _called(what, fn, _native.tree_unflatten(structure, inputs), has_aux)
        finally:
            tape.pop()
        return _Linearised(inputs, structure, result, aux, tape.entries())

    def outputs(self) -> list[Tensor]:
        return _native.tree_flatten(self.result)[0]

    def push(self, tangents: Sequence[Tensor]) -> Any:
        given = {_identity(x): t for x, t in zip(self.inputs, tangents, strict=True)}
        known = push(self.entries, given)
        leaves, structure = _native.tree_flatten(self.result)
        moved = [known.get(y._id) if y._id else None for y in leaves]
        made = [ops.zeros_like(y) if t is None else t for y, t in zip(leaves, moved, strict=True)]
        return _native.tree_unflatten(structure, made)

    def pull(self, flows: Sequence[Tensor]) -> Any:
        # Outputs without derivatives take no part; one that is given twice gets both flows.
        pairs = [(y, f) for y, f in zip(self.outputs(), flows, strict=True) if is_float(y)]
        targets, seeds = [y for y, _ in pairs], [f for _, f in pairs]
        found = gradient_of(self.entries, targets, self.inputs, seeds, "zero")
        return _native.tree_unflatten(self.structure, [dense(g) for g in found])


def _watched(what: str, tape: Any, leaf: Any) -> Any:
    if isinstance(leaf, Variable):
        tape.watch_id(leaf._handle._id)
        return leaf
    t = ops.identity(as_tensor(f"[{what}] an argument", leaf))  # a handle of its own
    if not is_float(t):
        raise DTypeError(
            f"[{what}] an argument is {t.dtype.name}, which has no derivatives; convert it: "
            "x.astype(penstock.float32), or let the function close over it"
        )
    tape.watch(t)
    return t


def _called(what: str, fn: Callable[..., Any], args: Any, has_aux: bool) -> tuple[Any, Any]:
    made, aux = fn(*args), None
    if has_aux:
        if not (isinstance(made, tuple) and len(made) == 2):
            raise InvalidTypeError(
                f"[{what}] the function returned {type(made).__name__}; with has_aux=True it must return a pair"
            )
        made, aux = made
    leaves, structure = _native.tree_flatten(made)
    tensors = [as_tensor(f"[{what}] what the function returns", leaf) for leaf in leaves]
    return _native.tree_unflatten(structure, tensors), aux


def _identity(source: Any) -> int:
    found: int = source._handle._id if isinstance(source, Variable) else source._id
    return found


def _like(what: str, name: str, given: Any, made: _Linearised) -> list[Tensor]:
    leaves, structure = _native.tree_flatten(given)
    if structure != made.structure:
        raise InvalidValueError(
            f"[{what}] {name} is structured otherwise than the arguments; give one tensor for each of theirs"
        )
    return [_fitting(what, name, x, leaf) for x, leaf in zip(made.inputs, leaves, strict=True)]


def _like_result(made: _Linearised, given: Any) -> list[Tensor]:
    leaves, structure = _native.tree_flatten(given)
    if structure != _native.tree_flatten(made.result)[1]:
        raise InvalidValueError(
            "[vjp] what flows back is structured otherwise than what the function returned; give one tensor for each "
            "of its tensors"
        )
    pairs = zip(made.outputs(), leaves, strict=True)
    return [_fitting("vjp", "what flows back", y, leaf) for y, leaf in pairs]


def _fitting(what: str, name: str, x: Any, leaf: Any) -> Tensor:
    t = as_tensor(f"[{what}] {name}", leaf, keep_weak=True)
    if t.ndim != x.ndim or any(a != b for a, b in zip(t.shape, x.shape, strict=True)):
        raise ShapeError(
            f"[{what}] {name} has a tensor of shape {t.shape} where the function has {x.shape}; give it the same shape"
        )
    return t if t.dtype == x.dtype and not t.weak else ops.cast(t, x.dtype)


# ---- whole matrices


def jacrev(
    fn: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns all derivatives of `fn`, row by row backwards.

    This is the cheaper way where results have fewer elements than arguments; `jacfwd` is the other.

    Args:
        fn: A function of tensors.
        argnums: Which arguments to differentiate by; each may be a structure.
        has_aux: Whether `fn` returns a pair, of which only the first is differentiated.

    Returns:
        A function of the same arguments. It returns, in place of each tensor of `fn`'s result, for each tensor of
        the argument, the derivatives [*result, *argument]; a tuple of them when `argnums` is a sequence. With
        `has_aux` a pair of that and the second of `fn`'s.

    Raises:
        AxisError: There is no such argument.
        DTypeError: The argument has no derivatives.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> penstock.jacrev(lambda x: x * x)(penstock.asarray([1.0, 2.0]))
        Tensor([[2., 0.],
                [0., 4.]], shape=(2, 2), dtype=float32)
    """

    def matrix(made: _Linearised) -> Any:
        outputs, structure = _native.tree_flatten(made.result)
        blocks = []
        for number, y in enumerate(outputs):
            others = [ops.zeros_like(z) for z in outputs]

            def pull(flow: Tensor, number: int = number, others: list[Tensor] = others) -> Any:
                return made.pull([*others[:number], flow, *others[number + 1 :]])

            rows = vmap(pull)(_basis(y))
            leaves, args = _native.tree_flatten(rows)
            shaped = [
                ops.reshape(t, (*y.shape, *x.shape))
                for t, x in zip(leaves, made.inputs, strict=True)
            ]
            blocks.append(_native.tree_unflatten(args, shaped))
        return blocks, structure

    return _whole("jacrev", fn, argnums, has_aux, matrix)


def jacfwd(
    fn: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns all derivatives of `fn`, column by column forwards.

    This is the cheaper way where arguments have fewer elements than results; `jacrev` is the other.

    Args:
        fn: A function of tensors.
        argnums: Which arguments to differentiate by; each may be a structure.
        has_aux: Whether `fn` returns a pair, of which only the first is differentiated.

    Returns:
        A function of the same arguments; it returns what `jacrev`'s would.

    Raises:
        AxisError: There is no such argument.
        DTypeError: The argument has no derivatives.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> penstock.jacfwd(lambda x: penstock.stack([x, x * x]))(penstock.asarray(3.0))
        Tensor([1., 6.], shape=(2,), dtype=float32)
    """

    def matrix(made: _Linearised) -> Any:
        outputs, structure = _native.tree_flatten(made.result)
        columns: list[list[Tensor]] = []  # for each input what each output does
        for number, x in enumerate(made.inputs):
            others = [ops.zeros_like(z) for z in map(_value, made.inputs)]

            def move(tangent: Tensor, number: int = number, others: list[Tensor] = others) -> Any:
                return made.push([*others[:number], tangent, *others[number + 1 :]])

            leaves = _native.tree_flatten(vmap(move, out_axes=-1)(_basis(_value(x))))[0]
            columns.append(
                [ops.reshape(t, (*y.shape, *x.shape)) for t, y in zip(leaves, outputs, strict=True)]
            )
        blocks = [
            _native.tree_unflatten(made.structure, [column[i] for column in columns])
            for i in range(len(outputs))
        ]
        return blocks, structure

    return _whole("jacfwd", fn, argnums, has_aux, matrix)


def jacobian(
    fn: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns all derivatives of `fn`; the same as `jacrev`.

    Args:
        fn: A function of tensors.
        argnums: Which arguments to differentiate by; each may be a structure.
        has_aux: Whether `fn` returns a pair, of which only the first is differentiated.

    Returns:
        A function of the same arguments, which returns [*result, *argument] for each tensor of the result and each
        of the argument.

    Raises:
        AxisError: There is no such argument.
        DTypeError: The argument has no derivatives.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> penstock.jacobian(lambda x: penstock.sum(x * x))(penstock.asarray([1.0, 2.0]))
        Tensor([2., 4.], shape=(2,), dtype=float32)
    """
    return jacrev(fn, argnums, has_aux)


def hessian(fn: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Make a function that returns all second derivatives of `fn`: `jacfwd` of `jacrev`.

    Args:
        fn: A function of tensors.
        argnums: Which arguments to differentiate by; each may be a structure.

    Returns:
        A function of the same arguments, which returns [*result, *argument, *argument].

    Raises:
        AxisError: There is no such argument.
        DTypeError: The argument has no derivatives.
        GraphError: An op on the way has no gradient rule.

    Example:
        >>> penstock.hessian(lambda x: x[0] * x[0] * x[1])(penstock.asarray([1.0, 3.0]))
        Tensor([[6., 2.],
                [2., 0.]], shape=(2, 2), dtype=float32)
    """
    return jacfwd(jacrev(fn, argnums), argnums)


def hvp(fn: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Multiply the second derivatives of `fn` with a vector, without computing them: forwards over backwards.

    Args:
        fn: Returns a scalar tensor.
        primals: A tuple of its arguments, floating-point tensors or structures of them.
        tangents: The vector, structured and shaped alike.

    Returns:
        The product, structured like `primals`.

    Raises:
        DTypeError: An argument has no derivatives.
        InvalidTypeError: Primals or tangents are no tuple.
        InvalidValueError: The structures differ.
        ShapeError: The shapes differ, or the value is not a scalar.

    Example:
        >>> x, v = penstock.asarray([1.0, 3.0]), penstock.asarray([1.0, 0.0])
        >>> penstock.hvp(lambda x: x[0] * x[0] * x[1], (x,), (v,))
        (Tensor([6., 2.], shape=(2,), dtype=float32),)
    """
    count = len(primals) if isinstance(primals, (tuple, list)) else 1
    return jvp(grad(fn, tuple(range(count))), primals, tangents)[1]


def _whole(
    what: str,
    fn: Callable[..., Any],
    argnums: int | Sequence[int],
    has_aux: bool,
    matrix: Callable[[_Linearised], Any],
) -> Callable[..., Any]:
    single = isinstance(argnums, int)
    positions: list[int] = [argnums] if isinstance(argnums, int) else list(argnums)

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for i in positions:
            if not -len(args) <= i < len(args):
                raise AxisError(
                    f"[{what}] argnums has {i}; the call has {len(args)} positional arguments, and only those can be "
                    "differentiated by"
                )

        places = [i % len(args) for i in positions]
        own = list(dict.fromkeys(places))  # an argument may be asked for twice

        def inner(*chosen: Any) -> Any:
            given = list(args)
            for i, value in zip(own, chosen, strict=True):
                given[i] = value
            return fn(*given, **kwargs)

        made = _Linearised.of(what, inner, tuple(args[i] for i in own), has_aux)
        blocks, structure = matrix(made)
        chosen_blocks = [b[0] if single else tuple(b[own.index(i)] for i in places) for b in blocks]
        result = _native.tree_unflatten(structure, chosen_blocks)
        return (result, made.aux) if has_aux else result

    return wrapped


def _value(x: Any) -> Tensor:
    return x.value if isinstance(x, Variable) else x


def _basis(t: Tensor) -> Tensor:
    """Make all tensors of t's shape that are one in one place: [size, *shape]."""
    if t.dtype.kind not in ("float", "complex"):
        raise DTypeError(
            f"[jacobian] a result is {t.dtype.name}, which has no derivatives; return it beside, with has_aux=True"
        )
    places = first_counted(t.size, 2, 0) == first_counted(t.size, 2, 1)
    return ops.reshape(ops.cast(places, t.dtype), (t.size, *t.shape))
