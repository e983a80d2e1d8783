"""Devices as a grid, and which axis of a tensor is spread over which axis of the grid."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError


def list_devices(device_type: str | None = None) -> list[str]:
    """List the devices.

    Args:
        device_type: For example "cpu"; None for all.

    >>> "cpu:0" in list_devices("cpu")
    True
    """
    kind = None if device_type is None else device_type.lower()
    return [d for d in map(str, ps.devices()) if kind is None or d.partition(":")[0] == kind]


def get_device_count(device_type: str | None = None) -> int:
    """Count the devices.

    Args:
        device_type: For example "cpu"; None for all.

    >>> get_device_count("cpu") >= 1
    True
    """
    return len(list_devices(device_type))


class DeviceMesh:
    """Put devices into a grid.

    Args:
        shape: How many devices there are along each axis.
        axis_names: A name for each axis.
        devices: The devices; by default all.

    Raises:
        ValueError: The numbers do not fit together.

    >>> DeviceMesh((1,), ["batch"], ["cpu:0"])
    <DeviceMesh shape=(1,), axis_names=['batch']>
    """

    def __init__(
        self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None
    ) -> None:
        if not shape or not axis_names or len(shape) != len(axis_names):
            raise InvalidValueError(
                f"[DeviceMesh] got shape={shape} and axis_names={axis_names}; give as many names as sizes, at least one"
            )
        found = np.array(list_devices() if devices is None else devices).reshape(-1)
        if math.prod(shape) != len(found):
            raise InvalidValueError(
                f"[DeviceMesh] got shape={tuple(shape)} for {len(found)} devices; give a shape with as many places"
            )
        self._shape, self._axis_names = shape, axis_names
        self._devices = found.reshape(shape)

    @property
    def shape(self) -> Any:
        """How many devices there are along each axis."""
        return self._shape

    @property
    def axis_names(self) -> Any:
        """The names of the axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray[Any, Any]:
        """The devices' names, in a grid."""
        return self._devices

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """Say which axis of a tensor is spread over which axis of a grid of devices.

    Args:
        axes: For each axis of the tensor a name of an axis of the grid, or None.
        device_mesh: The grid; it may come later.

    Raises:
        ValueError: A name is not one of the grid's.
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None) -> None:
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """For each axis of the tensor a name of an axis of the grid, or None."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The grid."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise InvalidValueError(
                f"[TensorLayout] it has {self._device_mesh} already; make a new layout for {device_mesh}"
            )
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        if self._device_mesh is None:
            return
        known = list(self._device_mesh.axis_names)
        unknown = [axis for axis in self._axes if axis is not None and axis not in known]
        if unknown:
            raise InvalidValueError(
                f"[TensorLayout] got the axes {unknown}; use {', '.join(map(repr, known))} or None"
            )

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping[str, Any]):
    """Give variables layouts by their paths: what is written exactly, else the one pattern that is found in them.

    Args:
        device_mesh: The grid for layouts that have none.

    >>> mesh = DeviceMesh((1,), ["model"], ["cpu:0"])
    >>> layouts = LayoutMap(mesh)
    >>> layouts["dense.*kernel"] = (None, "model")
    >>> layouts["dense_1/kernel"].axes
    (None, 'model')
    """

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The grid."""
        return self._device_mesh

    def __getitem__(self, key: str) -> Any:
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.search(pattern, key)]
        if len(found) > 1:
            raise InvalidValueError(
                f"[LayoutMap] {key!r} fits {', '.join(map(repr, found))}; write patterns of which one fits"
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._layouts:
            raise InvalidValueError(
                f"[LayoutMap] {key!r} has the layout {self._layouts[key]}; delete it first"
            )
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise InvalidTypeError(
                f"[LayoutMap] got {type(layout).__name__} for {key!r}; give a TensorLayout or a tuple of axes"
            )
        if layout.device_mesh is None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)
