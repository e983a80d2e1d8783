"""Save a model as a folder that serves, can be trained again, and says what it is."""

from penstock_models.export.calibrated import calibrated
from penstock_models.export.card import card_of, licences
from penstock_models.export.folder import save, slug
from penstock_models.export.serving import Serving
from penstock_models.export.small import Small, save_small

__all__ = ["Serving", "Small", "calibrated", "card_of", "licences", "save", "save_small", "slug"]
