"""How data and variables are spread over devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api._missing import MissingPluginError
from penstock_keras_api.distribution.layout import (
    DeviceMesh,
    LayoutMap,
    TensorLayout,
    list_devices,
)

_chosen: list[Any] = []


class Distribution:
    """Say how data and variables are spread over a grid of devices.

    Args:
        device_mesh: The grid.
        batch_dim_name: The axis over which batches are spread.
        auto_shard_dataset: Whether every process takes its part of a dataset.
    """

    def __init__(
        self,
        device_mesh: DeviceMesh,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        self._device_mesh = device_mesh
        self._batch_dim_name = batch_dim_name
        self.auto_shard_dataset = auto_shard_dataset

    @property
    def device_mesh(self) -> DeviceMesh:
        """The grid."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str | None:
        """The axis over which batches are spread."""
        return self._batch_dim_name

    def get_data_layout(self, data_shape: Any) -> TensorLayout:
        """Return the layout of a batch.

        Args:
            data_shape: Its shape.
        """
        axes = [self.batch_dim_name, *[None] * (len(data_shape) - 1)][: len(data_shape)]
        return TensorLayout(axes, self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout of a variable: it is the same on all devices.

        Args:
            variable: A variable.
        """
        return TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of a result of a layer: None, so nothing is asked.

        Args:
            path: The layer's path.
        """
        return None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Take it for a block."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def distribute_dataset(self, dataset: Any) -> Any:
        """Return this process's part of a dataset: all of it, since there is one process.

        Args:
            dataset: A dataset.
        """
        return dataset

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class DataParallel(Distribution):
    """Spread batches over devices, each with all variables.

    Args:
        device_mesh: The grid; by default a line of all devices.
        devices: The devices of that line.
        auto_shard_dataset: Whether every process takes its part of a dataset.
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Any = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        if device_mesh is None:
            names = list_devices() if devices is None else list(devices)
            device_mesh = DeviceMesh((len(names),), ["batch"], names)
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)


class ModelParallel(Distribution):
    """Spread variables over devices as a map of layouts says.

    Args:
        layout_map: Layouts by path.
        batch_dim_name: The axis over which batches are spread; by default the first.
        auto_shard_dataset: Whether every process takes its part of a dataset.
        kwargs: None are known.

    Raises:
        ValueError: There is no map.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ) -> None:
        if kwargs or not isinstance(layout_map, LayoutMap):
            raise InvalidValueError(
                f"[ModelParallel] got layout_map={layout_map!r} and {sorted(kwargs)}; give layout_map=LayoutMap(device_mesh)"
            )
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        self._layout_map = layout_map

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout of a variable: that of its path.

        Args:
            variable: A variable.
        """
        return self._layout_map[variable.path] or super().get_variable_layout(variable)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of a result of a layer, if the map has one.

        Args:
            path: The layer's path.
        """
        return self._layout_map[path]  # type: ignore[no-any-return]


def distribution() -> Any:
    """Return the distribution of the program; None if there is none.

    >>> distribution() is None
    True
    """
    return _chosen[-1] if _chosen else None


def set_distribution(value: Any) -> None:
    """Set the distribution of the program.

    One device computes. A grid of several is refused, so that nobody waits for a speed that does not come.

    Args:
        value: A distribution over a grid of one device; None for none.

    Raises:
        TypeError: It is no distribution.
        MissingPluginError: Its grid has several devices.
    """
    if value is not None and not isinstance(value, Distribution):
        raise InvalidTypeError(
            f"[set_distribution] got {type(value).__name__}; give DataParallel(...), ModelParallel(...) or None"
        )
    if value is not None:
        _one_device("set_distribution", value.device_mesh)
    _chosen.clear()
    if value is not None:
        _chosen.append(value)


def _one_device(where: str, mesh: DeviceMesh | None) -> None:
    if mesh is not None and mesh.devices.size > 1:
        raise MissingPluginError(
            f"[{where}] got {mesh}; training on several devices is not in this version: use a grid of one device, such "
            "as DeviceMesh((1,), ['batch'], ['cpu:0'])"
        )


def distribute_tensor(tensor: Any, layout: Any) -> Any:
    """Spread a tensor over a grid of devices: of one device, so it stays whole.

    Args:
        tensor: A tensor.
        layout: A `TensorLayout`.

    Raises:
        TypeError: It is no layout.
        MissingPluginError: Its grid has several devices.
    """
    if not isinstance(layout, TensorLayout):
        raise InvalidTypeError(
            f"[distribute_tensor] got {type(layout).__name__}; give a TensorLayout"
        )
    _one_device("distribute_tensor", layout.device_mesh)
    return ps.asarray(tensor)


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Join the processes of a job: there is one.

    Args:
        job_addresses: Their addresses.
        num_processes: How many there are: 1.
        process_id: The number of this one: 0.

    Raises:
        MissingPluginError: There are several.
    """
    addresses = [a for a in (job_addresses or "").split(",") if a]
    if max(num_processes or 1, len(addresses)) > 1 or process_id:
        raise MissingPluginError(
            "[initialize] training in several processes is not in this version; leave the call out, or give "
            "num_processes=1"
        )
