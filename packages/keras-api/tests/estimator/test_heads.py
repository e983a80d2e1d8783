"""Heads, compared with NumPy and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

import penstock as ps
from penstock.keras import estimator

TRAIN, EVAL, PREDICT = (
    estimator.ModeKeys.TRAIN,
    estimator.ModeKeys.EVAL,
    estimator.ModeKeys.PREDICT,
)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(50, 1)).astype(np.float32)
MANY = RNG.normal(size=(50, 3)).astype(np.float32)
TRUTH = RNG.integers(0, 2, 50)
CLASSES = RNG.integers(0, 3, 50)
WEIGHTS = RNG.uniform(0.5, 2, 50).astype(np.float32)
ROWS = {"w": WEIGHTS}


def evaluated(head: Any, logits: Any, labels: Any, features: Any = None) -> dict[str, float]:
    """Update and read the metrics, in two batches."""
    made = head.metrics()
    for part in (slice(0, 20), slice(20, None)):
        rows = {k: v[part] for k, v in (features or {}).items()}
        mine = {k: v[part] for k, v in labels.items()} if isinstance(labels, dict) else labels[part]
        head.update_metrics(made, rows, logits[part], mine)
    return {name: float(metric.result()) for name, metric in made.items()}


def test_two_classes() -> None:
    head = estimator.BinaryClassHead()
    likely = expit(LOGITS[:, 0].astype(float))
    each = -np.where(TRUTH == 1, np.log(likely), np.log(1 - likely))
    assert head.loss(TRUTH, LOGITS).item() == pytest.approx(each.mean(), rel=1e-5)
    found = head.predictions(LOGITS)
    np.testing.assert_allclose(found["probabilities"].numpy()[:, 1], likely, rtol=1e-5)
    np.testing.assert_array_equal(found["class_ids"].numpy()[:, 0], likely > 0.5)
    assert found["classes"].tolist()[0] in ([b"0"], [b"1"])
    assert found["all_classes"].tolist()[7] == [b"0", b"1"]


def test_the_numbers_of_two_classes_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    likely = expit(LOGITS[:, 0].astype(float))
    found = evaluated(estimator.BinaryClassHead(thresholds=[0.3]), LOGITS, TRUTH)
    guess, low = likely > 0.5, likely > 0.3
    want = {
        "accuracy": metrics.accuracy_score(TRUTH, guess),
        "precision": metrics.precision_score(TRUTH, guess),
        "recall": metrics.recall_score(TRUTH, guess),
        "average_loss": metrics.log_loss(TRUTH, likely),
        "label/mean": TRUTH.mean(),
        "prediction/mean": likely.mean(),
        "accuracy_baseline": max(TRUTH.mean(), 1 - TRUTH.mean()),
        "accuracy/positive_threshold_0.3": metrics.accuracy_score(TRUTH, low),
        "precision/positive_threshold_0.3": metrics.precision_score(TRUTH, low),
        "recall/positive_threshold_0.3": metrics.recall_score(TRUTH, low),
    }
    assert {k: found[k] for k in want} == pytest.approx(want, rel=1e-5)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(TRUTH, likely), abs=0.01)


def test_weights_of_rows() -> None:
    head = estimator.BinaryClassHead(weight_column="w")
    likely = expit(LOGITS[:, 0].astype(float))
    each = -np.where(TRUTH == 1, np.log(likely), np.log(1 - likely))
    assert head.loss(TRUTH, LOGITS, ROWS).item() == pytest.approx((each * WEIGHTS).mean(), rel=1e-5)
    total = estimator.BinaryClassHead("w", loss_reduction="sum").loss(TRUTH, LOGITS, ROWS)
    assert total.item() == pytest.approx((each * WEIGHTS).sum(), rel=1e-5)
    found = evaluated(head, LOGITS, TRUTH, ROWS)
    assert found["average_loss"] == pytest.approx(np.average(each, weights=WEIGHTS), rel=1e-5)
    right = (likely > 0.5) == TRUTH
    assert found["accuracy"] == pytest.approx(np.average(right, weights=WEIGHTS), rel=1e-5)


def test_several_classes() -> None:
    head = estimator.MultiClassHead(3)
    want = -log_softmax(MANY.astype(float), axis=1)[np.arange(50), CLASSES].mean()
    assert head.loss(CLASSES, MANY).item() == pytest.approx(want, rel=1e-5)
    found = head.predictions(MANY)
    np.testing.assert_allclose(found["probabilities"].numpy(), softmax(MANY, 1), rtol=1e-5)
    numbers = evaluated(head, MANY, CLASSES)
    assert numbers["accuracy"] == pytest.approx((MANY.argmax(1) == CLASSES).mean())
    assert numbers["average_loss"] == pytest.approx(want, rel=1e-5)


def test_classes_with_names() -> None:
    words = ["no", "maybe", "yes"]
    head = estimator.MultiClassHead(3, label_vocabulary=words)
    named = np.array(words)[CLASSES]
    plain = estimator.MultiClassHead(3)
    assert head.loss(named, MANY).item() == plain.loss(CLASSES, MANY).item()
    first = head.predictions(MANY)["classes"].tolist()[0]
    assert first == [words[int(MANY[0].argmax())].encode()]
    two = estimator.BinaryClassHead(label_vocabulary=["no", "yes"])
    labels = np.array(["no", "yes"])[TRUTH]
    assert two.loss(labels, LOGITS).item() == pytest.approx(
        estimator.BinaryClassHead().loss(TRUTH, LOGITS).item()
    )


def test_several_labels_at_once() -> None:
    truth = RNG.integers(0, 2, (50, 3))
    head = estimator.MultiLabelHead(3, thresholds=[0.4], classes_for_class_based_metrics=[2])
    likely = expit(MANY.astype(float))
    each = -np.where(truth == 1, np.log(likely), np.log(1 - likely))
    assert head.loss(truth, MANY).item() == pytest.approx(each.mean(), rel=1e-5)
    found = evaluated(head, MANY, truth)
    assert found["accuracy/positive_threshold_0.4"] == pytest.approx(
        ((likely > 0.4) == truth).mean()
    )
    assert found["probability_mean/class2"] == pytest.approx(likely[:, 2].mean(), rel=1e-5)


def test_numbers() -> None:
    truth = RNG.normal(size=(50, 2))
    head = estimator.RegressionHead(2, inverse_link_fn=lambda t: t * 2)
    assert head.loss(truth, MANY[:, :2]).item() == pytest.approx(
        ((MANY[:, :2] - truth) ** 2).mean(), rel=1e-5
    )
    found = head.predictions(MANY[:, :2])
    np.testing.assert_allclose(found["predictions"].numpy(), MANY[:, :2] * 2)
    numbers = evaluated(head, MANY[:, :2], truth)
    assert numbers["label/mean"] == pytest.approx(truth.mean(), rel=1e-4)
    assert numbers["prediction/mean"] == pytest.approx(MANY[:, :2].mean() * 2, rel=1e-4)


def test_shares_and_counts() -> None:
    shares = RNG.uniform(size=50)
    likely = expit(LOGITS[:, 0].astype(float))
    want = -(shares * np.log(likely) + (1 - shares) * np.log(1 - likely)).mean()
    head = estimator.LogisticRegressionHead()
    assert head.loss(shares, LOGITS).item() == pytest.approx(want, rel=1e-5)
    np.testing.assert_allclose(
        head.predictions(LOGITS)["predictions"].numpy()[:, 0], likely, rtol=1e-5
    )
    counts = RNG.poisson(2.0, 50)
    plain = estimator.PoissonRegressionHead(compute_full_loss=False)
    rate = LOGITS[:, 0].astype(float)
    want = (np.exp(rate) - counts * rate).mean()
    assert plain.loss(counts, LOGITS).item() == pytest.approx(want, rel=1e-5)
    c = np.maximum(counts, 1.0)
    stirling = np.where(counts > 1, c * np.log(c) - c + 0.5 * np.log(2 * np.pi * c), 0)
    full = estimator.PoissonRegressionHead().loss(counts, LOGITS).item()
    assert full == pytest.approx(want + stirling.mean(), rel=1e-5)


def test_several_heads() -> None:
    heads = [estimator.MultiClassHead(3, name="kind"), estimator.RegressionHead(name="price")]
    both = estimator.MultiHead(heads, head_weights=[1.0, 0.5])
    logits = np.hstack([MANY, LOGITS])
    labels = {"kind": CLASSES, "price": TRUTH.astype(np.float32)}
    want = heads[0].loss(CLASSES, MANY).item() + 0.5 * heads[1].loss(TRUTH, LOGITS).item()
    assert both.loss(labels, logits).item() == pytest.approx(want)
    assert both.loss(labels, {"kind": MANY, "price": LOGITS}).item() == pytest.approx(want)
    found = evaluated(both, logits, labels)
    assert {"accuracy/kind", "average_loss/kind", "average_loss/price", "label/mean/price"} <= set(
        found
    )
    assert found["label/mean/price"] == pytest.approx(TRUTH.mean())
    spec = both.create_estimator_spec({}, PREDICT, ps.asarray(logits))
    assert {"kind/probabilities", "price/predictions"} <= set(spec.predictions)
    assert set(spec.export_outputs) == {"serving_default", "kind", "price"}


def test_regularization_is_added() -> None:
    head = estimator.RegressionHead()
    plain = head.loss([1.0], [[2.0]]).item()
    assert head.loss([1.0], [[2.0]], regularization_losses=[0.25, 0.5]).item() == plain + 0.75
    made = head.metrics([0.25])
    head.update_metrics(made, {}, [[2.0]], [1.0], regularization_losses=[0.25])
    assert float(made["regularization_loss"].result()) == 0.25


def test_a_loss_of_ones_own() -> None:
    head = estimator.RegressionHead(loss_fn=lambda labels, logits: ps.abs(logits - labels))
    assert head.loss([1.0, 2.0], [[3.0], [2.0]]).item() == 1.0


# ---- labels out of range, when the graph runs


def train_with(head: Any, labels: Any) -> None:
    from penstock.keras import feature_column as fc

    rows = {"x": np.zeros((len(labels), 1), np.float32)}
    model = estimator.LinearEstimator(head, [fc.numeric_column("x")])
    model.train(lambda: (rows, np.asarray(labels)), steps=2)


@pytest.mark.parametrize(
    ("head", "labels", "match"),
    [
        (estimator.BinaryClassHead(), [0, 2], "labels from 0.0 to 2.0.*use n_classes"),
        (estimator.MultiClassHead(3), [0, 3], "labels from 0 to 3.*raise n_classes above 3"),
        (
            estimator.MultiClassHead(3, label_vocabulary=["a", "b", "c"]),
            ["a", "z"],
            "label_vocabulary has not got",
        ),
        (estimator.LogisticRegressionHead(), [0.5, 1.5], "use RegressionHead"),
        (estimator.MultiLabelHead(2), [[0, 1], [3, 0]], "0 or 1 for each class"),
    ],
)
def test_labels_out_of_range_are_told(head: Any, labels: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        train_with(head, labels)


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: estimator.MultiClassHead(2), ValueError, r"BinaryClassHead\(\) for two"),
        (lambda: estimator.MultiLabelHead(1), ValueError, "use 2 or more"),
        (lambda: estimator.RegressionHead(0), ValueError, "use 1 or more"),
        (lambda: estimator.BinaryClassHead(thresholds=[1.0]), ValueError, "between 0 and 1"),
        (lambda: estimator.BinaryClassHead(label_vocabulary=["a"]), ValueError, "one for each"),
        (lambda: estimator.BinaryClassHead(loss_reduction="mean"), ValueError, "'sum'"),
        (lambda: estimator.RegressionHead(loss_fn=3), TypeError, "a function of labels"),
        (lambda: estimator.MultiHead([estimator.RegressionHead()]), ValueError, "name='price'"),
        (
            lambda: estimator.MultiHead([estimator.RegressionHead(name="a")], [1, 2]),
            ValueError,
            "one for each",
        ),
        (
            lambda: estimator.MultiHead([estimator.RegressionHead(name="a")]).loss([1.0], [[1.0]]),
            ValueError,
            "a dictionary of labels",
        ),
        (
            lambda: estimator.MultiHead([estimator.RegressionHead(name="a")]).loss({}, {"b": 1}),
            ValueError,
            "no logits of",
        ),
        (lambda: estimator.BinaryClassHead().loss(None, LOGITS), ValueError, "no labels"),
        (lambda: estimator.BinaryClassHead().loss(TRUTH, MANY), ValueError, "have 1 units"),
        (
            lambda: estimator.BinaryClassHead().loss(np.eye(2), np.ones((2, 1))),
            ValueError,
            r"MultiClassHead\(n_classes\)",
        ),
        (
            lambda: estimator.MultiClassHead(3).loss(np.eye(3, dtype=int), np.eye(3)),
            ValueError,
            r"labels\.argmax\(-1\)",
        ),
        (
            lambda: estimator.MultiClassHead(3).loss([0.5], [[1.0, 2.0, 3.0]]),
            ValueError,
            r"astype\('int64'\)",
        ),
        (
            lambda: estimator.MultiClassHead(3).loss(["a"], [[1.0, 2.0, 3.0]]),
            ValueError,
            "label_vocabulary=",
        ),
        (
            lambda: estimator.MultiClassHead(3, label_vocabulary=["a", "b", "c"]).loss(
                [1], [[1.0, 2.0, 3.0]]
            ),
            ValueError,
            "leave label_vocabulary out",
        ),
        (
            lambda: estimator.RegressionHead().loss(np.ones((2, 3)), [[1.0], [2.0]]),
            ValueError,
            "label_dimension=3",
        ),
        (lambda: estimator.RegressionHead().loss(["a"], [[1.0]]), ValueError, "use a classifier"),
        (
            lambda: estimator.BinaryClassHead("w").loss([1], [[1.0]], {"v": 1}),
            ValueError,
            "among the features",
        ),
        (
            lambda: estimator.BinaryClassHead().loss({"a": [1]}, [[1.0]]),
            TypeError,
            "in a MultiHead",
        ),
        (
            lambda: estimator.RegressionHead().create_estimator_spec(
                {}, TRAIN, ps.asarray([[1.0]]), [1.0]
            ),
            ValueError,
            "optimizer='Adagrad'",
        ),
        (
            lambda: estimator.RegressionHead().predictions([[1.0]], ["x"]),
            ValueError,
            "there are predictions",
        ),
    ],
)
def test_mistakes_are_explained(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()
