"""Save a model as a folder that serves, can be trained again, and says what it is."""

from penstock_models.export.calibrated import calibrated
from penstock_models.export.card import card_of, licences
from penstock_models.export.deliver import Delivered, deliver, size_of
from penstock_models.export.folder import save, slug
from penstock_models.export.serving import Serving
from penstock_models.export.small import Small, save_small

__all__ = [
    "Delivered",
    "Serving",
    "Small",
    "calibrated",
    "card_of",
    "deliver",
    "licences",
    "save",
    "save_small",
    "size_of",
    "slug",
]
