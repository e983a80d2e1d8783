"""Boosted trees on histograms: `BoostedTreesClassifier` and `BoostedTreesRegressor` for tables in memory.

This file only re-exports.
"""

from penstock_keras_api.trees.boosting import Growth, Settings, boost
from penstock_keras_api.trees.classifier import BoostedTreesClassifier
from penstock_keras_api.trees.ensemble import TreeEnsemble
from penstock_keras_api.trees.regressor import BoostedTreesRegressor
from penstock_keras_api.trees.table import Table

__all__ = [
    "BoostedTreesClassifier",
    "BoostedTreesRegressor",
    "Growth",
    "Settings",
    "Table",
    "TreeEnsemble",
    "boost",
]
