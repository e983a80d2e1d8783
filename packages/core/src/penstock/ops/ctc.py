"""Connectionist temporal classification: the loss of label sequences that are not aligned with time, and decoders."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import GraphError
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import INDICES
from penstock.ops._samples import FLOATS, array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="ctc_loss", name="ctc_loss", outputs=2, public=1)
def ctc_loss_(
    logits: TensorLike,
    labels: TensorLike,
    label_length: TensorLike,
    logit_length: TensorLike,
    blank_index: int = 0,
) -> Tensor:
    """Take minus the logarithm of the probability of label sequences, over all their alignments with time.

    Args:
        logits: [batch, time, classes], a real dtype; softmax makes probabilities of them.
        labels: [batch, length], any integer dtype.
        label_length: [batch], how many labels count.
        logit_length: [batch], how many steps count.
        blank_index: The class that stands for no label; negative numbers count from the last class.

    Returns:
        [batch], of the logits' dtype; inf, with a gradient of zero, where there are too few steps for the labels.

    Raises:
        ValueError: The shapes do not fit together, or there is no class `blank_index`.
        IndexError: A label is no class, or a length is out of range.
        TypeError: The logits are complex or a string tensor, or others are not integers.

    Example:
        >>> penstock.round(penstock.exp(-penstock.ops.ctc_loss_([[[0.0, 0.0]]], [[1]], [1], [1])) * 100)
        Tensor([50.], shape=(1,), dtype=float32)

    Source:
        Graves et al., 2006, "Connectionist temporal classification", sections 4.1 and 4.2.
    """


ctc_loss_.batch(_batch.sequences)


def _check(name: str, values: Any, highest: int, remedy: str) -> None:
    wrong = (values < 0) | (values > highest)
    if wrong.any():
        raise IndexError(f"got {name} {int(values[wrong][0])}; expected 0 to {highest}; {remedy}")


def _log_softmax(x: Any) -> Any:
    high = np.max(x, -1, keepdims=True, initial=-np.inf)
    high = np.where(np.isfinite(high), high, 0.0)
    return x - high - np.log(np.sum(np.exp(x - high), -1, keepdims=True))


def _extended(labels: Any, label_length: Any, blank: int) -> tuple[Any, Any, Any]:
    """Put blanks around the labels.

    Returns:
        [batch, 2 * length + 1] three times: the classes, which of them count, and which may follow the last but one.
    """
    batch, length = labels.shape
    kept = np.arange(length) < label_length[:, None]
    classes = np.full((batch, 2 * length + 1), blank, np.int64)
    classes[:, 1::2] = np.where(kept, labels, blank)
    valid = np.arange(2 * length + 1) < (2 * label_length + 1)[:, None]
    skips = np.zeros(classes.shape, bool)
    skips[:, 2:] = (classes[:, 2:] != blank) & (classes[:, 2:] != classes[:, :-2])
    return classes, valid, skips


def _shifted(x: Any, by: int) -> Any:
    """Move along the last axis, with -inf where nothing comes from."""
    out = np.full(x.shape, -np.inf)
    if by > 0:
        out[:, by:] = x[:, :-by]
    else:
        out[:, :by] = x[:, -by:]
    return out


def _sum_logs(*terms: Any) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = np.logaddexp(total, term)
    return total


@ctc_loss_.reference
def _(logits: Any, labels: Any, label_length: Any, logit_length: Any, blank_index: int) -> Any:
    (batch, time, classes), length = logits.shape, labels.shape[1]
    _check("label_length", label_length, length, "pad the labels, or mend the length")
    _check("logit_length", logit_length, time, "mend the length")
    counted = labels[np.arange(length) < label_length[:, None]]
    _check("the label", counted, classes - 1, "labels are numbers of classes")
    logs = _log_softmax(logits.astype(np.float64))
    states, valid, skips = _extended(labels, label_length, blank_index % classes)
    emitted = np.take_along_axis(
        logs, np.broadcast_to(states[:, None], (batch, time, states.shape[1])), 2
    )
    alpha, loss = _forward(emitted, valid, skips, label_length, logit_length)
    beta = _backward(emitted, valid, skips, label_length, logit_length)
    occupied = np.exp(alpha + beta + np.where(np.isfinite(loss), loss, -np.inf)[:, None, None])
    expected = np.zeros(logs.shape)
    rows, steps = np.ogrid[:batch, :time]
    for s in range(states.shape[1]):
        expected[rows, steps, states[:, s : s + 1]] += occupied[:, :, s]
    inside = (np.arange(time) < logit_length[:, None]) & np.isfinite(loss)[:, None]
    gradient = np.where(inside[..., None], np.exp(logs) - expected, 0.0)
    return loss.astype(logits.dtype), gradient.astype(logits.dtype)


def _forward(
    emitted: Any, valid: Any, skips: Any, label_length: Any, logit_length: Any
) -> tuple[Any, Any]:
    """Ln P(the first steps, ending in each state), and the loss."""
    batch, time, states = emitted.shape
    alpha = np.full(emitted.shape, -np.inf)
    now = np.where(np.arange(states) < 1, 0.0, -np.inf) * np.ones(
        (batch, 1)
    )  # before the first step
    for t in range(time):
        if t == 0:
            reached = np.where(np.arange(states) < 2, 0.0, -np.inf) * np.ones((batch, 1))
        else:
            over = np.where(skips, _shifted(now, 2), -np.inf)
            reached = _sum_logs(now, _shifted(now, 1), over)
        stepped = np.where(valid, reached + emitted[:, t], -np.inf)
        alpha[:, t] = stepped
        now = np.where((t < logit_length)[:, None], stepped, now)
    last = 2 * label_length[:, None]
    ends = np.take_along_axis(now, np.concatenate([last, np.maximum(last - 1, 0)], 1), 1)
    ends[:, 1] = np.where(label_length > 0, ends[:, 1], -np.inf)
    return alpha, -_sum_logs(ends[:, 0], ends[:, 1])


def _backward(emitted: Any, valid: Any, skips: Any, label_length: Any, logit_length: Any) -> Any:
    """Ln P(the steps that follow | each state)."""
    _, time, states = emitted.shape
    number, last = np.arange(states), 2 * label_length[:, None]
    end = np.where((number == last) | (number == last - 1), 0.0, -np.inf)
    beta = np.full(emitted.shape, -np.inf)
    now = end
    for t in reversed(range(time)):
        if t + 1 < time:
            ahead = np.where(valid, now + emitted[:, t + 1], -np.inf)
            over = _shifted(np.where(skips, ahead, -np.inf), -2)
            now = _sum_logs(ahead, _shifted(ahead, -1), over)
        now = np.where((t < logit_length - 1)[:, None], now, end)
        beta[:, t] = np.where((t < logit_length)[:, None], now, -np.inf)
    return beta


@ctc_loss_.vjp
def _(node: Node, dloss: Tensor | None, again: Tensor | None) -> Gradients:
    if again is not None:
        raise GraphError(
            "[ctc_loss] has no second gradient; use stop_gradient on the first one, or write the loss in other ops"
        )
    if dloss is None:
        return (None,) * 4
    return node.outputs[1] * ops.reshape(dloss, (dloss.shape[0], 1, 1)), None, None, None


@ctc_loss_.jvp
def _(node: Node, *tangents: Tensor | None) -> Gradients:
    moved = tangents[0]
    return None if moved is None else ops.sum(node.outputs[1] * moved, (1, 2)), None


@ctc_loss_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    labels, lengths, steps = (
        np.array([[1, 2, 2, 0], [3, 1, 1, 2]]),
        np.array([3, 2]),
        np.array([6, 5]),
    )
    for dtype in FLOATS:
        yield Sample((array(rng, (2, 6, 4), dtype), labels, lengths, steps), label=dtype)
    turned = (labels + 3) % 4
    yield Sample((array(rng, (2, 6, 4)), turned, lengths, steps, -1), label="blank behind")
    none = np.zeros((2, 0), np.int32), np.zeros(2, np.int32), np.array([3, 0], np.int32)
    yield Sample((array(rng, (2, 3, 4)), *none), label="no labels")
    short = array(rng, (1, 2, 4)), [[1, 1]], [2], [2]
    yield Sample(short, label="too few steps", differentiable=False)
    empty = np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    yield Sample((np.ones((0, 3, 4)), *empty), label="no sequences")
    counts = np.array([20, 7, 0])
    many = rng.integers(1, 30, (3, 20))
    many[np.arange(20) >= counts[:, None]] = -1  # what is not read may be anything
    args = array(rng, (3, 60, 30), "float32"), many, counts, np.array([60, 50, 1])
    yield Sample(args, label="large")


@ctc_loss_.rejects
def _() -> Iterator[Reject]:
    logits, labels, one = np.ones((1, 3, 4)), np.array([[1, 2]]), np.array([1])
    yield Reject((logits[0], labels, one, one), match=r"\[batch, time, classes\]")
    yield Reject((logits, labels, one, one, 4), match="-1 for the last class")
    yield Reject((logits, labels, np.array([1, 1]), one), match="one length for each sequence")


@op(infer="ctc_beam", name="ctc_beam_search", outputs=2)
def ctc_beam_search_(
    logits: TensorLike,
    logit_length: TensorLike,
    beam_width: int = 100,
    top_paths: int = 1,
    blank_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Search for the label sequences that are most probable, over all their alignments with time.

    Args:
        logits: [batch, time, classes], a real dtype; softmax makes probabilities of them.
        logit_length: [batch], how many steps count, any integer dtype.
        beam_width: How many sequences are followed.
        top_paths: How many are returned, at most `beam_width`.
        blank_index: The class that stands for no label; negative numbers count from the last class.

    Returns:
        [batch, top_paths, time] int64, the labels, with -1 behind them; and [batch, top_paths], the logarithms of
        their probabilities, falling (-inf where there are fewer sequences).

    Raises:
        ValueError: The shapes do not fit together, or a number is out of range.
        TypeError: The logits are complex or a string tensor, or the lengths are not integers.

    Example:
        >>> logits = [[[0.0, 9.0, 0.0], [0.0, 9.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 9.0]]]
        >>> penstock.ops.ctc_beam_search_(logits, [4])[0]
        Tensor([[[ 1,  2, -1, -1]]], shape=(1, 1, 4), dtype=int64)

    Source:
        Hannun et al., 2014, "First-pass large vocabulary continuous speech recognition using bi-directional recurrent
        DNNs", algorithm 1, without its language model.
    """


ctc_beam_search_.not_differentiable(INDICES)


@ctc_beam_search_.reference
def _(logits: Any, logit_length: Any, beam_width: int, top_paths: int, blank_index: int) -> Any:
    batch, time, classes = logits.shape
    decoded = np.full((batch, top_paths, time), -1, np.int64)
    scores = np.full((batch, top_paths), -np.inf)
    logs = _log_softmax(logits.astype(np.float64))
    for b in range(batch):
        steps = logs[b, : int(np.clip(logit_length[b], 0, time))]
        for k, (path, score) in enumerate(
            _search(steps, beam_width, blank_index % classes)[:top_paths]
        ):
            decoded[b, k, : len(path)], scores[b, k] = path, score
    return decoded, scores.astype(logits.dtype)


def _search(steps: Any, beam_width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Follow prefixes, each with the logarithms of ending in a blank and of ending in its last label."""
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for step in steps:
        grown: dict[tuple[int, ...], list[float]] = {}

        def add(path: tuple[int, ...], which: int, value: float, into: Any = grown) -> None:
            slot = into.setdefault(path, [-np.inf, -np.inf])
            slot[which] = np.logaddexp(slot[which], value)

        for path, (in_blank, in_label) in beams.items():
            total = np.logaddexp(in_blank, in_label)
            add(path, 0, total + step[blank])
            for label, score in enumerate(step):
                if label == blank:
                    continue
                if path and path[-1] == label:
                    add(path, 1, in_label + score)
                    add((*path, label), 1, in_blank + score)
                else:
                    add((*path, label), 1, total + score)
        kept = sorted(grown.items(), key=_rank)
        beams = {path: (a, b) for path, (a, b) in kept[:beam_width]}
    return [(path, -_rank((path, pair))[0]) for path, pair in sorted(beams.items(), key=_rank)]


def _rank(item: tuple[tuple[int, ...], Sequence[float]]) -> tuple[float, tuple[int, ...]]:
    """The most probable first; ties by their labels."""
    path, (in_blank, in_label) = item
    return -float(np.logaddexp(in_blank, in_label)), path


@ctc_beam_search_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        args = array(rng, (2, 4, 3), dtype), np.array([4, 2])
        yield Sample(args, {"beam_width": 8, "top_paths": 3}, label=dtype)
    yield Sample((array(rng, (1, 3, 3)), [3], 4, 1, -1), label="blank behind")
    yield Sample((np.ones((0, 3, 2)), np.zeros(0, np.int64)), label="no sequences")
    yield Sample((array(rng, (1, 12, 9), "float32"), [12], 10), label="large")


@ctc_beam_search_.rejects
def _() -> Iterator[Reject]:
    logits = np.ones((1, 3, 4))
    yield Reject((logits[0], [1]), match=r"\[batch, time, classes\]")
    yield Reject((logits, [3], 2, 3), match="top_paths must be from 1 to beam_width")
    yield Reject((logits, [1, 1]), match="one length for each sequence")
