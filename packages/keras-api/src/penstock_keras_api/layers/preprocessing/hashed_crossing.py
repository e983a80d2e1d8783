"""Several categories as one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import DTypeError, InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.encoding import check_mode, encode

_BEGIN: Final = 0xDECAFCAFFE  # TensorFlow's key
_FACTOR: Final = 0xC6A4A7935BD1E995 - 2**64  # as a signed number
_HALF: Final = 2**62


class HashedCrossing(Layer):
    """Put pairs of categories, or more than two, into bins: all that are equal in each come to the same bin.

    The bins are those of TensorFlow. Inputs are of shape (), (batch,) or (batch, 1).

    Args:
        num_bins: How many bins there are.
        output_mode: "int" for bins, "one_hot" for vectors.
        sparse: Return `penstock.sparse` tensors for vectors.
        name: As in `Layer`.
        dtype: As in `Layer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no bin or no such mode; in a call: there is one input only, or one of another shape.
        TypeError: In a call: an input is neither text nor whole numbers.

    >>> from penstock import keras
    >>> keras.layers.HashedCrossing(5)((["A", "B"], [101, 101])).tolist()
    [1, 4]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if dtype is None:
            dtype = "int64" if output_mode == "int" else config.floatx()
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        self.output_mode = check_mode("HashedCrossing", output_mode, ("int", "one_hot"))
        if not num_bins or num_bins < 1:
            raise InvalidValueError(
                f"[HashedCrossing] got num_bins={num_bins!r}; use a number above 0"
            )
        self.num_bins = num_bins
        self.sparse = sparse
        self.built = True

    def _converted(self, value: Any) -> Any:
        if isinstance(value, list | tuple):  # of inputs, each converted by itself
            return tuple(super(HashedCrossing, self)._converted(item) for item in value)
        return super()._converted(value)

    def call(self, inputs: Any) -> Any:
        """Return the bins of the inputs together."""
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise InvalidTypeError(
                f"[{self.name}] is called on two or more inputs: ({self.name})((a, b))"
            )
        tensors = [ps.asarray(x) for x in inputs]
        self._check(tensors)
        bins = _crossed(tensors, self.num_bins)
        if self.output_mode == "one_hot" and not bins.ndim:
            return ps.one_hot(bins, self.num_bins, self.compute_dtype)
        return encode(bins, self.output_mode, self.num_bins, self.compute_dtype, sparse=self.sparse)

    def _check(self, tensors: list[Any]) -> None:
        for x in tensors:
            if x.dtype.kind not in ("string", "signed", "unsigned"):
                raise DTypeError(
                    f"[{self.name}] got numbers of {x.dtype.name}; expected strings or integers: cast them to 'int64', "
                    "or put them into ranges with Discretization"
                )
            if x.ndim > 2 or (x.ndim == 2 and x.shape[1] != 1):
                raise ShapeError(
                    f"[{self.name}] got an input of shape {tuple(x.shape)}; expected (), (batch,) or (batch, 1): one "
                    "category for each example"
                )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        shape = tuple(input_shape[0])
        if self.output_mode == "int":
            return shape
        return (*shape[:1], self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what stands for the output."""
        shape = self.compute_output_shape([x.shape for x in inputs])
        return KerasTensor(shape, self.compute_dtype, sparse=self.sparse)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        base = super().get_config()
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": base["name"],
            "dtype": base["dtype"],
        }


def _crossed(tensors: list[Any], bins: int) -> Any:
    """Put what several tensors hold in each place into bins, as TensorFlow's sparse crosses do.

    Numbers of 64 bits without a sign are held as ones with a sign: sums and products are the same modulo 2^64.
    """
    code: Any = ps.asarray(np.int64(_BEGIN))
    for x in tensors:
        code = _joined(code, _fingerprint(x) if x.dtype == "string" else ps.cast(x, "int64"))
    below = ps.cast(code < 0, "int64") * (2**64 % bins)
    return ps.remainder(ps.remainder(code, bins) + below, bins)


def _fingerprint(x: Any) -> Any:
    """Return all 64 bits of FarmHash64, of what it leaves modulo 2^62 and modulo 2^62 - 1."""
    low = ps.strings.to_hash_bucket_fast(x, _HALF)
    other = ps.strings.to_hash_bucket_fast(x, _HALF - 1)
    top = ps.remainder(other - low, _HALF - 1)
    return low + ps.bitwise_left_shift(top, ps.asarray(np.int64(62)))


def _joined(first: Any, second: Any) -> Any:
    """Make one fingerprint of two."""
    code = ps.bitwise_xor(first, ps.asarray(np.int64(_FACTOR)))
    code = ps.bitwise_xor(code, _mixed(second * _FACTOR) * _FACTOR) * _FACTOR
    return _mixed(_mixed(code) * _FACTOR)


def _mixed(code: Any) -> Any:
    upper = ps.bitwise_right_shift(code, ps.asarray(np.int64(47)))
    return ps.bitwise_xor(code, ps.bitwise_and(upper, ps.asarray(np.int64(2**17 - 1))))
