"""The command `penstock finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock_models.finetune.call import finetune


def finetune_model(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with a folder for each class, boxes of VOC or COCO, or a .csv or .tsv."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    preset: Annotated[
        str | None, typer.Option(help="The pretrained model; by default one that is at hand.")
    ] = None,
    time: Annotated[str, typer.Option(help="How long it may take: 90s, 10m, 1h.")] = "10m",
    strategy: Annotated[
        str | None,
        typer.Option(help="probe, head, full, lora or partial:2; else what time allows."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the division and all that is random.")] = 0,
    text_column: Annotated[str | None, typer.Option(help="A table's column with texts.")] = None,
    label_column: Annotated[str | None, typer.Option(help="A table's column with labels.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="A table's encoding, if it is not UTF-8.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run, or refuse.")
    ] = False,
    replay: Annotated[
        Path | None, typer.Option(help="Take the steps of this run.json again, to the bit.")
    ] = None,
) -> None:
    """Make a pretrained model yours: audit, probe, train, judge, report, save."""
    try:
        result = finetune(
            data,
            preset,
            out=out,
            time=time,
            strategy=strategy,
            seed=seed,
            text_column=text_column,
            label_column=label_column,
            encoding=encoding,
            resume=resume,
            replay=replay,
        )
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if result.record.get("replay", {}).get("same") is False:
        raise typer.Exit(1)
