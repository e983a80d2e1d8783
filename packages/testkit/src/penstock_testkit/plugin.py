"""The pytest plugin: options, one test for each check of each op, and the table at the end.

It does nothing unless `--penstock-device` is given or a test file imports the kit's tests. Nothing of Penstock is
imported before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from penstock_testkit.report import Report

if TYPE_CHECKING:
    from penstock_testkit.expectations import Expectation

_HERE = Path(__file__).resolve().parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("penstock", "conformance of Penstock's ops, kernels and devices")
    group.addoption(
        "--penstock-device",
        metavar="NAME",
        help="run the conformance kit on this device: cpu, null, awkward, or a plugin's",
    )
    group.addoption(
        "--penstock-ops",
        metavar="GLOBS",
        help="only ops whose names fit, such as 'acme.*'; separated by commas",
    )
    group.addoption(
        "--penstock-checks", metavar="NAMES", help="only these checks, separated by commas"
    )
    group.addoption(
        "--penstock-level",
        choices=("smoke", "normal", "full"),
        default="normal",
        help="how much to run; normal is the default",
    )
    group.addoption(
        "--penstock-report", metavar="FILE", type=Path, help="write the outcome to a JSON file"
    )
    group.addoption(
        "--penstock-conformance",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a conformance.toml, besides that of the test file; may be repeated",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the kit's own test files alone until a device is named."""
    own = collection_path.parent == _HERE and collection_path.name.startswith("test_")
    return True if own and not config.getoption("--penstock-device") else None


def pytest_configure(config: pytest.Config) -> None:
    """Begin the report."""
    config.pluginmanager.register(Report(config), "penstock-report")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the tests of a file that imports the kit's."""
    if "penstock_group" in metafunc.fixturenames:
        pairs = list(_pairs(metafunc))
        metafunc.parametrize(
            ("penstock_group", "penstock_check"),
            pairs,
            ids=[f"{check.name}-{group}" for group, check in pairs],
        )
    elif "penstock_device_check" in metafunc.fixturenames:
        checks = list(_device_checks(metafunc))
        metafunc.parametrize("penstock_device_check", checks, ids=[c.name for c in checks])
        metafunc.parametrize("penstock_device", [_device_of(metafunc)])
    if "penstock_expectations" in metafunc.fixturenames:
        metafunc.parametrize("penstock_expectations", [_expectations(metafunc)], ids=[""])


def _pairs(metafunc: pytest.Metafunc) -> Iterator[tuple[Any, Any]]:
    """List the groups with the checks that make sense for them; one group after the other, which keeps its cases."""
    from penstock_testkit.groups import LEVELS, all_groups

    config = metafunc.config
    level = LEVELS[config.getoption("--penstock-level")]
    patterns = config.getoption("--penstock-ops") or getattr(metafunc.module, "penstock_ops", "*")
    checks = _checks(config)
    seen: set[tuple[str, str]] = set()
    for pattern in str(patterns).split(","):
        for group in all_groups(pattern.strip(), _device_of(metafunc), level):
            for check in checks:
                key = (check.name, group.op if check.per_op else str(group))
                if key not in seen and check.applies(group):
                    seen.add(key)
                    yield group, check


def _checks(config: pytest.Config) -> list[Any]:
    from penstock_testkit.checks import CHECKS

    names = config.getoption("--penstock-checks")
    if not names:
        return list(CHECKS.values())
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in CHECKS:
            raise pytest.UsageError(
                f"--penstock-checks names {name!r}; there are {', '.join(CHECKS)}"
            )
    return [CHECKS[name] for name in wanted]


def _device_checks(metafunc: pytest.Metafunc) -> list[Any]:
    """List the checks of the device itself, where a device was named."""
    from penstock_testkit.device_checks import DEVICE_CHECKS

    config = metafunc.config
    named = config.getoption("--penstock-device") or hasattr(metafunc.module, "penstock_device")
    if not named or config.getoption("--penstock-checks"):
        return []
    return list(DEVICE_CHECKS.values())


def _device_of(metafunc: pytest.Metafunc) -> str:
    """Return the option's device, or the file's, or the host; a trailing :0 goes."""
    from penstock.device import full_name
    from penstock.errors import DeviceError

    option = metafunc.config.getoption("--penstock-device")
    name = str(option or getattr(metafunc.module, "penstock_device", "cpu")).removesuffix(":0")
    try:
        full_name(name)
    except DeviceError as error:
        raise pytest.UsageError(f"--penstock-device {name}: {error}") from None
    return name


def _expectations(metafunc: pytest.Metafunc) -> tuple[Expectation, ...]:
    from penstock_testkit.checks import CHECKS
    from penstock_testkit.device_checks import DEVICE_CHECKS
    from penstock_testkit.expectations import FILE_NAME, ExpectationError, read

    paths = list(metafunc.config.getoption("--penstock-conformance"))
    beside = Path(str(metafunc.module.__file__)).with_name(FILE_NAME)
    if beside.is_file():
        paths.append(beside)
    names = [*CHECKS, *DEVICE_CHECKS]
    try:
        return tuple(entry for path in paths for entry in read(path, names))
    except ExpectationError as error:
        raise pytest.UsageError(str(error)) from None
