"""Start a plugin from a template.

    python templates/new.py op-kernel acme-scale --into ~/plugins

makes ~/plugins/acme-scale, a package that builds, installs and passes its tests as it is. Templates:

    op              an op made of other ops, in ten lines of Python
    op-kernel       an op with its gradient, and a native kernel for it
    device          a device in Python, in about 60 lines
    native-device   a device in C++, with a kernel of its own
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent
PLACEHOLDER = (
    "acme-demo"  # in the templates' own files; and with an underscore, as Python and C spell it
)
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "build", "dist", "*.egg-info", ".*")


def names() -> list[str]:
    """List the templates: the folders beside this file."""
    return sorted(path.parent.name for path in TEMPLATES.glob("*/pyproject.toml"))


def create(template: str, name: str, into: Path) -> Path:
    """Copy a template under another name.

    Args:
        template: One of `names()`.
        name: The new package's, in lower case, with hyphens between words. Ops get it as prefix.
        into: The folder to put the new one in.

    Returns:
        The new folder.

    Raises:
        ValueError: The name cannot be a package's.
        FileExistsError: The folder is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or name.startswith("penstock"):
        raise ValueError(
            f"the name {name!r} cannot be used: write lower case words with hyphens between them, "
            f"not beginning with 'penstock', for example acme-scale"
        )
    folder = into / name
    if folder.exists():
        raise FileExistsError(f"there is {folder} already: choose another name, or remove it")
    shutil.copytree(TEMPLATES / template, folder, ignore=LEFT_BEHIND)
    for path in sorted(
        folder.rglob("*"), reverse=True
    ):  # what is inside a folder, before the folder
        if path.is_file():
            path.write_text(_renamed(path.read_text("utf-8"), name), "utf-8")
        path.rename(path.with_name(_renamed(path.name, name)))
    return folder


def _renamed(text: str, name: str) -> str:
    underscored = PLACEHOLDER.replace("-", "_")
    return text.replace(PLACEHOLDER, name).replace(underscored, name.replace("-", "_"))


def main() -> None:
    """Read the command line, and say what to type next."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("template", choices=names())
    parser.add_argument("name", help="the new package's, such as acme-scale")
    parser.add_argument("--into", type=Path, default=Path(), help="a folder; by default this one")
    given = parser.parse_args()
    try:
        folder = create(given.template, given.name, given.into)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    print(f"made {folder}; what to type next is in {folder / 'README.md'}")


if __name__ == "__main__":
    main()
