"""Which format a path has, and the plugin that reads or writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from penstock.errors import FormatError, InvalidValueError
from penstock.plugins import loader
from penstock.plugins.registrar import nearest

if TYPE_CHECKING:
    from penstock.plugins._schema import FormatRow
    from penstock.plugins.registrar import Format

NATIVE: Final = "penstock"
"""The name of our own folders among the formats."""

TENSORS: Final = (".safetensors", ".npz")
"""How files end that hold tensors alone, and that need no plugin."""

INSTALL: Final = 'pip install "penstock-formats[all]"'


def known_formats() -> list[FormatRow]:
    """List the formats that installed plugins read or write; none is imported.

    Raises:
        ConfigError: PENSTOCK_PLUGINS is not understood.
    """
    return [
        row
        for record in loader.records()
        if record.manifest is not None and record.state in ("ready", "active")
        for row in record.manifest.provides.format
    ]


def format_name(path: Path, *, writing: bool = False) -> str:
    """Say which format a path has: by what its name ends with, or by a file in the folder.

    Args:
        path: A file or folder, which need not exist if it is to be written.
        writing: Whether it is to be written.

    Returns:
        The format's name; a folder of our own, or a new name without a suffix, is "penstock".

    Raises:
        FormatError: No installed plugin knows such files, or there is none.
    """
    if (path / "graph.json").is_file() or (writing and not path.suffix):
        return NATIVE
    if not writing and not path.exists():
        there = next(folder for folder in path.absolute().parents if folder.is_dir())
        raise FormatError(f"[load] there is no {path}; look at the path: it is there up to {there}")
    if not writing and path.suffix.lower() in TENSORS:
        raise FormatError(
            f"[load] {path} holds tensors and no graph; read them, penstock.saved.read_tensors(path), or put them into "
            "a model that you have: penstock.saved.load_weights(model, path)"
        )
    rows = [row for row in known_formats() if (row.writes if writing else row.reads)]
    for row in rows:
        if any(path.name.lower().endswith(suffix) for suffix in row.suffixes):
            return row.name
        if not writing and any((path / name).is_file() for name in row.folder_has):
            return row.name
    suffixes = ", ".join(sorted({s for row in rows for s in row.suffixes}))
    if writing:
        raise FormatError(
            f"[save] no installed plugin can write {path}; write a folder, whose name has no suffix, or "
            f"{suffixes or f'install more, {INSTALL}'}, or say format='...'"
        )
    raise FormatError(
        f"[load] no installed plugin can read {path}; there are plugins for {suffixes or 'no format'}. Install what is "
        f"missing, {INSTALL}, or say format='...'"
    )


def find_format(name: str, *, writing: bool = False) -> Format:
    """Activate the plugin that knows a format.

    Args:
        name: The format's name.
        writing: Whether something is to be written.

    Returns:
        How the format is read and written.

    Raises:
        FormatError: No usable plugin knows it, or it cannot be written, or read.
    """
    found = loader.activate_for_format(name)
    verb = "write" if writing else "read"
    if found is None or (found.write if writing else found.read) is None:
        rows = [row.name for row in known_formats() if (row.writes if writing else row.reads)]
        raise FormatError(
            f"[{'save' if writing else 'load'}] no usable plugin can {verb} the format {name!r}"
            f"{nearest(name, rows)}; there are {', '.join(sorted(rows)) or 'none'}: install the one that is missing, "
            f"{INSTALL}, or see what `penstock doctor` says"
        )
    return found


def call(function: Callable[..., Any], name: str, /, *arguments: Any, **options: Any) -> Any:
    """Call what reads or writes a format.

    Args:
        function: From `find_format`.
        name: The format's name, for messages.
        arguments: What it takes.
        options: What the user said besides.

    Returns:
        What it returns.

    Raises:
        InvalidValueError: The format has no such option.
        Exception: What it raises.
    """
    try:
        return function(*arguments, **options)
    except TypeError as error:
        unknown = [key for key in options if f"unexpected keyword argument {key!r}" in str(error)]
        if not unknown:
            raise
        raise InvalidValueError(
            f"[{name}] there is no option {unknown[0]!r} for this format; leave it out"
        ) from None
