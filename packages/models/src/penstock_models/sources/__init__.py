"""Sources: where a preset's files are looked for."""

from penstock_models.sources.find import find_file, find_files

__all__ = ["find_file", "find_files"]
