"""Keras itself, as the truth that tests compare with."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import pytest


@pytest.fixture(scope="session")
def peer() -> Any:
    """Return the real Keras, on whatever backend is installed."""
    backends = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
    if not backends:
        pytest.skip("Keras needs JAX or PyTorch here: pip install jax")
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    return pytest.importorskip("keras")
