"""More of `keras.ops.image`: images read at other places."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t

_FILLS: Final = ("constant", "nearest", "wrap", "mirror", "reflect")


def _checked(where: str, interpolation: str, fill_mode: str) -> None:
    if interpolation not in ("bilinear", "nearest"):
        raise InvalidValueError(
            f"[{where}] got interpolation={interpolation!r}; use 'bilinear' or 'nearest'"
        )
    if fill_mode not in _FILLS:
        raise InvalidValueError(
            f"[{where}] got fill_mode={fill_mode!r}; use one of {', '.join(_FILLS)}"
        )


def on_batches(
    fn: Callable[[Any], Any], images: Any, data_format: str | None, where: str = "image"
) -> Any:
    """Call a function on [batch, height, width, channels], whatever form the images have."""
    x = _t(images)
    if x.ndim not in (3, 4):
        raise ShapeError(
            f"[{where}] got images of shape {tuple(x.shape)}; give 3 axes, or 4 with a batch in front"
        )
    alone = x.ndim == 3
    x = ps.expand_dims(x, axis=0) if alone else x
    first = config.standardize_data_format(data_format) == "channels_first"
    made = fn(ps.moveaxis(x, 1, -1) if first else x)
    made = ps.moveaxis(made, -1, 1) if first else made
    return ps.squeeze(made, 0) if alone else made


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Read the pixel (x, y) of the result at ((a₀x + a₁y + a₂) / k, (a₃x + a₄y + a₅) / k), k = a₆x + a₇y + 1.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        transform: [batch, 8] or [8], a₀ to a₇.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: For "constant".
        data_format: "channels_last" or "channels_first".

    Returns:
        Images of the same shape and dtype.

    Raises:
        ValueError: A mode is unknown, or a shape does not fit.
    """
    _checked("affine_transform", interpolation, fill_mode)
    a = ps.reshape(_f(transform), (-1, 1, 1, 8))

    def warp(x: Any) -> Any:
        return _read(x, *_projected(a, x), interpolation, fill_mode, fill_value)

    return on_batches(warp, images, data_format, "affine_transform")


def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Move four points of an image to four others, and everything between along straight lines.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        start_points: [batch, 4, 2] or [4, 2], x and y of points of the image.
        end_points: Where they come to lie, in the same shape.
        interpolation: "bilinear" or "nearest".
        fill_value: What lies outside.
        data_format: "channels_last" or "channels_first".

    Returns:
        Images of the same shape and dtype.

    Raises:
        ValueError: A mode is unknown, or a shape does not fit.
    """
    _checked("perspective_transform", interpolation, "constant")
    starts, ends = (ps.reshape(_f(points), (-1, 4, 2)) for points in (start_points, end_points))
    a = ps.reshape(_perspective(starts, ends), (-1, 1, 1, 8))

    def warp(x: Any) -> Any:
        return _read(x, *_projected(a, x), interpolation, "constant", fill_value)

    return on_batches(warp, images, data_format, "perspective_transform")


def _perspective(starts: Any, ends: Any) -> Any:
    """Find the eight numbers that lead from the ends back to the starts."""
    x, y = ends[..., 0], ends[..., 1]  # [batch, 4]
    u, v = starts[..., 0], starts[..., 1]
    one, zero = ps.ones_like(x), ps.zeros_like(x)
    first = ps.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    second = ps.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    matrix, right = ps.concat([first, second], 1), ps.concat([u, v], 1)
    return ps.squeeze(ps.linalg.solve(matrix, ps.expand_dims(right, axis=-1)), -1)


def _projected(a: Any, x: Any) -> tuple[Any, Any]:
    """Return the rows and columns to which eight numbers lead the pixels."""
    rows, columns = _grid(x)
    depth = a[..., 6] * columns + a[..., 7] * rows + 1
    across = (a[..., 0] * columns + a[..., 1] * rows + a[..., 2]) / depth
    return (a[..., 3] * columns + a[..., 4] * rows + a[..., 5]) / depth, across


def _grid(x: Any) -> tuple[Any, Any]:
    """Return rows and columns of pixels: [1, height, 1] and [1, 1, width]."""
    rows = ps.cast(ps.arange(0, x.shape[1], 1), "float32")
    columns = ps.cast(ps.arange(0, x.shape[2], 1), "float32")
    return ps.reshape(rows, (1, -1, 1)), ps.reshape(columns, (1, 1, -1))


def _read(x: Any, rows: Any, columns: Any, how: str, fill_mode: str, fill_value: Any) -> Any:
    """Read images at rows and columns [batch or 1, height, width]."""
    places = ps.stack([rows, columns], -1)
    if how == "nearest":
        places = _rounded(places)
    made = ps.image.sample(
        _f(x),
        places,
        interpolation=how,
        fill_mode=fill_mode,
        fill_value=float(fill_value),
    )
    if x.dtype.kind in ("signed", "unsigned"):
        made = ps.round(made)
    return ps.cast(made, x.dtype)


def _rounded(places: Any) -> Any:
    """Round to whole numbers, halves away from 0."""
    return ps.sign(places) * ps.floor(ps.abs(places) + 0.5)


def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Any:
    """Read a tensor of any number of axes at any places.

    Args:
        inputs: [...], with n axes.
        coordinates: [n, ...], places.
        order: 0 for the nearest element, 1 for lines between elements.
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: For "constant".

    Returns:
        The shape of `coordinates` without its first axis, and the dtype of `inputs`.

    Raises:
        ValueError: An order or a mode is unknown, or a shape does not fit.
    """
    _checked("map_coordinates", "nearest", fill_mode)
    x, places = _t(inputs), _f(coordinates)
    if places.shape[0] != x.ndim or order not in (0, 1):
        raise InvalidValueError(
            f"[map_coordinates] got order={order} and coordinates of shape {tuple(places.shape)}; use order 0 or 1 and "
            f"{x.ndim} rows of coordinates, one for each axis"
        )
    choices = [_neighbours(places[axis], x.shape[axis], order, fill_mode) for axis in range(x.ndim)]
    total: Any = 0.0
    for corner in itertools.product(*choices):
        at = ps.stack([index for index, _, _ in corner], -1)
        value = ps.cast(ps.gather_nd(x, at), places.dtype)
        inside, weight = corner[0][1], corner[0][2]
        for _, also, factor in corner[1:]:
            inside, weight = inside & also, weight * factor
        total = total + ps.where(inside, value, ps.cast(_t(fill_value), value.dtype)) * weight
    return ps.cast(ps.round(total) if x.dtype.kind in ("signed", "unsigned") else total, x.dtype)


def _neighbours(places: Any, size: Any, order: int, fill_mode: str) -> list[tuple[Any, Any, Any]]:
    """Return the elements that places on one axis are read from: index, whether there is one, and weight."""
    if order == 0:
        whole = _rounded(places)
        return [(*_index(whole, size, fill_mode), ps.ones_like(places))]
    low = ps.floor(places)
    part = places - low
    return [
        (*_index(low, size, fill_mode), 1 - part),
        (*_index(low + 1, size, fill_mode), part),
    ]


def _index(places: Any, size: Any, fill_mode: str) -> tuple[Any, Any]:
    i = ps.cast(places, "int32")
    inside = (i >= 0) & (i < size)
    if fill_mode == "wrap":
        i = ps.remainder(i, size)
    elif fill_mode == "reflect":
        i = ps.remainder(i, 2 * size)
        i = ps.where(i >= size, 2 * size - 1 - i, i)
    elif fill_mode == "mirror" and size > 1:
        i = ps.remainder(i, 2 * size - 2)
        i = ps.where(i >= size, 2 * size - 2 - i, i)
    found = inside if fill_mode == "constant" else ps.ones_like(inside)
    return ps.clip(i, 0, size - 1), found


def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Bend images at random, smoothly.

    Args:
        images: [batch, height, width, channels], or without a batch, or channels before the sides.
        alpha: How far pixels move.
        sigma: How smooth the movement is, in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: For "constant".
        seed: A number or a `SeedGenerator`.
        data_format: "channels_last" or "channels_first".

    Returns:
        Images of the same shape and dtype.

    Raises:
        ValueError: A mode is unknown.
    """
    from penstock_keras_api.ops.image_filters import blur
    from penstock_keras_api.random.draws import normal
    from penstock_keras_api.random.seed import SeedGenerator

    _checked("elastic_transform", interpolation, fill_mode)
    seeds = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)

    def warp(x: Any) -> Any:
        moved = normal((x.shape[0], x.shape[1], x.shape[2], 2), seed=seeds)
        width = int(6 * sigma) | 1
        moved = blur(moved, (width, width), (sigma, sigma)) * alpha
        rows, columns = _grid(x)
        down, across = rows + moved[..., 1], columns + moved[..., 0]
        return _read(x, down, across, interpolation, fill_mode, fill_value)

    return on_batches(warp, images, data_format, "elastic_transform")


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (affine_transform, perspective_transform, map_coordinates, elastic_transform)
}
