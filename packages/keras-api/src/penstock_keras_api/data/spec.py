"""Specs: the shapes and dtypes of a dataset's elements, as far as they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, ShapeError
from penstock.ragged import RaggedTensor
from penstock_keras_api.data import elements

Shape = tuple[int | None, ...] | None


@dataclass(frozen=True, init=False)
class TensorSpec:
    """The shape and dtype of a tensor.

    Args:
        shape: Sizes, None where they differ; None as a whole if the number of axes is unknown.
        dtype: The dtype.
        name: A name.

    >>> from penstock import keras
    >>> keras.data.TensorSpec([None, 3], "float32")
    TensorSpec(shape=(None, 3), dtype=float32, name=None)
    """

    shape: Shape
    dtype: Any
    name: str | None

    def __init__(
        self, shape: Sequence[int | None] | None, dtype: Any = "float32", name: str | None = None
    ) -> None:
        object.__setattr__(self, "shape", None if shape is None else tuple(shape))
        object.__setattr__(self, "dtype", ps.as_dtype(dtype))
        object.__setattr__(self, "name", name)

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name})"

    def is_compatible_with(self, leaf: Any) -> bool:
        """Whether a leaf has this dtype and shape."""
        shape = elements.shape_of(leaf)
        if elements.kind_of(leaf) != str(self.dtype):
            return False
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want is None or want == size for want, size in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, init=False)
class RaggedTensorSpec:
    """The shape and dtype of a ragged tensor.

    Args:
        shape: Sizes, None where they differ.
        dtype: The dtype of the values.
        ragged_rank: How many axes are ragged.
    """

    shape: Shape
    dtype: Any
    ragged_rank: int

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        dtype: Any = "float32",
        ragged_rank: int = 1,
    ) -> None:
        object.__setattr__(self, "shape", None if shape is None else tuple(shape))
        object.__setattr__(self, "dtype", ps.as_dtype(dtype))
        object.__setattr__(self, "ragged_rank", ragged_rank)

    def is_compatible_with(self, leaf: Any) -> bool:
        """Whether a leaf is ragged and has this dtype."""
        return isinstance(leaf, RaggedTensor) and leaf.dtype == self.dtype


@dataclass(frozen=True)
class SparseTensorSpec:
    """The shape and dtype of a sparse tensor."""

    shape: Shape
    dtype: Any

    def is_compatible_with(self, leaf: Any) -> bool:
        """Whether a leaf is sparse and has this dtype."""
        return elements.is_sparse(leaf) and leaf.dtype == self.dtype


@dataclass(frozen=True)
class DatasetSpec:
    """The spec of the elements of a dataset that is an element."""

    element_spec: Any

    def is_compatible_with(self, leaf: Any) -> bool:
        """Whether a leaf is a dataset."""
        return elements.is_opaque(leaf)


SPECS = TensorSpec | RaggedTensorSpec | SparseTensorSpec | DatasetSpec


def spec_of(element: Any) -> Any:
    """Return the spec of an element."""
    return elements.mapped(_of_leaf, element)


def _of_leaf(leaf: Any) -> Any:
    if isinstance(leaf, RaggedTensor):
        rank = leaf.ragged_rank
        inner: Any = tuple(leaf.flat_values.shape[1:]) if hasattr(leaf, "flat_values") else ()
        return RaggedTensorSpec((len(leaf), *[None] * rank, *inner), leaf.dtype, rank)
    if elements.is_sparse(leaf):
        return SparseTensorSpec(tuple(leaf.shape), leaf.dtype)
    if elements.is_opaque(leaf):
        return DatasetSpec(leaf.element_spec)
    if not hasattr(leaf, "dtype") and not isinstance(leaf, str | bytes):
        leaf = ps.asarray(leaf)
    return TensorSpec(elements.shape_of(leaf), elements.kind_of(leaf))


def batched(spec: Any, size: int | None) -> Any:
    """Return the spec of batches."""

    def of(leaf: Any) -> Any:
        if isinstance(leaf, DatasetSpec):
            return leaf
        shape = None if leaf.shape is None else (size, *leaf.shape)
        if isinstance(leaf, RaggedTensorSpec):
            return RaggedTensorSpec(shape, leaf.dtype, leaf.ragged_rank + 1)
        if isinstance(leaf, SparseTensorSpec):
            return SparseTensorSpec(shape, leaf.dtype)
        return TensorSpec(shape, leaf.dtype)

    return elements.mapped(of, spec)


def unbatched(spec: Any) -> Any:
    """Return the spec of a batch's rows."""

    def of(leaf: Any) -> Any:
        shape = None if leaf.shape is None else leaf.shape[1:]
        if isinstance(leaf, RaggedTensorSpec) and leaf.ragged_rank > 1:
            return RaggedTensorSpec(shape, leaf.dtype, leaf.ragged_rank - 1)
        return TensorSpec(shape, leaf.dtype)

    return elements.mapped(of, spec)


def merged(first: Any, second: Any) -> Any:
    """Return a spec that holds for what either one holds for.

    Raises:
        InvalidValueError: The structures differ.
        InvalidTypeError: The dtypes differ.
    """

    def of(pair: list[Any]) -> Any:
        a, b = pair
        if a.dtype != b.dtype:
            raise InvalidTypeError(
                f"[Dataset] got elements of {a.dtype} and of {b.dtype}; cast one of them in map"
            )
        if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
            return TensorSpec(None, a.dtype)
        shape = [m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)]
        if isinstance(a, RaggedTensorSpec):
            return RaggedTensorSpec(shape, a.dtype, a.ragged_rank)
        return type(a)(tuple(shape), a.dtype)

    return elements.zipped(of, [first, second])


def conform(element: Any, spec: Any, where: str) -> Any:
    """Make leaves arrays of a spec's dtypes.

    Raises:
        ShapeError: An element has another structure or shape than the spec.
    """
    try:
        return elements.zipped(lambda pair: _conform_leaf(pair[0], pair[1], where), [element, spec])
    except ValueError as error:
        if str(error).startswith("[Dataset] got elements of diff"):
            raise ShapeError(
                f"[{where}] got {elements.outline(element)}, expected {spec}; mend what is given, or the spec"
            ) from None
        raise


def _conform_leaf(leaf: Any, spec: Any, where: str) -> Any:
    if isinstance(spec, TensorSpec):
        if not isinstance(leaf, ps.Tensor) or leaf.dtype != spec.dtype:
            leaf = elements.as_array(ps.asarray(leaf, dtype=spec.dtype))
        elif leaf.dtype != "bfloat16":
            leaf = leaf.numpy()
    if not spec.is_compatible_with(leaf):
        raise ShapeError(
            f"[{where}] got {elements.kind_of(leaf)} of shape {elements.shape_of(leaf)}, expected {spec}; mend what is "
            "given, or the spec"
        )
    return leaf
