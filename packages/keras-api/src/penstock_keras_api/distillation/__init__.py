"""Distillation: a small model learns from a large one."""

from penstock_keras_api.distillation.distiller import Distiller
from penstock_keras_api.distillation.losses import (
    DistillationLoss,
    FeatureDistillation,
    LogitsDistillation,
)

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
