"""Sources: where a preset's files are looked for."""

from penstock_models.sources.find import are_at_hand, find_file, find_files

__all__ = ["are_at_hand", "find_file", "find_files"]
