"""Categories in numbered bins, by a hash of their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import DTypeError, InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.encoding import check_mode, encode, encoded_shape


class Hashing(Layer):
    """Put categories, text or whole numbers, into bins; equal ones come to the same bin, always and everywhere.

    The bins are those of TensorFlow: FarmHash64 of the text, or SipHash-2-4 with a salt. Numbers are written as text.

    Args:
        num_bins: How many bins there are, with the one for `mask_value`.
        mask_value: What goes to bin 0, where nothing else goes then.
        salt: One or two numbers: a secret, without which nobody can tell the bins.
        output_mode: "int" for bins, "one_hot", "multi_hot" or "count" for vectors; see `CategoryEncoding`.
        sparse: Return `penstock.sparse` tensors for vectors.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no bin, no such mode, or the salt is neither one nor two numbers.
        TypeError: In a call: the input is neither text nor whole numbers; or `dtype` is no integer dtype in the mode
            "int".

    >>> from penstock import keras
    >>> keras.layers.Hashing(3)([["A"], ["B"], ["C"]]).tolist()
    [[1], [0], [1]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**{"autocast": False, **kwargs})
        self.output_mode = check_mode(
            "Hashing", output_mode, ("int", "one_hot", "multi_hot", "count")
        )
        if output_mode == "int" and "int" not in self.compute_dtype:
            raise DTypeError(
                f"[Hashing] got dtype={self.compute_dtype!r} with output_mode='int'; use 'int32' or 'int64'"
            )
        if not num_bins or num_bins < 1:
            raise InvalidValueError(f"[Hashing] got num_bins={num_bins!r}; use a number above 0")
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.salt = as_salt("Hashing", salt)
        self.sparse = sparse
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return bins, or vectors of them."""
        x = ps.asarray(inputs)
        bins = self._bins(x)
        return encode(bins, self.output_mode, self.num_bins, self.compute_dtype, sparse=self.sparse)

    def _bins(self, x: Any) -> Any:
        if self.mask_value is None:
            return hashed(self.name, x, self.num_bins, self.salt)
        if self.num_bins == 1:  # only the mask's
            return ps.zeros(x.shape, "int64")
        bins = hashed(self.name, x, self.num_bins - 1, self.salt) + 1
        mask = ps.equal(x, ps.cast(ps.asarray(self.mask_value), x.dtype))
        return ps.where(mask, 0, bins)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what stands for the output."""
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, self.compute_dtype, sparse=self.sparse)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


def as_salt(layer: str, salt: Any) -> list[int] | None:
    """Make two numbers of a salt, which may be one.

    Raises:
        ValueError: It is neither.
    """
    if salt is None:
        return None
    numbers = list(salt) if isinstance(salt, Sequence) else [salt, salt]
    if len(numbers) != 2 or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise InvalidValueError(
            f"[{layer}] got salt={salt!r}; use a whole number of at least 0, or a list of two"
        )
    return numbers


def hashed(layer: str, x: Any, bins: int, salt: list[int] | None) -> Any:
    """Put text or whole numbers into bins.

    Raises:
        TypeError: x is of neither.
    """
    if x.dtype.kind in ("signed", "unsigned"):
        x = ps.as_string(x)
    if x.dtype != "string":
        raise DTypeError(
            f"[{layer}] got numbers of {x.dtype.name}; expected strings or integers: cast them to 'int64', or put them "
            "into ranges with Discretization"
        )
    if salt is None:
        return ps.strings.to_hash_bucket_fast(x, bins)
    return ps.strings.to_hash_bucket_strong(x, bins, salt)
