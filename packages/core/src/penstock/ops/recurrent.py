"""Recurrent networks over whole sequences, one op each: what `lstm`, `gru` and `simple_rnn` are made of.

The product with the inputs' kernel comes from outside, for all steps at once; here is what goes from step to step. A
step that the mask leaves out keeps the state, and its result is the state.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_ONCE = (
    "a recurrent network is differentiated once; build it with penstock.scan to differentiate again"
)


def _sigmoid(x: Any) -> Any:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _keep(mask: Any, batch: int, time: int) -> Any:
    return np.broadcast_to(mask, (batch, time))[..., None]


def _before(first: Any, every: Any) -> Any:
    """The state that each step found: [batch, time, units]."""
    return np.concatenate([first[:, None], every[:, :-1]], 1) if every.shape[1] else every


def before(first: Tensor, every: Tensor) -> Tensor:
    """Return the state that each step found, as rows: [batch * time, units]."""
    found = ops.concat([ops.expand_dims(first, 1), every], 1)[:, :-1]
    return ops.flatten(found, 0, 1)


def _weights(found: Tensor, gradient: Tensor) -> Tensor:
    return ops.matmul(found, ops.flatten(gradient, 0, 1), transpose_x=True)


def _drawn(
    rng: np.random.Generator, gates: int, dtype: str, batch: int = 2, time: int = 3, units: int = 2
) -> tuple[Any, Any, Any]:
    """Gates, a state, and a recurrent kernel that is small enough for errors not to grow from step to step."""
    most = units**-0.5
    return (
        array(rng, (batch, time, gates * units), dtype, -1, 1),
        array(rng, (batch, units), dtype, -1, 1),
        array(rng, (units, gates * units), dtype, -most, most),
    )


def _masks(rng: np.random.Generator) -> Iterator[tuple[str, str, tuple[int, int, int], Any]]:
    """Labels, dtypes, sizes and masks of samples."""
    every = np.ones((1, 1), bool)
    for dtype in FLOATS:
        yield dtype, dtype, (2, 3, 2), every
    some = np.array([[True, False, True], [False, True, True]])
    yield "mask", "float64", (2, 3, 2), some
    yield "mask for all", "float64", (2, 3, 2), some[:1]
    yield "no steps", "float64", (2, 0, 3), every
    yield "no sequences", "float64", (0, 3, 2), every
    yield "large", "float32", (5, 9, 37), np.asarray(rng.random((5, 9)) < 0.7)


# ---- LSTM


@op(infer="lstm", name="lstm", outputs=3, public=2)
def lstm_(
    gates: TensorLike,
    initial_h: TensorLike,
    initial_c: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike,
) -> tuple[Tensor, Tensor]:
    """Run a long short-term memory over sequences.

    With z = gates[t] + h · recurrent_kernel, in the order i, f, g, o: c = σ(f) · c + σ(i) · tanh(g), h = σ(o) · tanh(c).

    Args:
        gates: [batch, time, 4 * units], a real dtype: the inputs times their kernel, plus the bias.
        initial_h: [batch, units].
        initial_c: [batch, units].
        recurrent_kernel: [units, 4 * units].
        mask: [batch, time] of booleans, either size possibly 1: false leaves the state as it is.

    Returns:
        [batch, time, units] twice, every h and every c, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> zero, kernel = penstock.zeros((1, 2)), penstock.zeros((2, 8))
        >>> h, c = penstock.ops.lstm_(penstock.zeros((1, 3, 8)), zero, zero, kernel, [[True]])
        >>> h.shape, c.shape
        ((1, 3, 2), (1, 3, 2))

    Source:
        Hochreiter and Schmidhuber, 1997, "Long short-term memory".
    """


lstm_.batch(_batch.sequences)


@lstm_.reference
def _(gates: Any, h: Any, c: Any, kernel: Any, mask: Any) -> Any:
    gates, h, c, kernel = map(wider, (gates, h, c, kernel))
    batch, time, _ = gates.shape
    keep = _keep(mask, batch, time)
    every_h = np.empty((batch, time, h.shape[1]), h.dtype)
    every_c, kept = np.empty_like(every_h), np.empty_like(gates)
    for t in range(time):
        i, f, g, o = np.split(gates[:, t] + h @ kernel, 4, -1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        new_c = f * c + i * g
        h = np.where(keep[:, t], o * np.tanh(new_c), h)
        c = np.where(keep[:, t], new_c, c)
        every_h[:, t], every_c[:, t] = h, c
        kept[:, t] = np.concatenate([i, f, g, o], -1)
    return every_h, every_c, kept


@lstm_.vjp
def _(node: Node, dh: Tensor | None, dc: Tensor | None, _dkept: Tensor | None) -> Gradients:
    _, first_h, first_c, kernel, mask = node.inputs
    every_h, every_c, kept = node.outputs
    dh, dc = (ops.zeros_like(every_h) if d is None else d for d in (dh, dc))
    dgates, dfirst_h, dfirst_c = ops.lstm_grad(kept, every_c, first_c, kernel, mask, dh, dc)
    dkernel = _weights(before(first_h, every_h), dgates) if node.needs(3) else None
    return dgates, dfirst_h, dfirst_c, dkernel, None


@lstm_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        gates, h, kernel = _drawn(rng, 4, dtype, *sizes)
        yield Sample((gates, h, array(rng, h.shape, dtype), kernel, mask), label=label)


@lstm_.rejects
def _() -> Iterator[Reject]:
    gates, state, kernel, mask = np.ones((2, 3, 8)), np.ones((2, 2)), np.ones((2, 8)), [[True]]
    yield Reject((gates[0], state, state, kernel, mask), match=r"\[batch, time, gates \* units\]")
    yield Reject((gates, state[:1], state, kernel, mask), match="one state for each sequence")
    yield Reject((gates, state, state, kernel[:, :6], mask), match="units rows of all gates")
    yield Reject((gates, state, state, kernel, [[1]]), error=TypeError, match="mask != 0")
    yield Reject((gates, state, state, kernel, [[True, False]]), match=r"\[batch, time\]")


@op(infer="lstm_grad", outputs=3)
def lstm_grad(
    kept: TensorLike,
    every_c: TensorLike,
    initial_c: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike,
    dh: TensorLike,
    dc: TensorLike,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradient of lstm, back through time.

    Args:
        kept: [batch, time, 4 * units], the activated gates, which lstm keeps.
        every_c: [batch, time, units], what lstm returned.
        initial_c: [batch, units].
        recurrent_kernel: [units, 4 * units].
        mask: As given to lstm.
        dh: [batch, time, units], the gradient of every h.
        dc: [batch, time, units], the gradient of every c.

    Returns:
        The gradients of gates, initial_h and initial_c.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> one, kernel = penstock.ones((1, 1, 1)), penstock.zeros((1, 4))
        >>> _, dh, _ = penstock.ops.lstm_grad(penstock.ones((1, 1, 4)), one, [[0.0]], kernel, [[True]], one, one)
        >>> dh
        Tensor([[0.]], shape=(1, 1), dtype=float32)
    """


lstm_grad.batch(_batch.sequences)


lstm_grad.not_differentiable(_ONCE, refuse=True)


@lstm_grad.reference
def _(kept: Any, every_c: Any, c: Any, kernel: Any, mask: Any, dh: Any, dc: Any) -> Any:
    kept, every_c, c, kernel, dh, dc = map(wider, (kept, every_c, c, kernel, dh, dc))
    batch, time, _ = kept.shape
    keep, found = _keep(mask, batch, time), _before(c, every_c)
    dgates = np.empty_like(kept)
    dh_next, dc_next = np.zeros(c.shape, c.dtype), np.zeros(c.shape, c.dtype)
    for t in reversed(range(time)):
        dh_t, dc_t = dh_next + dh[:, t], dc_next + dc[:, t]
        i, f, g, o = np.split(kept[:, t], 4, -1)
        curve = np.tanh(f * found[:, t] + i * g)
        d = dc_t + dh_t * o * (1 - curve * curve)
        parts = (
            d * g * i * (1 - i),
            d * found[:, t] * f * (1 - f),
            d * i * (1 - g * g),
            dh_t * curve * o * (1 - o),
        )
        dz = np.where(keep[:, t], np.concatenate(parts, -1), 0)
        dh_next = np.where(keep[:, t], dz @ kernel.T, dh_t)
        dc_next = np.where(keep[:, t], d * f, dc_t)
        dgates[:, t] = dz
    return dgates, dh_next, dc_next


@lstm_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        gates, h, kernel = _drawn(rng, 4, dtype, *sizes)
        _, c, kept = lstm_.reference_fn(gates, h, h, kernel, mask)  # type: ignore[misc]
        c, kept = c.astype(dtype), kept.astype(dtype)
        dh, dc = array(rng, c.shape, dtype), array(rng, c.shape, dtype)
        yield Sample((kept, c, h, kernel, mask, dh, dc), label=label)


@lstm_grad.rejects
def _() -> Iterator[Reject]:
    kept, steps, state, kernel = (
        np.ones((2, 3, 8)),
        np.ones((2, 3, 2)),
        np.ones((2, 2)),
        np.ones((2, 8)),
    )
    mask = [[True]]
    yield Reject(
        (kept, steps[1:], state, kernel, mask, steps, steps), match="what the forward op kept"
    )
    yield Reject(
        (kept, steps, state, kernel, mask, steps[1:], steps), match="the shape of the result"
    )


# ---- GRU


@op(infer="gru", name="gru", outputs=2, public=1)
def gru_(
    gates: TensorLike,
    initial_h: TensorLike,
    recurrent_kernel: TensorLike,
    recurrent_bias: TensorLike,
    mask: TensorLike,
    reset_after: bool = True,
) -> Tensor:
    """Run gated recurrent units over sequences.

    With u = h · recurrent_kernel + recurrent_bias, in the order z, r, h: z = σ(gates_z + u_z), r = σ(gates_r + u_r),
    n = tanh(gates_h + r · u_h), h = z · h + (1 - z) · n. Without reset_after, u_h is made of r · h in place of h and
    not multiplied by r.

    Args:
        gates: [batch, time, 3 * units], a real dtype: the inputs times their kernel, plus the bias.
        initial_h: [batch, units].
        recurrent_kernel: [units, 3 * units].
        recurrent_bias: [3 * units].
        mask: [batch, time] of booleans, either size possibly 1: false leaves the state as it is.
        reset_after: Apply the reset gate after the product with the kernel.

    Returns:
        [batch, time, units], every h, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> zero, kernel = penstock.ones((1, 2)), penstock.zeros((2, 6))
        >>> penstock.ops.gru_(penstock.zeros((1, 2, 6)), zero, kernel, penstock.zeros((6,)), [[True]])
        Tensor([[[0.5 , 0.5 ],
                 [0.25, 0.25]]], shape=(1, 2, 2), dtype=float32)

    Source:
        Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder", https://arxiv.org/abs/1406.1078.
    """


gru_.batch(_batch.sequences)


@gru_.reference
def _(gates: Any, h: Any, kernel: Any, bias: Any, mask: Any, reset_after: bool) -> Any:
    gates, h, kernel, bias = map(wider, (gates, h, kernel, bias))
    (batch, time, _), units = gates.shape, h.shape[1]
    keep = _keep(mask, batch, time)
    every, kept = (
        np.empty((batch, time, units), h.dtype),
        np.empty((batch, time, 4 * units), h.dtype),
    )
    for t in range(time):
        x_z, x_r, x_h = np.split(gates[:, t], 3, -1)
        u_z, u_r, u_h = np.split(h @ kernel + bias, 3, -1)
        z, r = _sigmoid(x_z + u_z), _sigmoid(x_r + u_r)
        if reset_after:
            n, inner = np.tanh(x_h + r * u_h), u_h
        else:
            inner = r * h
            n = np.tanh(x_h + inner @ kernel[:, 2 * units :] + bias[2 * units :])
        h = np.where(keep[:, t], z * h + (1 - z) * n, h)
        every[:, t], kept[:, t] = h, np.concatenate([z, r, n, inner], -1)
    return every, kept


@gru_.vjp
def _(node: Node, dh: Tensor | None, _dkept: Tensor | None) -> Gradients:
    _, first, kernel, _, mask = node.inputs
    every, kept = node.outputs
    dh = ops.zeros_like(every) if dh is None else dh
    after = node.attrs["reset_after"]
    dgates, dinner, dfirst = ops.gru_grad(kept, every, first, kernel, mask, dh, after)
    found, units = before(first, every), kernel.shape[0]
    if after:
        dkernel = _weights(found, dinner)
    else:
        inner = ops.flatten(kept[..., 3 * units :], 0, 1)
        parts = _weights(found, dinner[..., : 2 * units]), _weights(inner, dinner[..., 2 * units :])
        dkernel = ops.concat(parts, -1)
    return dgates, dfirst, dkernel, ops.sum(dinner, (0, 1)), None


@gru_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        gates, h, kernel = _drawn(rng, 3, dtype, *sizes)
        args = gates, h, kernel, array(rng, kernel.shape[1:], dtype), mask
        yield Sample(args, label=label)
        yield Sample(args, {"reset_after": False}, label=f"{label}, reset before")


@gru_.rejects
def _() -> Iterator[Reject]:
    gates, state, kernel, mask = np.ones((2, 3, 6)), np.ones((2, 2)), np.ones((2, 6)), [[True]]
    bias = np.ones(6)
    yield Reject((gates[..., :5], state, kernel, bias, mask), match="the units of all gates")
    yield Reject((gates, state, kernel, bias[:2], mask), match="one number for each unit")
    yield Reject((gates, state, kernel, bias, [[1.0]]), error=TypeError, match="mask != 0")


@op(infer="gru_grad", outputs=3)
def gru_grad(
    kept: TensorLike,
    every_h: TensorLike,
    initial_h: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike,
    dh: TensorLike,
    reset_after: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradient of gru, back through time.

    Args:
        kept: [batch, time, 4 * units], what gru keeps.
        every_h: [batch, time, units], what gru returned.
        initial_h: [batch, units].
        recurrent_kernel: [units, 3 * units].
        mask: As given to gru.
        dh: [batch, time, units], the gradient of every h.
        reset_after: As given to gru.

    Returns:
        The gradients of gates, of the products with the recurrent kernel, and of initial_h.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> one, kernel = penstock.ones((1, 1, 1)), penstock.zeros((1, 3))
        >>> _, _, dh = penstock.ops.gru_grad(penstock.ones((1, 1, 4)), one, [[0.0]], kernel, [[True]], one)
        >>> dh
        Tensor([[1.]], shape=(1, 1), dtype=float32)
    """


gru_grad.batch(_batch.sequences)


gru_grad.not_differentiable(_ONCE, refuse=True)


@gru_grad.reference
def _(kept: Any, every: Any, first: Any, kernel: Any, mask: Any, dh: Any, reset_after: bool) -> Any:
    kept, every, first, kernel, dh = map(wider, (kept, every, first, kernel, dh))
    (batch, time, _), units = kept.shape, first.shape[1]
    keep, found = _keep(mask, batch, time), _before(first, every)
    dgates = np.empty((batch, time, 3 * units), first.dtype)
    dinner, dh_next = np.empty_like(dgates), np.zeros(first.shape, first.dtype)
    for t in reversed(range(time)):
        d = dh_next + dh[:, t]
        z, r, n, inner = np.split(kept[:, t], 4, -1)
        dn = d * (1 - z) * (1 - n * n)
        dz = d * (found[:, t] - n) * z * (1 - z)
        if reset_after:
            dr = dn * inner * r * (1 - r)
            back = (du := np.concatenate([dz, dr, dn * r], -1)) @ kernel.T
        else:
            dq = dn @ kernel[:, 2 * units :].T
            dr = dq * found[:, t] * r * (1 - r)
            du = np.concatenate([dz, dr, dn], -1)
            back = dq * r + du[:, : 2 * units] @ kernel[:, : 2 * units].T
        dgates[:, t] = np.where(keep[:, t], np.concatenate([dz, dr, dn], -1), 0)
        dinner[:, t] = np.where(keep[:, t], du, 0)
        dh_next = np.where(keep[:, t], d * z + back, d)
    return dgates, dinner, dh_next


@gru_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        gates, h, kernel = _drawn(rng, 3, dtype, *sizes)
        for after in (True, False):
            bias = array(rng, kernel.shape[1:], dtype)
            every, kept = gru_.reference_fn(gates, h, kernel, bias, mask, after)  # type: ignore[misc]
            every, kept = every.astype(dtype), kept.astype(dtype)
            args = kept, every, h, kernel, mask, array(rng, every.shape, dtype)
            yield Sample(args, {"reset_after": after}, label=f"{label}, after: {after}")


@gru_grad.rejects
def _() -> Iterator[Reject]:
    kept, steps, state, kernel = (
        np.ones((2, 3, 8)),
        np.ones((2, 3, 2)),
        np.ones((2, 2)),
        np.ones((2, 6)),
    )
    mask = [[True]]
    yield Reject(
        (kept[..., :6], steps, state, kernel, mask, steps), match="what the forward op kept"
    )
    yield Reject((kept, steps, state, kernel, mask, steps[1:]), match="the shape of the result")


# ---- the simple one


@op(infer="simple_rnn", name="simple_rnn")
def simple_rnn_(
    gates: TensorLike,
    initial_h: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike,
    activation: str = "tanh",
) -> Tensor:
    """Run h = activation(gates[t] + h · recurrent_kernel) over sequences.

    Args:
        gates: [batch, time, units], a real dtype: the inputs times their kernel, plus the bias.
        initial_h: [batch, units].
        recurrent_kernel: [units, units].
        mask: [batch, time] of booleans, either size possibly 1: false leaves the state as it is.
        activation: "tanh" or "relu".

    Returns:
        [batch, time, units], every h, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or the activation is another.
        TypeError: The mask is not boolean, or a tensor is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0], (1, 2, 1))
        >>> penstock.ops.simple_rnn_(x, [[0.0]], [[10.0]], [[True]], "relu")[0, :, 0]
        Tensor([ 1., 12.], shape=(2,), dtype=float32)
    """


simple_rnn_.batch(_batch.sequences)


@simple_rnn_.reference
def _(gates: Any, h: Any, kernel: Any, mask: Any, activation: str) -> Any:
    gates, h, kernel = map(wider, (gates, h, kernel))
    batch, time, units = gates.shape
    keep, every = _keep(mask, batch, time), np.empty((batch, time, units), h.dtype)
    for t in range(time):
        z = gates[:, t] + h @ kernel
        h = np.where(keep[:, t], np.tanh(z) if activation == "tanh" else np.maximum(z, 0), h)
        every[:, t] = h
    return every


@simple_rnn_.vjp
def _(node: Node, dh: Tensor) -> Gradients:
    _, first, kernel, mask = node.inputs
    every = node.outputs[0]
    dgates, dfirst = ops.simple_rnn_grad(every, kernel, mask, dh, node.attrs["activation"])
    return dgates, dfirst, _weights(before(first, every), dgates), None


@simple_rnn_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        gates, h, kernel = _drawn(rng, 1, dtype, *sizes)
        yield Sample((gates, h, kernel, mask), label=label)
        yield Sample((gates, h, kernel * 0.1, mask), {"activation": "relu"}, label=f"{label}, relu")


@simple_rnn_.rejects
def _() -> Iterator[Reject]:
    gates, state, kernel, mask = np.ones((2, 3, 2)), np.ones((2, 2)), np.ones((2, 2)), [[True]]
    yield Reject((gates, state, kernel[:, :1], mask), match="units rows of all gates")
    yield Reject((gates, state, kernel, mask, "gelu"), match="use 'tanh' or 'relu'")


@op(infer="simple_rnn_grad", outputs=2)
def simple_rnn_grad(
    every_h: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike,
    dh: TensorLike,
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Take the gradient of simple_rnn, back through time.

    Args:
        every_h: [batch, time, units], what simple_rnn returned.
        recurrent_kernel: [units, units].
        mask: As given to simple_rnn.
        dh: [batch, time, units], the gradient of every h.
        activation: As given to simple_rnn.

    Returns:
        The gradients of gates and initial_h.

    Raises:
        ValueError: The shapes do not fit together, or the activation is another.

    Example:
        >>> one = penstock.ones((1, 1, 1))
        >>> penstock.ops.simple_rnn_grad(one, [[3.0]], [[True]], one, "relu")[1]
        Tensor([[3.]], shape=(1, 1), dtype=float32)
    """


simple_rnn_grad.batch(_batch.sequences)


simple_rnn_grad.not_differentiable(_ONCE, refuse=True)


@simple_rnn_grad.reference
def _(every: Any, kernel: Any, mask: Any, dh: Any, activation: str) -> Any:
    every, kernel, dh = map(wider, (every, kernel, dh))
    batch, time, units = every.shape
    keep, dgates = _keep(mask, batch, time), np.empty_like(every)
    dh_next = np.zeros((batch, units), every.dtype)
    for t in reversed(range(time)):
        d, h = dh_next + dh[:, t], every[:, t]
        slope = 1 - h * h if activation == "tanh" else (h > 0).astype(h.dtype)
        dgates[:, t] = np.where(keep[:, t], d * slope, 0)
        dh_next = np.where(keep[:, t], dgates[:, t] @ kernel.T, d)
    return dgates, dh_next


@simple_rnn_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, dtype, sizes, mask in _masks(rng):
        every, _, kernel = _drawn(rng, 1, dtype, *sizes)
        for activation in ("tanh", "relu"):
            args = every, kernel, mask, array(rng, every.shape, dtype)
            yield Sample(args, {"activation": activation}, label=f"{label}, {activation}")


@simple_rnn_grad.rejects
def _() -> Iterator[Reject]:
    steps, kernel, mask = np.ones((2, 3, 2)), np.ones((2, 2)), [[True]]
    yield Reject((steps, kernel, mask, steps[1:]), match="the shape of the result")
    yield Reject((steps, kernel, mask, steps, "gelu"), match="use 'tanh' or 'relu'")
