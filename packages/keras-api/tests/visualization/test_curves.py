"""Curves have scikit-learn's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_keras_api.visualization import curves

theirs = pytest.importorskip("sklearn.metrics")


@st.composite
def binary(draw):
    """Return labels of both classes, and scores of which many are equal."""
    count = draw(st.integers(2, 40))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    labels[0], labels[1] = 0, 1
    scores = draw(st.lists(st.integers(0, 10), min_size=count, max_size=count))
    return np.array(labels), np.array(scores) / 10


@given(binary())
@settings(deadline=None)
def test_roc(sample):
    for ours, expected in zip(curves.roc_curve(*sample), theirs.roc_curve(*sample), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)
    false, true, _ = curves.roc_curve(*sample)
    assert curves.area(false, true) == pytest.approx(theirs.roc_auc_score(*sample))


@given(binary())
@settings(deadline=None)
def test_precision_recall(sample):
    found = curves.precision_recall_curve(*sample)
    for ours, expected in zip(found, theirs.precision_recall_curve(*sample), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)
    mean = curves.average_precision(*found[:2])
    assert mean == pytest.approx(theirs.average_precision_score(*sample))


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@given(sample=binary(), bins=st.integers(1, 8))
@settings(deadline=None)
def test_calibration(strategy, sample, bins):
    from sklearn.calibration import calibration_curve

    share, mean, counts = curves.calibration_curve(*sample, bins, strategy)
    expected = calibration_curve(*sample, n_bins=bins, strategy=strategy)
    np.testing.assert_allclose(share, expected[0], atol=1e-12)
    np.testing.assert_allclose(mean, expected[1], atol=1e-12)
    assert counts.sum() == len(sample[0])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=50))
@settings(deadline=None)
def test_confusion_matrix(pairs):
    truth, guess = (np.array(part) for part in zip(*pairs, strict=True))
    expected = theirs.confusion_matrix(truth, guess, labels=range(5))
    assert curves.confusion_matrix(truth, guess, 5).tolist() == expected.tolist()
    rows = np.eye(5)[truth], np.eye(5)[guess] * 0.6 + 0.08
    assert curves.confusion_matrix(*rows).tolist() == expected.tolist()


def test_probabilities_of_one_class_are_labels():
    assert curves.as_labels([[0.2], [0.7], [0.5]]).tolist() == [0, 1, 0]
    assert curves.as_labels([0.0, 1.0, 2.0]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curves.roc_curve([0, 1], [0.1]), "give as many of each"),
        (lambda: curves.roc_curve([1, 1], [0.1, 0.2]), "needs samples of both classes"),
        (lambda: curves.roc_curve([1, 2], [0.1, 0.2]), r"y_true == k, y_score\[:, k\]"),
        (lambda: curves.roc_curve([1, 0], [0.1, np.nan]), "drop these rows or mend the model"),
        (lambda: curves.roc_curve([], []), "with at least one sample"),
        (lambda: curves.roc_curve([[[1]]], [1.0]), r"expected \[n\] or \[n, 1\]"),
        (lambda: curves.calibration_curve([1, 0], [0.1, 1.2]), "apply keras.ops.sigmoid"),
        (lambda: curves.calibration_curve([1, 0], [0.1, 0.2], 0), "at least 1 bin"),
        (lambda: curves.calibration_curve([1, 0], [0.1, 0.2], 3, "x"), "'uniform' or 'quantile'"),
        (lambda: curves.confusion_matrix([0, 5], [0, 1], 3), "give num_classes=6"),
        (lambda: curves.confusion_matrix([0, -1], [0, 1]), "labels go from -1"),
        (lambda: curves.as_labels([1.5, -2.0]), "apply keras.ops.sigmoid or argmax"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
