"""`keras.ops.nn`: functions of neural networks."""

# Lambdas give the functions Keras's names of arguments.
# ruff: noqa: PLW0108
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import activations, config
from penstock_keras_api.ops import nn_blocks, nn_windows
from penstock_keras_api.ops.table import define
from penstock_keras_api.ops.table import floating as _f


def _over_axes(fn: Callable[[Any, int], Any], x: Any, axis: Any) -> Any:
    """Call a function of one axis on several, as if they were one."""
    if not isinstance(axis, list | tuple):
        return fn(x, axis)
    x, ends = ps.asarray(x), tuple(range(-len(axis), 0))
    moved = ps.moveaxis(x, tuple(axis), ends)
    flat = ps.reshape(moved, (*moved.shape[: -len(axis)], -1))
    return ps.moveaxis(ps.reshape(fn(flat, -1), moved.shape), ends, tuple(axis))


def _one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    made = ps.one_hot(ps.asarray(x), num_classes, dtype or config.floatx())
    return made if axis == -1 else ps.moveaxis(made, -1, axis)


def _multi_hot(
    inputs: Any,
    num_classes: Any = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Any:
    t = ps.asarray(inputs)
    return ps.max(_one_hot(t, num_classes, axis, dtype), axis=max(t.ndim - 1, 0))


def _moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    x, axes = _f(x), tuple(axes) if isinstance(axes, list | tuple) else axes
    return ps.mean(x, axis=axes, keepdims=keepdims), ps.var(x, axis=axes, keepdims=keepdims)


def _normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: Any = None) -> Any:
    x, small = _f(x), config.epsilon() if epsilon is None else epsilon
    if order == 2:  # the square is kept away from 0, as Keras does it
        return x * ps.rsqrt(ps.maximum(ps.sum(x * x, axis=axis, keepdims=True), small * small))
    norm = ps.linalg.vector_norm(x, axis=axis, keepdims=True, ord=order)
    return x / ps.maximum(norm, small)


def _batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None,
    epsilon: float = 0.001,
) -> Any:  # fmt: skip
    x = _f(x)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    factor = ps.rsqrt(ps.reshape(variance, shape) + epsilon)
    factor = factor if scale is None else factor * ps.reshape(scale, shape)
    made = (x - ps.reshape(mean, shape)) * factor
    return made if offset is None else made + ps.reshape(offset, shape)


def _binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    target, output = _f(target), _f(output)
    if from_logits:
        return ps.maximum(output, 0.0) - output * target + ps.log1p(ps.exp(-ps.abs(output)))
    small = config.epsilon()
    p = ps.clip(output, small, 1 - small)
    return -(target * ps.log(p) + (1 - target) * ps.log(1 - p))


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    output = _f(output)
    if from_logits:
        return ps.nn.log_softmax(output, axis)
    small = config.epsilon()
    p = output / ps.sum(output, axis=axis, keepdims=True)
    return ps.log(ps.clip(p, small, 1 - small))


def _categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    return -ps.sum(_f(target) * _log_probabilities(output, from_logits, axis), axis=axis)


def _sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    target, output = ps.asarray(target), _f(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = ps.squeeze(target, -1)
    hot = _one_hot(target, output.shape[axis], axis, output.dtype.name)
    return -ps.sum(hot * _log_probabilities(output, from_logits, axis), axis=axis)


ROWS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: ps.nn.relu(ps.asarray(x)), "relu6": lambda x: ps.nn.relu6(_f(x)),
    "sigmoid": lambda x: ps.nn.sigmoid(_f(x)), "silu": lambda x: activations.silu(x), "swish": lambda x: activations.silu(x),
    "softplus": lambda x: activations.softplus(x), "softsign": lambda x: activations.softsign(x),
    "log_sigmoid": lambda x: activations.log_sigmoid(x), "selu": lambda x: activations.selu(x),
    "hard_sigmoid": lambda x: activations.hard_sigmoid(x), "hard_silu": lambda x: activations.hard_silu(x),
    "hard_swish": lambda x: activations.hard_silu(x), "hard_tanh": lambda x: activations.hard_tanh(x),
    "tanh_shrink": lambda x: activations.tanh_shrink(x), "sparse_plus": lambda x: activations.sparse_plus(x),
    "sparse_sigmoid": lambda x: activations.sparse_sigmoid(x), "sparsemax": lambda x, axis=-1: activations.sparsemax(x, axis),
    "squareplus": lambda x, b=4: activations.squareplus(x, b), "celu": lambda x, alpha=1.0: activations.celu(x, alpha),
    "elu": lambda x, alpha=1.0: activations.elu(x, alpha), "gelu": lambda x, approximate=True: activations.gelu(x, approximate),
    "glu": lambda x, axis=-1: activations.glu(x, axis),
    "leaky_relu": lambda x, negative_slope=0.2: activations.leaky_relu(x, negative_slope),
    "hard_shrink": lambda x, threshold=0.5: activations.hard_shrink(x, threshold),
    "soft_shrink": lambda x, threshold=0.5: activations.soft_shrink(x, threshold),
    "threshold": lambda x, threshold, default_value: activations.threshold(x, threshold, default_value),
    "softmax": lambda x, axis=-1: _over_axes(activations.softmax, x, axis),
    "log_softmax": lambda x, axis=-1: _over_axes(activations.log_softmax, x, axis),
    "one_hot": _one_hot, "multi_hot": _multi_hot, "moments": _moments, "normalize": _normalize,
    "batch_normalization": _batch_normalization, "binary_crossentropy": _binary_crossentropy,
    "categorical_crossentropy": _categorical_crossentropy,
    "sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    **nn_windows.ROWS, **nn_blocks.ROWS,
}  # fmt: skip
globals().update(define("nn", ROWS))
__all__ = sorted(ROWS)  # noqa: PLE0605 - made of the table
