"""Recurrent networks from inputs to states: the product for all steps at once, then the op that goes through time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def lstm(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    initial_state: Sequence[TensorLike] | None = None,
    mask: TensorLike | None = None,
    *,
    go_backwards: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run a long short-term memory over sequences.

    The gates are in Keras' order, i, f, g, o: c = σ(f) · c + σ(i) · tanh(g), h = σ(o) · tanh(c).

    Args:
        x: [batch, time, features], any real dtype; at least one step.
        kernel: [features, 4 * units].
        recurrent_kernel: [units, 4 * units].
        bias: [4 * units]; None for none.
        initial_state: h and c at the start, [batch, units] each; None for zeros.
        mask: [batch, time] of booleans: steps that are false leave the state as it is; None for none.
        go_backwards: Begin at the end; the results are in the order of the work.

    Returns:
        Every h, [batch, time, units]; and the last h and c, [batch, units] each.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> x, kernel, recurrent = penstock.ones((2, 5, 3)), penstock.ones((3, 16)), penstock.ones((4, 16))
        >>> sequence, (h, c) = penstock.nn.lstm(x, kernel, recurrent)
        >>> sequence.shape, h.shape, c.shape
        ((2, 5, 4), (2, 4), (2, 4))

    Source:
        Hochreiter and Schmidhuber, 1997, "Long short-term memory".
    """
    gates, mask = _gates("lstm", x, kernel, bias, mask, go_backwards)
    h, c = initial_state or [_zeros(gates, recurrent_kernel)] * 2
    every_h, every_c = ops.lstm_(gates, h, c, recurrent_kernel, mask)
    return every_h, (every_h[:, -1], every_c[:, -1])


def gru(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    recurrent_bias: TensorLike | None = None,
    initial_state: TensorLike | None = None,
    mask: TensorLike | None = None,
    *,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run gated recurrent units over sequences.

    The gates are in Keras' order, z, r, h: h = z · h + (1 - z) · tanh(x_h + r · (h · recurrent_kernel_h)).

    Args:
        x: [batch, time, features], any real dtype; at least one step.
        kernel: [features, 3 * units].
        recurrent_kernel: [units, 3 * units].
        bias: [3 * units]; None for none.
        recurrent_bias: [3 * units], added to the product with the recurrent kernel; None for none.
        initial_state: [batch, units]; None for zeros.
        mask: [batch, time] of booleans: steps that are false leave the state as it is; None for none.
        reset_after: Apply the reset gate after the product with the recurrent kernel, not before.
        go_backwards: Begin at the end; the results are in the order of the work.

    Returns:
        Every h, [batch, time, units]; and the last one, [batch, units].

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> x, kernel, recurrent = penstock.ones((2, 5, 3)), penstock.ones((3, 12)), penstock.ones((4, 12))
        >>> sequence, h = penstock.nn.gru(x, kernel, recurrent)
        >>> sequence.shape, h.shape
        ((2, 5, 4), (2, 4))

    Source:
        Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder", https://arxiv.org/abs/1406.1078.
    """
    gates, mask = _gates("gru", x, kernel, bias, mask, go_backwards)
    h = _zeros(gates, recurrent_kernel) if initial_state is None else initial_state
    if recurrent_bias is None:
        recurrent_bias = ops.zeros((gates.shape[-1],), gates.dtype)
    every = ops.gru_(gates, h, recurrent_kernel, recurrent_bias, mask, reset_after)
    return every, every[:, -1]


def simple_rnn(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    initial_state: TensorLike | None = None,
    mask: TensorLike | None = None,
    *,
    activation: str = "tanh",
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run h = activation(x · kernel + bias + h · recurrent_kernel) over sequences.

    Args:
        x: [batch, time, features], any real dtype; at least one step.
        kernel: [features, units].
        recurrent_kernel: [units, units].
        bias: [units]; None for none.
        initial_state: [batch, units]; None for zeros.
        mask: [batch, time] of booleans: steps that are false leave the state as it is; None for none.
        activation: "tanh" or "relu".
        go_backwards: Begin at the end; the results are in the order of the work.

    Returns:
        Every h, [batch, time, units]; and the last one, [batch, units].

    Raises:
        ValueError: The shapes do not fit together, or the activation is another.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0], (1, 2, 1))
        >>> penstock.nn.simple_rnn(x, [[1.0]], [[10.0]], activation="relu")[1]
        Tensor([[12.]], shape=(1, 1), dtype=float32)
    """
    gates, mask = _gates("simple_rnn", x, kernel, bias, mask, go_backwards)
    h = _zeros(gates, recurrent_kernel) if initial_state is None else initial_state
    every = ops.simple_rnn_(gates, h, recurrent_kernel, mask, activation)
    return every, every[:, -1]


def bidirectional(
    rnn: Callable[..., tuple[Tensor, Any]],
    x: TensorLike,
    forward: Sequence[Any],
    backward: Sequence[Any],
    mask: TensorLike | None = None,
    *,
    merge_mode: str = "concat",
) -> tuple[Tensor, tuple[Any, Any]]:
    """Run a recurrent network in both directions and merge what each step gives.

    Args:
        rnn: `lstm`, `gru` or `simple_rnn`, or a function like them.
        x: [batch, time, features], any real dtype.
        forward: The weights of the forward direction: what `rnn` takes after x.
        backward: The weights of the other direction.
        mask: [batch, time] of booleans, as `rnn` takes it; None for none.
        merge_mode: "concat", "sum", "mul" or "ave".

    Returns:
        The merged sequence, [batch, time, units] or with "concat" [batch, time, 2 * units]; and the states in which
        both directions ended.

    Raises:
        ValueError: The shapes do not fit together, or the merge mode is another.

    Example:
        >>> weights = penstock.ones((3, 4)), penstock.ones((4, 4))
        >>> x = penstock.ones((2, 5, 3))
        >>> penstock.nn.bidirectional(penstock.nn.simple_rnn, x, weights, weights)[0].shape
        (2, 5, 8)
    """
    merges: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "concat": lambda a, b: ops.concat([a, b], -1),
        "sum": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "ave": lambda a, b: (a + b) / 2.0,
    }
    merge = merges.get(merge_mode)
    if merge is None:
        raise InvalidValueError(
            f"[bidirectional] got merge_mode={merge_mode!r}; use 'concat', 'sum', 'mul' or 'ave'"
        )
    ahead, last = rnn(x, *forward, mask=mask)
    back, first = rnn(x, *backward, mask=mask, go_backwards=True)
    return merge(ahead, ops.flip(back, 1)), (last, first)


def _gates(
    op: str,
    x: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None,
    mask: TensorLike | None,
    go_backwards: bool,
) -> tuple[Tensor, Tensor]:
    """The inputs times their kernel, and the mask, both in the order of the work."""
    x, kernel = asarray(x), asarray(kernel)
    if x.ndim != 3 or kernel.ndim != 2:
        raise ShapeError(
            f"[{op}] got x of shape {x.shape} and kernel of shape {kernel.shape}; expected [batch, time, features] and "
            "[features, gates * units]; reshape them"
        )
    rows = ops.matmul(ops.flatten(x, 0, 1), kernel)
    rows = rows if bias is None else ops.add(rows, bias)
    gates = ops.reshape(rows, (*x.shape[:2], kernel.shape[1]))
    steps = asarray([[True]]) if mask is None else asarray(mask)
    if not go_backwards:
        return gates, steps
    return ops.flip(gates, 1), steps if mask is None else ops.flip(steps, -1)


def _zeros(gates: Tensor, recurrent_kernel: TensorLike) -> Tensor:
    return ops.zeros((gates.shape[0], asarray(recurrent_kernel).shape[0]), gates.dtype)
