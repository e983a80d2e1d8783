"""Models: layers that are trained together."""

from penstock_keras_api.models.functional import Functional
from penstock_keras_api.models.model import Model
from penstock_keras_api.models.sequential import Sequential
from penstock_keras_api.saving.model_files import load_model, save_model

__all__ = ["Functional", "Model", "Sequential", "load_model", "save_model"]
