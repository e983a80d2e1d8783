"""`SKLearnClassifier`: a Keras model that scikit-learn takes for a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from penstock.errors import InvalidValueError
from penstock_keras_api.wrappers.base import SKLBase


class SKLearnClassifier(ClassifierMixin, SKLBase):  # type: ignore[misc] # scikit-learn has no types
    """A Keras model as a classifier of scikit-learn.

    The model is trained with one-hot targets, [rows, classes]: let it have an output for each class, and
    "categorical_crossentropy" as loss.

    Args:
        model: A compiled model, of which a copy is trained, or a function that makes one; it is called with X, y and
            `model_kwargs`.
        warm_start: Whether to go on with the weights of the last `fit`, and to train a given model itself.
        model_kwargs: What else the function is called with.
        fit_kwargs: Arguments of the model's `fit`.
        random_state: Where random numbers begin: equal ones give equal models, bit for bit.

    Raises:
        ImportError: scikit-learn is not installed.

    >>> import numpy as np
    >>> from penstock import keras
    >>> def network(X, y, units):
    ...     model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(units, "relu"),
    ...                               keras.layers.Dense(y.shape[1], "softmax")])
    ...     model.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy")
    ...     return model
    >>> made = keras.wrappers.SKLearnClassifier(
    ...     network, model_kwargs={"units": 8}, fit_kwargs={"epochs": 50}, random_state=0
    ... )
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> made.fit(X, ["low", "low", "high", "high"]).predict([[0.5], [2.5]]).tolist()
    ['low', 'high']
    """

    def _checked(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = super()._checked(X, y)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            from sklearn.utils.validation import column_or_1d

            y = column_or_1d(y, warn=True)
        if y.ndim > 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] y should be a 1d array, got an array of shape {y.shape} instead; of one-hot "
                "targets take y.argmax(-1)"
            )
        return X, y

    def _target(self, y: Any, reset: bool) -> Any:
        """Make one-hot targets."""
        if reset:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise InvalidValueError(
                    f"[{type(self).__name__}] y has only one class, {self.classes_.tolist()}; a classifier needs at least 2 "
                    "classes"
                )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise InvalidValueError(
                f"[{type(self).__name__}] y has the classes {unknown.tolist()}, which the first fit had not; with warm_start "
                "classes stay the same: make a new estimator"
            )
        return np.eye(len(self.classes_), dtype=np.float64)[np.searchsorted(self.classes_, y)]

    def predict(self, X: Any) -> Any:
        """Return the class of each row, [rows].

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X has another number of features.
        """
        likely = self.predict_proba(X)
        return self.classes_[np.argmax(likely, axis=1)]

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, [rows, classes]: what the model gives.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X has another number of features, or the model gives no number for each class.
        """
        found = np.asarray(self._outputs(X), np.float64)
        if found.ndim == 2 and found.shape[1] == 1 and len(self.classes_) == 2:
            found = np.hstack([1.0 - found, found])
        if found.ndim != 2 or found.shape[1] != len(self.classes_):
            raise InvalidValueError(
                f"[{type(self).__name__}] the model gives shape {found.shape} for {len(self.classes_)} classes; let its last "
                "layer have y.shape[1] units"
            )
        return found

    def decision_function(self, X: Any) -> Any:
        """Return a score of each class, [rows, classes]; of two classes, that of the second, [rows].

        Raises:
            NotFittedError: `fit` was not called.
        """
        found = self.predict_proba(X)
        return found[:, 1] - found[:, 0] if len(self.classes_) == 2 else found
