"""What the model was made of: the data and its faults, the files, the terms, what to type next."""

from __future__ import annotations

from penstock_models.evaluation import Evaluation
from penstock_models.report.charts import shortened
from penstock_models.report.classes import section
from penstock_models.report.html import Html, milliseconds, percent, size, tag
from penstock_models.report.story import Finding, Story, Variant

MOST_NAMES = 12


def findings(story: Story) -> Html | None:
    """Return what the audit of the data found, the gravest first."""
    if not story.findings and not story.counts:
        return None
    parts = ", ".join(f"{count:,} for {name}" for name, count in story.counts.items())
    words = f"Examples: {parts}." if parts else ""
    order = {"error": 0, "warning": 1, "note": 2}
    items = [_finding(f) for f in sorted(story.findings, key=lambda f: order[f.weight])]
    nothing = tag("p", "The audit found nothing to complain of.") if not items else None
    return section("The data", words, tag("ul", items, class_="findings") if items else nothing)


def files(story: Story) -> Html | None:
    """Return the saved variants: size, times on this computer, accuracy."""
    if not story.variants:
        return None
    named = "Accuracy" if isinstance(story.evaluation, Evaluation) else "AP50"
    head = ("Variant", "Size", "p50", "p95", named, "")
    columns = tag("tr", [tag("th", name, scope="col") for name in head])
    table = tag("table", tag("thead", columns), tag("tbody", [_variant(v) for v in story.variants]), class_="numbers")  # fmt: skip
    words = "Times for one example"
    words += f" on this computer ({story.computer})" if story.computer else " on this computer"
    words += ": half of the answers take no longer than p50, 95 of 100 no longer than p95."
    return section("Files and speed", words, tag("div", table, class_="scroll"))


def making(story: Story) -> Html | None:
    """Return facts about the training, and the licences."""
    if not story.facts and not story.licences:
        return None
    facts = [(tag("dt", name), tag("dd", value)) for name, value in story.facts.items()]
    terms = [
        tag("tr", tag("th", t.part, scope="row"), tag("td", t.licence), tag("td", t.source))
        for t in story.licences
    ]
    head = tag("tr", [tag("th", n, scope="col") for n in ("Part", "Licence", "Source")])
    table = tag("table", tag("thead", head), tag("tbody", terms), class_="words")
    return section(
        "How it was made",
        "Who uses the model needs to keep to the terms of all parts." if terms else "",
        tag("dl", facts) if facts else None,
        tag("div", table, class_="scroll") if terms else None,
    )


def commands(story: Story) -> Html | None:
    """Return lines to type next."""
    if not story.commands:
        return None
    lines = [(tag("p", name), tag("pre", line)) for name, line in story.commands.items()]
    return section("Use it", "", lines)


def _finding(found: Finding) -> Html:
    names = [tag("li", shortened(str(name), 160)) for name in found.names[:MOST_NAMES]]
    if len(found.names) > MOST_NAMES:
        names.append(tag("li", f"and {len(found.names) - MOST_NAMES} more"))
    return tag(
        "li",
        tag("b", found.title),
        tag("span", f" {found.advice}") if found.advice else None,
        tag("details", tag("summary", "which"), tag("ul", names)) if names else None,
        class_=found.weight,
    )


def _variant(variant: Variant) -> Html:
    latency, accuracy = variant.latency, variant.accuracy
    share = "\u2013"
    if accuracy is not None:
        share = f"{percent(accuracy.value)} ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"
    return tag(
        "tr",
        tag("th", variant.name, scope="row"),
        tag("td", "\u2013" if variant.size is None else size(variant.size)),
        tag("td", milliseconds(latency.p50) if latency else "\u2013"),
        tag("td", milliseconds(latency.p95) if latency else "\u2013"),
        tag("td", share),
        tag("td", variant.note, class_="note"),
        class_=None if variant.kept else "left-out",
    )
