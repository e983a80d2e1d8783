"""From a folder of examples to a folder with a model: all steps, in their order."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console

from penstock.errors import InvalidValueError
from penstock_models.adapt.strategy import Strategy
from penstock_models.finetune import finish, learn
from penstock_models.finetune.choices import Choices, spoken
from penstock_models.finetune.disk import explained
from penstock_models.finetune.folder import RunFolder
from penstock_models.finetune.judge import judge
from penstock_models.finetune.record import read_record, record_file
from penstock_models.finetune.result import Result
from penstock_models.finetune.run import Run
from penstock_models.finetune.tell import Teller


def run_all(
    choices: Choices,
    out: Path,
    resume: bool = False,
    replay: str | Path | None = None,
    verbose: bool = True,
) -> Result:
    """Run all steps; arguments, result and errors as in `finetune`."""
    file = None if replay is None else record_file(Path(replay))
    record = None if file is None else read_record(file)
    if choices.strategy is not None:
        choices = choices.model_copy(update={"strategy": str(Strategy.of(choices.strategy))})
    if record is not None:
        choices = _choices_again(record, choices)
    folder = RunFolder(out, choices, resume)
    teller = Teller(Console(highlight=False) if verbose else None)
    if folder.is_finished:
        return _finished(folder, choices, teller)
    if folder.goes_on and folder.state["steps"]:
        teller.say(folder.sentence())
    try:
        with explained(folder.path):
            return _steps(Run(choices, folder, teller, record, file))
    except KeyboardInterrupt:
        folder.save()
        teller.say(
            f"\nStopped after {spoken(folder.spent)}. What is done is kept in {folder.path}; type the same again to go on:\n"
            f"  {command_line(choices, folder.path, replay)}",
            "yellow",
        )
        raise
    finally:
        folder.release()


def _steps(run: Run) -> Result:
    learn.look(run)
    learn.probe(run)
    learn.train(run)
    name, strategy = learn.choose(run)
    model = run.kept(name, strategy)
    judged = judge(run, name, model)
    return finish.finish(run, name, strategy, model, judged)


def _choices_again(record: dict[str, Any], choices: Choices) -> Choices:
    """Return the choices of a run that is replayed, for the data as they are called now."""
    before = Choices.of(record["choices"])
    preset = choices.preset or record["preset"]["given"]
    return before.model_copy(
        update={"data": choices.data, "preset": preset, "seconds": choices.seconds}
    )


def _finished(folder: RunFolder, choices: Choices, teller: Teller) -> Result:
    result = Result.read(folder.path)
    before = {**result.record["choices"], "seconds": choices.seconds}
    if before != choices.model_dump():
        raise InvalidValueError(
            f"[finetune] {folder.path} holds a finished run with other choices; choose another folder with --out"
        )
    teller.say(
        f"{folder.path} is finished already: {result}\nTo train anew, give another folder with --out."
    )
    return result


def command_line(choices: Choices, out: Path, replay: Any = None) -> str:
    """Return what to type for some choices.

    >>> command_line(Choices(data="my photos", seconds=90.0), Path("model"))
    "penstock finetune 'my photos' --time 90s --out model"
    """
    words = ["penstock", "finetune", choices.data]
    options = {
        "--preset": choices.preset,
        "--time": f"{choices.seconds:g}s",
        "--out": str(out),
        "--strategy": choices.strategy,
        "--seed": str(choices.seed) if choices.seed else None,
        "--text-column": choices.text_column,
        "--label-column": choices.label_column,
        "--encoding": choices.encoding,
        "--replay": None if replay is None else str(replay),
    }
    for name, value in options.items():
        words += [] if value is None else [name, value]
    return shlex.join(words)
