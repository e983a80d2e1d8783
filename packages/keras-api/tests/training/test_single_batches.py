"""A single batch is judged alone, whatever was judged before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 8)).astype("float32")
Y = np.eye(3, dtype="float32")[RNG.integers(0, 3, 64)]


class LateMean(keras.metrics.Metric):
    """Makes a variable in its first update, and one in its second."""

    def __init__(self) -> None:
        super().__init__(name="late")
        self.total: Any = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.total is None:
            self.total = self.add_weight(name="total")
        self.total.assign_add(ps.sum(ps.asarray(y_true)))

    def result(self) -> Any:
        return self.total.value if self.total is not None else ps.asarray(0.0)


METRICS = {
    "f1": lambda: keras.metrics.F1Score(average="macro"),
    "f-beta": lambda: keras.metrics.FBetaScore(average="macro"),
    "r2": lambda: keras.metrics.R2Score(),
    "auc": lambda: keras.metrics.AUC(),
    "auc of labels": lambda: keras.metrics.AUC(multi_label=True),
    "cosine": lambda: keras.metrics.CosineSimilarity(),
    "iou": lambda: keras.metrics.OneHotMeanIoU(num_classes=3),
    "accuracy": lambda: "accuracy",
    "late": LateMean,
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_metrics_forget_the_batch_before(name: str, method: str) -> None:
    model = keras.Sequential(
        [keras.layers.Input((8,)), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.0),
        loss="categorical_crossentropy",
        metrics=[METRICS[name]()],
    )
    halves = [slice(0, 32), slice(32, 64), slice(0, 32), slice(32, 64)]
    judged = [getattr(model, method)(X[h], Y[h], return_dict=True) for h in halves]
    for first, again in ((judged[0], judged[2]), (judged[1], judged[3])):
        for key, value in first.items():
            np.testing.assert_allclose(np.asarray(again[key]), np.asarray(value), rtol=1e-6)
    alone = model.evaluate(X[32:], Y[32:], batch_size=32, return_dict=True, verbose=0)
    for key, value in alone.items():
        np.testing.assert_allclose(np.asarray(judged[1][key]), np.asarray(value), rtol=1e-5)
