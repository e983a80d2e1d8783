"""How good a model is, with how far the figures may be from the truth."""

from penstock_models.evaluation.analogies import (
    AnalogyEvaluation,
    AnalogyScore,
    Question,
    evaluate_analogies,
    read_analogies,
)
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
from penstock_models.evaluation.dependency import (
    DependencyEvaluation,
    Share,
    evaluate_dependencies,
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
    "AnalogyEvaluation",
    "AnalogyScore",
    "Bin",
    "Calibration",
    "ClassScore",
    "DependencyEvaluation",
    "DetectionEvaluation",
    "DetectionMistake",
    "DetectionScore",
    "Evaluation",
    "Found",
    "Interval",
    "Latency",
    "Mistake",
    "Question",
    "Share",
    "calibration",
    "changed",
    "evaluate",
    "evaluate_analogies",
    "evaluate_dependencies",
    "evaluate_detection",
    "fit_temperature",
    "measure_latency",
    "paired_difference",
    "read_analogies",
    "scaled",
    "share_interval",
    "wilson",
]
