"""Adapt ssd_mobilenet_v1.coco_quant to raccoons, beside the same network from nothing. Some minutes on one core."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass

import numpy as np

from penstock_models import from_preset
from penstock_models.data import Examples, read
from penstock_models.evaluation import DetectionEvaluation, Found, evaluate_detection
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets import Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.recipes.curve_of_fit import CurveOfFit
from penstock_models.tasks.object_detector import ObjectDetector

PARENT = "ssd_mobilenet_v1.coco_quant"
TEST = 40
NOTES = """
Most pictures show one large raccoon in the middle, which is why even the same box every time has an AP50; AP50:95 tells
the detectors apart. What begins from nothing has norms, and all 100 pictures in each epoch, as none are held back.
"""


@dataclass(frozen=True)
class Pictures:
    """The raccoons, divided for good: 40 to judge by, the others to learn from."""

    train: Examples
    test: Examples


def pictures(run: Run) -> Pictures:
    """Read the pictures and divide them, the same way for every seed."""
    splits = read(run.data / "datasets" / "raccoon")
    parts = [part for part in (splits.train, splits.validation, splits.test) if part is not None]
    rows = [
        row for part in parts for row in zip(part.names, part.inputs, part.targets, strict=True)
    ]
    rows.sort(key=lambda row: row[0])
    names, inputs, targets = (list(column) for column in zip(*rows, strict=True))
    whole = Examples("detection", inputs, targets, splits.train.labels, names)
    order = np.random.default_rng(0).permutation(len(whole)).tolist()
    return Pictures(whole.subset(order[TEST:]), whole.subset(order[:TEST]))


def judged(detector: ObjectDetector, test: Examples) -> DetectionEvaluation:
    """Return what the detector is worth on the pictures to judge by."""
    return evaluate_detection(detector.found(test.inputs), test.targets, test.labels)


def same_box(data: Pictures) -> DetectionEvaluation:
    """Return what it is worth to say each time that the raccoon is where it usually is."""
    usual = np.median(np.concatenate([boxes.corners for boxes in data.train.targets]), axis=0)
    found = [Found(usual[None], np.ones(1), np.zeros(1, int)) for _ in data.test.inputs]
    return evaluate_detection(found, data.test.targets, data.test.labels)


def metrics_of(made: DetectionEvaluation, which: str) -> list[Metric]:
    """Return the two numbers of a detector."""
    data = f"{TEST} pictures of raccoons that were not trained on"
    note = f"95% interval {made.ap50.low:.3f} to {made.ap50.high:.3f}"
    return [
        Metric(name=f"AP50, {which}", value=made.ap50.value, data=data, note=note),
        Metric(name=f"AP50:95, {which}", value=made.ap, data=data),
    ]


def main(run: Run) -> None:
    """Train both, measure, and write the preset of the one that was adapted."""
    data = pictures(run)
    parent = from_preset(PARENT)
    probe = parent.adapt("probe", labels=data.train.labels, seed=run.seed)
    probe.fit(data.train)
    metrics = metrics_of(judged(probe, data.test), "scores of similar things, not trained")
    detector = parent.adapt("full", labels=data.train.labels, seed=run.seed)
    progress = Progress(run)
    history = detector.fit(
        data.train,
        epochs=run.options.epochs,
        time_limit=run.seconds,
        checkpoint=run.out / "backup",
        callbacks=[CurveOfFit(progress)],
    )
    metrics = [*metrics_of(judged(detector, data.test), "adapted"), *metrics]
    nothing = ObjectDetector.new(
        data.train.labels, detector.config.model_copy(update={"folded": False}), seed=run.seed
    )
    nothing.fit(
        data.train,
        epochs=history.epochs,
        checkpoint=run.out / "backup_of_nothing",
    )
    metrics += metrics_of(judged(nothing, data.test), "from nothing, with as many epochs")
    metrics += metrics_of(same_box(data), "the same box on every picture")
    shutil.rmtree(run.out / "backup_of_nothing", ignore_errors=True)
    facts = {
        "task": "object-detection",
        "architecture": "ssd_mobilenet_v1",
        "config": detector.config.model_dump(mode="json", exclude_defaults=True),
        "input": parent.preset.input,
        "labels": data.train.labels,
        "licence": "Apache-2.0 AND MIT",
        "trained_on": "COCO by way of ssd_mobilenet_v1.coco_quant (Apache-2.0), then 100 pictures of raccoons (datitran, "
        "MIT), 15 of them held back to choose the epoch.",
        "intended_use": "Finds raccoons on photographs; an example of a detector made one's own.",
        "limits": "Takes whatever looks like a raccoon for one: it never saw what else there is.",
    }
    small = ImageScaler((100, 100))(read_image(data.test.inputs[0])[None]).numpy()[0]
    question = small.astype(int).tolist()
    publish(
        detector.network, progress, facts=facts, metrics=metrics, question=question, notes=NOTES
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=12)


if __name__ == "__main__":
    main(start("ssd_mobilenet_v1.raccoon", __doc__, options))
