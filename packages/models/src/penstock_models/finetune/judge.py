"""The step that judges: answers to examples that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock_models.data.examples import Examples
from penstock_models.evaluation import (
    CHANGES,
    DetectionEvaluation,
    Evaluation,
    Interval,
    Latency,
    changed,
    evaluate,
    evaluate_detection,
    fit_temperature,
    measure_latency,
    scaled,
)
from penstock_models.finetune.run import Run
from penstock_models.preprocessing import read_image

# How many examples are made worse, to see what that does.
MOST_CHANGED = 200


@dataclass(frozen=True)
class Judged:
    """What a model's answers to the test examples are worth.

    Args:
        evaluation: The answers, of classifiers after temperature scaling.
        uncalibrated: A classifier's answers before.
        temperature: What its scores are divided by.
        probe: What the probe answers.
        robustness: Accuracy on pictures made worse.
        latency: How long an answer takes.
        majority: The accuracy of always giving the commonest label.
    """

    evaluation: Evaluation | DetectionEvaluation
    uncalibrated: Evaluation | None = None
    temperature: float | None = None
    probe: Evaluation | None = None
    robustness: Mapping[str, Interval] = field(default_factory=dict)
    latency: Latency | None = None
    majority: float | None = None

    @property
    def headline(self) -> tuple[str, Interval]:
        """What the figure is called, and the figure."""
        made = self.evaluation
        if isinstance(made, DetectionEvaluation):
            return "AP50", made.ap50
        return "accuracy", made.accuracy


def judge(run: Run, name: str, model: Any) -> Judged:
    """Judge a model on the test examples.

    Args:
        run: The run.
        name: "probe" or "train": which model it is.
        model: The model.

    Returns:
        What its answers are worth.
    """
    with run.teller.step("Judging on test examples"):
        if run.splits.kind == "detection":
            return _judge_detector(run, model)
        return _judge_classifier(run, name, model)


def _judge_detector(run: Run, model: Any) -> Judged:
    test = run.splits.test
    made = evaluate_detection(
        model.found(list(test.inputs)), test.targets, test.labels, run.choices.seed
    )
    first = test.inputs[0]
    return Judged(made, latency=measure_latency(lambda: model.found([first])))


def _judge_classifier(run: Run, name: str, model: Any) -> Judged:
    splits, seed = run.splits, run.choices.seed
    held = probabilities(model, splits.validation)
    temperature = fit_temperature(held, np.asarray(splits.validation.targets))
    raw = probabilities(model, splits.test)
    uncalibrated = evaluate(raw, splits.test.targets, splits.labels, seed)
    made = evaluate(scaled(raw, temperature), splits.test.targets, splits.labels, seed)
    probed = None
    if name != "probe":
        answers = probabilities(run.kept("probe", "probe"), splits.test)
        probed = evaluate(answers, splits.test.targets, splits.labels, seed)
    commonest = np.bincount(np.asarray(splits.train.targets)).argmax()
    first = [splits.test.inputs[0]]
    return Judged(
        made,
        uncalibrated,
        temperature,
        probed,
        _robustness(run, model),
        measure_latency(lambda: model.probabilities(first)),
        float((np.asarray(splits.test.targets) == commonest).mean()),
    )


def probabilities(model: Any, examples: Examples) -> np.ndarray[Any, Any]:
    """Return a classifier's answers: [examples, labels]."""
    made: np.ndarray[Any, Any] = model.probabilities(list(examples.inputs)).numpy()
    return made


def _robustness(run: Run, model: Any) -> dict[str, Interval]:
    """Return the accuracy on pictures made worse, while there is time."""
    test = run.splits.test
    found: dict[str, Interval] = {}
    if test.kind != "image":
        return found
    some = test.subset(range(min(len(test), MOST_CHANGED)))
    pixels = [read_image(path, model.input.channels) for path in some.inputs]
    pace = run.folder.done("probe") or {}
    for change in CHANGES:
        if run.folder.left < 3 * pace.get("each", 0.0) * len(some):
            break
        worse = [changed(image, change, run.choices.seed) for image in pixels]
        answers = model.probabilities(worse).numpy()
        found[change] = evaluate(answers, some.targets, some.labels, run.choices.seed).accuracy
    return found
