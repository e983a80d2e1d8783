"""`tf.layers`: the layers that programs of TensorFlow 1 use most, with weights made by `get_variable`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock
from penstock import nn as _nn
from penstock._native import Tensor
from penstock.errors import InvalidValueError
from penstock.v1._graph import get_default_graph, in_graph, shared_variables
from penstock.v1._variables import (
    get_variable,
    get_variable_scope,
    variable_scope,
    zeros_initializer,
)


def _scope_name(kind: str, name: str | None) -> str:
    """Return the name given, or the next free one of a kind: dense, dense_1."""
    if name is not None:
        return name
    outer = get_variable_scope().name
    taken = {v.removeprefix(f"{outer}/" if outer else "").split("/")[0] for v in shared_variables()}
    number = 0
    while (made := f"{kind}_{number}" if number else kind) in taken:
        number += 1
    return made


def dense(
    inputs: Any,
    units: int,
    activation: Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Tensor:
    """Multiply with a matrix, add a bias, and apply a function.

    Args:
        inputs: [..., n].
        units: How many outputs there are.
        activation: The function, such as tf.nn.relu.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the matrix; see `tf.get_variable`.
        bias_initializer: What makes the bias; zeros by default.
        trainable: Whether optimisers change them.
        name: The scope of the weights, `kernel` and `bias`.
        reuse: Whether to take weights that exist.

    Returns:
        [..., units].

    Raises:
        InvalidValueError: The last size is not known.
    """
    x = penstock.asarray(inputs)
    if not isinstance(x.shape[-1], int):
        raise InvalidValueError(
            f"[layers.dense] the last size of {x.shape} is not known, and the weights depend on it; reshape the input: "
            "tf.reshape(x, [-1, n])"
        )
    with get_default_graph().as_default(), variable_scope(_scope_name("dense", name), reuse):
        kernel = get_variable(
            "kernel", (x.shape[-1], units), x.dtype, kernel_initializer, trainable
        )
        y = x @ kernel.value
        if use_bias:
            first = zeros_initializer() if bias_initializer is None else bias_initializer
            y = y + get_variable("bias", (units,), x.dtype, first, trainable).value
        return y if activation is None else activation(y)


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    activation: Callable[[Any], Any] | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    name: str | None = None,
    reuse: bool | None = None,
) -> Tensor:
    """Slide filters over images.

    Args:
        inputs: [batch, height, width, channels].
        filters: How many outputs there are.
        kernel_size: Rows and columns of a filter: one number or two.
        strides: Steps between places, likewise.
        padding: "valid" or "same".
        activation: A function of the result.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the filters.
        bias_initializer: What makes the bias; zeros by default.
        name: The scope of the weights, `kernel` and `bias`.
        reuse: Whether to take weights that exist.

    Returns:
        [batch, rows, columns, filters].

    Raises:
        ValueError: The padding is none of these.
    """
    x = penstock.asarray(inputs)
    size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    shape = (*size, x.shape[-1], filters)
    with get_default_graph().as_default(), variable_scope(_scope_name("conv2d", name), reuse):
        y = _nn.conv2d(x, get_variable("kernel", shape, x.dtype, kernel_initializer).value,
                       strides if isinstance(strides, int) else tuple(strides), padding.lower())  # fmt: skip
        if use_bias:
            first = zeros_initializer() if bias_initializer is None else bias_initializer
            y = y + get_variable("bias", (filters,), x.dtype, first).value
        return y if activation is None else activation(y)


@in_graph
def max_pooling2d(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid") -> Tensor:
    """Take the largest element of each window.

    Args:
        inputs: [batch, height, width, channels].
        pool_size: Rows and columns of a window.
        strides: Steps between windows.
        padding: "valid" or "same".

    Returns:
        [batch, rows, columns, channels].

    Raises:
        ValueError: The padding is none of these.
    """
    size, steps = (v if isinstance(v, int) else tuple(v) for v in (pool_size, strides))
    return _nn.max_pool2d(inputs, size, steps, padding.lower())


@in_graph
def flatten(inputs: Any) -> Tensor:
    """Make rows of everything but the first axis.

    Args:
        inputs: [batch, ...].

    Returns:
        [batch, n].

    Raises:
        ShapeError: There is no axis.
    """
    x = penstock.asarray(inputs)
    width: Any = 1
    for size in x.shape[1:]:
        width *= size
    return penstock.reshape(x, (-1, width))


@in_graph
def dropout(
    inputs: Any, rate: float = 0.5, seed: int | None = None, training: bool = False
) -> Tensor:
    """Set elements to zero by chance while training; see `penstock.nn.dropout`.

    Args:
        inputs: [...].
        rate: The probability of zero.
        seed: For the same elements in every run.
        training: Whether anything is done.

    Returns:
        [...], like the inputs.

    Raises:
        ValueError: The rate is no probability.
    """
    return _nn.dropout(inputs, rate, seed=seed) if training else penstock.identity(inputs)


__all__ = ["conv2d", "dense", "dropout", "flatten", "max_pooling2d"]
