"""Decision trees: numbers put into bins, one tree grown on bins, and the answers of many trees.

An ensemble is plain tensors, so that it is saved with the graph that asks it. A tree's nodes are numbered so that
children come after their parent and stand side by side: the right one is left + 1.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _batch, _tree_growth
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

MISSING = 255
_JUMPS = "a tree's answer changes in jumps, and is flat between them"


@op(infer="tree_bins")
def tree_bins(x: TensorLike, edges: TensorLike, /) -> Tensor:
    """Say for each number into which bin of its column it falls.

    A number's bin is how many of its column's edges are smaller; NaN has bin 255.

    Args:
        x: [rows, columns], a real dtype.
        edges: [columns, n], a real dtype, rising along n, at most 254; a column with fewer is filled up with inf.

    Returns:
        [rows, columns], uint8.

    Raises:
        ValueError: The shapes do not fit together, there are more than 254 edges, or they do not rise.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.ops.tree_bins([[0.5], [2.0], [float("nan")]], [[1.0, 2.0]])
        Tensor([[  0],
                [  1],
                [255]], shape=(3, 1), dtype=uint8)
    """


tree_bins.not_differentiable("the numbers of bins change in jumps")


@tree_bins.reference
def _(x: Any, edges: Any) -> Any:
    if not (edges[:, 1:] >= edges[:, :-1]).all() or np.isnan(edges).any():
        column = np.nonzero(~(np.diff(edges) >= 0).all(1) | np.isnan(edges).any(1))[0][0]
        raise ValueError(
            f"the edges of column {column} do not rise; sort them, and fill up with inf"
        )
    bins = np.empty(x.shape, np.uint8)
    for column in range(x.shape[1]):
        bins[:, column] = np.searchsorted(edges[column], x[:, column], side="left")
    bins[np.isnan(x)] = MISSING
    return bins


@tree_bins.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        edges = np.sort(array(rng, (3, 6), dtype), 1)
        yield Sample((array(rng, (9, 3), dtype), edges), label=dtype)
    special = np.array([[np.nan, np.inf], [-np.inf, 0.0], [1.0, -0.0]])
    edges = np.array([[1.0, np.inf, np.inf], [-1.0, 0.0, 0.0]])
    yield Sample((special, edges), label="special")
    yield Sample((np.zeros((0, 2)), edges), label="empty")
    yield Sample((np.ones((3, 2)), np.zeros((2, 0))), label="one bin")
    large = array(rng, (5000, 4), "float32"), np.sort(array(rng, (4, 254), "float32"), 1)
    yield Sample(large, label="large")


@tree_bins.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), np.ones((1, 2))), match=r"\[rows, columns\]")
    yield Reject((np.ones((2, 3)), np.ones((2, 4))), match="a row of edges for each column")
    yield Reject((np.ones((2, 1)), np.ones((1, 255))), match="at most 254")
    yield Reject((np.ones((2, 1)), np.array([[2.0, 1.0]])), match="sort them")


@op(infer="tree_grow", outputs=5)
def tree_grow(
    bins: TensorLike,
    gradients: TensorLike,
    hessians: TensorLike,
    rows: TensorLike,
    columns: TensorLike,
    /,
    max_leaves: int = 31,
    max_depth: int | None = None,
    min_samples_leaf: int = 20,
    min_weight: float = 1e-3,
    l1: float = 0.0,
    l2: float = 0.0,
    complexity: float = 0.0,
    learning_rate: float = 1.0,
    smoothing: float = 10.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Grow one regression tree on bins, the most promising leaf first.

    With G and H the sums of gradients and hessians in a leaf, its value is v = -T/(H + l2), where T is G moved towards
    0 by l1, and its score -(2·T·v + (H + l2)·v²). A split is worth the scores of both children, less that of their
    parent, less `complexity`. Gradients are summed as integers, of 31 bits for the largest one, so that the order of
    the sum, and with it the number of threads, does not matter.

    A numeric column is cut between two bins, with missing values on the side that is better. The categories of a
    categorical column are put in the order of G/(H + smoothing) and that order is cut; missing counts as a category.
    What a node has never seen follows the larger child.

    Args:
        bins: [n, columns], uint8: the bin of each number; any number from the column's count of bins on is missing.
        gradients: [n], float32, of the loss by the score of each row.
        hessians: [n], float32, none negative: the second derivative, or the row's weight.
        rows: [m], int32: the rows to learn from, in any order.
        columns: [columns, 3], int32: the count of bins, at most 255, or 0 to leave the column out; 1 for a categorical
            column, else 0; 1, -1 or 0 where the tree must rise with the column, must fall, or is free.
        max_leaves: How many leaves the tree has at most.
        max_depth: How many splits there are at most on the way to a leaf; None for any number.
        min_samples_leaf: How many of `rows` each leaf has at least.
        min_weight: The least sum of hessians of a leaf.
        l1: See above.
        l2: See above.
        complexity: See above.
        learning_rate: What values are multiplied by at the end.
        smoothing: See above.

    Returns:
        Nodes [2 * max_leaves - 1, 4], int32: column (-1 for a leaf), left child (the right one follows it), 1 where
        missing values go left, and the last bin that goes left (-1 in a categorical column). Of each node,
        [..., 4], float64: value, what its split was worth, sum of hessians, and number of rows. The bins that go left
        in categorical nodes, as bits, [..., 8], int32. The leaf of each of the n rows, [n], int32. How many nodes
        there are, int64; the others are leaves without rows.

    Raises:
        ValueError: The shapes do not fit together, a number is out of range, or a gradient is not finite.
        IndexError: There is no such row.
        TypeError: An input has another dtype.

    Example:
        >>> bins = penstock.asarray([[0], [0], [1], [1]], dtype="uint8")
        >>> nodes, stats, _, leaf, count = penstock.ops.tree_grow(
        ...     bins, [1.0, 1.0, -1.0, -1.0], penstock.ones(4), penstock.arange(4, dtype="int32"),
        ...     penstock.asarray([[2, 0, 0]], dtype="int32"), min_samples_leaf=1)
        >>> int(count), leaf.tolist(), stats[1:3, 0].tolist()
        (3, [1, 1, 2, 2], [-1.0, 1.0])
    """


tree_grow.not_differentiable("a tree that is grown changes in jumps")


@tree_grow.reference
def _(
    bins: Any, gradients: Any, hessians: Any, rows: Any, columns: Any, **limits: Any
) -> tuple[Any, ...]:
    return _tree_growth.grow(bins, gradients, hessians, rows, columns, limits)


def _task(rng: np.random.Generator, n: int, columns: Any, categories: int = 12) -> tuple[Any, ...]:
    """Draw rows whose gradients depend on all columns, with a tenth of the bins missing."""
    columns = np.asarray(columns, np.int32).reshape(-1, 3)
    counts = np.maximum(columns[:, 0], 1)
    bins = rng.integers(0, counts, (n, len(counts)))
    slopes = np.where(columns[:, 1], np.cos(bins * 2.0), bins / counts)
    gradients = slopes @ np.arange(1, len(counts) + 1.0) + rng.normal(0, 0.5, n)
    gradients -= gradients.sum() / max(n, 1)
    bins[rng.random(bins.shape) < 0.1] = MISSING
    hessians = rng.uniform(0.1, 0.25, n)
    return (
        bins.astype(np.uint8),
        gradients.astype(np.float32),
        hessians.astype(np.float32),
        np.arange(n, dtype=np.int32),
        columns,
    )


@tree_grow.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    few = {"min_samples_leaf": 2, "max_leaves": 8}
    yield Sample(_task(rng, 200, [[9, 0, 0], [255, 0, 0], [12, 1, 0]]), label="float32")
    yield Sample(_task(rng, 60, [[30, 0, 0], [12, 1, 0]]), few, label="few rows")
    yield Sample(_task(rng, 80, [[9, 0, 1], [9, 0, -1], [9, 1, 0]]), few, label="monotonic")
    regular = {"l1": 0.5, "l2": 1.0, "complexity": 0.3, "learning_rate": 0.1, "max_depth": 2}
    yield Sample(_task(rng, 90, [[9, 0, 0], [0, 0, 0], [7, 1, 0]]), few | regular, label="l1, l2")
    task = _task(rng, 90, [[200, 0, 0], [9, 1, 0]])
    some = rng.permutation(90)[:50].astype(np.int32)
    yield Sample((*task[:3], some, task[4]), few, label="some rows")
    yield Sample((*task[:3], some[:0], task[4]), few, label="no rows")
    yield Sample((*task[:2], np.zeros(90, np.float32), *task[3:]), few, label="no weight")
    yield Sample(_task(rng, 1, [[9, 0, 0]]), {"min_samples_leaf": 1}, label="one row")
    yield Sample(_task(rng, 0, [[9, 0, 0]]), few, label="empty")
    yield Sample(_task(rng, 5, []), few, label="no columns")
    yield Sample(_task(rng, 20, [[1, 0, 0], [1, 1, 0]]), few, label="constant columns")
    yield Sample(_task(rng, 50, [[9, 0, 0]]), {"max_leaves": 1}, label="one leaf")
    yield Sample(_task(rng, 20000, [[255, 0, 0], [16, 1, 0], [40, 0, 1]]), label="large")


@tree_grow.rejects
def _() -> Iterator[Reject]:
    task = _task(np.random.default_rng(0), 4, [[2, 0, 0]])

    def wrong(at: int, value: Any, match: str, error: type[Exception] = ValueError) -> Reject:
        return Reject((*task[:at], value, *task[at + 1 :]), match=match, error=error)

    yield wrong(0, task[0][0], r"\[rows, columns\]")
    yield wrong(0, task[0].astype(np.int32), r"expected uint8", TypeError)
    yield wrong(1, np.ones(3, np.float32), "one for each row")
    yield wrong(1, np.full(4, np.inf, np.float32), "gradient of row 0 is not finite")
    yield wrong(2, np.full(4, -1, np.float32), "hessian of row 0 is negative or not finite")
    yield wrong(3, np.array([0, 4], np.int32), "row 4 at position 1 is out of range", IndexError)
    yield wrong(3, np.arange(4), "expected int32", TypeError)
    yield wrong(4, np.array([[2, 0]], np.int32), "three numbers for each column")
    yield wrong(4, np.array([[256, 0, 0]], np.int32), "column 0 has 256 bins; use 0 to 255")
    yield wrong(4, np.array([[2, 1, 1]], np.int32), "column 0 .* categorical and monotonic")
    for limits, match in (
        ({"max_leaves": 0}, "max_leaves=0"),
        ({"max_depth": -1}, "max_depth=-1"),
        ({"min_samples_leaf": 0}, "min_samples_leaf=0"),
        ({"l2": -1.0}, "l2=-1"),
        ({"learning_rate": float("inf")}, "learning_rate=inf"),
    ):
        yield Reject(task, limits, match=match)


@op(infer="tree_predict")
def tree_predict(
    x: TensorLike,
    roots: TensorLike,
    nodes: TensorLike,
    thresholds: TensorLike,
    values: TensorLike,
    sets: TensorLike,
    /,
    outputs: int = 1,
) -> Tensor:
    """Add up what trees say of each row; tree t speaks for output t % outputs.

    At a numeric node a row goes left if its number is not above the threshold, at a categorical one if its number is
    in the node's set. NaN goes where the node sends what is missing; so does, at a categorical node, all that is no
    whole number from 0 to 254. Sums are taken in float64, tree after tree.

    Args:
        x: [rows, columns], a real dtype.
        roots: [trees], int32: the first node of each tree.
        nodes: [n, 4], int32: column, or -1 for a leaf; left child, behind the node, and the right one follows it; 1
            where missing values go left, else 0; the row of `sets`, or -1 for a numeric node.
        thresholds: [n], of the dtype that x has; leaves and categorical nodes have any.
        values: [n], likewise: what a leaf adds.
        sets: [k, 8], int32: sets of whole numbers, number c is bit c % 32 of word c // 32.
        outputs: How many scores each row gets.

    Returns:
        [rows, outputs], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or a node has no such child, column or set.
        TypeError: A tensor is complex or a string tensor, or should be int32.

    Example:
        >>> nodes = penstock.asarray([[0, 1, 0, -1], [-1, 0, 0, -1], [-1, 0, 0, -1]], dtype="int32")
        >>> roots, sets = penstock.zeros(1, dtype="int32"), penstock.zeros((0, 8), dtype="int32")
        >>> penstock.ops.tree_predict([[1.0], [3.0]], roots, nodes, [2.0, 0.0, 0.0], [0.0, -5.0, 5.0], sets)
        Tensor([[-5.],
                [ 5.]], shape=(2, 1), dtype=float32)
    """


tree_predict.not_differentiable(_JUMPS)


tree_predict.batch(_batch.merged)


@tree_predict.reference
def _(x: Any, roots: Any, nodes: Any, thresholds: Any, values: Any, sets: Any, outputs: int) -> Any:
    _tree_growth.check_ensemble(x.shape[1], roots, nodes, len(sets))
    scores = np.zeros((len(x), outputs))
    for tree, root in enumerate(roots):
        leaf = _tree_growth.leaves(x, int(root), nodes, thresholds, sets)
        scores[:, tree % outputs] += values[leaf]
    return scores.astype(values.dtype)


def _ensemble(rng: np.random.Generator, columns: int, trees: int, dtype: str) -> tuple[Any, ...]:
    """Draw trees of different shapes, with numeric and categorical nodes."""
    roots: list[int] = []
    nodes: list[list[int]] = []
    sets = rng.integers(-(2**31), 2**31, (5, 8)).astype(np.int32)
    for tree in range(trees):
        roots.append(first := len(nodes))
        count = 2 * (tree % 6) + 1
        nodes += [[-1, 0, 0, -1]] * count
        for left in range(first + 1, first + count, 2):
            leaves = [i for i in range(first, left) if nodes[i][0] < 0]
            column, place = int(rng.integers(columns)), leaves[int(rng.integers(len(leaves)))]
            chosen = int(rng.integers(5)) if column % 2 else -1
            nodes[place] = [column, left, int(rng.integers(2)), chosen]
    thresholds, values = (array(rng, (len(nodes),), dtype, -2, 2) for _ in range(2))
    return (
        np.array(roots, np.int32),
        np.array(nodes, np.int32).reshape(-1, 4),
        thresholds,
        values,
        sets,
    )


def _asked(rng: np.random.Generator, rows: int, dtype: str) -> Any:
    """Draw rows of four columns: the second and the fourth are categories; some are no category, or missing."""
    x = array(rng, (rows, 4), dtype)
    x[:, 1::2] = rng.integers(-2, 257, (rows, 2))
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.05] = np.inf
    return x


@tree_predict.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float32", "float64", "float16"):
        yield Sample((_asked(rng, 21, dtype), *_ensemble(rng, 4, 7, dtype)), label=dtype)
    for rows in (1, 7, 600):
        asked = _asked(rng, rows, "float64"), *_ensemble(rng, 4, 30, "float64")
        yield Sample(asked, {"outputs": 3}, label=f"three outputs, {rows} rows")
    yield Sample((np.zeros((0, 4)), *_ensemble(rng, 4, 3, "float64")), label="empty")
    yield Sample((_asked(rng, 5, "float64"), *_ensemble(rng, 4, 0, "float64")), label="no trees")
    leaf = np.array([0], np.int32), np.array([[-1, 0, 0, -1]], np.int32), np.ones(1), np.ones(1)
    yield Sample((np.zeros((3, 0)), *leaf, np.zeros((0, 8), np.int32)), label="no columns")
    yield Sample((_asked(rng, 9000, "float32"), *_ensemble(rng, 4, 40, "float32")), label="large")


@tree_predict.rejects
def _() -> Iterator[Reject]:
    leaf = [-1, 0, 0, -1]

    def wrong(nodes: Any, match: str, root: int = 0, **kwargs: Any) -> Reject:
        count = len(nodes)
        numbers = np.array([root], np.int32), np.array(nodes, np.int32), *np.zeros((2, count))
        return Reject((np.ones((2, 3)), *numbers, np.zeros((1, 8), np.int32)), kwargs, match=match)

    yield wrong([[0, 0, 0, -1], leaf, leaf], "node 0 has left child 0; .* behind the node")
    yield wrong([[0, 2, 0, -1], leaf, leaf], "node 0 has left child 2")
    yield wrong([[0, -7, 0, -1], leaf, leaf], "node 0 has left child -7")
    yield wrong([[3, 1, 0, -1], leaf, leaf], "node 0 asks column 3 of 3")
    yield wrong([[0, 1, 0, 1], leaf, leaf], "node 0 has set 1 of 1")
    yield wrong([leaf], "tree 0 begins at node 1 of 1", root=1)
    yield wrong([leaf], "tree 0 begins at node -1 of 1", root=-1)
    yield wrong([leaf[:3]], r"expected \[n, 4\]|has shape")
    yield wrong([leaf], "outputs=0", outputs=0)
