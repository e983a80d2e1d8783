"""A detector's training from its beginning to its end: scores of new labels, epochs, the best weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_models.adapt.checkpoint import Checkpoint
from penstock_models.adapt.history import History
from penstock_models.adapt.schedule import Schedule
from penstock_models.adapt.weighting import balanced
from penstock_models.data.examples import Examples
from penstock_models.detection.batches import Batches
from penstock_models.detection.checking import check_examples
from penstock_models.detection.learner import Learner
from penstock_models.detection.recipe import DetectionRecipe
from penstock_models.evaluation import evaluate_detection

if TYPE_CHECKING:
    from penstock_models.tasks.object_detector import ObjectDetector

Array = np.ndarray[Any, Any]

# With fewer pictures none are held back: there is too little to learn from.
LEAST_TO_HOLD_BACK = 20


def train(
    detector: ObjectDetector,
    examples: Examples,
    validation: Examples | None,
    recipe: DetectionRecipe,
    callbacks: Sequence[Any] = (),
    checkpoint: Any = None,
    resolved: dict[str, Any] | None = None,
) -> History:
    """Train a detector; arguments, result and errors as in `ObjectDetector.fit`."""
    began = time.monotonic()
    check_examples(examples, detector.labels)
    if validation is not None:
        check_examples(validation, detector.labels)
    elif recipe.patience is not None and len(examples) >= LEAST_TO_HOLD_BACK:
        examples, validation = held_back(examples, recipe.validation_split, recipe.seed)
    if recipe.start == "probe":
        detector.take_similar_scores(examples)
    training = _Training(detector, examples, validation, recipe)
    schedule = Schedule(recipe, len(examples), began, resolved)
    return training.run(schedule, callbacks, Checkpoint.of(checkpoint, recipe, examples))


def held_back(examples: Examples, part: float, seed: int) -> tuple[Examples, Examples]:
    """Return examples to learn from and some to judge by.

    Args:
        examples: Pictures with their boxes.
        part: How many of them are held back, from 0 to 1.
        seed: Draws which.

    Returns:
        Those that stay, and those held back, both in their order.

    Raises:
        ValueError: Never here.
    """
    order = np.random.default_rng([seed, 3]).permutation(len(examples))
    back = max(1, round(part * len(examples)))
    return examples.subset(np.sort(order[back:]).tolist()), examples.subset(
        np.sort(order[:back]).tolist()
    )


def weights_of_classes(examples: Examples) -> tuple[float, ...]:
    """Return the weight of each class that makes the things of all classes count the same."""
    kinds = np.concatenate([np.asarray(boxes.classes) for boxes in examples.targets])
    return tuple(balanced(kinds.astype(np.int64), len(examples.labels)).tolist())


class _Training:
    def __init__(
        self,
        detector: ObjectDetector,
        examples: Examples,
        validation: Examples | None,
        recipe: DetectionRecipe,
    ) -> None:
        self.detector, self.examples, self.validation = detector, examples, validation
        self.recipe, self.history = recipe, History()
        weights = weights_of_classes(examples) if recipe.class_weight == "balanced" else None
        self.learner = Learner(detector.network, detector.strategy, recipe, weights)
        self.batches = Batches(
            examples,
            detector.scaler,
            detector.anchors,
            recipe.augment,
            recipe.seed,
            recipe.least_overlap,
            detector.reach,
        )
        self.best: tuple[float, list[Array]] | None = None

    def run(self, schedule: Schedule, callbacks: Sequence[Any], checkpoint: Checkpoint) -> History:
        """Run epochs, and give the network the best weights."""
        state = checkpoint.read()
        if state is not None:
            self._restore(state, schedule)
        elif self.validation is not None:
            self._judge(-1)  # how good it is before the first step
        for callback in callbacks:
            callback.set_model(self.detector.network)
            callback.on_train_begin({})
        try:
            while not self._is_over(schedule):
                self._epoch(schedule, callbacks)
                checkpoint.write(self._state(schedule))
        finally:  # also when it was interrupted: what is there then is the best so far
            best = self.learner.kept() if self.best is None else self.best[1]
            self.detector.network.set_weights(best)
            self._resolve(schedule)
        for callback in callbacks:
            callback.on_train_end({})
        checkpoint.remove()
        return self.history

    def _is_over(self, schedule: Schedule) -> bool:
        if not self.recipe.epochs or self.detector.network.stop_training or schedule.is_over:
            return True
        patience, best = self.recipe.patience, self.history.best_epoch
        if patience is None or self.validation is None:
            return False
        return self.history.epochs - (0 if best is None else best + 1) > patience

    def _epoch(self, schedule: Schedule, callbacks: Sequence[Any]) -> None:
        number, began, losses = self.history.epochs, time.monotonic(), []
        for callback in callbacks:
            callback.on_epoch_begin(number, {})
        for at, scale in schedule.epoch():
            x, y = self.batches.batch(number, at, self.recipe.batch_size)
            losses.append(self.learner.step(x, y, scale))
        logs = {
            "loss": float(np.mean([loss.numpy() for loss in losses])),
            "learning_rate": scale * self.recipe.learning_rate,
            **self._judge(number),
            "seconds": time.monotonic() - began,
        }
        self.history.add(logs)
        for callback in callbacks:
            callback.on_epoch_end(number, logs)

    def _judge(self, number: int) -> dict[str, float]:
        """Judge the network, and keep its weights if they are the best."""
        if self.validation is None:
            return {}
        network, kept = self.detector.network, self.learner.kept()
        now = network.get_weights()
        network.set_weights(kept)
        found = self.detector.found(self.validation.inputs)
        network.set_weights(now)
        made = evaluate_detection(found, self.validation.targets, self.validation.labels)
        # Few pictures are soon all found: among such epochs the one with the tighter boxes is the best.
        score = made.ap50.value + 0.01 * made.ap
        if self.best is None or score > self.best[0]:
            self.best = (score, kept)
            self.history.best_epoch = number if number >= 0 else None
        return {"val_ap50": made.ap50.value, "val_ap": made.ap}

    def _resolve(self, schedule: Schedule) -> None:
        self.history.resolved = {
            "strategy": "new" if self.detector.strategy is None else str(self.detector.strategy),
            "recipe": self.recipe.model_dump(),
            "examples": len(self.examples),
            **schedule.resolved(),
        }

    def _state(self, schedule: Schedule) -> dict[str, Any]:
        return {
            "variables": [v.numpy() for v in self.learner.variables()],
            "best": [] if self.best is None else [np.asarray(self.best[0]), *self.best[1]],
            "facts": {
                "history": self.history.history,
                "best_epoch": self.history.best_epoch,
                "steps": self.learner.steps,
                "progress": schedule.progress,
            },
        }

    def _restore(self, state: dict[str, Any], schedule: Schedule) -> None:
        for variable, value in zip(self.learner.variables(), state["variables"], strict=True):
            variable.assign(value)
        if state["best"]:
            self.best = (float(state["best"][0]), state["best"][1:])
        facts = state["facts"]
        self.history.history, self.history.best_epoch = facts["history"], facts["best_epoch"]
        self.learner.steps = facts["steps"]
        schedule.progress = facts["progress"]
