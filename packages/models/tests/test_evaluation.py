"""Figures about classifiers, against scikit-learn, scipy and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.errors import InvalidValueError, ShapeError
from penstock_models.evaluation import (
    calibration,
    changed,
    evaluate,
    fit_temperature,
    measure_latency,
    paired_difference,
    scaled,
    share_interval,
    wilson,
)

LABELS = ("daisy", "rose", "tulip", "weed")


def softmax(z: np.ndarray) -> np.ndarray:
    raised = np.exp(z - z.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def answers(n: int = 400, sharp: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are right more often than not, and targets."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 4, n)
    z = rng.normal(size=(n, 4)) + 1.2 * np.eye(4)[targets]
    return softmax(sharp * z), targets


def test_scores_of_classes_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, targets = answers()
    made = evaluate(probabilities, targets, LABELS)
    best = probabilities.argmax(1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(targets, best)
    assert [c.precision for c in made.classes] == pytest.approx(precision)
    assert [c.recall for c in made.classes] == pytest.approx(recall)
    assert [c.f1 for c in made.classes] == pytest.approx(f1)
    assert [c.support for c in made.classes] == support.tolist()
    assert made.confusion.tolist() == metrics.confusion_matrix(targets, best).tolist()
    assert made.accuracy.value == pytest.approx(metrics.accuracy_score(targets, best))
    assert made.f1.value == pytest.approx(metrics.f1_score(targets, best, average="macro"))
    assert made.calibration.loss == pytest.approx(metrics.log_loss(targets, probabilities))
    assert made.f1.low < made.f1.value < made.f1.high


def test_a_label_without_examples_has_zeros_and_no_interval() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, targets = answers(30)
    probabilities[:, 3] = 0.0
    targets[targets == 3] = 0
    made = evaluate(probabilities, targets, LABELS)
    last = made.classes[3]
    assert (last.precision, last.recall, last.f1, last.support, last.interval) == (0, 0, 0, 0, None)
    best = probabilities.argmax(1)
    assert made.f1.value == pytest.approx(metrics.f1_score(targets, best, average="macro"))


def test_bins_and_their_error_are_those_of_scikit_learn() -> None:
    module = pytest.importorskip("sklearn.calibration")
    probabilities, targets = answers()
    right, confidence = probabilities.argmax(1) == targets, probabilities.max(1)
    share, mean = module.calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    made = calibration(probabilities, targets)
    assert [b.accuracy for b in made.bins] == pytest.approx(share)
    assert [b.confidence for b in made.bins] == pytest.approx(mean)
    assert sum(b.count for b in made.bins) == len(targets)
    weights = np.array([b.count for b in made.bins]) / len(targets)
    assert made.error == pytest.approx(float((weights * abs(share - mean)).sum()))


def test_temperature_is_the_one_that_a_search_finds() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    probabilities, targets = answers(sharp=3.0)
    n = len(targets)
    wanted = (n * np.eye(4)[targets] + 0.25) / (n + 1)

    def loss(temperature: float) -> float:
        p = softmax(np.log(probabilities) / temperature)
        return float(-(wanted * np.log(p)).sum(1).mean())

    found = optimize.minimize_scalar(
        loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}
    )
    assert fit_temperature(probabilities, targets) == pytest.approx(found.x, rel=1e-5)
    assert found.x > 1.5  # the answers were made too sure


def test_temperature_makes_held_out_answers_honest_and_keeps_the_best_label() -> None:
    probabilities, targets = answers(2000, sharp=4.0)
    temperature = fit_temperature(probabilities[:1000], targets[:1000])
    before, own = probabilities[1000:], targets[1000:]
    after = scaled(before, temperature)
    assert calibration(after, own).error < 0.4 * calibration(before, own).error
    assert calibration(after, own).loss < calibration(before, own).loss
    assert (after.argmax(1) == before.argmax(1)).all()
    assert after.sum(1) == pytest.approx(np.ones(1000))


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0, 7.0, 20.0])
def test_no_temperature_changes_the_best_label(temperature: float) -> None:
    probabilities, _ = answers(3000, sharp=3.0, seed=4)
    assert (scaled(probabilities, temperature).argmax(1) == probabilities.argmax(1)).all()


def test_few_faultless_answers_do_not_ask_for_boundless_confidence() -> None:
    probabilities = np.full((10, 2), 0.1)
    probabilities[:, 0] = 0.9
    after = scaled(probabilities, fit_temperature(probabilities, np.zeros(10, int)))
    assert after[0, 0] == pytest.approx(10.5 / 11, abs=1e-6)


def test_temperature_of_answers_that_know_nothing_is_one() -> None:
    assert fit_temperature(np.full((8, 4), 0.25), np.zeros(8, int)) == pytest.approx(1.0)


def test_temperature_of_answers_that_are_always_wrong_is_the_hottest() -> None:
    probabilities = np.tile([[0.999, 0.001]], (50, 1))
    assert fit_temperature(probabilities, np.ones(50, int)) == pytest.approx(20.0, rel=1e-3)


def test_a_probability_of_zero_is_no_infinity() -> None:
    temperature = fit_temperature(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    assert 0.05 <= temperature <= 20.0
    assert np.isfinite(scaled(np.array([[1.0, 0.0]]), temperature)).all()


def test_bootstrap_is_close_to_wilson_and_the_same_every_time() -> None:
    right = np.arange(500) % 5 > 0
    drawn, exact = share_interval(right, seed=1), wilson(400, 500)
    assert (drawn.value, exact.value) == (0.8, 0.8)
    assert drawn.low == pytest.approx(exact.low, abs=0.006)
    assert drawn.high == pytest.approx(exact.high, abs=0.006)
    assert drawn == share_interval(right, seed=1) != share_interval(right, seed=2)


def test_bootstrap_by_counting_is_bootstrap_by_drawing() -> None:
    right = np.arange(60) % 4 > 0
    rng = np.random.default_rng(3)
    means = [right[rng.integers(0, 60, 60)].mean() for _ in range(4000)]
    low, high = np.quantile(means, (0.025, 0.975))
    made = share_interval(right)
    assert (made.low, made.high) == pytest.approx((low, high), abs=0.018)


def test_wilson_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right, count in ((0, 5), (3, 7), (45, 50), (12, 12)):
        exact = stats.binomtest(right, count).proportion_ci(method="wilson")
        made = wilson(right, count)
        assert (made.low, made.high) == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_all_right_is_not_shown_as_certain() -> None:
    assert share_interval(np.ones(20, bool)) == wilson(20, 20)
    assert wilson(20, 20).low < 0.85


def test_paired_difference_is_narrower_than_unpaired() -> None:
    theirs = np.arange(200) % 10 < 7
    ours = theirs | (np.arange(200) % 10 == 9)
    made = paired_difference(ours, theirs)
    assert made.value == pytest.approx(0.1)
    assert 0.05 < made.low < 0.1 < made.high < 0.15
    unpaired = share_interval(ours).high - share_interval(theirs).low - made.value
    assert made.high - made.value < unpaired


def test_mistakes_come_surest_first() -> None:
    made = evaluate([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 1, 1, 0], ["a", "b"])
    assert [(m.index, m.target, m.answer) for m in made.mistakes] == [
        (2, 1, 0),
        (3, 0, 1),
        (0, 1, 0),
    ]
    assert made.mistakes[0].confidence == 0.8
    assert made.mistakes[0].given_to_target == 0.2


def test_abstention_answers_the_surest_first() -> None:
    made = evaluate([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3]], [1, 1, 1, 0], ["a", "b"])
    curve = made.abstention
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.accuracy.tolist() == [1.0, 1.0, 1.0, 0.75]
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.at(0.75) == 1.0
    assert curve.at(1.0) == 0.75
    assert curve.at(0.0) == 1.0


def test_another_model_is_compared_on_the_same_examples_only() -> None:
    probabilities, targets = answers(50)
    made = evaluate(probabilities, targets, LABELS)
    flipped = evaluate(probabilities[::-1], targets, LABELS)
    assert made.against(flipped).value == pytest.approx(made.right.mean() - flipped.right.mean())
    with pytest.raises(InvalidValueError, match="judge both on the same ones"):
        made.against(evaluate(probabilities, 3 - targets, LABELS))


@pytest.mark.parametrize(
    ("probabilities", "targets", "error", "words"),
    [
        ([[0.5, 0.5]], [0, 1], ShapeError, "a row for each example"),
        (np.zeros((0, 2)), [], InvalidValueError, "give at least one"),
        ([[0.5, 0.5]], [2], InvalidValueError, "numbers 0 to 1"),
        ([[np.nan, 0.5]], [0], InvalidValueError, "lower the learning rate"),
    ],
)
def test_arrays_that_do_not_belong_together(
    probabilities: object, targets: list[int], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate(probabilities, targets, ["a", "b"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wilson(0, 0), "at least one"),
        (lambda: share_interval(np.zeros(0, bool)), "at least one"),
        (lambda: paired_difference(np.ones(2, bool), np.ones(3, bool)), "same examples"),
        (lambda: scaled(np.ones((1, 2)) / 2, 0.0), "one above 0"),
        (lambda: fit_temperature(np.zeros((0, 2)), np.zeros(0, int)), "held-out"),
        (lambda: calibration(np.zeros((0, 2)), np.zeros(0, int)), "at least one"),
        (lambda: measure_latency(int, seconds=0), "both above 0"),
        (lambda: changed(np.zeros((2, 2, 3), np.uint8), "melted"), "there are: blurred"),
    ],
)
def test_errors_say_what_to_give(call: object, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        call()  # type: ignore[operator]


def test_latency_counts_runs_and_orders_percentiles() -> None:
    calls = []
    made = measure_latency(lambda: calls.append(1), seconds=5.0, most=20)
    assert made.runs == 20
    assert len(calls) == 23
    assert 0 <= made.p50 <= made.p95


def test_pictures_made_worse() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    for name in ("blurred", "noisy", "darker", "brighter", "without colours"):
        made = changed(picture, name)
        assert made.shape == picture.shape
        assert made.dtype == np.uint8
        assert not np.array_equal(made, picture)
        assert np.array_equal(made, changed(picture, name))
    assert changed(picture, "blurred").std() < 0.6 * picture.std()
    flat = np.full((40, 40, 3), 77, np.uint8)
    assert np.array_equal(changed(flat, "blurred"), flat)
    gray = changed(picture, "without colours")
    assert (gray[..., 0] == gray[..., 2]).all()
