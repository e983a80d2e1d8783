"""Pictures: of images with what was found in them, of trainings, and of predictions."""

from penstock_keras_api.visualization.drawing import (
    draw_bounding_boxes,
    draw_segmentation_masks,
)
from penstock_keras_api.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from penstock_keras_api.visualization.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_history,
    plot_precision_recall,
    plot_roc,
)

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_calibration",
    "plot_confusion_matrix",
    "plot_history",
    "plot_image_gallery",
    "plot_precision_recall",
    "plot_roc",
    "plot_segmentation_mask_gallery",
]
