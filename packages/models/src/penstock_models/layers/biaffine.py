"""A number for each pair of places, from a vector of each."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import initializers
from penstock_keras_api.layers import Layer

NEVER = -1e9


class Biaffine(Layer):
    """Score every pair of a dependent and a head: s[b, i, j, k] = [x_i, 1] · W_k · [y_j, 1].

    The ones that are put behind the vectors give each output also a term for the head alone, for the dependent alone
    and for neither.

    Args:
        outputs: How many numbers a pair gets; None for one, without the last axis.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: `outputs` is below 1.

    Source:
        Dozat and Manning, 2017, "Deep biaffine attention for neural dependency parsing",
        https://arxiv.org/abs/1611.01734.

    >>> import penstock as ps
    >>> Biaffine(3)(ps.ones((2, 5, 4)), ps.ones((2, 5, 4))).shape
    (2, 5, 5, 3)
    """

    def __init__(self, outputs: int | None = None, **kwargs: Any) -> None:
        if outputs is not None and outputs < 1:
            raise InvalidValueError(f"[Biaffine] got outputs={outputs}; use 1 or more, or None")
        super().__init__(**kwargs)
        self.outputs = outputs

    def build(  # type: ignore[override]
        self, dependents_shape: Any, heads_shape: Any, heads_mask_shape: Any = None
    ) -> None:
        """Make a matrix for each output."""
        count = self.outputs or 1
        shape = (dependents_shape[-1] + 1, count, heads_shape[-1] + 1)
        self.kernel = self.add_weight(shape, initializers.Zeros(), name="kernel")
        self.built = True

    def call(self, dependents: Any, heads: Any, heads_mask: Any = None) -> Any:
        """Return the scores: [batch, dependents, heads], or with the outputs behind.

        Where `heads_mask` [batch, heads] is false, a score is far below all others, and still finite.
        """
        left, count, right = self.kernel.shape
        flat = ps.reshape(self.kernel.value, (left, count * right))
        sizes = (dependents.shape[0], dependents.shape[1], heads.shape[1])
        rows = ps.reshape(
            _and_one(dependents), (-1, left)
        )  # one product, so that its gradient is one
        between = ps.reshape(ps.matmul(rows, flat), (sizes[0], -1, right))
        scores = ps.matmul(between, ps.matrix_transpose(_and_one(heads)))
        if heads_mask is not None:
            scores = ps.where(heads_mask[:, None, :], scores, NEVER)
        if self.outputs is None:
            return scores
        by_output = ps.reshape(scores, (sizes[0], sizes[1], count, sizes[2]))
        return ps.permute_dims(by_output, (0, 1, 3, 2))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "outputs": self.outputs}


def _and_one(vectors: Any) -> Any:
    """Put a 1 behind every vector."""
    return ps.concat([vectors, ps.ones_like(vectors[..., :1])], -1)
