"""The card: what a person wants to know about a preset, on a page."""

from __future__ import annotations

from penstock_models.presets.schema import Preset


def card_of(preset: Preset, notes: str = "") -> str:
    """Return a preset's card in Markdown; everything in it is in preset.json too, but for the notes.

    Args:
        preset: The preset.
        notes: Further paragraphs: how it was trained, what was tried.

    Returns:
        The text.

    Raises:
        ValueError: Never here.
    """
    lines = [f"# {preset.name}", "", preset.intended_use, "", "## Data", "", preset.trained_on, ""]
    lines += [f"Licence of the weights: {preset.licence}.", ""]
    if preset.metrics:
        lines += ["## Measured", "", "| what | how much | on | note |", "|---|---|---|---|"]
        rows = ((m.name, f"{m.value:.4g}", m.data, m.note) for m in preset.metrics)
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
        ]
        lines.append("")
    if preset.recipe is not None:
        lines += ["## Made by", "", f"    {preset.recipe.command}", ""]
        lines += [
            f"Seed {preset.recipe.seed}, {preset.recipe.seconds:.0f} seconds of training with one thread.",
            "",
            "![the curve of training](curve.svg)",
            "",
        ]
    if notes:
        lines += [notes.strip(), ""]
    return "\n".join([*lines, "## Limits", "", preset.limits, ""])
