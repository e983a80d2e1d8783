"""Pictures show the numbers that they are given; what they look like was judged by eye."""

import sys

import numpy as np
import pytest

from penstock import keras

pytest.importorskip("matplotlib")
view = keras.visualization

LABELS = np.array([0, 2, 1, 2, 0, 1])
SCORES = np.eye(3)[[0, 2, 1, 1, 0, 2]] * 0.7 + 0.1


def texts(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_history_of_fit(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    history = model.fit(x, 2 * x, epochs=3, validation_data=(x, 2 * x), verbose=0)
    figure = history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    assert [axis.get_title() for axis in figure.axes] == ["loss", "mae"]
    training, validation, _ = figure.axes[0].lines
    assert training.get_xdata().tolist() == [1, 2, 3]
    assert training.get_ydata().tolist() == history.history["loss"]
    assert validation.get_ydata().tolist() == history.history["val_loss"]
    assert "in epoch 3" in texts(figure)[2]
    assert len(history.plot(metrics=["mae"]).axes) == 1


def test_best_epoch_of_accuracy_is_the_highest():
    figure = view.plot_history({"accuracy": [0.1, 0.2], "val_accuracy": [0.3, 0.2]})
    assert texts(figure)[2] == "best: 0.3 in epoch 1"


def test_what_was_not_validated_needs_no_legend():
    figure = view.plot_history({"learning_rate": [0.1, 0.05]})
    assert figure.axes[0].get_legend() is None


def test_more_classes_than_colours_look_different():
    figure = view.plot_roc(np.arange(10), np.eye(10))
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 11  # with chance


def test_epochs_that_were_all_nan_have_no_best():
    figure = view.plot_history({"loss": [np.nan], "val_loss": [np.nan]})
    assert texts(figure) == ["training", "validation"]


def test_confusion_matrix():
    figure = view.plot_confusion_matrix(LABELS, SCORES, ["cat", "dog", "horse"])
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts] == ["2", "0", "0", "0", "1", "1", "0", "1", "1"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["cat", "dog", "horse"]
    assert axis.get_title() == "accuracy 66.67% of 6"
    shares = view.plot_confusion_matrix(LABELS, SCORES, normalize=True)
    assert [text.get_text() for text in shares.axes[0].texts][4:6] == ["0.50", "0.50"]


def test_one_curve_for_each_class():
    metrics = pytest.importorskip("sklearn.metrics")
    scores = SCORES + np.arange(18).reshape(6, 3) / 100
    expected = metrics.roc_auc_score(LABELS == 2, scores[:, 2])
    assert texts(view.plot_roc(LABELS, scores, ["a", "b", "c"]))[2] == f"c: AUC {expected:.3f}"
    expected = metrics.average_precision_score(LABELS == 1, scores[:, 1])
    assert (
        texts(view.plot_precision_recall(np.eye(3)[LABELS], scores))[1] == f"1: AP {expected:.3f}"
    )


def test_calibration():
    figure = view.plot_calibration([[0], [1], [1]], [[0.2], [0.2], [0.9]], bins=5)
    assert figure.axes[0].get_title() == "calibration error 0.233"
    assert figure.axes[0].lines[1].get_ydata().tolist() == [0.5, 1.0]


def test_notebooks_show_figures():
    assert view.plot_roc([0, 1], [0.1, 0.2])._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: view.plot_history({}), "train first"),
        (lambda: view.plot_history({"loss": [1]}, metrics=["los"]), "expected some of loss"),
        (lambda: view.plot_roc(LABELS, SCORES, ["a"]), "got 1 names for scores of 3 classes"),
        (lambda: view.plot_confusion_matrix(LABELS, LABELS, ["a", "b"]), "give num_classes=3"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_matplotlib(monkeypatch):
    from penstock_keras_api.visualization import _figure

    _figure._figure_class.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(TypeError, match="pip install matplotlib"):
        view.plot_roc([0, 1], [0.1, 0.2])
