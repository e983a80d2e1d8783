"""Mixtures of several chains of variations."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import RandomImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import Range, check_value_range
from penstock_keras_api.layers.preprocessing.image.policies import Choice, operations
from penstock_keras_api.random import draws


class AugMix(RandomImageLayer):
    """Mix images with several variations of themselves while training; labels, boxes and masks stay.

    The variations are drawn for each batch, how strong they are and how much each counts for each image.

    Args:
        value_range: The smallest and the largest value of pixels.
        num_chains: How many variations are mixed.
        chain_depth: Of how many steps each has at most.
        factor: The range of strengths, or a number for 0 to it.
        alpha: The parameter of the distributions of what each counts, above 0.
        all_ops: Whether brightness, contrast, colours and sharpness are varied too.
        interpolation: "bilinear" or "nearest".
        seed: Where the stream of random numbers begins.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, alpha is not above 0, a number is not, or the range is none.

    Source:
        Hendrycks and others, 2020, "AugMix: a simple data processing method to improve robustness and uncertainty".

    >>> from penstock import keras
    >>> keras.layers.AugMix()(ps.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if alpha <= 0 or num_chains < 1 or chain_depth < 1:
            raise InvalidValueError(
                f"[AugMix] got alpha={alpha}, num_chains={num_chains} and chain_depth={chain_depth}; use numbers above 0"
            )
        self.value_range = check_value_range("AugMix", value_range)
        self.num_chains = num_chains
        self.chain_depth = chain_depth
        self.factor = self._set_factor(factor)
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self._choice = Choice(operations(value_range, self.factor, interpolation, all_ops))

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        keys = iter(
            draws.other_key(key, i) for i in range(1, 4 + self.num_chains * self.chain_depth)
        )
        amounts = draws.gamma((batch, self.num_chains), float(self.alpha), next(keys)) + 1e-20
        return {
            "weights": amounts / ps.sum(amounts, axis=1, keepdims=True),  # Dirichlet
            "share": draws.beta((batch, 1, 1, 1), float(self.alpha), float(self.alpha), next(keys)),
            "depths": ps.floor(
                draws.uniform((self.num_chains,), seed=next(keys)) * self.chain_depth
            )
            + 1.0,
            "chains": [
                [self._choice.drawn(next(keys)) for _ in range(self.chain_depth)]
                for _ in range(self.num_chains)
            ],
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        mixed = ps.zeros_like(images)
        for number, chain in enumerate(made["chains"]):
            varied = images
            for depth, step in enumerate(chain):
                further = self._choice.apply(varied, step, made, "_transformed")
                varied = ps.where(made["depths"][number] > float(depth), further, varied)
            weight = ps.reshape(made["weights"][:, number], (made["batch"], 1, 1, 1))
            mixed = mixed + varied * ps.cast(weight, images.dtype)
        return images + (mixed - images) * ps.cast(made["share"], images.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "factor": self.factor,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }
