"""K-means as an estimator: on whole data, or on small batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import _native, v1
from penstock.errors import InvalidValueError
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.export import DEFAULT, PredictOutput
from penstock_keras_api.estimator.feeding import Batches, RandomStream
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.feature_column import DenseFeatures

_CLUSTERS: Final = "clusters"


class KMeans(Estimator):
    """Find centers, so that rows are near to one of them.

    Args:
        num_clusters: How many centers.
        model_dir: As in `Estimator`.
        initial_clusters: "random" rows of the first batches, "kmeans_plus_plus", which takes rows far from each other, an
            array [num_clusters, n], or a function of the first rows and num_clusters that returns one.
        distance_metric: "squared_euclidean" or "cosine".
        seed: Where random numbers begin.
        use_mini_batch: Whether batches are parts of the data, and centers move a little with each. Otherwise a batch is all
            data, and a step is one of Lloyd's.
        mini_batch_steps_per_iteration: Only 1: every batch moves the centers.
        kmeans_plus_plus_num_retries: How many candidates "kmeans_plus_plus" looks at for each center.
        relative_tolerance: Stop when the loss changes by less, as a part of it.
        config: As in `Estimator`.
        feature_columns: Dense columns, for features by name; by default all features side by side.

    Raises:
        ValueError: An argument is not understood.

    >>> import numpy as np
    >>> from penstock.keras import estimator
    >>> rows = np.array([[0.0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
    >>> model = estimator.KMeans(2, initial_clusters="kmeans_plus_plus", seed=1, use_mini_batch=False)
    >>> model = model.train(lambda: rows, steps=3)
    >>> sorted(model.cluster_centers().tolist()), model.score(lambda: rows)
    ([[0.0, 0.5], [9.0, 8.5]], 1.0)
    """

    SQUARED_EUCLIDEAN_DISTANCE = "squared_euclidean"
    COSINE_DISTANCE = "cosine"
    RANDOM_INIT = "random"
    KMEANS_PLUS_PLUS_INIT = "kmeans_plus_plus"
    SCORE = "score"
    CLUSTER_INDEX = "cluster_index"
    ALL_DISTANCES = "all_distances"
    CLUSTER_CENTERS_VAR_NAME = _CLUSTERS

    def __init__(
        self,
        num_clusters: int,
        model_dir: Any = None,
        initial_clusters: Any = "random",
        distance_metric: str = "squared_euclidean",
        seed: int | None = None,
        use_mini_batch: bool = True,
        mini_batch_steps_per_iteration: int = 1,
        kmeans_plus_plus_num_retries: int = 2,
        relative_tolerance: float | None = None,
        config: Any = None,
        feature_columns: Any = None,
    ) -> None:
        if num_clusters < 1 or mini_batch_steps_per_iteration != 1:
            raise InvalidValueError(
                f"[KMeans] got num_clusters={num_clusters}, mini_batch_steps_per_iteration="
                f"{mini_batch_steps_per_iteration}; use 1 or more clusters, and 1 step for each iteration"
            )
        if distance_metric not in ("squared_euclidean", "cosine"):
            raise InvalidValueError(
                f"[KMeans] got distance_metric={distance_metric!r}; use 'squared_euclidean' or 'cosine'"
            )
        known = ("random", "kmeans_plus_plus")
        if isinstance(initial_clusters, str) and initial_clusters not in known:
            raise InvalidValueError(
                f"[KMeans] got initial_clusters={initial_clusters!r}; use 'random', 'kmeans_plus_plus', an array, or a "
                "function that makes one"
            )
        self._count, self._first = num_clusters, initial_clusters
        self._cosine = distance_metric == "cosine"
        self._seed, self._small = seed, use_mini_batch
        self._tries, self._tolerance = max(1, kmeans_plus_plus_num_retries), relative_tolerance
        self._columns = feature_columns
        self._begin: Any = None
        super().__init__(self._model, model_dir, config)

    # ---- the model

    def _model(self, features: Any, mode: str) -> EstimatorSpec:
        x = self._points(features)
        begin = self._begin if self._begin is not None else np.zeros((self._count, x.shape[1]), "f")
        centers = v1.Variable(np.asarray(begin, np.float32), _CLUSTERS)
        counts = v1.Variable(np.zeros(self._count, np.float32), "cluster_counts")
        distances = self._distances(x, centers.value)
        nearest = ps.argmin(distances, axis=-1)
        loss = ps.sum(ps.min(distances, axis=-1))
        predictions = {self.ALL_DISTANCES: distances, self.CLUSTER_INDEX: nearest}
        if mode == ModeKeys.PREDICT:
            outputs = {
                DEFAULT: PredictOutput(predictions),
                self.CLUSTER_INDEX: PredictOutput(nearest),
                self.ALL_DISTANCES: PredictOutput(distances),
            }
            return EstimatorSpec(mode, predictions, export_outputs=outputs)
        if mode == ModeKeys.EVAL:
            total = v1.Variable(0.0, "score", local=True)
            score = (total.value, total.assign_add(loss))
            return EstimatorSpec(mode, predictions, loss, eval_metric_ops={self.SCORE: score})
        step = v1.train.get_or_create_global_step()
        moved = ps.group(*self._move(x, nearest, centers, counts), step.assign_add(1))
        hooks = [] if self._tolerance is None else [_Settled(loss, self._tolerance)]
        return EstimatorSpec(mode, predictions, loss, moved, training_hooks=hooks)

    def _points(self, features: Any) -> Any:
        """Make [rows, n] of features; of length 1 for angles."""
        if self._columns is not None:
            x = DenseFeatures(self._columns, name="input_layer")(dict(features))
        elif isinstance(features, Mapping):
            parts = [ps.cast(ps.asarray(features[key]), "float32") for key in sorted(features)]
            x = ps.concat([p if p.ndim > 1 else ps.expand_dims(p, -1) for p in parts], axis=-1)
        else:
            x = ps.cast(ps.asarray(features), "float32")
        if x.ndim != 2:
            raise InvalidValueError(
                f"[KMeans] got features of shape {x.shape}; expected (rows, n): reshape them to rows of numbers"
            )
        return _of_length_one(x) if self._cosine else x

    def _distances(self, x: Any, centers: Any) -> Any:
        """Return the distance of each row to each center, [rows, clusters]."""
        if self._cosine:
            return 1.0 - ps.matmul(x, ps.transpose(_of_length_one(centers)))
        difference = ps.expand_dims(x, 1) - ps.expand_dims(centers, 0)
        return ps.sum(difference * difference, axis=-1)

    def _move(self, x: Any, nearest: Any, centers: Any, counts: Any) -> list[Any]:
        """Move centers to the means of their rows: of this batch, or of all that they had."""
        hot = ps.cast(ps.nn.one_hot(nearest, self._count), "float32")
        here = ps.sum(hot, axis=0)
        total = ps.matmul(ps.transpose(hot), x)
        before = counts.value if self._small else ps.zeros((self._count,))
        after = before + here
        known = ps.expand_dims(ps.maximum(after, 1.0), -1)
        means = (centers.value * ps.expand_dims(before, -1) + total) / known
        new = ps.where(ps.expand_dims(here, -1) > 0, means, centers.value)
        return [centers.assign(new), counts.assign(after)]

    # ---- training

    def train(
        self,
        input_fn: Callable[..., Any],
        hooks: Sequence[Any] | None = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Any = None,
    ) -> Any:
        """Move the centers; before the first step they are chosen among the first rows.

        Args:
            input_fn: As in `Estimator.train`.
            hooks: As there.
            steps: As there.
            max_steps: As there.
            saving_listeners: As there.

        Returns:
            The estimator.

        Raises:
            ValueError: There are fewer rows than centers.
        """
        if self.latest_checkpoint() is None:
            self._begin = self._chosen(input_fn)
        return super().train(input_fn, hooks, steps, max_steps, saving_listeners)

    def _chosen(self, input_fn: Callable[..., Any]) -> Any:
        """Choose the first centers."""
        if not isinstance(self._first, str) and not callable(self._first):
            return np.asarray(self._first, np.float32)
        seed = self._seed if self._seed is not None else self._config.tf_random_seed
        random = np.random.default_rng(_native.random_state()[0] if seed is None else seed)
        rows = self._first_rows(input_fn)
        if callable(self._first):
            return np.asarray(self._first(rows, self._count), np.float32)
        if len(rows) < self._count:
            raise InvalidValueError(
                f"[KMeans] input_fn gave {len(rows)} rows for {self._count} clusters; give more rows, or fewer clusters"
            )
        if self._first == "random":
            return rows[random.choice(len(rows), self._count, replace=False)]
        return _far_apart(rows, self._count, random, self._tries)

    def _first_rows(self, input_fn: Callable[..., Any]) -> Any:
        graph = ps.Graph("first")
        stream = RandomStream(_native.random_state(), 0)
        given = {"mode": ModeKeys.TRAIN, "params": self.params, "config": self.config}
        batches = Batches(input_fn, given, graph, repeats=False, stream=stream)
        if batches.symbolic is not None:
            raise InvalidValueError(
                "[KMeans] cannot choose centers among tensors of a graph; give initial_clusters as an array"
            )
        found: list[Any] = []
        with ps.graph.eagerly():
            while sum(map(len, found)) < self._count and (batch := batches.next()) is not None:
                found.append(self._points(batch[0]).numpy())
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)

    # ---- results

    def cluster_centers(self) -> np.ndarray[Any, Any]:
        """Return the centers, [num_clusters, n].

        Raises:
            CheckpointError: Nothing was trained.
        """
        return self.get_variable_value(_CLUSTERS)

    def predict_cluster_index(self, input_fn: Callable[..., Any]) -> Iterator[Any]:
        """Give the number of the nearest center of each row.

        Raises:
            CheckpointError: The checkpoint does not fit.
        """
        for row in self.predict(input_fn, predict_keys=[self.CLUSTER_INDEX]):
            yield row[self.CLUSTER_INDEX]

    def transform(self, input_fn: Callable[..., Any]) -> Iterator[Any]:
        """Give the distances of each row to all centers.

        Raises:
            CheckpointError: The checkpoint does not fit.
        """
        for row in self.predict(input_fn, predict_keys=[self.ALL_DISTANCES]):
            yield row[self.ALL_DISTANCES]

    def score(self, input_fn: Callable[..., Any]) -> float:
        """Return the sum of the distances of all rows to their nearest centers.

        Raises:
            CheckpointError: The checkpoint does not fit.
        """
        return float(self.evaluate(input_fn)[self.SCORE])


def _of_length_one(x: Any) -> Any:
    return x / ps.sqrt(ps.maximum(ps.sum(x * x, axis=-1, keepdims=True), 1e-12))


def _far_apart(rows: Any, count: int, random: np.random.Generator, tries: int) -> Any:
    """Choose rows far from each other, by k-means++.

    Source:
        Arthur and Vassilvitskii, 2007, "k-means++: the advantages of careful seeding".
    """
    chosen = [rows[random.integers(len(rows))]]
    nearest = ((rows - chosen[0]) ** 2).sum(1)
    for _ in range(count - 1):
        total = nearest.sum()
        weights = nearest / total if total > 0 else None
        candidates = random.choice(len(rows), tries, p=weights)
        each = [np.minimum(nearest, ((rows - rows[c]) ** 2).sum(1)) for c in candidates]
        best = int(np.argmin([e.sum() for e in each]))
        chosen.append(rows[candidates[best]])
        nearest = each[best]
    return np.stack(chosen)


class _Settled(SessionRunHook):
    """Stop when a loss changes little."""

    def __init__(self, loss: Any, tolerance: float) -> None:
        self._loss, self._tolerance = loss, tolerance
        self._last: float | None = None

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the loss."""
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Compare it with the last."""
        now = float(run_values.results)
        if self._last is not None and abs(self._last - now) <= self._tolerance * abs(self._last):
            run_context.request_stop()
        self._last = now
