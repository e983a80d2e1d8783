"""What control flow requires of conditions, branches and carried values, and how it says so."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from penstock import _native, ops
from penstock._bodies import Body, adopt, building, common_dtype, settle, tensors_of
from penstock._native import Dim, Tensor, TreeSpec
from penstock.errors import DTypeError, GraphError, InvalidValueError, ShapeError


def one_bool(what: str, pred: Any) -> Tensor:
    t = ops.asarray(pred)
    if t.dtype != "bool" or t.ndim != 0:
        raise DTypeError(
            f"[{what}] the condition is {t.dtype.name} of shape {t.shape}; it must be one bool: compare something, "
            "or reduce it with penstock.all(x) or penstock.any(x)"
        )
    return t


def check_index(index: Any) -> None:
    """Refuse what chooses no branch of a switch."""
    t = ops.asarray(index)
    if t.dtype.kind not in ("signed", "unsigned") or t.ndim != 0:
        raise DTypeError(
            f"[switch] the index is {t.dtype.name} of shape {t.shape}; it must be one integer: "
            "x.astype(penstock.int32)"
        )


def check_branches(yes: Body, no: Body) -> None:
    if yes.structure != no.structure:
        raise GraphError(
            f"[cond] true_fn returns {_shown(yes)} and false_fn {_shown(no)}; return the same structure from both"
        )
    _settle_branches(yes, no)
    for i, (a, b) in enumerate(zip(yes.graph.outputs, no.graph.outputs, strict=True)):
        if a.dtype != b.dtype:
            raise DTypeError(
                f"[cond] result {i} is {a.dtype.name} in true_fn and {b.dtype.name} in false_fn; convert one: "
                f"x.astype({a.dtype.name!r})"
            )
        if not same_shape(a, b):
            raise ShapeError(
                f"[cond] result {i} has shape {a.shape} in true_fn and {b.shape} in false_fn; return the same shape "
                "from both"
            )


def _settle_branches(yes: Body, no: Body) -> None:
    """Give numbers that one branch returns the dtype of what the other returns in their place."""
    pairs = zip(yes.graph.outputs, no.graph.outputs, strict=True)
    dtypes = [common_dtype(a, b) for a, b in pairs]
    for graph in (yes.graph, no.graph):
        with building(graph):
            graph.outputs = [
                settle(adopt(t, dtype)) for t, dtype in zip(graph.outputs, dtypes, strict=True)
            ]


def _shown(body: Body) -> str:
    made = [f"{t.dtype.code}{t.shape}" for t in body.graph.outputs]
    return repr(_native.tree_unflatten(body.structure, made)).replace("'", "")


def same_shape(a: Tensor, b: Tensor) -> bool:
    """Compare two shapes; sizes that are symbols may be assumed equal, which is remembered."""
    return a.ndim == b.ndim and all(x == y for x, y in zip(a.shape, b.shape, strict=True))


def check_carried(what: str, carried: list[Tensor], structure: TreeSpec, body: Body) -> None:
    """Check what a loop's body returns against what it gets."""
    if body.structure != structure:
        _bad_structure(what, carried, structure, body.graph.outputs, body.structure)
    check_alike(what, carried, body.graph.outputs)


def check_structure(
    what: str, before: TreeSpec, after: TreeSpec, old: list[Tensor], new: list[Tensor]
) -> None:
    if before != after:
        _bad_structure(what, old, before, new, after)


def _bad_structure(
    what: str, old: Sequence[Tensor], before: TreeSpec, new: Sequence[Tensor], after: TreeSpec
) -> None:
    def text(tensors: Sequence[Tensor], structure: TreeSpec) -> str:
        made = [f"{t.dtype.code}{t.shape}" for t in tensors]
        return repr(_native.tree_unflatten(structure, made)).replace("'", "")

    raise GraphError(
        f"[{what}] the carried value is {text(old, before)} and the body returns {text(new, after)}; return the same "
        "structure"
    )


def check_alike(what: str, old: Sequence[Tensor], new: Sequence[Tensor]) -> None:
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if a.dtype != b.dtype:
            raise DTypeError(
                f"[{what}] carried value {i} is {a.dtype.name} and becomes {b.dtype.name}; convert it: "
                f"x.astype({a.dtype.name!r}), or start with {b.dtype.name}"
            )
        if not same_shape(a, b):
            raise ShapeError(
                f"[{what}] carried value {i} has shape {a.shape} and becomes {b.shape}; it must keep its shape: start "
                "with the final one, or collect results with penstock.scan"
            )


def adopted(new: Any, old: Sequence[Tensor], structure: TreeSpec) -> Any:
    """Give new carried values the containers of the old ones, and numbers among them their dtypes."""
    leaves, got = _native.tree_flatten(
        _in_containers_of(_native.tree_unflatten(structure, old), new)
    )
    if got != structure:
        return new
    return _native.tree_unflatten(
        got, [adopt(n, t.dtype) for n, t in zip(leaves, old, strict=True)]
    )


def _in_containers_of(old: Any, new: Any) -> Any:
    """Make lists of tuples and tuples of lists where the old value has them, and put keys into its order."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return {key: _in_containers_of(value, new[key]) for key, value in old.items()}
    plain = type(old) in (list, tuple) and type(new) in (list, tuple)
    if plain and len(old) == len(new):
        return type(old)(_in_containers_of(a, b) for a, b in zip(old, new, strict=True))
    return new


def next_carried(what: str, old: list[Tensor], structure: TreeSpec, new: Any) -> list[Tensor]:
    tensors, got = tensors_of(f"[{what}] the carried value", adopted(new, old, structure))
    check_structure(what, structure, got, old, tensors)
    check_alike(what, old, tensors)
    return tensors


def pair_of(result: Any) -> tuple[Any, Any]:
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise GraphError(
            f"[scan] the function returned {type(result).__name__}; it must return a pair: carry, result"
        )
    return result[0], result[1]


def rows_of(what: str, xs: Any) -> tuple[list[Tensor], TreeSpec]:
    """Take scanned values apart; None stays None."""
    if xs is None:
        return [], _native.tree_fix(_native.tree_flatten(None)[1], [None], [True])
    rows, structure = tensors_of(f"[{what}] xs", xs)
    for t in rows:
        if t.ndim == 0:
            raise InvalidValueError(
                f"[{what}] xs holds a tensor without axes; every tensor needs a first axis to go along"
            )
    return rows, structure


def length_of(what: str, rows: Sequence[Tensor], length: Any) -> Any:
    sizes = [t.shape[0] for t in rows]
    if length is not None:
        sizes.insert(0, _size(what, length))
    if not sizes:
        raise InvalidValueError(f"[{what}] has neither xs nor length; give one of them")
    for size in sizes[1:]:
        if size != sizes[0]:
            raise InvalidValueError(
                f"[{what}] the lengths are {', '.join(str(s) for s in sizes)}; they must be equal"
            )
    return sizes[0]


def _size(what: str, length: Any) -> Any:
    if isinstance(length, Dim):
        return length
    try:
        size = operator.index(length)
    except TypeError:
        size = -1
    if size < 0:
        raise InvalidValueError(
            f"[{what}] length is {length!r}; it must be a whole number, zero or more"
        )
    return size
