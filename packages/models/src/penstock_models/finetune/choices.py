"""What a user says about a fine-tuning."""

from __future__ import annotations

import re

from penstock.errors import InvalidValueError
from penstock_models.config import Config

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LEAST_SECONDS = 1.0


class Choices(Config):
    """What a user says about a fine-tuning.

    Args:
        data: The path of the data.
        preset: The pretrained model's name, or the path of its folder; None chooses one that is at hand.
        seconds: How long it may take, all in all.
        strategy: What of the network learns, as in `model.adapt`; None tries what there is time for.
        seed: Of the division of the data, and of all that is random.
        text_column: The table's column with the texts.
        label_column: The table's column with the labels.
        encoding: The table's encoding.
    """

    data: str
    preset: str | None = None
    seconds: float = 600.0
    strategy: str | None = None
    seed: int = 0
    text_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None


def seconds_of(time: str | float) -> float:
    """Return how many seconds a time has.

    Args:
        time: "90s", "10m", "1h", "1h30m"; a number is seconds.

    Returns:
        Seconds.

    Raises:
        ValueError: It is no time, or less than a second.

    >>> seconds_of("10m"), seconds_of("1h30m"), seconds_of(45)
    (600.0, 5400.0, 45.0)
    """
    text = str(time).strip().lower()
    seconds = -1.0
    if re.fullmatch(r"\d+(\.\d*)?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d+(\.\d*)?[hms])+", text):
        parts = re.findall(r"(\d+(?:\.\d*)?)([hms])", text)
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if seconds < LEAST_SECONDS:
        raise InvalidValueError(
            f"[finetune] got the time {time!r}; give a second or more, such as 90s, 10m or 1h30m"
        )
    return seconds


def spoken(seconds: float) -> str:
    """Return seconds as people say them.

    >>> spoken(4.26), spoken(150), spoken(5400)
    ('4.3 s', '2 min 30 s', '1 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
