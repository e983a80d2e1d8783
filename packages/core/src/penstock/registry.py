"""What this process can run: every op, and the kernels that each has. For tools; programs call the ops themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from penstock import _native
from penstock._native import Node
from penstock.ops._declare import BLOCKS, REFERENCE_PRIORITY, OpBlock, Reject, Sample

OpFunction = Callable[..., Any]


@dataclass(frozen=True)
class Kernel:
    """One row of an op's kernels.

    Args:
        provider: Who registered it: a plugin's name, or "reference".
        device: The device type.
        dtypes: The dtypes that it takes, as in `kernel_abi.h`.
        isa: For people: "avx512", "python".
        priority: Higher wins.
    """

    provider: str
    device: str
    dtypes: str
    isa: str
    priority: int

    @property
    def is_reference(self) -> bool:
        """Whether this is the op's meaning in NumPy: correct, and slow."""
        return self.priority <= REFERENCE_PRIORITY


def op_blocks(pattern: str = "*") -> dict[str, OpBlock[..., Any]]:
    """List the blocks of all ops whose name fits, those of installed plugins too.

    Args:
        pattern: A glob such as "acme.*".

    Returns:
        The blocks by name, in the order of their declaration. Plugins that promise such an op are activated.

    Raises:
        ConfigError: PENSTOCK_PLUGINS is not understood.

    >>> list(op_blocks("string_j*"))
    ['string_join']
    """
    from penstock.plugins import loader

    for record in loader.records():
        for row in record.manifest.provides.op if record.manifest else ():
            if fnmatchcase(row.name, pattern):
                loader.activate_for_op(row.name)
    return {name: block for name, block in BLOCKS.items() if fnmatchcase(name, pattern)}


def op_function(name: str) -> OpFunction:
    """Find the function that runs an op.

    Args:
        name: The op's name.

    Returns:
        What the `op` decorator returned.

    Raises:
        PenstockError: There is no such op; the message names the nearest.

    >>> import penstock as ps
    >>> op_function("add") is ps.add
    True
    """
    from penstock.plugins import loader

    loader.activate_for_op(name)
    function: OpFunction = _native.op_function(name)
    return function


def kernels(op: str, device: str = "cpu") -> list[Kernel]:
    """List the kernels of an op on a device type, the best first.

    Args:
        op: The op's name.
        device: The device type.

    Returns:
        The rows. Plugins that promise kernels on the device are activated.

    Raises:
        PenstockError: There is no such op.

    >>> kernels("add")[-1].provider
    'reference'
    """
    from penstock.plugins import loader

    loader.activate_for_kernels(device)
    rows = [Kernel(*row) for row in _native.kernel_rows(op)]
    return sorted((row for row in rows if row.device == device), key=lambda row: -row.priority)


def kernel_of(node: Node) -> Kernel | None:
    """Find the kernel that a graph's node would run, on the device it was placed on.

    Args:
        node: A node of a graph.

    Returns:
        The kernel; None when the device has none, and for nodes that the runtime carries out itself.

    Raises:
        DeviceError: The node's device does not exist.

    >>> import penstock as ps
    >>> with ps.Graph().as_default():
    ...     node = (ps.placeholder("float64", (2,)) + 1).node
    >>> kernel_of(node).device
    'cpu'
    """
    found = _native.kernel_for_node(node)
    if found is None:
        return None
    provider, isa, priority = found
    device = node.device.rsplit("/device:", 1)[-1].split(":", maxsplit=1)[0] or "cpu"
    rows = [row for row in kernels(node.op, device) if row.priority == priority]
    same = [row for row in rows if (row.provider, row.isa) == (provider, isa)]
    return same[0] if same else Kernel(provider, device, "*", isa, priority)


__all__ = [
    "Kernel",
    "OpBlock",
    "Reject",
    "Sample",
    "kernel_of",
    "kernels",
    "op_blocks",
    "op_function",
]
