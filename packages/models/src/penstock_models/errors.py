"""What can go wrong with presets, beyond the core's own errors."""

from __future__ import annotations

from penstock.errors import PenstockError


class MissingFileError(PenstockError, FileNotFoundError):
    """A preset's file is nowhere on this machine, and may not or cannot be fetched."""


class DiskError(PenstockError, OSError):
    """A folder cannot be written: the disk is full, or it may only be read."""
