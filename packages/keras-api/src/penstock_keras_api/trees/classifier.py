"""Boosted trees for classes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from penstock.errors import ShapeError
from penstock_keras_api.trees._base import Array, BoostedTrees
from penstock_keras_api.trees.losses import Logistic, Softmax


class BoostedTreesClassifier(BoostedTrees):
    """Predict a class by the sum of many small trees, each grown against the error of those before.

    For two classes the score is the logarithm of the odds of the second; for more, each class has trees of its own, and
    softmax makes probabilities of the scores.

    Args:
        learning_rate: What each tree's answer is multiplied by.
        max_iter: How many rounds there are at most.
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
        monotonic_cst: For each column 1 if the score must rise with it, -1 if it must fall, or 0; or a dictionary by
            name. For two classes.
        class_weight: A dictionary from class to weight, "balanced", or None.
        early_stopping: Whether to stop when rows that are held back are predicted no better; "auto" from 10,000 rows
            on.
        validation_fraction: The share of rows of each class held back for it.
        n_iter_no_change: After how many rounds without progress.
        tol: What counts as progress.
        verbose: Whether to print a line for each round.
        random_state: A seed for what is drawn; None draws anew.

    Raises:
        Nothing; `fit` looks at the arguments.

    Example:
        >>> table = {"age": [20.0, 30.0, 40.0, 50.0] * 25, "job": ["cook", "smith"] * 50}
        >>> model = BoostedTreesClassifier(random_state=0).fit(table, ["no", "no", "no", "yes"] * 25)
        >>> model.predict({"age": [50.0, 20.0], "job": ["smith", "cook"]}).tolist()
        ['yes', 'no']
    """

    def __init__(
        self,
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
        class_weight: Any = None,
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
            y: [rows], numbers or strings.
            sample_weight: [rows], how much each row counts.

        Returns:
            The object itself.

        Raises:
            ValueError: The shapes do not fit together, or an argument is out of range.
        """
        labels = np.asarray(y)
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.ndim != 1:
            raise ShapeError(
                f"[BoostedTreesClassifier] got y of shape {labels.shape}; expected [rows]; "
                "write y.argmax(1) for labels that are one-hot"
            )
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        weight = self._class_weights(numbers, sample_weight)
        loss: Any = Softmax(len(self.classes_)) if len(self.classes_) > 2 else Logistic()
        return self._fit(X, numbers.astype(np.float64), weight, loss, groups=numbers)

    def _class_weights(self, numbers: Array, weight: Any) -> Any:
        given = getattr(self, "class_weight", None)
        if given is None:
            return weight
        counts = np.bincount(numbers)
        if given == "balanced":
            each = len(numbers) / (len(counts) * counts)
        else:
            each = np.array([given.get(c, 1.0) for c in self.classes_.tolist()], np.float64)
        return each[numbers] * (1.0 if weight is None else np.asarray(weight))

    def decision_function(self, X: Any) -> Array:
        """Return raw scores.

        Args:
            X: As for `fit`.

        Returns:
            [rows] for two classes, [rows, classes] for more.

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Args:
            X: As for `fit`.

        Returns:
            [rows, classes], in the order of `classes_`.

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        scores = self._scores(X)
        if len(self.classes_) == 1:
            return np.ones_like(scores)
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], 1)
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Args:
            X: As for `fit`.

        Returns:
            [rows], of the labels' dtype.

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        most_probable = self.predict_proba(X).argmax(1)
        return np.asarray(self.classes_[most_probable])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose class is right.

        Args:
            X: As for `fit`.
            y: [rows].
            sample_weight: [rows], or None.

        Returns:
            0 to 1.

        Raises:
            ValueError: There are no trees yet, or the columns are not those of `fit`.
        """
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))
