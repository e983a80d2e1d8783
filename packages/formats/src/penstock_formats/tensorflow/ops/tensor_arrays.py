"""Arrays of tensors, which loops read and write; here each is one tensor that goes along as the array's flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import Tensor, ops
from penstock_formats.tensorflow._node import Node, integer, tensor
from penstock_formats.tensorflow._registry import tf_op
from penstock_formats.tensorflow._rows import Rows


@tf_op("TensorArrayV3")
def _(node: Node, size: Any) -> list[Any]:
    rows = Rows(integer(node, size), node.dtype("dtype"), node.shape("element_shape"))
    return [rows, rows]


@tf_op("TensorArrayScatterV3")
def _(node: Node, rows: Any, indices: Any, value: Any, flow: Any) -> Any:
    value = tensor(value)
    count = value.shape[0]
    if isinstance(rows, Rows) and isinstance(count, int) and count != rows.count:
        raise node.unsupported("fewer rows than the array has")
    # The rows come in order, as from a whole sequence.
    return value


@tf_op("TensorArrayReadV3")
def _(node: Node, rows: Any, index: Any, flow: Any) -> Tensor:
    return ops.take(_held(node, flow), tensor(index), 0)


@tf_op("TensorArrayGatherV3")
def _(node: Node, rows: Any, indices: Any, flow: Any) -> Tensor:
    return ops.take(_held(node, flow), tensor(indices), 0)


@tf_op("TensorArrayWriteV3")
def _(node: Node, rows: Any, index: Any, value: Any, flow: Any) -> Tensor:
    held = _held(node, flow)
    places = ops.reshape(tensor(index), (1, 1))
    return ops.scatter_nd_update(held, places, ops.expand_dims(tensor(value), 0))


@tf_op("TensorArraySizeV3")
def _(node: Node, rows: Any, flow: Any) -> Any:
    return np.asarray(rows.count, np.int32)


def _held(node: Node, flow: Any) -> Tensor:
    return flow.empty() if isinstance(flow, Rows) else tensor(flow)
