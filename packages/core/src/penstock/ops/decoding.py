"""Choosing the next word of a text: by chance among the best, or by following several texts at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def top_k_logits(logits: TensorLike, k: int) -> Tensor:
    """Set all but the k largest logits to -inf; ties with the smallest of them stay.

    Args:
        logits: [..., classes], any real dtype.
        k: How many stay, from 1 to the number of classes.

    Returns:
        The logits' shape and dtype.

    Raises:
        ValueError: k is out of range.

    Example:
        >>> penstock.nn.top_k_logits([1.0, 3.0, 2.0], 2)
        Tensor([-inf,   3.,   2.], shape=(3,), dtype=float32)
    """
    logits = asarray(logits)
    values, _ = ops.top_k(logits, k)
    return ops.where(logits < values[..., -1:], -math.inf, logits)


def top_p_logits(logits: TensorLike, p: float) -> Tensor:
    """Set all logits to -inf but the largest ones that together have a probability of p: the nucleus.

    Args:
        logits: [..., classes], any real dtype.
        p: The probability, above 0 and at most 1; the most probable class always stays.

    Returns:
        The logits' shape and dtype.

    Raises:
        ValueError: p is out of range.

    Example:
        >>> penstock.nn.top_p_logits([0.0, 9.0, 8.5], 0.9)
        Tensor([-inf,  9. ,  8.5], shape=(3,), dtype=float32)

    Source:
        Holtzman et al., 2019, "The curious case of neural text degeneration", https://arxiv.org/abs/1904.09751.
    """
    if not 0 < p <= 1:
        raise InvalidValueError(
            f"[top_p_logits] got p={p}; use a probability above 0 and at most 1"
        )
    logits = asarray(logits)
    order = ops.argsort(logits, -1, descending=True)
    falling = ops.softmax(ops.take_along_axis(logits, order, -1))
    kept = ops.cumsum(falling, -1) - falling < p
    back = ops.take_along_axis(kept, ops.argsort(order, -1), -1)
    return ops.where(back, logits, -math.inf)


def sample_token(
    logits: TensorLike,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Tensor:
    """Draw one class for each row, among the best.

    Args:
        logits: [..., classes], any real dtype.
        temperature: The logits are divided by it; 0 takes the most probable class.
        top_k: Draw among the k most probable classes; None for all.
        top_p: Draw among the most probable classes that together have this probability; None for all.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [...], int64.

    Raises:
        ValueError: A number is out of range.

    Example:
        >>> penstock.nn.sample_token([[0.0, 9.0], [9.0, 0.0]], top_k=1)
        Tensor([1, 0], shape=(2,), dtype=int64)
    """
    if not temperature >= 0:
        raise InvalidValueError(f"[sample_token] got temperature={temperature}; use 0 or more")
    logits = asarray(logits)
    if temperature == 0:
        return ops.argmax(logits, -1)
    logits = logits / temperature
    if top_k is not None:
        logits = top_k_logits(logits, top_k)
    if top_p is not None:
        logits = top_p_logits(logits, top_p)
    return ops.squeeze(ops.random_categorical(logits, 1, seed=seed), -1)


def beam_search_step(
    scores: TensorLike,
    log_probabilities: TensorLike,
    finished: TensorLike | None = None,
    *,
    end_token: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Extend every text of a beam by every word and keep the best ones.

    Args:
        scores: [batch, beams], the logarithms of the texts' probabilities so far.
        log_probabilities: [batch, beams, classes], of the next word.
        finished: [batch, beams] of booleans: such a text goes on with `end_token` only, at no cost; None for none.
        end_token: The word that finished texts repeat; needed with `finished`.

    Returns:
        [batch, beams] three times: the new scores, falling; which text each came from, int64; and its word, int64.

    Raises:
        ValueError: The shapes do not fit together, or `end_token` is missing.

    Example:
        >>> scores, parents, words = penstock.nn.beam_search_step([[0.0, -1.0]], [[[-1.0, -3.0], [-0.5, -9.0]]])
        >>> scores
        Tensor([[-1. , -1.5]], shape=(1, 2), dtype=float32)
    """
    scores, logs = asarray(scores), asarray(log_probabilities)
    if logs.ndim != 3 or scores.ndim != 2:
        raise ShapeError(
            f"[beam_search_step] got scores of shape {scores.shape} and log_probabilities of shape {logs.shape}; "
            "expected [batch, beams] and [batch, beams, classes]; reshape them"
        )
    classes = int(logs.shape[2])
    if finished is not None:
        if end_token is None:
            raise InvalidValueError(
                "[beam_search_step] got finished without end_token; name the word"
            )
        words = ops.cumsum(ops.ones_like(logs), -1) - 1.0
        only_end = ops.where(words == end_token, 0.0, -math.inf)
        logs = ops.where(ops.expand_dims(finished, -1), ops.astype(only_end, logs.dtype), logs)
    totals = ops.flatten(ops.expand_dims(scores, -1) + logs, 1, 2)
    best, index = ops.top_k(totals, int(scores.shape[1]))
    return best, index // classes, index % classes
