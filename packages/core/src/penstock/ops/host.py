"""Functions of the host as nodes of a graph."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike


@op(infer="host_call", outputs=-1, effects="io", host_only=True)
def host_call_(
    tensors: Sequence[TensorLike],
    function: Callable[..., Any],
    dtypes: str,
    ranks: Ints,
    sizes: ShapeLike,
) -> tuple[Tensor, ...]:
    """Call a Python function with arrays; `penstock.numpy_function` is the door.

    Args:
        tensors: [...] each, any dtype; the function gets NumPy arrays.
        function: Returns an array, or a tuple of arrays.
        dtypes: A code for each output, such as "f32,i64".
        ranks: The number of dimensions of each output.
        sizes: The sizes of all outputs, one after the other.

    Returns:
        What the function returns.

    Raises:
        TypeError: `dtypes` does not name a dtype for each output.
        ValueError: There are too few sizes, or the function returns another shape.

    Example:
        >>> penstock.ops.host_call_([[1.0, 4.0]], np.sqrt, "f32", [1], [2])
        (Tensor([1., 2.], shape=(2,), dtype=float32),)
    """


host_call_.not_differentiable("Penstock cannot look into a Python function; see custom_gradient")


@host_call_.reference
def _(*arrays: Any, function: Callable[..., Any], dtypes: str, ranks: Any, sizes: Any) -> Any:
    return function(
        *map(np.array, arrays)
    )  # copies: it may keep them, the runtime uses its memory again


def _halves(x: Any) -> Any:
    return x / 2, np.asarray(x.size)


@host_call_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for shape in [(3, 4), (), (0, 2)]:
        x = array(rng, shape)
        yield Sample(
            ([x], _halves, "f32,i64", (len(shape), 0), shape), label=f"two outputs {shape}"
        )
    big, row = array(rng, (1000, 70)), array(rng, (70,))
    yield Sample(([big, row], np.add, "f32", (2,), (1000, 70)), label="large")
    yield Sample(([array(rng, (4, 3)).T], np.abs, "f32", (2,), (3, 4)), label="not contiguous")


@host_call_.rejects
def _() -> Iterator[Reject]:
    one = np.float32(1)
    yield Reject(([one], np.abs, "f99", (0,), ()), error=TypeError, match="such as 'f32,i64'")
    yield Reject(([one], np.abs, "f32", (0, 0), ()), error=TypeError, match="a code for each of 2")
    yield Reject(([one], np.abs, "f32", (2,), (3,)), match="one after the other")
