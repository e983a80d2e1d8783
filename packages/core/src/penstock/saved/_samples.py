"""Inputs to try a function with, where nobody gave any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import ops
from penstock.saved._again import evaluate_size

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.saved.model import GraphFunction, TensorSpec

_BRIEF: Final = 2  # what stands for a size that varies


def samples(function: GraphFunction) -> list[Tensor]:
    """Make inputs that a function takes: small random numbers, and 2 for every size that varies."""
    rng = np.random.default_rng(0)
    made = []
    for spec in function.inputs.values():
        shape = [
            size if isinstance(size, int) else int(evaluate_size(size, lambda _: _BRIEF))
            for size in spec.shape
        ]
        made.append(ops.asarray(_sample(rng, spec, shape)))
    return made


def _sample(rng: Any, spec: TensorSpec, shape: list[int]) -> Any:
    kind = spec.dtype.kind
    if kind == "string":
        return np.full(shape, "a", object)
    if kind in ("float", "complex"):
        return ops.cast(ops.asarray(rng.random(shape, np.float32)), spec.dtype)
    most = 1 if kind == "bool" else 256 if math.prod(shape) > 64 and spec.dtype.itemsize == 1 else 2
    low = -most // 2 if spec.dtype == "int8" and most > 2 else 0
    return ops.cast(ops.asarray(rng.integers(low, low + most, shape)), spec.dtype)
