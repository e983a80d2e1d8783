"""Devices: what there is, where things run, and how a Python object becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from penstock import _native
from penstock.errors import DeviceError, InvalidTypeError, PluginError


@runtime_checkable
class Device(Protocol):
    """What a device must offer: six methods; everything then runs through the host.

    Memory is an object of the device's own choice; the runtime hands it back as it got it.
    """

    type: str

    def properties(self) -> Mapping[str, Any]:
        """Return facts about the device: `count`, `memory_bytes`, `dlpack_type`, all optional."""

    def allocate(self, index: int, num_bytes: int) -> Any:
        """Return memory on device `index`, or raise MemoryError."""

    def free(self, index: int, memory: Any) -> None:
        """Give memory back."""

    def copy_in(self, index: int, memory: Any, source: memoryview) -> None:
        """Copy host bytes to the start of device memory."""

    def copy_out(self, index: int, target: memoryview, memory: Any) -> None:
        """Copy device memory to host bytes."""

    def synchronize(self, index: int) -> None:
        """Wait until everything asked of the device is done."""


_facts: dict[str, dict[str, Any]] = {}  # what each registered type says of itself

_REQUIRED = ("properties", "allocate", "free", "copy_in", "copy_out", "synchronize")


def register_device(device: Device) -> None:
    """Add a device type.

    Args:
        device: An object with the methods of `Device`.

    Raises:
        PluginError: A method is missing, its properties make no sense, or the type's name is taken.
    """
    missing = [name for name in _REQUIRED if not callable(getattr(device, name, None))]
    kind = getattr(device, "type", None)
    if missing or not isinstance(kind, str) or not kind.isidentifier():
        raise PluginError(
            f"{device!r} is no device: it needs a `type` such as 'npu' and the methods {', '.join(_REQUIRED)}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    facts = _checked(kind, device.properties())
    _native.register_python_device(
        device, kind, facts.get("count", 1), facts.get("dlpack_type", 12)
    )
    _facts[kind] = facts


def _checked(kind: str, facts: object) -> dict[str, Any]:
    given = dict(facts) if isinstance(facts, Mapping) else {"count": None}
    if not all(isinstance(given.get(name, 1), int) for name in ("count", "dlpack_type")):
        raise PluginError(
            f"properties() of {kind!r} returned {facts!r}: expected a mapping, with whole numbers where it has "
            '"count" and "dlpack_type", for example {"count": 1}'
        )
    return given


def properties(name: str) -> Mapping[str, Any]:
    """Return what a device says of itself, such as `memory_bytes`.

    Args:
        name: The device.

    Returns:
        The facts that it gave when it was registered; none for the host, and for devices in C.

    Raises:
        DeviceError: There is no such device.

    >>> dict(properties("cpu"))
    {}
    """
    kind = full_name(name).rsplit("/device:", 1)[-1].split(":", maxsplit=1)[0]
    return MappingProxyType(_facts.get(kind, {}))


def devices() -> list[str]:
    """List the devices of this process; plugins' devices appear once something asks for them.

    >>> "cpu:0" in devices()
    True
    """
    return list(_native.device_names())


def full_name(name: str) -> str:
    """Complete a device's name, after giving plugins the chance to bring the device.

    >>> full_name("cpu")
    '/job:localhost/task:0/device:cpu:0'

    Raises:
        DeviceError: There is no such device; the message lists those that are there.
        InvalidTypeError: The name is no string.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(
            f"[device] got {type(name).__name__}; give a device's name, such as 'cpu:0'"
        )
    kind = name.rsplit("/device:", 1)[-1].split(":", maxsplit=1)[0]
    if kind != "cpu":
        from penstock.plugins import loader

        loader.activate_for_device(kind)
    full: str = _native.device_full_name(name)
    if name.startswith("/job:"):
        return name
    return full


def copy_counters() -> dict[str, int]:
    """Count what crossed device borders so far: `copies`, `bytes`, `fallbacks` (ops run on the host instead)."""
    return dict(_native.copy_counters())


__all__ = [
    "Device",
    "DeviceError",
    "copy_counters",
    "devices",
    "full_name",
    "properties",
    "register_device",
]
