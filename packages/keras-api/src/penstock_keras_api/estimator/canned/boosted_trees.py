"""Boosted trees as estimators: a layer of a tree for every few batches, in the graph that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator.canned.builders import check_head, classifier_head
from penstock_keras_api.estimator.canned.tree_columns import TreeColumns
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head, RegressionHead
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.trees.layered import LayeredTrees, LayerSettings

_SCOPE = "boosted_trees"
_PRUNING = ("none", "pre", "post")


class BoostedTreesEstimator(Estimator):
    """Boosted trees with a head.

    Every step gathers a batch, and every `n_batches_per_layer` batches a layer of a tree grows. A training that was
    interrupted goes on bit for bit if `n_batches_per_layer` is 1; otherwise the layer that was gathered begins anew.

    Args:
        feature_columns: Columns. Of a bucketized column the trees see the number of the range, of an indicator column
            each category by itself, of a categorical column without an indicator subsets of at most 255 categories.
            Numbers may be missing (NaN).
        n_batches_per_layer: From how many batches a layer is grown.
        head: What the scores mean.
        model_dir: As in `Estimator`.
        weight_column: Kept for compatibility: the head has the weights.
        n_trees: How many trees there are; training stops then.
        max_depth: How many layers a tree has.
        learning_rate: What each tree's answer is multiplied by.
        l1_regularization: How far gradients of a leaf are moved towards 0.
        l2_regularization: What is added to the hessians of a leaf.
        tree_complexity: What a split must be worth, if `pruning_mode` is not "none".
        min_node_weight: The least sum of hessians of a leaf.
        config: As in `Estimator`.
        center_bias: Whether the first steps look for the best score that is the same for all rows.
        pruning_mode: "none", "pre" to refuse splits that are not worth `tree_complexity`, or "post" to take them back
            when the tree is complete.
        quantile_sketch_epsilon: How fine numbers are told apart: into 1 / epsilon ranges, at most 255.
        train_in_memory: Kept for compatibility.

    Raises:
        TypeError: The head or a column is none.
        ValueError: An argument is out of range, or a column cannot be used.
    """

    def __init__(
        self,
        feature_columns: Any,
        n_batches_per_layer: int,
        head: Head,
        model_dir: Any = None,
        weight_column: Any = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: Any = None,
        center_bias: bool = False,
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        train_in_memory: bool = False,
    ) -> None:
        check_head(head)
        _check(n_batches_per_layer=n_batches_per_layer, n_trees=n_trees, max_depth=max_depth)
        _check_pruning(pruning_mode, tree_complexity)
        if not 0 < quantile_sketch_epsilon < 1 or not learning_rate > 0 or max_depth > 16:
            raise InvalidValueError(
                f"[BoostedTrees] got quantile_sketch_epsilon={quantile_sketch_epsilon}, learning_rate={learning_rate} and "
                f"max_depth={max_depth}; use an epsilon between 0 and 1, a rate above 0, and a depth of at most 16"
            )
        least = {
            "l1": l1_regularization,
            "l2": l2_regularization,
            "complexity": tree_complexity,
            "min_weight": min_node_weight,
        }
        if min(least.values()) < 0:
            raise InvalidValueError(
                f"[BoostedTrees] got regularization {least}; use 0 or more for each"
            )
        self._settings = LayerSettings(
            n_trees,
            max_depth,
            learning_rate,
            **least,
            center_bias=center_bias,
            prune_after=pruning_mode == "post",
            max_bins=max(2, min(255, round(1 / quantile_sketch_epsilon))),
        )
        self._tree_columns = TreeColumns(feature_columns)
        super().__init__(self._function(head, n_batches_per_layer), model_dir, config)

    def _function(self, head: Head, batches: int) -> Callable[..., Any]:
        columns, settings = self._tree_columns, self._settings

        def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
            if not isinstance(features, Mapping):
                raise InvalidTypeError(
                    f"[BoostedTrees] got features of {type(features).__name__}; let input_fn give a dictionary of them by "
                    "name"
                )
            rows = columns.matrix(features)
            empty = LayeredTrees.empty(settings, head.logits_dimension, columns.any_categories)
            kept = {
                name: v1.Variable(array, f"{_SCOPE}/{name}", trainable=False)
                for name, array in empty.arrays()
            }
            # What a tree that still grows says would change what its next layer is grown against.
            roots = kept["complete" if mode == ModeKeys.TRAIN else "roots"]
            scores = ps.ops.tree_predict(
                rows,
                roots.value,
                kept["nodes"].value,
                kept["thresholds"].value,
                kept["values"].value,
                kept["sets"].value,
                outputs=head.logits_dimension,
            )
            logits = scores + kept["start"].value
            step = v1.train.get_or_create_global_step()
            spec = head.create_estimator_spec(
                features,
                mode,
                logits,
                labels,
                train_op_fn=lambda loss: ps.group(step.assign_add(1)),
            )
            if mode == ModeKeys.TRAIN:
                mean = head.loss_reduction != "sum"
                pairs = _pairs(spec.loss, logits)
                hook = _Grower(settings, columns.categories, batches, kept, (rows, *pairs), mean)
                spec = spec._replace(training_hooks=(*spec.training_hooks, hook))
            return spec

        return model_fn

    def experimental_feature_importances(self, normalize: bool = False) -> dict[str, float]:
        """Return what the splits of each column were worth, the most important first.

        Args:
            normalize: Whether to return parts of 1.

        Returns:
            Worth by the names of columns; those of several numbers have names such as `x_0`.

        Raises:
            CheckpointError: Nothing was trained.
        """
        nodes, gains = (self.get_variable_value(f"{_SCOPE}/{n}") for n in ("nodes", "gains"))
        inner = nodes[:, 0] >= 0
        names = self._tree_columns.names
        worth = np.bincount(nodes[inner, 0], gains[inner], minlength=len(names))
        if normalize and worth.sum() > 0:
            worth = worth / worth.sum()
        return {names[i]: float(worth[i]) for i in np.argsort(-worth, kind="stable")}


class BoostedTreesClassifier(BoostedTreesEstimator):
    """Boosted trees for classes.

    Args:
        feature_columns: As in `BoostedTreesEstimator`.
        n_batches_per_layer: As there.
        model_dir: As there.
        n_classes: How many classes there are; from 3 on each has trees of its own.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        n_trees: As there.
        max_depth: As there.
        learning_rate: As there.
        l1_regularization: As there.
        l2_regularization: As there.
        tree_complexity: As there.
        min_node_weight: As there.
        config: As there.
        center_bias: As there.
        pruning_mode: As there.
        quantile_sketch_epsilon: As there.
        train_in_memory: As there.

    Raises:
        TypeError: A column is none.
        ValueError: An argument is out of range, or a column cannot be used.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> age = np.arange(100.0)
    >>> data = {"age": age}, (age > 60).astype(int)
    >>> model = estimator.BoostedTreesClassifier([fc.numeric_column("age")], 1, n_trees=20, max_depth=2)
    >>> model = model.train(lambda: data, steps=100)
    >>> [int(row["class_ids"][0]) for row in model.predict(lambda: {"age": np.array([30.0, 90.0])})]
    [0, 1]
    """

    def __init__(
        self,
        feature_columns: Any,
        n_batches_per_layer: int,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: Any = None,
        center_bias: bool = False,
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        train_in_memory: bool = False,
    ) -> None:
        head = classifier_head(n_classes, weight_column, label_vocabulary, "sum_over_batch_size")
        super().__init__(
            feature_columns,
            n_batches_per_layer,
            head,
            model_dir,
            None,
            n_trees,
            max_depth,
            learning_rate,
            l1_regularization,
            l2_regularization,
            tree_complexity,
            min_node_weight,
            config,
            center_bias,
            pruning_mode,
            quantile_sketch_epsilon,
            train_in_memory,
        )


class BoostedTreesRegressor(BoostedTreesEstimator):
    """Boosted trees for numbers.

    Args:
        feature_columns: As in `BoostedTreesEstimator`.
        n_batches_per_layer: As there.
        model_dir: As there.
        label_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights.
        n_trees: As there.
        max_depth: As there.
        learning_rate: As there.
        l1_regularization: As there.
        l2_regularization: As there.
        tree_complexity: As there.
        min_node_weight: As there.
        config: As there.
        center_bias: As there.
        pruning_mode: As there.
        quantile_sketch_epsilon: As there.
        train_in_memory: As there.

    Raises:
        TypeError: A column is none.
        ValueError: An argument is out of range, or a column cannot be used.
    """

    def __init__(
        self,
        feature_columns: Any,
        n_batches_per_layer: int,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: Any = None,
        center_bias: bool = False,
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        train_in_memory: bool = False,
    ) -> None:
        super().__init__(
            feature_columns,
            n_batches_per_layer,
            RegressionHead(label_dimension, weight_column),
            model_dir,
            None,
            n_trees,
            max_depth,
            learning_rate,
            l1_regularization,
            l2_regularization,
            tree_complexity,
            min_node_weight,
            config,
            center_bias,
            pruning_mode,
            quantile_sketch_epsilon,
            train_in_memory,
        )


class _Grower(SessionRunHook):
    """Gathers what every step saw, and grows a layer of it."""

    def __init__(
        self,
        settings: LayerSettings,
        categories: Any,
        batches: int,
        kept: dict[str, Any],
        wanted: tuple[Any, ...],
        mean: bool,
    ) -> None:
        self._settings, self._categories, self._batches = settings, categories, batches
        self._kept, self._wanted, self._mean = kept, wanted, mean
        self._gathered: list[tuple[Any, ...]] = []
        self._trees: LayeredTrees

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Take over the trees of the checkpoint."""
        with ps.graph.eagerly():
            arrays = {name: v.numpy().copy() for name, v in self._kept.items()}
        self._trees = LayeredTrees(**arrays)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for rows, gradients and hessians."""
        return SessionRunArgs(list(self._wanted))

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Grow a layer when there are enough batches, and stop when all trees are there."""
        rows, *pairs = (np.asarray(v, np.float32) for v in run_values.results)
        scale = np.float32(len(rows) if self._mean else 1)
        self._gathered.append((rows, pairs[0] * scale, np.maximum(pairs[1] * scale, 0)))
        if len(self._gathered) >= self._batches:
            rows, gradients, hessians = (
                np.concatenate(p) for p in zip(*self._gathered, strict=True)
            )
            self._gathered.clear()
            self._trees.learn(self._settings, self._categories, rows, (gradients, hessians))
            self._keep()
        if self._trees.finished(self._settings):
            run_context.request_stop()

    def _keep(self) -> None:
        with ps.graph.eagerly():
            for name, array in self._trees.arrays():
                ps.Variable.assign(self._kept[name], array.copy())


def _pairs(loss: Any, logits: Any) -> tuple[Any, Any]:
    """Append the first and second derivatives of a loss by each row's logits."""
    (gradients,) = ps.gradients(loss, [logits])
    seconds = []
    for output in range(logits.shape[-1]):
        (second,) = ps.gradients(ps.sum(gradients[:, output]), [logits])
        flat = ps.ones_like(logits) if second is None else second
        seconds.append(flat[:, output])
    return gradients, ps.stack(seconds, axis=1)


def _check(**counts: Any) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise InvalidValueError(f"[BoostedTrees] got {name}={value!r}; use 1 or more")


def _check_pruning(mode: str, complexity: float) -> None:
    if mode not in _PRUNING:
        raise InvalidValueError(
            f"[BoostedTrees] got pruning_mode={mode!r}; there are {', '.join(map(repr, _PRUNING))}"
        )
    if (mode == "none") != (complexity == 0):
        raise InvalidValueError(
            f"[BoostedTrees] got pruning_mode={mode!r} with tree_complexity={complexity}; give both a pruning_mode, 'pre' or "
            "'post', and a tree_complexity above 0, or none of them"
        )
