"""A user's own data, as models take it."""

from penstock_models.data.examples import Boxes, Examples

__all__ = ["Boxes", "Examples"]
