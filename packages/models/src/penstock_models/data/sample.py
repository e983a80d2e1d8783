"""Small data sets that come with this package, to try things on."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import InvalidValueError

PREFIX = "sample:"
FOLDER = Path(__file__).parent / "samples"


def list_samples() -> list[str]:
    """Return the names of the data sets that come with this package.

    >>> list_samples()
    ['tickets']
    """
    return sorted(path.stem for path in FOLDER.glob("*.tsv"))


def placed(path: str | Path) -> Path:
    """Return where data lie; "sample:tickets" is a table that comes with this package.

    Args:
        path: A path, or "sample:" and a name.

    Returns:
        The path.

    Raises:
        ValueError: There is no sample of this name.

    >>> placed("sample:tickets").name
    'tickets.tsv'
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return Path(path)
    name = text.removeprefix(PREFIX)
    if name not in list_samples():
        raise InvalidValueError(
            f"[data] there is no {text!r}; there are: {', '.join(PREFIX + n for n in list_samples())}"
        )
    return FOLDER / f"{name}.tsv"
