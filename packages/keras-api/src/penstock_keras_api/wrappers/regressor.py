"""`SKLearnRegressor` and `SKLearnTransformer`: Keras models for numbers, and for what comes between."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, TransformerMixin

from penstock_keras_api.wrappers.base import SKLBase


class SKLearnRegressor(RegressorMixin, SKLBase):  # type: ignore[misc] # scikit-learn has no types
    """A Keras model as a regressor of scikit-learn.

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
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> made = keras.wrappers.SKLearnRegressor(model, fit_kwargs={"epochs": 200}, random_state=0)
    >>> made.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(2).tolist()
    [7.0]
    """

    def _checked(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = super()._checked(X, y)
        if y.ndim == 2 and y.shape[1] == 1:
            from sklearn.utils.validation import column_or_1d

            y = column_or_1d(y, warn=True)
        self._is_column = y.ndim == 1
        return X, y.astype(np.float64)

    def predict(self, X: Any) -> Any:
        """Return the number of each row, [rows], or [rows, outputs].

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X has another number of features.
        """
        found = np.asarray(self._outputs(X), np.float64)
        return found.reshape(-1) if self._is_column else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = False
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, SKLBase):  # type: ignore[misc] # scikit-learn has no types
    """A Keras model as a transformer of scikit-learn: what it gives are the new features.

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
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", "mse")
    >>> made = keras.wrappers.SKLearnTransformer(model, random_state=0)
    >>> made.fit(np.ones((4, 3)), np.ones((4, 2))).transform(np.ones((5, 3))).shape
    (5, 2)
    """

    def transform(self, X: Any) -> Any:
        """Return what the model gives for each row.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X has another number of features.
        """
        return self._outputs(X)

    predict = transform

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
