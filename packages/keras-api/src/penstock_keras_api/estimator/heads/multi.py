"""Several heads on one model: each with labels, predictions and metrics of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.estimator.export import DEFAULT, PredictOutput
from penstock_keras_api.estimator.heads.base import Head
from penstock_keras_api.estimator.spec import ModeKeys


class MultiHead(Head):
    """Several heads on one model.

    Args:
        heads: Heads with names.
        head_weights: A factor for the loss of each.

    Raises:
        ValueError: There is no head, one has no name, two have the same, or there are not as many factors.

    >>> from penstock.keras import estimator
    >>> both = estimator.MultiHead(
    ...     [estimator.RegressionHead(name="price"), estimator.BinaryClassHead(name="sold")]
    ... )
    >>> both.logits_dimension
    2
    """

    def __init__(self, heads: Sequence[Head], head_weights: Sequence[float] | None = None) -> None:
        names = [head.name for head in heads]
        if not heads or None in names or len(set(names)) != len(names):
            raise InvalidValueError(
                f"[MultiHead] got heads named {names}; give at least one, each with a name of its own: "
                "RegressionHead(name='price')"
            )
        if head_weights is not None and len(head_weights) != len(heads):
            raise InvalidValueError(
                f"[MultiHead] got {len(head_weights)} head_weights for {len(heads)} heads; give one for each"
            )
        super().__init__(sum(head.logits_dimension for head in heads))
        self._heads = list(heads)
        self._factors = list(head_weights or [1.0] * len(heads))
        self.name = "_".join(str(name) for name in names)

    def _parts(self, logits: Any) -> list[Any]:
        """Give each head its logits."""
        if isinstance(logits, Mapping):
            missing = [head.name for head in self._heads if head.name not in logits]
            if missing:
                raise InvalidValueError(
                    f"[MultiHead] there are no logits of {missing}; the dictionary has {sorted(logits)}"
                )
            return [logits[head.name] for head in self._heads]
        t = ps.asarray(logits)
        if t.shape[-1] != self.logits_dimension:
            raise ShapeError(
                f"[MultiHead] got logits of shape {t.shape}; expected (rows, {self.logits_dimension}), the sum over the "
                "heads, or a dictionary by their names"
            )
        parts, begin = [], 0
        for head in self._heads:
            parts.append(t[..., begin : begin + head.logits_dimension])
            begin += head.logits_dimension
        return parts

    def _of(self, labels: Any, head: Head) -> Any:
        if not isinstance(labels, Mapping) or head.name not in labels:
            raise InvalidValueError(
                f"[MultiHead] there are no labels of {head.name!r}; let input_fn give a dictionary of labels by the heads' "
                "names"
            )
        return labels[head.name]

    def loss(
        self,
        labels: Any,
        logits: Any,
        features: Mapping[str, Any] | None = None,
        mode: str = ModeKeys.TRAIN,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """Return the weighted sum of the heads' losses."""
        total: Any = 0.0
        for head, part, factor in zip(self._heads, self._parts(logits), self._factors, strict=True):
            head._checks = []
            total = total + factor * head.loss(self._of(labels, head), part, features, mode)
            self._checks += head._checks
        for term in regularization_losses or []:
            total = total + term
        return total

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[Any, Any]:
        """Return the heads' predictions, by pairs of head and name, "head/name"."""
        return {
            f"{head.name}/{name}": t
            for head, part in zip(self._heads, self._parts(logits), strict=True)
            for name, t in head.predictions(part, keys).items()
        }

    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> dict[str, Any]:
        """Make the metrics of all heads."""
        return {name: metric for head in self._heads for name, metric in head.metrics().items()}

    def update_metrics(
        self,
        eval_metrics: dict[str, Any],
        features: Mapping[str, Any],
        logits: Any,
        labels: Any,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """Add a batch to the metrics of all heads."""
        for head, part in zip(self._heads, self._parts(logits), strict=True):
            own = {n: m for n, m in eval_metrics.items() if n.endswith(f"/{head.name}")}
            head.update_metrics(own, features, part, self._of(labels, head), mode)
        return eval_metrics

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {DEFAULT: PredictOutput(predictions)}
        for head in self._heads:
            prefix = f"{head.name}/"
            own = {
                name.removeprefix(prefix): t
                for name, t in predictions.items()
                if name.startswith(prefix)
            }
            made[str(head.name)] = PredictOutput(own)
        return made
