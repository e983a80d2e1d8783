"""CARD.md: what a person wants to know before using a model, and the terms of all its parts."""

from __future__ import annotations

from collections.abc import Sequence

from penstock_models.presets.schema import Preset

MOST_LABELS = 100


def card_of(
    preset: Preset,
    base: Preset | None,
    labels: Sequence[str],
    data_licence: str = "",
    notes: str = "",
) -> str:
    """Return a model's card in Markdown.

    Args:
        preset: The new model's.
        base: That of the model it began with.
        labels: Its labels.
        data_licence: The licence of the data, if it is known.
        notes: Further paragraphs.

    Returns:
        The text.

    Raises:
        ValueError: Never here.
    """
    shown = ", ".join(_plain(label) for label in labels[:MOST_LABELS])
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    lines = [f"# {preset.name}", "", _plain(preset.intended_use), "", f"Labels: {shown}{more}.", ""]
    lines += ["## Terms", "", "| part | licence | from |", "|---|---|---|"]
    lines += [_row(*row) for row in licences(preset, base, data_licence)]
    lines += ["", "Who uses the model keeps to the terms of all parts.", ""]
    lines += ["## Data", "", _plain(preset.trained_on), ""]
    if preset.metrics:
        lines += ["## Measured", "", "| what | how much | on | note |", "|---|---|---|---|"]
        lines += [_row(m.name, f"{m.value:.4g}", m.data, m.note) for m in preset.metrics]
        lines.append("")
    limits = preset.limits or (
        "It knows the labels above only, and gives one of them to everything that it is shown."
    )
    lines += ["## Limits", "", _plain(limits)]
    if base is not None and base.limits:
        lines += ["", f"Of what it began with: {_plain(base.limits)}"]
    return "\n".join([*lines, "", *([notes.strip(), ""] if notes.strip() else [])])


def licences(
    preset: Preset, base: Preset | None, data_licence: str = ""
) -> list[tuple[str, str, str]]:
    """Return the terms of a model's parts: what it is, its licence, where it is from.

    Args:
        preset: The new model's.
        base: That of the model it began with.
        data_licence: The licence of the data, if it is known.

    Returns:
        A row for each part.

    Raises:
        ValueError: Never here.
    """
    rows = []
    if base is not None:
        source = " ".join(
            part for part in (base.source.repository, base.source.commit[:12]) if part
        )
        rows.append((f"pretrained weights ({base.name})", base.licence, source))
        rows.append(("what these were trained on", "see there", base.trained_on))
    rows.append(("training data", data_licence or "not stated", "yours"))
    return rows


def _row(*cells: str) -> str:
    return "| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    """Return text of a stranger on one line, without what Markdown or HTML would read as markup."""
    flat = " ".join(str(text).split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
