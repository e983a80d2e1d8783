"""How good a model is, with how far the figures may be from the truth."""

from penstock_models.evaluation.boxes import Found
from penstock_models.evaluation.calibration import (
    Bin,
    Calibration,
    calibration,
    fit_temperature,
    scaled,
)
from penstock_models.evaluation.classification import (
    Abstention,
    ClassScore,
    Evaluation,
    Mistake,
    evaluate,
)
from penstock_models.evaluation.detection import (
    DetectionEvaluation,
    DetectionMistake,
    DetectionScore,
    evaluate_detection,
)
from penstock_models.evaluation.intervals import Interval, paired_difference, share_interval, wilson
from penstock_models.evaluation.latency import Latency, measure_latency
from penstock_models.evaluation.robustness import CHANGES, changed

__all__ = [
    "CHANGES",
    "Abstention",
    "Bin",
    "Calibration",
    "ClassScore",
    "DetectionEvaluation",
    "DetectionMistake",
    "DetectionScore",
    "Evaluation",
    "Found",
    "Interval",
    "Latency",
    "Mistake",
    "calibration",
    "changed",
    "evaluate",
    "evaluate_detection",
    "fit_temperature",
    "measure_latency",
    "paired_difference",
    "scaled",
    "share_interval",
    "wilson",
]
