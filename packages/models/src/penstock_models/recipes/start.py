"""How a recipe begins: what its command line says."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.sources.find import MIRROR

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Run:
    """What a recipe was asked to do.

    Args:
        preset: The name of the preset that it makes.
        data: The folder with data sets.
        out: The folder that becomes the preset.
        seconds: When training ends at the latest; None for the recipe's own end.
        seed: Of everything that is random.
        command: What was typed, for the card.
        options: The recipe's own arguments.

    Raises:
        ValueError: Never here; see `start`.
    """

    preset: str
    data: Path
    out: Path
    seconds: float | None
    seed: int
    command: str
    options: argparse.Namespace = field(default_factory=argparse.Namespace)


def start(
    preset: str,
    text: str,
    add: Callable[[argparse.ArgumentParser], object] | None = None,
    arguments: Sequence[str] | None = None,
) -> Run:
    """Read a recipe's command line, and seed everything.

    Args:
        preset: The name of the preset that the recipe makes.
        text: What --help says about it.
        add: A function that adds the recipe's own arguments.
        arguments: The arguments; those of this process by default.

    Returns:
        What is asked for.

    Raises:
        ValueError: No folder with data is known, or the time is not understood.

    >>> start("lenet.mnist", "", arguments=["--data", ".", "--time", "10m"]).seconds
    600.0
    """
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--data", default=os.environ.get(MIRROR), help="the folder with data sets")
    parser.add_argument("--out", default=preset, help="the folder that becomes the preset")
    parser.add_argument("--time", help="when to end at the latest, such as 90s, 20m or 1h")
    parser.add_argument("--seed", type=int, default=0)
    if add is not None:
        add(parser)
    given = parser.parse_args(arguments)
    if not given.data:
        raise InvalidValueError(
            f"[recipe] there are no data; give --data FOLDER, or set {MIRROR} to the folder"
        )
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(given.seed)
    typed = _typed(sys.argv if arguments is None else [preset, *arguments])
    return Run(preset, Path(given.data), out, seconds(given.time), given.seed, typed, given)


def seconds(time: str | None) -> float | None:
    """Return the seconds of a time such as "20m"; None for None.

    Raises:
        ValueError: It is no number with s, m or h.
    """
    if time is None:
        return None
    found = re.fullmatch(r"([0-9.]+)([smh]?)", time)
    if found is None:
        raise InvalidValueError(f"[recipe] got --time {time}; type a number with s, m or h: 20m")
    return float(found[1]) * UNITS[found[2] or "s"]


def _typed(words: Sequence[str]) -> str:
    """Return the command without this machine's folders."""
    kept = ["python", f"packages/models/recipes/{Path(words[0]).name}"]
    skip = False
    for word in words[1:]:
        if skip or word in ("--data", "--out"):
            skip = not skip
            continue
        if not word.startswith(("--data=", "--out=")):
            kept.append(word)
    return " ".join(kept)
