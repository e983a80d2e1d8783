"""Images as rows of numbers: [batch, height, width · channels].

What has one value for each image or channel is repeated along a row, which is little; then arithmetic runs over long
rows. Broadcasting along pixels of three numbers is many times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps


def rows(images: Any) -> Any:
    """Return images [batch, height, width, channels] as rows."""
    batch, height, width, channels = images.shape
    return ps.reshape(images, (batch, height, width * channels))


def row(value: Any, images: Any) -> Any:
    """Repeat values [batch, 1, 1, channels or 1] along a row of images: [batch, 1, width · channels]."""
    _, _, width, channels = images.shape
    batch = value.shape[0]
    wide = ps.broadcast_to(ps.cast(value, _dtype(value, images)), (batch, 1, width, channels))
    return ps.reshape(wide, (batch, 1, width * channels))


def _dtype(value: Any, images: Any) -> Any:
    return images.dtype if value.dtype.kind == "float" else value.dtype


def by_rows(function: Callable[..., Any], images: Any, *values: Any) -> Any:
    """Call a function with images as rows, and values [batch, 1, 1, channels or 1] along a row.

    Args:
        function: Works element by element.
        images: [batch, height, width, channels].
        values: One for each image or channel.

    Returns:
        [batch, height, width, channels].
    """
    made = function(rows(images), *(row(value, images) for value in values))
    return ps.reshape(made, images.shape)


def inside(images: Any, y: Any, x: Any) -> Any:
    """Say which numbers lie in chosen rows [batch, height] and columns [batch, width]: [batch, height, width · channels]."""
    height, width, channels = images.shape[1:]
    columns = ps.broadcast_to(
        ps.reshape(x, (x.shape[0], 1, width, 1)), (x.shape[0], 1, width, channels)
    )
    across = ps.reshape(columns, (x.shape[0], 1, width * channels))
    return ps.reshape(y, (y.shape[0], height, 1)) & across
