"""Estimators that are complete: linear, deep, both, baselines, clusters, sequences. This file only re-exports."""

from penstock_keras_api.estimator.canned.baseline import (
    BaselineClassifier,
    BaselineEstimator,
    BaselineRegressor,
)
from penstock_keras_api.estimator.canned.boosted_trees import (
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
)
from penstock_keras_api.estimator.canned.dnn import DNNClassifier, DNNEstimator, DNNRegressor
from penstock_keras_api.estimator.canned.kmeans import KMeans
from penstock_keras_api.estimator.canned.linear import (
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
)
from penstock_keras_api.estimator.canned.rnn import RNNClassifier, RNNEstimator
from penstock_keras_api.estimator.canned.wide_and_deep import (
    DNNLinearCombinedClassifier,
    DNNLinearCombinedEstimator,
    DNNLinearCombinedRegressor,
)

__all__ = [
    "BaselineClassifier",
    "BaselineEstimator",
    "BaselineRegressor",
    "BoostedTreesClassifier",
    "BoostedTreesEstimator",
    "BoostedTreesRegressor",
    "DNNClassifier",
    "DNNEstimator",
    "DNNLinearCombinedClassifier",
    "DNNLinearCombinedEstimator",
    "DNNLinearCombinedRegressor",
    "DNNRegressor",
    "KMeans",
    "LinearClassifier",
    "LinearEstimator",
    "LinearRegressor",
    "RNNClassifier",
    "RNNEstimator",
]
