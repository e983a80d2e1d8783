"""Ops that move numbers or ask for shapes. Small integers that only say shapes are computed while the file is read."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite.building import Call, converts

_LARGEST = 1 << 24


def _like(c: Call) -> None:
    """Refuse integers that would have to change their scale."""
    infos = [i for i in (*c.infos, *c.outputs) if i is not None and i.quantization is not None]
    small = [i for i in infos if i.dtype in ("int8", "uint8", "int16")]
    if len({c.single(i) for i in small}) > 1:
        raise c.fail("changes the scale of its numbers")


@converts("RESHAPE", integers="same")
def reshape(c: Call) -> Any:
    """Give the numbers another shape: the one in the second input, or else in the options."""
    shape = c.sizes(1) if c.has(1) else c.options["new_shape"]
    if shape is None:
        raise c.fail("has no new shape")
    return ps.reshape(c.x(0), c.batched(shape))


@converts("SQUEEZE", integers="same")
def squeeze(c: Call) -> Any:
    """Drop axes of size 1."""
    axes = c.options["axes"]
    return ps.squeeze(c.x(0), tuple(axes) if axes else None)


@converts("EXPAND_DIMS", integers="same")
def expand_dims(c: Call) -> Any:
    """Add an axis of size 1."""
    return ps.expand_dims(c.x(0), c.ints(1)[0])


@converts("TRANSPOSE", integers="same")
def transpose(c: Call) -> Any:
    """Order the axes in another way."""
    return ps.permute_dims(c.x(0), tuple(c.ints(1)))


@converts("SHAPE", integers="own")
def shape(c: Call) -> Any:
    """Say the input's shape; sizes that vary stay symbols, in an array of objects."""
    sizes = c.x(0).shape
    if all(isinstance(size, int) for size in sizes):
        return np.array(sizes, c.dtype_option("dtype", 2))
    return np.array(sizes, object)


@converts("RANK", integers="own")
def rank(c: Call) -> Any:
    """Say the input's number of axes."""
    return np.array(c.rank(0), np.int32)


@converts("CONCATENATION", integers="own")
def concat(c: Call) -> Any:
    """Join tensors along an axis."""
    axis, xs = c.options["axis"], c.xs()
    if all(isinstance(x, np.ndarray) for x in xs):
        return np.concatenate(xs, axis=axis)
    if not c.quantized:
        return c.activated(ps.concat(xs, axis=axis))
    parameters = [c.single(c.info(i)) for i in range(len(xs))]
    scale, zero = c.single(c.output())
    if all(p == (scale, zero) for p in parameters):
        return ps.concat(xs, axis=axis)
    return ps.quantized_concat(
        xs,
        np.array([s for s, _ in parameters], np.float32),
        np.array([z for _, z in parameters], np.int32),
        scale,
        zero,
        axis=axis,
    )


@converts("PACK", integers="same")
def pack(c: Call) -> Any:
    """Stack tensors along a new axis."""
    if all(isinstance(x, np.ndarray) for x in c.values):
        return np.stack(c.xs(), axis=c.options["axis"])
    return ps.stack(c.xs(), axis=c.options["axis"])


@converts("UNPACK", integers="same")
def unpack(c: Call) -> Any:
    """Take the parts along an axis."""
    return list(ps.unstack(c.x(0), axis=c.options["axis"]))


@converts("SPLIT", integers="same")
def split(c: Call) -> Any:
    """Cut into equal parts."""
    return list(ps.split(c.x(1), c.options["count"], axis=c.ints(0)[0]))


@converts("SPLIT_V", integers="same")
def split_sizes(c: Call) -> Any:
    """Cut into parts of given sizes."""
    x, sizes, axis = c.x(0), c.ints(1), c.ints(2)[0]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(sizes) - 1
    if min(sizes, default=-1) < 0 or sum(sizes) != x.shape[axis]:
        raise c.fail(f"cuts {x.shape[axis]} into {sizes}")
    ends = list(accumulate(sizes))
    return list(ps.split(x, ends[:-1], axis=axis))


@converts("SLICE", integers="same")
def slice_of(c: Call) -> Any:
    """Take a block: where it begins and its sizes; -1 goes to the end."""
    begins, sizes = c.ints(1), c.ints(2)
    if len(begins) != c.rank(0) or len(sizes) != c.rank(0) or min(begins, default=0) < 0:
        raise c.fail(f"takes {begins}, {sizes} of {c.x(0).shape}")
    key = tuple(slice(b, None if n == -1 else b + n) for b, n in zip(begins, sizes, strict=True))
    return _taken(c.x(0), key)


def _taken(x: Any, key: tuple[Any, ...]) -> Any:
    return np.asarray(x[key], x.dtype) if isinstance(x, np.ndarray) else x[key]


@converts("STRIDED_SLICE", integers="same")
def strided_slice(c: Call) -> Any:
    """Take a block with steps; bits of masks say which bounds to ignore, and which axes go or come."""
    begins, ends, steps = (c.ints(i) for i in (1, 2, 3))
    if not len(begins) == len(ends) == len(steps):
        raise c.fail(f"has {len(begins)}, {len(ends)} and {len(steps)} bounds")
    if c.options["offset"]:
        raise c.fail("counts its ends from its begins")
    masks = {
        name: c.options[f"{name}_mask"]
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    key: list[Any] = []
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << i
        if masks["ellipsis"] & bit:
            key.append(Ellipsis)
        elif masks["new_axis"] & bit:
            key.append(None)
        elif masks["shrink_axis"] & bit:
            key.append(begin)
        else:
            first = None if masks["begin"] & bit else begin
            key.append(slice(first, None if masks["end"] & bit else end, step))
    return _taken(c.x(0), tuple(key))


@converts("TILE", integers="same")
def tile(c: Call) -> Any:
    """Repeat along axes."""
    return ps.tile(c.x(0), tuple(c.ints(1)))


@converts("BROADCAST_TO", integers="same")
def broadcast_to(c: Call) -> Any:
    """Repeat to a shape."""
    return ps.broadcast_to(c.x(0), tuple(c.ints(1)))


@converts("REVERSE_V2", integers="same")
def reverse(c: Call) -> Any:
    """Turn axes round."""
    return ps.flip(c.x(0), tuple(c.ints(1)))


def _widths(c: Call) -> list[tuple[int, int]]:
    widths = c.ints(1)
    if len(widths) != 2 * c.rank(0) or min(widths, default=0) < 0:
        raise c.fail(f"pads {c.x(0).shape} by {widths}")
    return list(zip(widths[::2], widths[1::2], strict=True))


@converts("PAD", "PADV2", integers="own")
def pad(c: Call) -> Any:
    """Add a margin: zeros, or the value of the third input; of quantised numbers what stands for it."""
    value: Any = 0
    if c.quantized:
        _like(c)
        value = int(c.single(c.output())[1])
    if c.name == "PADV2":
        value = c.known(2).reshape(-1)[0].item()
    return ps.pad(c.x(0), _widths(c), constant_values=value)


@converts("MIRROR_PAD", integers="same")
def mirror_pad(c: Call) -> Any:
    """Add a margin of mirrored numbers."""
    mode = ("reflect", "symmetric")[1 if c.options["mode"] else 0]
    return ps.pad(c.x(0), _widths(c), mode=mode)


@converts("GATHER", integers="same")
def gather(c: Call) -> Any:
    """Take rows by number; of a constant table they are an embedding's."""
    axis, batch_dims = c.options["axis"], c.options["batch_dims"]
    table = c.weights(0) if isinstance(c.x(0), np.ndarray) and c.rank(0) == 2 else c.x(0)
    return ps.gather(table, c.x(1), axis=axis, batch_dims=batch_dims)


@converts("GATHER_ND", integers="same")
def gather_nd(c: Call) -> Any:
    """Take elements by their places."""
    return ps.gather_nd(c.x(0), c.x(1))


@converts("FILL")
def fill(c: Call) -> Any:
    """Fill a shape with one number."""
    sizes = c.ints(0)
    if math.prod(sizes) > _LARGEST or min(sizes, default=0) < 0:
        raise c.fail(f"fills the shape {sizes}")
    return ps.broadcast_to(c.x(1), tuple(sizes))


@converts("RANGE")
def range_of(c: Call) -> Any:
    """Count from a number to another."""
    start, stop, step = (c.known(i).reshape(-1)[0] for i in range(3))
    if step == 0 or not (stop - start) / step < _LARGEST:
        raise c.fail(f"counts from {start} to {stop} by {step}")
    return np.arange(start, stop, step, dtype=c.info(0).dtype)


@converts("ONE_HOT")
def one_hot(c: Call) -> Any:
    """Put one value where the number is and another elsewhere."""
    axis = c.options["axis"]
    hot = ps.one_hot(c.x(0), c.ints(1)[0], "bool")
    return ps.moveaxis(ps.where(hot, c.x(2), c.x(3)), -1, axis)


@converts("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", integers="same")
def depth_and_space(c: Call) -> Any:
    """Move blocks of pixels to channels, or back."""
    op = ps.depth_to_space if c.name == "DEPTH_TO_SPACE" else ps.space_to_depth
    return op(c.x(0), c.options["block_size"])


@converts("SPACE_TO_BATCH_ND", integers="own")
def space_to_batch(c: Call) -> Any:
    """Move blocks of pixels to the batch, after a margin."""
    x, blocks, margins = c.x(0), c.ints(1), c.ints(2)
    zero = int(c.single(c.output())[1]) if c.quantized else 0
    count = len(blocks)
    if (
        len(margins) != 2 * count
        or not 1 <= count < c.rank(0)
        or min(blocks) < 1
        or min(margins) < 0
    ):
        raise c.fail(f"has blocks {blocks} and margins {margins}")
    pairs = [(0, 0), *zip(margins[::2], margins[1::2], strict=True)]
    x = ps.pad(x, pairs + [(0, 0)] * (c.rank(0) - len(pairs)), constant_values=zero)
    batch, *sizes = x.shape
    rest = sizes[count:]
    inner = [n for size, b in zip(sizes[:count], blocks, strict=True) for n in (size // b, b)]
    x = ps.reshape(x, (batch, *inner, *rest))
    axes = [
        *range(2, 2 * count + 1, 2),
        0,
        *range(1, 2 * count, 2),
        *range(2 * count + 1, 2 * count + 1 + len(rest)),
    ]
    shape = (
        batch * math.prod(blocks),
        *[n // b for n, b in zip(sizes, blocks, strict=False)],
        *rest,
    )
    return ps.reshape(ps.permute_dims(x, axes), shape)


@converts("BATCH_TO_SPACE_ND", integers="same")
def batch_to_space(c: Call) -> Any:
    """Move the batch back to blocks of pixels, and cut the margin off."""
    x, blocks, margins = c.x(0), c.ints(1), c.ints(2)
    count, whole = len(blocks), math.prod(blocks)
    if (
        len(margins) != 2 * count
        or not 1 <= count < c.rank(0)
        or min(blocks) < 1
        or min(margins) < 0
    ):
        raise c.fail(f"has blocks {blocks} and margins {margins}")
    batch, *sizes = x.shape
    rest = sizes[count:]
    x = ps.reshape(x, (*blocks, batch // whole, *sizes))
    axes = [count]
    for i in range(count):
        axes += [count + 1 + i, i]
    axes += range(2 * count + 1, 2 * count + 1 + len(rest))
    grown = [n * b for n, b in zip(sizes, blocks, strict=False)]
    x = ps.reshape(ps.permute_dims(x, axes), (batch // whole, *grown, *rest))
    cuts = zip(margins[::2], margins[1::2], grown, strict=True)
    return _taken(x, (slice(None), *(slice(a, n - b) for a, b, n in cuts)))
