"""A training from its beginning to its end: the head solved for, then epochs, then the best weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_models.adapt import logistic, weighting
from penstock_models.adapt.checkpoint import Checkpoint
from penstock_models.adapt.history import History
from penstock_models.adapt.lengths import grouped
from penstock_models.adapt.material import Material
from penstock_models.adapt.network import Adapted
from penstock_models.adapt.recipe import Recipe
from penstock_models.adapt.schedule import Schedule
from penstock_models.adapt.steps import Learner
from penstock_models.data.examples import Examples

if TYPE_CHECKING:
    from penstock_models.adapt.adaptable import Adaptable

Array = np.ndarray[Any, Any]


def train(
    model: Adaptable,
    examples: Examples,
    validation: Examples | None,
    recipe: Recipe,
    callbacks: Sequence[Any] = (),
    checkpoint: Any = None,
    resolved: dict[str, Any] | None = None,
    material: Material | None = None,
) -> History:
    """Train an adapted model.

    Args:
        model: The model.
        examples: As in `Adaptable.fit`, like what follows.
        validation: What to judge epochs by.
        recipe: The choices.
        callbacks: Keras's callbacks.
        checkpoint: A folder, or None.
        resolved: The steps of another training.
        material: The examples as the layers take them, if somebody has them already.

    Returns:
        As `Adaptable.fit`, whose errors there are.

    Raises:
        ValueError: As there.
    """
    began = time.monotonic()
    _check(model, examples, validation)
    assert model.adapted is not None
    if validation is None and recipe.patience is not None and recipe.validation_split > 0:
        rng = np.random.default_rng([recipe.seed, 3])
        stay, back = weighting.held_back(np.asarray(examples.targets), recipe.validation_split, rng)
        examples, validation = examples.subset(stay.tolist()), examples.subset(back.tolist())
    training = _Training(model, model.adapted, examples, validation, recipe, material)
    if model.adapted.strategy.kind == "probe":
        return training.solve_only()
    schedule = Schedule(recipe, len(examples), began, resolved)
    return training.run(schedule, callbacks, Checkpoint.of(checkpoint, recipe, examples))


def _check(model: Adaptable, examples: Examples, validation: Examples | None) -> None:
    from penstock_models.adapt.adaptable import check_labels

    check_labels(model, examples)
    weighting.check_targets(examples.targets, examples.labels)
    if validation is not None:
        check_labels(model, validation)


class _Training:
    def __init__(
        self,
        model: Adaptable,
        adapted: Adapted,
        examples: Examples,
        validation: Examples | None,
        recipe: Recipe,
        material: Material | None = None,
    ) -> None:
        self.model, self.adapted, self.recipe = model, adapted, recipe
        self.targets = np.asarray(examples.targets, np.int64)
        self.classes = len(examples.labels)
        versions = recipe.versions if recipe.augment else 0
        self.material = material or Material(model, adapted, examples.inputs, versions, recipe.seed)
        self.judge = None
        if validation is not None:
            self.judge = Material(model, adapted, validation.inputs, 0, recipe.seed)
            self.right = np.asarray(validation.targets, np.int64)
        self.history = History()
        self.best: tuple[float, list[Array]] | None = None
        is_balanced = recipe.class_weight == "balanced"
        by_class = weighting.balanced(self.targets, self.classes) if is_balanced else None
        ones = np.ones(len(self.targets))
        self.weight = ones if by_class is None else by_class[self.targets]

    # ---- the head

    def solve_only(self) -> History:
        """Solve for the head, and judge it."""
        began = time.monotonic()
        features = self.material.pooled()
        found = self._solve(features)
        logits = features @ found.kernel + found.bias
        logs = _judged(logits, self.targets)
        if self.judge is not None:
            made = self.judge.pooled() @ found.kernel + found.bias
            logs |= {f"val_{name}": value for name, value in _judged(made, self.right).items()}
        self.history.add({**logs, "seconds": time.monotonic() - began})
        self._resolve(epochs=1, strength=found.strength, fold_accuracy=found.accuracy)
        return self.history

    def _solve(self, features: Array) -> logistic.Solution:
        found = logistic.solve(
            features,
            self.targets,
            self.classes,
            self.recipe.strength,
            self.weight,
            self.recipe.seed,
        )
        self.adapted.head.set_weights(logistic.as_arrays(found))
        return found

    def _resolve(self, **steps: Any) -> None:
        self.history.resolved = {
            "strategy": str(self.adapted.strategy),
            "recipe": self.recipe.model_dump(),
            "examples": len(self.targets),
            **steps,
        }

    # ---- epochs

    def run(self, schedule: Schedule, callbacks: Sequence[Any], checkpoint: Checkpoint) -> History:
        """Solve for the head, run epochs, and give the network the best weights."""
        self.learner: Learner
        state = checkpoint.read()
        if self.recipe.start == "probe" and state is None:
            self._solve(self.material.pooled())
        self.learner = Learner(self.adapted, self.recipe)
        if state is not None:
            self._restore(state, schedule)
        self.adapted.network.stop_training = False
        for callback in callbacks:
            callback.set_model(self.adapted.network)
            callback.on_train_begin({})
        try:
            while not self._is_over(schedule):
                self._epoch(schedule, callbacks)
                checkpoint.write(self._state(schedule))
        finally:  # also when it was interrupted: what is there then is the best so far
            self.learner.finish(self.learner.kept() if self.best is None else self.best[1])
            self._resolve(**schedule.resolved())
        for callback in callbacks:
            callback.on_train_end({})
        checkpoint.remove()
        return self.history

    def _is_over(self, schedule: Schedule) -> bool:
        patience, best = self.recipe.patience, self.history.best_epoch
        if self.adapted.network.stop_training:
            return True
        if patience is not None and best is not None and self.history.epochs - best > patience:
            return True
        return schedule.is_over

    def _epoch(self, schedule: Schedule, callbacks: Sequence[Any]) -> None:
        number = self.history.epochs
        for callback in callbacks:
            callback.on_epoch_begin(number, {})
        began = time.monotonic()
        rng = np.random.default_rng([self.recipe.seed, 2, number])
        order = weighting.epoch_order(self.targets, self.recipe.class_weight == "sampled", rng)
        order = grouped(order, self.material.lengths, self.recipe.batch_size, rng)
        losses, hits, seen = [], [], 0
        for at, scale in schedule.epoch():
            places = order[at : at + self.recipe.batch_size]
            x, y = self._mixed(self.material.batch(places, rng), self._truth(places), rng)
            weight = self.weight[places].astype(np.float32)
            loss, hit = self.learner.step(x, y, weight, scale)
            losses.append(loss)
            hits.append(hit)
            seen += len(places)
        logs = {
            "loss": float(np.mean([x.numpy() for x in losses])),
            "accuracy": float(sum(x.numpy() for x in hits) / max(seen, 1)),
            "learning_rate": scale * self.recipe.learning_rate,
        }
        logs |= self._judge(number)
        logs["seconds"] = time.monotonic() - began
        self.history.add(logs)
        for callback in callbacks:
            callback.on_epoch_end(number, logs)

    def _truth(self, places: Array) -> Array:
        smooth = self.recipe.label_smoothing
        truth = np.eye(self.classes)[self.targets[places]]
        made: Array = (truth * (1 - smooth) + smooth / self.classes).astype(np.float32)
        return made

    def _mixed(self, x: Any, y: Array, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return mixtures of two examples each, if the recipe says so and they are real numbers."""
        if not self.recipe.mixup or isinstance(x, dict | list | tuple):
            return x, y
        part = rng.beta(self.recipe.mixup, self.recipe.mixup, len(y)).astype(np.float32)
        part, other = np.maximum(part, 1 - part), rng.permutation(len(y))
        values = np.asarray(x if isinstance(x, np.ndarray) else x.numpy())
        wide = part.reshape(-1, *[1] * (values.ndim - 1))
        mixed = values * wide + values[other] * (1 - wide)
        return mixed, y * part[:, None] + y[other] * (1 - part[:, None])

    def _judge(self, number: int) -> dict[str, float]:
        """Judge the weights that would be kept, and keep them if they are the best."""
        if self.judge is None:
            return {}
        now = [w.numpy() for w in self.learner.weights]
        kept = self.learner.kept()
        self.learner.put(kept)
        found = _judged(self.judge.plain(self.learner.logits), self.right)
        self.learner.put(now)
        if self.best is None or found["loss"] < self.best[0]:
            self.best, self.history.best_epoch = (found["loss"], kept), number
        return {f"val_{name}": value for name, value in found.items()}

    # ---- states

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


def _judged(logits: Array, targets: Array) -> dict[str, float]:
    top = logits.max(1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    return {
        "loss": float(-log_p[np.arange(len(targets)), targets].mean()),
        "accuracy": float((logits.argmax(1) == targets).mean()),
    }
