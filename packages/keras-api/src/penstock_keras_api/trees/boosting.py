"""Growing tree after tree against what the ones before leave over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console

import penstock as ps
from penstock import ops
from penstock_keras_api.trees.ensemble import Tree, TreeEnsemble
from penstock_keras_api.trees.losses import TreeLoss, weighted_median
from penstock_keras_api.trees.table import Table

Array = np.ndarray[Any, Any]
# A tree of any number of leaves still needs tables of some size.
MOST_LEAVES = 1 << 16


@dataclass
class Settings:
    """How trees are grown; `BoostedTreesRegressor` explains each."""

    learning_rate: float = 0.1
    max_iter: int = 100
    max_leaf_nodes: int | None = 31
    max_depth: int | None = None
    min_samples_leaf: int = 20
    min_weight: float = 1e-3
    l1_regularization: float = 0.0
    l2_regularization: float = 0.0
    tree_complexity: float = 0.0
    subsample: float = 1.0
    max_features: float = 1.0
    n_iter_no_change: int = 10
    tol: float = 1e-7
    verbose: int = 0

    def leaves(self, rows: int) -> int:
        """Return how many leaves a tree may have: the least of all bounds."""
        most = MOST_LEAVES if self.max_leaf_nodes is None else self.max_leaf_nodes
        if self.max_depth is not None and self.max_depth < 31:
            most = min(most, 2**self.max_depth)
        return max(1, min(most, rows // self.min_samples_leaf))

    def limits(self, rows: int) -> dict[str, Any]:
        """Return the attributes of `tree_grow`."""
        return {
            "max_leaves": self.leaves(rows),
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "min_weight": self.min_weight,
            "l1": self.l1_regularization,
            "l2": self.l2_regularization,
            "complexity": self.tree_complexity,
            "learning_rate": self.learning_rate,
        }


@dataclass
class Growth:
    """Rows in bins, their labels and scores, and the trees so far.

    Args:
        table: What is known of the columns.
        bins: [rows, columns], uint8.
        y: [rows].
        loss: What is made small.
        settings: How.
        weight: [rows], or None.
        monotonic: [columns], 1, -1 or 0, or None.
        start: [outputs], scores to begin with; by default the loss's best.
    """

    table: Table
    bins: Array
    y: Array
    loss: TreeLoss
    settings: Settings
    weight: Array | None = None
    monotonic: Any = None
    start: Array | None = None
    rows: Array | None = None  # to learn from; the others are only scored
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    trees: list[Tree] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.bins)
        self.rows = np.arange(n, dtype=np.int32) if self.rows is None else self.rows
        if self.start is None:
            weight = None if self.weight is None else self.weight[self.rows]
            self.start = self.loss.start(self.y[self.rows], weight)
        self.scores = np.repeat(self.start.astype(np.float64)[:, None], n, axis=1)
        self._columns = self.table.columns(self.monotonic)
        # Tensors, so that every tree gets the same memory.
        self._bins, self._all_rows = ps.asarray(self.bins), ps.asarray(self.rows)
        self._all_columns = ps.asarray(self._columns)

    def grow(self) -> bool:
        """Grow a tree for each output; return whether any of them has a split."""
        rows, columns = self._some_rows(), self._some_columns()
        grown = False
        for output, (gradients, hessians) in enumerate(self.loss.pairs(self.scores, self.y)):
            if self.weight is not None:
                weight = self.weight.astype(np.float32)
                gradients, hessians = np.asarray(gradients) * weight, np.asarray(hessians) * weight
            limits = self.settings.limits(len(rows))
            made = ops.tree_grow(self._bins, gradients, hessians, rows, columns, **limits)
            nodes, stats, sets, leaf, count = (t.numpy() for t in made)
            size = int(count)
            tree = Tree(nodes[:size].copy(), stats[:size].copy(), sets[:size].copy())
            if self.loss.renews:
                self._renew(tree, leaf, np.asarray(rows))
            self.scores[output] += tree.stats[:, 0].take(leaf)
            self.trees.append(tree)
            grown |= size > 1
        return grown

    def ensemble(self) -> TreeEnsemble:
        """Return the trees so far."""
        assert self.start is not None
        return TreeEnsemble(self.trees, self.table.edges, self.start)

    def _renew(self, tree: Tree, leaf: Array, rows: Array) -> None:
        """Fill leaves with the median of the errors in them."""
        errors = self.y[rows] - self.scores[0, rows]
        order = np.argsort(leaf[rows], kind="stable")
        for part in np.split(order, np.nonzero(np.diff(leaf[rows][order]))[0] + 1):
            if len(part):
                weight = None if self.weight is None else self.weight[rows[part]]
                value = weighted_median(errors[part], weight) * self.settings.learning_rate
                tree.stats[leaf[rows[part[0]]], 0] = value

    def _some_rows(self) -> Any:
        assert self.rows is not None
        if self.settings.subsample >= 1:
            return self._all_rows
        count = max(1, round(self.settings.subsample * len(self.rows)))
        return np.sort(self.rng.choice(self.rows, count, replace=False))

    def _some_columns(self) -> Any:
        width = len(self._columns)
        count = max(1, round(self.settings.max_features * width))
        if count >= width:
            return self._all_columns
        columns = self._columns.copy()
        columns[self.rng.permutation(width)[count:], 0] = 0
        return columns


def boost(growth: Growth, validation: Array | None = None) -> Iterator[float | None]:
    """Grow trees until there are enough, nothing can be split, or the loss of other rows gets no better.

    Args:
        growth: What grows; the trees are in it.
        validation: The rows that decide when it is enough, or None to grow them all.

    Yields:
        After each round the loss of these rows, or None.

    Raises:
        ValueError: A gradient is not finite.
    """
    settings = growth.settings
    best, since = np.inf, 0
    for number in range(settings.max_iter):
        grown = growth.grow()
        loss = None
        if validation is not None:
            weight = None if growth.weight is None else growth.weight[validation]
            loss = growth.loss.mean(growth.scores[:, validation], growth.y[validation], weight)
            since = 0 if loss < best - settings.tol else since + 1
            best = min(best, loss)
        if settings.verbose:
            Console().print(
                f"trees {number + 1}/{settings.max_iter}" + (f" loss {loss:.6f}" if loss else "")
            )
        yield loss
        by_chance = settings.subsample < 1 or settings.max_features < 1
        if since >= settings.n_iter_no_change or not (grown or by_chance):
            return
