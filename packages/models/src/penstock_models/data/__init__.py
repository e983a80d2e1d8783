"""A user's own data, as models take it: read, looked at, divided."""

from penstock_models.data.audit import Audit, Finding, audit
from penstock_models.data.examples import Boxes, Examples
from penstock_models.data.read import read
from penstock_models.data.splits import Splits

__all__ = ["Audit", "Boxes", "Examples", "Finding", "Splits", "audit", "read"]
