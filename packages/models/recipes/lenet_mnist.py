"""Train the preset lenet.mnist: a small convnet that reads handwritten digits. Two minutes on one core."""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np

import penstock_keras_api as keras
from penstock_models.architectures.classifier import classifier
from penstock_models.architectures.lenet import LenetConfig, backbone
from penstock_models.evaluation.intervals import wilson
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, Run, publish, start

HELD_OUT = 5000  # of the training pictures, to see when it learns by heart
CONFIG = LenetConfig(dropout=0.2)


def images(folder: Path, name: str) -> np.ndarray:
    """Read pictures of 28 pixels: uint8 [pictures, 28, 28, 1]."""
    data = gzip.decompress((folder / f"{name}-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28, 1)


def labels(folder: Path, name: str) -> np.ndarray:
    """Read the digits: int64 [pictures]."""
    data = gzip.decompress((folder / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=8).astype("int64")


def train(run: Run) -> tuple[keras.Model, Progress]:
    """Train the network on all but the last pictures."""
    folder = run.data / "datasets" / "mnist"
    x = images(folder, "train").astype("float32") / 255
    y = labels(folder, "train")
    network = classifier(backbone(CONFIG), 10)
    epochs, batch = run.options.epochs, 128
    steps = epochs * ((len(x) - HELD_OUT + batch - 1) // batch)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
        metrics={"logits": "accuracy"},
    )
    progress = Progress(run)
    network.fit(
        x[:-HELD_OUT],
        {"logits": y[:-HELD_OUT]},
        validation_data=(x[-HELD_OUT:], {"logits": y[-HELD_OUT:]}),
        epochs=epochs,
        batch_size=batch,
        verbose=0,
        callbacks=progress.callbacks(),
    )
    return network, progress


def main(run: Run) -> None:
    """Train, measure on the test pictures, and write the preset."""
    network, progress = train(run)
    folder = run.data / "datasets" / "mnist"
    x, y = images(folder, "t10k"), labels(folder, "t10k")
    logits = network.predict(x.astype("float32") / 255, batch_size=500, verbose=0)["logits"]
    right = logits.argmax(1) == y
    found = wilson(int(right.sum()), len(y))
    accuracy = Metric(
        name="accuracy",
        value=found.value,
        data="MNIST's 10 000 test pictures",
        note=f"95% interval {found.low:.4f} to {found.high:.4f}; {int((~right).sum())} mistakes",
    )
    facts = {
        "task": "image-classification",
        "architecture": "lenet",
        "config": CONFIG.model_dump(mode="json"),
        "options": {"head": "classifier"},
        "input": Input(kind="image", size=(28, 28), channels=1, scale=1 / 255),
        "labels": tuple("0123456789"),
        "licence": "CC-BY-SA-3.0",
        "trained_on": "The first 55 000 training pictures of MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0.",
        "intended_use": "Reads one handwritten digit, white on black, in the middle of a picture of 28 by 28 pixels.",
        "limits": "Digits in black on white, off the middle, or several on a picture, are read wrongly; whatever is no "
        "digit is read as one.",
    }
    question = x[0].tolist()
    publish(network, progress, facts=facts, metrics=[accuracy], question=question)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the recipe's own arguments."""
    parser.add_argument("--epochs", type=int, default=10)


if __name__ == "__main__":
    main(start("lenet.mnist", __doc__, options))
