"""What both kinds of boosted trees share: parameters, training, scores."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.trees.boosting import Growth, Settings, boost
from penstock_keras_api.trees.ensemble import TreeEnsemble
from penstock_keras_api.trees.losses import TreeLoss
from penstock_keras_api.trees.table import Table

Array = np.ndarray[Any, Any]
_SETTINGS = tuple(Settings.__dataclass_fields__)
MANY_ROWS = 10_000  # from here on "auto" stops early
_RANGES = {
    "learning_rate": "above 0",
    "max_iter": "at least 1",
    "max_leaf_nodes": "at least 2",
    "max_depth": "at least 1",
    "min_samples_leaf": "at least 1",
    "l1_regularization": "at least 0",
    "l2_regularization": "at least 0",
    "tree_complexity": "at least 0",
    "min_weight": "at least 0",
    "subsample": "above 0, at most 1",
    "max_features": "above 0, at most 1",
    "n_iter_no_change": "at least 1",
    "tol": "at least 0",
}


class BoostedTrees:
    """Trees that are grown one after the other. Use one of its two children."""

    _ensemble: TreeEnsemble | None = None

    def __init__(self, **parameters: Any) -> None:
        for name, value in parameters.items():
            setattr(self, name, value)

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        del deep
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters; the trees stay until `fit`.

        Args:
            **parameters: By name.

        Returns:
            The object itself.

        Raises:
            ValueError: There is no such parameter.
        """
        known = inspect.signature(type(self)).parameters
        for name, value in parameters.items():
            if name not in known:
                raise InvalidValueError(
                    f"[{type(self).__name__}] there is no parameter {name!r}; there are {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = {n: p.default for n, p in inspect.signature(type(self)).parameters.items()}
        changed = [f"{n}={v!r}" for n, v in self.get_params().items() if v is not defaults[n]]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn, which alone asks, what this is; its searches and cross validation need it."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = hasattr(self, "predict_proba")
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(allow_nan=True, categorical=True),
        )

    def _settings(self) -> Settings:
        where = type(self).__name__
        settings = Settings(
            **{name: getattr(self, name) for name in _SETTINGS if hasattr(self, name)}
        )
        for name, text in _RANGES.items():
            value = getattr(settings, name)
            least = float(text.split()[-1].rstrip(",")) if "most" not in text else 0.0
            strict = text.startswith("above")
            fits = value is None or (value > least if strict else value >= least)
            if not fits or ("most" in text and value > 1):
                raise InvalidValueError(f"[{where}] got {name}={value}; expected {text}")
        return settings

    # ---- training

    def _fit(
        self, x: Any, y: Array, weight: Any, loss: TreeLoss, groups: Array | None = None
    ) -> Self:
        where = type(self).__name__
        settings = self._settings()
        rng = np.random.default_rng(getattr(self, "random_state", None))
        table = Table(getattr(self, "categorical_features", None), getattr(self, "max_bins", 255))
        matrix = table.learn(x, rng)
        if len(matrix) == 0 or len(matrix) != len(y):
            raise ShapeError(
                f"[{where}] got {len(matrix)} rows and {len(y)} labels; expected as many of both, at least 1"
            )
        loss.check(y)
        learned, held_back = self._part(len(y), groups, rng)
        growth = Growth(
            table=table,
            bins=table.bins(matrix),
            y=y,
            loss=loss,
            settings=settings,
            weight=_weights(where, weight, len(y)),
            monotonic=self._monotonic(table),
            rows=learned,
            rng=rng,
        )
        losses = list(boost(growth, held_back))
        self._table, self._ensemble = table, growth.ensemble()
        self._ask = self.function()
        self.n_iter_ = len(losses)
        self.n_features_in_ = table.width
        self.validation_losses_ = [loss for loss in losses if loss is not None]
        if table.names is not None:
            self.feature_names_in_ = np.array(table.names, dtype=object)
        return self

    def _part(
        self, n: int, groups: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array | None]:
        """Return the rows to learn from, and those that say when to stop; of each group as large a part."""
        asked = getattr(self, "early_stopping", False)
        if asked == "auto":
            asked = n > MANY_ROWS
        fraction = float(getattr(self, "validation_fraction", 0.1))
        if not asked or n < 2:
            return np.arange(n, dtype=np.int32), None
        if not 0 < fraction < 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got validation_fraction={fraction}; expected a part between 0 and 1"
            )
        order = rng.permutation(n)
        if groups is not None:
            order = order[np.argsort(groups[order], kind="stable")]
        held = np.zeros(n, bool)
        count = min(n - 1, max(1, round(fraction * n)))
        held[order[np.floor((np.arange(count) + 0.5) * n / count).astype(int)]] = True
        rows = np.arange(n, dtype=np.int32)
        return rows[~held], rows[held]

    def _monotonic(self, table: Table) -> Array | None:
        given = getattr(self, "monotonic_cst", None)
        if given is None:
            return None
        if isinstance(given, dict):
            names = table.names or []
            unknown = [name for name in given if name not in names]
            if unknown:
                raise InvalidValueError(
                    f"[{type(self).__name__}] monotonic_cst names {unknown[0]!r}; the table has {', '.join(names) or 'no names'}"
                )
            given = [given.get(name, 0) for name in names]
        array = np.asarray(given)
        if array.shape != (table.width,) or not np.isin(array, (-1, 0, 1)).all():
            raise InvalidValueError(
                f"[{type(self).__name__}] got monotonic_cst={given}; expected -1, 0 or 1 for each of {table.width} columns"
            )
        wrong = np.nonzero((array != 0) & table.is_categorical)[0]
        if len(wrong):
            raise InvalidValueError(
                f"[{type(self).__name__}] column {wrong[0]} is categorical and cannot be monotonic; write 0 for it"
            )
        return array

    # ---- answers

    @property
    def ensemble(self) -> TreeEnsemble:
        """The trees, as a function of a matrix that goes into graphs and is saved with them.

        Raises:
            ValueError: There are none yet.
        """
        return self._need_trees()

    def _need_trees(self) -> TreeEnsemble:
        if self._ensemble is None:
            raise InvalidValueError(
                f"[{type(self).__name__}] there are no trees yet; call fit first"
            )
        return self._ensemble

    def _scores(self, x: Any) -> Array:
        self._need_trees()
        return np.asarray(self._ask(self._table.matrix(x)).numpy())

    def feature_importances(self, kind: str = "gain") -> Array:
        """Return how much each column gave.

        Args:
            kind: "gain" for the share of all that splits were worth, "split" for the number of splits.

        Returns:
            [columns].

        Raises:
            ValueError: There are no trees yet, or no such kind.
        """
        if kind not in ("gain", "split"):
            raise InvalidValueError(
                f"[{type(self).__name__}] got kind={kind!r}; write 'gain' or 'split'"
            )
        return self.ensemble.importances(kind)

    @property
    def feature_importances_(self) -> Array:
        """The share of each column in all that splits were worth."""
        return self.feature_importances()

    def function(self) -> Any:
        """Return a graph function from a matrix to raw scores, to be saved with `penstock.save`.

        Returns:
            A function of one argument, [rows, columns], of the dtype of training, with categories as codes.

        Raises:
            ValueError: There are no trees yet.
        """
        return ps.function(self.ensemble)


def _weights(where: str, weight: Any, n: int) -> Array | None:
    if weight is None:
        return None
    weights = np.asarray(weight, np.float64)
    if weights.shape != (n,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidValueError(
            f"[{where}] got sample_weight of shape {weights.shape}; expected [{n}], finite and not negative"
        )
    if weights.sum() <= 0:
        raise InvalidValueError(
            f"[{where}] all of sample_weight is 0; leave it out to count all rows"
        )
    return weights
