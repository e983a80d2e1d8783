"""What programs are made of besides mathematics: constants, variables, devices, nested functions.

Several of these run inside the runtime: their blocks declare the schema and the gradient only.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import NO_INPUTS, no_flow
from penstock.ops._samples import FLOATS, INTEGERS, array, unary

if TYPE_CHECKING:
    from penstock._native import Tensor, Variable
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike

    TensorValue = Tensor


@op(infer="constant")
def constant_(value: TensorValue) -> Tensor:
    """Stand for a tensor that is known while a graph is built.

    Args:
        value: The tensor.

    Returns:
        The same tensor, as a value of the graph.

    Raises:
        ValueError: There is no value.
    """


constant_.not_differentiable(NO_INPUTS)


@op(infer="placeholder")
def placeholder_(dtype: DTypeLike, shape: ShapeLike, name: str) -> Tensor:
    """Stand for a tensor that is given when the graph runs.

    Args:
        dtype: Its dtype.
        shape: Its sizes, which may be symbolic.
        name: What it is called when it is fed.

    Returns:
        The tensor, as a value of the graph.

    Raises:
        ValueError: A size is negative.
    """


placeholder_.not_differentiable(NO_INPUTS)


@op(infer="read_variable", effects="read")
def read_variable(variable: Variable) -> Tensor:
    """Read the value that a variable has at this point of the program.

    Args:
        variable: The variable.

    Returns:
        Its value, which later writes do not change.

    Raises:
        ValueError: The variable has no value yet.
    """


read_variable.not_differentiable("it has no tensors as inputs; gradients stop at what it returns")


@op(infer="assign_variable", effects="write")
def assign_variable(value: TensorLike, variable: Variable) -> Tensor:
    """Give a variable a new value.

    Args:
        value: [...], the variable's shape, and its dtype or a smaller kind.
        variable: The variable.

    Returns:
        The new value.

    Raises:
        ValueError: The shapes differ.
        TypeError: The dtype does not fit.
    """


assign_variable.not_differentiable("it is a write; differentiate with respect to the value")


@op(infer="same", alias=True)
def identity(x: TensorLike, /) -> Tensor:
    """Return the tensor as it is. In a graph it gives a value a node, and so a name, of its own.

    Args:
        x: [...], any dtype.

    Returns:
        x.

    Raises:
        TypeError: x is nothing that becomes a tensor.

    Example:
        >>> penstock.identity([1, 2])
        Tensor([1, 2], shape=(2,), dtype=int64)
    """


identity.jvp(_tangents.linear)


identity.batch(_batch.same)


@identity.reference
def _(x: Any) -> Any:
    return x


identity.samples(unary())


@identity.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy,)


@op(infer="same", alias=True)
def barrier(x: TensorLike, /) -> Tensor:
    """Return the tensor as it is; passes take what is computed from it for something else than what is computed from x.

    Args:
        x: [...], any dtype.

    Returns:
        x.

    Raises:
        TypeError: x is nothing that becomes a tensor.

    Example:
        >>> penstock.ops.barrier([1, 2])
        Tensor([1, 2], shape=(2,), dtype=int64)
    """


barrier.jvp(_tangents.linear)


barrier.batch(_batch.same)


@barrier.reference
def _(x: Any) -> Any:
    return x


barrier.samples(unary())


@barrier.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy,)


@op(infer="same", alias=True)
def stop_gradient(x: TensorLike, /) -> Tensor:
    """Return the tensor as it is, and let no gradient through.

    Args:
        x: [...], any dtype.

    Returns:
        x.

    Raises:
        TypeError: x is nothing that becomes a tensor.

    Example:
        >>> penstock.stop_gradient([1, 2])
        Tensor([1, 2], shape=(2,), dtype=int64)
    """


stop_gradient.batch(_batch.same)


@stop_gradient.reference
def _(x: Any) -> Any:
    return x


stop_gradient.vjp(no_flow)


@stop_gradient.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in unary()(rng):
        yield Sample(sample.args, label=sample.label, differentiable=False)


@op(infer="to_device")
def to_device(x: TensorLike, device: str) -> Tensor:
    """Copy a tensor to a device; where it is there already nothing happens.

    Args:
        x: [...], any dtype.
        device: The name of the device, such as "cpu:0".

    Returns:
        x, on the device.

    Raises:
        ValueError: There is no such device.

    Example:
        >>> penstock.to_device([1.0], "cpu:0").device
        'cpu:0'
    """


to_device.jvp(_tangents.linear)


@to_device.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.to_device(dy, node.inputs[0].device),)


@op(infer="custom_gradient", outputs=-1)
def custom_gradient_(
    tensors: Sequence[TensorLike], num_inputs: int, function: Callable[..., Any]
) -> tuple[Tensor, ...]:
    """Pass the results of a function on, and let another function compute its gradient.

    Args:
        tensors: The arguments of the function, then its results.
        num_inputs: How many of them are arguments.
        function: Called with the gradients of the results; returns those of the arguments.

    Returns:
        The results.

    Raises:
        ValueError: There are no results, or too many.
    """


@custom_gradient_.vjp
def _(node: Node, *grads: Tensor | None) -> Gradients:
    num_inputs = node.attrs["num_inputs"]
    pairs = zip(grads, node.outputs, strict=True)
    given = node.attrs["function"](*[ops.zeros_like(y) if g is None else g for g, y in pairs])
    given = tuple(given) if isinstance(given, tuple | list) else (given,)
    if len(given) != num_inputs:
        raise GraphError(
            f"[custom_gradient] the gradient function returned {len(given)} gradients for {num_inputs} inputs; "
            "return one per tensor argument, None where there is none"
        )
    return (*given, *[None] * len(grads))


@op(infer="cast", broadcasts=True)
def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Convert each element to another dtype; also written `x.astype(dtype)`.

    Floats become integers by dropping the fraction; anything becomes bool by comparing it with zero.

    Args:
        x: [...], any dtype but string.
        dtype: What to convert to.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: x or `dtype` is string.

    Example:
        >>> penstock.cast([1.9, -1.9, 0.0], "int32")
        Tensor([ 1, -1,  0], shape=(3,), dtype=int32)
    """


cast.jvp(_tangents.converted)


@cast.reference
def _(x: Any, dtype: np.dtype[Any]) -> Any:
    if np.iscomplexobj(x) and np.dtype(dtype).kind in "fiu":
        x = x.real
    return x.astype(dtype)


@cast.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.cast(dy, node.inputs[0].dtype),)


@cast.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for source in (*FLOATS, *INTEGERS, "bool"):
        for target in (*FLOATS, *INTEGERS, "bool"):
            yield Sample((array(rng, (3, 4), source, 0, 3), target), label=f"{source} to {target}")
    yield Sample((array(rng, (3,), "complex64"), "complex128"), label="complex")
    yield Sample((array(rng, (), "float32"), "float64"), label="0-d")
    yield Sample((array(rng, (0, 2), "float32"), "int32"), label="empty")


@cast.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2), "float31"), error=TypeError, match="float31")
