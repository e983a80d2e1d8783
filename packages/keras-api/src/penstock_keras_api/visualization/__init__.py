"""Pictures: of images with what was found in them, of trainings, and of predictions."""

from penstock_keras_api.visualization.plots import (
    plot_calibration,
    plot_confusion_matrix,
    plot_history,
    plot_precision_recall,
    plot_roc,
)

__all__ = [
    "plot_calibration",
    "plot_confusion_matrix",
    "plot_history",
    "plot_precision_recall",
    "plot_roc",
]
