"""Tree kernels against their reference in NumPy: drawn tasks, hostile ensembles, kept nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import ops


def reference(name: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(ops, name).reference_fn(*args, **kwargs)


LIMITS: dict[str, Any] = {
    "max_leaves": 31,
    "max_depth": None,
    "min_samples_leaf": 20,
    "min_weight": 1e-3,
    "l1": 0.0,
    "l2": 0.0,
    "complexity": 0.0,
    "learning_rate": 1.0,
    "smoothing": 10.0,
}


@pytest.mark.parametrize("seed", range(12))
def test_drawn_trees_are_those_of_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(1, 6000)), int(rng.integers(1, 40))
    sizes = rng.integers(0, 256, width)
    categorical = rng.integers(0, 2, width)
    monotonic = np.where(categorical, 0, rng.integers(-1, 2, width))
    columns = np.stack([sizes, categorical, monotonic], 1).astype(np.int32)
    bins = rng.integers(0, 256, (n, width)).astype(np.uint8)  # also what no column has
    gradients = (rng.normal(size=n) + np.sin(bins[:, 0])).astype(np.float32) * 10.0 ** rng.integers(
        -30, 30
    )
    hessians = rng.uniform(0, 1, n).astype(np.float32)
    rows = rng.integers(0, n, int(rng.integers(1, 2 * n + 1))).astype(np.int32)  # some twice
    limits = LIMITS | {
        "max_leaves": int(rng.integers(1, 60)),
        "min_samples_leaf": int(rng.integers(1, 30)),
        "l1": float(rng.choice([0, 0.1])),
        "l2": float(rng.choice([0, 3.0])),
        "max_depth": int(rng.integers(1, 9)) if seed % 2 else None,
    }
    arrays = bins, gradients.astype(np.float32), hessians, rows, columns
    for got, want in zip(
        ops.tree_grow(*arrays, **limits), reference("tree_grow", *arrays, **limits), strict=True
    ):
        np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 33])
def test_columns_beside_the_end_of_the_table(width: int) -> None:
    rng = np.random.default_rng(width)
    columns = np.tile(np.array([[7, 0, 0]], np.int32), (width, 1))
    for n in (1, 2, 3, 40):
        bins = rng.integers(0, 7, (n, width)).astype(np.uint8)
        g, h = rng.normal(size=n).astype(np.float32), np.ones(n, np.float32)
        arrays = bins, g, h, np.arange(n, dtype=np.int32), columns
        limits = LIMITS | {"min_samples_leaf": 1}
        got, want = ops.tree_grow(*arrays, **limits), reference("tree_grow", *arrays, **limits)
        np.testing.assert_array_equal(got[3].numpy(), want[3])


@pytest.mark.parametrize("seed", range(40))
def test_a_hostile_ensemble_is_refused_or_answered_as_by_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 12))
    nodes = np.stack(
        [
            rng.integers(-2, 4, count),
            rng.integers(-1, count + 1, count) if seed % 4 else np.arange(1, count + 1),
            rng.integers(-1, 2, count),
            rng.integers(-1, 3, count),
        ],
        1,
    ).astype(np.int32)
    if seed % 2:
        nodes[:, 0] = np.minimum(nodes[:, 0], 2)
        nodes[count - 2 :, 0] = -1
        inner = nodes[:, 0] >= 0
        nodes[inner, 1] = [rng.integers(i + 1, max(i + 2, count - 1)) for i in np.nonzero(inner)[0]]
        nodes[:, 3] = np.minimum(nodes[:, 3], 1)
    roots = rng.integers(0, count + (seed % 3 == 0), 3).astype(np.int32)
    numbers = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1.0], (2, count)).astype(np.float32)
    sets = rng.integers(-(2**31), 2**31, (2, 8)).astype(np.int32)
    x = rng.choice([np.nan, np.inf, -np.inf, -1.0, 0.0, 3.5, 254.0, 255.0, 1e30], (50, 3))
    arrays = x.astype(np.float32), roots, nodes, *numbers, sets
    try:
        want = reference("tree_predict", *arrays, outputs=1)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error).split(";")[0]):
            ops.tree_predict(*arrays)
    else:
        np.testing.assert_array_equal(ops.tree_predict(*arrays).numpy(), want)


def test_nodes_are_kept_until_a_variable_changes() -> None:
    nodes = np.array([[0, 1, 0, -1], [-1, 0, 0, -1], [-1, 0, 0, -1]], np.int32)
    values = ps.Variable(np.array([0, 1, 2], np.float32))
    thresholds = ps.Variable(np.zeros(3, np.float32))
    roots, sets = np.zeros(1, np.int32), np.zeros((0, 8), np.int32)

    @ps.function
    def ask(x: Any) -> Any:
        return ops.tree_predict(x, roots, nodes, thresholds, values, sets)

    x = np.array([[-1.0], [1.0], [3.0]], np.float32)
    for threshold, answers in ((0.0, [1, 2, 2]), (2.0, [1, 1, 2]), (9.0, [1, 1, 1])):
        thresholds.assign(np.full(3, threshold, np.float32))
        for _ in range(2):
            np.testing.assert_array_equal(ask(x).numpy()[:, 0], answers)
    values.assign(np.array([0, 5, 6], np.float32))
    np.testing.assert_array_equal(ask(x).numpy()[:, 0], [5, 5, 5])
