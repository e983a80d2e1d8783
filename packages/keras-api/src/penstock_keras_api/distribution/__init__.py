"""Devices as a grid, and how data and variables are spread over it. One device computes, so far."""

from penstock_keras_api.distribution.distributions import (
    DataParallel,
    ModelParallel,
    distribute_tensor,
    distribution,
    initialize,
    set_distribution,
)
from penstock_keras_api.distribution.layout import (
    DeviceMesh,
    LayoutMap,
    TensorLayout,
    get_device_count,
    list_devices,
)

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
