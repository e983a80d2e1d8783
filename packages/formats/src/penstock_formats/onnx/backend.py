"""The interface by which ONNX's own test suite runs models: `prepare(model)`, then `run(inputs)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import Tensor
from penstock_formats.onnx.eager import EagerOnnx
from penstock_formats.onnx.reading.file import check
from penstock_formats.onnx.reading.model import Source
from penstock_formats.onnx.reading.table import converted

if TYPE_CHECKING:
    from onnx import ModelProto


class Rep:
    """A model that is ready to run.

    Args:
        model: What runs it.
    """

    def __init__(self, model: EagerOnnx) -> None:
        self._model = model

    def run(self, inputs: Sequence[Any], **_: Any) -> list[Any]:
        """Run the model on arrays, and return arrays.

        Raises:
            FormatError: A node cannot be run.
        """
        return [_array(v) for v in self._model.run(inputs)]


def prepare(model: ModelProto, device: str = "CPU", **_: Any) -> Rep:
    """Make a model ready to run.

    Args:
        model: The message.
        device: "CPU".

    Returns:
        An object with `run`.

    Raises:
        FormatError: The model is damaged or of an opset that is not known.
    """
    del device
    return Rep(EagerOnnx(Source(check(model), None)))


def supports_device(device: str) -> bool:
    """Say whether models run on a device.

    Raises:
        Nothing.
    """
    return device == "CPU"


def _array(value: Any) -> Any:
    if isinstance(value, list):
        return [_array(v) for v in value]
    if isinstance(value, Tensor) and value.dtype.name == "bfloat16":
        import ml_dtypes

        return value.numpy().astype(ml_dtypes.bfloat16)
    if isinstance(value, Tensor) and value.dtype.name == "string":
        return _text(value.numpy())
    return value.numpy() if isinstance(value, Tensor) else value


def _text(array: Any) -> Any:
    made = np.empty(array.shape, object)
    made.reshape(-1)[:] = [item.decode() for item in array.reshape(-1)]
    return made


def supported() -> list[tuple[str, str]]:
    """List the domains and operators that have converters; "" is the default domain.

    Raises:
        Nothing.
    """
    return converted()
