"""Operators that draw random numbers."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.file import dtype_of_code
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


def _seed(call: Call) -> int | None:
    seed = call.attr("seed")
    return None if seed is None else int(seed)


def _dtype(call: Call, like: Value | None) -> str:
    code = call.attr("dtype")
    if code is None:
        return "float32" if like is None else like.dtype
    return dtype_of_code(code, call.where)


def _normal(call: Call, shape: Any, dtype: str) -> Tensor:
    mean, scale = call.attr("mean", 0.0), call.attr("scale", 1.0)
    return ps.random.normal(shape, mean, scale, dtype=dtype, seed=_seed(call))


def _uniform(call: Call, shape: Any, dtype: str) -> Tensor:
    low, high = call.attr("low", 0.0), call.attr("high", 1.0)
    return ps.random.uniform(shape, low, high, dtype=dtype, seed=_seed(call))


@converts("RandomNormal")
def _random_normal(call: Call) -> Tensor:
    return _normal(call, call.need("shape"), _dtype(call, None))


@converts("RandomUniform")
def _random_uniform(call: Call) -> Tensor:
    return _uniform(call, call.need("shape"), _dtype(call, None))


@converts("RandomNormalLike")
def _random_normal_like(call: Call, x: Value) -> Tensor:
    return _normal(call, x.shape, _dtype(call, x))


@converts("RandomUniformLike")
def _random_uniform_like(call: Call, x: Value) -> Tensor:
    return _uniform(call, x.shape, _dtype(call, x))


@converts("Bernoulli")
def _bernoulli(call: Call, x: Value) -> Tensor:
    drawn = ps.random.uniform(x.shape, seed=_seed(call)) < ps.cast(x.tensor, "float32")
    return ps.cast(drawn, _dtype(call, x))


@converts("Multinomial")
def _multinomial(call: Call, x: Value) -> Tensor:
    """Draw classes: the largest of the logarithms of probabilities plus Gumbel noise."""
    count = call.attr("sample_size", 1)
    noise = ps.random.uniform((x.shape[0], count, x.shape[1]), 1e-12, 1.0, seed=_seed(call))
    scores = ps.expand_dims(ps.cast(x.tensor, "float32"), axis=1) - ps.log(-ps.log(noise))
    code = call.attr("dtype")
    return ps.cast(
        ps.argmax(scores, -1), "int32" if code is None else dtype_of_code(code, call.where)
    )
