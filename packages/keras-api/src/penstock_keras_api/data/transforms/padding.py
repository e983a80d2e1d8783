"""`padded_batch`, `ragged_batch`, `sparse_batch`, `bucket_by_sequence_length`: batches of elements of different sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import UNKNOWN, Node, scaled
from penstock_keras_api.data.stream import Derived, Stream
from penstock_keras_api.data.transforms.batch import positive
from penstock_keras_api.data.user_function import UserFunction


class PaddedBatchNode(Node):
    """Batches in which shorter elements are filled up.

    Args:
        source: Whose elements.
        size: How many in a batch.
        shapes: What to fill up to, like an element; None sizes take the longest of a batch. None for all of them.
        values: What to fill with, like an element; None is 0, or an empty string.
        drop_remainder: Whether a last batch of fewer elements is left out.
    """

    def __init__(
        self, source: Node, size: int, shapes: Any, values: Any, drop_remainder: bool
    ) -> None:
        super().__init__(source)
        self.size = positive(size, "batch_size", "padded_batch")
        self.shapes, self.values, self.drop_remainder = shapes, values, bool(drop_remainder)

    def stream(self) -> PaddedBatchStream:
        """Begin a pass."""
        return PaddedBatchStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Return how many batches there are."""
        size, drop = self.size, self.drop_remainder
        return scaled(self.inputs[0].length(), lambda n: n // size if drop else -(-n // size))

    def make_spec(self) -> Any:
        """Return the spec of batches: sizes that are filled up vary."""
        size = self.size if self.drop_remainder else None

        def of(leaf: Any, shape: Any) -> Any:
            rank = len(leaf.shape) if leaf.shape is not None else 0
            inner = [None] * rank if shape is None else list(shape)
            return specs.TensorSpec((size, *(n if n != -1 else None for n in inner)), leaf.dtype)

        return with_leaves(of, self.inputs[0].element_spec, self.shapes)


def with_leaves(fn: Callable[[Any, Any], Any], element: Any, given: Any) -> Any:
    """Call a function with every leaf and what was given for it; one thing may be given for all."""
    if isinstance(element, dict):
        many = isinstance(given, dict)
        return {k: with_leaves(fn, v, given[k] if many else given) for k, v in element.items()}
    if isinstance(element, tuple):
        nested = isinstance(given, tuple) and len(given) == len(element)
        if nested and not all(
            part is None
            or isinstance(part, tuple | list | dict | int | float | str | bytes)
            or hasattr(part, "dtype")
            for part in given
        ):
            nested = False
        made = [
            with_leaves(fn, part, given[i] if nested else given) for i, part in enumerate(element)
        ]
        return tuple(made) if type(element) is tuple else type(element)(*made)
    return fn(element, given)


class PaddedBatchStream(Derived):
    """A pass over filled batches."""

    kind = "padded_batch"

    def __init__(self, node: PaddedBatchNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node

    def __next__(self) -> Any:
        node = self._node
        found = self._input.take(node.size)
        if not found or (node.drop_remainder and len(found) < node.size):
            raise StopIteration
        return padded(found, node.shapes, node.values)

    def advance(self, count: int) -> int:
        """Go over batches."""
        size = self._node.size
        gone = self._input.advance(count * size)
        return gone // size if self._node.drop_remainder else -(-gone // size)


def padded(found: list[Any], shapes: Any = None, values: Any = None) -> Any:
    """Stack elements, the smaller ones filled up."""
    columns = elements.zipped(_Column, found)
    shaped = with_leaves(lambda column, shape: column.shaped(shape), columns, shapes)
    return with_leaves(lambda column, value: column.filled(value), shaped, values)


class _Column:
    """The leaves of one place in a batch's elements."""

    def __init__(self, parts: list[Any]) -> None:
        self.arrays = [np.asarray(elements.as_array(part)) for part in parts]
        self.shape: tuple[int, ...] = ()

    def shaped(self, wanted: Any) -> _Column:
        """Find out the shape that all get."""
        ranks = {a.ndim for a in self.arrays}
        if len(ranks) != 1:
            raise ShapeError(
                f"[padded_batch] got elements with {' and '.join(map(str, sorted(ranks)))} axes; give all of them as many"
            )
        longest = np.max([a.shape for a in self.arrays], axis=0).astype(int).tolist()
        given = [None] * len(longest) if wanted is None else list(wanted)
        if len(given) != len(longest):
            raise ShapeError(
                f"[padded_batch] got padded_shapes={wanted!r} for elements of {len(longest)} axes; give a size for each "
                "axis, None for the longest"
            )
        for want, have in zip(given, longest, strict=True):
            if want not in (None, -1) and have > want:
                raise ShapeError(
                    f"[padded_batch] an element has size {have} where padded_shapes says {want}; give at least {have}, or "
                    "None for the longest"
                )
        pairs = zip(given, longest, strict=True)
        self.shape = tuple(have if want in (None, -1) else int(want) for want, have in pairs)
        return self

    def filled(self, value: Any) -> Any:
        """Stack the leaves, filled with a value."""
        dtype = self.arrays[0].dtype
        shape = (len(self.arrays), *self.shape)
        if dtype.kind == "O":
            rows: Any = np.full(shape, b"" if value is None else _bytes(value), object)
            out = rows
        else:
            out, rows = elements.fresh(shape, dtype)
            rows[...] = 0 if value is None else np.asarray(elements.as_array(value))
        for row, array in zip(rows, self.arrays, strict=True):
            if array.ndim:
                row[tuple(slice(n) for n in array.shape)] = array
        if not self.shape:
            rows[...] = [a[()] for a in self.arrays]
        return out


def _bounded(leaf: Any, shape: Any, bound: int) -> list[int | None]:
    """Fill the first axis, along which lengths are counted, up to a bound."""
    sizes: list[int | None] = (
        [None] * len(elements.shape_of(leaf)) if shape is None else list(shape)
    )
    if sizes and sizes[0] in (None, -1):
        sizes[0] = bound
    return sizes


def _bytes(value: Any) -> bytes:
    value = value.item() if hasattr(value, "item") else value
    return value.encode() if isinstance(value, str) else bytes(value)


class RaggedBatchNode(Node):
    """Batches as ragged, or sparse, tensors.

    Args:
        source: Whose elements.
        size: How many in a batch.
        drop_remainder: Whether a last batch of fewer elements is left out.
        dense_shape: For sparse tensors, the shape of each element; None for ragged ones.
    """

    def __init__(
        self, source: Node, size: int, drop_remainder: bool, dense_shape: Sequence[Any] | None
    ) -> None:
        super().__init__(source)
        where = "ragged_batch" if dense_shape is None else "sparse_batch"
        self.size = positive(size, "batch_size", where)
        self.drop_remainder, self.dense_shape = bool(drop_remainder), dense_shape

    def stream(self) -> RaggedBatchStream:
        """Begin a pass."""
        return RaggedBatchStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Return how many batches there are."""
        size, drop = self.size, self.drop_remainder
        return scaled(self.inputs[0].length(), lambda n: n // size if drop else -(-n // size))

    def make_spec(self) -> Any:
        """Return the spec of batches."""
        size = self.size if self.drop_remainder else None
        sparse = self.dense_shape is not None

        def of(leaf: Any) -> Any:
            if sparse:
                return specs.SparseTensorSpec((size, *(self.dense_shape or ())), leaf.dtype)
            if isinstance(leaf, specs.TensorSpec) and not leaf.shape:
                return specs.TensorSpec((size,), leaf.dtype)
            return specs.RaggedTensorSpec((size, None, *leaf.shape[1:]), leaf.dtype)

        return elements.mapped(of, self.inputs[0].element_spec)


class RaggedBatchStream(Derived):
    """A pass over ragged batches."""

    kind = "ragged_batch"

    def __init__(self, node: RaggedBatchNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node

    def __next__(self) -> Any:
        node = self._node
        found = self._input.take(node.size)
        if not found or (node.drop_remainder and len(found) < node.size):
            raise StopIteration
        make = _ragged if node.dense_shape is None else self._sparse
        return elements.zipped(make, found)

    def _sparse(self, parts: list[Any]) -> Any:
        dense = _Column(parts).shaped(self._node.dense_shape).filled(None)
        return ps.sparse.from_dense(ps.asarray(dense)).to_coo()


def _ragged(parts: list[Any]) -> Any:
    arrays = [elements.as_array(part) for part in parts]
    if not np.asarray(arrays[0]).ndim and not hasattr(arrays[0], "row_splits"):
        return elements.stacked(parts, "ragged_batch")
    if hasattr(arrays[0], "row_splits"):
        return ps.ragged.stack(arrays)
    values = np.concatenate(arrays)
    return ps.ragged.from_row_lengths(ps.asarray(values), [len(a) for a in arrays])


class BucketNode(Node):
    """Padded batches of elements of similar length.

    Args:
        source: Whose elements.
        length_of: Returns an element's length.
        bounds: The lengths at which a new bucket begins.
        sizes: How many elements a batch of each bucket has; one more than bounds.
        shapes: What to fill up to.
        values: What to fill with.
        to_bound: Whether batches are filled up to the bucket's greatest length.
        no_padding: Whether nothing is filled up; elements of a batch must have one length.
        drop_remainder: Whether batches of fewer elements at the end are left out.

    Raises:
        InvalidValueError: There is not one size more than bounds, or bounds do not rise.
    """

    def __init__(
        self,
        source: Node,
        length_of: Callable[..., Any],
        bounds: Sequence[int],
        sizes: Sequence[int],
        shapes: Any,
        values: Any,
        to_bound: bool,
        no_padding: bool,
        drop_remainder: bool,
    ) -> None:
        super().__init__(source)
        if len(sizes) != len(bounds) + 1 or list(bounds) != sorted(set(bounds)):
            raise InvalidValueError(
                f"[bucket_by_sequence_length] got {len(bounds)} bucket_boundaries and {len(sizes)} bucket_batch_sizes; give "
                "boundaries that rise, and one size more than there are boundaries"
            )
        self.length_of = UserFunction(length_of, "bucket_by_sequence_length")
        self.bounds, self.sizes = list(bounds), [int(n) for n in sizes]
        self.shapes, self.values = shapes, values
        self.to_bound, self.no_padding, self.drop_remainder = to_bound, no_padding, drop_remainder

    def stream(self) -> BucketStream:
        """Begin a pass."""
        return BucketStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        length = self.inputs[0].length()
        return length if length < 0 else UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of batches."""
        node = PaddedBatchNode(self.inputs[0], 1, self.shapes, self.values, False)
        return node.element_spec


class BucketStream(Derived):
    """A pass over batches of similar lengths. Its position holds the elements that wait, by replay."""

    kind = "bucket"

    def __init__(self, node: BucketNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._base = source.state()
        self._given = 0
        self._begin()

    def _begin(self) -> None:
        self._buckets: list[list[Any]] = [[] for _ in self._node.sizes]
        self._pulled = 0
        self._ended = False

    def __next__(self) -> Any:
        while True:
            full = self._pull()
            if full is not None:
                number, found = full
                self._given += 1
                return self._made(number, found)

    def _pull(self) -> tuple[int, list[Any]] | None:
        """Put an element into its bucket; return the bucket if it is full."""
        node = self._node
        if not self._ended:
            try:
                element = next(self._input)
            except StopIteration:
                self._ended = True
                return None
            length = int(np.asarray(elements.as_array(node.length_of(element, self._pulled))))
            self._pulled += 1
            number = int(np.searchsorted(node.bounds, length, side="right"))
            bucket = self._buckets[number]
            bucket.append(element)
            if len(bucket) < node.sizes[number]:
                return None
            self._buckets[number] = []
            return number, bucket
        for number, bucket in enumerate(self._buckets):
            if bucket and not node.drop_remainder:
                self._buckets[number] = []
                return number, bucket
        raise StopIteration

    def _made(self, number: int, found: list[Any]) -> Any:
        node = self._node
        if node.no_padding:
            return elements.stack(found, "bucket_by_sequence_length")
        shapes = node.shapes
        if node.to_bound:
            if number == len(node.bounds):
                raise InvalidValueError(
                    "[bucket_by_sequence_length] pad_to_bucket_boundary=True, and an element is longer than the last "
                    "boundary; add a boundary above the greatest length"
                )
            bound = node.bounds[number] - 1
            shapes = with_leaves(
                lambda leaf, shape: _bounded(leaf, shape, bound), found[0], node.shapes
            )
        return padded(found, shapes, node.values)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "given": self._given, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the beginning, and sort elements into buckets again."""
        self._base = self.check(state)["input"]
        self._input.restore(self._base)
        self._begin()
        self._given = int(state["given"])
        left = self._given
        while left:
            left -= self._pull() is not None
