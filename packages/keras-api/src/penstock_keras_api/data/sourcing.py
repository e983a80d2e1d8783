"""`Sourcing`: the functions that make datasets of something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from penstock._records.compression import checked
from penstock.errors import InvalidTypeError
from penstock.records import RecordReader
from penstock_keras_api.data import elements, saving
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.sources import files as file_sources
from penstock_keras_api.data.sources.csv import CsvNode
from penstock_keras_api.data.sources.files import FilesNode, LineReader
from penstock_keras_api.data.sources.generator import GeneratorNode, iterable_node
from penstock_keras_api.data.sources.numbers import CounterNode, RandomNode, RangeNode
from penstock_keras_api.data.sources.slices import OneNode, SlicesNode
from penstock_keras_api.data.sources.tables import (
    ParquetNode,
    arrow_node,
    numpy_node,
    pandas_node,
)
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.transforms.combine import (
    ChooseNode,
    WeightedNode,
    ZipNode,
    check_datasets,
)
from penstock_keras_api.data.transforms.padding import with_leaves
from penstock_keras_api.data.transforms.shuffle import ShuffleNode
from penstock_keras_api.data.transforms.window import ListNode
from penstock_keras_api.random.seed import make_default_seed

if TYPE_CHECKING:
    from penstock_keras_api.data.dataset import Dataset


def _dataset(node: Node) -> Dataset:
    from penstock_keras_api.data.dataset import Dataset

    return Dataset(node)


class Sourcing:
    """Makes datasets of arrays, numbers, iterators, files and other datasets."""

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """Cut arrays along their first axis: row i of each is element i.

        The arrays are not copied, and batches of rows in a row are views of them, so do not write to them.

        Args:
            tensors: [n, ...] each: arrays, tensors, ragged tensors, lists, in tuples and dictionaries.
            name: A name.

        Returns:
            A dataset of n elements.

        Raises:
            ShapeError: The arrays have different numbers of rows, or one has no axis.
            InvalidValueError: A list is no array.

        >>> from penstock import keras
        >>> data = keras.data.Dataset.from_tensor_slices(([1, 2, 3], {"a": [4, 5, 6]}))
        >>> [(int(x), int(d["a"])) for x, d in data]
        [(1, 4), (2, 5), (3, 6)]
        """
        return _dataset(SlicesNode(tensors))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """Make a dataset of one element.

        Args:
            tensors: The element.
            name: A name.

        Returns:
            A dataset of one element.

        Raises:
            InvalidValueError: It is no element.

        >>> from penstock import keras
        >>> [x.tolist() for x in keras.data.Dataset.from_tensors([1, 2])]
        [[1, 2]]
        """
        return _dataset(OneNode(tensors))

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Take elements of a generator.

        Args:
            generator: A function that returns an iterator; it is called anew for every epoch.
            output_types: Dtypes, in the structure of an element; the older way to say what elements are like.
            output_shapes: Shapes, likewise.
            args: What the function is called with, as arrays.
            output_signature: Specs, in the structure of an element; None finds them out of the first element.
            name: A name.

        Returns:
            A dataset.

        Raises:
            InvalidTypeError: `generator` cannot be called.
            ShapeError: An element is not as the signature says; told when it comes.

        >>> from penstock import keras
        >>> def numbers():
        ...     yield from range(3)
        >>> list(keras.data.Dataset.from_generator(numbers).as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(2)]
        """
        if output_signature is None and output_types is not None:
            output_signature = with_leaves(
                lambda dtype, shape: TensorSpec(shape, dtype), output_types, output_shapes
            )
        make = generator
        if args:
            given = [elements.as_numpy(elements.from_user(arg)) for arg in args]

            def make() -> Iterable[Any]:
                return generator(*given)

        return _dataset(GeneratorNode(make, output_signature))

    @staticmethod
    def from_iterable(iterable: Iterable[Any], element_spec: Any = None) -> Dataset:
        """Take elements of anything that a for loop takes.

        Args:
            iterable: A list, a set, an iterator; an iterator can be gone through once.
            element_spec: Specs, in the structure of an element; None finds them out of the first element.

        Returns:
            A dataset.

        Raises:
            InvalidTypeError: It cannot be iterated over.

        >>> from penstock import keras
        >>> len(keras.data.Dataset.from_iterable([(1, "a"), (2, "b")]))
        2
        """
        return _dataset(iterable_node(iterable, element_spec))

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Count, as Python's `range` does.

        Args:
            args: stop; start and stop; or start, stop and step.
            output_type: The dtype.
            name: A name.

        Returns:
            A dataset of numbers.

        Raises:
            TypeError: The arguments are none of these.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.range(1, 7, 2)]
        [1, 3, 5]
        """
        return _dataset(RangeNode(range(*map(int, args)), output_type))

    @staticmethod
    def counter(
        start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None
    ) -> Dataset:
        """Count without end.

        Args:
            start: The first number.
            step: The distance.
            dtype: The dtype.
            name: A name.

        Returns:
            A dataset of numbers.

        Raises:
            TypeError: The dtype is unknown.

        >>> from penstock import keras
        >>> [int(x) for x in keras.data.Dataset.counter(5).take(3)]
        [5, 6, 7]
        """
        return _dataset(CounterNode(int(start), int(step), dtype))

    @staticmethod
    def random(
        seed: int | None = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Draw whole numbers without end.

        Args:
            seed: Where they come from; None takes a random seed.
            rerandomize_each_iteration: Whether every pass has others.
            name: A name.

        Returns:
            A dataset of numbers below 2**63.

        Raises:
            InvalidValueError: The seed is negative.

        >>> from penstock import keras
        >>> a, b = (keras.data.Dataset.random(seed=3).take(5) for _ in range(2))
        >>> [int(x) for x in a] == [int(x) for x in b]
        True
        """
        number = make_default_seed() if seed is None else int(seed)
        return _dataset(RandomNode(number, bool(rerandomize_each_iteration)))

    # ---- files

    @staticmethod
    def list_files(
        file_pattern: Any,
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """List files that match patterns.

        Args:
            file_pattern: A pattern as "images/*.jpg", or several.
            shuffle: Whether every pass has another order; None for yes.
            seed: Where the orders come from.
            name: A name.

        Returns:
            A dataset of names.

        Raises:
            InvalidValueError: No file matches.

        >>> from penstock import keras
        >>> len(keras.data.Dataset.list_files(__file__, shuffle=False))
        1
        """
        names = SlicesNode(file_sources.matching(file_pattern))
        if shuffle is False:
            return _dataset(names)
        return _dataset(ShuffleNode(names, None, seed, True))

    @staticmethod
    def text_lines(
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        skip: int = 0,
    ) -> Dataset:
        """Read lines of text files, without their ends.

        Args:
            filenames: One name, or several.
            compression_type: None, "GZIP" or "ZLIB".
            buffer_size: Kept for compatibility.
            num_parallel_reads: Kept for compatibility: files are read one after the other.
            skip: How many lines to leave out at the beginning of each file.

        Returns:
            A dataset of strings.

        Raises:
            InvalidValueError: There is no file, or the compression is unknown.
            OSError: A file cannot be read; told when its turn comes.
        """
        names = file_sources.names_of(filenames, "text_lines")
        kind = checked(compression_type, "text_lines")

        def reader(path: str, compression: str) -> LineReader:
            return LineReader(path, compression, skip)

        return _dataset(FilesNode(names, reader, kind, "text_lines"))

    @staticmethod
    def tfrecord(
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        verify: bool = True,
    ) -> Dataset:
        """Read records of TFRecord files.

        Args:
            filenames: One name, or several.
            compression_type: None, "GZIP" or "ZLIB".
            buffer_size: Kept for compatibility.
            num_parallel_reads: Kept for compatibility: files are read one after the other; interleave them for more.
            verify: Whether checksums are looked at.

        Returns:
            A dataset of strings: see `penstock.records.parse_example`.

        Raises:
            InvalidValueError: There is no file, or the compression is unknown.
            FormatError: A record is damaged or cut off; told when its turn comes, with its number and byte.
        """
        names = file_sources.names_of(filenames, "tfrecord")

        def reader(path: str, compression: str) -> RecordReader:
            return RecordReader(path, compression, verify)

        kind = checked(compression_type, "tfrecord")
        return _dataset(FilesNode(names, reader, kind, "tfrecord"))

    @staticmethod
    def csv(
        filenames: Any,
        record_defaults: Any = None,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[Any] | None = None,
        column_names: Sequence[str] | None = None,
        as_dict: bool | None = None,
    ) -> Dataset:
        r"""Read rows of comma-separated values.

        Args:
            filenames: One name, or several.
            record_defaults: For each column what stands for an empty field, whose dtype is the column's; or a dtype, if a
                field must not be empty; or a dictionary of these by name. None finds dtypes out of the first rows.
            compression_type: None, "GZIP" or "ZLIB".
            buffer_size: Kept for compatibility.
            header: Whether the first row of each file has the names of columns.
            field_delim: The character between fields.
            use_quote_delim: Whether fields may stand in quotes.
            na_value: A text that stands for an empty field too.
            select_cols: Numbers or names of the columns to read; None for all.
            column_names: The names of all columns, if the file has none.
            as_dict: Whether rows are dictionaries by name; None if there are names.

        Returns:
            A dataset of rows.

        Raises:
            InvalidValueError: There is no such column, or not one default for each.
            FormatError: A row has another number of fields, or a field is no value; told with file, row and column.

        >>> import tempfile
        >>> from pathlib import Path
        >>> from penstock import keras
        >>> path = Path(tempfile.mkdtemp(), "people.csv")
        >>> _ = path.write_text("name,age\nAnn,31\nBob,\n")
        >>> rows = keras.data.Dataset.csv(path, {"age": -1}, header=True)
        >>> [(row["name"], int(row["age"])) for row in rows.as_numpy_iterator()]
        [(b'Ann', 31), (b'Bob', -1)]
        """
        names = file_sources.names_of(filenames, "csv")
        named = header or column_names is not None
        return _dataset(
            CsvNode(
                names, record_defaults, header, column_names, select_cols, field_delim,
                use_quote_delim, na_value, compression_type,
                named if as_dict is None else as_dict,
            )
        )  # fmt: skip

    @staticmethod
    def from_pandas(frame: Any) -> Dataset:
        """Take the rows of a data frame, each a dictionary by column.

        Raises:
            InvalidTypeError: It is no data frame.
        """
        return _dataset(pandas_node(frame))

    @staticmethod
    def from_arrow(table: Any) -> Dataset:
        """Take the rows of an Arrow table, each a dictionary by column; lists become ragged.

        Raises:
            ImportError: pyarrow is not installed.
            InvalidTypeError: It is no table, or a column is of a kind that no tensor has.
            InvalidValueError: A column has empty fields.
        """
        return _dataset(arrow_node(table))

    @staticmethod
    def parquet(filenames: Any, columns: Sequence[str] | None = None) -> Dataset:
        """Read rows of Parquet files, each a dictionary by column. A row group at a time is in memory.

        Args:
            filenames: One name, or several.
            columns: The columns to read; None for all.

        Returns:
            A dataset of rows.

        Raises:
            ImportError: pyarrow is not installed.
            FormatError: A file is no Parquet file.
            InvalidValueError: A column has empty fields.
        """
        return _dataset(ParquetNode(file_sources.names_of(filenames, "parquet"), columns))

    @staticmethod
    def from_numpy_file(filename: str, mmap: bool = True) -> Dataset:
        """Take the rows of a .npy file, or of the arrays of an .npz file by name.

        Args:
            filename: What numpy.save or numpy.savez wrote.
            mmap: Whether a .npy file stays on the disk until rows are asked for.

        Returns:
            A dataset of rows.

        Raises:
            FormatError: It is neither, or holds Python objects.
        """
        return _dataset(numpy_node(filename, mmap))

    @staticmethod
    def load(
        path: str,
        element_spec: Any = None,
        compression: str | None = None,
        reader_func: Callable[..., Any] | None = None,
    ) -> Dataset:
        """Load what `save` wrote.

        Args:
            path: The folder.
            element_spec: Kept for compatibility: the folder knows.
            compression: Kept for compatibility: the folder knows.
            reader_func: Gets a dataset of datasets, one for each file, and returns one of elements; None reads the files
                one after the other.

        Returns:
            A dataset.

        Raises:
            FormatError: The folder holds no dataset, or is damaged.
        """
        node = saving.SavedNode(path)
        if reader_func is None:
            return _dataset(node)
        shards = [_dataset(node.shard(number)) for number in node.shards]
        return cast("Dataset", reader_func(_dataset(ListNode(shards, node))))

    # ---- of other datasets

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Put elements of several datasets side by side; the shortest one ends it.

        Args:
            args: Datasets; or one structure of them.
            datasets: A structure of datasets.
            name: A name.

        Returns:
            A dataset of tuples, or of the structure.

        Raises:
            InvalidTypeError: Something is no dataset.

        >>> from penstock import keras
        >>> a, b = keras.data.Dataset.range(3), keras.data.Dataset.range(5, 9)
        >>> [(int(x), int(y)) for x, y in keras.data.Dataset.zip(a, b)]
        [(0, 5), (1, 6), (2, 7)]
        """
        if datasets is None:
            if not args:
                raise InvalidTypeError("[zip] got no datasets; give them: Dataset.zip(a, b)")
            datasets = args[0] if len(args) == 1 and not hasattr(args[0], "_node") else args
        if isinstance(datasets, list):
            datasets = tuple(datasets)
        check_datasets(elements.leaves(datasets), "zip")
        return _dataset(ZipNode(elements.mapped(lambda data: data._node, datasets)))

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence[Any],
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Draw each element from one of several datasets.

        Args:
            datasets: The datasets.
            weights: How often each is drawn from; None for equally often. A list, an array, or a dataset of them: of that
                the first is taken.
            seed: Where the draws come from.
            stop_on_empty_dataset: Whether the end of one dataset is the end of all.
            rerandomize_each_iteration: Whether every pass draws anew.

        Returns:
            A dataset.

        Raises:
            InvalidTypeError: Something is no dataset.
            InvalidValueError: There is not one weight for each.

        >>> from penstock import keras
        >>> a, b = keras.data.Dataset.range(3), keras.data.Dataset.range(10, 13)
        >>> sorted(int(x) for x in keras.data.Dataset.sample_from_datasets([a, b], seed=1))
        [0, 1, 2, 10, 11, 12]
        """
        found = check_datasets(datasets, "sample_from_datasets")
        if hasattr(weights, "_node"):
            weights = next(iter(weights.as_numpy_iterator()))
        each = [1.0] * len(found) if weights is None else [float(w) for w in weights]
        if len(each) != len(found):
            raise InvalidTypeError(
                f"[sample_from_datasets] got {len(each)} weights for {len(found)} datasets; give one for each"
            )
        number = make_default_seed() if seed is None else int(seed)
        choice = WeightedNode(each, number, bool(rerandomize_each_iteration))
        nodes = [data._node for data in found]
        return _dataset(ChooseNode(choice, nodes, stop_on_empty_dataset, "sample_from_datasets"))

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence[Any], choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Take each element from the dataset whose number is next.

        Args:
            datasets: The datasets.
            choice_dataset: Numbers, from 0.
            stop_on_empty_dataset: Whether the end of one dataset is the end of all.

        Returns:
            A dataset.

        Raises:
            InvalidTypeError: Something is no dataset.
            InvalidValueError: A number is out of range; told when it comes.

        >>> from penstock import keras
        >>> a, b = keras.data.Dataset.range(3), keras.data.Dataset.range(10, 13)
        >>> choice = keras.data.Dataset.from_tensor_slices([1, 0, 1])
        >>> [int(x) for x in keras.data.Dataset.choose_from_datasets([a, b], choice)]
        [10, 0, 11]
        """
        found = check_datasets([*datasets, choice_dataset], "choose_from_datasets")
        nodes = [data._node for data in found]
        return _dataset(
            ChooseNode(nodes[-1], nodes[:-1], stop_on_empty_dataset, "choose_from_datasets")
        )
