"""Write docs/models/zoo.md: all presets in one table. Run it after a preset was added or changed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from penstock_models.architectures.architecture import MODULES
from penstock_models.presets import Preset
from penstock_models.presets.catalogue import all_presets
from penstock_models.presets.load import folder_of

PAGE = Path(__file__).parents[3] / "docs" / "models" / "zoo.md"
HEAD = """# Presets

<!-- packages/models/tools/zoo_table.py writes this page. -->

A preset is a pretrained model with its preprocessing, labels, licence and origin. `models.list_presets()` names them,
`models.from_preset(name)` loads one. Those marked *shipped* are in the package; the files of the others are found in the
folder that `PENSTOCK_MIRROR` names, or in the cache. A preset with an architecture can be trained further; one without is
a finished graph, whose answers can still be probed: `model.adapt("probe", labels=[...])`. See also [transfer
learning](transfer.md), and [painting, segmenting, hearing](pictures_and_sound.md).

    >>> from penstock import models
    >>> "mobilenet_v2.imagenet_quant" in models.list_presets(task="image-classification")
    True
    >>> models.find_preset("ds_cnn.speech_commands_small").architecture
    'ds_cnn'

Figures are those that this project measured with these files, on what is said beside them.
"""


def page() -> str:
    """Return the page: a table for each task."""
    presets = sorted(all_presets().values(), key=lambda p: (p.task, p.name))
    parts = [HEAD]
    for task, group in groupby(presets, key=lambda p: p.task):
        parts.append(f"## {task}\n\n" + _table(group))
    names = ", ".join(f"`{name}`" for name in sorted(MODULES))
    parts.append(
        "## Architectures\n\n`penstock_models.architectures.architecture.find(name)` knows these, with random weights or "
        f"those of a published folder: {names}.\n"
    )
    return "\n".join(parts)


def _table(presets: Iterable[Preset]) -> str:
    lines = [
        "| preset | architecture | input | MB | measured | trained on | licence | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(_row(p)) + " |" for p in presets]
    return "\n".join(lines) + "\n"


def _row(p: Preset) -> list[str]:
    place = "shipped" if shipped(p) else p.source.package or p.source.repository
    measured = "; ".join(
        f"{m.name} {m.value:.4g} on {m.data}" + (f": {m.note}" if m.note else "")
        for m in p.metrics[:2]
    )
    return [
        f"`{p.name}`", p.architecture or "finished graph", _input(p), _size(p), measured or "not measured",
        p.trained_on.replace("|", "/"), p.licence, place,
    ]  # fmt: skip


def _input(p: Preset) -> str:
    i = p.input
    if i.kind == "image":
        size = "any size" if i.size is None else f"{i.size[0]} x {i.size[1]}"
        return f"{size}, {'gray' if i.channels == 1 else 'colour'}"
    return f"{i.kind}, {i.rate} Hz" if i.rate else i.kind


def shipped(p: Preset) -> bool:
    """Return whether a preset's folder is in the package."""
    return folder_of(p.name) is not None


def _size(p: Preset) -> str:
    folder = folder_of(p.name)
    sizes = [f.bytes or (folder and (folder / f.path).stat().st_size) for f in p.files]
    known = [size for size in sizes if size]
    return f"{sum(known) / 1e6:.2f}" if len(known) == len(sizes) else ""


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), "utf-8")
