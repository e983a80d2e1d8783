"""Many images in one picture."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.visualization._figure import finish, new_figure
from penstock_keras_api.visualization.drawing import (
    draw_bounding_boxes,
    draw_segmentation_masks,
    pictures,
    plain,
)

Path = str | os.PathLike[str] | None


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Sequence[float] = (0, 255),
    scale: float = 2,
    path: Path = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:
    """Draw images in rows, with what they are and what they were taken for.

    Args:
        images: [batch, height, width, channels].
        y_true: [batch], what they are.
        y_pred: [batch], what they were taken for.
        label_map: Names of classes.
        rows: How many rows; by default as many as columns.
        cols: How many columns.
        value_range: The least and the largest value of a pixel.
        scale: The side of an image, in inches.
        path: A file to write; None for none.
        show: Kept for compatibility: notebooks show the figure that is returned.
        transparent: Whether the file has no background.
        dpi: Dots per inch of the file.
        legend_handles: Entries of a legend, of matplotlib's.
        data_format: "channels_last" or "channels_first".

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: There are other than four axes, or labels without names.
        TypeError: matplotlib is missing.

    >>> import numpy as np
    >>> from penstock import keras
    >>> len(keras.visualization.plot_image_gallery(np.zeros((4, 8, 8, 3)), rows=2, cols=2).axes)
    4
    """
    shown = pictures("plot_image_gallery", images, data_format, value_range)
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise InvalidValueError(
            "[plot_image_gallery] got labels without names; give label_map={0: 'cat', ...}"
        )
    rows, cols = _grid(len(shown), rows, cols)
    figure, axes = new_figure(cols * scale, rows * scale, rows, cols)
    for axis in axes.flat:
        axis.set_axis_off()
    truths, guesses = plain(y_true), plain(y_pred)
    for n, axis in enumerate(axes.flat[: len(shown)]):
        image = shown[n]
        axis.imshow(image if image.shape[-1] > 1 else image[..., 0], cmap="gray", vmin=0, vmax=255)
        title = [
            f"{what}: {(label_map or {}).get(int(labels[n]), int(labels[n]))}"
            for what, labels in (("true", truths), ("pred", guesses))
            if labels is not None
        ]
        axis.set_title("\n".join(title), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="outside lower center")
    if path is not None:
        figure.savefig(path, dpi=dpi, transparent=transparent)
    return finish(figure, None)


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    if rows is None and cols is None:
        cols = math.ceil(math.sqrt(count))
    if cols is None:
        cols = math.ceil(count / max(rows or 1, 1))
    return (math.ceil(count / cols) if rows is None else rows), cols


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Any = None,
    y_pred: Any = None,
    value_range: Sequence[float] = (0, 255),
    true_color: Sequence[int] = (0, 188, 212),
    pred_color: Sequence[int] = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw images in rows, with boxes that are true and boxes that were found.

    Args:
        images: [batch, height, width, channels].
        bounding_box_format: As in `keras.utils.bounding_boxes.convert_format`.
        y_true: Boxes and labels, as for `draw_bounding_boxes`.
        y_pred: Likewise.
        value_range: The least and the largest value of a pixel.
        true_color: The colour of what is true.
        pred_color: The colour of what was found.
        line_thickness: In pixels.
        font_scale: The size of letters.
        text_thickness: Kept for compatibility.
        class_mapping: Names of labels.
        ground_truth_mapping: Others for what is true.
        prediction_mapping: Others for what was found.
        legend: Whether to say which colour is which.
        legend_handles: More entries of the legend.
        rows: As for `plot_image_gallery`.
        cols: As for `plot_image_gallery`.
        data_format: "channels_last" or "channels_first".
        kwargs: Further arguments of `plot_image_gallery`.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: The shapes or the format do not fit.
        TypeError: matplotlib is missing.
    """
    shown: Any = pictures("plot_bounding_box_gallery", images, data_format, value_range)
    for boxes, color, names in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            shown = draw_bounding_boxes(
                shown,
                boxes,
                bounding_box_format,
                names,
                color,
                line_thickness,
                1,
                font_scale,
                "channels_last",
            )
    if legend:
        own = [_patch(true_color, "true"), _patch(pred_color, "pred")]
        legend_handles = [*own, *(legend_handles or [])]
    return plot_image_gallery(
        shown,
        rows=rows,
        cols=cols,
        legend_handles=legend_handles,
        data_format="channels_last",
        **kwargs,
    )


def _patch(color: Sequence[int], label: str) -> Any:
    from matplotlib.patches import Patch

    red, green, blue = (c / 255 for c in color)
    return Patch(color=(red, green, blue), label=label)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: Sequence[float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Draw images in rows: each as it is, then with the true classes of its pixels, then with those that were found.

    Args:
        images: [batch, height, width, channels].
        num_classes: How many classes there are.
        value_range: The least and the largest value of a pixel.
        y_true: [batch, height, width] or with an axis of size 1 behind, classes.
        y_pred: Likewise.
        color_mapping: As for `draw_segmentation_masks`.
        blend: As there.
        alpha: As there.
        ignore_index: As there.
        data_format: "channels_last" or "channels_first".
        kwargs: Further arguments of `plot_image_gallery`.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: The shapes do not fit.
        TypeError: matplotlib is missing.
    """
    import numpy as np

    shown = pictures("plot_segmentation_mask_gallery", images, data_format, value_range)
    how = (num_classes, color_mapping, alpha, blend, ignore_index, "channels_last")
    given = [masks for masks in (y_true, y_pred) if masks is not None]
    columns = [shown, *(draw_segmentation_masks(shown, masks, *how) for masks in given)]
    everything = np.stack(columns, 1).reshape(-1, *shown.shape[1:])
    settings = {"rows": len(shown), "cols": len(columns), **kwargs}
    return plot_image_gallery(everything, data_format="channels_last", **settings)
