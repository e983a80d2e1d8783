"""Products of matrices."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts


@converts("MatMul", tensors=True)
def _matmul(_call: Call, x: Tensor, y: Tensor) -> Tensor:
    return ps.matmul(x, y)


@converts("Gemm", tensors=True)
def _gemm(call: Call, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    product = ps.matmul(
        a, b, transpose_x=bool(call.attr("transA", 0)), transpose_y=bool(call.attr("transB", 0))
    )
    product = _scaled(product, call.attr("alpha", 1.0))
    if c is None:
        return product
    return product + _scaled(c, call.attr("beta", 1.0))


def _scaled(x: Tensor, factor: float) -> Tensor:
    if factor == 1.0:
        return x
    return ps.cast(x * factor, x.dtype)


@converts("Einsum", tensors=True)
def _einsum(call: Call, *xs: Tensor) -> Tensor:
    return ps.einsum(call.need("equation").replace(" ", ""), *xs)


@converts("Det", tensors=True)
def _det(_call: Call, x: Tensor) -> Any:
    return ps.linalg.det(x)
