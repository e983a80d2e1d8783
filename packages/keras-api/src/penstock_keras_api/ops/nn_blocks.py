"""More of `keras.ops.nn`: attention, normalisation, label sequences, patches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config, tree
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Average values by how well keys fit queries: softmax(q kᵀ · scale + bias) v.

    Args:
        query: [batch, queries, heads, width].
        key: [batch, keys, heads of keys, width]; the heads of queries are a multiple of them.
        value: Like `key`.
        bias: Added to the products: [batch, heads, queries, keys], or what becomes that by broadcasting.
        mask: True where a query may see a key, in the same shape.
        scale: By default 1 / √width.
        is_causal: Whether a query sees no keys behind it.
        flash_attention: Kept for compatibility: no products are written down where none need be.
        attn_logits_soft_cap: A number c: products become c · tanh(product / c).

    Returns:
        [batch, queries, heads, width].

    Raises:
        ValueError: The shapes do not fit.
    """
    q, k, v = _f(query), _f(key), _f(value)
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4:
        raise ShapeError(
            f"[dot_product_attention] got shapes {tuple(q.shape)}, {tuple(k.shape)} and {tuple(v.shape)}; give "
            "[batch, steps, heads, width] three times"
        )
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    repeats = q.shape[2] // k.shape[2]
    if repeats > 1:
        k, v = ps.repeat(k, repeats, axis=2), ps.repeat(v, repeats, axis=2)
    q, k, v = (ps.swapaxes(t, 1, 2) for t in (q, k, v))
    added = _added(q, k, bias, mask, is_causal)
    if attn_logits_soft_cap is None:
        made = ps.scaled_dot_product_attention(q, k, v, added, scale=scale)
    else:
        logits = ps.matmul(q, ps.swapaxes(k, -1, -2)) * scale
        logits = ps.tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
        logits = logits if added is None else logits + added
        made = ps.matmul(ps.nn.softmax(logits, -1), v)
    return ps.swapaxes(made, 1, 2)


def _added(q: Any, k: Any, bias: Any, mask: Any, is_causal: bool) -> Any:
    """Return what is added to the products: a bias, and much below zero where nothing is seen."""
    seen = None if mask is None else ps.cast(_t(mask), "bool")
    if is_causal:
        rows = ps.arange(0, q.shape[2], 1)[:, None] >= ps.arange(0, k.shape[2], 1)[None, :]
        rows = ps.reshape(rows, (1, 1, q.shape[2], k.shape[2]))
        seen = rows if seen is None else seen & rows
    made = None if bias is None else ps.cast(_t(bias), q.dtype)
    if seen is None:
        return made
    low = -0.7 * float(ps.finfo(q.dtype).max)
    hidden = ps.where(seen, ps.zeros((), q.dtype), ps.full((), low, q.dtype))
    return hidden if made is None else ps.where(seen, made, hidden)


def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Any = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Any:
    """Give axes mean 0 and variance 1, then scale by gamma and shift by beta."""
    if kwargs.pop("rms_scaling", False):
        return rms_normalization(x, gamma, axis, epsilon)
    x, axes = _f(x), tuple(tree.flatten(axis))
    wide = ps.cast(x, "float32") if x.dtype in ("float16", "bfloat16") else x
    mean, variance = ps.nn.moments(wide, axis=axes, keepdims=True)
    made = (wide - mean) * ps.rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    return ps.cast(_scaled(made, gamma, beta, axes), x.dtype)


def rms_normalization(
    x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Divide by the root of the mean square over axes, then scale."""
    x, axes = _f(x), tuple(tree.flatten(axis))
    wide = ps.cast(x, "float32") if x.dtype in ("float16", "bfloat16") else x
    square = ps.mean(ps.square(wide), axis=axes, keepdims=True)
    made = wide * ps.rsqrt(square + (config.epsilon() if epsilon is None else epsilon))
    return ps.cast(_scaled(made, scale, None, axes), x.dtype)


def _scaled(made: Any, gamma: Any, beta: Any, axes: tuple[int, ...]) -> Any:
    kept = {a % made.ndim for a in axes}
    shape = [size if a in kept else 1 for a, size in enumerate(made.shape)]
    if gamma is not None:
        made = made * ps.reshape(ps.cast(_t(gamma), made.dtype), shape)
    return made if beta is None else made + ps.reshape(ps.cast(_t(beta), made.dtype), shape)


def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Any:
    """Take minus the logarithm of the probability of label sequences, over all their alignments with time.

    Args:
        target: [batch, labels].
        output: [batch, time, classes], logits.
        target_length: [batch], how many labels count.
        output_length: [batch], how many times count.
        mask_index: The class that stands for no label.

    Returns:
        [batch].
    """
    labels = ps.cast(_t(target), "int32")
    lengths = [ps.cast(_t(n), "int32") for n in (target_length, output_length)]
    return ps.nn.ctc_loss(labels, _f(output), *lengths, blank_index=mask_index)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Any, Any]:
    """Find likely label sequences.

    Args:
        inputs: [batch, time, classes], logits.
        sequence_lengths: [batch], how many times count.
        strategy: "greedy" (the likeliest class at each time) or "beam_search".
        beam_width: How many beginnings a search keeps.
        top_paths: How many sequences it returns.
        merge_repeated: Whether equal labels one after the other are one, for "greedy".
        mask_index: The class that stands for no label.

    Returns:
        [paths, batch, time], labels, then -1; and their scores, [batch, paths].

    Raises:
        ValueError: There is no such strategy.
    """
    x, lengths = _f(inputs), ps.cast(_t(sequence_lengths), "int32")
    if strategy == "greedy":
        labels, _, scores = ps.nn.ctc_greedy_decode(
            x, lengths, blank_index=mask_index, merge_repeated=merge_repeated
        )
        return ps.expand_dims(ps.cast(labels, "int32"), axis=0), ps.reshape(scores, (-1, 1))
    if strategy != "beam_search":
        raise InvalidValueError(
            f"[ctc_decode] got strategy={strategy!r}; use 'greedy' or 'beam_search'"
        )
    labels, scores = ps.nn.ctc_beam_search_decode(
        x, lengths, beam_width=beam_width, top_paths=top_paths, blank_index=mask_index
    )
    return ps.moveaxis(ps.cast(labels, "int32"), 1, 0), scores


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Make block_size² channels of a pixel a block of pixels.

    Args:
        x: [batch, height, width, channels]; a pixel's blocks are written one after the other. With "channels_first"
            [batch, channels, height, width]; then a channel's pixels are.
        block_size: The sides of a block.
        data_format: "channels_last" or "channels_first".

    Returns:
        [batch, height · block_size, width · block_size, channels / block_size²], or channels second.
    """
    x = _t(x)
    if config.standardize_data_format(data_format) == "channels_last":
        return ps.depth_to_space(x, block_size)
    n, c, h, w = x.shape
    x = ps.reshape(x, (n, c // block_size**2, block_size, block_size, h, w))
    x = ps.permute_dims(x, (0, 1, 4, 2, 5, 3))
    return ps.reshape(x, (n, c // block_size**2, h * block_size, w * block_size))


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Make a block of pixels one pixel of block_size² times the channels; the way back through `depth_to_space`."""
    x = _t(x)
    if config.standardize_data_format(data_format) == "channels_last":
        return ps.space_to_depth(x, block_size)
    n, c, h, w = x.shape
    h, w = h // block_size, w // block_size
    x = ps.reshape(x, (n, c, h, block_size, w, block_size))
    x = ps.permute_dims(x, (0, 1, 3, 5, 2, 4))
    return ps.reshape(x, (n, c * block_size**2, h, w))


def polar(abs_: Any, angle: Any) -> Any:
    """Make complex numbers of lengths and angles: r · e^(i φ)."""
    r, turn = _f(abs_), _f(angle)
    return ps.complex(r * ps.cos(turn), r * ps.sin(turn))


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Compare by the ratio of the largest value to the error, in decibels: 10 · log₁₀(max² / mean((x1 - x2)²))."""
    error = ps.mean(ps.square(_f(x1) - _f(x2)))
    return 20 * math.log10(max_val) - 10 * ps.log10(error)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Write windows of images as columns.

    Args:
        x: [batch, channels, height, width].
        kernel_size: The window's sides; this and the others are one number or two.
        dilation: The steps between the cells of a window.
        padding: How many zeros are put around.
        stride: The steps between windows.

    Returns:
        [batch, channels · window, windows].
    """
    x = _t(x)
    window, rates, around, steps = (_two(n) for n in (kernel_size, dilation, padding, stride))
    x = ps.pad(x, ((0, 0), (0, 0), (around[0],) * 2, (around[1],) * 2))
    flat = ps.reshape(x, (x.shape[0], x.shape[1], -1))
    places = _window_places((x.shape[2], x.shape[3]), window, rates, steps)
    made = ps.gather(flat, ps.asarray(places.reshape(-1)), axis=2)
    return ps.reshape(made, (x.shape[0], x.shape[1] * places.shape[0], places.shape[1]))


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Add up columns of windows into images: the way back through `unfold`.

    Args:
        x: [batch, channels · window, windows].
        output_size: Height and width.
        kernel_size: As for `unfold`.
        dilation: As for `unfold`.
        padding: As for `unfold`.
        stride: As for `unfold`.

    Returns:
        [batch, channels, height, width].

    Raises:
        ValueError: The sizes do not fit each other.
    """
    x = _t(x)
    window, rates, around, steps = (_two(n) for n in (kernel_size, dilation, padding, stride))
    height, width = (size + 2 * p for size, p in zip(_two(output_size), around, strict=True))
    places = _window_places((height, width), window, rates, steps)
    if x.ndim != 3 or x.shape[1] % places.shape[0] or x.shape[2] != places.shape[1]:
        raise ShapeError(
            f"[fold] got shape {tuple(x.shape)}; expected (batch, channels · {places.shape[0]}, {places.shape[1]})"
        )
    channels = x.shape[1] // places.shape[0]
    rows = ps.reshape(x, (x.shape[0], channels, -1))
    made = ps.zeros((x.shape[0], channels, height * width), x.dtype)
    made = ps.scatter_add(made, ps.asarray(places.reshape(-1)), rows, axis=2)
    made = ps.reshape(made, (x.shape[0], channels, height, width))
    return made[:, :, around[0] : height - around[0], around[1] : width - around[1]]


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _window_places(sides: Any, window: Any, rates: Any, steps: Any) -> np.ndarray[Any, Any]:
    """Return the place of each cell of each window in the flat image: [cells, windows]."""
    starts = [
        np.arange(0, side - (k - 1) * d, s)
        for side, k, d, s in zip(sides, window, rates, steps, strict=True)
    ]
    rows = np.arange(window[0])[:, None] * rates[0] + starts[0][None]
    columns = np.arange(window[1])[:, None] * rates[1] + starts[1][None]
    places: np.ndarray[Any, Any] = rows[:, None, :, None] * sides[1] + columns[None, :, None, :]
    made: np.ndarray[Any, Any] = places.reshape(window[0] * window[1], -1)
    return made


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        dot_product_attention, layer_normalization, rms_normalization, ctc_loss, ctc_decode, depth_to_space,
        space_to_depth, polar, psnr, unfold, fold,
    )
}  # fmt: skip
