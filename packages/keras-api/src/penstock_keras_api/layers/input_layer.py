"""`Input`: where a model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.operation import Node


class InputLayer(Layer):
    """Stand for an input of a model; `Input` makes one.

    Args:
        shape: The sizes, without the batch.
        batch_size: The size of the batch, if it is fixed.
        dtype: The dtype.
        sparse: Whether inputs are sparse.
        ragged: Whether inputs are ragged.
        batch_shape: The sizes with the batch, in place of `shape` and `batch_size`.
        input_tensor: A `KerasTensor` to use.
        optional: Whether None may be given.
        name: A name.

    Raises:
        ValueError: Both a shape and a batch shape are given, or neither.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif batch_shape is None:
            if shape is None:
                raise InvalidValueError("[Input] got no shape; give shape=(...), without the batch")
            batch_shape = (batch_size, *shape)
        elif shape is not None:
            raise InvalidValueError("[Input] got shape and batch_shape; give one of them")
        self.batch_shape = tuple(batch_shape)
        self._input_dtype = dtype or config.floatx()
        self.sparse = bool(sparse)
        self.ragged = bool(ragged)
        self.optional = optional
        self.built = True
        if input_tensor is None:
            kinds = (self.sparse, self.ragged)
            input_tensor = KerasTensor(self.batch_shape, self._input_dtype, *kinds, name=self.name)
        Node(self, (), {}, input_tensor)

    def call(self) -> Any:
        """Compute nothing: an input has a value when the model is called."""
        return None

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        t: KerasTensor = self._inbound_nodes[0].output_tensors[0]
        return t.dtype

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            **({"optional": True} if self.optional else {}),
        }


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> Any:
    """Begin a model: return what stands for an input.

    Args:
        shape: The sizes, without the batch; None for one that is not known.
        batch_size: The size of the batch, if it is fixed.
        dtype: The dtype.
        sparse: Whether inputs are sparse.
        ragged: Whether inputs are ragged.
        batch_shape: The sizes with the batch, in place of `shape` and `batch_size`.
        name: A name.
        tensor: A `KerasTensor` to use.
        optional: Whether None may be given.

    Returns:
        A `KerasTensor`.

    Raises:
        ValueError: There is no shape, or two.

    >>> from penstock import keras
    >>> keras.Input((28, 28, 1), name="image").shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output
