"""What makes batches and windows of elements: a part of `Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock_keras_api.data.node import Node
from penstock_keras_api.data.sourcing import Sourcing
from penstock_keras_api.data.transforms.batch import BatchNode, UnbatchNode, rebatched
from penstock_keras_api.data.transforms.padding import BucketNode, PaddedBatchNode, RaggedBatchNode
from penstock_keras_api.data.transforms.window import GroupNode, WindowNode

if TYPE_CHECKING:
    from penstock_keras_api.data.dataset import Dataset


class Batching(Sourcing):
    """Methods of `Dataset` that put several elements together, or take them apart."""

    _node: Node

    def _with(self, node: Node) -> Dataset:
        raise NotImplementedError

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Stack elements.

        Args:
            batch_size: How many.
            drop_remainder: Whether a last batch of fewer elements is left out.
            num_parallel_calls: Kept for compatibility: stacking is one copy.
            deterministic: Kept for compatibility.
            name: A name.

        Returns:
            A dataset of batches. Of arrays in memory, batches are views; shuffled, they are gathered in one go.

        Raises:
            InvalidValueError: The size is below 1.
            ShapeError: Elements have different shapes; told when they come.

        >>> from penstock import keras
        >>> [x.tolist() for x in keras.data.Dataset.range(5).batch(2)]
        [[0, 1], [2, 3], [4]]
        """
        return self._with(BatchNode(self._node, batch_size, drop_remainder))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Stack elements of different sizes, the smaller ones filled up.

        Args:
            batch_size: How many.
            padded_shapes: What to fill up to, like an element; sizes None or -1 take the longest of each batch. None for
                all sizes.
            padding_values: What to fill with, like an element; 0 and "" by default.
            drop_remainder: Whether a last batch of fewer elements is left out.
            name: A name.

        Returns:
            A dataset of batches.

        Raises:
            InvalidValueError: The size is below 1.
            ShapeError: An element is larger than `padded_shapes`; told when it comes.

        >>> from penstock import keras
        >>> rows = keras.data.Dataset.from_tensor_slices([[1], [2, 3]])
        >>> [x.tolist() for x in rows.padded_batch(2, padding_values=-1)]
        [[[1, -1], [2, 3]]]
        """
        return self._with(
            PaddedBatchNode(self._node, batch_size, padded_shapes, padding_values, drop_remainder)
        )

    def ragged_batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        row_splits_dtype: Any = "int64",
        name: str | None = None,
    ) -> Dataset:
        """Put elements of different lengths into ragged tensors.

        Args:
            batch_size: How many.
            drop_remainder: Whether a last batch of fewer elements is left out.
            row_splits_dtype: Kept for compatibility.
            name: A name.

        Returns:
            A dataset of batches.

        Raises:
            InvalidValueError: The size is below 1.

        >>> from penstock import keras
        >>> rows = keras.data.Dataset.from_tensor_slices([[1], [2, 3]])
        >>> [x.tolist() for x in rows.ragged_batch(2)]
        [[[1], [2, 3]]]
        """
        return self._with(RaggedBatchNode(self._node, batch_size, drop_remainder, None))

    def sparse_batch(
        self, batch_size: int, row_shape: Sequence[Any], name: str | None = None
    ) -> Dataset:
        """Put elements of different sizes into sparse tensors.

        Args:
            batch_size: How many.
            row_shape: The shape of each row; None for the longest.
            name: A name.

        Returns:
            A dataset of batches.

        Raises:
            InvalidValueError: The size is below 1.

        >>> from penstock import keras
        >>> rows = keras.data.Dataset.from_tensor_slices([[1], [2, 3]])
        >>> [x.to_dense().tolist() for x in rows.sparse_batch(2, [4])]
        [[[1, 0, 0, 0], [2, 3, 0, 0]]]
        """
        return self._with(RaggedBatchNode(self._node, batch_size, False, list(row_shape)))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Make padded batches of elements of similar length.

        Args:
            element_length_func: Returns an element's length.
            bucket_boundaries: The lengths at which a new bucket begins.
            bucket_batch_sizes: How many elements a batch of each bucket has; one more than boundaries.
            padded_shapes: As in `padded_batch`.
            padding_values: As in `padded_batch`.
            pad_to_bucket_boundary: Whether to fill up to the greatest length of the bucket.
            no_padding: Whether nothing is filled up.
            drop_remainder: Whether batches of fewer elements at the end are left out.
            name: A name.

        Returns:
            A dataset of batches.

        Raises:
            InvalidValueError: Boundaries do not rise, or there is not one size more.

        >>> from penstock import keras
        >>> rows = keras.data.Dataset.from_tensor_slices([[1], [2, 3, 4], [5], [6, 7]])
        >>> data = rows.bucket_by_sequence_length(lambda x: x.shape[0], [2], [2, 2])
        >>> [x.tolist() for x in data]
        [[[1], [5]], [[2, 3, 4], [6, 7, 0]]]
        """
        return self._with(
            BucketNode(
                self._node, element_length_func, bucket_boundaries, bucket_batch_sizes,
                padded_shapes, padding_values, pad_to_bucket_boundary, no_padding, drop_remainder,
            )
        )  # fmt: skip

    def unbatch(self, name: str | None = None) -> Dataset:
        """Take the rows of elements.

        Raises:
            ShapeError: Parts have different numbers of rows; told when they come.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(3).batch(2).unbatch()]
        [0, 1, 2]
        """
        return self._with(UnbatchNode(self._node))

    def rebatch(
        self, batch_size: Any, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Make batches of another size of batches.

        Args:
            batch_size: How many rows; a list of numbers is gone through again and again.
            drop_remainder: Whether a last batch of fewer rows is left out.
            name: A name.

        Returns:
            A dataset of batches.

        Raises:
            InvalidValueError: A size is below 1.

        >>> from penstock import keras
        >>> [x.tolist() for x in keras.data.Dataset.range(6).batch(2).rebatch(3)]
        [[0, 1, 2], [3, 4, 5]]
        """
        return self._with(rebatched(self._node, batch_size, drop_remainder))

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Move a window over the elements.

        Args:
            size: How many elements a window has.
            shift: How far the next one begins; None for `size`.
            stride: The distance of a window's elements.
            drop_remainder: Whether windows of fewer elements are left out.
            name: A name.

        Returns:
            A dataset of windows, which are datasets; of elements with parts, each part is one.

        Raises:
            InvalidValueError: A number is below 1.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.range(5).window(3, shift=1, drop_remainder=True)
        >>> [x.tolist() for x in data.flat_map(lambda window: window.batch(3))]
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        return self._with(WindowNode(self._node, size, shift, stride, drop_remainder, self._with))

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: int | None = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Gather elements of one key in windows, and make a dataset of each.

        Args:
            key_func: Returns an element's key, a whole number.
            reduce_func: Gets a key and a window, which is a dataset; returns a dataset.
            window_size: How many elements a window has.
            window_size_func: Returns the number for a key.
            name: A name.

        Returns:
            A dataset of the elements of the datasets that `reduce_func` returned.

        Raises:
            InvalidValueError: Not one of `window_size` and `window_size_func` is given.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.range(7).group_by_window(
        ...     lambda x: x % 2, lambda key, window: window.batch(2), window_size=2
        ... )
        >>> [x.tolist() for x in data]
        [[0, 2], [1, 3], [4, 6], [5]]
        """
        return self._with(
            GroupNode(self._node, key_func, reduce_func, window_size, window_size_func, self._with)
        )

    # ---- order and number
