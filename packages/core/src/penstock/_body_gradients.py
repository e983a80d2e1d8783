"""Gradients of cond, while, scan and call: graphs made from the bodies, of the same ops.

A gradient's body computes the forward body again, from the values that went in, and walks back. What cannot be
computed again (random numbers, reads, writes) was kept as hidden outputs, and so were the values that a loop
carried. So a loop's gradient needs memory for what it carries, not for what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import _native, ops
from penstock._backward import gradient_of
from penstock._bodies import Body, build, within
from penstock._dataclass import dataclass
from penstock._native import Graph, Tensor
from penstock.control import call_node, cond_node, scan_node
from penstock.errors import GraphError
from penstock.ops._declare import Gradients, Node
from penstock.ops.indexed_slices import dense


@dataclass(frozen=True)
class _Step:
    """A node of a forward body, computed again: what the backward walk looks at."""

    op: str
    op_function: Any
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    attrs: dict[str, Any]
    variables: Sequence[Any] = ()  # which of its inputs are the values of variables, and of which


def _is_float(t: Tensor) -> bool:
    return t.dtype.kind in ("float", "complex")


def _again(
    body: Graph, inputs: Sequence[Tensor], kept: Mapping[int, Tensor]
) -> tuple[list[Tensor], list[_Step]]:
    """Compute a body again in the current graph.

    Args:
        body: The graph.
        inputs: What stands for its inputs.
        kept: What stands for values that are not computed again, by their number.

    Returns:
        What stands for its outputs, and the calls that were made.
    """
    values = dict(zip((t.value_index for t in body.inputs), inputs, strict=True))
    steps = []
    for node in body.nodes:
        if node.op == "placeholder":
            continue
        given = [values[t.value_index] for t in node.inputs]
        outputs = node.outputs
        if all(t.value_index in kept for t in outputs):
            made = [kept[t.value_index] for t in outputs]
        elif node.effects == "none":
            made = _native.call_op(node.op, given, node.attrs)
        else:
            raise GraphError(
                f"[{node.op}] at {node.source}: a loop inside of a loop, with random numbers or assignments in it, has "
                "no gradient; use penstock.scan for the inner loop"
            )
        values.update((old.value_index, t) for old, t in zip(outputs, made, strict=True))
        variables = [_variable_of(t) for t in node.inputs]
        steps.append(_Step(node.op, node.op_function, given, made, node.attrs, variables))
    return [values[t.value_index] for t in body.outputs], steps


def _pull(
    body: Graph,
    inputs: Sequence[Tensor],
    kept: Mapping[int, Tensor],
    flows: Mapping[int, Tensor],
    wanted: Sequence[int],
    variables: Sequence[Any],
    fresh: Callable[[Tensor], Tensor] = ops.identity,
) -> list[Tensor | None]:
    """Differentiate a body in the current graph.

    Args:
        body: The graph.
        inputs: What stands for its inputs.
        kept: See `_again`.
        flows: What flows into its outputs, by their position.
        wanted: Positions of the inputs whose gradients are wanted.
        variables: The variable whose value an input is, or None, for each input. What the body itself reads of a
            variable counts for that input.
        fresh: Gives an input a fresh name; `barrier` also keeps what is computed again from being taken for what the
            forward pass computed, which would have to stay for it.
    """
    # Fresh names: one outer tensor may stand for several inputs, and an output may be an input.
    inputs = [fresh(t) for t in inputs]
    outputs, steps = _again(body, inputs, kept)
    targets = [ops.identity(outputs[i]) for i in flows]
    steps += [
        _Step("identity", ops.identity, [outputs[i]], [t], {})
        for i, t in zip(flows, targets, strict=True)
    ]
    inside = _reads_of(body, kept, {variables[i]: k for k, i in enumerate(wanted) if variables[i]})
    sources = [*(inputs[i] for i in wanted), *(t for _, t in inside)]
    gradients = gradient_of(steps, targets, sources, list(flows.values()))
    result: list[Tensor | None] = [dense(g) for g in gradients]  # a body returns tensors
    found = result[: len(wanted)]
    for (k, _), g in zip(inside, result[len(wanted) :], strict=True):
        here = found[k]
        found[k] = g if here is None else here if g is None else ops.add(here, g)
    return found


def _reads_of(
    body: Graph, kept: Mapping[int, Tensor], places: Mapping[Any, int]
) -> list[tuple[int, Tensor]]:
    """List what a body has read of some variables, each with the variable's place."""
    reads = [n for n in body.nodes if n.op == "read_variable" and n.attrs["variable"] in places]
    pairs = [(places[n.attrs["variable"]], n.outputs[0].value_index) for n in reads]
    return [(place, kept[value]) for place, value in pairs if value in kept]


def _variable_of(t: Tensor) -> Any:
    """Return the variable whose value a tensor of a graph is, if it is one's."""
    made_by_read = t.is_symbolic and t.node.op == "read_variable"
    return t.node.attrs["variable"] if made_by_read else None


def _variables(node: Node) -> Sequence[Any]:
    """Do so for all inputs of a node, or of a step that is computed again."""
    known = getattr(node, "variables", None)
    return [_variable_of(t) for t in node.inputs] if known is None else known


def _flows(grads: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[int, Tensor]:
    return {
        i: g
        for i, (g, t) in enumerate(zip(grads, outputs, strict=True))
        if g is not None and _is_float(t)
    }


def _kept(body: Graph, outputs: Sequence[Tensor], first: int) -> dict[int, Tensor]:
    """Pair the values that a body kept, its outputs from number `first` on, with tensors."""
    names = [t.value_index for t in body.outputs[first:]]
    return dict(zip(names, outputs, strict=True))


def _spread(found: Sequence[Tensor | None], positions: Sequence[int], size: int) -> Gradients:
    result: list[Tensor | None] = [None] * size
    for i, g in zip(positions, found, strict=True):
        result[i] = g
    return tuple(result)


@ops.call_.vjp
def _(node: Node, *grads: Tensor | None) -> Gradients:
    body, num_public = node.attrs["graph"], node.attrs["num_public"]
    if num_public is None:
        num_public = len(node.outputs)
    if body.symbols and not body.shares_symbols:
        raise GraphError(
            f"[call] graph {body.name!r} has sizes of its own; put it in place of the call first, with "
            "penstock.passes.inline.inline_calls(graph)"
        )
    wanted = [i for i in range(len(node.inputs)) if node.needs(i)]
    flows = _flows(grads, node.outputs)
    kept = _kept(body, node.outputs[num_public:], num_public)
    with within(*node.inputs):
        name = f"{body.name}_grad"
        again = any(t.node.op == "barrier" for t in body.outputs[:num_public])
        fresh = ops.barrier if again else ops.identity
        variables = _variables(node)
        back = build(
            name, [], lambda _: _pull(body, node.inputs, kept, flows, wanted, variables, fresh)
        )
        found = _native.tree_unflatten(back.structure, call_node(back))
    return _spread(found, wanted, len(node.inputs))


@ops.cond_.vjp
def _(node: Node, *grads: Tensor | None) -> Gradients:
    pred, *operands = node.inputs
    num_public = node.attrs["num_public"]
    wanted = [i for i in range(len(operands)) if node.needs(i + 1)]
    flows = _flows(grads, node.outputs)

    def back(body: Graph) -> Body:
        # Both branches have outputs for what either keeps; a branch finds its own under its values' numbers.
        kept = _kept(body, node.outputs[num_public:], num_public)

        def pull(_: list[Tensor]) -> list[Tensor]:
            found = _pull(body, operands, kept, flows, wanted, _variables(node)[1:])
            return [
                ops.zeros_like(operands[i]) if g is None else g
                for i, g in zip(wanted, found, strict=True)
            ]

        return build(f"{body.name}_grad", [], pull)

    with within(pred):
        yes, no = back(node.attrs["then_graph"]), back(node.attrs["else_graph"])
        found = cond_node(pred, yes, no)
    return (None, *_spread(found, wanted, len(operands)))


@ops.scan_.vjp
def _(node: Node, *grads: Tensor | None) -> Gradients:
    attrs = node.attrs
    with within(*node.outputs):
        return _loop_gradient(
            node, grads, attrs["num_scanned"], attrs["length"][0], not attrs["reverse"]
        )


@ops.while_.vjp
def _(node: Node, *grads: Tensor | None) -> Gradients:
    with within(*node.outputs):
        return _loop_gradient(node, grads, 0, node.attrs["steps"][0], True)


def _loop_gradient(
    node: Node, grads: Sequence[Tensor | None], num_scanned: int, length: Any, reverse: bool
) -> Gradients:
    """Go back through a loop by a scan over the values that it carried.

    What is carried backwards: the gradients of the carried values, and sums for the values that every iteration used.
    """
    body, num_carried = node.attrs["body"], node.attrs["num_carried"]
    num_public, inputs = node.attrs["num_public"], node.inputs
    carried = [i for i in range(num_carried) if _is_float(inputs[i])]
    strings = [i for i in range(num_carried) if inputs[i].dtype == "string"]
    if strings:
        raise GraphError(
            "[gradient] a loop that carries strings has no gradient; carry numbers, such as indices"
        )
    results = _flows(grads, node.outputs)
    stacks = [i for i in results if i >= num_carried]
    rows_of = [i for i in range(num_carried, num_carried + num_scanned) if node.needs(i)]
    others = [i for i in range(num_carried + num_scanned, len(inputs)) if node.needs(i)]

    start = [results[i] if i in results else ops.zeros_like(node.outputs[i]) for i in carried]
    start += [ops.zeros_like(inputs[i]) for i in others]
    history = list(node.outputs[num_public : num_public + num_carried])
    kept = list(node.outputs[num_public + num_carried :])
    scanned = [*history, *inputs[num_carried : num_carried + num_scanned]]
    scanned += [*(results[i] for i in stacks), *kept]

    def step(given: list[Tensor]) -> list[Tensor]:
        back, sums = given[: len(carried)], given[len(carried) : len(start)]
        rows = given[len(start) :]
        here = rows[: num_carried + num_scanned]
        flow_rows = rows[len(here) : len(here) + len(stacks)]
        known = _kept(body, rows[len(here) + len(stacks) :], num_public + num_carried)
        flows = dict(zip([*carried, *stacks], [*back, *flow_rows], strict=True))
        wanted = [*carried, *rows_of, *others]
        found = _pull(body, [*here, *inputs[len(here) :]], known, flows, wanted, _variables(node))
        new = [ops.zeros_like(t) if g is None else g for t, g in zip(back, found, strict=False)]
        last = found[len(carried) + len(rows_of) :]
        new += [s if g is None else ops.add(s, g) for s, g in zip(sums, last, strict=True)]
        middle = found[len(carried) : len(carried) + len(rows_of)]
        return new + [
            ops.zeros_like(here[i]) if g is None else g
            for i, g in zip(rows_of, middle, strict=True)
        ]

    formals = [(t.dtype, t.shape) for t in start] + [(t.dtype, t.shape[1:]) for t in scanned]
    back = build(f"{body.name}_grad", formals, step)
    made = scan_node(start, scanned, back, length, reverse)
    sums = made[len(carried) : len(start)]
    found = [*made[: len(carried)], *made[len(start) :], *sums]
    return _spread(found, [*carried, *rows_of, *others], len(inputs))
