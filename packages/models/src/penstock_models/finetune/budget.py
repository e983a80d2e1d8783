"""What there is time for."""

from __future__ import annotations

from dataclasses import dataclass

from penstock_models.finetune.choices import spoken

# What an epoch costs, in passes of all examples through the network as it is: forward, back, and what varies pictures.
FULL_COST = 4.0
# The last blocks learn from what the others made once, of this many versions of each example.
PARTIAL_VERSIONS, PARTIAL_COST = 4, 0.5
LEAST_EPOCHS = 4
# What is kept for judging and writing: a part of all, or this many passes of what is judged.
RESERVE, RESERVE_PASSES, RESERVE_SECONDS = 0.1, 8, 5.0
PARTIAL = "partial:2"


@dataclass(frozen=True)
class Pace:
    """How fast this machine is with this network.

    Args:
        each: Seconds for one example, forward.
        train: How many examples are learned from.
        validation: How many epochs are judged by.
        test: How many the model is judged by at the end.
    """

    each: float
    train: int
    validation: int
    test: int


def reserve(total: float, pace: Pace) -> float:
    """Return how many seconds to keep for what comes after training."""
    judging = RESERVE_PASSES * pace.each * (pace.test + pace.validation) + RESERVE_SECONDS
    return min(max(RESERVE * total, judging), total / 2)


def affordable(
    left: float, pace: Pace, choices: tuple[str, ...], total: float = 0.0
) -> tuple[str | None, str]:
    """Return the first strategy that there is time for, and a sentence about it.

    Args:
        left: Seconds for training.
        pace: How fast this machine is.
        choices: Strategies, the best first: "full", "lora", "partial:2".
        total: Seconds for everything.

    Returns:
        The strategy, or None; and why.

    Raises:
        Nothing.

    >>> fast, slow = Pace(0.001, 200, 50, 50), Pace(0.5, 200, 50, 50)
    >>> affordable(60, fast, ("full",))[0], affordable(60, slow, ("full",))[0]
    ('full', None)
    """
    needs = [(name, _least(name, pace)) for name in choices]
    for name, seconds in needs:
        if seconds <= left:
            return name, f"There are {spoken(left)} for training, enough for {name!r}."
    if not needs:
        return None, "This model has nothing that can be trained but its head."
    name, seconds = min(needs, key=lambda need: need[1])
    return None, (
        f"There are {spoken(max(left, 0.0))} for training, and {name!r} needs {spoken(seconds)} at least: the probe is kept. "
        f"Give more time: --time {_rounded(total + 1.2 * (seconds - left))}."
    )


def _least(name: str, pace: Pace) -> float:
    """Return the seconds of the fewest epochs that are worth the while."""
    once, judge = pace.each * pace.train, pace.each * pace.validation
    if name.startswith("partial"):
        return PARTIAL_VERSIONS * once + LEAST_EPOCHS * (PARTIAL_COST * once + judge)
    return LEAST_EPOCHS * (FULL_COST * once + judge)


def _rounded(seconds: float) -> str:
    return f"{-(-max(seconds, 60) // 60):.0f}m"
