"""Normalisation by the statistics of a batch, and by their moving averages."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config, initializers
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.normalization.base import Normalizer, known_size, value_or, wide


class BatchNormalization(Normalizer):
    """Bring each channel to mean 0 and variance 1, then scale and shift: γ · (x - mean) / √(variance + ε) + β.

    In training, mean and variance are those of the batch, and move the moving averages; otherwise they are the moving
    averages. A layer with `trainable = False` always uses those.

    Args:
        axis: The axis of channels.
        momentum: How much of a moving average stays: average · momentum + batch · (1 - momentum).
        epsilon: Keeps the root away from zero.
        center: Whether there is an offset, beta.
        scale: Whether there is a scale, gamma.
        beta_initializer: What makes beta.
        gamma_initializer: What makes gamma.
        moving_mean_initializer: What makes the moving mean.
        moving_variance_initializer: What makes the moving variance.
        beta_regularizer: What beta adds to the loss.
        gamma_regularizer: What gamma adds to the loss.
        beta_constraint: What beta is made to fulfil.
        gamma_constraint: What gamma is made to fulfil.
        renorm: Only False: batch renormalisation is not there.
        renorm_clipping: Kept in the configuration.
        renorm_momentum: Kept in the configuration.
        synchronized: Kept in the configuration: a layer sees the whole batch.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is not understood, or `renorm` is asked for.

    >>> from penstock import keras
    >>> layer = keras.layers.BatchNormalization(momentum=0.5, epsilon=0.0)
    >>> layer([[1.0], [3.0]], training=True).tolist()
    [[-1.0], [1.0]]
    >>> layer.moving_mean.tolist(), layer.moving_variance.tolist()
    ([1.0], [1.0])
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        if renorm:
            raise InvalidValueError(
                "[BatchNormalization] got renorm=True, which is not there; leave it out, or use LayerNormalization or "
                "GroupNormalization for small batches"
            )
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the moving averages.

        Raises:
            ValueError: The channels are not known.
        """
        size = known_size(self.name, input_shape, self.axis)
        self._add_gamma_and_beta((size,), self.scale, self.center)
        self.moving_mean = self.add_weight(
            (size,),
            self.moving_mean_initializer,
            trainable=False,
            autocast=False,
            name="moving_mean",
        )
        self.moving_variance = self.add_weight(
            (size,),
            self.moving_variance_initializer,
            trainable=False,
            autocast=False,
            name="moving_variance",
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise; in training, move the averages too."""
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ShapeError(
                f"[{self.name}] got a mask of shape {mask.shape} for an input of shape {inputs.shape}; expected one "
                "axis less than the input has: the channels'"
            )
        x = ps.moveaxis(wide(inputs), self.axis, -1)
        sizes = self.moving_mean.shape
        gamma, beta = value_or(self.gamma, sizes, 1.0, x), value_or(self.beta, sizes, 0.0, x)
        if not (training and self.trainable):
            mean = ps.cast(self.moving_mean.value, x.dtype)
            variance = ps.cast(self.moving_variance.value, x.dtype)
            y = ps.nn.batch_norm_inference(x, mean, variance, gamma, beta, epsilon=self.epsilon)
        elif mask is None:
            y, mean, variance = ps.nn.batch_norm(x, gamma, beta, self.epsilon)
            self._move_averages(mean, variance)
        else:
            mean, variance = self._masked_moments(x, mask)
            y = ps.nn.batch_norm_inference(x, mean, variance, gamma, beta, epsilon=self.epsilon)
            self._move_averages(mean, variance)
        return ps.cast(ps.moveaxis(y, -1, self.axis), self.compute_dtype)

    def _masked_moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Return mean and variance of the positions that count."""
        # The mask goes with the input as it came, channels last or not.
        counts = ps.broadcast_to(
            ps.expand_dims(ps.cast(mask, "bool"), -1), ps.moveaxis(x, -1, self.axis).shape
        )
        counts = ps.moveaxis(counts, self.axis, -1)
        axes = tuple(range(x.ndim - 1))
        number = ps.sum(ps.cast(counts, x.dtype), axis=axes) + config.epsilon()
        mean = ps.sum(ps.where(counts, x, ps.zeros_like(x)), axis=axes) / number
        apart = ps.where(counts, x - mean, ps.zeros_like(x))
        return mean, ps.sum(apart * apart, axis=axes) / number

    def _move_averages(self, mean: Any, variance: Any) -> None:
        for average, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old = ps.cast(average.value, new.dtype)
            average.assign(old * self.momentum + ps.stop_gradient(new) * (1.0 - self.momentum))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }
