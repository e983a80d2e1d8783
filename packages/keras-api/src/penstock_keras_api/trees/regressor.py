"""Boosted trees for numbers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.trees._base import Array, BoostedTrees
from penstock_keras_api.trees.losses import AbsoluteError, Poisson, SquaredError

_LOSSES: dict[str, Any] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "poisson": Poisson,
}


class BoostedTreesRegressor(BoostedTrees):
    """Predict a number by the sum of many small trees, each grown against the error of those before.

    Args:
        loss: "squared_error", "absolute_error" or "poisson".
        learning_rate: What each tree's answer is multiplied by.
        max_iter: How many trees there are at most.
        max_leaf_nodes: How many leaves a tree has at most; None for any number.
        max_depth: How many splits lead to a leaf at most; None for any number.
        min_samples_leaf: How many rows a leaf has at least.
        l1_regularization: How far gradients of a leaf are moved towards 0.
        l2_regularization: What is added to the hessians of a leaf.
        tree_complexity: What each split must be worth.
        max_features: The share of columns that each tree may use.
        subsample: The share of rows from which each tree learns.
        max_bins: How many bins a column has at most, up to 255; missing values have one more.
        categorical_features: "from_dtype", names or numbers of columns, a mask, or None.
        monotonic_cst: For each column 1 if the answer must rise with it, -1 if it must fall, or 0; or a dictionary
            by name.
        early_stopping: Whether to stop when rows that are held back are predicted no better; "auto" from 10,000 rows
            on.
        validation_fraction: The share of rows held back for it.
        n_iter_no_change: After how many trees without progress.
        tol: What counts as progress.
        verbose: Whether to print a line for each tree.
        random_state: A seed for what is drawn; None draws anew.

    Raises:
        Nothing; `fit` looks at the arguments.

    Example:
        >>> import numpy
        >>> x = numpy.arange(200.0)[:, None]
        >>> model = BoostedTreesRegressor(random_state=0).fit(x, x[:, 0] > 100)
        >>> model.predict([[10.0], [150.0], [float("nan")]]).round(2).tolist()
        [0.0, 1.0, 0.0]
    """

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        max_features: float = 1.0,
        subsample: float = 1.0,
        max_bins: int = 255,
        categorical_features: Any = "from_dtype",
        monotonic_cst: Any = None,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        verbose: int = 0,
        random_state: int | None = None,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__(**given)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow trees.

        Args:
            X: [rows, columns], an array, a pandas DataFrame, or a dictionary of columns; NaN where missing.
            y: [rows], numbers.
            sample_weight: [rows], how much each row counts.

        Returns:
            The object itself.

        Raises:
            ValueError: The shapes do not fit together, an argument is out of range, or a label is not finite.
        """
        name = getattr(self, "loss", "squared_error")
        if name not in _LOSSES:
            raise InvalidValueError(
                f"[BoostedTreesRegressor] got loss={name!r}; there are {', '.join(_LOSSES)}"
            )
        labels = np.asarray(y, np.float64)
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.ndim != 1 or not np.isfinite(labels).all():
            raise InvalidValueError(
                f"[BoostedTreesRegressor] got y of shape {labels.shape}; expected [rows], finite numbers; "
                "leave rows without a label out"
            )
        return self._fit(X, labels, sample_weight, _LOSSES[name]())

    def predict(self, X: Any) -> Array:
        """Predict numbers.

        Args:
            X: As for `fit`.

        Returns:
            [rows], float32 or float64; a rate if the loss is "poisson".

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        scores = self._scores(X)[:, 0]
        return np.exp(scores) if getattr(self, "loss", "") == "poisson" else scores

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the labels' variance that the answers explain.

        Args:
            X: As for `fit`.
            y: [rows].
            sample_weight: [rows], or None.

        Returns:
            1 - the mean square of the errors over the variance.

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        labels = np.asarray(y, np.float64)
        errors = np.average(np.square(self.predict(X) - labels), weights=sample_weight)
        middle = np.average(labels, weights=sample_weight)
        return float(1 - errors / np.average(np.square(labels - middle), weights=sample_weight))
