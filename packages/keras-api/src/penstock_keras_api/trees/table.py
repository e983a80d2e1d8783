"""Tables of numbers and categories as one matrix, and its columns in bins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError

Array = np.ndarray[Any, Any]
MOST_BINS = 255
# Quantiles of more rows than these are taken from so many, drawn by chance.
ENOUGH_ROWS = 200_000


class Table:
    """What is learned of a table's columns: names, categories and the edges of bins.

    Args:
        categorical: `"from_dtype"` takes columns of strings, booleans and pandas' categories as categories; or the
            names or numbers of the columns, or a mask of all columns; None for none.
        max_bins: How many bins a column has at most, 2 to 255; missing values have one more.

    Raises:
        ValueError: `max_bins` is out of range.

    Example:
        >>> table = Table().fit({"age": [30.0, 40.0, 50.0], "job": ["cook", "smith", "cook"]})
        >>> table.matrix({"age": [35.0], "job": ["nurse"]}).tolist()
        [[35.0, nan]]
    """

    def __init__(self, categorical: Any = "from_dtype", max_bins: int = MOST_BINS) -> None:
        if not 2 <= max_bins <= MOST_BINS:
            raise InvalidValueError(
                f"[trees] got max_bins={max_bins}; expected 2 to {MOST_BINS}; write max_bins={MOST_BINS}"
            )
        self.max_bins = max_bins
        self.names: list[str] | None = None
        self.is_categorical: Array = np.zeros(0, bool)
        self.categories: dict[int, Array | None] = {}  # None: the numbers are the codes
        self.edges: Array = np.zeros((0, 0))
        self.sizes: Array = np.zeros(0, np.int32)
        self.dtype: Any = np.float64
        self._categorical = categorical
        self._plain = False  # numbers are taken as they are

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.is_categorical)

    def fit(self, x: Any, rng: np.random.Generator | None = None) -> Table:
        """Learn names, categories and bins, as `learn` does.

        Args:
            x: [rows, columns], an array, a pandas DataFrame, or a dictionary of columns.
            rng: Chooses the rows from which quantiles of large tables are taken.

        Returns:
            The table itself.

        Raises:
            ValueError: x is no table, or a column that is named categorical does not exist.
        """
        self.learn(x, rng)
        return self

    def learn(self, x: Any, rng: np.random.Generator | None = None) -> Array:
        """Learn names, categories and bins.

        Args:
            x: [rows, columns], an array, a pandas DataFrame, or a dictionary of columns.
            rng: Chooses the rows from which quantiles of large tables are taken.

        Returns:
            What `matrix` makes of x.

        Raises:
            ValueError: x is no table, or a column that is named categorical does not exist.
        """
        names, columns = _columns_of(x)
        if not columns:
            raise ShapeError("[trees] got a table without columns; give at least one")
        self.names = names
        self.is_categorical = self._mask(columns)
        self.categories = {
            i: _learn_categories(columns[i], self.max_bins)
            for i in np.nonzero(self.is_categorical)[0].tolist()
        }
        numeric = [c.dtype for i, c in enumerate(columns) if not self.is_categorical[i]]
        narrow = all(d == np.float32 or d.itemsize <= 2 for d in numeric)
        self.dtype = np.float32 if narrow else np.float64
        matrix = some = self._matrix(columns)
        if len(matrix) > ENOUGH_ROWS:
            chosen = (rng or np.random.default_rng(0)).choice(len(matrix), ENOUGH_ROWS, False)
            some = matrix[np.sort(chosen)]
        self._learn_bins(some)
        self._plain = all(values is None for values in self.categories.values())
        return matrix

    def matrix(self, x: Any) -> Array:
        """Turn a table into numbers: categories become codes, and unknown ones NaN.

        Args:
            x: As for `fit`.

        Returns:
            [rows, columns], float32 or float64.

        Raises:
            ValueError: The columns are not those of `fit`.
        """
        plain = self._plain and isinstance(x, np.ndarray) and x.dtype.kind in "fiub"
        if plain and x.ndim == 2 and x.shape[1] == self.width:
            return np.ascontiguousarray(x, self.dtype)
        _, columns = _columns_of(x, self.names)
        if len(columns) != self.width:
            raise ShapeError(
                f"[trees] got {len(columns)} columns; expected the {self.width} that fit got; give the same table"
            )
        return self._matrix(columns)

    def bins(self, matrix: Array) -> Array:
        """Say for each number into which bin it falls, [rows, columns], uint8; 255 where it is missing."""
        return ops.tree_bins(matrix, self.edges).numpy()

    def columns(self, monotonic: Sequence[int] | None = None) -> Array:
        """Describe the columns as the op `tree_grow` wants it, [columns, 3], int32."""
        columns = np.zeros((self.width, 3), np.int32)
        columns[:, 0] = self.sizes
        columns[:, 1] = self.is_categorical
        if monotonic is not None:
            columns[:, 2] = monotonic
        return columns

    # ---- columns

    def _mask(self, columns: Sequence[Array]) -> Array:
        given = self._categorical
        if given is None:
            return np.zeros(len(columns), bool)
        if isinstance(given, str):
            if given != "from_dtype":
                raise InvalidValueError(
                    f"[trees] got categorical_features={given!r}; write 'from_dtype', None, or a list of columns"
                )
            return np.array([c.dtype.kind in "OSUb" for c in columns], bool)
        marked = list(np.asarray(given).tolist())
        if len(marked) == len(columns) and all(isinstance(m, bool) for m in marked):
            return np.array(marked, bool)
        mask = np.zeros(len(columns), bool)
        for one in marked:
            mask[self._number(one, len(columns))] = True
        return mask

    def _number(self, column: Any, count: int) -> int:
        if self.names is not None and column in self.names:
            return self.names.index(column)
        if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < count:
            return column
        there = (
            f"names are {', '.join(map(str, self.names))}" if self.names else f"0 to {count - 1}"
        )
        raise InvalidValueError(f"[trees] there is no column {column!r} to be categorical; {there}")

    def _matrix(self, columns: Sequence[Array]) -> Array:
        matrix = np.empty((len(columns[0]), len(columns)), self.dtype)
        for i, column in enumerate(columns):
            if self.is_categorical[i]:
                matrix[:, i] = _codes(column, self.categories[i])
            else:
                matrix[:, i] = _numbers(column, self.names[i] if self.names else i)
        return matrix

    # ---- bins

    def _learn_bins(self, matrix: Array) -> None:
        found = [
            _edges_of_codes(column) if self.is_categorical[i] else edges_of(column, self.max_bins)
            for i, column in enumerate(matrix.T)
        ]
        self.sizes = np.array([len(e) + 1 for e in found], np.int32)
        width = max((len(e) for e in found), default=0)
        self.edges = np.full((len(found), width), np.inf, self.dtype)
        for row, edges in zip(self.edges, found, strict=True):
            row[: len(edges)] = edges


def _columns_of(x: Any, names: list[str] | None = None) -> tuple[list[str] | None, list[Array]]:
    if isinstance(x, Mapping) or hasattr(x, "columns"):
        own = list(x) if isinstance(x, Mapping) else list(x.columns)
        wanted = own if names is None else names
        missing = [n for n in wanted if n not in own]
        if missing:
            raise InvalidValueError(
                f"[trees] there is no column {missing[0]!r}; the table has {', '.join(map(str, own))}"
            )
        columns = [_flat(np.asarray(x[n])) for n in wanted]
        if len({len(c) for c in columns}) > 1:
            raise ShapeError(
                f"[trees] got columns of {sorted({len(c) for c in columns})} rows; expected as many of each"
            )
        return [*wanted], columns
    array = np.asarray(x)
    if array.ndim != 2:
        raise ShapeError(
            f"[trees] got X of shape {array.shape}; expected [rows, columns]; write X.reshape(-1, 1) for one column"
        )
    return names, list(array.T)


def _flat(column: Array) -> Array:
    return column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column


def _numbers(column: Array, name: Any) -> Array:
    try:
        return column.astype(np.float64) if column.dtype.kind in "OSU" else column
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"[trees] column {name!r} holds what is no number: {error}; name it in categorical_features"
        ) from error


# ---- categories


def _is_missing(column: Array) -> Array:
    if column.dtype.kind == "O":
        return np.array([v is None or v != v for v in _plain(column)], bool)
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)


def _plain(column: Array) -> Iterable[Any]:
    # pandas.NA is neither equal to itself nor different.
    return (None if type(v).__name__ == "NAType" else v for v in column)


def _keys(column: Array) -> Array:
    """Return values that can be sorted; objects become text."""
    if column.dtype.kind in "OSU":
        text = [v.decode() if isinstance(v, bytes) else str(v) for v in column]
        return np.array(text, dtype=str) if text else np.zeros(0, "<U1")
    return column


def _learn_categories(column: Array, max_bins: int) -> Array | None:
    keys = _keys(column[~_is_missing(column)])
    values, counts = np.unique(keys, return_counts=True)
    if values.dtype.kind in "iuf" and _are_codes(values, max_bins):
        return None
    if len(values) > max_bins:  # rare ones count as missing
        values = np.sort(values[np.argsort(-counts, kind="stable")[:max_bins]])
    return values


def _are_codes(values: Array, most: int) -> bool:
    return bool(((values >= 0) & (values < most) & (np.floor(values) == values)).all())


def _codes(column: Array, values: Array | None) -> Array:
    if values is None:
        return column.astype(np.float64)
    codes = np.full(len(column), np.nan)
    here = ~_is_missing(column)
    keys = _keys(column[here])
    if len(values) and len(keys):
        at = np.minimum(np.searchsorted(values, keys), len(values) - 1)
        codes[here] = np.where(values[at] == keys, at, np.nan)
    return codes


def _edges_of_codes(column: Array) -> Array:
    known = column[~np.isnan(column)]
    return np.arange(int(known.max()) if len(known) else 0, dtype=column.dtype)


# ---- quantiles


def edges_of(column: Array, max_bins: int) -> Array:
    """Return what lies between bins: of few values all, of many those that part the rows evenly."""
    known = np.sort(column[~np.isnan(column)])
    if len(known) == 0:
        return known
    values = known[np.concatenate([[True], known[1:] != known[:-1]])]
    if len(values) <= max_bins:
        return _between(values[:-1], values[1:])
    # The smallest number that has a share of k / max_bins up to it; where two have, their mean.
    whole, rest = np.divmod(np.arange(1, max_bins) * len(known), max_bins)
    return np.unique(np.where(rest == 0, _between(known[whole - 1], known[whole]), known[whole]))


def _between(low: Array, high: Array) -> Array:
    """Return the middle, or the lower one where rounding leaves nothing below the upper one."""
    with np.errstate(invalid="ignore"):
        middle = low / 2 + high / 2
        good = (middle >= low) & (middle < high) & np.isfinite(middle)
    return np.where(good, middle, low)
