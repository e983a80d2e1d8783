"""Recurrent networks: ONNX's own ops where they say the same, else a Scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock_formats.onnx.writing._table import composes, exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter

# Which of Penstock's gates stand where ONNX wants them: i f g o as i o f c, and z r h as they are.
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "simple_rnn": (0,)}


def has_own_op(node: Node, used: set[int]) -> bool:
    """Whether ONNX's LSTM, GRU or RNN gives all that is used: every h, of every step.

    Args:
        node: The call.
        used: The values that anybody uses.
    """
    if node.op not in _ORDER:
        return False
    mask, out = node.inputs[-1], node.outputs
    if out[0].dtype.name not in ("float32", "float16"):
        return False
    if mask.node.op != "constant" or not np.all(mask.node.attrs["value"].numpy()):
        return False
    known = isinstance(node.inputs[1].shape[1], int) and all(
        isinstance(d, int) for d in out[0].shape[1:]
    )
    empty = any(isinstance(d, int) and d == 0 for d in out[0].shape)
    return known and not empty and not any(t.value_index in used for t in out[1:])


# ---- ONNX's own


@exports("lstm", "gru", "simple_rnn")
def _(w: GraphWriter, node: Node) -> Value:
    gates, first = node.inputs[:2]
    recurrent = node.inputs[3] if node.op == "lstm" else node.inputs[2]
    order = _Order(w, _ORDER[node.op], int(first.shape[1]))
    x, kernel, bias = _product(w, gates, order)
    inner = order.vector(node.inputs[3]) if node.op == "gru" else None
    options: dict[str, Any] = {"hidden_size": order.units}
    states: list[Value | None] = [None, w.value(first).unsqueeze(0)]
    if node.op == "lstm":
        states.append(w.value(node.inputs[2]).unsqueeze(0))
    if node.op == "gru":
        options["linear_before_reset"] = int(node.attrs["reset_after"])
    if node.op == "simple_rnn":
        options["activations"] = ["Tanh" if node.attrs["activation"] == "tanh" else "Relu"]
    op_type = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}[node.op]
    dtype = node.outputs[0].dtype.name
    biases = order.both(bias, inner, dtype)
    inputs = [x.transpose((1, 0, 2)), kernel, order.matrix(recurrent), biases, *states]
    every, *_ = w.emitter.op(op_type, *inputs, dtype=[dtype], **options)
    made: Value = every
    return made.squeeze(1).transpose((1, 0, 2))  # [time, 1, batch, units]


class _Order:
    """Puts weights into the order of ONNX's gates, with a direction in front.

    Args:
        w: The writer.
        gates: Which of Penstock's gates stand where.
        units: The size of each.
    """

    def __init__(self, w: GraphWriter, gates: tuple[int, ...], units: int) -> None:
        self.w = w
        self.units = units
        self.places = [gate * units + i for gate in gates for i in range(units)]

    def matrix(self, t: Tensor) -> Value:
        """[rows, gates * units] -> [1, gates * units, rows]."""
        known = self.w.derived(t, "gates", lambda array: array.T[self.places][None])
        return known or self._sorted(self.w.permuted(t, (1, 0)))

    def vector(self, t: Tensor) -> Value:
        """[gates * units] -> [1, gates * units]."""
        known = self.w.derived(t, "gates", lambda array: array[self.places][None])
        return known or self._sorted(self.w.value(t))

    def both(self, outer: Value | None, inner: Value | None, dtype: str) -> Value | None:
        """Join the biases of the inputs and of the states; none is zeros."""
        if outer is None and inner is None:
            return None
        zeros = self.w.emitter.constant(np.zeros((1, len(self.places))), dtype)
        return (outer or zeros).op("Concat", inner or zeros, axis=1)

    def _sorted(self, x: Value) -> Value:
        return x.take(self.places, 0).unsqueeze(0)


def _product(w: GraphWriter, gates: Tensor, order: _Order) -> tuple[Value, Value, Value | None]:
    """Find the inputs, the kernel and the bias whose product the gates are; else the gates times one."""
    found = _layers(gates)
    if found is None:
        one = np.eye(int(gates.shape[2]))[order.places][None]
        return w.value(gates), w.emitter.constant(one, gates.dtype.name), None
    x, kernel, bias = found
    return w.value(x), order.matrix(kernel), None if bias is None else order.vector(bias)


def _layers(gates: Tensor) -> tuple[Tensor, Tensor, Tensor | None] | None:
    """Look for reshape(matmul(reshape(x), kernel) + bias), as `penstock.nn.lstm` makes it."""
    if gates.node.op != "reshape":
        return None
    rows, bias = gates.node.inputs[0], None
    if rows.node.op == "add" and rows.node.inputs[1].ndim == 1:
        rows, bias = rows.node.inputs
    if rows.node.op != "matmul" or any(rows.node.attrs.values()):
        return None
    flat, kernel = rows.node.inputs
    if flat.node.op != "reshape" or kernel.ndim != 2:
        return None
    x = flat.node.inputs[0]
    alike = x.ndim == 3 and list(map(str, x.shape[:2])) == list(map(str, gates.shape[:2]))
    return (x, kernel, bias) if alike else None


# ---- step by step


@composes("lstm")
def _(gates: Tensor, h: Tensor, c: Tensor, kernel: Tensor, mask: Tensor) -> Any:
    def step(state: Any, row: Any) -> Any:
        h, c = state
        z, keep = row
        i, f, g, o = ps.split(z + h @ kernel, 4, -1)
        i, f, g, o = ps.sigmoid(i), ps.sigmoid(f), ps.tanh(g), ps.sigmoid(o)
        new_c = f * c + i * g
        h = ps.where(keep, o * ps.tanh(new_c), h)
        c = ps.where(keep, new_c, c)
        return (h, c), (h, c, ps.concat([i, f, g, o], -1))

    _, rows = ps.scan(step, (h, c), _by_steps(gates, mask))
    return tuple(ps.transpose(t, (1, 0, 2)) for t in rows)


@composes("gru")
def _(
    gates: Tensor, h: Tensor, kernel: Tensor, bias: Tensor, mask: Tensor, reset_after: bool
) -> Any:
    units = int(h.shape[1])

    def step(h: Any, row: Any) -> Any:
        x, keep = row
        x_z, x_r, x_h = ps.split(x, 3, -1)
        u_z, u_r, u_h = ps.split(h @ kernel + bias, 3, -1)
        z, r = ps.sigmoid(x_z + u_z), ps.sigmoid(x_r + u_r)
        inner = u_h if reset_after else r * h
        if reset_after:
            n = ps.tanh(x_h + r * u_h)
        else:
            n = ps.tanh(x_h + inner @ kernel[:, 2 * units :] + bias[2 * units :])
        h = ps.where(keep, z * h + (1 - z) * n, h)
        return h, (h, ps.concat([z, r, n, inner], -1))

    _, rows = ps.scan(step, h, _by_steps(gates, mask))
    return tuple(ps.transpose(t, (1, 0, 2)) for t in rows)


@composes("simple_rnn")
def _(gates: Tensor, h: Tensor, kernel: Tensor, mask: Tensor, activation: str) -> Any:
    curve = ps.tanh if activation == "tanh" else ps.nn.relu

    def step(h: Any, row: Any) -> Any:
        x, keep = row
        h = ps.where(keep, curve(x + h @ kernel), h)
        return h, h

    _, rows = ps.scan(step, h, _by_steps(gates, mask))
    return ps.transpose(rows, (1, 0, 2))


def _by_steps(gates: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Time first, and the mask as a column for each step."""
    batch, time = gates.shape[:2]
    keep = ps.broadcast_to(mask, (batch, time))
    columns = ps.expand_dims(ps.transpose(keep, (1, 0)), -1)
    return ps.transpose(gates, (1, 0, 2)), columns
