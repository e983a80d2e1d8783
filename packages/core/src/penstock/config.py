"""Settings that come from the environment: what exists, what each one means, what it may hold.

Every variable is one row of `VARIABLES`; `penstock doctor` prints the rows, so nothing is read that is not listed here.
The environment is read once, at the first call of `settings()`. The native library reads PENSTOCK_NUM_THREADS,
PENSTOCK_MEMORY_LIMIT, PENSTOCK_CPU_ISA, PENSTOCK_PLUGIN_PATH and PENSTOCK_FALLBACK itself, for programs without Python.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from penstock._dataclass import dataclass
from penstock.errors import ConfigError

Fallback = Literal["warn", "silent", "error"]
Fusion = Literal["on", "off"]
Bf16Pairs = Literal["on", "off", "emulated"]
CpuIsa = Literal["portable", "avx2", "avx512", "avx512_bf16"]

_FALLBACKS: Final = ("warn", "silent", "error")
_CPU_ISAS: Final = ("portable", "avx2", "avx512", "avx512_bf16")


@dataclass(frozen=True)
class PluginChoice:
    """Which installed plugins may be used.

    Args:
        mode: "all", "only" the named ones, or all "except" the named ones.
        names: Plugin names that `mode` speaks of; `only` with no name means none.

    >>> PluginChoice("except", frozenset({"acme"})).allows("acme")
    False
    """

    mode: Literal["all", "only", "except"] = "all"
    names: frozenset[str] = frozenset()

    def allows(self, name: str) -> bool:
        """Say whether the plugin called `name` may be used.

        Args:
            name: A plugin's name, as in its manifest.

        Returns:
            True unless the setting switches it off.

        Raises:
            Nothing.
        """
        return self.mode == "all" or (name in self.names) == (self.mode == "only")


@dataclass(frozen=True)
class Settings:
    """The environment's settings, parsed. Each field is one row of `VARIABLES`."""

    plugins: PluginChoice = PluginChoice()
    plugin_path: tuple[str, ...] = ()
    num_threads: int | None = None
    memory_limit: int | None = None
    cpu_isa: CpuIsa | None = None
    mirror: str | None = None
    download: bool = False
    fallback: Fallback = "warn"
    fusion: Fusion = "on"
    bf16_pairs: Bf16Pairs = "on"
    winograd: Fusion = "on"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Parse a mapping such as `os.environ`; unset and empty variables keep their default.

        Args:
            environment: Variable names and their text.

        Returns:
            The settings.

        Raises:
            ConfigError: A variable holds something that it may not hold.

        >>> Settings.from_environment({"PENSTOCK_NUM_THREADS": "2"}).num_threads
        2
        """
        given = {v: environment.get(v.name, "").strip() for v in VARIABLES}
        return cls(**{v.field: _parse(v, text) for v, text in given.items() if text})


class Variable(NamedTuple):
    """One environment variable: its name, the field it fills, what it may hold, what it does."""

    name: str
    field: str
    allowed: str
    meaning: str
    parse: Callable[[str], Any]


def _parse(variable: Variable, text: str) -> Any:
    try:
        return variable.parse(text)
    except ValueError as error:
        detail = f" ({error})" if str(error) else ""
        raise ConfigError(
            f"{variable.name}={text!r} is not understood{detail}. Allowed: {variable.allowed}. "
            f"Set it to one of these, or remove it with `unset {variable.name}`."
        ) from None


def _parse_plugins(text: str) -> PluginChoice:
    if text in ("all", "none"):
        return PluginChoice("all" if text == "all" else "only")
    if text.startswith("only:"):
        return PluginChoice("only", _names(text.removeprefix("only:").split(",")))
    entries = [entry.strip() for entry in text.split(",")]
    wrong = [entry for entry in entries if not entry.startswith("-")]
    if wrong:
        raise ValueError(f"{wrong[0]!r} begins with neither 'only:' nor '-'")
    return PluginChoice("except", _names([entry[1:] for entry in entries]))


def _names(entries: list[str]) -> frozenset[str]:
    names = frozenset(entry.strip() for entry in entries)
    for name in sorted(names):
        if not name.replace("-", "").replace("_", "").isalnum() or name.startswith("-"):
            raise ValueError(f"{name!r} is not a plugin name")
    return names


def _parse_positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise ValueError
    return number


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return parse


def _parse_path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(os.pathsep) if part)


VARIABLES: Final = (
    Variable(
        "PENSTOCK_PLUGINS",
        "plugins",
        "all (the default), none, only:NAME,NAME or -NAME,-NAME",
        "which installed plugins may be used",
        _parse_plugins,
    ),
    Variable(
        "PENSTOCK_PLUGIN_PATH",
        "plugin_path",
        f"files and folders, separated by {os.pathsep!r}",
        "kernel libraries to load in a process without Python",
        _parse_path,
    ),
    Variable(
        "PENSTOCK_NUM_THREADS",
        "num_threads",
        "a whole number, 1 or more; by default what affinity and cgroup quota allow",
        "size of the one thread pool that all kernels share",
        _parse_positive,
    ),
    Variable(
        "PENSTOCK_MEMORY_LIMIT",
        "memory_limit",
        "a whole number of bytes, 1 or more; by default there is no limit",
        "most memory that tensors of the host may take",
        _parse_positive,
    ),
    Variable(
        "PENSTOCK_CPU_ISA",
        "cpu_isa",
        f"{', '.join(_CPU_ISAS)}; by default the best that this processor has",
        "highest instruction set that the CPU kernels may use",
        _one_of(_CPU_ISAS),
    ),
    Variable(
        "PENSTOCK_MIRROR",
        "mirror",
        "a folder or an address",
        "where data sets and weights are taken from instead of the public addresses",
        str,
    ),
    Variable(
        "PENSTOCK_DOWNLOAD",
        "download",
        "1, or 0 (the default)",
        "whether data sets that are not on this machine are downloaded without being asked for each",
        lambda text: bool(int(_one_of(("0", "1"))(text))),
    ),
    Variable(
        "PENSTOCK_FALLBACK",
        "fallback",
        f"{', '.join(_FALLBACKS)}; warn is the default",
        "what to do when an op has no native kernel and the reference would run on the host",
        _one_of(_FALLBACKS),
    ),
    Variable(
        "PENSTOCK_FUSION",
        "fusion",
        "on (the default) or off",
        "whether chains of elementwise ops in compiled graphs become one pass over memory",
        _one_of(("on", "off")),
    ),
    Variable(
        "PENSTOCK_BF16_PAIRS",
        "bf16_pairs",
        "on (the default), off, or emulated, for tests on processors without AVX512-BF16",
        "whether kernels-cpu may multiply bfloat16 matrices by the processor's instruction for pairs, which flushes subnormal numbers",
        _one_of(("on", "off", "emulated")),
    ),
    Variable(
        "PENSTOCK_WINOGRAD",
        "winograd",
        "on (the default) or off",
        "whether kernels-cpu may compute 3 x 3 convolutions by Winograd's algorithm, which rounds differently",
        _one_of(("on", "off")),
    ),
)


@functools.cache
def settings() -> Settings:
    """Read the environment once and keep the result for the life of the process.

    Returns:
        The settings of this process.

    Raises:
        ConfigError: A variable holds something that it may not hold.
    """
    return Settings.from_environment(os.environ)
