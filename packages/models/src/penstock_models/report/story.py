"""What a report tells: everything measured about a model, gathered before a page is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from penstock.errors import InvalidValueError
from penstock_models.data import Examples
from penstock_models.evaluation import DetectionEvaluation, Evaluation, Interval, Latency

Weight = Literal["note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """Something that the audit of the data found.

    Args:
        title: A sentence: "3 pictures could not be read".
        weight: "note", "warning" or "error".
        names: The examples that it is about, as messages call them.
        advice: What to do about it.
    """

    title: str
    weight: Weight = "note"
    names: Sequence[str] = ()
    advice: str = ""


@dataclass(frozen=True)
class Variant:
    """The model as one kind of file.

    Args:
        name: "float32" or "int8".
        size: Bytes on the disk; None for one that was not made.
        latency: How long an answer to one example takes on this computer.
        accuracy: Its accuracy (AP50 of a detector) on the examples that it was judged on.
        note: Why it was kept, or left out.
        kept: Whether it is in the folder.
    """

    name: str
    size: int | None
    latency: Latency | None = None
    accuracy: Interval | None = None
    note: str = ""
    kept: bool = True


@dataclass(frozen=True)
class Licence:
    """Under which terms a part of the model is.

    Args:
        part: "Pretrained weights", "Your data".
        licence: An SPDX name where there is one.
        source: Where the part is from.
    """

    part: str
    licence: str
    source: str = ""


@dataclass(frozen=True)
class Story:
    """What a report tells about a model. Parts that are left out are left out of the page.

    Args:
        title: What the model is for, in a few words.
        examples: Those that it was judged on: their pictures, sounds or sentences show its mistakes.
        evaluation: Its answers to them, after temperature scaling.
        uncalibrated: Its answers before.
        temperature: What the scores are divided by.
        held_out: A sentence that says whether training, or the choice of a stopping point, has seen the examples.
        counts: How many examples there are in each part: {"training": 210, "validation": 45, "test": 45}.
        majority: The accuracy of always answering with the commonest label of the training examples.
        probe: The answers of a linear probe on the unchanged pretrained model to the same examples.
        history: Numbers after each epoch, by name: "loss", "val_loss", "accuracy", ...
        best_epoch: The epoch, from 0, whose weights were kept.
        findings: What the audit of the data found.
        robustness: Accuracy on examples made worse, by what was done to them.
        variants: The files that the model was saved as.
        licences: Under which terms the parts are.
        facts: Short facts about what was trained: {"Preset": "...", "Strategy": "full", "Trained for": "2 min 10 s"}.
        commands: Lines to type next, by what they do.
        computer: What the times were measured on.

    Raises:
        ValueError: The evaluation is about another number of examples.
    """

    title: str
    examples: Examples
    evaluation: Evaluation | DetectionEvaluation
    uncalibrated: Evaluation | None = None
    temperature: float | None = None
    held_out: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    majority: float | None = None
    probe: Evaluation | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    findings: Sequence[Finding] = ()
    robustness: Mapping[str, Interval] = field(default_factory=dict)
    variants: Sequence[Variant] = ()
    licences: Sequence[Licence] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    computer: str = ""

    def __post_init__(self) -> None:
        """Refuse examples that the evaluation is not about."""
        judged = len(self.evaluation.targets)
        if judged != len(self.examples):
            raise InvalidValueError(
                f"[Story] the evaluation is about {judged} examples, but {len(self.examples)} were given; give those "
                "that the model was judged on"
            )
