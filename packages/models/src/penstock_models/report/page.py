"""The report: one file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from penstock_models.evaluation import DetectionEvaluation
from penstock_models.report import making, measures
from penstock_models.report.classes import class_table, confusion, detection_table
from penstock_models.report.headline import headline
from penstock_models.report.html import Html, join, tag
from penstock_models.report.mistakes import mistakes
from penstock_models.report.story import Story

# Even if markup of a stranger came through, it could load and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def write_report(path: str | os.PathLike[str], story: Story) -> Path:
    """Write a page about a model.

    Args:
        path: The file, such as "report.html"; one that is there is replaced.
        story: What to tell.

    Returns:
        The path.

    Raises:
        OSError: It cannot be written.

    >>> import tempfile
    >>> from penstock_models.data import Examples
    >>> from penstock_models.evaluation import evaluate
    >>> few = Examples("text", ["good", "bad"], [1, 0], ("no", "yes"), ["a.tsv:1", "a.tsv:2"])
    >>> story = Story("Is it praise?", few, evaluate([[0.2, 0.8], [0.9, 0.1]], [1, 0], few.labels))
    >>> "Is it praise?" in write_report(tempfile.mkdtemp() + "/report.html", story).read_text("utf-8")
    True
    """
    target = Path(path)
    beside = target.with_name(target.name + ".part")
    beside.write_text(page(story), "utf-8")
    beside.replace(target)
    return target


def page(story: Story) -> Html:
    """Return the page's text; as in `write_report`."""
    style = (resources.files(__package__) / "style.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{story.title}: model report"),
        tag("style", Html(style)),
    )
    return join(
        Html("<!doctype html>\n"),
        tag("html", head, tag("body", tag("main", _sections(story), _foot())), lang="en"),
    )


def _sections(story: Story) -> list[Html | None]:
    made = story.evaluation
    tables = (
        [detection_table(made)]
        if isinstance(made, DetectionEvaluation)
        else [class_table(made), confusion(made)]
    )
    return [
        headline(story),
        *tables,
        mistakes(story),
        measures.confidence(story),
        measures.abstaining(story),
        measures.robustness(story),
        measures.training(story),
        making.findings(story),
        making.files(story),
        making.making(story),
        making.commands(story),
    ]


def _foot() -> Html:
    return tag(
        "footer",
        "Intervals hold the truth in 95 of 100 such measurements, as far as these examples are like those to come. Made by "
        "Penstock; this file needs no network and runs no script.",
    )
