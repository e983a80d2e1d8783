"""`Dataset`: elements, and how they are made."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.data import saving
from penstock_keras_api.data.batching import Batching
from penstock_keras_api.data.iterator import DatasetIterator, NumpyIterator
from penstock_keras_api.data.node import INFINITE, UNKNOWN, Node, NoElementError, walk
from penstock_keras_api.data.options import AUTOTUNE, Options
from penstock_keras_api.data.sources.files import write_records
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.transforms.cache import CacheNode
from penstock_keras_api.data.transforms.combine import ConcatenateNode, check_datasets
from penstock_keras_api.data.transforms.filters import (
    FilterNode,
    IgnoreErrorsNode,
    UniqueNode,
)
from penstock_keras_api.data.transforms.flat_map import InterleaveNode
from penstock_keras_api.data.transforms.map import MapNode
from penstock_keras_api.data.transforms.prefetch import PrefetchNode
from penstock_keras_api.data.transforms.repeat import RepeatNode
from penstock_keras_api.data.transforms.resample import resampled
from penstock_keras_api.data.transforms.scan import ScanNode, reduced
from penstock_keras_api.data.transforms.select import EnumerateNode, sharded, skipped, taken
from penstock_keras_api.data.transforms.shuffle import ShuffleNode


class Dataset(Batching):
    """Elements, and how they are made. Methods return new datasets; nothing is made before somebody iterates.

    An element is a tensor, or tensors in tuples and dictionaries. Names and order of arguments are those of tf.data.

    Args:
        node: What makes the elements; use `from_tensor_slices` and the like instead.
        options: How it runs.

    >>> from penstock import keras
    >>> data = keras.data.Dataset.from_tensor_slices([1.0, 2.0, 3.0]).map(lambda x: x * 2).batch(2)
    >>> [batch.tolist() for batch in data]
    [[2.0, 4.0], [6.0]]
    """

    def __init__(self, node: Node, options: Options | None = None) -> None:
        self._node = node
        self._options = options or Options()

    def _with(self, node: Node) -> Dataset:
        return Dataset(node, self._options)

    def _stream(self) -> Stream:
        return self._node.stream()

    # ---- looking

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self)

    def __len__(self) -> int:
        """Return how many elements there are.

        Raises:
            InvalidTypeError: There is no end, or nobody knows.
        """
        length = self._node.length()
        if length == INFINITE:
            raise InvalidTypeError(
                "[len] the dataset has no end; use take(n), or steps_per_epoch=n in fit"
            )
        if length == UNKNOWN:
            raise InvalidTypeError(
                "[len] nobody knows how many elements there are before they are made; count them: "
                "data.reduce(0, lambda n, _: n + 1)"
            )
        return length

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Dataset of {self._node.element_spec}>"

    def cardinality(self) -> int:
        """Return how many elements there are; -1 if there is no end, -2 if nobody knows.

        >>> from penstock import keras
        >>> keras.data.Dataset.range(5).batch(2).cardinality()
        3
        """
        return self._node.length()

    @property
    def element_spec(self) -> Any:
        """The shapes and dtypes of elements. Where only a function knows, it is called with the first element.

        >>> from penstock import keras
        >>> keras.data.Dataset.range(5).batch(2).element_spec
        TensorSpec(shape=(None,), dtype=int64, name=None)
        """
        return self._node.element_spec

    def as_numpy_iterator(self) -> NumpyIterator:
        """Iterate over elements as NumPy arrays, scalars and bytes.

        >>> from penstock import keras
        >>> list(keras.data.Dataset.range(2).as_numpy_iterator())
        [np.int64(0), np.int64(1)]
        """
        return NumpyIterator(self)

    def get_single_element(self, name: str | None = None) -> Any:
        """Return the only element.

        Raises:
            InvalidValueError: There is none, or more than one.

        >>> from penstock import keras
        >>> keras.data.Dataset.range(4).batch(4).get_single_element().tolist()
        [0, 1, 2, 3]
        """
        with DatasetIterator(self) as found:
            some = [element for element, _ in zip(found, builtins.range(2), strict=False)]
        if len(some) != 1:
            raise InvalidValueError(
                f"[get_single_element] the dataset has {'no element' if not some else 'more than one element'}; expected "
                "one: use take(1), or batch(n)"
            )
        return some[0]

    def reduce(
        self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None
    ) -> Any:
        """Bring all elements into one.

        Args:
            initial_state: What the first call gets.
            reduce_func: Gets a state and an element, and returns the next state.
            name: A name.

        Returns:
            The last state.

        Raises:
            InvalidTypeError: The function returned a state of another structure or dtype.

        >>> from penstock import keras
        >>> keras.data.Dataset.range(5).reduce(0, lambda total, x: total + x).item()
        10
        """
        return reduced(self._node, initial_state, reduce_func)

    # ---- position

    def get_state(self) -> dict[str, Any]:
        """Return what changes from pass to pass: epochs of shuffles, seeds. Iterators have positions of their own."""
        return {"nodes": [node.get_own_state() for node in walk(self._node)]}

    def set_state(self, state: Any) -> None:
        """Set what `get_state` of an equal dataset returned; the next pass is as that one's would have been.

        Raises:
            InvalidValueError: It is of another dataset.
        """
        nodes = list(walk(self._node))
        found = state.get("nodes") if isinstance(state, dict) else None
        if not isinstance(found, list) or len(found) != len(nodes):
            raise InvalidValueError(
                "[set_state] the state is of another dataset; build the dataset as it was when the state was taken"
            )
        for node, own in zip(nodes, found, strict=True):
            if own is not None:
                node.set_own_state(own)

    # ---- options

    def options(self) -> Options:
        """Return how the dataset runs."""
        return self._options

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """Return a dataset whose further transformations run otherwise.

        Args:
            options: Bounds for threads and memory, and whether order matters.
            name: A name.

        Returns:
            A dataset.

        Raises:
            InvalidTypeError: These are no options.

        >>> from penstock import keras
        >>> options = keras.data.Options()
        >>> options.threading.private_threadpool_size = 2
        >>> data = keras.data.Dataset.range(3).with_options(options).map(lambda x: x, keras.data.AUTOTUNE)
        """
        if not isinstance(options, Options):
            raise InvalidTypeError(
                f"[with_options] got {type(options).__name__}; give keras.data.Options()"
            )
        return Dataset(self._node, options)

    def apply(self, transformation_func: Callable[[Dataset], Any]) -> Any:
        """Return what a function makes of the dataset.

        >>> from penstock import keras
        >>> len(keras.data.Dataset.range(10).apply(lambda data: data.batch(3)))
        4
        """
        return transformation_func(self)

    # ---- functions of elements

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
        *,
        processes: int = 0,
        compiled: bool | None = None,
    ) -> Dataset:
        """Call a function of each element.

        A function of tensors is traced and runs compiled; before a `batch` of data in memory it is called once for the
        batch, if that gives the same bits. Like in tf.data, what it does besides, it then does only once. A function that
        asks for values, calls other libraries, or draws Python's or NumPy's random numbers is called as it is. Random
        numbers of `penstock.random` differ from element to element and epoch to epoch, and do not depend on threads.

        Args:
            map_func: Gets an element, a tuple's parts as arguments; returns an element.
            num_parallel_calls: How many calls may run at once, in threads; AUTOTUNE for one for each core.
            deterministic: Whether results keep the order of elements; None as the options say.
            synchronous: Kept for compatibility.
            use_unbounded_threadpool: Kept for compatibility.
            name: A name.
            processes: How many processes call the function instead of threads: for Python functions that compute.
            compiled: True or False to say whether the function is traced; None to find out.

        Returns:
            A dataset of what the function returns.

        Raises:
            InvalidTypeError: `map_func` cannot be called.
            InvalidValueError: A number is out of range, or `compiled` is True and the function cannot be traced.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.range(3).map(lambda x: (x, x * x), num_parallel_calls=2)
        >>> [(int(a), int(b)) for a, b in data]
        [(0, 0), (1, 1), (2, 4)]
        """
        return self._with(
            MapNode(
                self._node, map_func, num_parallel_calls, deterministic, processes, compiled,
                self._options,
            )
        )  # fmt: skip

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Keep the elements for which a function says yes.

        Raises:
            InvalidTypeError: It cannot be called, or returns something but one truth value.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(6).filter(lambda x: x % 2 == 0)]
        [0, 2, 4]
        """
        return self._with(FilterNode(self._node, predicate))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """End before the first element for which a function says no.

        Raises:
            InvalidTypeError: It cannot be called, or returns something but one truth value.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(6).take_while(lambda x: x < 3)]
        [0, 1, 2]
        """
        return self._with(FilterNode(self._node, predicate, until_no=True))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Make a dataset of each element, and go through one after the other.

        Args:
            map_func: Gets an element, and returns a dataset.
            name: A name.

        Returns:
            A dataset of their elements.

        Raises:
            InvalidTypeError: It cannot be called, or returns something else.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.range(1, 3).flat_map(lambda n: keras.data.Dataset.range(n.item()))
        >>> [int(x) for x in data]
        [0, 0, 1]
        """
        node = InterleaveNode(self._node, map_func, 1, 1, 0, self._options, "flat_map")
        return self._with(node)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Make a dataset of each element, and go through several in turn.

        Args:
            map_func: Gets an element, and returns a dataset.
            cycle_length: How many datasets take turns; None or AUTOTUNE for one for each core.
            block_length: How many elements a turn has; 1 by default.
            num_parallel_calls: Whether datasets run ahead, each in a thread of its own.
            deterministic: Kept for compatibility: turns are always in order.
            name: A name.

        Returns:
            A dataset of their elements.

        Raises:
            InvalidTypeError: `map_func` cannot be called, or returns something else.
            InvalidValueError: A number is below 1.

        >>> from penstock import keras
        >>> make = lambda n: keras.data.Dataset.from_tensors(n).repeat(3)
        >>> data = keras.data.Dataset.range(1, 4).interleave(make, cycle_length=2, block_length=2)
        >>> [int(x) for x in data]
        [1, 1, 2, 2, 1, 2, 3, 3, 3]
        """
        threads = self._options.threads(num_parallel_calls, "interleave")
        automatic = cycle_length is None or cycle_length == AUTOTUNE
        cycle = self._options.threads(AUTOTUNE, "interleave") if automatic else cycle_length
        assert cycle is not None
        node = InterleaveNode(
            self._node, map_func, cycle, 1 if block_length is None else block_length, threads,
            self._options, "interleave",
        )  # fmt: skip
        return self._with(node)

    def scan(
        self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None
    ) -> Dataset:
        """Call a function of a state and each element.

        Args:
            initial_state: What the first call gets.
            scan_func: Returns the next state, and an element.
            name: A name.

        Returns:
            A dataset of what the function returns second.

        Raises:
            InvalidTypeError: It cannot be called, or returns no pair.

        >>> from penstock import keras
        >>> sums = keras.data.Dataset.range(1, 5).scan(0, lambda total, x: (total + x, total + x))
        >>> [int(x) for x in sums]
        [1, 3, 6, 10]
        """
        return self._with(ScanNode(self._node, initial_state, scan_func))

    # ---- batches

    def shuffle(
        self,
        buffer_size: int | None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Draw elements out of a buffer, in random order.

        Args:
            buffer_size: How many elements the buffer has; None for all.
            seed: Where the order comes from; None takes a random seed.
            reshuffle_each_iteration: Whether every pass has another order; None for yes.
            name: A name.

        Returns:
            A dataset of the same elements.

        Raises:
            InvalidValueError: The buffer is empty, or must hold a dataset without end.

        >>> from penstock import keras
        >>> sorted(int(x) for x in keras.data.Dataset.range(5).shuffle(5, seed=1))
        [0, 1, 2, 3, 4]
        """
        fresh = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        return self._with(ShuffleNode(self._node, buffer_size, seed, fresh))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Go through the elements so many times; None or -1 for ever.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
        """
        return self._with(RepeatNode(self._node, count))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Take the first elements; -1 for all.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(5).take(2)]
        [0, 1]
        """
        return self._with(taken(self._node, int(count)))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Leave the first elements out; -1 for all.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(5).skip(3)]
        [3, 4]
        """
        return self._with(skipped(self._node, int(count)))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Take every nth element.

        Args:
            num_shards: How many shards there are.
            index: Which one to take, from 0.
            name: A name.

        Returns:
            A dataset of the elements index, index + num_shards, ...

        Raises:
            InvalidValueError: There is no such shard.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(7).shard(3, 1)]
        [1, 4]
        """
        return self._with(sharded(self._node, num_shards, index))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Count the elements.

        >>> from penstock import keras
        >>> [(int(i), int(x)) for i, x in keras.data.Dataset.range(5, 7).enumerate()]
        [(0, 5), (1, 6)]
        """
        return self._with(EnumerateNode(self._node, start))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Go on with another dataset.

        Raises:
            InvalidTypeError: It is no dataset, or has elements of other dtypes.
            InvalidValueError: Its elements have another structure.

        >>> from penstock import keras
        >>> a, b = keras.data.Dataset.range(2), keras.data.Dataset.range(7, 9)
        >>> [int(x) for x in a.concatenate(b)]
        [0, 1, 7, 8]
        """
        (other,) = check_datasets([dataset], "concatenate")
        node = ConcatenateNode(self._node, other._node)
        with contextlib.suppress(NoElementError):
            _ = node.element_spec  # what does not fit is told now
        return self._with(node)

    def unique(self, name: str | None = None) -> Dataset:
        """Take every element once: where it first stands.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.from_tensor_slices([1, 2, 1, 3, 2]).unique()]
        [1, 2, 3]
        """
        return self._with(UniqueNode(self._node))

    def rejection_resample(
        self,
        class_func: Callable[..., Any],
        target_dist: Any,
        initial_dist: Any = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Leave elements out, so that classes are as frequent as wanted.

        Args:
            class_func: Returns an element's class, from 0.
            target_dist: How frequent each class is to be.
            initial_dist: How frequent each is; None counts them in a pass over the elements.
            seed: Where the draws come from.
            name: A name.

        Returns:
            A dataset of pairs (class, element).

        Raises:
            InvalidValueError: There is not one frequency for each class.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.range(100).rejection_resample(lambda x: x % 2, [1.0, 0.0], seed=1)
        >>> {int(c) for c, _ in data}
        {0}
        """
        return self._with(resampled(self._node, class_func, target_dist, initial_dist, seed))

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """Go on after elements that raise an error; `num_ignored` counts them.

        Args:
            log_warning: Whether each error is logged.
            name: A name.

        Returns:
            A dataset of the elements that can be had.

        Raises:
            Exception: After 10,000 errors in a row, the last of them.

        >>> from penstock import keras
        >>> def half(x):
        ...     if x.item() == 1:
        ...         raise ValueError("one")
        ...     return x
        >>> data = keras.data.Dataset.range(3).map(half).ignore_errors()
        >>> [int(x) for x in data], data.num_ignored
        ([0, 2], 1)
        """
        return self._with(IgnoreErrorsNode(self._node, log_warning))

    @property
    def num_ignored(self) -> int:
        """How many elements `ignore_errors` has left out, in all passes so far."""
        return sum(n.count for n in walk(self._node) if isinstance(n, IgnoreErrorsNode))

    # ---- keeping

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Keep the elements that the first whole pass makes.

        Args:
            filename: The file to keep them in, which appears when it is whole; "" for memory.
            name: A name.

        Returns:
            A dataset of the same elements.

        Raises:
            OSError: The file cannot be written; told when it is.

        >>> from penstock import keras
        >>> calls = []
        >>> def count(x):
        ...     calls.append(x.item())
        ...     return x
        >>> data = keras.data.Dataset.range(2).map(count).cache()
        >>> [int(x) for x in data], [int(x) for x in data], len(calls)
        ([0, 1], [0, 1], 2)
        """
        return self._with(CacheNode(self._node, filename))

    def prefetch(self, buffer_size: int | None, name: str | None = None) -> Dataset:
        """Make elements ahead, in a thread of their own.

        Args:
            buffer_size: How many; AUTOTUNE makes the buffer as deep as keeps the reader from waiting, within the memory
                budget of the options.
            name: A name.

        Returns:
            A dataset of the same elements.

        Raises:
            InvalidValueError: The number is below -1.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(3).prefetch(keras.data.AUTOTUNE)]
        [0, 1, 2]
        """
        return self._with(PrefetchNode(self._node, buffer_size, self._options))

    def snapshot(
        self,
        path: str,
        compression: str | None = None,
        reader_func: Callable[..., Any] | None = None,
        shard_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Save the elements when they are first asked for, and load them ever after, in other programs too.

        Args:
            path: The folder.
            compression: None or "GZIP".
            reader_func: Kept for compatibility.
            shard_func: Kept for compatibility.
            name: A name.

        Returns:
            A dataset of the same elements.

        Raises:
            OSError: The folder cannot be written.
        """
        return self._with(saving.SnapshotNode(self._node, path, compression))

    def save(
        self,
        path: str,
        compression: str | None = None,
        shard_func: Callable[..., Any] | None = None,
        checkpoint_args: Any = None,
    ) -> None:
        """Write the elements into a folder, which appears when it is whole; see `load`.

        Args:
            path: The folder; what stood in it is lost.
            compression: None or "GZIP".
            shard_func: Returns for an element the number of the file it goes into.
            checkpoint_args: Kept for compatibility.

        Raises:
            InvalidTypeError: An element cannot be written.
            OSError: The folder cannot be written.

        >>> import tempfile
        >>> from penstock import keras
        >>> folder = tempfile.mkdtemp() + "/numbers"
        >>> keras.data.Dataset.range(3).save(folder)
        >>> [int(x) for x in keras.data.Dataset.load(folder)]
        [0, 1, 2]
        """
        saving.save(self._node, path, compression, shard_func)

    def write_tfrecord(self, path: str, compression_type: str | None = None) -> int:
        """Write elements, which are strings, as a TFRecord file.

        Args:
            path: The file; what stood in it is lost.
            compression_type: None, "GZIP" or "ZLIB".

        Returns:
            How many there were.

        Raises:
            InvalidTypeError: An element is no string; use `penstock.records.make_example` in `map`.
            OSError: The file cannot be written.

        >>> import tempfile
        >>> from penstock import keras
        >>> path = tempfile.mkdtemp() + "/a.tfrecord"
        >>> keras.data.Dataset.from_tensor_slices(["one", "two"]).write_tfrecord(path)
        2
        >>> list(keras.data.Dataset.tfrecord(path).as_numpy_iterator())
        [b'one', b'two']
        """
        stream = self._stream()
        try:
            return write_records(stream, path, compression_type or "")
        finally:
            stream.close()
