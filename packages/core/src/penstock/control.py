"""Control flow that depends on values: cond, while_loop, scan, map, call.

Outside of a graph these run Python, step by step. While a graph is built each becomes one node, whose bodies are
graphs of their own; tensors and variables around them may be used inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._batching import call_batched, can_batch, expand
from penstock._bodies import (
    Body,
    as_tensor,
    build,
    finish,
    is_building,
    residuals,
    tensors_of,
    within,
)
from penstock._control_checks import (
    adopted,
    check_alike,
    check_branches,
    check_carried,
    check_index,
    check_structure,
    length_of,
    next_carried,
    one_bool,
    pair_of,
    rows_of,
)
from penstock._native import Tensor, TreeSpec
from penstock._trace import need_function
from penstock.errors import InvalidValueError

__all__ = ["call", "cond", "map", "scan", "switch", "while_loop"]


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any
) -> Any:
    """Call one of two functions, as a predicate says.

    Both are traced while a graph is built; only one runs. They may use tensors and variables around them.

    Args:
        pred: A bool, or one bool tensor.
        true_fn: Called with the operands if `pred` holds.
        false_fn: Called with them if it does not; returns the same structure, dtypes and shapes.
        operands: What both get.

    Returns:
        What the function returned.

    Raises:
        DTypeError: `pred` is not one bool, or the dtypes differ.
        GraphError: The functions return different structures.
        ShapeError: Their shapes differ.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> @penstock.function
        ... def safe_log(x):
        ...     return penstock.cond(x > 0, lambda: penstock.log(x), lambda: penstock.zeros_like(x))
        >>> safe_log(penstock.asarray(-1.0))
        Tensor(0., shape=(), dtype=float32)
    """
    need_function("cond", true_fn)
    need_function("cond", false_fn)
    if isinstance(pred, bool) or not is_building(pred, operands):
        return (true_fn if bool(one_bool("cond", pred)) else false_fn)(*operands)
    with within(pred, operands):
        test = one_bool("cond", pred)
        yes = build("true_fn", [], lambda _: true_fn(*operands), keep_weak=True)
        no = build("false_fn", [], lambda _: false_fn(*operands), keep_weak=True)
        check_branches(yes, no)
        return _native.tree_unflatten(yes.structure, cond_node(test, yes, no))


def cond_node(pred: Tensor, yes: Body, no: Body) -> list[Tensor]:
    """Append the node for two finished branches; returns what they return."""
    captured = finish((yes, no), 0)
    num_public = len(yes.graph.outputs)
    kept = [residuals(body.graph, stacked=True) for body in (yes, no)]
    for body, mine in ((yes, 0), (no, 1)):
        with body.graph.as_default():
            extra = [
                t if owner == mine else ops.zeros(t.shape, t.dtype)
                for owner in (0, 1)
                for t in kept[owner]
            ]
        body.graph.outputs = [*body.graph.outputs, *extra]
    results = ops.cond_(pred, captured, yes.graph, no.graph, num_public)
    return list(results[:num_public])


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Call the function number `index`; an index out of range takes the nearest.

    Args:
        index: One integer.
        branches: Functions that return the same structure, dtypes and shapes.
        operands: What they get.

    Returns:
        What the function returned.

    Raises:
        DTypeError: The index is not one integer.
        InvalidValueError: There is no branch.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> penstock.switch(1, [lambda x: x, lambda x: 2 * x], penstock.asarray(3.0))
        Tensor(6., shape=(), dtype=float32)
    """
    for branch in branches:
        need_function("switch", branch)
    if not branches:
        raise InvalidValueError("[switch] branches is empty; give at least one function")
    if len(branches) == 1:
        return branches[0](*operands)
    check_index(index)
    half = len(branches) // 2
    low, high = list(branches[:half]), list(branches[half:])
    return cond(
        index < half,
        lambda *given: switch(index, low, *given),
        lambda *given: switch(index - half, high, *given),
        *operands,
    )


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Call `body` as long as `cond` returns true.

    Args:
        cond: Gets the loop variables; returns one bool.
        body: Gets them; returns the next ones, of the same structure, dtypes and shapes. A list may stand for a
            tuple, and of a single loop variable the value alone will do.
        loop_vars: A tuple or list, each of whose items is one argument; or one argument. Items may be structures.
        maximum_iterations: Stop after so many.

    Returns:
        The last loop variables, like `loop_vars`.

    Raises:
        DTypeError: `cond` returns no bool, or a loop variable changes its dtype.
        GraphError: `body` returns another structure.
        ShapeError: A loop variable changes its shape.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> penstock.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, 1.0))
        (Tensor(3, shape=(), dtype=int64), Tensor(8., shape=(), dtype=float32))
    """
    need_function("while_loop", cond)
    need_function("while_loop", body)
    if maximum_iterations is not None and maximum_iterations < 0:
        raise InvalidValueError(
            f"[while_loop] maximum_iterations is {maximum_iterations}; it must be zero or more, or None"
        )
    spread = isinstance(loop_vars, (tuple, list))

    def calling(fn: Callable[..., Any]) -> Callable[[Sequence[Tensor]], Any]:
        def run(tensors: Sequence[Tensor]) -> Any:
            given = _native.tree_unflatten(structure, list(tensors))
            return fn(*given) if spread else fn(given)

        return run

    def advance(tensors: Sequence[Tensor]) -> Any:
        made = calling(body)(tensors)
        alone = spread and len(loop_vars) == 1 and not isinstance(made, (tuple, list))
        return [made] if alone else made

    test = calling(cond)
    if not is_building(loop_vars):
        carried, structure = tensors_of("[while_loop] a loop variable", loop_vars)
        return _while_now(test, advance, carried, structure, maximum_iterations)
    with within(loop_vars):
        carried, structure = tensors_of("[while_loop] a loop variable", loop_vars)
        formals = [(t.dtype, t.shape) for t in carried]
        condition = build("cond", formals, lambda ts: one_bool("while_loop", test(ts)))
        loop = build("body", formals, lambda ts: adopted(advance(ts), carried, structure))
        check_carried("while_loop", carried, structure, loop)
        results = while_node(carried, condition, loop, maximum_iterations)
        return _native.tree_unflatten(structure, results)


def while_node(
    carried: Sequence[Tensor], condition: Body, loop: Body, maximum_iterations: int | None
) -> list[Tensor]:
    """Append the node for a finished condition and body; returns the last carried values."""
    captured = finish((condition, loop), len(carried))
    history = loop.graph.inputs[: len(carried)]
    loop.graph.outputs = [
        *loop.graph.outputs,
        *[t for t in history if t.dtype != "string"],
        *residuals(loop.graph, stacked=True),
    ]
    graph = _native.current_graph()
    assert graph is not None  # `within` made sure
    results = ops.while_(
        [*carried, *captured],
        condition.graph,
        loop.graph,
        len(carried),
        len(carried),
        (graph.new_symbol(f"steps{len(graph.symbols)}", None),),
        maximum_iterations,
    )
    return list(results[: len(carried)])


def _while_now(
    test: Callable[..., Any],
    advance: Callable[..., Any],
    carried: list[Tensor],
    structure: TreeSpec,
    most: int | None,
) -> Any:
    done = 0
    while (most is None or done < most) and bool(one_bool("while_loop", test(carried))):
        carried = next_carried("while_loop", carried, structure, advance(carried))
        done += 1
    return _native.tree_unflatten(structure, carried)


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Go through rows and carry a value along.

    `carry, y = f(carry, x)` for every row x of `xs`, in order.

    Args:
        f: Gets the carried value and a row; returns the next carried value and a result, which may be None.
        init: The first carried value, a structure of tensors. Structure, dtypes and shapes stay the same, but a list
            may stand for a tuple.
        xs: A structure of tensors [length, ...], or None.
        length: The number of rows; needed only without `xs`.
        reverse: Start with the last row.

    Returns:
        The last carried value, and the results stacked, [length, ...], in the order of the rows.

    Raises:
        DTypeError: The carried value changes its dtype.
        GraphError: The carried value changes its structure, or `f` returns no pair.
        InvalidValueError: Neither `xs` nor `length` is given, or they disagree.
        ShapeError: The carried value changes its shape.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> penstock.scan(lambda total, x: (total + x, total + x), 0, penstock.asarray([1, 2, 3]))
        (Tensor(6, shape=(), dtype=int64), Tensor([1, 3, 6], shape=(3,), dtype=int64))
    """
    need_function("scan", f)
    if not is_building(init, xs):
        return _scan_now(f, init, xs, length, reverse)
    with within(init, xs):
        carried, init_structure = tensors_of("[scan] init", init)
        rows, xs_structure = rows_of("scan", xs)
        size = length_of("scan", rows, length)
        num_carried = len(carried)

        def step(tensors: list[Tensor]) -> Any:
            carry = _native.tree_unflatten(init_structure, tensors[:num_carried])
            x = _native.tree_unflatten(xs_structure, tensors[num_carried:])
            pair = pair_of(f(carry, x))
            made = adopted(pair[0], carried, init_structure)
            next_carry, structure = tensors_of("[scan] the carried value", made)
            check_structure("scan", init_structure, structure, carried, next_carry)
            return next_carry, pair[1]

        formals = [(t.dtype, t.shape) for t in carried] + [(t.dtype, t.shape[1:]) for t in rows]
        body = build("scan_body", formals, step)
        check_alike("scan", carried, body.graph.outputs[:num_carried])
        results = scan_node(carried, rows, body, size, reverse)
        _, ys = _native.tree_unflatten(body.structure, results)
        return _native.tree_unflatten(init_structure, results[:num_carried]), ys


def scan_node(
    carried: Sequence[Tensor], rows: Sequence[Tensor], body: Body, length: Any, reverse: bool
) -> list[Tensor]:
    """Append the node for a finished body; returns the last carried values and the stacks."""
    captured = finish((body,), len(carried) + len(rows))
    return _scan_finished(carried, rows, body, captured, length, reverse)


def add_rows(a: Tensor, b: Tensor) -> Tensor:
    """Add two stacks row by row, whatever their number turns out to be."""
    body = build("add_rows", [(t.dtype, t.shape[1:]) for t in (a, b)], lambda ts: ops.add(*ts))
    return scan_node([], [a, b], body, a.shape[0], reverse=False)[0]


def _scan_finished(
    carried: Sequence[Tensor],
    rows: Sequence[Tensor],
    body: Body,
    captured: Sequence[Tensor],
    length: Any,
    reverse: bool,
) -> list[Tensor]:
    num_public = len(body.graph.outputs)
    history = body.graph.inputs[: len(carried)]
    body.graph.outputs = [
        *body.graph.outputs,
        *[t for t in history if t.dtype != "string"],
        *residuals(body.graph, stacked=True),
    ]
    results = ops.scan_(
        [*carried, *rows, *captured],
        body.graph,
        len(carried),
        len(rows),
        num_public,
        (length,),
        reverse,
    )
    return list(results[:num_public])


def _scan_now(
    f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Any, reverse: bool
) -> tuple[Any, Any]:
    carried, structure = tensors_of("[scan] init", init)
    rows, xs_structure = rows_of("scan", xs)
    size = int(length_of("scan", rows, length))
    if size == 0:
        return _scan_nothing(f, init, xs, length)
    results: list[Any] = [None] * size
    for i in reversed(range(size)) if reverse else range(size):
        x = _native.tree_unflatten(xs_structure, [t[i] for t in rows])
        pair = pair_of(f(_native.tree_unflatten(structure, carried), x))
        carried = next_carried("scan", carried, structure, pair[0])
        results[i] = pair[1]
    return _native.tree_unflatten(structure, carried), _stack(results)


def _scan_nothing(f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Any) -> tuple[Any, Any]:
    """Without rows only a trace can tell what the results would look like."""
    from penstock.function import function

    result: tuple[Any, Any] = function(lambda given, rows: scan(f, given, rows, length))(init, xs)
    return result


def _stack(results: Sequence[Any]) -> Any:
    flat = [_native.tree_flatten(result) for result in results]
    columns = zip(*[leaves for leaves, _ in flat], strict=True)
    what = "[scan] a result"
    stacked = [
        None if column[0] is None else ops.stack([as_tensor(what, leaf) for leaf in column])
        for column in columns
    ]
    return _native.tree_unflatten(flat[0][1], stacked)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Call a function on every row and stack what it returns.

    In a graph, a function of ops that take more leading axes (most do) is called once on all rows; one that draws
    random numbers, assigns variables or has control flow goes from row to row, by `scan`.

    Args:
        f: Gets a row of every tensor in `xs`; returns a structure of tensors.
        xs: A structure of tensors [length, ...].

    Returns:
        The results stacked, [length, ...].

    Raises:
        InvalidValueError: `xs` holds no tensor, or their lengths differ.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> penstock.map(lambda x: x * x, penstock.asarray([1, 2, 3]))
        Tensor([1, 4, 9], shape=(3,), dtype=int64)
    """
    need_function("map", f)
    if not is_building(xs):
        return _scan_now(lambda carry, x: (carry, f(x)), (), xs, None, False)[1]
    with within(xs):
        rows, structure = rows_of("map", xs)
        size = length_of("map", rows, None)
        formals = [(t.dtype, t.shape[1:]) for t in rows]
        body = build("map_body", formals, lambda ts: f(_native.tree_unflatten(structure, ts)))
        return _native.tree_unflatten(body.structure, _map_node(rows, body, size))


def _map_node(rows: list[Tensor], body: Body, size: Any) -> list[Tensor]:
    """Call the body's ops once on all rows if each of them can; else go through the rows."""
    captured = finish((body,), len(rows))
    batched = [True] * len(rows) + [False] * len(captured)
    expanded = expand(body.graph)
    graph = _native.current_graph()
    assert graph is not None  # `within` made sure
    graph.adopt_guards(expanded)
    if can_batch(expanded, batched):
        return call_batched(expanded, [*rows, *captured], batched, size)
    return _scan_finished([], rows, body, captured, size, False)


def call(f: Callable[..., Any], *operands: Any) -> Any:
    """Call a function as one node of the graph that is being built; outside of a graph, at once.

    Args:
        f: A function of tensors.
        operands: Its arguments.

    Returns:
        What it returns.

    Raises:
        Exception: What the function raises.
        InvalidTypeError: What should be a function is none.

    Example:
        >>> penstock.call(lambda x: x + 1, penstock.asarray(1.0))
        Tensor(2., shape=(), dtype=float32)
    """
    need_function("call", f)
    if not is_building(operands):
        return f(*operands)
    with within(operands):
        name = getattr(f, "__name__", "call")
        body = build(name if name.isidentifier() else "call", [], lambda _: f(*operands))
        return _native.tree_unflatten(body.structure, call_node(body))


def call_node(body: Body) -> list[Tensor]:
    """Append the node for a finished body; returns what it returns."""
    captured = finish((body,), 0)
    num_public = len(body.graph.outputs)
    body.graph.outputs = [*body.graph.outputs, *residuals(body.graph, stacked=False)]
    return list(ops.call_(captured, body.graph, num_public)[:num_public])
