"""Real models and images, found through PENSTOCK_MIRROR; without it the tests that need them are skipped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def hub() -> Path:
    """The folder of real models."""
    folder = os.environ.get("PENSTOCK_MIRROR")
    if not folder:
        pytest.skip("PENSTOCK_MIRROR names no folder of real models")
    return Path(folder)


@pytest.fixture(scope="session")
def expected(hub: Path) -> Any:
    """What TensorFlow made of these models."""
    return json.loads((hub / "expected.json").read_text())


@pytest.fixture(scope="session")
def picture(hub: Path) -> Any:
    """Loads an image, resized to a size (height, width), as uint8 [1, height, width, 3]."""
    image = pytest.importorskip("PIL.Image")

    def load(name: str, size: tuple[int, int]) -> Any:
        with image.open(hub / "images" / name) as opened:
            resized = opened.convert("RGB").resize(size[::-1], image.BILINEAR)
        return np.asarray(resized)[None]

    return load
