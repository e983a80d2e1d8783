"""Names that need a package which is not installed."""

from __future__ import annotations

from penstock.errors import PluginError


class MissingPluginError(PluginError, ImportError):
    """What was asked for is in a package that is not installed, or in none."""
