"""How well each label is told, and which are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock_models.evaluation import DetectionEvaluation, Evaluation
from penstock_models.report.charts import heat_map, shortened
from penstock_models.report.html import Html, join, tag

MOST_NUMBERS = 20  # a larger confusion matrix is drawn without numbers
OPEN_ROWS = 15  # more labels are folded away
MOST_PAIRS = 10
MOST_DRAWN = 150


def class_table(made: Evaluation) -> Html:
    """Return a row for each label, the worst first."""
    rows = sorted(made.classes, key=lambda c: (c.support == 0, c.f1))
    head = ("Label", "Examples", "Precision", "Recall", "Recall, 95 % interval", "F1")
    body = [
        tag(
            "tr",
            tag("th", shortened(row.label, 60), scope="row", title=row.label),
            tag("td", row.support),
            tag("td", _share(row.precision)),
            tag("td", _share(row.recall) if row.support else "\u2013"),
            tag("td", f"{100 * row.interval.low:.0f} to {100 * row.interval.high:.0f}" if row.interval else "\u2013"),
            tag("td", _bar(row.f1)),
        )
        for row in rows
    ]  # fmt: skip
    return section(
        "Label by label",
        "Precision: of the answers that name the label, how many are right. Recall: of the label's examples, how many "
        "are found. F1 is the harmonic mean of both. The worst label comes first.",
        _table(head, body),
    )


def detection_table(made: DetectionEvaluation) -> Html:
    """Return a row for each label of a detector, the worst first."""
    rows = sorted(made.classes, key=lambda c: (c.ap50 is None, c.ap50 or 0.0))
    head = ("Label", "Things", "Boxes", "AP50", "AP50:95")
    body = [
        tag(
            "tr",
            tag("th", shortened(row.label, 60), scope="row", title=row.label),
            tag("td", row.things),
            tag("td", row.found),
            tag("td", "\u2013" if row.ap50 is None else _bar(row.ap50)),
            tag("td", "\u2013" if row.ap is None else _share(row.ap)),
        )
        for row in rows
    ]
    return section(
        "Label by label",
        "AP50: the average precision over all recalls, by COCO's rules, where a box counts as right if it shares half "
        "of the area that it and the thing cover together. AP50:95: the same, averaged over ten overlaps up to 0.95. "
        f"Boxes are counted from a score of {made.least:g} on.",
        _table(head, body),
    )


def confusion(made: Evaluation) -> Html:
    """Return the confusion matrix, with numbers if it is small, and the pairs that are confused most."""
    table = made.confusion
    drawn: Html | None
    if len(made.labels) <= MOST_NUMBERS:
        drawn = _numbers(table, made.labels)
    else:
        drawn = heat_map(table, made.labels) if len(made.labels) <= MOST_DRAWN else None
    return section(
        "What is taken for what",
        "A row for each true label, a column for each answer. What is right lies on the diagonal.",
        tag(
            "div",
            tag("div", drawn, class_="scroll") if drawn else None,
            _pairs(table, made.labels) if len(made.labels) > 2 else None,
            class_="matrix",
        ),
    )


def section(title: str, words: str, *parts: Any) -> Html:
    """Return a part of the page with a heading and a sentence about it."""
    return tag("section", tag("h2", title), tag("p", words, class_="about"), *parts, class_="card")


def _numbers(table: Any, labels: tuple[str, ...]) -> Html:
    head = tag("tr", tag("td"), [_turned(label) for label in labels])
    body = []
    for i, row in enumerate(table):
        total = max(int(row.sum()), 1)
        cells = [
            tag(
                "td",
                int(number) if number else "\u00b7",
                class_=("hit" if i == j else "miss") if number else "none",
                style=f"--part:{100 * float(number) / total:.0f}%" if number else None,
                title=f"{labels[i]}, answered {labels[j]}: {int(number)} of {total}",
            )
            for j, number in enumerate(row)
        ]
        body.append(
            tag("tr", tag("th", shortened(labels[i], 24), scope="row", title=labels[i]), cells)
        )
    return tag("table", tag("thead", head), tag("tbody", body), class_="confusion")


def _turned(label: str) -> Html:
    return tag("th", tag("span", shortened(label, 18)), scope="col", title=label)


def _pairs(table: Any, labels: tuple[str, ...]) -> Html | None:
    wrong = np.array(table) - np.diag(np.diag(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    items = []
    for place in order:
        i, j = divmod(int(place), len(labels))
        if not wrong[i, j]:
            break
        items.append(
            tag("li", tag("b", shortened(labels[i], 60)), " taken for ", tag("b", shortened(labels[j], 60)),
                f": {int(wrong[i, j])} of {int(table[i].sum())}")
        )  # fmt: skip
    return tag("div", tag("h3", "Most often"), tag("ul", items, class_="pairs")) if items else None


def _table(head: tuple[str, ...], body: list[Html]) -> Html:
    shown = tag("div", _rows(head, body[:OPEN_ROWS]), class_="scroll")
    rest = body[OPEN_ROWS:]
    if not rest:
        return shown
    folded = tag("div", _rows(head, rest), class_="scroll")
    return join(shown, tag("details", tag("summary", f"the other {len(rest)} labels"), folded))


def _rows(head: tuple[str, ...], body: list[Html]) -> Html:
    columns = tag("tr", [tag("th", name, scope="col") for name in head])
    return tag("table", tag("thead", columns), tag("tbody", body), class_="numbers")


def _bar(share: float) -> Html:
    return tag(
        "span",
        tag("i", style=f"width:{100 * share:.0f}%"),
        tag("span", _share(share)),
        class_="bar",
    )


def _share(share: float) -> str:
    return f"{100 * share:.1f}"
