"""Products of matrices and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Node, Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("matmul")
def _(w: GraphWriter, node: Node) -> Value:
    attrs = node.attrs
    x, y = (
        _side(w, t, attrs[name])
        for t, name in zip(node.inputs, ("transpose_x", "transpose_y"), strict=True)
    )
    return x.op("MatMul", y)


def _side(w: GraphWriter, t: Tensor, transposed: bool) -> Value:
    axes = list(range(t.ndim))
    if transposed and t.ndim >= 2:
        axes[-2:] = reversed(axes[-2:])
    return w.permuted(t, tuple(axes)) if transposed else w.value(t)


@exports("einsum")
def _(w: GraphWriter, node: Node) -> Value:
    operands = [w.value(t).cast(node.outputs[0].dtype.name) for t in node.inputs]
    equation = node.attrs["equation"].replace(" ", "")
    made: Value = w.emitter.op("Einsum", *operands, dtype=operands[0].dtype, equation=equation)
    return made


@exports("det")
def _(w: GraphWriter, node: Node) -> Any:
    return w.value(node.inputs[0]).op("Det")
