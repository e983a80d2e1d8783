"""Pooling over images [batch, height, width, channels]."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops._windows import Windows, same_padding
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike

_CASES: tuple[tuple[str, tuple[int, ...], dict[str, Any]], ...] = (
    ("plain", (2, 4, 6, 3), {"pool_size": (2, 2)}),
    ("one number", (1, 5, 5, 2), {"pool_size": 2}),
    ("overlapping", (1, 5, 6, 2), {"pool_size": (3, 2), "strides": (1, 2)}),
    ("same", (1, 5, 5, 2), {"pool_size": (2, 3), "padding": "same"}),
    ("same, overlapping", (1, 4, 5, 1), {"pool_size": 3, "strides": 1, "padding": "same"}),
    ("gaps", (1, 5, 5, 1), {"pool_size": 1, "strides": 2}),
    ("no images", (0, 4, 4, 1), {"pool_size": 2}),
)


def windows_of(image: Any, attrs: Any) -> Windows:
    """Place the windows of a pooling of images or volumes."""
    sides = len(image) - 2
    size = np.broadcast_to(attrs["pool_size"], sides).tolist()
    strides = np.broadcast_to(attrs.get("strides") or size, sides).tolist()
    return Windows.over(image, size, strides, attrs.get("padding", "valid"))


def _inside(windows: Windows, image: Any) -> Any:
    """True on the image and False on its border, for the views of `windows`."""
    return windows.pad(np.ones((1, *image[1:-1], 1), bool), value=False)


def _images(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (2, 4, 6, 3), dtype),), {"pool_size": 2}, label=dtype)
    for label, shape, attrs in _CASES:
        yield Sample((array(rng, shape),), attrs, label=label)


def _rejected_images() -> Iterator[Reject]:
    x = np.ones((1, 4, 4, 2))
    yield Reject((x[0], 2), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, 5), match="use padding='same', a smaller window")
    yield Reject((x, (2, 2, 2)), match="one or two numbers of at least 1")
    yield Reject((x, 2), {"padding": "explicit"}, match="use 'valid' or 'same'")


@op(infer="pool2d:real")
def max_pool2d(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> Tensor:
    """Take the largest element of each window; NaN if there is one. Padding never wins.

    Args:
        x: [batch, height, width, channels], any real dtype.
        pool_size: Height and width of the window: one number, or one for each side.
        strides: Steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the result has ceil(size / stride) rows and columns).

    Returns:
        [batch, rows, columns, channels], of x's dtype.

    Raises:
        ValueError: x has not 4 axes, the window is larger than the image, or an attribute is out of range.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0, 4.0], (1, 2, 2, 1))
        >>> penstock.nn.max_pool2d(x, 2)
        Tensor([[[[4.]]]], shape=(1, 1, 1, 1), dtype=float32)
    """


max_pool2d.rejects(_rejected_images)


max_pool2d.batch(_batch.merged)


@max_pool2d.reference
def largest(x: Any, **attrs: Any) -> Any:
    """Be max_pool2d and max_pool3d in NumPy."""
    windows = windows_of(x.shape, attrs)
    y = np.full((x.shape[0], *windows.out, x.shape[-1]), _lowest(x.dtype), x.dtype)
    for _cell, view in windows.views(windows.pad(x, _lowest(x.dtype))):
        np.maximum(y, view, out=y)
    return y


def _lowest(dtype: Any) -> Any:
    return np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else -np.inf


@max_pool2d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in ("pool_size", "strides", "padding")}
    return (ops.max_pool2d_grad(node.inputs[0], node.outputs[0], dy, **attrs),)


@max_pool2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _images(rng)
    yield Sample((array(rng, (1, 4, 4, 2), "int32"), 2), label="int32")
    yield Sample((array(rng, (1, 5, 5, 2), "uint8"), 2, 2, "same"), label="uint8, padded")


@op(infer="padded_max_pool2d", name="core.padded_max_pool2d")
def padded_max_pool2d(
    x: TensorLike, /, *, pool_size: Ints, strides: Ints, explicit_padding: Ints
) -> Tensor:
    """Take the largest element of each window of padded images; what a pass makes of pad and max_pool2d.

    Args:
        x: [batch, height, width, channels], real numbers.
        pool_size: Height and width of the window.
        strides: Steps between windows.
        explicit_padding: (top, bottom, left, right), each less than the window; padding never wins.

    Returns:
        [batch, rows, columns, channels], of x's dtype.

    Raises:
        ValueError: The window is larger than the padded image, or an attribute is out of range.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> from penstock.ops.pool import padded_max_pool2d
        >>> x = penstock.reshape([-1.0, -2.0, -3.0, -4.0], (1, 2, 2, 1))
        >>> padded_max_pool2d(x, pool_size=2, strides=2, explicit_padding=(1, 1, 0, 0))[0, :, :, 0]
        Tensor([[-1.],
                [-3.]], shape=(2, 1), dtype=float32)
    """


padded_max_pool2d.not_differentiable(
    "gradients are taken before the pass; differentiate the function, not its optimised graph"
)


@padded_max_pool2d.reference
def _(x: Any, *, pool_size: Any, strides: Any, explicit_padding: Any) -> Any:
    size, steps = (np.broadcast_to(a, 2).tolist() for a in (pool_size, strides))
    windows = Windows.over(x.shape, size, steps, "explicit", explicit_padding)
    lowest = _lowest(x.dtype)
    y = np.full((x.shape[0], *windows.out, x.shape[-1]), lowest, x.dtype)
    for _cell, view in windows.views(windows.pad(x, lowest)):
        np.maximum(y, view, out=y)
    return y


@padded_max_pool2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, shape, size, strides, pads in (
        ("resnet", (2, 8, 7, 5), 3, 2, (1, 1, 1, 1)),
        ("uneven", (1, 5, 6, 33), (2, 3), (1, 2), (0, 1, 2, 0)),
        ("no images", (0, 4, 4, 1), 2, 2, (1, 0, 0, 1)),
    ):
        attrs = {"pool_size": size, "strides": strides, "explicit_padding": pads}
        for dtype in ("float32", "int8", "uint8"):
            x = array(rng, shape, dtype)
            yield Sample((x,), attrs, differentiable=False, label=f"{label}, {dtype}")


@padded_max_pool2d.rejects
def _() -> Iterator[Reject]:
    x = np.ones((1, 4, 4, 2))
    good = {"pool_size": 2, "strides": 2, "explicit_padding": (0, 1, 0, 1)}
    yield Reject((x[0],), good, match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x,), good | {"explicit_padding": (2, 0, 0, 0)}, match="use less than a window")
    yield Reject((x,), good | {"explicit_padding": (1, 0)}, match="none of them negative")
    yield Reject((x,), good | {"pool_size": 9}, match="use less|a smaller window")


@op(infer="max_pool2d_grad")
def max_pool2d_grad(
    x: TensorLike,
    y: TensorLike,
    dy: TensorLike,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
) -> Tensor:
    """Take the gradient of max_pool2d: each dy goes to the first maximum of its window, row by row.

    Args:
        x: [batch, height, width, channels], the images.
        y: [batch, rows, columns, channels], what max_pool2d returned.
        dy: The gradient of y, of its shape.
        pool_size: As given to max_pool2d.
        strides: As given to max_pool2d.
        padding: As given to max_pool2d.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> x, one = penstock.reshape([1.0, 2.0, 2.0], (1, 1, 3, 1)), penstock.ones((1, 1, 1, 1))
        >>> penstock.ops.max_pool2d_grad(x, 2 * one, one, (1, 3))[0, 0, :, 0]
        Tensor([0., 1., 0.], shape=(3,), dtype=float32)
    """


max_pool2d_grad.batch(_batch.all_merged)


@max_pool2d_grad.reference
def to_the_largest(x: Any, y: Any, dy: Any, **attrs: Any) -> Any:
    """Be the gradient of max_pool2d and max_pool3d in NumPy."""
    windows = windows_of(x.shape, attrs)
    padded, dx = windows.pad(x), windows.pad(np.zeros(x.shape, wider(dy).dtype))
    found = np.zeros(y.shape, bool)
    cells = zip(
        windows.views(padded),
        windows.views(dx),
        windows.views(_inside(windows, x.shape)),
        strict=True,
    )
    for (_, view), (_, target), (_, inside) in cells:
        hit = ((view == y) | (np.isnan(view) & np.isnan(y))) & inside & ~found
        target += np.where(hit, dy, dy.dtype.type(0))
        found |= hit
    return windows.crop(dx)


@max_pool2d_grad.vjp
def read_at_the_largest(node: Node, ddx: Tensor) -> Gradients:
    """Read ddx where dy was written: at the first maximum of each window, in planes and in volumes."""
    x, y, _ = node.inputs
    size, strides = node.attrs["pool_size"], node.attrs["strides"]
    if node.attrs["padding"] == "same":
        sides = zip(x.shape[1:-1], size, strides, strict=True)
        pads = [end for n, window, stride in sides for end in same_padding(n, window, stride)]
        x = ops.pad_(x, (0, 0, *pads, 0, 0), -np.inf)
        ddx = ops.pad_(ddx, (0, 0, *pads, 0, 0))
    ddy, found = None, None
    for cell in np.ndindex(*size):
        window = (0, *cell, 0), y.shape, (1, *strides, 1)
        hit = ops.slice(x, *window) == y
        first = hit if found is None else hit & ~found
        found = hit if found is None else hit | found
        part = ops.where(first, ops.slice(ddx, *window), 0.0)
        ddy = part if ddy is None else ddy + part
    return None, None, ddy


@max_pool2d_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    reference = max_pool2d.reference_fn
    assert reference is not None  # declared above
    for sample in _images(rng):
        (x,) = sample.args
        y = reference(x, **sample.kwargs)
        args = x, y, array(rng, y.shape, x.dtype.name)
        yield Sample(args, sample.kwargs, label=sample.label)
    ties = np.ones((1, 4, 4, 1))
    args = ties, np.ones((1, 3, 3, 1)), array(rng, (1, 3, 3, 1))
    yield Sample(args, {"pool_size": 2, "strides": 1}, label="ties")


@max_pool2d_grad.rejects
def _() -> Iterator[Reject]:
    args = np.ones((1, 4, 4, 1)), np.ones((1, 2, 3, 1)), np.ones((1, 2, 2, 1))
    yield Reject(args, {"pool_size": 2}, match="the shape of the pooling's result")


@op(infer="pool2d:float")
def avg_pool2d(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> Tensor:
    """Average the elements of each window. Padding is not counted.

    Args:
        x: [batch, height, width, channels], any real dtype; integers are taken as float32.
        pool_size: Height and width of the window: one number, or one for each side.
        strides: Steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that the result has ceil(size / stride) rows and columns).

    Returns:
        [batch, rows, columns, channels], of x's dtype or float32.

    Raises:
        ValueError: x has not 4 axes, the window is larger than the image, or an attribute is out of range.
        TypeError: x is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0, 4.0], (1, 2, 2, 1))
        >>> penstock.nn.avg_pool2d(x, 2)
        Tensor([[[[2.5]]]], shape=(1, 1, 1, 1), dtype=float32)
    """


avg_pool2d.jvp(_tangents.linear)


avg_pool2d.samples(_images)
avg_pool2d.rejects(_rejected_images)


def _counts(windows: Windows, image: Any) -> Any:
    """How many elements of the image each window sees: [1, *out, 1]."""
    total = np.zeros((1, *windows.out, 1))
    for _cell, view in windows.views(_inside(windows, image)):
        total += view
    return total


avg_pool2d.batch(_batch.merged)


@avg_pool2d.reference
def averaged(x: Any, **attrs: Any) -> Any:
    """Be avg_pool2d and avg_pool3d in NumPy."""
    windows = windows_of(x.shape, attrs)
    y = np.zeros((x.shape[0], *windows.out, x.shape[-1]), wider(x).dtype)
    for _cell, view in windows.views(windows.pad(x)):
        y += view
    return y / _counts(windows, x.shape)


@avg_pool2d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in ("pool_size", "strides", "padding")}
    return (ops.avg_pool2d_grad(dy, node.inputs[0].shape, **attrs),)


@op(infer="avg_pool2d_grad")
def avg_pool2d_grad(
    dy: TensorLike,
    input_shape: ShapeLike,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
) -> Tensor:
    """Take the gradient of avg_pool2d: each dy is shared by the elements of its window.

    Args:
        dy: [batch, rows, columns, channels], the gradient of the pooling's result.
        input_shape: The shape of the images, [batch, height, width, channels].
        pool_size: As given to avg_pool2d.
        strides: As given to avg_pool2d.
        padding: As given to avg_pool2d.

    Returns:
        `input_shape`, of dy's dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> penstock.ops.avg_pool2d_grad([[[[6.0]]]], (1, 1, 3, 1), (1, 3))[0, 0, :, 0]
        Tensor([2., 2., 2.], shape=(3,), dtype=float32)
    """


avg_pool2d_grad.jvp(_tangents.linear)


avg_pool2d_grad.batch(_batch.all_merged)


@avg_pool2d_grad.reference
def shared(dy: Any, input_shape: Any, **attrs: Any) -> Any:
    """Be the gradient of avg_pool2d and avg_pool3d in NumPy."""
    windows = windows_of(input_shape, attrs)
    dx = windows.pad(np.zeros(input_shape, wider(dy).dtype))
    share = dy / _counts(windows, input_shape)
    inside = _inside(windows, input_shape)
    for (_, target), (_, counted) in zip(windows.views(dx), windows.views(inside), strict=True):
        target += share * counted
    return windows.crop(dx)


@avg_pool2d_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in ("pool_size", "strides", "padding")}
    return (ops.avg_pool2d(ddx, **attrs),)


@avg_pool2d_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in _images(rng):
        (x,) = sample.args
        out = windows_of(x.shape, sample.kwargs).out
        dy = array(rng, (x.shape[0], *out, x.shape[3]), x.dtype.name)
        yield Sample((dy, x.shape), sample.kwargs, label=sample.label)


@avg_pool2d_grad.rejects
def _() -> Iterator[Reject]:
    args = np.ones((1, 2, 3, 1)), (1, 4, 4, 1), 2
    yield Reject(args, match="the shape of the pooling's result")
