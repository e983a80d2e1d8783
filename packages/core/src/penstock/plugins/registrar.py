"""The objects that hooks receive: each checks what it is given and keeps it, and takes no effect by itself."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from penstock._dataclass import dataclass, field
from penstock.errors import PluginError
from penstock.plugins import _host

if TYPE_CHECKING:
    from penstock.plugins._schema import Provides
    from penstock.plugins.manifest import Installed

RESERVED_COMMANDS: Final = ("convert", "doctor", "graph", "inspect", "replay", "run")
DEVICE_METHODS: Final = ("allocate", "free", "copy_in", "copy_out", "synchronize", "properties")
DTYPE_CODES: Final = {
    "bool": "bool",
    **{f"{kind}{bits}": f"{kind[0]}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"},
    **{"complex64": "c64", "complex128": "c128", "string": "str"},
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Word the likeliest meanings of a misspelt name; "" when nothing is near.

    >>> nearest("matmull", ["matmul", "add"])
    "; did you mean 'matmul'?"
    """
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


@dataclass
class OpRegistrar:
    """Collects the ops of one plugin."""

    plugin: Installed
    staged: dict[str, Any] = field(default_factory=dict)

    def add(self, op: Any) -> None:
        """Add an op.

        Args:
            op: What the `op` decorator returned. Its name is "<prefix>.<name>" and stands in the manifest.

        Raises:
            PluginError: It is no op, its name has no prefix or is taken, or the manifest does not name it.
        """
        name = _host.op_name(op)
        if name is None:
            raise PluginError(f"ops.add got {op!r}: expected what the `op` decorator returns")
        if "." not in name or name.startswith("core."):
            raise PluginError(
                f"ops.add got an op named {name!r}: a plugin's op has a prefix of its own, for "
                f"example 'acme.{name.rpartition('.')[2]}'"
            )
        _promised("ops", "op", name, [row.name for row in provides_of(self.plugin).op])
        if name in self.staged:
            raise PluginError(f"ops.add got {name!r} twice: add each op once")
        self.staged[name] = op


@dataclass
class DeviceRegistrar:
    """Collects the devices of one plugin."""

    plugin: Installed
    staged: dict[str, Any] = field(default_factory=dict)

    def add(self, device: Any) -> None:
        """Add a device type.

        Args:
            device: An object with `type` and the required methods of `penstock.device.Device`.

        Raises:
            PluginError: A method is missing, the type is taken, or the manifest does not name it.
        """
        kind = getattr(device, "type", None)
        missing = [m for m in DEVICE_METHODS if not callable(getattr(device, m, None))]
        if not isinstance(kind, str) or missing:
            lacks = missing if isinstance(kind, str) else ["type", *missing]
            raise PluginError(
                f"devices.add got {device!r}, which lacks {', '.join(lacks)}: add them"
            )
        _promised("devices", "device", kind, [row.type for row in provides_of(self.plugin).device])
        if kind in self.staged:
            raise PluginError(f"devices.add got a second device {kind!r}: give each its own type")
        self.staged[kind] = device


@dataclass(frozen=True)
class KernelRow:
    """One staged kernel."""

    op: str
    device: str
    dtypes: str
    fn: Callable[..., Any]
    priority: int
    inplace: tuple[tuple[int, int], ...]
    epilogue: bool


@dataclass
class KernelRegistrar:
    """Collects the Python kernels of one plugin.

    Args:
        plugin: The plugin.
        ops: The same plugin's staged ops, which its kernels may name.
        need_op: Activates the other plugin that gives an op, if there is one.
    """

    plugin: Installed
    ops: OpRegistrar
    need_op: Callable[[str], object]
    staged: list[KernelRow] = field(default_factory=list)

    def add(
        self,
        op: str,
        device: str,
        dtypes: str | Sequence[str],
        fn: Callable[..., Any],
        *,
        priority: int = 0,
        inplace: Sequence[tuple[int, int]] = (),
        epilogue: bool = False,
    ) -> None:
        """Add a kernel for one op on one device type.

        Args:
            op: The op's name.
            device: The device type.
            dtypes: Alternatives: "f32" (every tensor is float32), "f32,i64->f32" (inputs, then outputs), "*" (any).
            fn: `fn(ctx, *inputs, out, **attrs)`, which writes into `out`.
            priority: Higher wins; the reference has -1000.
            inplace: Pairs (output, input): that output may use that input's memory.
            epilogue: Of matmul and conv2d: `fn` also runs a tile program on its result, which it then gets as further
                inputs and the attributes `program` and `constants` (PENSTOCK_CAP_TILE_EPILOGUE in `kernel_abi.h`).

        Raises:
            PluginError: Unknown op or dtype, unusable `fn`, or a kernel that the manifest does not cover.
        """
        self._check_op(op)
        _check_kernel_function(op, fn)
        rows = provides_of(self.plugin).kernels
        if not any(row.covers(op, device) for row in rows):
            raise PluginError(
                f"kernels.add got {op!r} on {device!r}, which the manifest does not cover: add "
                f'`[[provides.kernels]]` with device = "{device}" and ops = ["{op}"]'
            )
        alternatives = " ".join(_dtypes(text) for text in _words(dtypes))
        pairs = tuple((int(output), int(given)) for output, given in inplace)
        self.staged.append(KernelRow(op, device, alternatives, fn, priority, pairs, epilogue))

    def _check_op(self, op: str) -> None:
        if op in self.ops.staged or _host.has_op(op):
            return
        self.need_op(op)
        if not _host.has_op(op):
            near = nearest(op, [*self.ops.staged, *_host.op_names()])
            raise PluginError(f"kernels.add got {op!r}, and there is no op of that name{near}")


@dataclass
class PassRegistrar:
    """Collects the graph passes of one plugin."""

    plugin: Installed
    staged: dict[str, tuple[Callable[..., Any], str]] = field(default_factory=dict)

    def add(self, fn: Callable[..., Any], *, stage: str = "user", name: str | None = None) -> None:
        """Add a pass.

        Args:
            fn: A function Graph -> Graph.
            stage: When it runs; "user" is after the built-in simplifications.
            name: Its name in `explain()`; by default "<plugin>.<function>".

        Raises:
            PluginError: `fn` cannot be called with a graph, or the name is used twice.
        """
        if not callable(fn):
            raise PluginError(f"passes.add got {fn!r}: expected a function Graph -> Graph")
        name = name or f"{self.plugin.name}.{getattr(fn, '__name__', type(fn).__name__)}"
        if name in self.staged:
            raise PluginError(f"passes.add got a second pass {name!r}: give it another `name=`")
        self.staged[name] = (fn, stage)


@dataclass
class CommandRegistrar:
    """Collects the commands of one plugin."""

    plugin: Installed
    staged: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, command: Any) -> None:
        """Add the command `penstock <name>`.

        Args:
            name: The command's name, which stands in the manifest.
            command: A function with typed parameters, or a typer app.

        Raises:
            PluginError: The name is penstock's own, taken, or not in the manifest, or `command` cannot be called.
        """
        if not callable(command):
            raise PluginError(f"commands.add got {command!r}: expected a function or a typer app")
        if name in RESERVED_COMMANDS or name in self.staged:
            raise PluginError(f"commands.add got {name!r}, which is taken: choose another name")
        promised = [row.name for row in provides_of(self.plugin).command]
        _promised("commands", "command", name, promised)
        self.staged[name] = command


@dataclass(frozen=True)
class Format:
    """How a plugin reads and writes a file format.

    Args:
        read: `read(path, **options)` returns a `penstock.saved.GraphModel`; None where the format is only written.
        write: `write(model, path, **options)`; None where it is only read.
    """

    read: Callable[..., Any] | None = None
    write: Callable[..., Any] | None = None


@dataclass
class FormatRegistrar:
    """Collects the file formats of one plugin."""

    plugin: Installed
    staged: dict[str, Format] = field(default_factory=dict)

    def add(
        self,
        name: str,
        *,
        read: Callable[..., Any] | None = None,
        write: Callable[..., Any] | None = None,
    ) -> None:
        """Add a file format.

        Args:
            name: What users call it; it stands in the manifest, which also says how its files are known.
            read: `read(path, **options)` returns a `penstock.saved.GraphModel`.
            write: `write(model, path, **options)` writes one.

        Raises:
            PluginError: A function is missing that the manifest promises, or the name is used twice or not in the
                manifest.
        """
        rows = {row.name: row for row in provides_of(self.plugin).format}
        _promised("formats", "format", name, list(rows))
        if name in self.staged:
            raise PluginError(f"formats.add got {name!r} twice: add each format once")
        for what, given, promised in (
            ("read", read, rows[name].reads),
            ("write", write, rows[name].writes),
        ):
            if promised != callable(given):
                raise PluginError(
                    f"formats.add got {what}={given!r} for {name!r}, and the manifest says {what}s = "
                    f"{str(promised).lower()}: make them agree"
                )
        self.staged[name] = Format(read, write)


@dataclass
class ObserverRegistrar:
    """Collects the observers of one plugin."""

    plugin: Installed
    staged: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def add(self, name: str, make: Callable[..., Any]) -> None:
        """Add an observer.

        Args:
            name: What programs call it in `penstock.summary.observe`; it stands in the manifest.
            make: `make(target, **options)` returns a `penstock.summary.Observer`.

        Raises:
            PluginError: `make` cannot be called, or the name is used twice or not in the manifest.
        """
        if not callable(make):
            raise PluginError(f"observers.add got {make!r}: expected a function or class")
        if name in self.staged:
            raise PluginError(f"observers.add got {name!r} twice: add each observer once")
        promised = [row.name for row in provides_of(self.plugin).observer]
        _promised("observers", "observer", name, promised)
        self.staged[name] = make


def provides_of(plugin: Installed) -> Provides:
    """Give what a plugin's manifest promises."""
    assert plugin.manifest is not None  # staged plugins have one
    return plugin.manifest.provides


def _promised(registrar: str, kind: str, name: str, promised: list[str]) -> None:
    if name not in promised:
        key = "type" if kind == "device" else "name"
        raise PluginError(
            f"{registrar}.add got {name!r}, which the manifest does not name{nearest(name, promised)} "
            f'Add `[[provides.{kind}]]` with {key} = "{name}", so that it is found without importing'
        )


def _check_kernel_function(op: str, fn: Callable[..., Any]) -> None:
    expected = "expected fn(ctx, *inputs, out, **attrs)"
    if not callable(fn):
        raise PluginError(f"kernels.add got {fn!r} for {op!r}: {expected}")
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # built-in without a signature: found out at the first call
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if "out" not in parameters and not takes_any:
        raise PluginError(
            f"kernels.add got {getattr(fn, '__name__', fn)}{inspect.signature(fn)} for {op!r}, "
            f"which takes no `out`: {expected}"
        )


def _words(dtypes: str | Sequence[str]) -> list[str]:
    words = dtypes.split() if isinstance(dtypes, str) else [str(dtype) for dtype in dtypes]
    if not words:
        raise PluginError("kernels.add got no dtypes: give for example 'f32', or '*' for any")
    return words


def _dtypes(alternative: str) -> str:
    known = {**DTYPE_CODES, **{code: code for code in DTYPE_CODES.values()}, "*": "*"}
    parts = re.split(r"(,|->)", alternative)
    for part in parts[::2]:
        if part not in known:
            near = nearest(part, known)
            raise PluginError(f"kernels.add got the dtype {part!r}, which does not exist{near}")
    return "".join(known.get(part, part) for part in parts)
