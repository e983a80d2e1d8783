"""Functions of TensorFlow 1 that are called otherwise in Penstock, or take other arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import penstock
from penstock._native import Tensor
from penstock.errors import GraphError, InvalidTypeError, InvalidValueError
from penstock.v1._graph import Variable, constant, in_graph

# The same function under another name; its first arguments stand in the same order.
RENAMED = {
    "clip_by_value": "clip",
    "div": "divide",
    "fill": "full",
    "floordiv": "floor_divide",
    "gather": "take",
    "is_finite": "isfinite",
    "is_inf": "isinf",
    "is_nan": "isnan",
    "lin_space": "linspace",
    "mod": "remainder",
    "mul": "multiply",
    "neg": "negative",
    "pow": "power",
    "range": "arange",
    "sub": "subtract",
    "truediv": "divide",
}


class _Reduction(Protocol):
    def __call__(
        self,
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        *,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
        name: str | None = None,
    ) -> Tensor: ...


def _reduction(fn: Callable[..., Tensor]) -> _Reduction:
    """Give a reduction the arguments that it had in TensorFlow 1, old and new."""

    def reduce(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        *,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = reduction_indices if axis is None else axis
        axis = tuple(axis) if isinstance(axis, list) else axis
        return fn(input_tensor, axis=axis, keepdims=bool(keepdims or keep_dims))

    reduce.__name__ = f"reduce_{fn.__name__}"
    reduce.__doc__ = f"Reduce along axes, by default all; see `penstock.{fn.__name__}`."
    return in_graph(reduce)


reduce_all = _reduction(penstock.all)
reduce_any = _reduction(penstock.any)
reduce_logsumexp = _reduction(penstock.ops.logsumexp)
reduce_max = _reduction(penstock.max)
reduce_mean = _reduction(penstock.mean)
reduce_min = _reduction(penstock.min)
reduce_prod = _reduction(penstock.prod)
reduce_sum = _reduction(penstock.sum)


@in_graph
def add_n(inputs: Sequence[Any]) -> Tensor:
    """Add tensors of one shape.

    Args:
        inputs: [...] each, at least one.

    Returns:
        [...], their sum.

    Raises:
        InvalidValueError: There is none.
    """
    if not inputs:
        raise InvalidValueError("[add_n] got no tensors; give at least one")
    total = penstock.asarray(inputs[0])
    for x in inputs[1:]:
        total = penstock.add(total, x)
    return penstock.identity(total)


def assign(ref: Variable, value: Any, name: str | None = None) -> Tensor:
    """Append the replacement of a variable's value; see `Variable.assign`.

    Raises:
        InvalidTypeError: `ref` is no variable.
        ShapeError: The shape differs.
        DTypeError: The dtype differs.
    """
    return _write("assign", ref, value, name)


def assign_add(ref: Variable, value: Any, name: str | None = None) -> Tensor:
    """Append the addition to a variable's value; see `assign`.

    Raises:
        InvalidTypeError: `ref` is no variable.
        ShapeError: The shape differs.
        DTypeError: The dtype differs.
    """
    return _write("assign_add", ref, value, name)


def assign_sub(ref: Variable, value: Any, name: str | None = None) -> Tensor:
    """Append the subtraction from a variable's value; see `assign`.

    Raises:
        InvalidTypeError: `ref` is no variable.
        ShapeError: The shape differs.
        DTypeError: The dtype differs.
    """
    return _write("assign_sub", ref, value, name)


def _write(what: str, ref: Any, value: Any, name: str | None) -> Tensor:
    if not isinstance(ref, penstock.Variable):
        raise InvalidTypeError(
            f"[{what}] got {type(ref).__name__}; only variables are written: tf.Variable(value)"
        )
    written: Tensor = in_graph(getattr(ref, what))(value, name=name)
    return written


def placeholder_with_default(
    input: Any,
    shape: Sequence[int | None],
    name: str = "PlaceholderWithDefault",
) -> Tensor:
    """Add a tensor that has a value unless another is fed.

    Args:
        input: The value.
        shape: The value's shape; every size is known.
        name: The node's name.

    Returns:
        A tensor of the graph.

    Raises:
        GraphError: The shape is not the value's.
    """
    value = constant(input, name=f"{name}/input")
    if tuple(shape) != tuple(value.shape):
        raise GraphError(
            f"[placeholder_with_default] shape {tuple(shape)} is not that of the default, {value.shape}; where sizes differ "
            "from run to run use tf.placeholder, and always feed it"
        )
    made: Tensor = in_graph(penstock.identity)(value, name=name)
    return made


def set_random_seed(seed: int) -> None:
    """Begin the stream of random numbers anew; see `penstock.random.set_seed`.

    Raises:
        InvalidTypeError: The seed is not a whole number.
    """
    penstock.random.set_seed(seed)


@in_graph
def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None
) -> Tensor:
    """Draw from the normal distribution within two deviations; see `penstock.random.truncated_normal`.

    Raises:
        ValueError: A size is negative.
    """
    return penstock.random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=seed)
