"""Train the preset ssd_mobilenet_v1.shapes: a tiny detector of drawn shapes. Some minutes on one core."""

from __future__ import annotations

import argparse

from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config
from penstock_models.detection.shapes import LABELS, draw_shapes
from penstock_models.evaluation import evaluate_detection
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.recipes.curve_of_fit import CurveOfFit
from penstock_models.tasks.object_detector import ObjectDetector

SIZE = 64
CONFIG = SsdMobilenetV1Config(
    num_classes=len(LABELS),
    size=(SIZE, SIZE),
    width_multiplier=0.5,
    pairs=((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)),
    taps=(2, 4),
    extras=((128, 256),),
    least_scale=0.18,
    most_scale=0.5,
    aspects=(1.0, 2.0, 0.5),
    small_first=False,
)


def main(run: Run) -> None:
    """Train, measure on pictures that were not trained on, and write the preset."""
    detector = ObjectDetector.new(LABELS, CONFIG, seed=run.seed)
    progress = Progress(run)
    detector.fit(
        draw_shapes(run.options.pictures, SIZE, seed=1),
        draw_shapes(100, SIZE, seed=2),
        epochs=run.options.epochs,
        learning_rate=1e-2,
        augment=False,
        time_limit=run.seconds,
        checkpoint=run.out / "backup",
        callbacks=[CurveOfFit(progress)],
    )
    test = draw_shapes(500, SIZE, seed=3)
    made = evaluate_detection(detector.found(test.inputs), test.targets, test.labels)
    things = sum(len(boxes.classes) for boxes in test.targets)
    data = f"500 drawn pictures with {things} shapes, of another seed than those of training"
    note = f"95% interval {made.ap50.low:.3f} to {made.ap50.high:.3f}"
    metrics = [
        Metric(name="AP50", value=made.ap50.value, data=data, note=note),
        Metric(name="AP50:95", value=made.ap, data=data),
    ]
    facts = {
        "task": "object-detection",
        "architecture": "ssd_mobilenet_v1",
        "config": CONFIG.model_dump(mode="json", exclude_defaults=True),
        "input": Input(kind="image", size=(SIZE, SIZE)),
        "labels": LABELS,
        "licence": "Apache-2.0",
        "trained_on": f"{run.options.pictures} pictures that penstock_models.detection.shapes draws.",
        "intended_use": "Finds circles, squares, triangles and rings on drawn pictures: to try detectors, and to test what "
        "takes one. A start for detectors of other simple things.",
        "limits": "Knows drawn shapes only; on photographs it finds nothing of use.",
    }
    question = test.inputs[0].tolist()
    publish(detector.network, progress, facts=facts, metrics=metrics, question=question, half=True)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--pictures", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=16)


if __name__ == "__main__":
    main(start("ssd_mobilenet_v1.shapes", __doc__, options))
