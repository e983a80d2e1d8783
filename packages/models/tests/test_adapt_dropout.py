"""Trainings of networks that draw: the same seed is the same training, also when it was cut in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_models as models
from penstock_models.data import Examples


def digits(count: int = 24) -> Examples:
    rng = np.random.default_rng(1)
    targets = [i % 2 for i in range(count)]
    shown = [np.zeros((28, 28, 1), np.uint8) for _ in targets]
    for pixels, target in zip(shown, targets, strict=True):
        pixels[8:20, 10 + 4 * target : 16 + 4 * target] = rng.integers(120, 255)
    return Examples("image", shown, targets, ("left", "right"), [str(i) for i in range(count)])


def trained(seed: int, **choices: Any) -> list[np.ndarray[Any, Any]]:
    model = models.from_preset("lenet.mnist").adapt("full", labels=["left", "right"], seed=seed)
    model.fit(digits(), epochs=3, batch_size=8, **choices)
    return model.network.get_weights()  # type: ignore[no-any-return]


def same(a: list[Any], b: list[Any]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_dropout_follows_the_seed() -> None:
    assert same(trained(3), trained(3))
    assert not same(trained(3), trained(4))


class Stop:
    """Cut a training off after an epoch, as Ctrl-C does."""

    def set_model(self, model: Any) -> None: ...
    def on_train_begin(self, logs: Any) -> None: ...
    def on_train_end(self, logs: Any) -> None: ...

    def on_epoch_begin(self, epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: Any) -> None: ...


def test_a_training_in_two_pieces_drops_out_the_same(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(3, checkpoint=tmp_path, callbacks=[Stop()])
    assert (tmp_path / "training.npz").exists()
    assert same(trained(3, checkpoint=tmp_path), trained(3))
