"""One page about a model, to read and to show: report.html."""

from penstock_models.report.page import page, write_report
from penstock_models.report.story import Finding, Licence, Story, Variant

__all__ = ["Finding", "Licence", "Story", "Variant", "page", "write_report"]
