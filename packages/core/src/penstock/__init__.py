"""Penstock: computation as a dataflow graph, with a small core and plugins for everything else.

This file only re-exports. Importing it imports no plugin and opens no device.
"""

# ruff: noqa: F401, F403
from penstock import dtypes, nn, ops, random
from penstock.dtypes import *
from penstock.ops import *
from penstock.tensor import Tensor
from penstock.state import Variable
from penstock.graph import (
    Graph,
    Node,
    control_dependencies,
    current_graph,
    device,
    name_scope,
    placeholder,
)
from penstock.autodiff import GradientTape, custom_gradient, grad, gradients, value_and_grad
from penstock.function import Function, function
from penstock.placement import explain_placement
from penstock.session import Operation, Session, group
from penstock.device import devices, register_device, to_device
from penstock.debug import debug_nans
from penstock.passes import check_passes, register_pass
from penstock.plugins import aliases as _aliases

_aliases.install()


def __getattr__(name: str) -> object:
    return _aliases.lookup(name)
