"""`keras.ops` against real Keras: each line of the expressions beside this file, computed by both.

Keras's backends do not agree in everything. What torch does otherwise than JAX and TensorFlow is marked there.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and torch

EXPRESSIONS = [
    line
    for path in sorted(Path(__file__).parent.glob("expressions_*.txt"))
    for line in path.read_text().splitlines()
]


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
        "E": (images * 255).astype("uint8"),
        "Y": np.moveaxis(images, -1, 1).copy(),
        "Z": rng.uniform(0, 1, (1, 5, 4, 6, 2)).astype("float32"),
        "W": rng.uniform(-1, 1, (2, 9, 3)).astype("float32"),
        "K1": rng.uniform(-1, 1, (3, 3, 4)).astype("float32"),
        "K2": rng.uniform(-1, 1, (3, 2, 3, 4)).astype("float32"),
        "K3": rng.uniform(-1, 1, (2, 2, 2, 2, 3)).astype("float32"),
        "A": np.stack(
            [
                np.r_[1.1, 0.2, -0.5, -0.1, 0.9, 0.7, 0.0, 0.0],
                np.r_[0.8, -0.3, 1.5, 0.2, 1.2, -1.1, 0.0, 0.0],
            ]
        ).astype("float32"),
        "B": np.array([[[0, 0], [5, 0], [0, 6], [5, 6]]] * 2, "float32"),
        "C": np.array([[[1, 0.5], [4.5, 0], [0, 6.5], [5, 5]]] * 2, "float32"),
        "D": rng.uniform(-2, 5, (2, 11)).astype("float32"),
        "U": rng.uniform(0, 1, (2, 16, 14, 3)).astype("float32"),
        "H": rng.uniform(-1, 1, (2, 4, 2, 6)).astype("float32"),
        "M": rng.uniform(-1, 1, (2, 5, 2, 6)).astype("float32"),
    }


@functools.cache
def tensors(library: Any) -> dict[str, Any]:
    """Return the arrays as tensors."""
    return {name: library.ops.convert_to_tensor(a) for name, a in data().items()}


def computed(library: Any, expression: str) -> Any:
    """Return what an expression gives: values with their dtypes' names, in lists."""
    made = eval(expression, {"ops": library.ops, **tensors(library)})  # noqa: S307 - of the files beside
    return _plain(library, made)


def _plain(library: Any, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(library, item) for item in value]
    if isinstance(value, bool | int | float | str):
        return value
    array = np.asarray(library.ops.convert_to_numpy(value))
    return array.astype("complex128" if array.dtype.kind == "c" else "float64"), library.ops.dtype(
        value
    )


def differs(want: Any, got: Any) -> str | None:
    """Say what is different, if anything is."""
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return f"{len(want)} results, got {got}"
        found = [differs(a, b) for a, b in zip(want, got, strict=True)]
        return next((text for text in found if text), None)
    if not isinstance(want, tuple) or not isinstance(got, tuple):
        return None if want == got else f"{want!r}, got {got!r}"
    if want[0].shape != got[0].shape or want[1] != got[1]:
        return f"{want[1]} {want[0].shape}, got {got[1]} {got[0].shape}"
    if not np.allclose(got[0], want[0], rtol=1e-4, atol=2e-5, equal_nan=True):
        return f"{want[0]}, got {got[0]}"
    return None


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression(real: Any, expression: str) -> None:
    expression, _, but = expression.partition("  # ")
    if but == "not on torch" and real.config.backend() == "torch":
        pytest.skip(
            "Keras on torch answers otherwise than on its other backends: KERAS_BACKEND=jax"
        )
    problem = differs(computed(real, expression), computed(keras, expression))
    assert problem is None, f"Keras has {problem}"
