"""Tables: pandas, Arrow and Parquet, NumPy's own files."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError, InvalidTypeError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.sources.slices import SlicesNode
from penstock_keras_api.data.stream import Stream


def pandas_node(frame: Any) -> Node:
    """Make a source of a data frame: each row a dictionary by column.

    Raises:
        InvalidTypeError: It is no data frame.
    """
    if not hasattr(frame, "columns") or not hasattr(frame, "iloc"):
        raise InvalidTypeError(
            f"[from_pandas] got {type(frame).__name__}; expected a DataFrame: use from_tensor_slices for arrays and series"
        )
    return SlicesNode({str(name): _series(frame[name]) for name in frame.columns})


def _series(series: Any) -> Any:
    array = series.to_numpy()
    if array.dtype.kind == "O":
        texts = [v if isinstance(v, bytes) else str(v).encode() for v in array.tolist()]
        array = np.empty(len(texts), object)
        array[:] = texts
    return array


def _pyarrow() -> Any:
    try:
        pa = importlib.import_module("pyarrow")
    except ImportError:
        raise ImportError(
            "Arrow and Parquet need pyarrow, which is not installed; type: pip install pyarrow"
        ) from None
    return pa


def arrow_node(table: Any) -> Node:
    """Make a source of an Arrow table: each row a dictionary by column.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidTypeError: It is no table, or a column is of a kind that no tensor has.
    """
    arrow = _pyarrow()
    if not isinstance(table, arrow.Table | arrow.RecordBatch):
        raise InvalidTypeError(
            f"[from_arrow] got {type(table).__name__}; expected a pyarrow.Table or RecordBatch"
        )
    return SlicesNode({name: _column(table.column(name), name) for name in table.schema.names})


def _column(column: Any, name: str) -> Any:
    """Make an array of an Arrow column; a ragged tensor of lists."""
    arrow = _pyarrow()
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
        if isinstance(column, arrow.ChunkedArray):
            column = arrow.concat_arrays(column.chunks) if column.num_chunks else column.chunk(0)
    kind = column.type
    if column.null_count:
        raise InvalidValueError(
            f"[from_arrow] column {name!r} has {column.null_count} empty fields, which tensors have not; fill them first: "
            "pyarrow.compute.fill_null"
        )
    if arrow.types.is_list(kind) or arrow.types.is_large_list(kind):
        splits = np.asarray(column.offsets.to_numpy(), np.int64)
        values = _column(column.values.slice(splits[0], splits[-1] - splits[0]), name)
        return ps.ragged.from_row_splits(elements.as_tensor(values), splits - splits[0])
    if arrow.types.is_fixed_size_list(kind):
        return _column(column.flatten(), name).reshape(len(column), kind.list_size)
    if arrow.types.is_dictionary(kind):
        return _column(column.dictionary_decode(), name)
    if any(
        test(kind)
        for test in (
            arrow.types.is_string,
            arrow.types.is_large_string,
            arrow.types.is_binary,
            arrow.types.is_large_binary,
        )
    ):
        rows = np.empty(len(column), object)
        rows[:] = [t.encode() if isinstance(t, str) else t for t in column.to_pylist()]
        return rows
    array = column.to_numpy(zero_copy_only=False)
    if array.dtype.kind not in "fiub":
        raise InvalidTypeError(
            f"[from_arrow] column {name!r} is {kind}; expected numbers, truth values, strings or lists of them: cast it, or "
            "leave it out by columns=[...]"
        )
    return array


class ParquetNode(Node):
    """Rows of Parquet files; one piece of a file at a time is in memory.

    Args:
        files: Their names.
        columns: The columns to read; None for all.

    Raises:
        ImportError: pyarrow is not installed.
        FormatError: The first file is no Parquet file.
    """

    def __init__(self, files: Sequence[str], columns: Sequence[str] | None) -> None:
        super().__init__()
        _pyarrow()
        self.files = list(files)
        self.columns = None if columns is None else list(columns)
        self.pieces = [
            (number, group)
            for number in range(len(self.files))
            for group in range(self.open(number).num_row_groups)
        ]

    def open(self, number: int) -> Any:
        """Open a file.

        Raises:
            FormatError: It is no Parquet file.
        """
        parquet = importlib.import_module("pyarrow.parquet")
        try:
            return parquet.ParquetFile(self.files[number])
        except _pyarrow().ArrowException as error:
            raise FormatError(
                f"[parquet] {self.files[number]} cannot be read: {error}; is it a Parquet file?"
            ) from None

    def read(self, piece: int) -> Node:
        """Read a piece of a file."""
        number, group = self.pieces[piece]
        return arrow_node(self.open(number).read_row_group(group, self.columns))

    def stream(self) -> ParquetStream:
        """Begin a pass."""
        return ParquetStream(self)

    def length(self) -> int:
        """Return how many rows there are."""
        return sum(self.open(n).metadata.num_rows for n in range(len(self.files)))

    def make_spec(self) -> Any:
        """Return the spec of a row."""
        if not self.pieces:
            raise InvalidValueError("[parquet] the files have no rows")
        return self.read(0).element_spec


class ParquetStream(Stream):
    """A pass over the rows of pieces."""

    kind = "parquet"
    has_rows = True

    def __init__(self, node: ParquetNode) -> None:
        self._node = node
        self._piece = -1
        self._rows: Stream | None = None

    def _open(self) -> bool:
        self._piece += 1
        if self._piece >= len(self._node.pieces):
            return False
        self._rows = self._node.read(self._piece).stream()
        return True

    def __next__(self) -> Any:
        while self._rows is not None or self._open():
            assert self._rows is not None
            try:
                return next(self._rows)
            except StopIteration:
                self._rows = None
        raise StopIteration

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows; a view where they lie in one piece."""
        parts: list[Any] = []
        count = 0
        while count < most and (self._rows is not None or self._open()):
            assert self._rows is not None
            more, found = self._rows.rows(most - count)
            parts += [found] if more else []
            count += more
            if count < most:
                self._rows = None
        return count, elements.joined_rows(parts)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        inner = None if self._rows is None else self._rows.state()
        return {"kind": self.kind, "piece": self._piece, "rows": inner}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._piece, self._rows = int(self.check(state)["piece"]), None
        if state["rows"] is not None:
            rows: Any = self._node.read(self._piece).stream()
            rows.restore(state["rows"])
            self._rows = rows


def numpy_node(file: str | os.PathLike[str], mmap: bool) -> Node:
    """Make a source of a .npy file (rows), or of an .npz file (dictionaries of rows).

    Args:
        file: The file.
        mmap: Whether a .npy file stays on the disk until rows are asked for.

    Raises:
        FormatError: It is neither, or holds Python objects.
    """
    name = os.fspath(file)
    try:
        if not zipfile.is_zipfile(name):
            array = np.load(name, mmap_mode="r" if mmap else None, allow_pickle=False)
            return SlicesNode(array.view(np.ndarray))
        with np.load(name, allow_pickle=False) as found:
            return SlicesNode({key: found[key] for key in found.files})
    except FileNotFoundError:
        raise
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(
            f"[from_numpy_file] {name} cannot be read: {error}; expected what numpy.save or numpy.savez wrote, of numbers"
        ) from None
