"""How a network is trained further: everything that can be chosen, with values that suit few examples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from penstock_models.config import Config


class Recipe(Config):
    """Choices of a training.

    Args:
        epochs: How often each example is seen.
        batch_size: How many examples make a step.
        learning_rate: The rate of the last block, at the start.
        head_rate: The head's rate is so many times that.
        depth_decay: Each block before the last has so many times the rate of the one after it.
        weight_decay: What weights lose in a step, in parts of the learning rate.
        warm_up: The part of all steps in which the rate grows.
        label_smoothing: How much of a label's probability goes to all labels.
        mixup: The parameter of the mixture of two examples: 0 for none, 0.2 for little.
        average: The momentum of the running mean of weights, which is what is kept; 0 for none.
        versions: How many augmented versions of each example are cached where a part of the network is frozen.
        augment: Whether examples are varied.
        start: "probe" solves for the head before anything is trained; "zeros" leaves it at nothing.
        class_weight: "balanced" lets rare classes count more; "sampled" shows them more often; "equal" neither.
        validation_split: The part of the examples that is held back where no validation data are given and `patience`
            is; 0 for none.
        patience: After how many epochs without progress training ends; None for never.
        time_limit: Seconds; None for no limit.
        strength: How little the head that is solved for is held down, C; None finds the best by folds held back.
        seed: Of all that is random.
    """

    epochs: int = Field(default=12, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = 1e-3
    head_rate: float = 1.0
    depth_decay: float = 0.8
    weight_decay: float = 1e-4
    warm_up: float = 0.1
    label_smoothing: float = 0.1
    mixup: float = 0.0
    average: float = 0.0
    versions: int = 4
    augment: bool = True
    start: Literal["probe", "zeros"] = "probe"
    class_weight: Literal["balanced", "sampled", "equal"] = "balanced"
    validation_split: float = 0.15
    patience: int | None = None
    time_limit: float | None = None
    strength: float | None = None
    seed: int = 0

    def changed(self, **given: Any) -> Recipe:
        """Return the recipe with other choices; None leaves one as it is.

        Args:
            given: Fields and values.

        Raises:
            ValueError: There is no such field, or its value is of the wrong kind.
        """
        chosen = {name: value for name, value in given.items() if value is not None}
        return Recipe.of({**self.model_dump(), **chosen})
