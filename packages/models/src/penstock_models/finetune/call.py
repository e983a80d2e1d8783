"""`finetune`: one call from examples to a model. Everything else is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock_models.finetune.result import Result


def finetune(
    data: str | Path,
    preset: str | Path | None = None,
    *,
    out: str | Path,
    time: str | float = "10m",
    strategy: str | None = None,
    seed: int = 0,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    resume: bool = False,
    replay: str | Path | None = None,
    verbose: bool = True,
) -> Result:
    """Make a pretrained model yours: from your examples to a folder with a model, a report and a record.

    The data is read and audited; a head is solved for on the network as it is; then what there is time for is trained, and
    kept if it is better on validation; what is kept is judged on test examples, and written down. A run that was
    interrupted goes on where it was when the same is called again.

    Args:
        data: Your examples, as `data.read` takes them.
        preset: The pretrained model: a name or a folder. By default one for this kind of data that is at hand.
        out: The folder to write. It must be new or empty, or hold the unfinished run.
        time: How long it may take: "90s", "10m", "1h"; a number is seconds.
        strategy: What learns, as in `model.adapt`; by default what there is time for.
        seed: Of the division of the data, and of all that is random.
        text_column: The table's column with the texts, where it is not guessed rightly.
        label_column: Likewise that with the labels.
        encoding: The table's encoding, if it is not UTF-8.
        resume: Refuse to begin anew.
        replay: The run.json of a finished run, or its folder: its steps are taken again, whatever the clock says. The
            weights are the same to the bit where the data, the versions and the kind of computer are.
        verbose: Whether to print what happens.

    Returns:
        The folder, and what was measured.

    Raises:
        ValueError: Something about the choices, the data or the folder is wrong; the message says what to do.
        FormatError: The data cannot be read.
        DiskError: The folder cannot be written.
        MissingFileError: The preset's files are not on this machine.
        KeyboardInterrupt: Somebody pressed Ctrl-C; what is done is kept.
    """
    from penstock_models.finetune.choices import Choices, seconds_of
    from penstock_models.finetune.pipeline import run_all

    choices = Choices(
        data=str(data),
        preset=None if preset is None else str(preset),
        seconds=seconds_of(time),
        strategy=strategy,
        seed=seed,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
    )
    return run_all(choices, Path(out), resume, replay, verbose)
