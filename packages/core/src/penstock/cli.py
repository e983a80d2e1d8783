"""The `penstock` command. With the extra `cli` it has colours and plugins' commands; without, only the doctor."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from penstock.errors import PenstockError

_INSTALL: Final = 'this needs the command line extra: pip install "penstock[cli]"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `penstock` command.

    Args:
        arguments: The words after `penstock`; by default the process's.

    Returns:
        The exit code: 0, or 1 when something is wrong, or 2 when the command was not understood.

    Raises:
        Nothing that a user caused: errors are printed.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except PenstockError as error:
        print(f"penstock: {error}", file=sys.stderr)
        return 1


def _run(words: list[str]) -> int:
    run = _run_plain
    try:
        from penstock._cli_app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich"):
            raise
    # Not inside the handler: this error would be told with every one that a plugin raises.
    return run(words)


def _run_plain(words: list[str]) -> int:
    """Run without typer: the doctor must work where nothing else does."""
    if words[:1] != ["doctor"]:
        print(f"penstock {' '.join(words)}: {_INSTALL}", file=sys.stderr)
        print(
            "without it there is: penstock doctor [--json] [--verbose] [--no-load] [--ops]",
            file=sys.stderr,
        )
        return 2
    parser = argparse.ArgumentParser("penstock doctor")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verbose", action="store_true", help="with tracebacks")
    parser.add_argument("--no-load", action="store_true", help="import no plugin")
    parser.add_argument("--ops", action="store_true", help="list ops and kernels instead")
    given = parser.parse_args(words[1:])
    if given.ops:
        return list_ops(as_json=given.json)
    return doctor(as_json=given.json, verbose=given.verbose, load=not given.no_load)


def doctor(*, as_json: bool = False, verbose: bool = False, load: bool = True) -> int:
    """Print what is installed, what works, and what to type where something does not.

    Args:
        as_json: Print JSON.
        verbose: With the tracebacks of refused plugins.
        load: Try every plugin; otherwise only read manifests.

    Returns:
        1 when something is wrong, else 0.

    Raises:
        Nothing.
    """
    from penstock.plugins import doctor as doctor_module

    report = doctor_module.examine(load=load)
    if as_json:
        print(doctor_module.to_json(report))
    else:
        doctor_module.print_report(report, verbose=verbose)
    return 0 if report.healthy else 1


def list_ops(*, as_json: bool = False) -> int:
    """Print every op with its gradient and its kernels, and count them.

    Args:
        as_json: Print JSON.

    Returns:
        0.

    Raises:
        ConfigError: PENSTOCK_PLUGINS is not understood.
    """
    from penstock.plugins import op_report

    reports = op_report.examine_ops()
    if as_json:
        print(op_report.ops_to_json(reports))
    else:
        op_report.print_ops(reports)
    return 0


def print_replay(folder: str) -> int:
    """Play a recorded step again and print what happens; return 1 if it fails."""
    from penstock import replay

    text, failed = replay.report(folder)
    print(text)
    return int(failed)


def print_graph(target: str) -> None:
    """Print what `graph_text` returns."""
    print(graph_text(target))


def graph_text(target: str) -> str:
    """Give the text of a graph that a script or module holds.

    Args:
        target: "file.py:name" or "package.module:name"; the name is a Graph, or a function with one trace.

    Returns:
        The graph's text.

    Raises:
        PenstockError: The target does not exist, or is no graph.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise PenstockError(
            f"graph got {target!r}: expected 'file.py:name' or 'package.module:name'"
        )
    module = _import_script(Path(place)) if place.endswith(".py") else _import(place)
    if not hasattr(module, name):
        public = ", ".join(n for n in vars(module) if not n.startswith("_"))
        raise PenstockError(f"graph found no {name!r} in {place}; it has: {public}")
    return _text_of(getattr(module, name), target)


def _import(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as `python -m` does
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise PenstockError(
            f"graph cannot import {name!r}: {error}; is it a file? Add .py"
        ) from error


def _import_script(path: Path) -> ModuleType:
    if not path.is_file():
        raise PenstockError(f"graph found no file {path}; the folder is {Path.cwd()}")
    sys.path.insert(
        0, str(path.resolve().parent)
    )  # the script's own imports work as when it is run
    name = f"_penstock_script_{path.stem}"  # a script may be called as a module that is loaded
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PenstockError(f"graph cannot import {path}: expected a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path
        ]
        line = f", line {lines[-1]}" if lines else ""
        raise PenstockError(
            f"graph ran {path}{line}, which raised {type(error).__name__}: {error}; run it with python to see more"
        ) from error
    return module


def _text_of(value: Any, target: str) -> str:
    from penstock.graph import Graph

    graph = getattr(value, "graph", value)
    if not isinstance(graph, Graph):
        raise PenstockError(
            f"graph got {target}, a {type(value).__name__}: expected a penstock.Graph, or a "
            "penstock.function that has been called once"
        )
    return str(graph)
