"""Updates of some rows of variables, in the variables' own memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock import _native
from penstock._native import Graph, Plan, Tensor

if TYPE_CHECKING:
    from penstock.state import Variable


def update_rows(
    update: Callable[..., Any],
    variables: Sequence[Variable],
    rows: Sequence[Tensor],
    scalars: Sequence[Tensor] = (),
    attrs: Mapping[str, float] | None = None,
) -> Tensor:
    """Give variables what an op makes of their values.

    Plans let a kernel write into a variable's memory when nobody else holds the value. So a call outside of graphs
    runs a plan too, which the first variable keeps.

    Args:
        update: An op of the variables' values, then `rows`, then `scalars`; it returns the new values.
        variables: What is updated.
        rows: Tensors [n, ...] of one n.
        scalars: Tensors [].
        attrs: The op's attributes.

    Returns:
        The first variable's new value.

    Raises:
        IndexError: An index among the rows is out of range.
        ShapeError: The shapes do not fit together.
    """
    given, attrs = [*rows, *scalars], attrs or {}
    if _native.current_graph() is not None or any(t.is_symbolic for t in given):
        return _append(update, variables, given, attrs)
    kinds = tuple((t.dtype.code, str(t.shape[1:])) for t in given)
    owners = tuple(v._handle._id for v in variables)
    key = (update.__name__, owners, kinds, tuple(attrs.items()), _native.get_scope_device())
    plans = variables[0].__dict__.setdefault("_row_plans", {})
    if key not in plans:
        plans[key] = _plan(update, variables, rows, scalars, attrs)
    return plans[key].run(given)[0]  # type: ignore[no-any-return]


def _append(
    update: Callable[..., Any],
    variables: Sequence[Variable],
    given: Sequence[Tensor],
    attrs: Mapping[str, float],
) -> Tensor:
    made = update(*(v.value for v in variables), *given, **attrs)
    values = made if isinstance(made, tuple) else (made,)
    first, *_ = [v.assign(new) for v, new in zip(variables, values, strict=True)]
    return first


def _plan(
    update: Callable[..., Any],
    variables: Sequence[Variable],
    rows: Sequence[Tensor],
    scalars: Sequence[Tensor],
    attrs: Mapping[str, float],
) -> Plan:
    graph = Graph("update_rows")
    with graph.as_default():
        count = graph.new_symbol("", 2)
        inputs = [graph.placeholder(t.dtype, (count, *t.shape[1:])) for t in rows]
        inputs += [graph.placeholder(t.dtype, ()) for t in scalars]
        graph.inputs = inputs
        graph.outputs = [_append(update, variables, inputs, attrs)]
    return Plan(graph)
