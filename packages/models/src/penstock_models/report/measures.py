"""Confidence, training, and examples made worse: the page's plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock_models.evaluation import Calibration, Evaluation, Interval
from penstock_models.report.charts import comparison, curve, lines, reliability
from penstock_models.report.classes import section
from penstock_models.report.headline import FEW
from penstock_models.report.html import Html, percent, tag
from penstock_models.report.story import Story

SHARES = ("accuracy", "auc", "f1", "precision", "recall", "ap50", "map")


def confidence(story: Story) -> Html | None:
    """Return the reliability plots before and after temperature scaling."""
    after, before = story.evaluation, story.uncalibrated
    if not isinstance(after, Evaluation):
        return None
    drawn = [_reliability("After" if before else "", after.calibration)]
    words = (
        "Bars show how often answers of each confidence are right; on the dashed line confidence is honest. Dots below it "
        "are too sure, dots above it too careful. The small bars show how many answers there are."
    )
    if len(after.targets) < FEW:
        words += f" With {len(after.targets)} answers all of this is rough."
    if before is not None:
        drawn.insert(0, _reliability("Before", before.calibration))
        words += _temperature(story.temperature)
    return section("Is it as sure as it should be?", words, tag("div", drawn, class_="plots"))


def abstaining(story: Story) -> Html | None:
    """Return what is gained by answering only when sure."""
    made = story.evaluation
    if not isinstance(made, Evaluation) or len(made.targets) < 10:
        return None
    found = made.abstention
    rows = [
        tag(
            "tr",
            tag("td", percent(part, 0)),
            tag("td", percent(found.at(part))),
            tag("td", percent(float(found.threshold[max(round(part * len(made.targets)), 1) - 1]))),
        )
        for part in (1.0, 0.9, 0.8, 0.7, 0.5)
    ]
    head = tag(
        "tr", [tag("th", t, scope="col") for t in ("Answers to", "Right", "Needs to be sure by")]
    )
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="numbers small")
    drawn = curve(found.coverage.tolist(), found.accuracy.tolist(), "answered (%)", "right (%)")
    return section(
        "If it may say \u201cI do not know\u201d",
        "Leave the least sure answers to a person: how often are the others right?",
        tag("div", tag("div", drawn), tag("div", table), class_="plots"),
    )


def training(story: Story) -> Html | None:
    """Return the curves of the training."""
    drawn = []
    for name in _measures(story.history):
        held = f"val_{name}"
        series = {"training": story.history[name]} if name in story.history else {}
        if held in story.history:
            series["validation"] = story.history[held]
        words = name.replace("_", " ")
        share = any(word in name for word in SHARES)
        plot = lines(series, words + (" (%)" if share else ""), share, story.best_epoch)
        drawn.append(tag("div", tag("h3", words), plot, _legend(series, story.best_epoch)))
    if not drawn:
        return None
    return section("How it learnt", _learnt(story), tag("div", drawn, class_="plots"))


def robustness(story: Story) -> Html | None:
    """Return how well examples made worse are told."""
    if not story.robustness or not isinstance(story.evaluation, Evaluation):
        return None
    rows: dict[str, Interval] = {"as they are": story.evaluation.accuracy, **story.robustness}
    return section(
        "On worse pictures" if story.examples.kind == "image" else "On worse examples",
        "Accuracy on the same examples after each change, with 95 % intervals. A large fall says which pictures training "
        "should see more of.",
        comparison(rows),
        tag("p", ", ".join(f"{n} {percent(v.value)}" for n, v in rows.items()), class_="quiet"),
    )


def _measures(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the names of what can be plotted, each once: losses first, then shares."""
    names: dict[str, None] = {}
    for name, values in history.items():
        base = name.removeprefix("val_")
        known = "loss" in base or any(word in base for word in SHARES)
        if known and len(values):
            names[base] = None
    return sorted(names, key=lambda name: "loss" not in name)[:4]


def _legend(series: Mapping[str, Sequence[float]], best: int | None) -> Html:
    items = [tag("span", tag("i", class_=f"s{at}"), name) for at, name in enumerate(series)]
    if best is not None:
        items.append(tag("span", tag("i", class_="mark"), "kept"))
    return tag("p", items, class_="legend")


def _learnt(story: Story) -> str:
    epochs = max((len(values) for values in story.history.values()), default=0)
    words = f"{epochs} epoch{'' if epochs == 1 else 's'}."
    if story.best_epoch is not None:
        words += f" The weights of epoch {story.best_epoch + 1} were kept."
    return words


def _reliability(title: str, found: Calibration) -> Html:
    words = f"off by {percent(found.error)} on average; loss {found.loss:.3f}"
    return tag(
        "div",
        tag("h3", title) if title else None,
        reliability(found),
        tag("p", words, class_="quiet"),
    )


def _temperature(temperature: float | None) -> str:
    if temperature is None:
        return ""
    kind = "more careful" if temperature > 1 else "surer"
    return (
        f" Scores are divided by the temperature {temperature:.2f}, which makes it {kind}; it was chosen on validation "
        "examples and never changes which label is best."
    )
