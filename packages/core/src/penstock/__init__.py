"""Penstock: computation as a dataflow graph, with a small core and plugins for everything else.

This file only re-exports. Importing it imports no plugin and opens no device.
"""

# The functions `device` and `function` share their names with modules. They win because each module is loaded before
# the function is imported: keep the imports in the order of their names.
from typing import TYPE_CHECKING

from penstock import (
    _later,
    autograph,
    dtypes,
    fft,
    image,
    linalg,
    mixed_precision,
    nn,
    ops,
    random,
    strings,
)
from penstock.array_namespace import VERSION as __array_api_version__  # noqa: F401, N811
from penstock.array_namespace import e, inf, nan, newaxis, pi
from penstock.array_namespace import info as __array_namespace_info__  # noqa: F401
from penstock.autodiff import GradientTape, custom_gradient, grad, gradients, value_and_grad
from penstock.control import call, cond, map, scan, switch, while_loop
from penstock.debug import debug_nans
from penstock.derivatives import hessian, hvp, jacfwd, jacobian, jacrev, jvp, vjp
from penstock.device import devices, register_device
from penstock.dtype_facts import can_cast, finfo, iinfo, isdtype
from penstock.dtypes import *  # noqa: F403
from penstock.function import Function, function
from penstock.graph import (
    Graph,
    Node,
    Operation,
    control_dependencies,
    current_graph,
    device,
    group,
    name_scope,
    placeholder,
)
from penstock.ops import *  # noqa: F403
from penstock.ops.indexed_slices import IndexedSlices
from penstock.passes import check_passes, register_pass
from penstock.placement import explain_placement, to_device
from penstock.plugins import aliases as _aliases
from penstock.recompute import recompute_grad
from penstock.session import Session
from penstock.state import Variable
from penstock.tensor import Tensor
from penstock.vectorize import vmap

if TYPE_CHECKING:
    from penstock import (
        lookup,
        quantized,
        ragged,
        replay,
        safetensors,
        saved,
        signal,
        sparse,
        summary,
        transforms,
    )
    from penstock.checkpoint import Checkpoint, RestoreReport
    from penstock.coordinator import Coordinator, QueueRunner
    from penstock.futures import RunFuture, submit
    from penstock.host_functions import numpy_function
    from penstock.profiler import profile
    from penstock.queues import FIFOQueue, PaddingFIFOQueue, PriorityQueue, RandomShuffleQueue
    from penstock.run_options import CancelToken, RunOptions
    from penstock.saved.load import load
    from penstock.saved.save import save
del TYPE_CHECKING

__all__ = [
    "CancelToken",
    "Checkpoint",
    "Coordinator",
    "FIFOQueue",
    "Function",
    "GradientTape",
    "Graph",
    "IndexedSlices",
    "Node",
    "Operation",
    "PaddingFIFOQueue",
    "PriorityQueue",
    "QueueRunner",
    "RandomShuffleQueue",
    "RestoreReport",
    "RunFuture",
    "RunOptions",
    "Session",
    "Tensor",
    "Variable",
    "autograph",
    "call",
    "can_cast",
    "check_passes",
    "cond",
    "control_dependencies",
    "current_graph",
    "custom_gradient",
    "debug_nans",
    "device",
    "devices",
    "dtypes",
    "e",
    "explain_placement",
    "fft",
    "finfo",
    "function",
    "grad",
    "gradients",
    "group",
    "hessian",
    "hvp",
    "iinfo",
    "image",
    "inf",
    "isdtype",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linalg",
    "load",
    "lookup",
    "map",
    "mixed_precision",
    "name_scope",
    "nan",
    "newaxis",
    "nn",
    "numpy_function",
    "ops",
    "pi",
    "placeholder",
    "profile",
    "quantized",
    "ragged",
    "random",
    "recompute_grad",
    "register_device",
    "register_pass",
    "replay",
    "safetensors",
    "save",
    "saved",
    "scan",
    "signal",
    "sparse",
    "strings",
    "submit",
    "summary",
    "switch",
    "to_device",
    "transforms",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
__all__ += dtypes.__all__
__all__ += ops.__all__

_aliases.install()


def __dir__() -> list[str]:
    return sorted({*globals(), *_later.HOMES})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("penstock")
        except metadata.PackageNotFoundError:  # in the source tree, which is not installed
            return "0+source"
    if name in _later.HOMES:
        return _later.lookup(name)
    return _aliases.lookup(name)
