"""Elements: a leaf, or tuples and dictionaries of leaves. A leaf is an array, a tensor, a string, a ragged tensor.

Between transformations leaves mostly are NumPy arrays, which are cheap to index. Functions of users, and whoever
iterates over a dataset, get tensors over the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import _native
from penstock.errors import InvalidValueError, ShapeError
from penstock.ragged import RaggedTensor

# Smaller arrays are copied sooner than they are shared.
_SHARED_FROM = 1 << 12


def mapped(fn: Callable[[Any], Any], element: Any) -> Any:
    """Call a function on every leaf, and return an element of its results."""
    kind = type(element)
    if kind is tuple:
        return tuple([mapped(fn, item) for item in element])
    if kind is dict:
        return {key: mapped(fn, item) for key, item in element.items()}
    if isinstance(element, tuple):
        return kind(*[mapped(fn, item) for item in element])
    if isinstance(element, Mapping):
        return {key: mapped(fn, item) for key, item in element.items()}
    return fn(element)


def zipped(fn: Callable[[list[Any]], Any], elements: Sequence[Any]) -> Any:
    """Call a function on the leaves of several elements that stand in one place.

    Raises:
        InvalidValueError: The elements have different structures.
    """
    first = elements[0]
    kind = type(first)
    if isinstance(first, tuple):
        for other in elements:
            if not isinstance(other, tuple) or len(other) != len(first):
                _differ(first, other)
        made = [zipped(fn, parts) for parts in zip(*elements, strict=True)]
        return tuple(made) if kind is tuple else kind(*made)
    if isinstance(first, Mapping):
        for other in elements:
            if not isinstance(other, Mapping) or other.keys() != first.keys():
                _differ(first, other)
        return {key: zipped(fn, [e[key] for e in elements]) for key in first}
    for other in elements:
        if isinstance(other, tuple | Mapping):
            _differ(first, other)
    return fn(list(elements))


def _differ(first: Any, other: Any) -> None:
    raise InvalidValueError(
        f"[Dataset] got elements of different structures: {outline(first)} and {outline(other)}; give all of them one "
        "structure"
    )


def outline(element: Any) -> str:
    """Write an element's structure."""
    if isinstance(element, tuple):
        return f"({', '.join(map(outline, element))})"
    if isinstance(element, Mapping):
        return f"{{{', '.join(f'{key!r}: {outline(value)}' for key, value in element.items())}}}"
    return f"{kind_of(element)}{list(shape_of(element))}"


def leaves(element: Any) -> list[Any]:
    """List the leaves.

    >>> leaves({"a": 1, "b": (2, 3)})
    [1, 2, 3]
    """
    found: list[Any] = []
    mapped(found.append, element)
    return found


def shape_of(leaf: Any) -> tuple[Any, ...]:
    """Return a leaf's shape."""
    return tuple(getattr(leaf, "shape", ()))


def kind_of(leaf: Any) -> str:
    """Return a leaf's dtype, by name."""
    dtype = getattr(leaf, "dtype", None)
    if isinstance(dtype, np.dtype):
        return "string" if dtype.kind in "OSU" else dtype.name
    if dtype is None:
        return "string" if isinstance(leaf, str | bytes) else type(leaf).__name__
    return str(dtype)


def as_tensor(leaf: Any) -> Any:
    """Make a tensor of a leaf; over the same memory if it is an array of some size."""
    if (
        type(leaf) is np.ndarray
        and leaf.nbytes >= _SHARED_FROM
        and leaf.dtype.kind in "fiub"
        and leaf.flags.c_contiguous
        and leaf.dtype.isnative
    ):
        return _native.from_dlpack_capsule(leaf.__dlpack__(max_version=(1, 0)))
    if isinstance(leaf, ps.Tensor | RaggedTensor) or is_opaque(leaf):
        return leaf
    return ps.asarray(leaf)


def is_opaque(leaf: Any) -> bool:
    """Whether a leaf is neither array nor tensor: a sparse tensor, a dataset."""
    return is_sparse(leaf) or (
        not isinstance(leaf, ps.Tensor) and hasattr(leaf, "as_numpy_iterator")
    )


def is_sparse(leaf: Any) -> bool:
    """Whether a leaf is a sparse tensor. Tensors are not asked for what they have not: that takes long."""
    return not isinstance(leaf, ps.Tensor) and hasattr(leaf, "to_coo")


def as_tensors(element: Any) -> Any:
    """Make tensors of all leaves."""
    return mapped(as_tensor, element)


def as_array(leaf: Any) -> Any:
    """Make a NumPy array of a leaf; ragged tensors and the like stay as they are."""
    if isinstance(leaf, ps.Tensor):
        return leaf.numpy() if leaf.dtype != "bfloat16" else leaf
    if isinstance(leaf, RaggedTensor) or is_opaque(leaf):
        return leaf
    if isinstance(leaf, bytes | str):  # NumPy's own strings end before a zero
        return np.array(leaf if isinstance(leaf, bytes) else leaf.encode(), object)
    array = np.asarray(leaf)
    return array.astype(object) if array.dtype.kind in "SU" else array


def as_numpy(leaf: Any) -> Any:
    """Return a leaf as NumPy has it: arrays, scalars, bytes."""
    if isinstance(leaf, str):
        return leaf.encode()
    if isinstance(leaf, bytes | RaggedTensor) or is_opaque(leaf):
        return leaf
    if isinstance(leaf, ps.Tensor):
        if leaf.dtype == "string" and not leaf.ndim:
            return leaf.item()
        leaf = leaf.numpy()
    array = np.asarray(leaf)
    return array[()] if array.ndim == 0 else array


def from_user(value: Any) -> Any:
    """Make an element of what a user's function returned: lists become arrays.

    Raises:
        InvalidValueError: It is no element.
    """
    kind = type(value)
    if kind is ps.Tensor or kind is np.ndarray:
        return value
    if isinstance(value, tuple):
        parts = [from_user(part) for part in value]
        return tuple(parts) if kind is tuple else kind(*parts)
    if isinstance(value, Mapping):
        return {key: from_user(part) for key, part in value.items()}
    if isinstance(value, list):
        return array_of_list(value)
    if isinstance(value, str):
        return value.encode()
    if value is None:
        raise InvalidValueError(
            "[Dataset] got None as an element; give a tensor, or leave the part out"
        )
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    if isinstance(value, RaggedTensor | bytes | np.generic) or is_opaque(value):
        return value
    return as_array(ps.asarray(value))


def array_of_list(items: list[Any]) -> Any:
    """Make an array of a list; a ragged tensor if its lists have different lengths.

    Raises:
        InvalidValueError: It is neither.
    """
    if items and all(isinstance(item, ps.Tensor | np.ndarray) for item in items):
        if len({shape_of(item) for item in items}) == 1:
            return stacked([as_array(item) for item in items], "Dataset")
        return _ragged(items)
    try:
        return as_array(ps.asarray(items))
    except (ValueError, TypeError):
        return _ragged(items)


def _ragged(items: list[Any]) -> Any:
    try:
        return ps.ragged.constant([np.asarray(item).tolist() for item in items])
    except (ValueError, TypeError) as error:
        raise InvalidValueError(
            f"[Dataset] got a list that is no array: {error}; give arrays, or a tuple for several parts"
        ) from None


# ---- rows


def stacked(parts: list[Any], where: str = "batch") -> Any:
    """Stack leaves along a new first axis.

    Raises:
        ShapeError: They have different shapes.
    """
    first = parts[0]
    if isinstance(first, bytes | str):
        rows = np.empty(len(parts), object)
        rows[:] = parts
        return rows
    if isinstance(first, np.generic) or type(first) in (int, float, bool):
        return np.array(parts)
    if isinstance(first, RaggedTensor):
        return ps.ragged.stack(parts)
    if is_sparse(first):
        return _stacked_sparse(parts)
    if is_opaque(first):
        raise InvalidValueError(
            f"[{where}] elements are datasets; batch each with flat_map(lambda window: window.batch(n))"
        )
    if kind_of(first) == "bfloat16":
        return ps.stack(parts)
    arrays = [part if type(part) is np.ndarray else as_array(part) for part in parts]
    shape = arrays[0].shape
    for number, array in enumerate(arrays):
        if array.shape != shape:
            raise ShapeError(
                f"[{where}] element {number} of the batch has shape {array.shape}, the first has {shape}; make them equal, "
                "or use padded_batch or ragged_batch"
            )
    if arrays[0].dtype.kind not in "fiub" or arrays[0].nbytes < _SHARED_FROM:
        return np.array(arrays) if shape else np.array([a[()] for a in arrays])
    out, view = fresh((len(arrays), *shape), arrays[0].dtype)
    np.stack(arrays, out=view, casting="same_kind")
    return out


def _stacked_sparse(parts: list[Any]) -> Any:
    coos = [part.to_coo() for part in parts]
    rows = [
        np.concatenate([np.full((c.indices.shape[0], 1), i), c.indices.numpy()], 1)
        for i, c in enumerate(coos)
    ]
    shape = np.max([c.shape for c in coos], axis=0)
    values = ps.concat([c.values for c in coos])
    return ps.sparse.CooTensor(
        values, np.concatenate(rows).astype(np.int64), (len(parts), *map(int, shape))
    )


def fresh(shape: tuple[int, ...], dtype: Any) -> tuple[ps.Tensor, Any]:
    """Make a tensor, and an array over its memory to fill before anybody sees it."""
    out = ps.empty(shape, np.dtype(dtype).name)
    return out, _native.writable_view(out)


def stack(elements: list[Any], where: str = "batch") -> Any:
    """Make one element of several, with a row for each.

    Raises:
        ShapeError: Their leaves have different shapes.
        InvalidValueError: They have different structures.
    """
    return zipped(lambda parts: stacked(parts, where), elements)


def gathered(array: Any, indices: Any) -> Any:
    """Take rows of an array, into one new piece of memory."""
    if isinstance(array, RaggedTensor):
        return ps.ragged.gather(array, ps.asarray(indices))
    if not isinstance(array, np.ndarray):
        return ps.take(array, ps.asarray(indices), axis=0)
    if array.dtype.kind not in "fiub" or not len(array):
        return array[indices]
    out, view = fresh((*np.shape(indices), *array.shape[1:]), array.dtype)
    # 'clip' writes without a buffer between; the indices are known to be good.
    np.take(array, indices, axis=0, out=view, mode="clip")
    return out


def joined_rows(parts: list[Any]) -> Any:
    """Put elements with several rows together; None if there is none."""
    if len(parts) < 2:
        return parts[0] if parts else None

    def of(leaves: list[Any]) -> Any:
        if isinstance(leaves[0], RaggedTensor):
            return ps.ragged.concat(leaves)
        if kind_of(leaves[0]) == "bfloat16":
            return ps.concat(leaves)
        return np.concatenate([as_array(leaf) for leaf in leaves])

    return zipped(of, parts)


def row_of(rows: Any, number: int) -> Any:
    """Take one row of every leaf."""
    return mapped(lambda leaf: row_of_leaf(leaf, number), rows)


def row_of_leaf(leaf: Any, number: int) -> Any:
    """Take one row of a leaf."""
    if type(leaf) is np.ndarray:
        return leaf[number]
    if isinstance(leaf, ps.Tensor) and leaf.dtype != "bfloat16":
        return leaf.numpy()[number]
    return leaf[number]


def count_rows(element: Any, where: str) -> int:
    """Return how many rows the leaves have.

    Raises:
        ShapeError: They differ, or there are none.
    """
    shapes = [shape_of(leaf) for leaf in leaves(element)]
    sizes = sorted({int(shape[0]) for shape in shapes if shape})
    if len(sizes) != 1 or not all(shapes):
        raise ShapeError(
            f"[{where}] got {outline(element)}; expected parts with equally many rows: give arrays of one first size"
        )
    return sizes[0]


def bytes_of(element: Any) -> int:
    """Estimate how much memory an element takes."""
    total = 0
    for leaf in leaves(element):
        if isinstance(leaf, RaggedTensor):
            total += bytes_of((leaf.values, leaf.row_splits))
        elif isinstance(leaf, np.ndarray) and leaf.dtype.kind != "O":
            total += leaf.nbytes
        elif isinstance(leaf, ps.Tensor) and leaf.dtype != "string":
            total += int(leaf.size) * leaf.dtype.itemsize
        elif isinstance(leaf, bytes | str):
            total += len(leaf)
        else:
            total += 64 * int(np.prod(shape_of(leaf), dtype=np.int64)) if shape_of(leaf) else 64
    return total + 64
