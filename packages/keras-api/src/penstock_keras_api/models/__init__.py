"""Models: layers that are trained together."""

from penstock_keras_api.models.cloning import clone_model, model_from_json
from penstock_keras_api.models.functional import Functional
from penstock_keras_api.models.model import Model
from penstock_keras_api.models.sequential import Sequential
from penstock_keras_api.saving.model_files import load_model, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
