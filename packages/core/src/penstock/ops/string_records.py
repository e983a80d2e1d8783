"""Lines of text read as records: comma-separated values and JSON. All of it runs on the host.

An op cuts each line into fields, which are strings; the functions for users make columns of numbers of them.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import dtypes, ops
from penstock._native import Tensor
from penstock.errors import InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import NO_GRADIENT, bytes_of, numbers_refused, strings, text_of
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock.annotations import TensorLike


@op(infer="string_columns", host_only=True)
def csv_fields(
    x: TensorLike, columns: int, field_delim: str = ",", use_quote_delim: bool = True
) -> Tensor:
    """Cut lines of comma-separated values into their fields, as RFC 4180 has them.

    Args:
        x: [...], string: a line each, with or without its end.
        columns: How many fields each line has.
        field_delim: The character between fields.
        use_quote_delim: Let a field stand in quotes, within which the delimiter and line ends are text and a quote is
            written twice.

    Returns:
        [..., columns], string.

    Raises:
        ValueError: A line has another number of fields, a quote is left open, or the delimiter is not one byte.
        TypeError: x is no string tensor.

    Example:
        >>> penstock.ops.csv_fields(['1,"a,b"', '2,c'], 2).tolist()
        [[b'1', b'a,b'], [b'2', b'c']]
    """


csv_fields.not_differentiable(NO_GRADIENT)


def _fields(line: bytes, delimiter: bytes, quotes: bool) -> list[bytes]:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if not quotes or b'"' not in line:
        return line.split(delimiter)
    fields, at = [], 0
    while True:
        if line[at : at + 1] == b'"':
            field, at = _quoted(line, at + 1)
        else:
            end = line.find(delimiter, at)
            end = len(line) if end < 0 else end
            field, at = line[at:end], end
        fields.append(field)
        if at == len(line):
            return fields
        if line[at : at + 1] != delimiter:
            raise ValueError(
                f"{text_of(line)!r} has text after the quote that ends a field; write a quote inside a field twice"
            )
        at += 1


def _quoted(line: bytes, at: int) -> tuple[bytes, int]:
    """Read up to the closing quote."""
    parts = []
    while True:
        end = line.find(b'"', at)
        if end < 0:
            raise ValueError(
                f"{text_of(line)!r} leaves a quote open; close it, or use use_quote_delim=False"
            )
        parts.append(line[at:end])
        if line[end + 1 : end + 2] != b'"':
            return b'"'.join(parts), end + 1
        at = end + 2


@csv_fields.reference
def _(x: Any, columns: int, field_delim: str, use_quote_delim: bool) -> Any:
    delimiter = bytes_of(field_delim)
    if len(delimiter) != 1 or delimiter in b'"\r\n':
        raise ValueError(f"got field_delim={field_delim!r}; use one byte, no quote or line end")
    rows = np.empty((*x.shape, columns), object)
    flat = rows.reshape(x.size, columns)
    for i, line in enumerate(x.ravel().tolist()):
        fields = _fields(line, delimiter, use_quote_delim)
        if len(fields) != columns:
            raise ValueError(
                f"line {i} has {len(fields)} fields, expected {columns}: {text_of(line)!r}; mend the line, or give "
                f"{len(fields)} defaults"
            )
        flat[i] = fields
    return rows


@csv_fields.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    lines = strings("1,a,2.5", ",,", '"a,b","c ""d""",', 'x,"line\nend",ä\r\n', "1, 2,\n")
    yield Sample((lines, 3), label="commas")
    yield Sample((lines[:2].reshape(1, 2), 3), label="matrix")
    yield Sample((strings("a;b", "c;d"), 2, ";"), label="semicolons")
    yield Sample((strings('a"b"\t"c'), 2, "\t", False), label="no quotes")
    yield Sample((strings("").reshape(()), 1), label="0-d")
    yield Sample((np.empty((0,), object), 2), label="empty")


@csv_fields.rejects
def _() -> Iterator[Reject]:
    yield from numbers_refused(1)()
    yield Reject(
        (strings("1,2", "3"), 2), match="line 1 has 1 fields, expected 2: '3'; mend the line"
    )
    yield Reject((strings('"a'), 1), match="leaves a quote open; close it")
    yield Reject((strings('"a"b'), 1), match="write a quote inside a field twice")
    yield Reject((strings("a"), 1, ",,"), match="use one byte, no quote or line end")
    yield Reject((strings("a"), -1), match="got columns=-1; it must not be negative")


@op(infer="string_fields", host_only=True)
def json_fields(x: TensorLike, names: TensorLike, default: str = "") -> Tensor:
    """Read fields of JSON objects as text: strings without their quotes, everything else as it is written.

    Args:
        x: [...], string: an object each.
        names: [n], string: the fields; "a.b" is the field b of the object a.
        default: What stands for a field that is missing or null.

    Returns:
        [..., n], string; true and false are so written, lists and objects are JSON without spaces.

    Raises:
        ValueError: A string is no JSON object.
        TypeError: A tensor is no string tensor.

    Example:
        >>> penstock.ops.json_fields('{"a": "x", "b": {"c": 1.5}}', ["a", "b.c", "d"]).tolist()
        [b'x', b'1.5', b'']
    """


json_fields.not_differentiable(NO_GRADIENT)


def _record(item: bytes) -> dict[str, Any]:
    try:
        record = json.loads(item, parse_float=_Written, parse_int=_Written, parse_constant=_Written)
    except ValueError as error:
        raise ValueError(
            f"{text_of(item[:60])!r} is no JSON: {error}; give one object for each string"
        ) from None
    if not isinstance(record, dict):
        raise ValueError(f"{text_of(item[:60])!r} is no JSON object; write {{...}}")
    return record


class _Written(str):
    """A number as it is written, so that no digit is lost."""


def _field(record: Any, path: str) -> Any:
    if isinstance(record, dict) and path in record:
        return record[path]
    first, _, rest = path.partition(".")
    return _field(record.get(first), rest) if rest and isinstance(record, dict) else None


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(map(_quoted_text, value))}]"
    pairs = (f"{json.dumps(key)}:{_quoted_text(item)}" for key, item in value.items())
    return f"{{{','.join(pairs)}}}"


def _quoted_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str) and not isinstance(value, _Written):
        return json.dumps(value, ensure_ascii=False)
    return _as_text(value)


@json_fields.reference
def _(x: Any, names: Any, default: str) -> Any:
    paths = [text_of(name) for name in names.tolist()]
    rows = np.empty((*x.shape, len(paths)), object)
    flat = rows.reshape(x.size, len(paths))
    for i, item in enumerate(x.ravel().tolist()):
        found = [_field(_record(item), path) for path in paths]
        flat[i] = strings(*(default if v is None else _as_text(v) for v in found))
    return rows


@json_fields.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    records = strings(
        '{"a": 1, "b": {"c": "x"}, "d": [1.50, "ä", null, true]}',
        '{"a": 1e400, "b": null, "d": {"k": [], "l": "\\u00e9\\""}}',
        '{"b.c": 7, "a": false}',
    )
    names = strings("a", "b.c", "d", "e")
    yield Sample((records, names), label="records")
    yield Sample((records, names, "?"), label="default")
    yield Sample((records[:1].reshape(()), names), label="0-d")
    yield Sample((np.empty((0, 2), object), names), label="empty")
    yield Sample((records, np.empty(0, object)), label="no names")


@json_fields.rejects
def _() -> Iterator[Reject]:
    name = strings("a")
    match = "x is int64; expected string; convert it: penstock.as_string"
    yield Reject((np.array([1]), name), error=TypeError, match=match)
    yield Reject((strings("{"), name), match="is no JSON: .*give one object for each string")
    yield Reject((strings("[1]"), name), match=r"is no JSON object; write \{...\}")


# ---- for users


def decode_csv(
    records: TensorLike,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
) -> list[Tensor]:
    """Read lines of comma-separated values as columns.

    Args:
        records: [...], string: a line each.
        record_defaults: For each column what stands for an empty field, whose dtype is the column's; or a dtype, if
            the field must not be empty.
        field_delim: The character between fields.
        use_quote_delim: Let fields stand in quotes.
        na_value: A text that stands for an empty field too.
        select_cols: The columns to read, by rising number; there is a default for each of these. None reads all.

    Returns:
        For each column a tensor of the shape of `records`.

    Raises:
        ValueError: A line has another number of fields, a field is no number of its dtype, or one that must not be
            empty is.
        TypeError: `records` is no string tensor.

    Example:
        >>> age, name = penstock.strings.decode_csv(["31,Ann", ",Bob"], [0, "?"])
        >>> age.tolist(), name.tolist()
        ([31, 0], [b'Ann', b'Bob'])
    """
    columns = list(range(len(record_defaults)) if select_cols is None else select_cols)
    if len(columns) != len(record_defaults):
        raise InvalidValueError(
            f"[decode_csv] got {len(record_defaults)} defaults for {len(columns)} columns; give one for each"
        )
    count = len(columns) if select_cols is None else _count_columns(records, field_delim)
    fields = csv_fields(records, count, field_delim, use_quote_delim)
    return [
        _column(fields[..., column], default, na_value)
        for column, default in zip(columns, record_defaults, strict=True)
    ]


def _count_columns(records: Any, delimiter: str) -> int:
    """Count the fields of the first line; where lines are not known, there is nothing to count."""
    records = asarray(records)
    if records.is_symbolic:
        raise InvalidValueError(
            "[decode_csv] select_cols needs the lines themselves, which a graph has not got; give a default for each "
            "column, and drop columns afterwards"
        )
    lines = records.numpy().ravel()
    return len(_fields(lines[0], bytes_of(delimiter), True)) if len(lines) else 0


def _column(field: Tensor, default: Any, na_value: str) -> Tensor:
    try:
        if isinstance(default, Tensor | np.generic | np.ndarray):
            raise TypeError("a value, which has a dtype too")
        dtype = dtypes.as_dtype(default)  # a dtype: there is no default
        text = field
    except TypeError:
        value = asarray(default)
        if value.size != 1:
            raise InvalidValueError(
                f"[decode_csv] got a default of shape {value.shape}; give one value for each column"
            ) from None
        value = ops.reshape(value, ())
        dtype = value.dtype
        written = value if dtype == "string" else ops.as_string(value)
        text = ops.where((field == "") | (field == na_value), written, field)
    return text if dtype == "string" else ops.string_to_number(text, dtype)


def decode_json_lines(records: TensorLike, fields: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read a JSON object in each string as columns.

    Args:
        records: [...], string: an object each.
        fields: For each field what stands for one that is missing or null, whose dtype is the column's; or a dtype, if
            the field must be there. "a.b" is the field b of the object a. Booleans read true and false.

    Returns:
        For each field a tensor of the shape of `records`.

    Raises:
        ValueError: A string is no JSON object, or a field is no number of its dtype.
        TypeError: `records` is no string tensor.

    Example:
        >>> lines = ['{"name": "Ann", "age": 31}', '{"name": "Bob"}']
        >>> columns = penstock.strings.decode_json_lines(lines, {"name": "", "age": -1})
        >>> columns["age"]
        Tensor([31, -1], shape=(2,), dtype=int64)
    """
    names = list(fields)
    found = json_fields(records, asarray(strings(*names)))
    columns: dict[str, Tensor] = {}
    for i, (name, default) in enumerate(fields.items()):
        text = found[..., i]
        if default is True or default is False:
            columns[name] = (text == "true") | ((text == "") & default)
        else:
            columns[name] = _column(text, default, "")
    return columns
