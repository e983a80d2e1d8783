"""Heads: what a model's last numbers mean. This file only re-exports."""

from penstock_keras_api.estimator.heads.base import Head, LabelRangeHook
from penstock_keras_api.estimator.heads.classification import (
    BinaryClassHead,
    MultiClassHead,
    MultiLabelHead,
)
from penstock_keras_api.estimator.heads.multi import MultiHead
from penstock_keras_api.estimator.heads.regression import (
    LogisticRegressionHead,
    PoissonRegressionHead,
    RegressionHead,
)

__all__ = [
    "BinaryClassHead",
    "Head",
    "LabelRangeHook",
    "LogisticRegressionHead",
    "MultiClassHead",
    "MultiHead",
    "MultiLabelHead",
    "PoissonRegressionHead",
    "RegressionHead",
]
