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


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="train the whole network too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--most", type=int, default=None, help="learn from so many only")
    parser.add_argument("--checkpoint", default=None, help="a folder to go on from")
    given = parser.parse_args()
    texts, targets = read(Path(os.environ["PENSTOCK_MIRROR"]) / "datasets" / "rt_polarity")
    base = models.from_preset("minilm_l6.sentence")
    for seed in given.seeds:
        train, test = divide(texts, targets, seed)
        train = train.subset(range(given.most or len(train)))
        for strategy in ("probe", "full") if given.full else ("probe",):
            began = time.monotonic()
            model = base.adapt(strategy, labels=LABELS, seed=seed)
            more = (
                {}
                if strategy == "probe"
                else {"epochs": given.epochs, "checkpoint": given.checkpoint}
            )
            model.fit(train, callbacks=[Judge(model, test)] if more else [], **more)
            seconds = time.monotonic() - began
            found = {
                "seed": seed,
                "strategy": strategy,
                "examples": len(train),
                **model.evaluate(test),
            }
            print(json.dumps({**found, "seconds": round(seconds, 1)}), flush=True)


if __name__ == "__main__":
    main()
