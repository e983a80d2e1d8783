"""Real Keras, as the judge of ours."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import pytest


@pytest.fixture(scope="session")
def real() -> Any:
    """Return the real Keras, on whichever backend is installed."""
    backends = [b for b in ("torch", "jax") if importlib.util.find_spec(b)]
    if importlib.util.find_spec("keras") is None or not backends:
        pytest.skip("needs Keras and a backend of it: pip install keras torch")
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    return pytest.importorskip("keras")
