"""Text from files of any encoding that people still have."""

from __future__ import annotations

import codecs
from pathlib import Path

from penstock.errors import FormatError

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: Path, notes: list[str], encoding: str | None = None) -> str:
    r"""Return a file's text.

    Args:
        path: The file.
        notes: Where to say so, if it is not UTF-8.
        encoding: What it is written in; by default UTF-8, or Windows' Western letters if it is not that.

    Returns:
        The text, with "\n" for line ends.

    Raises:
        FormatError: It holds NUL bytes, or is not of this encoding.
    """
    data = path.read_bytes()
    mark = next((name for start, name in MARKS.items() if data.startswith(start)), None)
    chosen = encoding or mark or "utf-8"
    try:
        text = data.decode(chosen)
    except LookupError:
        raise FormatError(f"[data] there is no encoding {encoding!r}; try latin-1") from None
    except UnicodeDecodeError as error:
        if encoding or mark:
            raise FormatError(f"[data] {path} is not {chosen}: {_at(data, error.start)}") from None
        text = _western(path, data, error.start, notes)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FormatError(
            f"[data] {path}, line {line}, holds a NUL byte, which no text does; save the file as UTF-8 text"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _western(path: Path, data: bytes, start: int, notes: list[str]) -> str:
    text = data.decode("cp1252", errors="replace").replace("\ufffd", "?")
    line = data[:start].count(b"\n") + 1
    shown = text.splitlines()[line - 1][:80] if text.splitlines() else ""
    notes.append(
        f"{path.name} is not UTF-8 ({_at(data, start)}); it was read as Windows-1252, which makes line {line} "
        f"{shown!r}. If that is wrong, save the file as UTF-8, or name its encoding: --encoding NAME."
    )
    return text


def _at(data: bytes, start: int) -> str:
    return f"byte 0x{data[start]:02x} in line {data[:start].count(bytes([10])) + 1}"
