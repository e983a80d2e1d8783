"""From a folder of pictures and annotations to a detector that serves, by one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import penstock as ps
import penstock_models as models
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config
from penstock_models.detection.shapes import LABELS, draw_shapes
from penstock_models.finetune import finetune
from penstock_models.tasks.object_detector import ObjectDetector

SMALL = SsdMobilenetV1Config(
    size=(48, 48),
    width_multiplier=0.25,
    pairs=((64, 2), (128, 1)),
    taps=(1,),
    extras=((64, 128),),
    small_first=False,
)


def write_voc(folder: Path, count: int, size: int) -> None:
    examples = draw_shapes(count, size, seed=8)
    for number, (pixels, boxes) in enumerate(zip(examples.inputs, examples.targets, strict=True)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
        things = "".join(
            f"<object><name>{LABELS[kind]}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox></object>"
            for kind, (x0, y0, x1, y1) in zip(
                boxes.classes, np.rint(boxes.corners * size).astype(int), strict=True
            )
        )
        (folder / f"{number}.xml").write_text(
            f"<annotation><filename>{number}.png</filename><size><width>{size}</width><height>{size}</height>"
            f"<depth>3</depth></size>{things}</annotation>"
        )


def test_a_folder_of_annotated_pictures_becomes_a_detector(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_voc(tmp_path / "data", 40, 64)
    ObjectDetector.new(["thing"], SMALL).save(tmp_path / "parent", name="ssd_mobilenet_v1.small")
    out = tmp_path / "out"
    result = finetune(tmp_path / "data", tmp_path / "parent", out=out, time=8, verbose=False)
    assert result.record["measures"]["name"] == "AP50"
    assert result.record["data"]["kind"] == "detection"
    assert "AP50" in (out / "report.html").read_text()
    picture = draw_shapes(1, 64, seed=9).inputs[0]
    assert sorted(ps.load(out)(picture)) == ["boxes", "classes", "count", "scores"]
    model = models.from_preset(out)
    assert sorted(model.labels) == sorted(LABELS)
    assert model.preset.metrics[0].name == "AP50"
    again = finetune(
        tmp_path / "data", tmp_path / "parent", out=tmp_path / "twice", replay=out, verbose=False
    )
    assert again.record["replay"]["same"]
