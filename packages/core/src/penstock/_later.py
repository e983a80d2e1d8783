"""Public names that few programs need: their modules are imported when somebody asks for them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

HOMES: Final = {
    "CancelToken": "run_options",
    "Checkpoint": "checkpoint",
    "Coordinator": "coordinator",
    "FIFOQueue": "queues",
    "PaddingFIFOQueue": "queues",
    "PriorityQueue": "queues",
    "QueueRunner": "coordinator",
    "RandomShuffleQueue": "queues",
    "RestoreReport": "checkpoint",
    "RunFuture": "futures",
    "RunOptions": "run_options",
    "load": "saved.load",
    "numpy_function": "host_functions",
    "profile": "profiler",
    "save": "saved.save",
    "submit": "futures",
    # Modules themselves.
    "lookup": "",
    "quantized": "",
    "records": "",
    "ragged": "",
    "replay": "",
    "safetensors": "",
    "saved": "",
    "signal": "",
    "sparse": "",
    "summary": "",
    "transforms": "",
}


def lookup(name: str) -> object:
    """Import what `penstock.<name>` is, and keep it there.

    Args:
        name: One of `HOMES`.

    Returns:
        The class, function or module.

    Raises:
        KeyError: There is no such name.
    """
    home = HOMES[name]
    module = import_module(f"penstock.{home or name}")
    value = getattr(module, name) if home else module
    setattr(sys.modules["penstock"], name, value)
    return value
