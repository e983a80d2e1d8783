"""Train the preset style_transfer.three_styles: one network that paints in three styles, and mixtures of them.

The loss compares what a SqueezeNet sees: the picture and its painting must look alike far up, the painting and the
style's picture in the products of channels (Johnson et al., 2016). Some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures.style_transfer import StyleTransferConfig, backbone
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets import Input, Metric
from penstock_models.presets.load import from_preset
from penstock_models.recipes import Progress, Run, publish, start
from penstock_models.tasks.stylist import Stylist

STYLES = ("udnie", "stripes", "sketch")
FEATURES = "squeezenet_v1_1.imagenet_features"
# Of SqueezeNet: where styles are compared, and where contents.
STYLE_LAYERS, CONTENT_LAYER = (
    ("conv1", "fire3_concat", "fire5_concat", "fire7_concat"),
    "fire5_concat",
)
SIDE, STYLE_SIDE, HELD_OUT = 96, 160, 30
CONFIG = StyleTransferConfig(
    widths=(16, 32, 48), num_blocks=4, code_width=len(STYLES), padding="mirror", enlarging="nearest", output="sigmoid",
)  # fmt: skip


class Judge(keras.Model):
    """The painter, and what is wrong with what it paints.

    Args:
        painter: The network that learns.
        features: SqueezeNet up to some layers; it stays as it is.
        pictures: One of each style: [styles, height, width, 3].
        contents: Some photographs, for the size of usual differences.
    """

    def __init__(self, painter: Any, features: Any, pictures: Any, contents: Any) -> None:
        super().__init__(name="judge")
        self.painter = painter
        self.features = features
        self.flip = keras.layers.RandomFlip("horizontal", seed=0)
        self.scaler = ImageScaler.of(from_preset(FEATURES).input.model_copy(update={"size": None}))
        wanted = [self.grams(self.seen(picture[None])) for picture in pictures]
        self.wanted = [ps.concat([w[i] for w in wanted], 0) for i in range(len(STYLE_LAYERS))]
        photos = self.seen(contents)
        self.usual_style = [
            float(ps.mean((gram[None] - want[:, None]) ** 2))
            for gram, want in zip(self.grams(photos), self.wanted, strict=True)
        ]
        content = photos[CONTENT_LAYER]
        self.usual_content = float(ps.mean((content - ps.mean(content, axis=0)) ** 2))

    def seen(self, pictures: Any) -> Any:
        """Return what SqueezeNet sees on pictures with pixels from 0 to 255."""
        return self.features(self.scaler(pictures), training=False)

    def grams(self, seen: Any) -> list[Any]:
        """Return products of channels, a matrix for each layer and picture."""
        return [_gram(seen[name]) for name in STYLE_LAYERS]

    def call(self, inputs: Any, training: bool = False) -> dict[str, Any]:
        """Return three losses for each picture, in parts of what they are for a photograph."""
        photos = ps.cast(inputs["images"], "float32")
        photos = self.flip(photos, training=training)
        code = inputs["style"]
        image = self.painter({"images": photos, "style": code})["image"]
        painted, photographed = self.seen(image * 255.0), self.seen(photos)
        differences = (painted[CONTENT_LAYER] - photographed[CONTENT_LAYER]) ** 2
        style: Any = 0.0
        for gram, wanted, usual in zip(
            self.grams(painted), self.wanted, self.usual_style, strict=True
        ):
            want = ps.einsum("bs,scd->bcd", code, wanted)
            style = style + ps.mean((gram - want) ** 2, axis=(1, 2)) / usual
        down, across = image[:, 1:] - image[:, :-1], image[:, :, 1:] - image[:, :, :-1]
        smooth = ps.mean(down**2, axis=(1, 2, 3)) + ps.mean(across**2, axis=(1, 2, 3))
        return {
            "content": ps.mean(differences, axis=(1, 2, 3)) / self.usual_content,
            "style": style / len(STYLE_LAYERS),
            "smooth": smooth,
        }


def _gram(features: Any) -> Any:
    batch, height, width, channels = features.shape
    rows = ps.reshape(features, (batch, height * width, channels))
    return ps.matmul(ps.permute_dims(rows, (0, 2, 1)), rows) / (height * width * channels)


def _value(wanted: Any, made: Any) -> Any:
    """The loss is the output itself."""
    return made


def squares(folder: Path, side: int) -> np.ndarray:
    """Read photographs, cut to squares: uint8 [photographs, side, side, 3]."""
    paths = sorted(folder.glob("*/*.jpg"))
    return np.stack([_square(path, side) for path in paths])


def _square(path: Path, side: int) -> np.ndarray:
    pixels = read_image(path)
    height, width = pixels.shape[:2]
    cut = min(height, width)
    top, left = (height - cut) // 2, (width - cut) // 2
    square = pixels[top : top + cut, left : left + cut]
    return np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.BILINEAR))


def judge_of(run: Run, photos: np.ndarray) -> Judge:
    """Return a new painter and its judge."""
    squeezenet = from_preset(FEATURES).network
    layers = dict.fromkeys((*STYLE_LAYERS, CONTENT_LAYER))
    features = keras.Model(
        squeezenet.input, {name: squeezenet.get_layer(name).output for name in layers}
    )
    features.trainable = False
    folder = run.data / "images"
    styles = np.stack([_square(folder / f"style_{name}.jpg", STYLE_SIDE) for name in STYLES])
    return Judge(backbone(CONFIG), features, styles, photos[:20])


def pairs(photos: np.ndarray) -> dict[str, np.ndarray]:
    """Return every photograph with every style."""
    codes = np.eye(len(STYLES), dtype="float32")
    return {
        "images": np.repeat(photos, len(STYLES), 0),
        "style": np.tile(codes, (len(photos), 1)),
    }


def train(run: Run) -> tuple[Judge, Progress, np.ndarray]:
    """Train on all photographs but the last of a fixed order, which are returned too."""
    photos = squares(run.data / "datasets" / "flowers", SIDE)
    photos = photos[np.random.default_rng(0).permutation(len(photos))][: run.options.photos]
    held_out, photos = photos[:HELD_OUT], photos[HELD_OUT:]
    judge = judge_of(run, photos)
    x, batch = pairs(photos), 4
    steps = run.options.epochs * math.ceil(len(x["style"]) / batch)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    judge.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=1.0),
        {"content": _value, "style": _value, "smooth": _value},
        loss_weights={"content": 1.0, "style": run.options.style_weight, "smooth": 2.0},
    )
    nothing = np.zeros(len(x["style"]), "float32")
    progress = Progress(run)
    judge.fit(
        x,
        {"content": nothing, "style": nothing, "smooth": nothing},
        epochs=run.options.epochs,
        batch_size=batch,
        verbose=0,
        callbacks=progress.callbacks(),
    )
    return judge, progress, held_out


def measured(judge: Judge, photos: np.ndarray) -> list[Metric]:
    """Return how near paintings of photographs come to each style, and stay to the photograph."""
    found = judge.predict(pairs(photos), batch_size=6, verbose=0)
    style = found["style"].reshape(-1, len(STYLES)).mean(0)
    data = f"{len(photos)} photographs of flowers that were not trained on"
    metrics = [
        Metric(
            name=f"distance from the style {name}",
            value=float(value),
            data=data,
            note="1 is the mean distance of photographs from the styles",
        )
        for name, value in zip(STYLES, style, strict=True)
    ]
    content = Metric(
        name="distance from the photograph",
        value=float(found["content"].mean()),
        data=data,
        note="1 is the usual distance of one photograph from the mean of all",
    )
    return [*metrics, content]


def grid(run: Run, painter: Any) -> None:
    """Write grid.jpg: two photographs, each as it is, in the three styles, and between the first two."""
    net = ps.function(lambda images, style: painter({"images": images, "style": style}))
    stylist = Stylist(net, ImageScaler((160, 160)), None, STYLES)
    rows = []
    for name in ("content_chicago.jpg", "content_golden_gate.jpg"):
        photo = _square(run.data / "images" / name, 160)
        styles: list[Any] = [*STYLES, {STYLES[0]: 1, STYLES[1]: 1}]
        rows.append(np.concatenate([photo, *(stylist.predict(photo, s) for s in styles)], 1))
    Image.fromarray(np.concatenate(rows)).save(run.out / "grid.jpg", quality=85)


def main(run: Run) -> None:
    """Train, measure on photographs that were held out, and write the preset."""
    judge, progress, held_out = train(run)
    metrics = measured(judge, held_out)
    grid(run, judge.painter)
    facts = {
        "task": "style-transfer",
        "architecture": "style_transfer",
        "config": CONFIG.model_dump(mode="json"),
        "input": Input(kind="image"),
        "labels": STYLES,
        "licence": "Apache-2.0",
        "trained_on": f"{run.options.photos - HELD_OUT} photographs of tf_flowers (CC BY 2.0, their authors on Flickr), and "
        "three pictures of styles of reiinakano/arbitrary-image-stylization-tfjs (Apache-2.0). The loss sees through "
        f"{FEATURES} (MIT).",
        "intended_use": "Paints photographs in one of three styles, or in a mixture of them.",
        "limits": "Small and trained for minutes: coarse patterns, and the colours of the style. Trained at 96 pixels; on large "
        "pictures the strokes are small.",
    }
    photo = _square(run.data / "images" / "content_chicago.jpg", 32)
    question = {"image": photo.tolist(), "style": {"udnie": 1, "sketch": 1}}
    notes = "![photographs, the three styles, and the first two mixed](grid.jpg)"
    publish(
        judge.painter, progress, facts=facts, metrics=metrics, question=question, half=True, notes=notes
    )  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--style-weight", type=float, default=5.0)


if __name__ == "__main__":
    main(start("style_transfer.three_styles", __doc__, options))
