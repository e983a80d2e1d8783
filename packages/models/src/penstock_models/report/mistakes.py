"""The worst mistakes, to look at: pictures, sounds with their spectra, sentences."""

from __future__ import annotations

import wave
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import PenstockError
from penstock_models.evaluation import DetectionEvaluation, Evaluation, Mistake
from penstock_models.preprocessing import read_audio
from penstock_models.report.charts import shortened, waveform
from penstock_models.report.classes import section
from penstock_models.report.html import Html, percent, tag
from penstock_models.report.pictures import sound, spectrogram, thumbnail
from penstock_models.report.story import Story

MOST = 24
MOST_SOUNDS = 12
MOST_SCENES = 12
MOST_LETTERS = 400
SECONDS = 3.0
RATE = 16000  # of samples that come without one

Show = Callable[[Any], Html]


def mistakes(story: Story) -> Html:
    """Return the worst mistakes, or a sentence that there are none."""
    made = story.evaluation
    if not made.mistakes:
        words = f"There are none on these {len(story.examples)} examples. That does not mean that there will be none."
        return section("The worst mistakes", words)
    if isinstance(made, DetectionEvaluation):
        return _scenes(story, made)
    return _wrong_answers(story, made)


def _wrong_answers(story: Story, made: Evaluation) -> Html:
    kind = story.examples.kind
    most = MOST_SOUNDS if kind == "audio" else MOST
    shows: dict[str, Show] = {"image": _picture, "audio": _sound, "text": _sentence}
    count = len(made.mistakes)
    words = f"{min(count, most)} of {count} wrong answers, the surest first. Look at the labels too: some may be wrong."
    cards = [_wrong_answer(story, made, m, shows[kind]) for m in islice(made.mistakes, most)]
    return section("The worst mistakes", words, tag("div", cards, class_=f"gallery {kind}"))


def _wrong_answer(story: Story, made: Evaluation, mistake: Mistake, show: Show) -> Html:
    name = str(story.examples.names[mistake.index])
    answer, target = made.labels[mistake.answer], made.labels[mistake.target]
    return tag(
        "figure",
        _safely(show, story.examples.inputs[mistake.index]),
        tag(
            "figcaption",
            _said("says ", answer, "wrong", mistake.confidence),
            _said("is ", target, "right", mistake.given_to_target),
            tag("p", shortened(name, 60), class_="file", title=name),
        ),
    )  # fmt: skip


def _said(words: str, label: str, kind: str, share: float) -> Html:
    named = tag("span", words, tag("b", shortened(label, 40), class_=kind))
    return tag("p", named, tag("span", percent(share, 0)), class_="said")


def _safely(show: Show, example: Any) -> Html:
    """Show an example; one whose file is gone or damaged by now does not cost the whole report."""
    try:
        return show(example)
    except (PenstockError, OSError) as error:
        return tag("p", f"cannot be shown: {error}", class_="missing")


def _picture(example: Any) -> Html:
    address, tiny = thumbnail(example)
    return tag("img", src=address, alt="", class_="tiny" if tiny else None)


def _sentence(example: Any) -> Html:
    return tag("blockquote", shortened(str(example), MOST_LETTERS))


def _sound(example: Any) -> Html:
    rate = _rate_of(example)
    samples = read_audio(example, rate, SECONDS)
    loud = np.flatnonzero(np.abs(samples) > 1e-4)
    samples = samples[: max(int(loud[-1]) + 1 if len(loud) else 0, rate // 10)]
    return tag(
        "div",
        waveform(samples.tolist()),
        tag("img", src=spectrogram(samples, rate), alt="Spectrogram", class_="spectrum"),
        tag("audio", controls="", preload="none", src=sound(samples, rate)),
        class_="sound",
    )


def _rate_of(example: Any) -> int:
    if not isinstance(example, str | Path):
        return RATE
    try:
        with wave.open(str(example)) as file:
            return int(file.getframerate())
    except (wave.Error, EOFError, OSError):
        return RATE


def _scenes(story: Story, made: DetectionEvaluation) -> Html:
    """Return the pictures with the worst mistakes, with all their boxes drawn."""
    worst: dict[int, list[str]] = {}
    for mistake in made.mistakes:
        sure = "" if mistake.kind == "missed" else f" {100 * mistake.score:.0f}\u202f%"
        words = f"{mistake.kind}: {shortened(mistake.label, 40)}{sure}"
        worst.setdefault(mistake.index, []).append(words)
    chosen = sorted(worst, key=lambda i: -len(worst[i]))[:MOST_SCENES]
    words = (
        f"{len(chosen)} of {len(worst)} pictures with mistakes, those with most first. Dashed: what is there. Solid: what "
        f"was found with a score of at least {made.least:g}; missed things and wrong boxes are marked."
    )
    cards = [_scene(story, made, index, worst[index]) for index in chosen]
    return section("The worst mistakes", words, tag("div", cards, class_="gallery detection"))


def _scene(story: Story, made: DetectionEvaluation, index: int, words: list[str]) -> Html:
    name = str(story.examples.names[index])

    def show(example: Any) -> Html:
        address, _ = thumbnail(example, 420)
        return tag("div", tag("img", src=address, alt=""), _boxes(made, index), class_="scene")

    return tag(
        "figure",
        _safely(show, story.examples.inputs[index]),
        tag(
            "figcaption",
            [tag("p", w) for w in words[:4]],
            tag("p", f"and {len(words) - 4} more") if len(words) > 4 else None,
            tag("p", shortened(name, 60), class_="file", title=name),
        ),
    )


def _boxes(made: DetectionEvaluation, index: int) -> Html:
    found, own = made.found[index], [m for m in made.mistakes if m.index == index]
    missed = {m.box for m in own if m.kind == "missed"}
    wrong = {m.box for m in own if m.kind != "missed"}
    parts = [
        _rectangle(
            box, "missed" if tuple(map(float, box)) in missed else "true", made.labels[int(k)]
        )
        for box, k in zip(
            np.reshape(made.targets[index].corners, (-1, 4)),
            made.targets[index].classes,
            strict=True,
        )
    ]
    for box, score, k in zip(
        np.reshape(found.corners, (-1, 4)), found.scores, found.classes, strict=True
    ):
        if score >= made.least:
            kind = "wrong" if tuple(map(float, box)) in wrong else "found"
            parts.append(_rectangle(box, kind, f"{made.labels[int(k)]} {100 * float(score):.0f} %"))
    return tag("svg", parts, viewBox="0 0 100 100", preserveAspectRatio="none", class_="boxes")


def _rectangle(box: Any, kind: str, words: str) -> Html:
    left, top, right, bottom = (round(100 * float(x), 2) for x in box)
    return tag(
        "rect",
        tag("title", words),
        x=left,
        y=top,
        width=round(max(right - left, 0.0), 2),
        height=round(max(bottom - top, 0.0), 2),
        class_=kind,
        vector_effect="non-scaling-stroke",
    )
