"""A pytest plugin: the names that examples in docstrings may use without importing them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace.update(penstock=penstock, np=np)
