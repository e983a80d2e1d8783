"""Where values are and nodes run, and why there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import _native, ops
from penstock._native import Graph, Node, Tensor
from penstock._trace import Trace
from penstock.device import full_name
from penstock.errors import GraphError, InvalidTypeError
from penstock.function import Function
from penstock.ops._declare import REFERENCE_PRIORITY
from penstock.ops._tile_program import TileProgram, op_of

if TYPE_CHECKING:
    from penstock.annotations import TensorLike


def explain_placement(fn: Function | Trace | Graph) -> str:
    """List every node of a traced function with its device, its kernel, and why.

    Args:
        fn: A function that was called, a trace, or a graph.

    Returns:
        A table as text: node, op, device, kernel.

    Raises:
        GraphError: The function has not been called.
        TypeError: It is not a function that `@function` made.

    >>> import penstock as ps
    >>> double = ps.function(lambda x: x + x)
    >>> _ = double(ps.ones((3,)))
    >>> ps.explain_placement(double).split()[:3]
    ['add', 'add', 'cpu:0']
    """
    if isinstance(fn, Function):
        if not fn.traces:
            raise GraphError(
                f"[explain_placement] {fn.__name__} has no trace yet; call it once first"
            )
        return "\n\n".join(explain_placement(t) for t in fn.traces)
    if not isinstance(fn, Trace | Graph):
        raise InvalidTypeError(
            f"[explain_placement] got {type(fn).__name__}; expected a function that @penstock.function made, a trace or a graph"
        )
    wishes = {node.name: _short(node) for node in fn.graph.nodes} if isinstance(fn, Trace) else {}
    graph = fn.optimized if isinstance(fn, Trace) else fn
    rows = [
        (node.name, node.op, _short(node), _why(node, wishes.get(node.name)))
        for node in graph.nodes
        if node.op not in ("placeholder", "constant")
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    )


def to_device(x: TensorLike, name: str) -> Tensor:
    """Return the tensor on a device; itself when it is there already.

    Raises:
        DeviceError: There is no such device; the message lists those that are there.

    >>> import penstock as ps
    >>> ps.to_device(ps.ones((2,)), "cpu:0").device
    'cpu:0'
    """
    full_name(name)
    return ops.to_device(x, name)


def _short(node: Node) -> str:
    return node.device.rsplit("/device:", 1)[-1] or "cpu:0"


def _why(node: Node, wish: str | None) -> str:
    kernel = _kernel(node)
    if wish is None or wish == _short(node):
        return kernel
    missing = f"{kernel}; {wish} has no kernel for this op and these dtypes"
    return _with_hint(missing, node, wish.split(":")[0])


def _kernel(node: Node) -> str:
    if node.is_alias:
        return "no work: another view of its input"
    kernel = _native.kernel_for_node(node)
    if kernel is None:
        return "the runtime itself"
    provider, isa, priority = kernel
    if priority > REFERENCE_PRIORITY:
        return f"{provider} ({isa}){_members(node)}"
    why = "no plugin in use has a native kernel for these dtypes"
    slow = f"reference (numpy, slow){_members(node)}: {why}"
    return _with_hint(slow, node, "cpu")


def _with_hint(text: str, node: Node, device: str) -> str:
    """Add what an installed plugin could do about it, one that has kernels for these very dtypes."""
    from penstock.plugins import loader

    dtypes = [t.dtype.code for t in (*node.inputs, *node.outputs)]
    hint = loader.missing_hint(node.op, device, dtypes)
    return f"{text}; {hint.rstrip('.')}" if hint else text


def _members(node: Node) -> str:
    """Name the ops that a fused node runs in one pass."""
    if "program" not in node.attrs:
        return ""
    program = TileProgram.parse(node.attrs["program"], node.attrs["constants"])
    names = [op_of(step.opcode)[0] for step in program.instructions]
    if node.op != "core.tile":
        names.insert(0, node.op.removeprefix("core.").removesuffix("_tile"))
    return f": {', '.join(names)} in one pass"


__all__ = ["explain_placement", "to_device"]
