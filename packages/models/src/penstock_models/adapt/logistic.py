"""Multinomial logistic regression, solved to the end by Newton's method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps

Array = np.ndarray[Any, Any]
STRENGTHS = tuple(float(10.0**power) for power in np.arange(-4.0, 1.1, 0.5))
FOLDS, STEPS, INNER_STEPS = 5, 50, 60
# So many examples that one fold of them tells strengths apart.
MANY = 4000


@dataclass(frozen=True)
class Solution:
    """A linear classifier.

    Args:
        kernel: [width, classes].
        bias: [classes].
        strength: What the sum of losses was multiplied by against half the squares of the kernel: C.
        accuracy: The mean over folds that were held back, where the strength was chosen; else None.
    """

    kernel: Array
    bias: Array
    strength: float
    accuracy: float | None = None


def solve(
    features: Array,
    targets: Array,
    classes: int,
    strength: float | None = None,
    weights: Array | None = None,
    seed: int = 0,
) -> Solution:
    """Fit softmax(features · kernel + bias) to targets.

    Minimises strength · Σ weight · cross-entropy + ½ |kernel|², where features are standardised first; kernel and bias
    are given back for features as they came. The solution is unique, up to a number added to the bias, so that no
    start has to be drawn.

    Args:
        features: [examples, width].
        targets: [examples], the number of each class.
        classes: How many classes there are.
        strength: C; None chooses among `STRENGTHS` what is best on folds that are held back.
        weights: [examples], how much each counts.
        seed: Draws the folds.

    Returns:
        The classifier.

    Raises:
        ValueError: The lengths differ.

    >>> x = np.array([[0.0], [1.0], [4.0], [5.0]])
    >>> found = solve(x, np.array([0, 0, 1, 1]), 2, strength=1.0)
    >>> (x @ found.kernel + found.bias).argmax(1)
    array([0, 0, 1, 1])
    """
    mean, spread = standard(features)
    z, back = _narrowed((features - mean) / spread)
    weights = np.ones(len(targets)) if weights is None else np.asarray(weights, np.float64)
    accuracy = None
    if strength is None:
        strength, accuracy = _best_strength(z, targets, classes, weights, seed)
    theta = newton(z, targets, classes, strength, weights)
    kernel = back(theta[:-1]) / spread[:, None]
    return Solution(kernel, theta[-1] - mean @ kernel, strength, accuracy)


def standard(features: Array) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each feature; 1 for one that is always nearly the same."""
    x = np.asarray(features, np.float64)
    spread = x.std(0)
    # What varies less than others are rounded says nothing; divided by so little, it would soon say too much.
    least = max(1e-12, 1e-6 * float(spread.max(initial=0.0)))
    return x.mean(0), np.where(spread > least, spread, 1.0)


def _narrowed(z: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return features of the same inner products, no more than examples, and the way of a kernel back.

    The best kernel is a sum of examples, so that nothing is lost: with z·zᵀ = L·Lᵀ, L stands for z.
    """
    if z.shape[1] <= len(z):
        return z, lambda kernel: kernel
    inner = _product(z, z.T)
    # Standardised features add up to nothing, so that one direction has no length; the Cholesky factor needs some.
    inner = inner + np.eye(len(z)) * (1e-10 * np.trace(inner) / len(z))
    low = ps.linalg.cholesky(inner)
    return low.numpy(), lambda kernel: _product(
        z.T, ps.linalg.triangular_solve(ps.transpose(low), kernel, lower=False).numpy()
    )


def newton(
    z: Array,
    targets: Array,
    classes: int,
    strength: float,
    weights: Array,
    start: Array | None = None,
    tolerance: float = 1e-8,
) -> Array:
    """Return kernel and bias, one above the other, that minimise the regularised loss.

    Steps solve Hessian · step = gradient by conjugate gradients, which need products with the Hessian only.

    Args:
        z: [examples, width].
        targets: [examples].
        classes: How many classes there are.
        strength: C.
        weights: [examples].
        start: Where to begin; zeros by default.
        tolerance: The length of the gradient, relative to the first one, at which it ends.

    Returns:
        [width + 1, classes].

    Raises:
        ValueError: Never here.
    """
    x = _Rows(np.concatenate([z, np.ones((len(z), 1))], 1))
    scale = strength * weights[:, None]
    truth = np.eye(classes)[targets]
    decay = np.ones((z.shape[1] + 1, 1))
    decay[-1] = (
        1e-10  # the bias is free; this little keeps the number that all have in common at rest
    )
    theta = np.zeros((len(decay), classes)) if start is None else start.copy()
    first = None
    for _ in range(STEPS):
        p = _softmax(_product(x.rows, theta))
        gradient = _product(x.columns, scale * (p - truth)) + decay * theta
        size = float(np.sqrt((gradient**2).sum()))
        first = size if first is None else first
        if size <= tolerance * max(first, 1e-12):
            break
        step = _conjugate(x, p, scale, decay, gradient)
        theta = _shorter_until_lower(x, theta, step, truth, scale, decay)
    return theta


def _conjugate(x: _Rows, p: Array, scale: Array, decay: Array, gradient: Array) -> Array:
    """Solve Hessian · step = gradient, as far as the gradient's own size is worth."""
    # Divided by what the Hessian has on its diagonal, all directions are about as steep.
    steep = _product(x.squares, scale * p * (1 - p)) + decay
    step, rest = np.zeros_like(gradient), gradient.copy()
    ahead = rest / steep
    along, size = ahead.copy(), float((rest * ahead).sum())
    goal = size * min(0.01, np.sqrt(size)) ** 2
    for _ in range(INNER_STEPS):
        moved = _product(x.rows, along)
        inner = scale * p * (moved - (p * moved).sum(1, keepdims=True))
        bent = _product(x.columns, inner) + decay * along
        length = size / float((along * bent).sum())
        step += length * along
        rest -= length * bent
        ahead = rest / steep
        new = float((rest * ahead).sum())
        if new <= goal:
            break
        along, size = ahead + new / size * along, new
    return step


def _shorter_until_lower(
    x: _Rows, theta: Array, step: Array, truth: Array, scale: Array, decay: Array
) -> Array:
    def loss(at: Array) -> float:
        logits = _product(x.rows, at)
        top = logits.max(1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(1, keepdims=True)) + top
        return float((scale * (log_sum - logits) * truth).sum() + 0.5 * (decay * at**2).sum())

    before, length = loss(theta), 1.0
    while length > 1e-6:
        after = theta - length * step
        if loss(after) <= before:
            return after
        length /= 2
    return theta - length * step


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    made: Array = powers / powers.sum(1, keepdims=True)
    return made


def _product(a: Array | ps.Tensor, b: Array) -> Array:
    """Multiply by Penstock's own product, whose bits do not depend on the number of threads."""
    left = a if isinstance(a, ps.Tensor) else np.ascontiguousarray(a)
    made: Array = ps.matmul(left, np.ascontiguousarray(b)).numpy()
    return made


class _Rows:
    """Examples as every step of the search multiplies them: turned and squared once for all steps."""

    def __init__(self, x: Array) -> None:
        self.rows = ps.asarray(x)
        self.columns = ps.asarray(np.ascontiguousarray(x.T))
        self.squares = self.columns**2


def _best_strength(
    z: Array, targets: Array, classes: int, weights: Array, seed: int
) -> tuple[float, float]:
    """Return the strength with the smallest loss on folds that were held back, and its accuracy there."""
    folds = _folds(targets, seed)
    losses, hits = np.zeros(len(STRENGTHS)), np.zeros(len(STRENGTHS))
    tried = 1 if len(targets) > MANY else int(folds.max()) + 1
    for fold in range(tried):
        out = folds == fold
        theta = None
        for place, strength in enumerate(STRENGTHS):
            theta = newton(
                z[~out], targets[~out], classes, strength, weights[~out], theta, tolerance=1e-3
            )
            p = _softmax(_product(z[out], theta[:-1]) + theta[-1])
            chance = p[np.arange(out.sum()), targets[out]]
            losses[place] -= (weights[out] * np.log(np.maximum(chance, 1e-12))).sum()
            hits[place] += (p.argmax(1) == targets[out]).sum()
    best = int(losses.argmin())
    return STRENGTHS[best], float(hits[best] / (folds < tried).sum())


def _folds(targets: Array, seed: int) -> Array:
    """Return the fold of each example; classes are spread over all folds."""
    rng = np.random.default_rng([seed, 11])
    count = int(max(2, min(FOLDS, np.bincount(targets)[np.unique(targets)].min())))
    folds = np.zeros(len(targets), np.int64)
    for label in np.unique(targets):
        places = rng.permutation(np.flatnonzero(targets == label))
        folds[places] = np.arange(len(places)) % count
    return folds


def as_arrays(solution: Solution) -> Sequence[Array]:
    """Return the kernel and the bias as a layer takes them: float32."""
    return [solution.kernel.astype(np.float32), solution.bias.astype(np.float32)]
