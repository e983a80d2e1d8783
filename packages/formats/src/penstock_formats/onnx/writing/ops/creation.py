"""Constants, variables and filled tensors; and nodes that only pass values on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from penstock_formats.onnx.writing._emitter import as_array
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value, element_type
from penstock_formats.onnx.writing._writer import stored

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


@exports("constant")
def _(w: GraphWriter, node: Node) -> None:
    element_type(node.outputs[0].dtype.name)
    w.keep_array(node.outputs[0], stored(node.attrs["value"]))


@exports("read_variable")
def _(w: GraphWriter, node: Node) -> None:
    variable = node.attrs["variable"]
    w.keep_array(node.outputs[0], stored(variable.read()), w.variable_name(variable))


@exports("full")
def _(w: GraphWriter, node: Node) -> Value:
    dtype = node.outputs[0].dtype.name
    value = as_array([node.attrs["value"]], dtype)
    filler = helper.make_tensor("value", element_type(dtype), [1], value.tobytes(), raw=True)
    made: Value = w.emitter.op(
        "ConstantOfShape", w.shape(node.outputs[0]), dtype=dtype, value=filler
    )
    return made


@exports("size_of")
def _(w: GraphWriter, node: Node) -> Value:
    sizes = w.sizes.vector(node.attrs["shape"])
    dtype = node.outputs[0].dtype.name
    return sizes.op("ReduceProd", keepdims=0).cast(dtype)


@exports("arange")
def _(w: GraphWriter, node: Node) -> None:
    attrs, out = node.attrs, node.outputs[0]
    numbers = attrs["start"] + attrs["step"] * np.arange(int(out.shape[0]))
    w.keep_array(out, as_array(numbers, out.dtype.name))


@exports("custom_gradient")
def _(w: GraphWriter, node: Node) -> list[Value]:
    return [w.value(t).op("Identity") for t in node.inputs[node.attrs["num_inputs"] :]]
