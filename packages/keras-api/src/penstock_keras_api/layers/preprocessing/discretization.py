"""Numbers in ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.data import batches
from penstock_keras_api.layers.preprocessing.encoding import check_mode, encode, encoded_shape


class Discretization(Layer):
    """Put numbers into ranges: bin i is from boundary i - 1 to below boundary i; the first and last have no end.

    Args:
        bin_boundaries: The boundaries, rising.
        num_bins: How many bins `adapt` makes, each with about as many numbers of its data.
        epsilon: Kept for compatibility: the error that is allowed. Boundaries are exact.
        output_mode: "int" for bins, "one_hot", "multi_hot" or "count" for vectors; see `CategoryEncoding`.
        sparse: Return `penstock.sparse` tensors for vectors.
        dtype: As in `Layer`; bins are of "int32".
        name: As in `Layer`.

    Raises:
        ValueError: Both or neither of boundaries and number of bins are given, or a number is negative; there is no such
            mode; in a call: there are no boundaries yet.

    >>> from penstock import keras
    >>> keras.layers.Discretization([0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4]]).tolist()
    [[0, 2, 3]]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.output_mode = check_mode(
            "Discretization", output_mode, ("int", "one_hot", "multi_hot", "count")
        )
        self._check(bin_boundaries, num_bins, sparse)
        self.input_bin_boundaries = None
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            self.input_bin_boundaries = [float(b) for b in np.asarray(bin_boundaries).tolist()]
            self.bin_boundaries = self.input_bin_boundaries
            if sorted(self.bin_boundaries) != self.bin_boundaries:
                raise InvalidValueError(
                    f"[Discretization] got bin_boundaries={bin_boundaries!r}; sort them"
                )
        self.num_bins = num_bins if bin_boundaries is None else len(self.bin_boundaries or []) + 1
        self._given_bins = num_bins
        self.epsilon = epsilon
        self.sparse = sparse
        self._seen: list[Any] = []
        self.built = True

    def _check(self, boundaries: Any, num_bins: Any, sparse: bool) -> None:
        if (boundaries is None) == (num_bins is None):
            raise InvalidValueError(
                "[Discretization] got both or neither of bin_boundaries and num_bins; give the boundaries, or the "
                "number of bins and call adapt(data)"
            )
        if num_bins is not None and num_bins < 0:
            raise InvalidValueError(f"[Discretization] got num_bins={num_bins}; use 1 or more")
        if sparse and self.output_mode == "int":
            raise InvalidValueError(
                "[Discretization] got sparse=True with output_mode='int'; use it with vectors"
            )

    @property
    def input_dtype(self) -> str:
        """The dtype to which inputs are cast: bins may be integers, what is put into them is not."""
        return "float32"

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries between which there are about as many numbers of data everywhere.

        Args:
            data: An array, or a dataset of batches.
            steps: How many batches to take; None takes all.

        Raises:
            ValueError: The boundaries were given, or there is no data.
            TypeError: The data is nothing of the kind.
        """
        if self.input_bin_boundaries is not None:
            raise InvalidValueError(
                f"[{self.name}.adapt] the boundaries were given; make the layer with num_bins=... to adapt it"
            )
        self.reset_state()
        for batch in batches(self.name, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take in a batch."""
        self._seen.append(ps.asarray(data).numpy().astype(np.float32).reshape(-1))

    def finalize_state(self) -> None:
        """Make boundaries of what was taken in."""
        if self.input_bin_boundaries is not None or not self._seen:
            return
        values = np.sort(np.concatenate(self._seen))
        if not len(values):
            raise InvalidValueError(
                f"[{self.name}.adapt] got no numbers; is the dataset exhausted?"
            )
        bins = self.num_bins or 1
        shares = np.arange(1, bins) / bins * len(values)  # how many numbers lie below each boundary
        found = np.interp(shares, np.arange(1, len(values) + 1), values)
        self.bin_boundaries = [float(b) for b in found.astype(np.float32)]

    def reset_state(self) -> None:
        """Forget what was taken in."""
        if self.input_bin_boundaries is None:
            self._seen = []
            self.bin_boundaries = None

    def call(self, inputs: Any) -> Any:
        """Return bins, or vectors of them."""
        if self.bin_boundaries is None:
            raise InvalidValueError(
                f"[{self.name}] has no boundaries yet; call adapt(data) first, or give bin_boundaries=[...]"
            )
        x = ps.cast(ps.asarray(inputs), "float32")
        boundaries = ps.asarray(np.array(self.bin_boundaries, np.float32))
        places = ps.searchsorted(boundaries, ps.reshape(x, (-1,)), side="right")
        bins = ps.reshape(places, x.shape)
        depth = len(self.bin_boundaries) + 1
        return encode(bins, self.output_mode, depth, self.output_dtype, sparse=self.sparse)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what stands for the output."""
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, self.output_dtype, sparse=self.sparse)

    def load_own_variables(self, store: Any) -> None:
        """Accept that there are none: boundaries are part of the configuration."""

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of, with the boundaries that were learnt."""
        base = super().get_config()
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self._given_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": base["name"],
            "dtype": base["dtype"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer of what `get_config` returned."""
        made = dict(config)
        boundaries = made.get("bin_boundaries")
        if boundaries is None or made.get("num_bins") is None:
            return cls(**made)
        layer = cls(**{**made, "bin_boundaries": None})
        layer.bin_boundaries = boundaries  # as learnt
        return layer
