"""Numbers with mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import abstract
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.data import batches


class Normalization(Layer):
    """Subtract the mean of data, and divide by the root of its variance.

    Args:
        axis: The axes that have a mean for each index: by default the last one, the features. None takes one mean for
            everything.
        mean: The mean, if `adapt` should not find it: a number, or one for each index of the axes.
        variance: The variance, likewise.
        invert: Turn normalised numbers back.
        kwargs: As in `Layer`.

    Raises:
        ValueError: One of mean and variance is given, their shapes differ or do not fit the inputs, or an axis has no
            known size; in a call: there is no mean yet.

    >>> from penstock import keras
    >>> layer = keras.layers.Normalization()
    >>> layer.adapt([[0.0, 7.0], [2.0, 9.0]])
    >>> layer([[0.0, 9.0]]).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = (
            () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
        )
        self.invert = invert
        if (mean is None) != (variance is None):
            raise InvalidValueError(
                "[Normalization] got one of mean and variance; give both, or none and call adapt(data)"
            )
        self.input_mean = mean
        self.input_variance = variance
        self.supports_masking = True
        self._is_known = mean is not None
        if mean is not None and np.shape(mean) != np.shape(variance):
            raise ShapeError(
                f"[Normalization] got a mean of shape {np.shape(mean)} and a variance of shape {np.shape(variance)}; give "
                "both the same shape"
            )

    def build(self, input_shape: Any) -> None:
        """Find out which axes stay, and make the variables for what `adapt` finds."""
        shape = tuple(input_shape)
        ndim = len(shape)
        kept = sorted(
            axis % ndim if -ndim <= axis < ndim else _refuse_axis(axis, shape) for axis in self.axis
        )
        for axis in kept:
            if shape[axis] is None:
                raise InvalidValueError(
                    f"[{self.name}] the inputs have the shape {shape}, and axis {axis} has no known size; give it one, or "
                    "use axis=None"
                )
        self._keep_axis = tuple(kept)
        self._reduced = tuple(i for i in range(ndim) if i not in kept)
        self._placed = tuple(shape[i] if i in kept else 1 for i in range(ndim))
        self._mean_shape = tuple(shape[i] for i in kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(
                self._mean_shape, "zeros", self.compute_dtype, False, name="mean"
            )
            self.adapt_variance = self.add_weight(
                self._mean_shape, "ones", self.compute_dtype, False, name="variance"
            )
            self.count = self.add_weight((), "zeros", "int64", False, name="count")
        else:
            self.mean, self.variance = map(self._broadcast, (self.input_mean, self.input_variance))
        self.built = True
        if self.input_mean is None and self._is_known:
            self.finalize_state()

    def _broadcast(self, value: Any) -> Any:
        array = np.asarray(value, np.float32)
        try:
            filled = np.broadcast_to(array, self._mean_shape)
        except ValueError:
            raise ShapeError(
                f"[{self.name}] got a mean of shape {array.shape}; the inputs have the shape {self._mean_shape} on the "
                f"axes {self.axis}: give a number, or one for each index"
            ) from None
        return ps.asarray(filled.reshape(self._placed).astype(np.float32))

    def adapt(self, data: Any) -> None:
        """Find mean and variance of data.

        Args:
            data: An array, or a dataset of batches, which is read once.

        Raises:
            ValueError: Mean and variance were given, or the data has no rows.
            TypeError: The data is nothing of the kind.
        """
        if self.input_mean is not None:
            raise InvalidValueError(
                f"[{self.name}.adapt] mean and variance were given; make the layer without them to adapt it"
            )
        total = 0.0
        mean = squares = np.zeros(())
        for batch in batches(self.name, data):
            rows = batch.numpy().astype(np.float64)
            if not self.built:
                self.build(rows.shape if rows.ndim < 2 else (None, *rows.shape[1:]))
            size = rows.size / max(int(np.prod(self._mean_shape)), 1)
            if not size:
                continue
            here = rows.mean(self._reduced, keepdims=True)
            spread = ((rows - here) ** 2).sum(self._reduced, keepdims=True)
            apart = here - mean  # Chan and others, 1979: join two sets' sums of squares
            squares = squares + spread + apart**2 * (total * size / (total + size))
            mean = mean + apart * (size / (total + size))
            total += size
        if not total:
            raise InvalidValueError(f"[{self.name}.adapt] got no rows; is the dataset exhausted?")
        self.adapt_mean.assign(np.reshape(mean, self._mean_shape).astype(np.float32))
        self.adapt_variance.assign(np.reshape(squares / total, self._mean_shape).astype(np.float32))
        self.finalize_state()

    def finalize_state(self) -> None:
        """Use what `adapt` found."""
        if self.input_mean is None and self.built:
            self._is_known = True
            self.mean = ps.asarray(self.adapt_mean.numpy().reshape(self._placed))
            self.variance = ps.asarray(self.adapt_variance.numpy().reshape(self._placed))

    def call(self, inputs: Any) -> Any:
        """Normalise."""
        if not self._is_known:
            if abstract.is_describing():  # while a model is loaded, before its weights are
                return ps.cast(ps.asarray(inputs), self.compute_dtype)
            raise InvalidValueError(
                f"[{self.name}] has no mean and variance yet; call adapt(data) first, or give mean=... and variance=..."
            )
        x = ps.cast(ps.asarray(inputs), self.compute_dtype)
        mean = ps.cast(self.mean, self.compute_dtype)
        scale = ps.maximum(ps.sqrt(ps.cast(self.variance, self.compute_dtype)), 1e-7)
        return mean + x * scale if self.invert else (x - mean) / scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def load_own_variables(self, store: Any) -> None:
        """Take mean and variance out of a store."""
        super().load_own_variables(store)
        self.finalize_state()

    def set_weights(self, weights: Any) -> None:
        """Set mean, variance and count."""
        super().set_weights(weights)
        self.finalize_state()

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": _listed(self.input_mean),
            "variance": _listed(self.input_variance),
        }


def _listed(value: Any) -> Any:
    return value if value is None else np.asarray(value).tolist()


def _refuse_axis(axis: int, shape: Any) -> int:
    raise InvalidValueError(
        f"[Normalization] got axis={axis} for inputs of shape {shape}; use an axis from {-len(shape)} to {len(shape) - 1}"
    )
