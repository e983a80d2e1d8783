"""Operators that make, ask for and change shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock._native import Dim
from penstock_formats.onnx.reading.indexing_rules import slices_of, split_sizes
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Array, Value, known


@converts("Constant")
def _constant(call: Call) -> Value:
    given = [name for name in call.attrs if call.attrs[name] is not None]
    if len(given) != 1:
        raise call.wrong(f"has {len(given)} values", "a constant has one: export the model again")
    value = call.attrs[given[0]]
    if given[0] in ("value_string", "value_strings"):
        texts = np.empty(() if given[0] == "value_string" else (len(value),), object)
        texts[...] = value
        return Value(host=texts, dtype="string")
    if given[0] == "sparse_value":
        raise call.unsupported("a sparse constant")
    if given[0] == "value":
        return constant(value)
    return Value(host=np.array(value, np.float32 if "float" in given[0] else np.int64))


def constant(array: Array) -> Value:
    """Make a value of an array in the file."""
    if array.dtype.name == "bfloat16":
        return Value(ps.asarray(array))
    return Value(host=array, dtype="string" if array.dtype == object else "")


@converts("ConstantOfShape")
def _constant_of_shape(call: Call, shape: Value) -> Tensor:
    array = call.attr("value", np.zeros(1, np.float32))
    if array.size != 1:
        raise call.wrong(f"has {array.size} values", "it fills with one: export the model again")
    sizes = call.ints(shape, "shape")
    call.walk.keep_small(sizes)
    return ps.broadcast_to(ps.reshape(constant(array).tensor, [1] * len(sizes)), sizes)


@converts("Shape")
def _shape(call: Call, x: Value) -> Value:
    return known(list(x.shape)[slice(call.attr("start", 0), call.attr("end"))])


@converts("Size")
def _size(_call: Call, x: Value) -> Value:
    made = known([math.prod(x.shape)])
    assert made.host is not None
    return Value(host=made.host.reshape(()), dtype="int64")


@converts("Reshape")
def _reshape(call: Call, x: Value, shape: Value | None = None) -> Tensor:
    wanted = call.need("shape") if shape is None else call.ints(shape, "shape")
    have = x.shape
    if not call.attr("allowzero", 0):
        zeros = [i for i, n in enumerate(wanted) if not isinstance(n, Dim) and n == 0]
        if zeros and zeros[-1] >= len(have):
            raise call.wrong(
                f"keeps size {zeros[-1]} of {len(have)} sizes", "export the model again"
            )
        wanted = [have[i] if i in zeros else n for i, n in enumerate(wanted)]
    return ps.reshape(x.tensor, wanted)


@converts("Flatten")
def _flatten(call: Call, x: Value) -> Tensor:
    shape, axis = x.shape, call.attr("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    t = x.last if x.is_last and axis == 1 and all(_is_one(d) for d in shape[2:]) else x.tensor
    return ps.reshape(t, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


@converts("Squeeze")
def _squeeze(call: Call, x: Value, axes: Value | None = None) -> Tensor:
    wanted = call.attr("axes") if axes is None else call.ints(axes, "axes")
    if wanted is None:
        wanted = [i for i, d in enumerate(x.shape) if _is_one(d)]
    return ps.squeeze(x.tensor, axis=tuple(wanted))


@converts("Unsqueeze")
def _unsqueeze(call: Call, x: Value, axes: Value | None = None) -> Tensor:
    wanted = call.need("axes") if axes is None else call.ints(axes, "axes")
    rank = x.ndim + len(wanted)
    shape = list(x.shape)
    for axis in sorted(a % rank for a in wanted):
        shape.insert(axis, 1)
    if len({a % rank for a in wanted}) != len(wanted):
        raise call.wrong(f"names an axis twice: {list(wanted)}", "export the model again")
    return ps.reshape(x.tensor, shape)


@converts("Transpose")
def _transpose(call: Call, x: Value) -> Value:
    rank = x.ndim
    perm = [a % rank for a in call.attr("perm", list(range(rank))[::-1])]
    if sorted(perm) != list(range(rank)):
        raise call.wrong(
            f"has the order {perm} for {rank} axes",
            "it names each axis once: export the model again",
        )
    straight = list(range(rank))
    if x.weight is not None:
        return Value(weight=x.weight.permuted(perm))
    if x.is_last:
        here = [0 if a == 0 else rank - 1 if a == 1 else a - 1 for a in perm]
        if here == straight:
            return Value(x.last)
        return Value(ps.transpose(x.last, here))
    if rank >= 3 and [perm[0], *perm[2:], perm[1]] == straight:
        return Value(last=x.tensor)
    return Value(x.tensor) if perm == straight else Value(ps.transpose(x.tensor, perm))


@converts("Concat")
def _concat(call: Call, *xs: Value) -> Value:
    axis = call.attr("axis", 1)
    rank = xs[0].ndim
    if any(x.is_last for x in xs) and all(x.ndim == rank for x in xs):
        place = axis % rank
        return Value(
            last=ps.concat(
                [x.last for x in xs], 0 if place == 0 else rank - 1 if place == 1 else place - 1
            )
        )
    call.walk.keep_small([sum(_small(x) for x in xs)])
    return Value(ps.concat([x.tensor for x in xs], axis))


def _small(x: Value) -> int:
    return math.prod(d for d in x.shape if isinstance(d, int))


@converts("Split")
def _split(call: Call, x: Value, sizes: Value | None = None) -> list[Value]:
    axis = call.attr("axis", 0) % x.ndim
    given = call.attr("split") if sizes is None else call.ints(sizes, "sizes")
    parts = split_sizes(x.shape[axis], given, call.attr("num_outputs"), call.count())
    if x.is_last and axis == 1:
        return [Value(last=t) for t in _cut(x.last, parts, x.ndim - 1)]
    return [Value(t) for t in _cut(x.tensor, parts, axis)]


def _cut(x: Tensor, parts: list[Any], axis: int) -> list[Tensor]:
    made: list[Tensor] = []
    start: Any = 0
    for size in parts:
        made.append(part_of(x, axis, start, size))
        start = start + size
    return made


def part_of(x: Tensor, axis: int, start: Any, size: Any) -> Tensor:
    """Take a part of an axis; its bounds may be names of sizes, of which nobody can ask which is larger."""
    starts: list[Any] = [0] * x.ndim
    sizes: list[Any] = list(x.shape)
    starts[axis], sizes[axis] = start, size
    return ps.slice(x, starts, sizes, [1] * x.ndim)


@converts("Slice")
def _slice(call: Call, x: Value, *bounds: Value | None) -> Tensor:
    names = ("starts", "ends", "axes", "steps")
    found = [None if v is None else call.ints(v, n) for v, n in zip(bounds, names, strict=False)]
    slices, t = list(slices_of(call, x.shape, found)), x.tensor
    for axis, s in enumerate(slices):
        named = isinstance(s.start, Dim) or isinstance(s.stop, Dim)
        if named or (isinstance(t.shape[axis], Dim) and s.step == 1):
            t = _between(call, t, axis, s)
            slices[axis] = slice(None)
    return t if all(s == slice(None) for s in slices) else t[tuple(slices)]


def _between(call: Call, x: Tensor, axis: int, bounds: slice) -> Tensor:
    """Take a part between bounds of which at least one is a name of a size."""
    if bounds.step != 1:
        raise call.unsupported("a step between bounds that are sizes")
    ends: list[Any] = [0 if bounds.start is None else bounds.start]
    ends.append(x.shape[axis] if bounds.stop is None else bounds.stop)
    first, last = (e + x.shape[axis] if isinstance(e, int) and e < 0 else e for e in ends)
    if str(first) == "0" and str(last) == str(x.shape[axis]):
        return x
    return part_of(x, axis, first, last - first)


@converts("Expand")
def _expand(call: Call, x: Value, shape: Value) -> Tensor:
    wanted, have = call.ints(shape, "shape"), list(x.shape)
    rank = max(len(wanted), len(have))
    wanted = [1] * (rank - len(wanted)) + wanted
    have = [1] * (rank - len(have)) + have
    sizes = [h if _is_one(w) or not _is_one(h) else w for w, h in zip(wanted, have, strict=True)]
    for w, h in zip(wanted, have, strict=True):
        if isinstance(w, int) and isinstance(h, int) and w != h and 1 not in (w, h):
            raise call.wrong(f"broadcasts {x.shape} to {tuple(wanted)}", "export the model again")
    call.walk.keep_small(sizes)
    return ps.broadcast_to(x.tensor, sizes)


@converts("Tile")
def _tile(call: Call, x: Value, repeats: Value, axis: Value | None = None) -> Tensor:
    counts = call.ints(repeats, "repeats")
    if call.opset < 6 and axis is not None:
        place = int(call.ints(axis, "axis")[0]) % x.ndim
        counts = [counts[0] if i == place else 1 for i in range(x.ndim)]
    call.walk.keep_small([n * d for n, d in zip(counts, x.shape, strict=True)])
    if not any(isinstance(n, Dim) for n in counts):
        return ps.tile(x.tensor, counts)
    shape = x.shape
    spread = ps.reshape(x.tensor, [d for size in shape for d in (1, size)])
    spread = ps.broadcast_to(spread, [d for pair in zip(counts, shape, strict=True) for d in pair])
    return ps.reshape(spread, [n * d for n, d in zip(counts, shape, strict=True)])


@converts("Range")
def _range(call: Call, start: Value, limit: Value, delta: Value) -> Tensor:
    first, last, step = (
        call.known(v, n).reshape(-1)[0]
        for v, n in ((start, "start"), (limit, "limit"), (delta, "delta"))
    )
    if not any(isinstance(v, Dim) for v in (first, last, step)):
        if step == 0:
            raise call.wrong(
                "has a step of 0", "a step goes forward or backward: export the model again"
            )
        count = max(math.ceil((float(last) - float(first)) / float(step)), 0)
        call.walk.keep_small([count])
        dtype = np.dtype(start.dtype if start.dtype != "bfloat16" else "float32")
        return ps.cast(ps.asarray((first + np.arange(count) * step).astype(dtype)), start.dtype)
    return _counted(call, start, *(_whole(call, v) for v in (first, last, step)))


def _whole(call: Call, number: Any) -> Any:
    if isinstance(number, Dim) or float(number).is_integer():
        return number if isinstance(number, Dim) else int(number)
    raise call.unsupported("counting in fractions up to a size that is not known")


def _counted(call: Call, start: Value, first: Any, last: Any, step: Any) -> Tensor:
    """Count by whole numbers between bounds of which one is the name of a size."""
    if isinstance(step, Dim):
        raise call.unsupported("a step that is a size")
    count = last - first if step == 1 else (last - first + step - 1) // step
    if step < 0:
        count = (first - last - step - 1) // -step
    steps: Tensor = (ps.cumsum(ps.ones((count,), start.dtype)) - 1) * step
    return steps if not isinstance(first, Dim) and first == 0 else steps + start.tensor


def _padded_axes(
    call: Call, pads: list[int], axes: list[int] | None, rank: int
) -> list[tuple[int, int]]:
    chosen = list(range(rank)) if axes is None else [a % rank for a in axes]
    if len(pads) != 2 * len(chosen) or len(set(chosen)) != len(chosen):
        raise call.wrong(
            f"has {len(pads)} widths for axes {chosen}",
            "it needs two for each: export the model again",
        )
    widths = [(0, 0)] * rank
    for i, axis in enumerate(chosen):
        widths[axis] = (pads[i], pads[i + len(chosen)])
    return widths


@converts("Pad")
def _pad(
    call: Call,
    x: Value,
    pads: Value | None = None,
    fill: Value | None = None,
    axes: Value | None = None,
) -> Value:
    given = call.attr("pads") or call.attr("paddings")
    counts = list(given or []) if pads is None else call.ints(pads, "widths")
    number = call.attr("value", 0.0)
    if fill is not None:
        number = call.known(fill, "filling").reshape(-1)[0].item()
    widths = _padded_axes(call, counts, None if axes is None else call.ints(axes, "axes"), x.ndim)
    mode = call.attr("mode", "constant")
    if x.is_last:
        return Value(last=padded(x.last, [widths[0], *widths[2:], widths[1]], mode, number))
    call.walk.keep_small([d + a + b for d, (a, b) in zip(x.shape, widths, strict=True)])
    return Value(padded(x.tensor, widths, mode, number))


def padded(
    x: Tensor, widths: list[tuple[Any, Any]], mode: str = "constant", number: Any = 0.0
) -> Tensor:
    """Add elements before and after each axis; negative widths cut off."""
    x = x[tuple(slice(-a if a < 0 else 0, b if b < 0 else None) for a, b in widths)]
    grown = [(max(a, 0), max(b, 0)) for a, b in widths]
    if not any(a or b for a, b in grown):
        return x
    if x.dtype.name == "bool" and mode == "constant":
        return ps.cast(
            ps.pad(ps.cast(x, "uint8"), grown, constant_values=float(bool(number))), "bool"
        )
    if mode != "constant":
        return _mirrored(x, grown, mode)
    return ps.pad(x, grown, constant_values=number)


def _mirrored(x: Tensor, widths: list[tuple[int, int]], mode: str) -> Tensor:
    """Pad by what is there, also further than once across."""
    for axis, (before, after) in enumerate(widths):
        size = x.shape[axis]
        if not before and not after:
            continue
        if isinstance(size, Dim):
            x = _joined_to_itself(x, axis, (before, after), mode)
        elif max(before, after) < size:
            pairs = [(0, 0)] * x.ndim
            pairs[axis] = (before, after)
            x = ps.pad(x, pairs, mode=mode)
        else:
            name: Any = mode
            x = ps.take(x, np.pad(np.arange(size), (before, after), mode=name), axis)
    return x


def _joined_to_itself(x: Tensor, axis: int, widths: tuple[int, int], mode: str) -> Tensor:
    """The same for an axis whose size is a name."""
    (before, after), size = widths, x.shape[axis]
    if mode == "edge":
        shape = [d if i != axis else 1 for i, d in enumerate(x.shape)]
        ends = [part_of(x, axis, 0, 1), part_of(x, axis, size - 1, 1)]
        repeats = [[*shape[:axis], n, *shape[axis + 1 :]] for n in widths]
        parts = [ps.broadcast_to(e, r) for e, r in zip(ends, repeats, strict=True)]
    elif mode == "reflect":
        ends = [part_of(x, axis, 1, before), part_of(x, axis, size - 1 - after, after)]
        parts = [ps.flip(e, axis=axis) for e in ends]
    else:
        parts = [part_of(x, axis, size - before, before), part_of(x, axis, 0, after)]
    return ps.concat([parts[0], x, parts[1]], axis)


@converts("EyeLike", tensors=True)
def _eye_like(call: Call, x: Tensor) -> Tensor:
    from penstock_formats.onnx.reading.file import dtype_of_code

    code = call.attr("dtype")
    dtype = x.dtype.name if code is None else dtype_of_code(code, call.where)
    return diagonal_mask(
        x.shape[0], x.shape[1], lambda i, j: ps.equal(j - i, call.attr("k", 0)), dtype
    )


def diagonal_mask(rows: Any, columns: Any, test: Any, dtype: str) -> Tensor:
    """Mark the places (i, j) of a matrix for which a test holds."""
    i = ps.reshape(ps.cumsum(ps.ones((rows,), "int64")) - 1, (rows, 1))
    j = ps.reshape(ps.cumsum(ps.ones((columns,), "int64")) - 1, (1, columns))
    return ps.cast(test(i, j), dtype)


@converts("Trilu")
def _trilu(call: Call, x: Value, k: Value | None = None) -> Tensor:
    t = x.tensor
    shift = 0 if k is None else k.tensor
    upper = bool(call.attr("upper", 1))
    test = (lambda i, j: j - i >= shift) if upper else (lambda i, j: j - i <= shift)
    mask = diagonal_mask(t.shape[-2], t.shape[-1], test, "bool")
    return ps.where(mask, t, ps.zeros_like(t))


@converts("DepthToSpace")
def _depth_to_space(call: Call, x: Value) -> Value:
    block = call.need("blocksize")
    t = x.last
    if call.attr("mode", "DCR") == "DCR":
        return Value(last=ps.depth_to_space(t, block))
    n, h, w, c = t.shape
    parts = ps.transpose(ps.reshape(t, (n, h, w, c // block**2, block, block)), (0, 1, 4, 2, 5, 3))
    return Value(last=ps.reshape(parts, (n, h * block, w * block, c // block**2)))


@converts("SpaceToDepth")
def _space_to_depth(call: Call, x: Value) -> Value:
    return Value(last=ps.space_to_depth(x.last, call.need("blocksize")))
