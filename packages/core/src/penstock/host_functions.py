"""`numpy_function`: a Python function as a step of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, dtypes, ops
from penstock._native import Tensor
from penstock.errors import InvalidValueError
from penstock.ops import asarray

if TYPE_CHECKING:
    from penstock.annotations import DTypeLike, TensorLike


def numpy_function(
    func: Callable[..., Any],
    inp: Sequence[TensorLike],
    Tout: DTypeLike | Sequence[DTypeLike],
    shapes: Sequence[Any] | None = None,
) -> Any:
    """Call a Python function with NumPy arrays, at once or whenever the graph runs.

    It runs on the host, once for every run, also when nobody looks at its result. Gradients stop here:
    `penstock.custom_gradient` gives one.

    Args:
        func: Gets an array for each of `inp` and returns an array for each of `Tout`. Strings arrive as objects of
            bytes.
        inp: [...] each, any dtype.
        Tout: The dtype of the result, or a list of dtypes of several.
        shapes: The shape of the result, or of each. Needed while a graph is built.

    Returns:
        A tensor, or a list of tensors if `Tout` is a list.

    Raises:
        InvalidValueError: A graph is built and there are no shapes, or not one for each result.
        ValueError: The function returned another number of arrays, or another shape.
        Exception: What the function raised, as the cause of ours.

    >>> import penstock as ps, numpy as np
    >>> numpy_function(np.cumsum, [[1.0, 2.0]], "float32")
    Tensor([1., 3.], shape=(2,), dtype=float32)
    >>> f = ps.function(lambda x: 2 * numpy_function(np.cumsum, [x], "float32", [(2,)]))
    >>> f(ps.ones((2,)))
    Tensor([2., 4.], shape=(2,), dtype=float32)
    """
    several = isinstance(Tout, list | tuple)
    each: Any = Tout if several else [Tout]
    kinds = [dtypes.as_dtype(kind) for kind in each]
    tensors = [asarray(x) for x in inp]
    building = _native.current_graph() is not None or any(t.is_symbolic for t in tensors)
    if shapes is not None:
        wanted = list(shapes) if several or _is_nested(shapes) else [shapes]
        results = call(func, tensors, [k.code for k in kinds], wanted)
    elif building:
        raise InvalidValueError(
            "[numpy_function] a graph is being built, which must know the shapes of the results: shapes=[(2, 3)]"
        )
    else:
        found = func(*(np.array(t.numpy()) for t in tensors))  # copies, as in a graph
        arrays = list(found) if isinstance(found, tuple) else [found]
        _check_count(len(arrays), len(kinds))
        results = [asarray(np.asarray(a), dtype=k) for a, k in zip(arrays, kinds, strict=True)]
    return results if several else results[0]


def call(
    func: Callable[..., Any], tensors: Sequence[Tensor], codes: Sequence[str], shapes: Sequence[Any]
) -> list[Tensor]:
    """Call a function of arrays by the op that graphs have for it.

    Args:
        func: Returns an array, or a tuple of arrays.
        tensors: What it gets.
        codes: The code of each result's dtype, such as "f32".
        shapes: Their shapes.

    Returns:
        The results.

    Raises:
        InvalidValueError: There is not one shape for each result.
    """
    _check_count(len(shapes), len(codes))
    sizes = [size for shape in shapes for size in shape]
    return list(
        ops.host_call_(
            list(tensors), func, ",".join(codes), [len(shape) for shape in shapes], sizes
        )
    )


def _is_nested(shapes: Sequence[Any]) -> bool:
    return any(isinstance(item, list | tuple) for item in shapes)


def _check_count(found: int, wanted: int) -> None:
    if found != wanted:
        raise InvalidValueError(
            f"[numpy_function] got {found} for {wanted} results; give one for each dtype of Tout"
        )


__all__ = ["numpy_function"]
