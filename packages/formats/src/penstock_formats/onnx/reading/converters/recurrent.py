"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

Activation = Callable[[Tensor], Tensor]


class _Layer:
    """What the three layers have in common: directions, orders of axes, lengths, activations.

    Args:
        call: The node.
        x: [time, batch, features], or [batch, time, features] with layout=1.
        lengths: [batch], or None.
        gates: How many parts the weights have.
        defaults: The activations of one direction.
    """

    def __init__(
        self, call: Call, x: Value, lengths: Value | None, gates: int, defaults: Sequence[str]
    ) -> None:
        self.call = call
        self.units: int = call.need("hidden_size")
        self.gates = gates
        self.batch_first = bool(call.attr("layout", 0))
        self.x = x.tensor if self.batch_first else ps.transpose(x.tensor, (1, 0, 2))
        self.lengths = None if lengths is None else lengths.tensor
        way = call.attr("direction", "forward")
        self.backwards = {
            "forward": [False],
            "reverse": [True],
            "bidirectional": [False, True],
        }.get(way)
        if self.backwards is None:
            raise call.unsupported(f"the direction {way!r}")
        self.defaults = list(defaults)
        names = call.attr("activations") or self.defaults * len(self.backwards)
        self.names = [str(n) for n in names][: len(self.defaults) * len(self.backwards)]
        self.clip = call.attr("clip")
        if len(self.names) != len(self.defaults) * len(self.backwards):
            raise call.wrong(
                f"has the activations {self.names}",
                f"it takes {len(self.defaults)} for each direction",
            )

    def is_plain(self) -> bool:
        """Whether the layer is one of ours: no clipping, the usual activations."""
        usual = [n.lower() for n in self.defaults] * len(self.backwards or ())
        return not self.clip and [n.lower() for n in self.names] == usual

    def activations(self, direction: int) -> list[Activation]:
        """Return the functions of a direction."""
        count = len(self.defaults)
        alphas, betas = (list(self.call.attr(f"activation_{k}") or []) for k in ("alpha", "beta"))
        made = []
        for i, name in enumerate(self.names):
            takes = _TAKES.get(name.lower(), 0)
            a = alphas.pop(0) if takes >= 1 and alphas else None
            b = betas.pop(0) if takes >= 2 and betas else None
            if i // count == direction:
                made.append(_activation(self.call, name, a, b))
        return made

    def sequence(self, direction: int) -> Tensor:
        """Return x in the order in which a direction reads it."""
        return self._turned(self.x) if self.backwards and self.backwards[direction] else self.x

    def _turned(self, t: Tensor) -> Tensor:
        if self.lengths is None:
            return ps.flip(t, axis=1)
        return ps.reverse_sequence(t, self.lengths, 1, 0)

    def mask(self) -> Tensor | None:
        """Return [batch, time]: which steps belong to an example."""
        if self.lengths is None:
            return None
        steps = ps.cumsum(ps.ones((1, self.x.shape[1]), "int64"), 1) - 1
        return steps < ps.reshape(ps.cast(self.lengths, "int64"), (-1, 1))

    def outputs(self, rows: list[Tensor], finals: list[list[Tensor]]) -> list[Tensor]:
        """Arrange the results, [batch, time, units] for each direction, as the operator returns them."""
        mask = self.mask()
        made = []
        for direction, t in enumerate(rows):
            if mask is not None:
                t = ps.where(ps.expand_dims(mask, axis=2), t, ps.zeros_like(t))
            made.append(self._turned(t) if self.backwards and self.backwards[direction] else t)
        if self.batch_first:
            return [
                ps.stack(made, 2),
                *(ps.stack(column, 1) for column in zip(*finals, strict=True)),
            ]
        joined = ps.transpose(ps.stack(made, 0), (2, 0, 1, 3))
        return [joined, *(ps.stack(column, 0) for column in zip(*finals, strict=True))]

    def state(self, value: Value | None, direction: int) -> Tensor:
        """Return where a direction begins, [batch, units]."""
        if value is None:
            return ps.zeros((self.x.shape[0], self.units), self.x.dtype)
        return value.tensor[:, direction] if self.batch_first else value.tensor[direction]

    def biases(self, b: Value | None, direction: int) -> tuple[Tensor, Tensor]:
        """Return the biases of the input's and the state's products."""
        size = self.gates * self.units
        if b is None:
            return (ps.zeros((size,), self.x.dtype),) * 2
        both = b.tensor[direction]
        return both[:size], both[size:]

    def steps(
        self, direction: int, step: Callable[..., Any], start: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Run a step for each moment: it gets a row of x and the state, and returns the next state."""
        mask = self.mask()
        rows = [ps.transpose(self.sequence(direction), (1, 0, 2))]
        rows += [] if mask is None else [ps.transpose(mask, (1, 0))]

        def advance(state: Any, row: Any) -> Any:
            after = step(row[0], *state)
            if mask is not None:
                on = ps.expand_dims(row[1], axis=1)
                after = [ps.where(on, new, old) for new, old in zip(after, state, strict=True)]
            return list(after), after[0]

        final, made = ps.scan(advance, start, rows)
        return ps.transpose(made, (1, 0, 2)), list(final)

    def limited(self, t: Tensor) -> Tensor:
        """Clip what goes into an activation, if that is asked for."""
        return ps.clip(t, -self.clip, self.clip) if self.clip else t


# The names of activations, and how many numbers each takes: alpha, then beta.
_TAKES = {
    "affine": 2,
    "leakyrelu": 1,
    "thresholdedrelu": 1,
    "scaledtanh": 2,
    "hardsigmoid": 2,
    "elu": 1,
}


def _activation(call: Call, name: str, alpha: float | None, beta: float | None) -> Activation:
    a = {"leakyrelu": 0.01, "hardsigmoid": 0.2}.get(name.lower(), 1.0) if alpha is None else alpha
    b = {"hardsigmoid": 0.5, "scaledtanh": 1.0}.get(name.lower(), 0.0) if beta is None else beta
    known: dict[str, Activation] = {
        "relu": ps.relu,
        "tanh": ps.tanh,
        "sigmoid": ps.sigmoid,
        "softsign": ps.softsign,
        "softplus": ps.softplus,
        "affine": lambda x: x * a + b,
        "leakyrelu": lambda x: ps.leaky_relu(x, a),
        "thresholdedrelu": lambda x: ps.where(x >= a, x, ps.zeros_like(x)),
        "scaledtanh": lambda x: ps.tanh(x * b) * a,
        "hardsigmoid": lambda x: ps.clip(x * a + b, 0.0, 1.0),
        "elu": lambda x: ps.elu(x, a),
    }
    if name.lower() not in known:
        raise call.unsupported(f"the activation {name!r}")
    return known[name.lower()]


def _reordered(t: Tensor, units: int, order: Sequence[int]) -> Tensor:
    return ps.concat([t[i * units : (i + 1) * units] for i in order], 0)


@converts("LSTM")
def _lstm(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
    c: Value | None = None,
    peepholes: Value | None = None,
) -> list[Tensor]:
    layer = _Layer(call, x, lengths, 4, ["Sigmoid", "Tanh", "Tanh"])
    rows, finals = [], []
    plain = layer.is_plain() and peepholes is None and not call.attr("input_forget", 0)
    for d in range(len(layer.backwards or ())):
        start = [layer.state(h, d), layer.state(c, d)]
        bias = sum(layer.biases(b, d)[1:], layer.biases(b, d)[0])
        if plain:
            order = (0, 2, 3, 1)  # the file has input, output, forget, cell
            kernel, recurrent = (
                ps.transpose(_reordered(t.tensor[d], layer.units, order)) for t in (w, r)
            )
            biases = _reordered(bias, layer.units, order)
            made, (last_h, last_c) = ps.nn.lstm(
                layer.sequence(d), kernel, recurrent, biases, start, layer.mask()
            )
            final = [last_h, last_c]
        else:
            looks = None if peepholes is None else peepholes.tensor[d]
            step = _lstm_step(layer, w.tensor[d], r.tensor[d], bias, looks, d)
            made, final = layer.steps(d, step, start)
        rows.append(made)
        finals.append(final)
    return layer.outputs(rows, finals)


def _lstm_step(
    layer: _Layer, w: Tensor, r: Tensor, bias: Tensor, peepholes: Tensor | None, d: int
) -> Any:
    f, g, act = layer.activations(d)
    n, joined = layer.units, bool(layer.call.attr("input_forget", 0))
    looks = [0.0] * 3 if peepholes is None else [peepholes[i * n : (i + 1) * n] for i in range(3)]

    def step(x: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
        z = ps.matmul(x, w, transpose_y=True) + ps.matmul(h, r, transpose_y=True) + bias
        i, o, forget, cell = (z[:, k * n : (k + 1) * n] for k in range(4))
        i = f(layer.limited(i + looks[0] * c))
        forget = 1 - i if joined else f(layer.limited(forget + looks[2] * c))
        c = forget * c + i * g(layer.limited(cell))
        return [f(layer.limited(o + looks[1] * c)) * act(c), c]

    return step


@converts("GRU")
def _gru(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
) -> list[Tensor]:
    layer = _Layer(call, x, lengths, 3, ["Sigmoid", "Tanh"])
    after = bool(call.attr("linear_before_reset", 0))
    rows, finals = [], []
    for d in range(len(layer.backwards or ())):
        start, (wb, rb) = layer.state(h, d), layer.biases(b, d)
        if layer.is_plain():
            kernel, recurrent = (ps.transpose(t.tensor[d]) for t in (w, r))
            first, second = (wb, rb) if after else (wb + rb, None)
            made, last = ps.nn.gru(
                layer.sequence(d),
                kernel,
                recurrent,
                first,
                second,
                start,
                layer.mask(),
                reset_after=after,
            )
            final = [last]
        else:
            made, final = layer.steps(
                d, _gru_step(layer, w.tensor[d], r.tensor[d], wb, rb, d), [start]
            )
        rows.append(made)
        finals.append(final)
    return layer.outputs(rows, finals)


def _gru_step(layer: _Layer, w: Tensor, r: Tensor, wb: Tensor, rb: Tensor, d: int) -> Any:
    f, g = layer.activations(d)
    n, after = layer.units, bool(layer.call.attr("linear_before_reset", 0))

    def step(x: Tensor, h: Tensor) -> list[Tensor]:
        xs = ps.matmul(x, w, transpose_y=True) + wb
        gates = xs[:, : 2 * n] + ps.matmul(h, r[: 2 * n], transpose_y=True) + rb[: 2 * n]
        z, reset = (f(layer.limited(t)) for t in (gates[:, :n], gates[:, n:]))
        if after:
            inner = reset * (ps.matmul(h, r[2 * n :], transpose_y=True) + rb[2 * n :])
        else:
            inner = ps.matmul(reset * h, r[2 * n :], transpose_y=True) + rb[2 * n :]
        new = g(layer.limited(xs[:, 2 * n :] + inner))
        return [(1 - z) * new + z * h]

    return step


@converts("RNN")
def _rnn(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
) -> list[Tensor]:
    layer = _Layer(call, x, lengths, 1, ["Tanh"])
    rows, finals = [], []
    for d in range(len(layer.backwards or ())):
        start, (wb, rb) = layer.state(h, d), layer.biases(b, d)
        if layer.is_plain():
            kernel, recurrent = (ps.transpose(t.tensor[d]) for t in (w, r))
            made, last = ps.nn.simple_rnn(
                layer.sequence(d), kernel, recurrent, wb + rb, start, layer.mask()
            )
            final = [last]
        else:
            made, final = layer.steps(
                d, _rnn_step(layer, w.tensor[d], r.tensor[d], wb + rb, d), [start]
            )
        rows.append(made)
        finals.append(final)
    return layer.outputs(rows, finals)


def _rnn_step(layer: _Layer, w: Tensor, r: Tensor, bias: Tensor, d: int) -> Any:
    (f,) = layer.activations(d)

    def step(x: Tensor, h: Tensor) -> list[Tensor]:
        return [
            f(
                layer.limited(
                    ps.matmul(x, w, transpose_y=True) + ps.matmul(h, r, transpose_y=True) + bias
                )
            )
        ]

    return step
