"""`penstock doctor`: what is installed, what works, why something does not, and what to type."""

from __future__ import annotations

import json
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from penstock.config import VARIABLES, settings
from penstock.errors import ConfigError, PluginWarning
from penstock.plugins import _host
from penstock.plugins._api import PLUGIN_API

if TYPE_CHECKING:
    from penstock.plugins._records import Record

Line = tuple[str, str]  # a style that rich knows, and the text


@dataclass
class PluginReport:
    """The state of one plugin; a plugin's `penstock_doctor` hook adds lines to its own.

    Args:
        name: The plugin.
        distribution: What pip calls it, with the version.
        state: "ready", "active", "disabled" or "refused".
        gives: What its manifest promises.
        reason: Why it is disabled or refused.
        remedy: What to type.
        traceback: What its code raised, whole.
        lines: What the plugin says about itself.
        problems: What it says is wrong.
    """

    name: str
    distribution: str
    state: str
    gives: list[str] = field(default_factory=list)
    reason: str = ""
    remedy: str = ""
    traceback: str = ""
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, label: str, value: object) -> None:
        """Add a line about the plugin's health.

        Args:
            label: What is told, such as "driver".
            value: Its value, printed with `str`.

        Raises:
            Nothing.
        """
        self.lines.append(f"{label}: {value}")

    def problem(self, label: str, value: object, remedy: str) -> None:
        """Add a line about something that is wrong; `penstock doctor` then ends with code 1.

        Args:
            label: What is told, such as "driver".
            value: What is wrong with it.
            remedy: What to type.

        Raises:
            Nothing.
        """
        self.problems.append(f"{label}: {value}; {remedy}")


@dataclass
class Report:
    """Everything that `penstock doctor` knows.

    Args:
        system: Versions, processor, threads, by label.
        settings: The variables that are set.
        plugins: Every installed plugin.
        problems: What is wrong outside of the plugins.
    """

    system: dict[str, str]
    settings: dict[str, str]
    plugins: list[PluginReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """True when nothing was refused and nobody reported a problem."""
        bad = any(p.state == "refused" or p.problems for p in self.plugins)
        return not (bad or self.problems)


def examine(*, load: bool = True) -> Report:
    """Collect the report.

    Args:
        load: Activate every plugin that is switched on, to see whether it works; else only read manifests.

    Returns:
        The report.

    Raises:
        Nothing: what fails is part of the report.
    """
    report = Report(_system(), _settings())
    try:
        settings()
        report.plugins = _plugins(load)
    except ConfigError as error:
        report.problems.append(str(error))
    if "native library" not in report.system:
        report.problems.append(
            "the native library cannot be loaded; `pip install --force-reinstall penstock`"
        )
    return report


def print_report(report: Report, *, verbose: bool = False, file: TextIO | None = None) -> None:
    """Print the report, in colour where rich is installed and the output is a terminal.

    Args:
        report: What `examine` returned.
        verbose: With the tracebacks of refused plugins.
        file: Where to; by default standard output.

    Raises:
        Nothing.
    """
    file = file or sys.stdout
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        for _, text in _lines(report, verbose):
            print(text, file=file)
        return
    console = Console(file=file, highlight=False)
    for style, text in _lines(report, verbose):
        console.print(Text(text, style=style), soft_wrap=True)


def to_json(report: Report) -> str:
    """Write the report as JSON.

    Args:
        report: What `examine` returned.

    Returns:
        Indented JSON, tracebacks included.

    Raises:
        Nothing.
    """
    return json.dumps({"healthy": report.healthy, **asdict(report)}, indent=2)


def _system() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    def version_of(distribution: str) -> str:
        try:
            return version(distribution)
        except PackageNotFoundError:
            return "not installed as a package"

    return {
        "penstock": version_of("penstock"),
        "plugin API": PLUGIN_API,
        "python": f"{platform.python_version()} ({sys.executable})",
        "numpy": version_of("numpy"),
        "platform": platform.platform(),
        **_native(),
    }


def _native() -> dict[str, str]:
    try:
        return _host.describe_native()
    except ImportError as error:
        return {"native library error": str(error)}


def _settings() -> dict[str, str]:
    return {v.name: os.environ[v.name] for v in VARIABLES if os.environ.get(v.name)}


def _plugins(load: bool) -> list[PluginReport]:
    from penstock.plugins import loader

    with warnings.catch_warnings():  # the report itself says what the warnings would say
        warnings.simplefilter("ignore", PluginWarning)
        records = loader.records()
        for record in records:
            if load and record.state == "ready":
                loader.activate(record.name)
    return [_plugin(record) for record in records]


def _plugin(record: Record) -> PluginReport:
    plugin = record.installed
    report = PluginReport(
        record.name,
        f"{plugin.distribution} {plugin.version}",
        record.state,
        gives=record.manifest.gives() if record.manifest else [],
        reason=record.reason,
        remedy=_remedy(record),
        traceback=record.traceback,
    )
    if record.staging is not None:
        for kind in sorted(set(record.staging.promised_devices()) - _host.device_types()):
            report.add("device", f"{kind} is not present on this machine")
        if record.staging.kernels.staged or record.staging.libraries:
            report.add("kernels", f"for {len(_host.kernels_of(record.name))} ops")
    if record.info is not None and record.info.issues:
        report.add("report problems to", record.info.issues)
    _ask(record, report)
    return report


def _ask(record: Record, report: PluginReport) -> None:
    if record.manager is None:
        return
    try:
        record.manager.hook.penstock_doctor(report=report)
    except Exception as error:  # a plugin never stops the report
        report.problems.append(f"penstock_doctor raised {type(error).__name__}: {error}")


def _remedy(record: Record) -> str:
    if record.state == "disabled":
        return "unset PENSTOCK_PLUGINS"
    if record.state == "refused":
        name = record.installed.distribution
        return f"pip install --upgrade {name}, or pip uninstall {name}, or PENSTOCK_PLUGINS=-{record.name}"
    return ""


_STYLES = {"active": "green", "ready": "green", "disabled": "yellow", "refused": "red"}


def _lines(report: Report, verbose: bool) -> Iterator[Line]:
    for label, value in {**report.system, **report.settings}.items():
        yield "", f"{label:<22}{value}"
    yield "", ""
    yield "bold", f"plugins: {len(report.plugins)} installed"
    for plugin in report.plugins:
        yield from _plugin_lines(plugin, verbose)
    for problem in report.problems:
        yield "red", f"problem: {problem}"
    yield "", ""
    yield ("green", "all is well") if report.healthy else ("red", "something is wrong; see above")


def _plugin_lines(plugin: PluginReport, verbose: bool) -> Iterator[Line]:
    yield _STYLES[plugin.state], f"  {plugin.name}: {plugin.state} ({plugin.distribution})"
    details: list[tuple[str, Any]] = [
        ("gives", "; ".join(plugin.gives)),
        ("why", plugin.reason),
        ("to do", plugin.remedy),
        *[("", line) for line in plugin.lines],
        *[("problem", problem) for problem in plugin.problems],
    ]
    for label, text in details:
        if text:
            yield "", f"      {label:<8}{text}" if label else f"      {text}"
    if plugin.traceback and not verbose:
        yield "", "      traceback: penstock doctor --verbose"
    elif plugin.traceback:
        yield from (("dim", f"      | {line}") for line in plugin.traceback.splitlines())
