"""`KerasClassifier` and `KerasRegressor`: the same wrappers with SciKeras's arguments, and weights for samples."""

from __future__ import annotations

from typing import Any, Self

from penstock_keras_api.wrappers.base import SKLBase
from penstock_keras_api.wrappers.classifier import SKLearnClassifier
from penstock_keras_api.wrappers.regressor import SKLearnRegressor

_OWN = ("model", "warm_start", "random_state")
_FIT = ("batch_size", "epochs", "verbose", "callbacks", "validation_split", "shuffle")


class _Routed(SKLBase):
    """Parameters of `fit`, and of the function, as parameters of the estimator.

    Args:
        model: A compiled model, or a function that makes one; it may be called with X and y.
        warm_start: As in `SKLBase`.
        random_state: As there.
        batch_size: As in the model's `fit`.
        epochs: As there.
        verbose: As there.
        callbacks: As there.
        validation_split: As there.
        shuffle: As there.
        kwargs: What the function is called with, by its name or as `model__<name>`.
    """

    def __init__(
        self,
        model: Any,
        *,
        warm_start: bool = False,
        random_state: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = 0,
        callbacks: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        **kwargs: Any,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.random_state = random_state
        self.batch_size = batch_size
        self.epochs = epochs
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.shuffle = shuffle
        for name, value in kwargs.items():
            setattr(self, name, value)
        self._more = tuple(kwargs)

    @property
    def model_kwargs(self) -> dict[str, Any]:  # type: ignore[override]
        """What the function is called with."""
        return {name.removeprefix("model__"): getattr(self, name) for name in self._more}

    @property
    def fit_kwargs(self) -> dict[str, Any]:  # type: ignore[override]
        """What the model's `fit` is called with."""
        return {name: getattr(self, name) for name in _FIT}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters."""
        return {name: getattr(self, name) for name in (*_OWN, *_FIT, *self._more)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a name that is no parameter yet becomes one of the function's."""
        for name, value in params.items():
            if name not in (*_OWN, *_FIT, *self._more):
                self._more = (*self._more, name)
            setattr(self, name, value)
        return self

    def _model(self, X: Any, y: Any) -> Any:
        """Call the function with X and y if it takes them."""
        import inspect

        given = self.model
        if callable(given) and inspect.isfunction(given):
            parameters = inspect.signature(given).parameters
            takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
            if not takes_all and not {"X", "y"} <= set(parameters):
                self.model = lambda X, y, **kwargs: given(**kwargs)
                try:
                    return super()._model(X, y)
                finally:
                    self.model = given
        return super()._model(X, y)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train the model; arguments as in `SKLBase.fit`.

        Raises:
            ValueError: The data have other shapes, or NaN.
            RuntimeError: The model is not compiled.
        """
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(X, y, **kwargs)


class KerasClassifier(_Routed, SKLearnClassifier):
    """A Keras model as a classifier, with the arguments of SciKeras.

    Args:
        model: A compiled model, or a function that makes one; it may be called with X and y.
        kwargs: Parameters of `fit` (epochs, batch_size, verbose, callbacks, validation_split, shuffle), warm_start,
            random_state; and what the function is called with, by its name or as `model__<name>`.

    Raises:
        ImportError: scikit-learn is not installed.

    >>> from penstock import keras
    >>> def network(units):
    ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units, "relu"),
    ...                               keras.layers.Dense(2, "softmax")])
    ...     model.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy")
    ...     return model
    >>> made = keras.wrappers.KerasClassifier(network, model__units=8, epochs=60, random_state=0)
    >>> made.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).score([[0.0], [3.0]], [0, 1])
    1.0
    """


class KerasRegressor(_Routed, SKLearnRegressor):
    """A Keras model as a regressor, with the arguments of SciKeras; see `KerasClassifier`.

    Args:
        model: As there.
        kwargs: As there.

    Raises:
        ImportError: scikit-learn is not installed.
    """
