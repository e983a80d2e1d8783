"""Film reviews in one sentence, good or bad: MiniLM's vectors with a new head, and the whole network trained further.

PENSTOCK_MIRROR=folder python packages/models/benchmarks/rt_polarity.py [--full] [--seeds 0 1 2] [--epochs 2]

The 10,662 sentences of Pang and Lee, 2005 (http://arxiv.org/abs/cs/0506075) are divided at random, 80 and 20 of a
hundred. Each result is a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

import penstock_models as models
from penstock import keras
from penstock_models.adapt import logistic
from penstock_models.adapt.material import Material
from penstock_models.data import Examples

LABELS = ("negative", "positive")


def read(folder: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return the sentences and the number of each one's label."""
    texts: list[str] = []
    targets: list[int] = []
    for number, ending in enumerate(("neg", "pos")):
        lines = (folder / f"rt-polarity.{ending}").read_text("utf-8").split("\n")
        kept = [line.strip() for line in lines if line.strip()]
        texts += kept
        targets += [number] * len(kept)
    return texts, np.array(targets)


def divide(texts: list[str], targets: np.ndarray[Any, Any], seed: int) -> tuple[Examples, Examples]:
    """Return what is learnt from and what is judged by."""
    order = np.random.default_rng(seed).permutation(len(texts))
    cut = len(texts) * 8 // 10
    return tuple(
        Examples(
            "text",
            [texts[i] for i in places],
            [int(targets[i]) for i in places],
            LABELS,
            [str(i) for i in places],
        )
        for places in (order[:cut], order[cut:])
    )  # type: ignore[return-value]


class Judge(keras.callbacks.Callback):
    """Print how the test goes after each epoch, so that a run that is cut off has said something."""

    def __init__(self, model: Any, test: Examples) -> None:
        super().__init__()
        self.classifier, self.test = model, test

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch and the test's accuracy."""
        print(
            json.dumps({"epoch": epoch + 1, **logs, **self.classifier.evaluate(self.test)}),
            flush=True,
        )


def probe(base: Any, texts: list[str], targets: np.ndarray[Any, Any], seeds: list[int]) -> None:
    """Print the accuracy of heads that are solved for. All seeds share the vectors, which is all that takes time."""
    began = time.monotonic()
    model = base.adapt("probe", labels=LABELS)
    vectors = Material(model, model.adapted, texts, 0, 0).pooled()
    seconds = time.monotonic() - began
    for seed in seeds:
        began = time.monotonic()
        order = np.random.default_rng(seed).permutation(len(texts))
        train, test = np.split(order, [len(texts) * 8 // 10])
        found = logistic.solve(vectors[train], targets[train], len(LABELS), seed=seed)
        guessed = (vectors[test] @ found.kernel + found.bias).argmax(1)
        result = {
            "seed": seed,
            "strategy": "probe",
            "accuracy": float((guessed == targets[test]).mean()),
            "seconds for vectors": round(seconds, 1),
            "seconds for the head": round(time.monotonic() - began, 1),
        }
        print(json.dumps(result), flush=True)


def train_all(
    base: Any, texts: list[str], targets: np.ndarray[Any, Any], seed: int, given: Any
) -> None:
    """Print the accuracy of the whole network, trained further."""
    train, test = divide(texts, targets, seed)
    train = train.subset(range(given.most or len(train)))
    began = time.monotonic()
    model = base.adapt("full", labels=LABELS, seed=seed)
    model.fit(
        train, epochs=given.epochs, checkpoint=given.checkpoint, callbacks=[Judge(model, test)]
    )
    seconds = round(time.monotonic() - began, 1)
    found = {"seed": seed, "strategy": "full", "examples": len(train), "seconds": seconds}
    print(json.dumps({**found, **model.evaluate(test)}), flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="train the whole network instead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--most", type=int, default=None, help="learn from so many only")
    parser.add_argument("--checkpoint", default=None, help="a folder to go on from")
    given = parser.parse_args()
    texts, targets = read(Path(os.environ["PENSTOCK_MIRROR"]) / "datasets" / "rt_polarity")
    base = models.from_preset("minilm_l6.sentence")
    if not given.full:
        probe(base, texts, targets, given.seeds)
        return
    for seed in given.seeds:
        train_all(base, texts, targets, seed, given)


if __name__ == "__main__":
    main()
