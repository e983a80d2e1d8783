"""Arrays for the expressions that real Keras and ours are compared on."""

from __future__ import annotations

from typing import Any

import numpy as np


def data() -> dict[str, Any]:
    """Return arrays by name."""
    rng = np.random.default_rng(3)
    f, g = (rng.uniform(-1, 1, (4, 3)).astype("float32") for _ in range(2))
    with_nan = f.copy()
    with_nan[0, 1] = with_nan[2, 2] = np.nan
    with_nan[1, 0], with_nan[3, 1] = np.inf, -np.inf
    p = f.T @ f + np.eye(3, dtype="float32")
    images = rng.uniform(0, 1, (2, 7, 6, 3)).astype("float32")
    return {
        "F": f,
        "G": g,
        "N": with_nan,
        "I": rng.integers(1, 7, (4, 3)).astype("int32"),
        "J": rng.integers(1, 7, (4, 3)).astype("int32"),
        "L": np.array([0, 0, 1, 1], "int32"),
        "V": rng.permutation(4).astype("float32") + 0.5,
        "R": rng.uniform(-1, 1, 9).astype("float32"),
        "S": rng.uniform(-1, 1, (2, 32)).astype("float32"),
        "T": rng.uniform(-1, 1, (2, 3, 4)).astype("float32"),
        "P": p,
        "Q": rng.uniform(-1, 1, (3, 3)).astype("float32"),
        "X": images,
        "Y": np.moveaxis(images, -1, 1).copy(),
        "Z": rng.uniform(0, 1, (1, 5, 4, 6, 2)).astype("float32"),
        "W": rng.uniform(-1, 1, (2, 9, 3)).astype("float32"),
        "K1": rng.uniform(-1, 1, (3, 3, 4)).astype("float32"),
        "K2": rng.uniform(-1, 1, (3, 2, 3, 4)).astype("float32"),
        "K3": rng.uniform(-1, 1, (2, 2, 2, 2, 3)).astype("float32"),
        "A": np.stack([np.r_[1.1, 0.2, -0.5, -0.1, 0.9, 0.7, 0.0, 0.0], np.r_[0.8, -0.3, 1.5, 0.2, 1.2, -1.1, 0.01, 0.02]]).astype("float32"),
        "B": np.array([[[0, 0], [5, 0], [0, 6], [5, 6]]] * 2, "float32"),
        "C": np.array([[[1, 0.5], [4.5, 0], [0, 6.5], [5, 5]]] * 2, "float32"),
        "D": rng.uniform(-2, 5, (2, 11)).astype("float32"),
        "U": rng.uniform(0, 1, (2, 16, 14, 3)).astype("float32"),
        "H": rng.uniform(-1, 1, (2, 4, 2, 6)).astype("float32"),
        "M": rng.uniform(-1, 1, (2, 5, 2, 6)).astype("float32"),
    }
