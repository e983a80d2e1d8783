"""Darknet's .cfg files: sections in square brackets, each a layer, with options below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import FormatError

_MOST_SECTIONS = 2000
_MOST_NUMBER = 1 << 20


@dataclass
class Section:
    """One section.

    Args:
        kind: What stands in the brackets.
        line: Its line in the file.
        options: The text behind each name.
    """

    kind: str
    line: int
    options: dict[str, str] = field(default_factory=dict)

    def fail(self, what: str) -> FormatError:
        """Make the error for something in this section."""
        return FormatError(f"[darknet] [{self.kind}] in line {self.line} {what}")

    def number(self, name: str, default: int, least: int = 0) -> int:
        """Return an option that is a whole number."""
        text = self.options.get(name, "")
        value = _whole(text) if text else default
        if value is None or not least <= value <= _MOST_NUMBER:
            raise self.fail(
                f"has {name}={text}; expected a whole number from {least}; correct the file"
            )
        return value

    def numbers(self, name: str) -> list[float]:
        """Return an option that is a list of numbers."""
        text = self.options.get(name, "")
        try:
            return [float(part) for part in text.split(",")] if text else []
        except ValueError:
            raise self.fail(
                f"has {name}={text}; expected numbers with commas; correct the file"
            ) from None

    def layers(self, name: str, at: int) -> list[int]:
        """Return an option that names earlier layers: by number, or backwards from layer `at`."""
        given = [_whole(part) for part in self.options.get(name, "").split(",")]
        found = [n + at if n is not None and n < 0 else n for n in given]
        if any(n is None or not 0 <= n < at for n in found):
            raise self.fail(
                f"has {name}={self.options.get(name, '')}; expected layers before this one, number {at}; correct the file"
            )
        return [n for n in found if n is not None]

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Return an option that is one of a few words."""
        text = self.options.get(name, default)
        if text not in choices:
            raise self.fail(
                f"has {name}={text}, which is not supported; use one of {', '.join(choices)}"
            )
        return text


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def parse(text: str) -> tuple[Section, list[Section]]:
    """Read a .cfg file.

    Args:
        text: What the file holds.

    Returns:
        The section of the whole net, and one for each layer.

    Raises:
        FormatError: A line is neither a section nor an option, or the net's section is not the first.
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            sections.append(Section(line[1:-1].strip().lower(), number))
            continue
        name, equals, value = line.partition("=")
        if not equals or not sections:
            raise FormatError(
                f"[darknet] line {number} is {line[:60]!r}; expected a [section] or name=value; is this a darknet .cfg file?"
            )
        sections[-1].options[name.strip()] = value.strip()
    if not sections or sections[0].kind not in ("net", "network") or len(sections) > _MOST_SECTIONS:
        raise FormatError(
            f"[darknet] the file has {len(sections)} sections and does not begin with [net]; expected [net] and at most "
            f"{_MOST_SECTIONS - 1} layers; is this a darknet .cfg file?"
        )
    return sections[0], sections[1:]


def shortened(values: Sequence[Any]) -> str:
    """Write a list's first entries."""
    return ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")
