"""Trees against plain loops over rows: sums, splits and walks, worked out anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import ops

MISSING = 255


def grow(bins: Any, gradients: Any, columns: Any, rows: Any = None, **limits: Any) -> Any:
    """Grow a tree with hessians of 1; returns nodes, stats and sets of the nodes that there are, and leaves."""
    n = len(bins)
    nodes, stats, sets, leaf, count = ops.tree_grow(
        np.asarray(bins, np.uint8),
        np.asarray(gradients, np.float32),
        np.ones(n, np.float32),
        np.arange(n, dtype=np.int32) if rows is None else np.asarray(rows, np.int32),
        np.asarray(columns, np.int32),
        **{"min_samples_leaf": 1, **limits},
    )
    size = int(count)
    return nodes.numpy()[:size], stats.numpy()[:size], sets.numpy()[:size], leaf.numpy()


def worth(gradients: Any, left: Any) -> float:
    """Return what a split is worth: hessians are 1, and nothing is regular."""
    sides = [gradients[left], gradients[~left]]
    return float(sum(s.sum() ** 2 / len(s) for s in sides) - gradients.sum() ** 2 / len(gradients))


def drawn(n: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    bins = rng.integers(0, 9, (n, 2))
    bins[rng.random((n, 2)) < 0.2] = MISSING
    gradients = np.sin(bins[:, 0] * 1.0) + 0.3 * (bins[:, 1] == MISSING) + rng.normal(0, 0.1, n)
    return bins, gradients


def test_the_first_split_is_the_best_of_all() -> None:
    bins, gradients = drawn()
    nodes, stats, _, leaf = grow(bins, gradients, [[9, 0, 0]] * 2, max_leaves=2)
    tried = []
    for column in range(2):
        numbers, missing = bins[:, column], bins[:, column] == MISSING
        for last in range(9):
            for missing_left in (False, True):
                left = np.where(missing, missing_left, numbers <= last)
                if 0 < left.sum() < len(left):
                    tried.append((worth(gradients, left), column, last, missing_left))
    best = max(tried)
    assert (int(nodes[0, 0]), int(nodes[0, 3]), bool(nodes[0, 2])) == best[1:]
    np.testing.assert_allclose(stats[0, 1], best[0], rtol=1e-6)
    for child in (1, 2):
        here = gradients[leaf == child]
        assert len(here) == stats[child, 3] == stats[child, 2]
        np.testing.assert_allclose(stats[child, 0], -here.mean(), rtol=1e-6)


def test_categories_are_parted_as_well_as_any_subset_could() -> None:
    rng = np.random.default_rng(4)
    bins = rng.integers(0, 6, (200, 1))
    gradients = rng.normal(0, 1, 6)[bins[:, 0]] + rng.normal(0, 0.1, 200)
    nodes, stats, sets, leaf = grow(bins, gradients, [[6, 1, 0]], max_leaves=2, smoothing=0.0)
    subsets = [[c for c in range(6) if number >> c & 1] for number in range(1, 63)]
    best = max(worth(gradients, np.isin(bins[:, 0], s)) for s in subsets)
    np.testing.assert_allclose(stats[0, 1], best, rtol=1e-6)
    assert nodes[0, 3] == -1
    in_set = (sets[0, 0] >> bins[:, 0] & 1).astype(bool)
    np.testing.assert_array_equal(leaf == 1, in_set)


def test_the_leaf_that_gains_most_is_cut_first() -> None:
    bins, gradients = drawn()
    _, whole, _, _ = grow(bins, gradients, [[9, 0, 0]] * 2, max_leaves=9)
    for leaves in range(2, 9):
        nodes, stats, _, _ = grow(bins, gradients, [[9, 0, 0]] * 2, max_leaves=leaves)
        assert len(nodes) == 2 * leaves - 1
        np.testing.assert_array_equal(stats[:, 0], whole[: len(stats), 0])


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        ({"min_samples_leaf": 40}, lambda nodes, stats: stats[:, 3].min() >= 40),
        ({"min_weight": 35.0}, lambda nodes, stats: stats[:, 2].min() >= 35),
        ({"max_depth": 1}, lambda nodes, stats: len(nodes) == 3),
        ({"max_depth": 0}, lambda nodes, stats: len(nodes) == 1),
        ({"complexity": 1.0}, lambda nodes, stats: len(nodes) > 3 and (stats[:, 1] >= 0).all()),
    ],
)
def test_limits_hold(limits: Any, holds: Any) -> None:
    bins, gradients = drawn()
    free, *_ = grow(bins, gradients, [[9, 0, 0]] * 2, max_leaves=50)
    nodes, stats, _, _ = grow(bins, gradients, [[9, 0, 0]] * 2, max_leaves=50, **limits)
    assert holds(nodes, stats)
    assert len(nodes) < len(free)


def test_regular_values() -> None:
    gradients = np.array([3.0, 1.0, -2.0])
    _, stats, _, _ = grow([[0]] * 3, gradients, [[1, 0, 0]], l1=0.5, l2=2.0, learning_rate=0.1)
    np.testing.assert_allclose(stats[0, 0], -0.1 * (2.0 - 0.5) / (3 + 2))


@pytest.mark.parametrize("way", [1, -1])
def test_a_monotonic_tree_never_turns(way: int) -> None:
    rng = np.random.default_rng(5)
    bins = rng.integers(0, 40, (2000, 2))
    gradients = -np.sin(bins[:, 0] / 6.0) - bins[:, 1] * 0.02 + rng.normal(0, 0.3, 2000)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), indexing="ij"), -1).reshape(-1, 2)
    both = np.concatenate([bins, grid])
    gradients = np.concatenate([gradients, np.zeros(len(grid))])
    for columns, turns in (([[40, 0, way], [40, 0, 0]], False), ([[40, 0, 0]] * 2, True)):
        _, stats, _, leaf = grow(both, gradients, columns, np.arange(2000), max_leaves=40)
        answers = stats[leaf[2000:], 0].reshape(40, 40)
        assert (way * np.diff(answers, axis=0) < 0).any() == turns


def test_rows_that_were_not_learned_find_their_leaf() -> None:
    bins, gradients = drawn()
    columns = [[9, 0, 0], [9, 1, 0]]
    some = np.arange(0, 300, 3)
    nodes, _, sets, leaf = grow(bins, gradients, columns, some, max_leaves=12)
    alone = grow(bins[some], gradients[some], columns, max_leaves=12)
    np.testing.assert_array_equal(nodes, alone[0])
    np.testing.assert_array_equal(leaf[some], alone[3])
    for row in range(300):
        at = 0
        while nodes[at, 0] >= 0:
            column, left, missing_left, last = nodes[at]
            number = bins[row, column]
            goes_left = missing_left if number == MISSING else number <= last
            if last < 0:
                goes_left = sets[at, number // 32] >> (number % 32) & 1
            at = left + (not goes_left)
        assert leaf[row] == at


def test_a_tree_on_bins_is_a_tree_on_numbers() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(500, 3)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    edges = np.sort(rng.normal(size=(3, 20)).astype(np.float32), 1)
    bins = ops.tree_bins(x, edges).numpy()
    truth = (edges[None] < x[..., None]).sum(-1)
    np.testing.assert_array_equal(bins, np.where(np.isnan(x), MISSING, truth))
    gradients = np.nan_to_num(x).sum(1)
    nodes, stats, _, leaf = grow(bins, gradients, [[21, 0, 0]] * 3, max_leaves=20)
    numeric = nodes.copy()
    numeric[:, 3] = -1
    full = np.concatenate([edges, np.full((3, 1), np.inf, np.float32)], 1)
    thresholds = full[nodes[:, 0], np.maximum(nodes[:, 3], 0)]
    values = stats[:, 0].astype(np.float32)
    none = np.zeros((0, 8), np.int32)
    got = ops.tree_predict(x, np.zeros(1, np.int32), numeric, thresholds, values, none)
    np.testing.assert_array_equal(got.numpy()[:, 0], values[leaf])


def test_trees_of_several_outputs_and_sums_in_double() -> None:
    nodes = np.tile(np.array([[-1, 0, 0, -1]], np.int32), (4, 1))
    values = np.array([1e8, 1.0, 1.0, -1e8], np.float32)
    roots = np.array([0, 1, 2, 3, 3, 0], np.int32)
    none = np.zeros((0, 8), np.int32)
    x = np.zeros((3, 2), np.float32)
    got = ops.tree_predict(x, roots, nodes, values, values, none, outputs=2).numpy()
    np.testing.assert_array_equal(got, [[1.0, 1.0]] * 3)


def test_a_circle_is_refused_also_when_it_is_constant_in_a_graph() -> None:
    nodes = np.array([[0, 1, 0, -1], [0, 0, 0, -1], [-1, 0, 0, -1]], np.int32)
    numbers = np.zeros(3, np.float32)
    none = np.zeros((0, 8), np.int32)

    @ps.function
    def ask(x: Any) -> Any:
        return ops.tree_predict(x, np.zeros(1, np.int32), nodes, numbers, numbers, none)

    with pytest.raises(ValueError, match=r"node 1 has left child 0; .* behind the node"):
        ask(np.zeros((2, 1), np.float32))


def test_there_is_no_gradient() -> None:
    nodes = np.array([[-1, 0, 0, -1]], np.int32)
    one, none = np.ones(1, np.float32), np.zeros((0, 8), np.int32)
    with ps.GradientTape() as tape:
        x = ps.asarray(np.ones((1, 1), np.float32))
        tape.watch(x)
        y = ops.tree_predict(x, np.zeros(1, np.int32), nodes, one, one, none)
    assert tape.gradient(y, x) is None


def test_saved_trees_answer_with_the_same_bits(tmp_path: Any) -> None:
    rng = np.random.default_rng(7)
    args = next(s.args for s in ops.tree_predict.samples_fn(rng) if s.label == "large")
    x, *ensemble = args

    @ps.function
    def ask(x: Any) -> Any:
        return ops.tree_predict(x, *ensemble)

    here = ask(x).numpy()
    ps.save(ask, tmp_path / "trees", signatures=[("float32", ("rows", 4))])
    loaded = ps.load(tmp_path / "trees")
    for rows in (1, 7, 9000):
        np.testing.assert_array_equal(loaded(x[:rows]).numpy(), here[:rows], strict=True)
