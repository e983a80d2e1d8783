"""Depthwise and transposed convolution, and their gradients, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")

Array = np.ndarray[Any, Any]

# x, filter, strides, padding (top, bottom, left, right), dilations
CASES = [
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 8, 9, 16), (3, 3, 16, 1), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 8, 9, 17), (3, 3, 17, 1), (2, 2), (1, 0, 1, 1), (1, 1)),
    ((1, 11, 30, 33), (5, 3, 33, 1), (1, 1), (2, 2, 1, 1), (1, 1)),
    ((3, 10, 10, 48), (3, 2, 48, 1), (3, 2), (0, 0, 0, 0), (1, 1)),
    ((1, 12, 13, 5), (3, 3, 5, 1), (1, 1), (2, 2, 3, 3), (2, 3)),
    ((2, 12, 13, 5), (3, 2, 5, 1), (2, 3), (1, 2, 3, 0), (2, 2)),
    ((2, 7, 7, 6), (3, 3, 6, 4), (2, 1), (1, 1, 1, 1), (1, 1)),
    ((1, 9, 40, 3), (7, 7, 3, 2), (1, 1), (3, 3, 3, 3), (1, 1)),
    ((1, 5, 5, 20), (1, 1, 20, 1), (3, 3), (0, 0, 0, 0), (1, 1)),
    ((1, 1, 1, 3), (2, 2, 3, 1), (20, 20), (1, 1, 10, 0), (1, 1)),  # no pixel under the window
    ((0, 5, 5, 2), (3, 3, 2, 1), (1, 1), (1, 1, 1, 1), (1, 1)),
]


def close(got: Any, want: Array, terms: int) -> None:
    bound = 1e-6 * terms**0.5 * (1 + float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=bound)


def nchw(x: Array) -> Any:
    return torch.tensor(x.transpose(0, 3, 1, 2).astype(np.float64), requires_grad=True)


def nhwc(x: Any) -> Array:
    return x.detach().numpy().transpose(0, 2, 3, 1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_depthwise_and_its_gradients(case: Any, draw: Any) -> None:
    shape, size, strides, (top, bottom, left, right), dilations = case
    x, f = draw(*shape), draw(*size)
    tx, channels = nchw(x), shape[3]
    wide = f.reshape(*size[:2], 1, channels * size[3]).transpose(3, 2, 0, 1).astype(np.float64)
    tf = torch.tensor(wide, requires_grad=True)
    padded = F.pad(tx, (left, right, top, bottom))
    ty = F.conv2d(padded, tf, None, strides, 0, dilations, channels)
    dy = draw(*(ty.shape[d] for d in (0, 2, 3, 1)))
    ty.backward(nchw(dy).detach())

    def run(x: Any, f: Any) -> Any:
        pads = (top, bottom, left, right)
        return ps.nn.depthwise_conv2d(x, f, strides, "explicit", pads, dilations)

    close(run(x, f), nhwc(ty), size[0] * size[1])
    dx, df = ps.grad(lambda x, f: ps.sum(run(x, f) * dy), argnums=(0, 1))(x, f)
    close(dx, nhwc(tx.grad), size[0] * size[1] * size[3])
    want = tf.grad.numpy().transpose(2, 3, 1, 0).reshape(size)
    close(df, want, dy.size // max(1, channels))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_depthwise_is_conv2d_in_groups(padding: str, strides: int, draw: Any) -> None:
    x, f = draw(2, 10, 13, 19), draw(3, 4, 19, 1)
    got = ps.nn.depthwise_conv2d(x, f, strides, padding)
    want = ps.nn.conv2d(x, f.reshape(3, 4, 1, 19), strides, padding, groups=19)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


# x, filter, stride, padding, output_padding, dilation
TRANSPOSED = [
    ((2, 4, 5, 3), (3, 3, 7, 3), 1, 0, 0, 1),
    ((2, 4, 5, 3), (3, 3, 20, 3), 2, 1, 1, 1),
    ((1, 6, 6, 16), (4, 4, 8, 16), 2, 1, 0, 1),
    ((1, 5, 3, 2), (2, 3, 4, 2), 3, 0, 2, 1),
    ((1, 5, 3, 2), (3, 2, 4, 2), 2, 1, 1, 2),
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_and_its_gradients(case: Any, draw: Any) -> None:
    shape, size, stride, padding, extra, dilation = case
    x, f = draw(*shape), draw(*size)
    tx = nchw(x)
    tf = torch.tensor(f.transpose(3, 2, 0, 1).astype(np.float64), requires_grad=True)
    ty = F.conv_transpose2d(tx, tf, None, stride, padding, extra, 1, dilation)
    dy = draw(*(ty.shape[d] for d in (0, 2, 3, 1)))
    ty.backward(nchw(dy).detach())

    def run(x: Any, f: Any) -> Any:
        pads = (padding,) * 4
        return ps.nn.conv2d_transpose(x, f, stride, "explicit", pads, dilation, extra)

    terms = size[0] * size[1] * size[3]
    close(run(x, f), nhwc(ty), terms)
    dx, df = ps.grad(lambda x, f: ps.sum(run(x, f) * dy), argnums=(0, 1))(x, f)
    close(dx, nhwc(tx.grad), size[0] * size[1] * size[2])
    close(df, tf.grad.numpy().transpose(2, 3, 1, 0), dy.size)


# As TensorFlow's Keras: of what is cut, the window less one, what is added comes off; the smaller half is in front.
@pytest.mark.parametrize(
    ("size", "stride", "added", "cut", "behind"),
    [
        ((3, 2), 2, 1, (0, 1, 0, 1), 0),
        ((3, 3), 3, 2, (0, 0, 0, 0), 0),
        ((5, 4), 3, 1, (1, 2, 1, 2), 0),
        ((1, 1), 2, 1, (0, 0, 0, 0), 1),
        ((3, 3), 1, 0, (1, 1, 1, 1), 0),
    ],
)
def test_transposed_same_with_a_size_to_add(
    size: Any, stride: int, added: int, cut: Any, behind: int, draw: Any
) -> None:
    x, f = draw(1, 4, 4, 2), draw(*size, 5, 2)
    got = ps.nn.conv2d_transpose(x, f, stride, "same", output_padding=added)
    want = ps.nn.conv2d_transpose(x, f, stride, "explicit", cut, output_padding=behind)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("size", [(3, 3), (4, 2), (5, 3)])
def test_transposed_same_against_the_convolution_whose_gradient_it_is(size: Any, draw: Any) -> None:
    """The sum over all of y of a transposed convolution's result, times x: a convolution of y that is padded 'same'."""
    x, f = draw(1, 4, 4, 2), draw(*size, 5, 2)
    y = ps.nn.conv2d_transpose(x, f, 2, "same", output_padding=1)
    other = draw(*y.shape)
    left = float(ps.sum(y * other))
    if y.shape[1] == 8 and y.shape[2] == 8:  # there conv2d pads as TensorFlow does
        right = float(ps.sum(ps.nn.conv2d(other, f, 2, "same") * x))
        assert left == pytest.approx(right, rel=1e-4)
