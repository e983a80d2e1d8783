"""The command `penstock predict`: what a model says to pictures, sounds and texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from penstock.errors import FormatError, InvalidValueError, PenstockError
from penstock_models.commands.drawing import draw_boxes
from penstock_models.presets.load import folder_of, from_preset

Kind = Literal["picture", "sound", "text"]

TAKES: Mapping[str, Kind] = {
    "image-classification": "picture",
    "object-detection": "picture",
    "face-detection": "picture",
    "keyword-spotting": "sound",
    "text-classification": "text",
}
DETECTORS = ("object-detection", "face-detection")
SUFFIXES: Mapping[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"), "picture"),
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg", ".m4a"), "sound"),
    **dict.fromkeys((".txt", ".md", ".csv", ".tsv", ".html"), "text"),
}
EXAMPLES: Mapping[Kind, str] = {"picture": "photo.jpg", "sound": "sound.wav", "text": "'a text'"}
BAR = 24


def predict_inputs(
    model: Annotated[
        str, typer.Argument(help="A folder that `penstock finetune` wrote, or a preset's name.")
    ],
    inputs: Annotated[
        list[str], typer.Argument(help="Pictures, .wav files, texts, or files with a text.")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many labels to show.")] = 3,
    least: Annotated[
        float, typer.Option(help="The score that something found needs, for detectors.")
    ] = 0.3,
    draw: Annotated[
        Path | None, typer.Option(help="Draw what a detector found into this picture.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a model makes of pictures, sounds or texts."""
    loaded = load(model)
    _check_draw(loaded, inputs, draw, model)
    rows, failed = [], False
    for given in inputs:
        try:
            rows.append(answer(loaded, given, top, least))
        except PenstockError as error:  # the others are answered all the same
            print(f"penstock: {error}", file=sys.stderr)
            failed = True
            continue
        if draw is not None:
            draw_boxes(given, rows[-1]["found"], draw)
        if not as_json:
            _print(rows[-1], several=len(inputs) > 1)
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


def load(name: str) -> Any:
    """Return the model of a folder or a preset's name.

    Args:
        name: Either.

    Returns:
        A model that answers pictures, sounds or texts.

    Raises:
        FormatError: The folder is no model's, or a file of it is damaged.
        ValueError: The model is of a kind that has no such answers.
    """
    path = Path(name)
    if folder_of(name) is None and (path.exists() or "/" in name):
        what = (
            "has no preset.json"
            if path.is_dir()
            else "is a file"
            if path.exists()
            else "is not there"
        )
        raise FormatError(
            f"[predict] {name} is no model's folder: it {what}; give a folder that `penstock finetune` wrote to its end, or "
            "a preset's name"
        )
    model = from_preset(name)
    if getattr(model.preset, "task", None) not in TAKES:
        raise InvalidValueError(
            f"[predict] {name} is for {model.preset.task}, which has no labels to print; use it in Python: "
            f"penstock.models.from_preset({name!r})"
        )
    return model


def answer(model: Any, given: str, top: int, least: float) -> dict[str, Any]:
    """Return what a model says to one input.

    Args:
        model: Of `load`.
        given: A path, or a text.
        top: How many labels.
        least: The score that something found needs.

    Returns:
        "input", and "guesses" or "found", as JSON can hold them.

    Raises:
        FormatError: The file cannot be read.
        ValueError: It is of another kind than the model takes.
    """
    kind = TAKES[model.preset.task]
    _check_kind(given, kind)
    if model.preset.task in DETECTORS:
        things = model.predict(given, least)
        found = [{"label": t.label, "score": t.score, "box": list(t.box)} for t in things]
        return {"input": given, "found": found}
    guesses = model.predict(_text_of(given) if kind == "text" else given, top)[0]
    said = [{"label": guess.label, "score": guess.score} for guess in guesses[:top]]
    return {"input": given, "guesses": said}


def _check_kind(given: str, wanted: Kind) -> None:
    kind = SUFFIXES.get(Path(given).suffix.lower()) if " " not in given.strip() else None
    if wanted == "text" and not _is_file(given):
        return  # a text that ends as a file's name does
    if kind is not None and kind != wanted:
        raise InvalidValueError(
            f"[predict] {given} is a {kind}, and the model takes {wanted}s; give it one, such as {EXAMPLES[wanted]}"
        )


def _text_of(given: str) -> str:
    """Return the text of a file, or the words themselves."""
    if not _is_file(given):
        return given
    try:
        return Path(given).read_text("utf-8")
    except UnicodeDecodeError:
        raise FormatError(
            f"[predict] {given} is no text in UTF-8; convert it, or give the text itself"
        ) from None


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return False


def _check_draw(model: Any, inputs: list[str], draw: Path | None, name: str) -> None:
    if draw is None:
        return
    if model.preset.task not in DETECTORS:
        raise InvalidValueError(
            f"[predict] {name} finds no boxes that --draw could draw; leave --draw out"
        )
    if len(inputs) > 1:
        raise InvalidValueError(
            f"[predict] got {len(inputs)} pictures for one --draw {draw}; give one picture at a time"
        )


def _print(row: Mapping[str, Any], *, several: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if several:
        console.print(Text(row["input"], style="bold"))
    if "found" in row:
        if not row["found"]:
            console.print("  nothing")
        for thing in row["found"]:
            box = ", ".join(f"{side:.3f}" for side in thing["box"])
            console.print(Text(f"  {thing['score']:6.1%}  {thing['label']}  at {box}"))
        return
    for guess in row["guesses"]:
        bar = "\u2588" * round(BAR * guess["score"])
        console.print(
            Text(f"  {guess['score']:6.1%}  {guess['label']}  ") + Text(bar, style="cyan")
        )
