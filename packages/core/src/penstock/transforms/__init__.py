"""Change saved or imported models: functions that take a `GraphModel` and return another; the first one stays.

model = penstock.load("detector.onnx")
model = penstock.transforms.fold_batch_norm(penstock.transforms.strip_training(model))
penstock.save(model, "detector")
"""

from penstock.transforms.batch_norm import fold_batch_norm
from penstock.transforms.cost import Cost, cost
from penstock.transforms.extract import extract
from penstock.transforms.freeze import freeze
from penstock.transforms.rename import rename
from penstock.transforms.replace import replace
from penstock.transforms.simplify import simplify
from penstock.transforms.training import strip_training

__all__ = [
    "Cost",
    "cost",
    "extract",
    "fold_batch_norm",
    "freeze",
    "rename",
    "replace",
    "simplify",
    "strip_training",
]
