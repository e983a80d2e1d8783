"""Pictures in one call: of a training, and of how predictions compare with the truth."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.visualization import curves
from penstock_keras_api.visualization._figure import COLORS, FAINT, finish, new_figure

Path = str | os.PathLike[str] | None
_DASHES = ("-", "--", ":", "-.")  # for classes beyond the number of colours
_MOST_NUMBERS = 30  # classes, beyond which numbers in a confusion matrix cannot be read


def plot_history(history: Any, path: Path = None, metrics: Iterable[str] | None = None) -> Any:
    """Draw losses and metrics over the epochs, training and validation in one picture for each.

    The best epoch of the validation is marked.

    Args:
        history: What `fit` returned, or its dictionary.
        path: A file to write, such as "history.png"; None for none.
        metrics: Which ones, without "val_"; None for all.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: There is nothing to draw, or no such metric.
        TypeError: matplotlib is missing.

    >>> from penstock import keras
    >>> figure = keras.visualization.plot_history({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]})
    >>> len(figure.axes)
    1
    """
    values: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    known = list(dict.fromkeys(name.removeprefix("val_") for name in values))
    chosen = known if metrics is None else list(metrics)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise InvalidValueError(
            f"[plot_history] got metrics={unknown or chosen}; expected some of {', '.join(known) or 'none: train first'}"
        )
    epochs = getattr(history, "epoch", None)
    columns = min(len(chosen), 3)
    rows = math.ceil(len(chosen) / columns)
    figure, axes = new_figure(4.2 * columns, 3.2 * rows, rows, columns)
    for axis, name in zip(axes.flat, chosen, strict=False):
        _draw_metric(axis, name, values, epochs)
    for axis in axes.flat[len(chosen) :]:
        axis.remove()
    return finish(figure, path)


def _draw_metric(axis: Any, name: str, values: Mapping[str, Sequence[float]], epochs: Any) -> None:
    lines = [("training", name, COLORS[0]), ("validation", f"val_{name}", COLORS[1])]
    for label, key, color in lines:
        if key in values:
            y = np.asarray(values[key], np.float64)
            # A second `fit` goes on in the same lists but numbers its epochs anew.
            x = np.arange(1, len(y) + 1)
            if epochs is not None and len(epochs) == len(y):
                x = np.asarray(epochs) + 1
            axis.plot(x, y, color=color, marker="o", markersize=3, label=label)
            if key.startswith("val_") and np.isfinite(y).any():
                best = int(_best(name, y))
                axis.plot(
                    x[best], y[best], "o", markersize=9, markerfacecolor="none", color=color,
                    label=f"best: {y[best]:.4g} in epoch {x[best]}",
                )  # fmt: skip
    axis.set(title=name, xlabel="epoch")
    axis.xaxis.get_major_locator().set_params(integer=True)
    if f"val_{name}" in values:
        axis.legend(frameon=False, fontsize=8)


def _best(name: str, y: Any) -> Any:
    """Find the best epoch; of what is no error, the highest value is the best."""
    rises = any(part in name for part in ("acc", "auc", "precision", "recall", "f1", "iou", "r2"))
    return np.nanargmax(y) if rises else np.nanargmin(y)


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    class_names: Sequence[str] | None = None,
    normalize: bool = False,
    path: Path = None,
) -> Any:
    """Draw how often each class was taken for each.

    Args:
        y_true: Labels [n], or one-hot [n, classes].
        y_pred: Labels [n], probabilities [n, classes], or probabilities of class 1 [n, 1].
        class_names: What the classes are called; None for their numbers.
        normalize: Whether to show shares of each row, which is a true class.
        path: A file to write; None for none.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: The lengths differ, or there are more classes than names.
        TypeError: matplotlib is missing.

    >>> from penstock import keras
    >>> figure = keras.visualization.plot_confusion_matrix([0, 1, 1], [0, 0, 1], ["cat", "dog"])
    """
    count = None if class_names is None else len(class_names)
    counts = curves.confusion_matrix(y_true, y_pred, count)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = len(counts)
    names = [str(n) for n in class_names] if class_names is not None else [*map(str, range(size))]
    side = min(max(3.6, 0.55 * size + 1.6), 14)
    figure, axes = new_figure(side + 0.8, side)
    axis = axes[0, 0]
    axis.grid(visible=False)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape) if size <= _MOST_NUMBERS else ():
        text = f"{shares[row, column]:.2f}" if normalize else f"{counts[row, column]}"
        color = "white" if shares[row, column] > 0.5 else "#303030"
        axis.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    axis.set(xlabel="predicted", ylabel="true")
    slant = (
        {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        if max(map(len, names)) > 3
        else {}
    )
    axis.set_xticks(range(size), names, **slant)
    axis.set_yticks(range(size), names)
    right = np.trace(counts) / counts.sum()
    axis.set_title(f"accuracy {right:.2%} of {counts.sum()}")
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.8)
    return finish(figure, path)


def plot_roc(
    y_true: Any, y_score: Any, class_names: Sequence[str] | None = None, path: Path = None
) -> Any:
    """Draw the ROC curve, and the area under it; for several classes one curve for each against the rest.

    Args:
        y_true: Labels [n], or one-hot [n, classes].
        y_score: Scores or probabilities: of class 1 [n] or [n, 1], or of every class [n, classes].
        class_names: What the classes are called.
        path: A file to write; None for none.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: The lengths differ, or a class is missing.
        TypeError: matplotlib is missing.

    >>> from penstock import keras
    >>> figure = keras.visualization.plot_roc([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])
    >>> figure.axes[0].get_legend().get_texts()[0].get_text()
    'AUC 0.750'
    """
    figure, axes = new_figure(4.8, 4.6)
    axis = axes[0, 0]
    for style, name, truth, score in _against_rest(y_true, y_score, class_names):
        false, true, _ = curves.roc_curve(truth, score)
        axis.plot(false, true, **style, label=f"{name}AUC {curves.area(false, true):.3f}")
    axis.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="chance")
    axis.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    _square(axis)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return finish(figure, path)


def plot_precision_recall(
    y_true: Any, y_score: Any, class_names: Sequence[str] | None = None, path: Path = None
) -> Any:
    """Draw precision over recall, and the average precision; for several classes one curve for each.

    Args:
        y_true: Labels [n], or one-hot [n, classes].
        y_score: Scores or probabilities: of class 1 [n] or [n, 1], or of every class [n, classes].
        class_names: What the classes are called.
        path: A file to write; None for none.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: The lengths differ, or a class is missing.
        TypeError: matplotlib is missing.

    >>> from penstock import keras
    >>> figure = keras.visualization.plot_precision_recall([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])
    >>> figure.axes[0].get_legend().get_texts()[0].get_text()
    'AP 0.833'
    """
    figure, axes = new_figure(4.8, 4.6)
    axis = axes[0, 0]
    found = list(_against_rest(y_true, y_score, class_names))
    for style, name, truth, score in found:
        precision, recall, _ = curves.precision_recall_curve(truth, score)
        mean = curves.average_precision(precision, recall)
        axis.plot(recall, precision, **style, drawstyle="steps-post", label=f"{name}AP {mean:.3f}")
    if len(found) == 1:
        share = float(np.mean(found[0][2]))
        axis.axhline(share, color=FAINT, linestyle="--", linewidth=1, label=f"chance {share:.3f}")
    axis.set(title="precision and recall", xlabel="recall", ylabel="precision")
    _square(axis)
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    return finish(figure, path)


def plot_calibration(
    y_true: Any, y_prob: Any, bins: int = 10, strategy: str = "uniform", path: Path = None
) -> Any:
    """Draw whether probabilities are to be believed: how often class 1 occurs at each, and how many samples there are.

    Args:
        y_true: 0 or 1, [n] or [n, 1].
        y_prob: Probabilities of class 1, [n] or [n, 1].
        bins: How many groups to make.
        strategy: "uniform" for groups of equal width, "quantile" for groups of equally many samples.
        path: A file to write; None for none.

    Returns:
        A matplotlib figure; its title has the expected calibration error.

    Raises:
        ValueError: A probability is out of range, or there is no such strategy.
        TypeError: matplotlib is missing.

    >>> from penstock import keras
    >>> figure = keras.visualization.plot_calibration([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2)
    """
    share, mean, counts = curves.calibration_curve(y_true, y_prob, bins, strategy)
    error = float(np.sum(np.abs(share - mean) * counts) / counts.sum())
    figure, axes = new_figure(4.8, 5.6, 2, 1, sharex=True, height_ratios=(4, 1))
    axis, below = axes[:, 0]
    axis.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="perfect")
    axis.plot(mean, share, color=COLORS[0], marker="o", markersize=4, label="model")
    axis.set(title=f"calibration error {error:.3f}", ylabel="share of class 1")
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    below.hist(np.ravel(np.asarray(y_prob)), bins=20, range=(0, 1), color=COLORS[5])
    below.set(xlabel="probability of class 1", ylabel="samples")
    return finish(figure, path)


def _square(axis: Any) -> None:
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")


def _against_rest(
    y_true: Any, y_score: Any, class_names: Sequence[str] | None
) -> Iterator[tuple[dict[str, str], str, Any, Any]]:
    """Yield how a line looks, a name, labels of 0 and 1, and scores, for each curve to draw."""
    score = np.asarray(y_score)
    if score.ndim < 2 or score.shape[1] == 1:
        yield {"color": COLORS[0]}, "", y_true, score
        return
    labels = curves.as_labels(y_true)
    count = score.shape[1]
    if class_names is not None and len(class_names) != count:
        raise ShapeError(
            f"[visualization] got {len(class_names)} names for scores of {count} classes; give one for each"
        )
    for k in range(count):
        name = str(k) if class_names is None else str(class_names[k])
        style = {"color": COLORS[k % len(COLORS)], "linestyle": _DASHES[k // len(COLORS) % 4]}
        yield style, f"{name}: ", labels == k, score[:, k]
