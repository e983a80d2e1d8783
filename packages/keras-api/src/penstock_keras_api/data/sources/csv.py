"""Comma-separated values: rows of files as tuples or dictionaries of columns."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock._records.compression import ByteSource, checked
from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import UNKNOWN, Node
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.stream import Stream

_LOOKED_AT = 200


class CsvNode(Node):
    """Rows of CSV files.

    Args:
        files: Their names.
        defaults: For each chosen column what stands for an empty field, whose dtype is the column's; or a dtype, if a
            field must not be empty. None finds dtypes out of the first rows.
        header: Whether the first row of each file has the names of columns.
        names: The names of all columns, if there is no header.
        chosen: Names or numbers of the columns to read; None for all.
        delimiter: The character between fields.
        quotes: Whether fields may stand in quotes.
        na_value: A text that stands for an empty field too.
        compression: "", "GZIP" or "ZLIB".
        as_dict: Whether rows are dictionaries by name.

    Raises:
        InvalidValueError: A column is not there, or there is not one default for each column.
    """

    def __init__(
        self,
        files: Sequence[str],
        defaults: Sequence[Any] | dict[str, Any] | None,
        header: bool,
        names: Sequence[str] | None,
        chosen: Sequence[Any] | None,
        delimiter: str,
        quotes: bool,
        na_value: str,
        compression: str | None,
        as_dict: bool,
    ) -> None:
        super().__init__()
        self.files, self.header, self.as_dict = list(files), bool(header), as_dict
        self.delimiter, self.quotes, self.na_value = delimiter, quotes, na_value
        self.compression = checked(compression, "csv")
        first = self._first_rows()
        self.width = len(first[0]) if first else 0
        self.names = list(names) if names is not None else self._names(first)
        if len(self.names) != self.width:
            raise InvalidValueError(
                f"[csv] {self.files[0]} has {self.width} columns, and there are {len(self.names)} names; give a name for each"
            )
        self.chosen = [self._number(c) for c in (range(self.width) if chosen is None else chosen)]
        self.columns = self._columns(defaults, first[1:] if self.header else first)

    def _first_rows(self) -> list[list[str]]:
        rows = self.rows_of(self.files[0], check=False)
        return [row for _, row in itertools.islice(rows, _LOOKED_AT)]

    def _names(self, first: list[list[str]]) -> list[str]:
        if self.header and first:
            return [name.strip() for name in first[0]]
        return [f"col_{i}" for i in range(self.width)]

    def _number(self, column: Any) -> int:
        if isinstance(column, str):
            if column not in self.names:
                raise InvalidValueError(
                    f"[csv] there is no column {column!r}; the columns of {self.files[0]} are {', '.join(self.names)}"
                )
            return self.names.index(column)
        if not 0 <= column < self.width:
            raise InvalidValueError(
                f"[csv] there is no column {column}; {self.files[0]} has the columns 0 to {self.width - 1}"
            )
        return int(column)

    def _columns(self, defaults: Any, first: list[list[str]]) -> list[_Column]:
        names = [self.names[number] for number in self.chosen]
        if isinstance(defaults, dict):
            found = self._columns(None, first)
            return [
                _Column.of(defaults[name]) if name in defaults else column
                for name, column in zip(names, found, strict=True)
            ]
        if defaults is not None:
            if len(defaults) != len(self.chosen):
                raise InvalidValueError(
                    f"[csv] got {len(defaults)} record_defaults for {len(self.chosen)} columns; give one for each"
                )
            return [_Column.of(default) for default in defaults]
        return [
            _Column.guessed([row[n] for row in first if len(row) == self.width], self.na_value)
            for n in self.chosen
        ]

    def rows_of(self, file: str, check: bool = True) -> Iterator[tuple[int, list[str]]]:
        """Give the rows of a file, each with the number of its last line.

        Raises:
            FormatError: A quote is left open, or a byte is no UTF-8.
        """
        source = ByteSource(file, self.compression)
        quoting: Any = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        try:
            text = io.TextIOWrapper(
                io.BufferedReader(_Raw(source)), encoding="utf-8-sig", newline=""
            )
            reader = csv.reader(text, delimiter=self.delimiter, quoting=quoting, strict=True)
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except (csv.Error, UnicodeDecodeError) as error:
                raise FormatError(
                    f"[csv] {file}, line {reader.line_num + 1}: {error}; mend the line, or use use_quote_delim=False"
                ) from None
        finally:
            source.close()

    def stream(self) -> CsvStream:
        """Begin a pass."""
        return CsvStream(self)

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of a row."""
        return self.placed([TensorSpec((), column.dtype) for column in self.columns])

    def placed(self, parts: list[Any]) -> Any:
        """Put columns into the structure of a row."""
        if self.as_dict:
            return dict(zip((self.names[n] for n in self.chosen), parts, strict=True))
        return tuple(parts)


class _Raw(io.RawIOBase):
    """Bytes as the library's readers of text want them."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Column:
    """How a column's fields become values."""

    def __init__(self, dtype: str, default: Any) -> None:
        self.dtype, self.default = dtype, default

    @classmethod
    def of(cls, given: Any) -> _Column:
        """Make it of a default, or of a dtype."""
        if isinstance(given, str):
            try:
                return cls(str(ps.as_dtype(given)), None)
            except (TypeError, ValueError):
                return cls("string", given.encode())
        if isinstance(given, list | tuple | np.ndarray):
            array = np.asarray(given).ravel()
            if not len(array):
                return cls(str(array.dtype), None)
            given = array[0]
        if isinstance(given, type) or not isinstance(
            given, int | float | bytes | np.generic | ps.Tensor
        ):
            return cls(str(ps.as_dtype(given)), None)
        leaf = elements.as_numpy(elements.from_user(given))
        return cls(elements.kind_of(ps.asarray(given)), leaf)

    @classmethod
    def guessed(cls, fields: list[str], na_value: str) -> _Column:
        """Find the narrowest dtype that holds all fields."""
        full = [f for f in fields if f not in ("", na_value)]
        for dtype, read in (("int64", int), ("float32", float)):
            try:
                for field in full:
                    read(field)
            except ValueError:
                continue
            if full:
                return cls(dtype, np.dtype(dtype).type(0))
        return cls("string", b"")

    def values(self, fields: Sequence[str], na_value: str) -> Any:
        """Make an array of fields.

        Raises:
            ValueError: One is no value.
        """
        if self.default is not None and ("" in fields or na_value in fields):
            default = (
                self.default.decode() if isinstance(self.default, bytes) else str(self.default)
            )
            fields = [default if f in ("", na_value) else f for f in fields]
        elif self.default is None and self.dtype != "string" and "" in fields:
            raise ValueError("a field is empty; give a default")
        if self.dtype == "string":
            rows = np.empty(len(fields), object)
            rows[:] = [f.encode() for f in fields]
            return rows
        if self.dtype == "bool":
            return np.array([_truth(f) for f in fields])
        return np.array(fields).astype(self.dtype)


def _truth(field: str) -> bool:
    text = field.strip().lower()
    if text not in ("true", "false", "1", "0"):
        raise ValueError(f"{field!r} is no truth value")
    return text in ("true", "1")


class CsvStream(Stream):
    """A pass over rows."""

    kind = "csv"
    has_rows = True

    def __init__(self, node: CsvNode) -> None:
        self._node = node
        self._file = self._row = 0
        self._reader: Iterator[tuple[int, list[str]]] | None = None
        self._line = 0

    def _next_row(self) -> list[str]:
        node = self._node
        while self._file < len(node.files):
            if self._reader is None:
                self._reader = node.rows_of(node.files[self._file])
                if node.header:
                    next(self._reader, None)
            found = next(self._reader, None)
            if found is not None:
                self._line, row = found
                self._row += 1
                return row
            self._reader, self._row = None, 0
            self._file += 1
        raise StopIteration

    def _checked_row(self) -> list[str]:
        row = self._next_row()
        if len(row) != self._node.width:
            raise FormatError(
                f"[csv] {self._where()} has {len(row)} fields, expected {self._node.width}; mend the row, or use "
                "ignore_errors to go without it"
            )
        return row

    def _where(self) -> str:
        return f"{self._node.files[self._file]}, line {self._line} (row {self._row - 1})"

    def __next__(self) -> Any:
        return elements.row_of(self._made([self._checked_row()]), 0)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows, each column made in one go."""
        found: list[list[str]] = []
        try:
            while len(found) < most:
                found.append(self._checked_row())
        except StopIteration:
            pass
        return len(found), self._made(found) if found else None

    def _made(self, rows: list[list[str]]) -> Any:
        node = self._node
        parts = []
        for number, column in zip(node.chosen, node.columns, strict=True):
            fields = [row[number] for row in rows]
            try:
                parts.append(column.values(fields, node.na_value))
            except (ValueError, OverflowError) as error:
                raise self._wrong(column, number, fields, error) from None
        return node.placed(parts)

    def _wrong(
        self, column: _Column, number: int, fields: list[str], error: Exception
    ) -> FormatError:
        """Find the field that is wrong."""
        node = self._node
        for place, field in enumerate(fields):
            try:
                column.values([field], node.na_value)
            except (ValueError, OverflowError) as found:
                error = found
                behind = len(fields) - 1 - place
                break
        else:
            behind = 0
        row = self._row - 1 - behind
        return FormatError(
            f"[csv] {node.files[min(self._file, len(node.files) - 1)]}, row {row}, column {node.names[number]!r}: "
            f"{error}, expected {column.dtype}; mend the field, give record_defaults, or use ignore_errors to go without "
            "the row"
        )

    def advance(self, count: int) -> int:
        """Go over rows."""
        for number in range(count):
            try:
                self._next_row()
            except StopIteration:
                return number
        return count

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "file": self._file, "row": self._row}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.close()
        self._file, self._row = int(self.check(state)["file"]), 0
        self.advance(int(state["row"]))

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()  # type: ignore[attr-defined]
        self._reader = None
