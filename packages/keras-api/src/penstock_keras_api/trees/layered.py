"""Trees that grow a layer at a time, each from other rows: what estimators need, which see batches only.

All that is known lies in arrays of fixed sizes, so that they can be variables of a model and lie in its checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from penstock import ops
from penstock_keras_api.trees.table import MOST_BINS, edges_of

Array = np.ndarray[Any, Any]
LEAF = (-1, 0, 0, -1)
# A Newton step of the first scores that is below this ends them.
SETTLED = 0.01


@dataclass(frozen=True)
class LayerSettings:
    """How layers are grown.

    Args:
        n_trees: How many rounds there are; each has a tree for every output.
        max_depth: How many layers a tree has.
        learning_rate: What values are multiplied by.
        l1: How far gradients of a leaf are moved towards 0.
        l2: What is added to the hessians of a leaf.
        complexity: What a split must be worth.
        min_weight: The least sum of hessians of a leaf.
        center_bias: Whether the first steps look for the scores to begin with.
        prune_after: Whether `complexity` takes splits back when a tree is complete, instead of refusing them.
        max_bins: How many bins a column of numbers has at most.
    """

    n_trees: int
    max_depth: int
    learning_rate: float
    l1: float = 0.0
    l2: float = 0.0
    complexity: float = 0.0
    min_weight: float = 0.0
    center_bias: bool = False
    prune_after: bool = False
    max_bins: int = 100


@dataclass
class LayeredTrees:
    """Trees, and how far they are.

    Args:
        nodes: [n, 4], int32, as `tree_predict` has them; node 0 is a leaf without value.
        thresholds: [n], float32.
        values: [n], float32; those of inner nodes are what they had as leaves.
        gains: [n], float32: what the splits were worth.
        sets: [n, 8], int32, a set for each node; or [0, 8] without categories.
        roots: [trees], int32; 0 for trees that are not there yet.
        complete: [trees], int32: the same, but 0 for trees that grow.
        start: [outputs], float32: scores to begin with.
        state: Rounds that are complete, the layer that grows, nodes in use, and whether `start` is found.
    """

    nodes: Array
    thresholds: Array
    values: Array
    gains: Array
    sets: Array
    roots: Array
    complete: Array
    start: Array
    state: Array

    @staticmethod
    def empty(settings: LayerSettings, outputs: int, categorical: bool) -> LayeredTrees:
        """Make room for all trees."""
        trees = settings.n_trees * outputs
        room = 1 + trees * (2 ** (settings.max_depth + 1) - 1)
        return LayeredTrees(
            nodes=np.tile(np.array(LEAF, np.int32), (room, 1)),
            thresholds=np.zeros(room, np.float32),
            values=np.zeros(room, np.float32),
            gains=np.zeros(room, np.float32),
            sets=np.zeros((room if categorical else 0, 8), np.int32),
            roots=np.zeros(trees, np.int32),
            complete=np.zeros(trees, np.int32),
            start=np.zeros(outputs, np.float32),
            state=np.array([0, 0, 1, 0], np.int32),
        )

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Give all arrays by name."""
        for each in fields(self):
            yield each.name, getattr(self, each.name)

    @property
    def outputs(self) -> int:
        """How many scores a row has."""
        return len(self.start)

    def finished(self, settings: LayerSettings) -> bool:
        """Say whether all trees are there."""
        return int(self.state[0]) >= settings.n_trees

    # ---- growing

    def learn(
        self, settings: LayerSettings, categories: Array, rows: Array, pairs: tuple[Array, Array]
    ) -> None:
        """Grow a layer, or find the scores to begin with.

        Args:
            settings: How.
            categories: [columns], how many categories a column has; 0 for numbers.
            rows: [n, columns], float32.
            pairs: Gradients and hessians by the scores of complete trees, [n, outputs] each.
        """
        if self.finished(settings) or len(rows) == 0:
            return
        if settings.center_bias and not self.state[3]:
            self._center(*pairs)
            return
        split = False
        bins, edges, columns = _in_bins(rows, categories, settings.max_bins)
        for output in range(self.outputs):
            tree = int(self.state[0]) * self.outputs + output
            if self.state[1] == 0:
                self.roots[tree] = self._new_nodes(1)
            gradients, hessians = (np.ascontiguousarray(p[:, output]) for p in pairs)
            for node, here in self._open_leaves(int(self.roots[tree]), rows):
                limits = _limits(settings)
                grown = ops.tree_grow(bins, gradients, hessians, here, columns, **limits)
                split |= self._take_over(node, [t.numpy() for t in grown], edges)
        self.state[1] += 1
        if not split or self.state[1] >= settings.max_depth:
            self._complete(settings)

    def _center(self, gradients: Array, hessians: Array) -> None:
        weight = hessians.sum(0, dtype=np.float64)
        step = -gradients.sum(0, dtype=np.float64) / np.where(weight > 0, weight, np.inf)
        self.start[:] += step.astype(np.float32)
        self.state[3] = bool((np.abs(step) < SETTLED).all())

    def _new_nodes(self, count: int) -> int:
        first = int(self.state[2])
        self.state[2] += count
        return first

    def _open_leaves(self, root: int, rows: Array) -> Iterator[tuple[int, Array]]:
        """Give the leaves of the layer that grows, and their rows."""
        depth = {root: 0}
        for node in range(root, int(self.state[2])):
            if node in depth and self.nodes[node, 0] >= 0:
                left = int(self.nodes[node, 1])
                depth[left] = depth[left + 1] = depth[node] + 1
        numbers = np.arange(len(self.nodes), dtype=np.float32)
        first = np.array([root], np.int32)
        answer = ops.tree_predict(rows, first, self.nodes, self.thresholds, numbers, self.sets)
        leaf = answer.numpy()[:, 0].astype(np.int64)
        for node, at in depth.items():
            here = np.nonzero(leaf == node)[0].astype(np.int32)
            if at == self.state[1] and self.nodes[node, 0] < 0 and len(here):
                yield node, here

    def _take_over(self, node: int, grown: list[Array], edges: Array) -> bool:
        """Make a leaf what a tree of one split says; return whether there is a split."""
        nodes, stats, sets, _, count = grown
        if self.state[1] == 0:
            self.values[node] = stats[0, 0]
        if count < 2:
            return False
        column, _, missing_left, last = (int(n) for n in nodes[0])
        left = self._new_nodes(2)
        self.nodes[node] = column, left, missing_left, node if last < 0 else -1
        self.values[left : left + 2] = stats[1:3, 0]
        self.gains[node] = stats[0, 1]
        if last < 0:
            self.sets[node] = sets[0]
        else:
            self.thresholds[node] = edges[column, last] if last < edges.shape[1] else np.inf
        return True

    def _complete(self, settings: LayerSettings) -> None:
        trees = slice(int(self.state[0]) * self.outputs, (int(self.state[0]) + 1) * self.outputs)
        if settings.prune_after:
            self._prune(int(self.roots[trees].min()), settings.complexity)
        self.complete[trees] = self.roots[trees]
        self.state[:2] = self.state[0] + 1, 0

    def _prune(self, first: int, complexity: float) -> None:
        """Take splits back that are not worth their price, from the last one on."""
        for node in range(int(self.state[2]) - 1, first - 1, -1):
            column, left = (int(n) for n in self.nodes[node, :2])
            if column < 0 or self.gains[node] > complexity:
                continue
            if (self.nodes[left : left + 2, 0] < 0).all():
                self.nodes[node] = LEAF


def _limits(settings: LayerSettings) -> dict[str, Any]:
    return {
        "max_leaves": 2,
        "min_samples_leaf": 1,
        "min_weight": settings.min_weight,
        "l1": settings.l1,
        "l2": settings.l2,
        "complexity": 0.0 if settings.prune_after else settings.complexity,
        "learning_rate": settings.learning_rate,
    }


def _in_bins(rows: Array, categories: Array, max_bins: int) -> tuple[Array, Array, Array]:
    """Return the bins of rows, what lies between bins, and the columns as `tree_grow` wants them."""
    found = [
        np.arange(count - 1, dtype=np.float32) if count else edges_of(column, max_bins)
        for column, count in zip(rows.T, categories, strict=True)
    ]
    edges = np.full((len(found), max(map(len, found))), np.inf, np.float32)
    for row, each in zip(edges, found, strict=True):
        row[: len(each)] = each
    sizes = [min(len(each) + 1, MOST_BINS) for each in found]
    columns = np.stack([sizes, categories > 0, np.zeros(len(found))], 1).astype(np.int32)
    return ops.tree_bins(rows, edges).numpy(), edges, columns
