"""What the wrappers of Keras models share: parameters, building, fitting."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from penstock import _native
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import naming
from penstock_keras_api.models import Model
from penstock_keras_api.utils import set_random_seed

_NESTED = ("model_kwargs", "fit_kwargs")


class SKLBase(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A Keras model as an estimator of scikit-learn.

    Args:
        model: A compiled model, of which a copy is trained, or a function that makes one; it is called with X, y and
            `model_kwargs`.
        warm_start: Whether to go on with the weights of the last `fit`, and to train a given model itself.
        model_kwargs: What else the function is called with. `set_params(model_kwargs__units=8)` changes one of them, and
            so `GridSearchCV` can.
        fit_kwargs: Arguments of the model's `fit`; those given to `fit` come first.
        random_state: Where random numbers begin: equal ones give equal models, bit for bit.

    Raises:
        ImportError: scikit-learn is not installed.
    """

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; if deep, each one in `model_kwargs` and `fit_kwargs` too."""
        found: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for outer in _NESTED:
                inner = found.get(outer)
                if isinstance(inner, dict):
                    found |= {f"{outer}__{k}": v for k, v in inner.items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `model_kwargs__units=8` sets one of those that the function gets.

        Raises:
            ValueError: There is no such parameter.
        """
        nested: dict[str, dict[str, Any]] = {}
        for name in list(params):
            outer, _, inner = name.partition("__")
            if inner and outer in _NESTED:
                nested.setdefault(outer, {})[inner] = params.pop(name)
        super().set_params(**params)
        for outer, values in nested.items():
            setattr(self, outer, {**(getattr(self, outer) or {}), **values})
        return self

    # ---- fitting

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Train the model.

        Args:
            X: [rows, features].
            y: [rows], or [rows, outputs].
            kwargs: Arguments of the model's `fit`, such as epochs and sample_weight.

        Returns:
            The estimator.

        Raises:
            ValueError: The data have other shapes, or NaN.
            RuntimeError: The model is not compiled.
        """
        X, y = self._checked(X, y)
        target = self._target(y, reset=not (self.warm_start and hasattr(self, "model_")))
        if kwargs.get("sample_weight") is not None:
            from sklearn.utils.validation import _check_sample_weight

            kwargs["sample_weight"] = _check_sample_weight(kwargs["sample_weight"], X)
        with _seeded(self.random_state):
            model = self._model(X, target)
            given = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
            self.history_ = model.fit(x=X, y=target, **given)
        self.model_ = model
        return self

    def _checked(self, X: Any, y: Any) -> tuple[Any, Any]:
        found: tuple[Any, Any] = validate_data(self, X=X, y=y, multi_output=True)
        type_of_target(found[1], input_name="y", raise_unknown=True)
        return found

    def _target(self, y: Any, reset: bool) -> Any:
        """Bring targets into the form that the model is trained with."""
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _model(self, X: Any, y: Any) -> Any:
        """Return the model to train: the one there is, a copy of the given one, or one that the function makes."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            _need_compiled(self.model)
            return self.model if self.warm_start else _fresh(self.model)
        if not callable(self.model):
            raise InvalidTypeError(
                f"[{type(self).__name__}] got model={self.model!r}; expected a compiled Keras model, or a function of X and y "
                "that makes one"
            )
        with naming.fresh_names():
            made = self.model(X=X, y=y, **(self.model_kwargs or {}))
        _need_compiled(made)
        return made

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        X = validate_data(self, X=X, reset=False)
        return self.model_.predict(X, verbose=0)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


class NotCompiledError(InvalidValueError, RuntimeError):
    """A model was not compiled."""


def _need_compiled(model: Any) -> None:
    if not isinstance(model, Model):
        raise InvalidTypeError(
            f"[wrappers] the function made {type(model).__name__}; expected a compiled Keras model"
        )
    if not model.compiled or model.optimizer is None:
        raise NotCompiledError(
            f"[wrappers] the model {model.name!r} is not compiled; call model.compile(optimizer, loss) first"
        )


def _fresh(model: Any) -> Any:
    """Make a model like another, with new weights, compiled likewise."""
    made = type(model).from_config(model.get_config())
    given = {name: copy.copy(value) for name, value in model._given.items()}
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    made.compile(optimizer=optimizer, **given)
    return made


@contextmanager
def _seeded(random_state: Any) -> Iterator[None]:
    """Begin all random numbers of the block with a seed, and leave the program's as they were."""
    if random_state is None:
        yield
        return
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    before = random.getstate(), np.random.get_state(), _native.random_state()  # noqa: NPY002
    set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        _native.set_random_state(*before[2])
