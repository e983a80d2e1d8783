"""What the scripts that train shipped presets share; the scripts are in the folder recipes of the project."""

from penstock_models.recipes.progress import Progress
from penstock_models.recipes.publish import publish
from penstock_models.recipes.start import Run, start

__all__ = ["Progress", "Run", "publish", "start"]
