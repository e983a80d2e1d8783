"""The `penstock` command. With the extra `cli` it has colours and plugins' commands; without, only the doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

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
    except (PenstockError, OSError) as error:
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
