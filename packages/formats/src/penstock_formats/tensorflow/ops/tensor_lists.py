"""Lists of tensors, which loops of TensorFlow 2 read and write; here each is one tensor, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import Tensor, ops
from penstock_formats.tensorflow._node import Node, integer, known, tensor
from penstock_formats.tensorflow._registry import tf_op
from penstock_formats.tensorflow._rows import Rows


@tf_op("TensorListFromTensor")
def _(node: Node, rows: Any, shape: Any) -> Tensor:
    return tensor(rows)


@tf_op("TensorListReserve")
def _(node: Node, shape: Any, count: Any) -> Rows:
    sizes: list[int | None] = [
        int(n) if isinstance(n, int | np.integer) and n >= 0 else None
        for n in known(node, shape).ravel()
    ]
    unknown = known(node, shape).ndim == 0
    return Rows(
        integer(node, count), node.dtype("element_dtype"), None if unknown else tuple(sizes)
    )


@tf_op("TensorListGetItem")
def _(node: Node, rows: Any, index: Any, shape: Any) -> Tensor:
    return ops.take(_held(rows), tensor(index), 0)


@tf_op("TensorListSetItem")
def _(node: Node, rows: Any, index: Any, item: Any) -> Tensor:
    item = tensor(item)
    held = rows.of(item) if isinstance(rows, Rows) else tensor(rows)
    places = ops.reshape(tensor(index), (1, 1))
    return ops.scatter_nd_update(held, places, ops.expand_dims(item, 0))


@tf_op("TensorListStack")
def _(node: Node, rows: Any, shape: Any) -> Tensor:
    return _held(rows)


@tf_op("TensorListLength")
def _(node: Node, rows: Any) -> Any:
    return np.asarray(rows.count if isinstance(rows, Rows) else tensor(rows).shape[0])


def _held(rows: Any) -> Tensor:
    return rows.empty() if isinstance(rows, Rows) else tensor(rows)
