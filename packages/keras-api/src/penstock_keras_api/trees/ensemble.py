"""Many trees as a few tensors, which a graph asks and saves like any others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock import ops

Array = np.ndarray[Any, Any]
NUMERIC = -1


@dataclass(frozen=True)
class Tree:
    """One tree that `tree_grow` grew, and for which output it speaks."""

    nodes: Array
    stats: Array
    sets: Array


class TreeEnsemble:
    """The sum of many trees.

    Args:
        trees: In the order of training; tree t speaks for output t % outputs.
        edges: [columns, n]: the numbers between bins.
        start: [outputs]: scores to begin with.

    Raises:
        Nothing.

    Example:
        >>> import numpy, penstock
        >>> ensemble = TreeEnsemble([], numpy.zeros((2, 3)), numpy.array([1.5]))
        >>> ensemble(numpy.zeros((2, 2)))
        Tensor([[1.5],
                [1.5]], shape=(2, 1), dtype=float64)
    """

    def __init__(self, trees: Sequence[Tree], edges: Array, start: Array) -> None:
        dtype = edges.dtype
        counts = [len(tree.nodes) for tree in trees]
        self.roots = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int32)
        self.nodes = np.zeros((sum(counts), 4), np.int32)
        self.thresholds = np.zeros(sum(counts), dtype)
        self.values = np.zeros(sum(counts), dtype)
        self.start = start.astype(dtype)
        self.columns = len(edges)
        self.gains, self.splits = np.zeros(self.columns), np.zeros(self.columns, np.int64)
        sets: list[Array] = []
        for root, tree in zip(self.roots.tolist(), trees, strict=True):
            self._add(root, tree, edges, sets)
        self.sets = np.array(sets, np.int32).reshape(-1, 8)

    def _add(self, root: int, tree: Tree, edges: Array, sets: list[Array]) -> None:
        part = slice(root, root + len(tree.nodes))
        column, left, missing_left, last = tree.nodes.T
        inner = column >= 0
        categorical = inner & (last < 0)
        chosen = np.full(len(column), NUMERIC)
        chosen[categorical] = len(sets) + np.arange(categorical.sum())
        sets.extend(tree.sets[categorical])
        self.nodes[part] = np.stack(
            [column, np.where(inner, left + root, 0), missing_left, chosen], 1
        )
        # Behind the last edge only missing values are left.
        full = np.concatenate([edges, np.full((len(edges), 1), np.inf, edges.dtype)], 1)
        numeric = inner & ~categorical
        self.thresholds[part][numeric] = full[
            column[numeric], np.minimum(last[numeric], edges.shape[1])
        ]
        self.values[part] = np.where(inner, 0, tree.stats[:, 0])
        np.add.at(self.gains, column[inner], tree.stats[inner, 1])
        np.add.at(self.splits, column[inner], 1)

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def outputs(self) -> int:
        """How many scores each row gets."""
        return len(self.start)

    def __call__(self, x: Any) -> Any:
        """Return the scores of rows, [rows, outputs]; in a graph as one op on constants.

        Args:
            x: [rows, columns], the dtype of training; categories as codes, NaN where missing.

        Returns:
            [rows, outputs].

        Raises:
            ValueError: x has too few columns.
        """
        scores = ops.tree_predict(
            x, self.roots, self.nodes, self.thresholds, self.values, self.sets, outputs=self.outputs
        )
        return scores + self.start

    def importances(self, kind: str = "gain") -> Array:
        """Return what each column gave, [columns]: as parts of 1 for "gain", as numbers of splits for "split"."""
        if kind == "split":
            return self.splits.copy()
        total = self.gains.sum()
        return self.gains / total if total > 0 else self.gains.copy()
