"""Which part of a network learns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self, get_args

from penstock.errors import InvalidValueError

Kind = Literal["probe", "head", "full", "lora", "partial"]
RANK, BLOCKS = 8, 2


@dataclass(frozen=True)
class Strategy:
    """Which part of a network learns, and how.

    Args:
        kind: "probe" solves for a new head on features that stay; "head" trains one step by step; "full" trains
            everything; "lora" adds small matrices to the large ones and trains these; "partial" trains the last blocks.
        number: The rank of "lora", the blocks of "partial"; 0 for the others.
    """

    kind: Kind
    number: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a strategy's short form.

        Args:
            text: "probe", "head", "full", "lora", "lora:4" or "partial:2".

        Returns:
            The strategy.

        Raises:
            ValueError: There is no such strategy.

        >>> Strategy.of("partial:2")
        Strategy(kind='partial', number=2)
        """
        found = re.fullmatch(r"([a-z]+)(?::([1-9][0-9]*))?", str(text))
        kind = found[1] if found else ""
        number = int(found[2]) if found and found[2] else 0
        takes_number = kind in ("lora", "partial")
        if kind not in get_args(Kind) or (number and not takes_number):
            raise InvalidValueError(
                f'[adapt] got the strategy {text!r}; choose "probe", "head", "full", "lora" or "partial:2", which '
                "trains the last two blocks"
            )
        default = {"lora": RANK, "partial": BLOCKS}.get(kind, 0)
        return cls(kind, number or default)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}" if self.number else self.kind
