"""Makes norms by given statistics behind products and convolutions cheaper.

There (x + b - mean) · factor + offset is x · factor + (offset + (b - mean) · factor), and factors of small filters go into
the filters. What is added is a row for each channel: a plan computes it, and the filters, once for each version of the
variables.
"""

from __future__ import annotations

from penstock import _native, ops
from penstock._dataclass import dataclass
from penstock._native import Graph, Node, Tensor
from penstock.config import settings
from penstock.passes._groups import Uses
from penstock.passes._patterns import Found, other_operand, replace_found, same
from penstock.passes.prune import prune

_PRODUCTS = ("matmul", "conv2d", "depthwise_conv2d")
# A plan keeps results of this size whatever they cost.
_SMALL = 1 << 14


def fold_norms(graph: Graph) -> Graph:
    """Fold what stands between a product and its norm into fewer steps.

    Results change by rounding, no more than the product's own sums are rounded: elsewhere the difference from a mean is
    taken first. So x · factor may overflow where (x - mean) · factor did not. Nothing changes while `debug_nans` looks at every op, or with PENSTOCK_FUSION=off.
    """
    if settings().fusion == "off" or _native.get_debug_nans():
        return graph
    if not any(node.op in _PRODUCTS for node in graph.nodes):
        return graph
    result = replace_found(graph, {"add": (_Finder(graph),)})
    return graph if result is graph else prune(result)


@dataclass(frozen=True)
class _Norm:
    """(product + bias - mean) · factor + offset; bias and mean may be missing."""

    product: Node
    factor: Tensor
    offset: Tensor
    bias: Tensor | None
    mean: Tensor | None
    inside: tuple[Node, ...]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        written = [node for node in graph.nodes if node.effects in ("write", "io")]
        self._may_fold = (
            not written
        )  # a filter that changes in the run would be scaled in every run

    def __call__(self, node: Node, uses: Uses) -> Found | None:
        norm = _norm_of(node)
        if norm is None:
            return None
        into_filter = self._may_fold and _goes_into_filter(norm)
        rows = [t for t in (norm.factor, norm.offset, norm.bias, norm.mean) if t is not None]
        if not into_filter and len(rows) == 2:  # nothing to win
            return None

        def make(*given: Tensor) -> Tensor:
            new = dict(zip((t.value_index for t in rows), given, strict=False))
            x, w, *rest = given[len(rows) :]
            return _written(norm, new, x, w, rest, into_filter)

        return Found(node, norm.inside, [*rows, *norm.product.inputs], make)


def _norm_of(node: Node) -> _Norm | None:
    scaled = _row_operand(node)
    if scaled is None or scaled[0].node.op != "multiply":
        return None
    offset, inside = scaled[1], [scaled[0].node]
    centred = _row_operand(scaled[0].node)
    if centred is None:
        return None
    factor, x = centred[1], centred[0]
    mean = bias = None
    if x.node.op == "subtract" and _is_row(x.node.inputs[1], x):
        inside.append(x.node)
        x, mean = x.node.inputs
    if x.node.op == "add" and (biased := _row_operand(x.node)) is not None:
        inside.append(x.node)
        x, bias = biased
    product = x.node
    if product.op not in _PRODUCTS or x.dtype != "float32":
        return None
    return _Norm(product, factor, offset, bias, mean, (*inside, product))


def _row_operand(node: Node) -> tuple[Tensor, Tensor] | None:
    """Return a node's large operand, and the other one if it has a number for each channel."""
    result = node.outputs[0]
    pair = other_operand(node, lambda t: _is_row(t, result))
    return None if pair is None or same(*pair) else (pair[1], pair[0])


def _is_row(t: Tensor, of: Tensor) -> bool:
    if of.ndim < 2 or t.dtype != of.dtype or not t.ndim:
        return False
    # Sizes that only calls know are not compared: that would be an assumption about them.
    if not all(isinstance(d, int) for d in (*t.shape, of.shape[-1])):
        return False
    return int(t.size) == t.shape[-1] == of.shape[-1]


def _goes_into_filter(norm: _Norm) -> bool:
    w = norm.product.inputs[1]
    if w.ndim < 2 or any(not isinstance(d, int) for d in w.shape) or int(w.size) > _SMALL:
        return False
    if norm.product.op == "matmul" and (w.ndim != 2 or norm.product.attrs["transpose_y"]):
        return False
    return _is_steady(w) and _is_steady(norm.factor)


def _is_steady(t: Tensor) -> bool:
    """Whether a value follows from constants and variables alone."""
    todo, seen = [t.node], set()
    while todo:
        node = todo.pop()
        if node.index in seen:
            continue
        seen.add(node.index)
        if node.effects not in ("none", "read") or node.op == "placeholder":
            return False
        todo += [i.node for i in node.inputs]
    return True


def _written(
    norm: _Norm, new: dict[int, Tensor], x: Tensor, w: Tensor, rest: list[Tensor], into_filter: bool
) -> Tensor:
    def flat(t: Tensor) -> Tensor:
        made = new[t.value_index]
        return made if made.ndim == 1 else ops.reshape(made, (int(made.size),))

    factor, shift = flat(norm.factor), flat(norm.offset)
    if norm.bias is not None and norm.mean is not None:
        moved = ops.subtract(flat(norm.bias), flat(norm.mean))
        shift = ops.add(shift, ops.multiply(moved, factor))
    elif norm.bias is not None:
        shift = ops.add(shift, ops.multiply(flat(norm.bias), factor))
    elif norm.mean is not None:
        shift = ops.subtract(shift, ops.multiply(flat(norm.mean), factor))
    if into_filter:
        depthwise = norm.product.op == "depthwise_conv2d"
        w = ops.multiply(w, ops.reshape(factor, w.shape[-2:]) if depthwise else factor)
    (y,) = _native.call_op(norm.product.op, [x, w, *rest], norm.product.attrs)
    return ops.add(y if into_filter else ops.multiply(y, factor), shift)
