"""The `penstock` command with typer. Plugins' commands are listed from manifests; none is imported for `--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import rich  # noqa: F401  (typer works without it, but the extra promises both)
import typer
from typer.core import TyperCommand, TyperGroup

from penstock import cli
from penstock.errors import PluginError


class _PluginCommand(TyperCommand):
    """Stands for a plugin's command until it is run."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        return _load(str(self.name)).make_context(info_name, args, parent, **extra)


class _Group(TyperGroup):
    """Penstock's own commands, then the plugins'."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(_plugin_commands())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _plugin_commands():
            return own
        return _PluginCommand(cmd_name, callback=None, help=_plugin_commands()[cmd_name])


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _penstock() -> None:
    """Penstock: dataflow for machine learning; everything beyond the core is a plugin."""


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With tracebacks.")] = False,
    no_load: Annotated[bool, typer.Option("--no-load", help="Import no plugin.")] = False,
    ops: Annotated[bool, typer.Option("--ops", help="List ops and kernels instead.")] = False,
) -> None:
    """Show what is installed, what works, and what to type where something does not."""
    if ops:
        raise typer.Exit(cli.list_ops(as_json=json))
    raise typer.Exit(cli.doctor(as_json=json, verbose=verbose, load=not no_load))


@app.command()
def graph(
    target: Annotated[str, typer.Argument(help="file.py:name, package.module:name, or a model")],
    function: Annotated[str | None, typer.Option(help="Which function of a model.")] = None,
    diff: Annotated[str | None, typer.Option(help="Compare with this target.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw into .svg, .png, .pdf or .dot.")] = None,
    cost: Annotated[bool, typer.Option("--cost", help="List what each scope costs.")] = False,
    size: Annotated[list[str] | None, typer.Option(help="With --cost: batch=8.")] = None,
    depth: Annotated[int | None, typer.Option(help="Levels of scopes to show.")] = None,
) -> None:
    """Print the graph of a function or model; compare two, draw one, or list what it costs."""
    from penstock.commands import graph as command

    if diff is not None:
        raise typer.Exit(command.diff(target, diff, function))
    if cost:
        command.cost(target, function, size or [], depth)
    else:
        command.show(target, function, draw, depth)


@app.command()
def replay(
    folder: Annotated[str, typer.Argument(help="What penstock.replay.record wrote.")],
) -> None:
    """Play a step that failed again: as it ran, op by op, and looking for NaN."""
    raise typer.Exit(cli.print_replay(folder))


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A saved folder, or a file of another format.")],
    format: Annotated[
        str | None, typer.Option(help="Its format, if the name does not say.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List every variable.")] = False,
) -> None:
    """Show what a model holds: functions, variables, ops, licence. Nothing is run."""
    from penstock.commands.inspect import inspect as command

    command(path, format, every)


@app.command("run")
def run_model(
    model: Annotated[Path, typer.Argument(help="A saved folder, or a file of another format.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="name=file.npy, name=image.jpg or name=[1, 2]; repeat it."),
    ] = None,
    function: Annotated[str | None, typer.Option(help="Which function.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write results: .npz, .npy or .json.")] = None,
    top: Annotated[int, typer.Option(help="How many of the largest numbers to print.")] = 5,
    pixels: Annotated[
        tuple[float, float] | None,
        typer.Option(help="What black and white become, for inputs of floats; 0 1 by default."),
    ] = None,
) -> None:
    """Call a model with arrays, images and values, and print what comes out."""
    from penstock.commands.run import run as command

    command(model, inputs or [], function, output, top, pixels)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A saved folder, or a file of another format.")],
    target: Annotated[Path, typer.Argument(help="Where to write; without a suffix a folder.")],
    to: Annotated[str | None, typer.Option(help="The format to write.")] = None,
    read_as: Annotated[str | None, typer.Option("--from", help="The format to read.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="For the writer: opset=18.")] = None,
    check: Annotated[bool, typer.Option(help="Read the result and compare the numbers.")] = True,
) -> None:
    """Convert a model from any format that can be read to any that can be written."""
    from penstock.commands.convert import convert as command

    command(source, target, to, read_as, option or [], check)


def run(words: list[str]) -> int:
    """Run the command.

    Args:
        words: What stands after `penstock`.

    Returns:
        The exit code.

    Raises:
        PenstockError: What a command raised.
    """
    try:
        app(words, prog_name="penstock")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _plugin_commands() -> dict[str, str]:
    from penstock.plugins import loader

    return {
        row.name: row.help or f"From the plugin {record.name}."
        for record in loader.records()
        if record.manifest is not None and record.state in ("ready", "active")
        for row in record.manifest.provides.command
    }


def _load(name: str) -> Any:
    from penstock.plugins import loader

    command = loader.activate_for_command(name)
    if command is None:
        raise PluginError(
            f"the plugin that gives `penstock {name}` was refused; run `penstock doctor`"
        )
    if not isinstance(command, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(command)
        command = single
    return typer.main.get_command(command)
