"""One record for each installed plugin, and the judgements that need nothing but manifests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from penstock._dataclass import dataclass, field
from penstock.plugins.manifest import Installed, installed_plugins

if TYPE_CHECKING:
    import pluggy

    from penstock.config import PluginChoice
    from penstock.plugins._schema import Manifest
    from penstock.plugins._staging import Staging
    from penstock.plugins.hooks import PluginInfo

State = Literal["ready", "active", "disabled", "refused"]
OWN_DEVICES: Final = ("cpu",)
"""Device types that core has itself."""


@dataclass(eq=False)
class Record:
    """What is known about one plugin in this process.

    Args:
        installed: Its entry in the index.
        state: "ready" (not needed so far), "active", "disabled" (by a setting) or "refused".
        reason: Why it is disabled or refused.
        traceback: The whole traceback, when its own code raised.
        info: Who it says it is, once active.
        staging: What it added, once active.
        manager: Its hooks, once active.
    """

    installed: Installed
    state: State = "ready"
    reason: str = ""
    traceback: str = ""
    info: PluginInfo | None = None
    staging: Staging | None = None
    manager: pluggy.PluginManager | None = None
    owner: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.installed.name

    @property
    def manifest(self) -> Manifest | None:
        """The plugin's manifest, when it could be read."""
        return self.installed.manifest


def index_records(choice: PluginChoice) -> list[Record]:
    """Read the manifests and settle what needs no import: switched off, unreadable, duplicate.

    Args:
        choice: What PENSTOCK_PLUGINS says.

    Returns:
        One record for each installed plugin, sorted by name.
    """
    records = [_record(plugin, choice) for plugin in installed_plugins()]
    _refuse_duplicates(records)
    return records


def _record(plugin: Installed, choice: PluginChoice) -> Record:
    if not choice.allows(plugin.name):
        return Record(plugin, "disabled", "switched off by PENSTOCK_PLUGINS")
    if plugin.problem:
        return Record(plugin, "refused", plugin.problem)
    return Record(plugin)


def _refuse_duplicates(records: Sequence[Record]) -> None:
    # All of them: to prefer one would make the outcome depend on the order of installation. Switched-off plugins do
    # not count, so that the remedy works. What clashes is settled before anything is refused, for the same reason.
    usable = [record for record in records if record.state == "ready"]
    claims = [(claim, record) for record in usable for claim in _claims(record)]
    count = Counter(claim for claim, _ in claims)
    for claim, record in claims:
        rivals = [other for c, other in claims if c == claim and other is not record]
        if claim[0] == "device type" and claim[1] in OWN_DEVICES:
            _refuse(
                record, f"it gives the device type {claim[1]!r}, which is penstock's own: rename it"
            )
        elif count[claim] > 1:
            _refuse(record, _clash(claim, record, rivals))


def _claims(record: Record) -> list[tuple[str, str]]:
    assert record.manifest is not None  # ready records have one
    provides = record.manifest.provides
    claims = {("plugin name", record.name)}
    claims |= {("device type", row.type) for row in provides.device}
    claims |= {("op", row.name) for row in provides.op}
    claims |= {("command", row.name) for row in provides.command}
    claims |= {("format", row.name) for row in provides.format}
    claims |= {("observer", row.name) for row in provides.observer}
    claims |= {("public name", f"penstock.{name}") for name in provides.names}
    return sorted(claims)


def _clash(claim: tuple[str, str], record: Record, rivals: Sequence[Record]) -> str:
    kind, name = claim
    others = sorted({r.installed.distribution for r in rivals} or {record.installed.distribution})
    if kind == "plugin name":
        remedy = f"uninstall one, `pip uninstall {others[0]}`"
    else:
        remedy = f"switch one off, `PENSTOCK_PLUGINS=-{rivals[0].name if rivals else record.name}`"
    return f"the {kind} {name!r} is also given by {', '.join(others)}: {remedy}"


def _refuse(record: Record, reason: str) -> None:
    record.state = "refused"
    record.reason = f"{record.reason}; {reason}" if record.reason else reason


def unknown_names(choice: PluginChoice, records: Sequence[Record]) -> str:
    """Word the names in PENSTOCK_PLUGINS that no installed plugin has; "" when there is none."""
    installed = {record.name for record in records}
    unknown = sorted(choice.names - installed)
    if not unknown:
        return ""
    known = ", ".join(sorted(installed)) or "none"
    return (
        f"PENSTOCK_PLUGINS names {', '.join(unknown)}, which no installed plugin is called. "
        f"Installed: {known}. Run `penstock doctor`."
    )


def missing_hint_for(
    records: Sequence[Record], op: str, device: str, dtypes: Sequence[str] = ()
) -> str:
    """Say which installed plugins would help where a kernel is missing.

    Args:
        records: The installed plugins.
        op: The op's name.
        device: The device type.
        dtypes: Codes of the dtypes at hand; plugins that promise none of them would not help.

    Returns:
        Sentences for the end of an error; "" when no plugin would help.
    """
    lines = [_hint(record, op, device, dtypes) for record in records]
    return " ".join(line for line in lines if line)


def _hint(record: Record, op: str, device: str, dtypes: Sequence[str]) -> str:
    if record.manifest is None and record.state == "refused":
        return f"Plugin {record.name!r} was refused and may have it; run `penstock doctor`."
    if not _would_help(record.manifest, op, device, dtypes):
        return ""
    what = f"Plugin {record.name!r} has kernels for {op!r} on {device!r}"
    if record.state == "disabled":
        return (
            f"{what} but is switched off by PENSTOCK_PLUGINS; unset it, or name the plugin there."
        )
    if record.state == "refused":
        return f"{what} but was refused; run `penstock doctor`."
    return ""


def _would_help(manifest: Manifest | None, op: str, device: str, dtypes: Sequence[str]) -> bool:
    rows = manifest.provides.kernels if manifest is not None else ()
    return any(row.covers(op, device) and row.takes_some(dtypes) for row in rows)
