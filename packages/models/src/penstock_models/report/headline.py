"""The top of the page: what the model is, how often it is right, and what that is worth."""

from __future__ import annotations

from penstock_models.evaluation import DetectionEvaluation, Evaluation, Interval, wilson
from penstock_models.report.charts import comparison
from penstock_models.report.html import Html, join, milliseconds, percent, size, tag
from penstock_models.report.story import Story

FEW = 100  # below this many examples the interval is so wide that the page says why

NOUNS = {"image": "picture", "detection": "picture", "text": "text", "audio": "sound"}


def headline(story: Story) -> Html:
    """Return the page's header."""
    made = story.evaluation
    figure = made.accuracy if isinstance(made, Evaluation) else made.ap50
    words = (
        "of its answers are right"
        if isinstance(made, Evaluation)
        else "average precision at half overlap (AP50)"
    )
    return join(
        tag(
            "header",
            tag("p", "Model report", class_="kicker"),
            tag("h1", story.title),
            tag("p", _judged(story), class_="lead"),
        ),
        tag(
            "section",
            tag(
                "div",
                tag("p", percent(figure.value), class_="figure"),
                tag("p", words, class_="under"),
                tag("p", f"95 % interval: {_range(figure)}", class_="quiet"),
                class_="big",
            ),
            tag("div", comparison(_rows(story, figure)), _verdict(story), class_="beside"),
            class_="card hero",
        ),
        _tiles(story),
    )


def counted(count: int, noun: str) -> str:
    """Return a number and a noun.

    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def signed(share: float) -> str:
    """Return a difference of shares in points.

    >>> signed(-0.031), signed(0.05)
    ('\u22123.1', '+5.0')
    """
    return f"{100 * share:+.1f}".replace("-", "\u2212")


def _judged(story: Story) -> str:
    noun = NOUNS[story.examples.kind]
    labels = counted(len(story.evaluation.labels), "label")
    judged = counted(len(story.examples), noun)
    return " ".join(f"{labels}, judged on {judged}. {story.held_out}".split())


def _rows(story: Story, figure: Interval) -> dict[str, Interval]:
    rows = {"This model": figure}
    if story.probe is not None:
        rows["Linear probe"] = story.probe.accuracy
    if story.majority is not None:
        rows["Commonest label"] = Interval(story.majority, story.majority, story.majority)
    return rows


def _verdict(story: Story) -> Html:
    """Say in words what the figures above allow to say."""
    said = []
    made = story.evaluation
    if story.probe is not None and isinstance(made, Evaluation):
        difference = made.against(story.probe)
        value, low, high = (signed(x) for x in (difference.value, difference.low, difference.high))
        points = f"{value} points (95 % interval {low} to {high})"
        if difference.low > 0:
            said.append(f"Better than the linear probe by {points}, on the same examples.")
        elif difference.high < 0:
            said.append(f"Worse than the linear probe by {points}, on the same examples.")
        else:
            said.append(
                f"Against the linear probe: {points}, on the same examples. That may be chance."
            )
    if isinstance(made, Evaluation) and story.majority is not None:
        least = wilson(int(made.right.sum()), len(made.targets)).low
        if least <= story.majority:
            said.append(
                "Not surely better than always answering with the commonest label: do not use it yet."
            )
    if len(story.examples) < FEW:
        noun = NOUNS[story.examples.kind]
        said.append(
            f"Only {counted(len(story.examples), noun)} were there to judge it on, so the interval is wide; more would "
            "narrow it."
        )
    return tag("p", " ".join(said)) if said else Html("")


def _tiles(story: Story) -> Html:
    made = story.evaluation
    tiles = []
    if isinstance(made, DetectionEvaluation):
        tiles.append(
            ("AP50:95", f"{100 * made.ap:.1f}\u202f%", "stricter: overlaps from 0.5 to 0.95")
        )
    else:
        tiles.append(("Macro F1", f"{100 * made.f1.value:.1f}\u202f%", _range(made.f1)))
        tiles.append(
            ("Calibration error", f"{100 * made.calibration.error:.1f}\u202f%", _before(story))
        )
    kept = [variant for variant in story.variants if variant.kept]
    sizes = [(variant.name, size(variant.size)) for variant in kept if variant.size is not None]
    if sizes:
        others = ", ".join(f"{name}: {shown}" for name, shown in sizes[1:])
        tiles.append(("Size", sizes[0][1], others or sizes[0][0]))
    times = [(v.name, milliseconds(v.latency.p50)) for v in kept if v.latency is not None]
    if times:
        noun = NOUNS[story.examples.kind]
        others = ", ".join(f"{name}: {shown}" for name, shown in times[1:])
        tiles.append((f"Time for one {noun}", times[0][1], others or f"{times[0][0]}, here"))
    return tag(
        "section",
        [
            tag(
                "div",
                tag("p", name),
                tag("p", value, class_="value"),
                tag("p", note, class_="quiet"),
            )
            for name, value, note in tiles
        ],
        class_="tiles",
    )


def _before(story: Story) -> str:
    if story.uncalibrated is None:
        return "how far confidence is off"
    return f"{percent(story.uncalibrated.calibration.error)} before scaling"


def _range(figure: Interval) -> str:
    return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}\u202f%"
