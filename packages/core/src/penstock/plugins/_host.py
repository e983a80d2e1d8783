"""The few calls through which a plugin's contributions reach the rest of the core.

Imports are inside: this module is imported before the parts it speaks to are needed. Each registering call returns what
takes it back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.plugins.registrar import KernelRow

Undo = Callable[[], object]


def op_names() -> list[str]:
    """List the ops that are declared now."""
    return list(_native().op_names())


def has_op(name: str) -> bool:
    """Say whether an op is declared."""
    return bool(_native().has_op(name))


def op_name(op: Any) -> str | None:
    """Give the name of what the `op` decorator returned; None for anything else."""
    name = getattr(getattr(op, "schema", None), "name", None)
    return name if isinstance(name, str) else None


def register_op(op: Any) -> Undo:
    """Accept an op. The decorator has declared it already, when the plugin's module was imported."""
    declare = import_module("penstock.ops._declare")
    name = op.schema.name
    if name not in declare.BLOCKS or declare.BLOCKS[name].schema is not op.schema:
        raise PluginError(f"ops.add got a second op named {name!r}: rename one of them")
    return partial(declare.unregister_op, name)


def declared_ops() -> set[str]:
    """List the ops that are declared now, without importing anything."""
    declare = sys.modules.get("penstock.ops._declare")
    return set() if declare is None else set(declare.BLOCKS)


def withdraw_ops(known: set[str], package: str) -> None:
    """Take back the ops that a package declared since `known`: `@op` declares at once, before any hook runs."""
    for name in declared_ops() - known:
        declare = import_module("penstock.ops._declare")
        if package and declare.BLOCKS[name].function.__module__.split(".")[0] == package:
            declare.unregister_op(name)


def register_device(device: Any) -> Undo:
    """Add a device type; what takes it back frees the name, while tensors that lie on the device stay usable."""
    import_module("penstock.device").register_device(device)
    return partial(_native().remove_python_device, device.type)


def device_types() -> set[str]:
    """List the device types that are there now, whether they came from Python or from a library."""
    return {name.split(":")[0] for name in _native().device_names()}


def register_pass(name: str, fn: Callable[..., Any], stage: str) -> Undo:
    """Add a graph pass; returns what takes it back."""
    module = import_module("penstock.passes")
    module.register_pass(name, fn, stage)
    return partial(module.unregister_pass, name)


def register_kernel(row: KernelRow, provider: str) -> Undo:
    """Add a kernel that is written in Python; what takes it back takes all of the provider's."""
    flat = [index for pair in row.inplace for index in pair]
    native = _native()
    kernel = import_module("penstock.reference").Destination(row.fn)
    native.register_python_kernel(
        row.op, row.device, row.dtypes, kernel, row.priority, provider, flat, row.epilogue
    )
    return partial(native.remove_kernels, provider)


def load_library(path: Path, provider: str) -> Undo:
    """Add a shared library's kernels and devices; these can be taken back, the library itself stays mapped."""
    native = _native()
    native.load_library(str(path), provider)
    return partial(native.forget_library, str(path))


def kernels_of(provider: str) -> list[str]:
    """List the ops that a provider has kernels for."""
    native = _native()
    return [op for op in op_names() if any(row[0] == provider for row in native.kernel_rows(op))]


def _native() -> Any:
    return import_module("penstock._native")


def describe_native() -> dict[str, str]:
    """Say what `penstock doctor` shows about the native library.

    Raises:
        ImportError: The native library cannot be loaded.
    """
    native = _native()
    return {
        "native library": str(native.__file__),
        "CPU kernels may use": str(native.cpu_isa()),
        "threads": str(native.num_threads()),
    }
