"""Transposed convolution: what grows images back."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.conv import conv2d_input_grad

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike


@op(infer="conv2d_transpose")
def conv2d_transpose(
    x: TensorLike,
    filter: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    output_padding: Ints | None = None,
) -> Tensor:
    """Let every pixel spread a filter over a larger image: the transpose of conv2d, with its filter.

    y[n, i·s₀ + p·d₀, j·s₁ + q·d₁, o] += x[n, i, j, c] · filter[p, q, o, c]; then the padding is cut off.

    With a window of k = (kernel - 1) · dilation + 1 a side of n rows becomes, as in Keras,

    - "same": n · stride, or with an output padding (n - 1) · stride + k - 2 · ⌊k / 2⌋ + output_padding
    - "valid": n · stride + max(k - stride, 0), or (n - 1) · stride + k + output_padding
    - "explicit": (n - 1) · stride + k - padding before and behind + output_padding, as in PyTorch

    Args:
        x: [batch, height, width, channels], any real dtype.
        filter: [height, width, filters, channels]: the filter of the conv2d that leads the other way.
        strides: Steps between the windows: one number, or one for each side.
        padding: "valid", "same" or "explicit".
        explicit_padding: (top, bottom, left, right), with padding="explicit": what is cut off.
        dilations: Steps between the cells of a window: one number, or one for each side.
        output_padding: Rows and columns added behind, fewer than the stride: one number, or one for each side. With "same"
            they come off what is cut, of which the larger half is behind, as in Keras on TensorFlow.

    Returns:
        [batch, rows, columns, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0], (1, 1, 2, 1))
        >>> penstock.nn.conv2d_transpose(x, penstock.ones((1, 3, 1, 1)), strides=2)[0, 0, :, 0]
        Tensor([1., 1., 3., 2., 2.], shape=(5,), dtype=float32)
    """


conv2d_transpose.jvp(_tangents.linear_in_each)


def _side(attrs: Any, side: int, n: Any, kernel: Any) -> tuple[Any, Any]:
    """Return the size of one side of the result, and the padding on each end of the other way's conv2d."""
    stride, extra = attrs["strides"][side], attrs["output_padding"]
    reach = (kernel - 1) * attrs["dilations"][side] + 1
    pads = (0, 0)
    if attrs["padding"] == "explicit":
        pads = attrs["explicit_padding"][2 * side : 2 * side + 2]
    elif extra is None:
        rest = 0
        if attrs["padding"] == "valid" and reach > stride:
            rest = reach - stride
        return n * stride + rest, pads
    elif attrs["padding"] == "same":
        # What is added comes off what is cut, of which the larger half is behind: as in Keras on TensorFlow.
        cut = max(int(reach // 2) * 2 - extra[side], 0)
        size = (n - 1) * stride + reach + extra[side] - int(reach // 2) * 2
        return size, (cut // 2, cut - cut // 2)
    more = 0 if extra is None else extra[side]
    return (n - 1) * stride + reach + more - sum(pads), pads


def other_way(x: Any, filter: Any, attrs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the shape of the result, and the attributes of the convolution that leads from it to x."""
    sides = [
        _side(attrs, side, x.shape[1 + side], filter.shape[side])
        for side in range(len(x.shape) - 2)
    ]
    conv = {name: attrs[name] for name in ("strides", "padding", "explicit_padding", "dilations")}
    if attrs["output_padding"] is not None:
        ends = tuple(end for _, pads in sides for end in pads)
        conv |= {"padding": "explicit", "explicit_padding": ends}
    return (x.shape[0], *(size for size, _ in sides), filter.shape[-2]), conv


conv2d_transpose.batch(_batch.merged)


@conv2d_transpose.reference
def _(x: Any, filter: Any, **attrs: Any) -> Any:
    shape, conv = other_way(x, filter, attrs)
    return conv2d_input_grad.reference_fn(x, filter, shape, **conv, groups=1)  # type: ignore[misc]


@conv2d_transpose.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, filter = node.inputs
    _, conv = other_way(x, filter, node.attrs)
    dx = ops.conv2d(dy, filter, **conv) if node.needs(0) else None
    df = ops.conv2d_filter_grad(dy, x, filter.shape, **conv) if node.needs(1) else None
    return dx, df


# Image, filter and attributes, and what they show.
_CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("strides", (1, 2, 3, 1), (3, 3, 2, 1), {"strides": 2}),
    ("strides over gaps", (1, 3, 2, 1), (2, 1, 1, 1), {"strides": (3, 2)}),
    ("same", (1, 3, 3, 1), (3, 2, 2, 1), {"strides": (2, 3), "padding": "same"}),
    ("same over gaps", (1, 3, 3, 1), (1, 1, 2, 1), {"strides": 2, "padding": "same"}),
    ("valid, more behind", (1, 3, 3, 1), (3, 2, 1, 1), {"strides": 2, "output_padding": (0, 1)}),
    ("dilations", (1, 3, 3, 1), (2, 2, 1, 1), {"strides": 2, "dilations": (2, 3)}),
    (
        "same, more behind",
        (1, 3, 3, 1),
        (3, 2, 1, 1),
        {"strides": 2, "padding": "same", "output_padding": 1},
    ),
    (
        "explicit",
        (1, 3, 3, 1),
        (3, 3, 1, 1),
        {
            "strides": 2,
            "padding": "explicit",
            "explicit_padding": (1, 0, 1, 1),
            "output_padding": 1,
        },
    ),
    ("no images", (0, 2, 2, 1), (2, 2, 1, 1), {}),
)


@conv2d_transpose.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        args = array(rng, (2, 3, 2, 2), dtype), array(rng, (2, 3, 1, 2), dtype)
        yield Sample(args, label=dtype)
    for label, x, filter, attrs in _CASES:
        yield Sample((array(rng, x), array(rng, filter)), attrs, label=label)
    images = array(rng, (2, 4, 3, 1)).transpose(3, 2, 1, 0)
    yield Sample((images, array(rng, (2, 2, 1, 2))), label="strided")
    large = array(rng, (2, 17, 15, 20), "float32"), array(rng, (3, 3, 33, 20), "float32")
    yield Sample(large, {"strides": 2, "padding": "same"}, label="large")


@conv2d_transpose.rejects
def _() -> Iterator[Reject]:
    x, filter = np.ones((1, 4, 4, 2)), np.ones((3, 3, 1, 2))
    yield Reject((x[0], filter), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, filter[..., :1]), match=r"\[height, width, channels out, channels in\]")
    yield Reject((x, filter), {"output_padding": 1}, match="from 0 to stride - 1")
    yield Reject((x, filter), {"output_padding": (1, 1, 1)}, match="one or two numbers")
    explicit = {"padding": "explicit", "explicit_padding": (3, 3, 3, 3)}
    yield Reject((x, filter), explicit, match="use less of it")
    yield Reject((x, filter, 1, "sane"), match="use 'valid', 'same' or 'explicit'")
