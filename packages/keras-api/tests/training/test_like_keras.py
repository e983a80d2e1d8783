"""Losses, metrics, optimizers and schedules against Keras itself, on random values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

RNG = np.random.default_rng(3)
FLOATS = RNG.normal(size=(2, 7, 4)).astype(np.float32)
SHARES = RNG.uniform(0.02, 0.98, (2, 7, 4)).astype(np.float32)
BINARY = (RNG.uniform(size=(7, 4)) > 0.5).astype(np.float32)
ONE_HOT = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 7)]
CLASSES = RNG.integers(0, 4, (2, 7)).astype(np.int32)
ROWS = (SHARES[1] / SHARES[1].sum(-1, keepdims=True)).astype(np.float32)
WEIGHTS = RNG.uniform(size=7).astype(np.float32)

LOSSES = [
    ("Huber(0.5)", FLOATS[0], FLOATS[1]),
    ("LogCosh()", FLOATS[0], FLOATS[1]),
    ("CosineSimilarity()", FLOATS[0], FLOATS[1]),
    ("MeanAbsolutePercentageError()", SHARES[0], SHARES[1]),
    ("MeanSquaredLogarithmicError()", SHARES[0], SHARES[1]),
    ("Poisson()", SHARES[0], SHARES[1]),
    ("KLDivergence()", ROWS, SHARES[1]),
    ("Hinge()", BINARY, FLOATS[1]),
    ("SquaredHinge()", 2 * BINARY - 1, FLOATS[1]),
    ("CategoricalHinge()", ONE_HOT, FLOATS[1]),
    ("BinaryFocalCrossentropy(True, label_smoothing=0.1)", BINARY, SHARES[1]),
    ("BinaryFocalCrossentropy(from_logits=True)", BINARY, FLOATS[1]),
    ("CategoricalFocalCrossentropy(label_smoothing=0.1)", ONE_HOT, ROWS),
    ("CategoricalFocalCrossentropy(from_logits=True)", ONE_HOT, FLOATS[1]),
    ("CategoricalGeneralizedCrossEntropy(0.3)", CLASSES[0], ROWS),
    ("Dice(axis=1)", BINARY, SHARES[1]),
    ("Tversky(0.3, 0.7)", BINARY, SHARES[1]),
    (
        "Circle(gamma=8.0)",
        CLASSES[0],
        FLOATS[1] / np.linalg.norm(FLOATS[1], axis=-1, keepdims=True),
    ),
    ("SparseCategoricalCrossentropy(ignore_class=2)", CLASSES[0], ROWS),
]


def made(expression: str, module: Any) -> Any:
    """Make an object of our own text, above."""
    return eval(expression, dict(vars(module)))  # noqa: S307


@pytest.mark.parametrize(("expression", "y_true", "y_pred"), LOSSES, ids=[x[0] for x in LOSSES])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss(real: Any, expression: str, y_true: Any, y_pred: Any, weighted: bool) -> None:
    ours, theirs = (made(expression, k.losses) for k in (keras, real))
    weights = WEIGHTS if weighted else None
    want = np.asarray(theirs(y_true, y_pred, sample_weight=weights))
    np.testing.assert_allclose(ours(y_true, y_pred, sample_weight=weights), want, rtol=2e-5)
    again = type(ours).from_config(ours.get_config())
    np.testing.assert_allclose(again(y_true, y_pred, sample_weight=weights), want, rtol=2e-5)


METRICS = [
    ("AUC(summation_method='minoring')", BINARY, SHARES[1]),
    ("AUC(curve='PR', summation_method='majoring')", BINARY, SHARES[1]),
    ("AUC(curve='PRGAIN', num_thresholds=20)", BINARY, SHARES[1]),
    ("AUC(thresholds=[0.2, 0.3, 0.9], from_logits=True)", BINARY, FLOATS[1]),
    ("AUC(curve='PR', multi_label=True, label_weights=[1.0, 2.0, 0.5, 0.1])", BINARY, SHARES[1]),
    ("AUC(label_weights=[1.0, 2.0, 0.5, 0.1])", BINARY, SHARES[1]),
    ("Precision(top_k=2)", BINARY, SHARES[1]),
    ("Precision([0.0, 0.5, 1.0], class_id=2)", BINARY, SHARES[1]),
    ("Recall([0.1, 0.7])", BINARY, SHARES[1]),
    ("TrueNegatives([0.1, 0.7])", BINARY, SHARES[1]),
    ("SensitivityAtSpecificity(0.6, num_thresholds=9)", BINARY, SHARES[1]),
    ("RecallAtPrecision(0.6, num_thresholds=1)", BINARY, SHARES[1]),
    ("PrecisionAtRecall(0.6, class_id=1)", BINARY, SHARES[1]),
    ("FBetaScore('weighted', 0.5, 0.4)", BINARY, SHARES[1]),
    ("F1Score()", ONE_HOT, ROWS),
    ("R2Score('variance_weighted_average')", FLOATS[0], FLOATS[1]),
    ("R2Score(None)", FLOATS[0], FLOATS[1]),
    ("R2Score(num_regressors=2)", FLOATS[0], FLOATS[1]),
    ("RootMeanSquaredError()", FLOATS[0], FLOATS[1]),
    ("MeanIoU(4, ignore_class=1)", CLASSES[0], CLASSES[1]),
    ("OneHotIoU(4, [0, 3], dtype='float32')", ONE_HOT, ROWS),
    ("PearsonCorrelation()", FLOATS[0], FLOATS[1]),
    ("ConcordanceCorrelation()", FLOATS[0], FLOATS[1]),
    ("SparseTopKCategoricalAccuracy(2)", CLASSES[0], ROWS),
]


@pytest.mark.parametrize(("expression", "y_true", "y_pred"), METRICS, ids=[x[0] for x in METRICS])
def test_metric(real: Any, expression: str, y_true: Any, y_pred: Any) -> None:
    ours, theirs = (made(expression, k.metrics) for k in (keras, real))
    weighted = "IoU(4, i" not in expression and "multi_label" not in expression
    for part in (slice(0, 4), slice(4, 7)):
        weights = WEIGHTS[part] if weighted else None
        for metric in (ours, theirs):
            metric.update_state(y_true[part], y_pred[part], sample_weight=weights)
    np.testing.assert_allclose(ours.result(), np.asarray(theirs.result()), rtol=2e-5, atol=1e-6)
    ours.reset_state()
    assert not any(np.any(v.numpy()) for v in ours.variables)
    assert set(ours.get_config()) == set(theirs.get_config())
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


OPTIMIZERS = [
    "AdamW(0.01, weight_decay=0.1)",
    "Adadelta(1.0, rho=0.8)",
    "Adafactor(0.01)",
    "Adagrad(0.1, initial_accumulator_value=0.2)",
    "Adamax(0.01)",
    "Ftrl(0.1, -0.4, 0.2, 0.01, 0.02, 0.03, 0.1)",
    "Lamb(0.01)",
    "Lion(0.01)",
    "Muon(0.01)",
    "Muon(0.01, exclude_layers=['wide'], nesterov=False, rms_rate=None)",
    "Nadam(0.01)",
    "ScheduleFreeAdamW(0.01, warmup_steps=3)",
    "LossScaleOptimizer(SGD(0.1), initial_scale=4.0, dynamic_growth_steps=2)",
    "SGD(schedules.CosineDecay(0.01, 4, 0.1, warmup_target=0.1, warmup_steps=2), momentum=0.5)",
]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("expression", OPTIMIZERS)
def test_optimizer(real: Any, expression: str) -> None:
    shapes = {"wide": (3, 5), "tall": (4, 2), "bias": (3,)}
    first = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    steps = [[RNG.normal(size=s).astype(np.float32) for s in shapes.values()] for _ in range(6)]
    results = []
    for k in (keras, real):
        variables = [k.Variable(value, name=name) for name, value in first.items()]
        optimizer = made(expression, k.optimizers)
        for gradients in steps:
            optimizer.apply([k.ops.convert_to_tensor(g) for g in gradients], variables)
        results.append([k.ops.convert_to_numpy(v.value) for v in variables])
        config = optimizer.get_config()
        results.append(set(config))
    assert results[1] == results[3]
    for ours, theirs in zip(results[0], results[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


SCHEDULES = [
    "ExponentialDecay(0.1, 7, 0.8, staircase=True)",
    "InverseTimeDecay(0.1, 7, 0.5, staircase=True)",
    "PolynomialDecay(0.1, 7, 0.01, power=0.5, cycle=True)",
    "PiecewiseConstantDecay([3, 8], [1.0, 0.5, 0.1])",
    "CosineDecay(0.1, 20, 0.2)",
    "CosineDecayRestarts(0.1, 6, t_mul=1.5, m_mul=0.8, alpha=0.1)",
    "CosineDecayRestarts(0.1, 6, t_mul=1.0)",
]


@pytest.mark.parametrize("expression", SCHEDULES)
def test_schedule(real: Any, expression: str) -> None:
    ours, theirs = (made(expression, k.optimizers.schedules) for k in (keras, real))
    steps = (0, 1, 2, 3, 4, 8, 13, 30)
    want = [float(theirs(step)) for step in steps]
    np.testing.assert_allclose([float(ours(step)) for step in steps], want, rtol=1e-5, atol=1e-7)
    assert ours.get_config() == theirs.get_config()
    plain = keras.optimizers.schedules.serialize(ours)
    assert keras.optimizers.schedules.deserialize(plain).get_config() == ours.get_config()
