"""What the tree ops mean, in NumPy: growth by histograms of integers, and the way of rows through trees.

Kernels must make the same tree, to the bit: sums are integers, and all else is done in float64 in the order that
stands here, without contraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock._dataclass import dataclass

Array = np.ndarray[Any, Any]
BITS = 30  # of the largest gradient
WORDS = 8  # of 32 bits, in a set of bins
MISSING = 255
# Below this part of the parent's score a gain is rounding.
NOISE = 1e-12


@dataclass
class Sums:
    """What is known of some rows: gradients, hessians and their number, whole or bin by bin."""

    gradient: Any
    hessian: Any
    count: Any

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.gradient - other.gradient, self.hessian - other.hessian, self.count - other.count
        )

    def at(self, key: Any) -> Sums:
        """Take some of the bins."""
        return Sums(self.gradient[key], self.hessian[key], self.count[key])

    def running(self) -> Sums:
        """Add up from the first bin to each."""
        return Sums(self.gradient.cumsum(), self.hessian.cumsum(), self.count.cumsum())

    def plus(self, other: Sums) -> Sums:
        """Add the same to every bin."""
        return Sums(
            self.gradient + other.gradient, self.hessian + other.hessian, self.count + other.count
        )

    def total(self) -> Sums:
        """Add all bins up."""
        return Sums(self.gradient.sum(), self.hessian.sum(), self.count.sum())


@dataclass
class Split:
    """Where a node is cut."""

    gain: float
    column: int
    missing_left: bool
    bin: int  # the last that goes left; -1 in a categorical column
    left: Array  # the bins that go left, [256], bool
    values: tuple[float, float]


@dataclass
class Leaf:
    """A node that may still be cut."""

    node: int
    depth: int
    rows: Array
    bounds: tuple[float, float]
    split: Split | None = None


class Task:
    """The data and limits of one tree."""

    def __init__(
        self, bins: Array, gradients: Array, hessians: Array, columns: Array, limits: Any, rows: int
    ) -> None:
        self.bins, self.columns, self.limits = bins, columns, limits
        length = int(rows).bit_length()
        self.gradient, self.gradient_unit = _as_integers(gradients, BITS)
        self.hessian, self.hessian_unit = _as_integers(hessians, min(BITS, 62 - 2 * length))

    def sums(self, rows: Array) -> Sums:
        """Add up rows."""
        return Sums(self.gradient[rows].sum(), self.hessian[rows].sum(), len(rows))

    def histogram(self, column: int, rows: Array) -> Sums:
        """Add up rows by bin; the last bin is that of missing values."""
        size = int(self.columns[column, 0])
        at = np.minimum(self.bins[rows, column], size)
        made = [np.zeros(size + 1, np.int64) for _ in range(3)]
        ones = np.ones(len(rows), np.int64)
        for sums, numbers in zip(
            made, (self.gradient[rows], self.hessian[rows], ones), strict=True
        ):
            np.add.at(sums, at, numbers)
        return Sums(*made)

    def value_and_score(self, sums: Sums, bounds: tuple[float, float]) -> tuple[Any, Any]:
        """Return a leaf's value, before the learning rate, and its score."""
        gradient = sums.gradient * self.gradient_unit
        l1, l2 = self.limits["l1"], self.limits["l2"]
        over = np.where(gradient > l1, gradient - l1, np.where(gradient < -l1, gradient + l1, 0.0))
        weight = sums.hessian * self.hessian_unit + l2
        value = np.where(weight > 0, -over / np.where(weight > 0, weight, 1.0), 0.0)
        value = np.minimum(np.maximum(value, bounds[0]), bounds[1])
        return value, -((2.0 * over + weight * value) * value)


def grow(
    bins: Array, gradients: Array, hessians: Array, rows: Array, columns: Array, limits: Any
) -> tuple[Array, Array, Array, Array, Array]:
    """Grow a tree; the op `tree_grow` says what comes in and out."""
    _check_task(gradients, hessians, rows, columns, len(bins))
    task = Task(bins, gradients, hessians, columns, limits, len(rows))
    tree = _Tree(task, 2 * limits["max_leaves"] - 1)
    open_leaves = [tree.open(0, 0, rows, (-np.inf, np.inf))]
    leaves = 1
    while leaves < limits["max_leaves"]:
        for leaf in open_leaves:
            leaf.split = leaf.split or best_split(task, leaf)
        open_leaves = [leaf for leaf in open_leaves if leaf.split]
        if not open_leaves:
            break
        best = max(open_leaves, key=lambda leaf: (leaf.split.gain, -leaf.node))  # type: ignore[union-attr]
        open_leaves.remove(best)
        open_leaves += tree.cut(best)
        leaves += 1
    return tree.nodes, tree.stats, tree.sets, tree.leaf_of_rows(), np.array(tree.size)


class _Tree:
    """The tables of a tree that grows."""

    def __init__(self, task: Task, capacity: int) -> None:
        self.task = task
        self.size = 0
        self.nodes = np.tile(np.array([-1, 0, 0, -1], np.int32), (capacity, 1))
        self.stats = np.zeros((capacity, 4))
        self.sets = np.zeros((capacity, WORDS), np.int32)

    def open(self, node: int, depth: int, rows: Array, bounds: tuple[float, float]) -> Leaf:
        sums = self.task.sums(rows)
        value, _ = self.task.value_and_score(sums, bounds)
        weight = sums.hessian * self.task.hessian_unit
        rate = self.task.limits["learning_rate"]
        self.stats[node] = value * rate, 0.0, weight, sums.count
        self.size += 1
        return Leaf(node, depth, rows, bounds)

    def cut(self, leaf: Leaf) -> list[Leaf]:
        split, node, left = leaf.split, leaf.node, self.size
        assert split is not None
        self.nodes[node] = split.column, left, split.missing_left, split.bin
        self.stats[node, 1] = split.gain
        if split.bin < 0:
            bits = np.packbits(split.left, bitorder="little")
            self.sets[node] = bits.view("<u4").astype(np.uint32).view(np.int32)
        goes_left = split.left[self.task.bins[leaf.rows, split.column]]
        halves = leaf.rows[goes_left], leaf.rows[~goes_left]
        bounds = _bounds(leaf.bounds, split, int(self.task.columns[split.column, 2]))
        return [self.open(left + i, leaf.depth + 1, halves[i], bounds[i]) for i in (0, 1)]

    def leaf_of_rows(self) -> Array:
        leaf = np.zeros(len(self.task.bins), np.int32)
        for node in range(self.size):  # children come after their parents
            column, left = self.nodes[node, :2]
            if column < 0:
                continue
            here = np.nonzero(leaf == node)[0]
            bins = self.task.bins[here, column].astype(np.int64)
            goes_left = left_bins(self.task, self.nodes[node], self.sets[node])[bins]
            leaf[here] = np.where(goes_left, left, left + 1)
        return leaf


def left_bins(task: Task, node: Array, words: Array) -> Array:
    """Say of each bin whether it goes left at a node."""
    column, _, missing_left, last = (int(n) for n in node)
    if last < 0:
        return _bits(words)
    size = int(task.columns[column, 0])
    return np.where(np.arange(256) < size, np.arange(256) <= last, bool(missing_left))


def best_split(task: Task, leaf: Leaf) -> Split | None:
    """Find the split of a leaf that is worth most; of equal ones the first."""
    limits = task.limits
    depth = limits["max_depth"]
    if depth is not None and leaf.depth >= depth:
        return None
    if len(leaf.rows) < 2 * limits["min_samples_leaf"]:
        return None
    parent = task.sums(leaf.rows)
    _, score = task.value_and_score(parent, leaf.bounds)
    best = None
    for column, (size, categorical, _) in enumerate(task.columns):
        if size == 0:
            continue
        histogram = task.histogram(column, leaf.rows)
        find = _categorical if categorical else _numeric
        found = find(task, leaf, column, histogram, parent, float(score))
        if found and (best is None or found.gain > best.gain):
            best = found
    return best


def _gains(
    task: Task, leaf: Leaf, left: Sums, parent: Sums, score: float, monotonic: int
) -> tuple[Array, Array, Array]:
    """Return what each way of cutting is worth, -inf where it is not allowed, and the children's values."""
    limits = task.limits
    right = Sums(parent.gradient, parent.hessian, parent.count) - left
    value_left, score_left = task.value_and_score(left, leaf.bounds)
    value_right, score_right = task.value_and_score(right, leaf.bounds)
    gain = score_left + score_right - score - limits["complexity"]
    allowed = (left.count >= limits["min_samples_leaf"]) & (
        right.count >= limits["min_samples_leaf"]
    )
    for side in (left, right):
        allowed &= side.hessian * task.hessian_unit >= limits["min_weight"]
    allowed &= monotonic * (value_right - value_left) >= 0
    allowed &= gain > NOISE * score
    allowed &= gain > 0
    return np.where(allowed, gain, -np.inf), value_left, value_right


def _numeric(
    task: Task, leaf: Leaf, column: int, histogram: Sums, parent: Sums, score: float
) -> Split | None:
    size, _, monotonic = (int(n) for n in task.columns[column])
    missing = histogram.at(size)
    running = histogram.at(slice(0, size)).running()
    best = None
    # Missing values on the right; then the last cut parts them from all others. Then on the left.
    for missing_left in (False, True):
        if missing_left and missing.count == 0:
            break
        cuts = size if missing.count and not missing_left else size - 1
        left = running.at(slice(0, cuts))
        left = left.plus(missing) if missing_left else left
        if cuts < 1:
            continue
        gain, *values = _gains(task, leaf, left, parent, score, monotonic)
        at = int(gain.argmax())
        if gain[at] == -np.inf or (best and gain[at] <= best.gain):
            continue
        goes_left = missing_left
        if missing.count == 0:
            goes_left = bool(2 * left.count[at] > parent.count)
        bins = np.where(np.arange(256) < size, np.arange(256) <= at, goes_left)
        pair = float(values[0][at]), float(values[1][at])
        best = Split(float(gain[at]), column, goes_left, at, bins, pair)
    return best


def _categorical(
    task: Task, leaf: Leaf, column: int, histogram: Sums, parent: Sums, score: float
) -> Split | None:
    size = int(task.columns[column, 0])
    seen = np.nonzero(histogram.count)[0]
    if len(seen) < 2:
        return None
    weight = histogram.hessian[seen] * task.hessian_unit + task.limits["smoothing"]
    steep = histogram.gradient[seen] * task.gradient_unit / np.where(weight > 0, weight, 1.0)
    order = seen[np.argsort(steep, kind="stable")]
    left = histogram.at(order).running().at(slice(0, len(order) - 1))
    gain, *values = _gains(task, leaf, left, parent, score, 0)
    at = int(gain.argmax())
    if gain[at] == -np.inf:
        return None
    larger = bool(2 * left.count[at] > parent.count)
    bins = np.full(256, larger)
    bins[order[: at + 1]] = True
    bins[order[at + 1 :]] = False
    bins[size:] = bins[size]
    pair = float(values[0][at]), float(values[1][at])
    return Split(float(gain[at]), column, bool(bins[MISSING]), -1, bins, pair)


def _bounds(
    bounds: tuple[float, float], split: Split, monotonic: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what the children's values must lie between, so that all below them keep the order too."""
    low, high = bounds
    middle = (split.values[0] + split.values[1]) / 2
    if monotonic > 0:
        return (low, middle), (middle, high)
    if monotonic < 0:
        return (middle, high), (low, middle)
    return bounds, bounds


def _as_integers(x: Array, bits: int) -> tuple[Array, float]:
    """Return x in units of a power of two, and that unit: the largest has so many bits."""
    largest = float(np.abs(x).max(initial=0.0))
    exponent = int(np.frexp(largest)[1])
    unit = float(np.ldexp(1.0, exponent - bits))
    return np.rint(x.astype(np.float64) / unit).astype(np.int64), unit


def _check_task(gradients: Array, hessians: Array, rows: Array, columns: Array, n: int) -> None:
    for column, (size, categorical, monotonic) in enumerate(columns):
        if not 0 <= size <= 255:
            raise ValueError(f"column {column} has {size} bins; use 0 to 255")
        if categorical not in (0, 1) or monotonic not in (-1, 0, 1):
            raise ValueError(
                f"column {column} has {categorical} for categorical and {monotonic} for monotonic; "
                "use 0 or 1, and -1, 0 or 1"
            )
        if categorical and monotonic:
            raise ValueError(f"column {column} is both categorical and monotonic; choose one")
    wrong = ~np.isfinite(gradients)
    if wrong.any():
        raise ValueError(f"the gradient of row {wrong.argmax()} is not finite; look at the loss")
    wrong = ~((hessians >= 0) & np.isfinite(hessians))
    if wrong.any():
        raise ValueError(f"the hessian of row {wrong.argmax()} is negative or not finite")
    wrong = (rows < 0) | (rows >= n)
    if wrong.any():
        at = int(wrong.argmax())
        raise IndexError(f"row {rows[at]} at position {at} is out of range for {n} rows")


# ---- many trees


def check_ensemble(columns: int, roots: Array, nodes: Array, sets: int) -> None:
    """Raise ValueError where a node leads nowhere, in a circle, or to a column that there is not."""
    count = len(nodes)
    for node, (column, left, _, chosen) in enumerate(nodes.tolist()):
        if column < 0:
            continue
        if not node < left < count - 1:
            raise ValueError(
                f"node {node} has left child {left}; children stand side by side, behind the node, "
                f"and there are {count} nodes"
            )
        if column >= columns:
            raise ValueError(f"node {node} asks column {column} of {columns}")
        if chosen >= sets:
            raise ValueError(f"node {node} has set {chosen} of {sets}")
    for tree, root in enumerate(roots.tolist()):
        if not 0 <= root < count:
            raise ValueError(f"tree {tree} begins at node {root} of {count}")


def leaves(x: Array, root: int, nodes: Array, thresholds: Array, sets: Array) -> Array:
    """Return the leaf of each row in one tree."""
    leaf = np.full(len(x), root)
    moving = np.arange(len(x)) if nodes[root, 0] >= 0 else np.arange(0)
    while len(moving):
        at = leaf[moving]
        column, left, missing_left, chosen = nodes[at].T
        number = x[moving, column]
        missing = np.isnan(number)
        right = np.where(missing, missing_left == 0, number > thresholds[at])
        categorical = chosen >= 0
        if categorical.any():
            code = _codes(number[categorical])
            bits = np.array([_bits(words) for words in sets])
            known = ~bits[chosen[categorical], code]
            lost = missing_left[categorical] == 0
            right[categorical] = np.where(code == MISSING, lost, known)
        leaf[moving] = left + right
        moving = moving[nodes[leaf[moving], 0] >= 0]
    return leaf


def _codes(numbers: Array) -> Array:
    """Return categories as integers, and 255 for what is none."""
    with np.errstate(invalid="ignore"):
        fits = (numbers >= 0) & (numbers < MISSING) & (np.floor(numbers) == numbers)
    return np.where(fits, numbers, MISSING).astype(np.int64)


def _bits(words: Array) -> Array:
    return np.unpackbits(words.astype("<i4").view(np.uint8), bitorder="little").astype(bool)
