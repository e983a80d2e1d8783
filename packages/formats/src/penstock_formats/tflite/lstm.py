"""LSTM layers: float ones, and those of int8 with a 16 bit state.

TensorFlow Lite's interpreter keeps the state from one run to the next. Here every call begins with an empty one, unless
the file was read with `states=True`: then it is an input and an output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.tflite import fixed_point as fixed
from penstock_formats.tflite.building import Call, activate, converts
from penstock_formats.tflite.fixed_curves import sigmoid_table, tanh_table
from penstock_formats.tflite.tables import look_up

_GATES = ("input", "forget", "cell", "output")
_WEIGHTS, _RECURRENT, _PEEPHOLES, _BIASES = 1, 5, 9, 12
_PROJECTION, _STATE, _CELL = 16, 18, 19
_NORMS = 20
_HIDDEN = 4  # among the intermediates


@converts("UNIDIRECTIONAL_SEQUENCE_LSTM", integers="own")
def lstm(c: Call) -> Any:
    """Build an LSTM over a sequence."""
    if any(c.has(i) for i in (*range(_PEEPHOLES, _BIASES), _PROJECTION, *range(_NORMS, 24))):
        raise c.fail("has peepholes, a projection or a normalisation")
    if not c.has(_WEIGHTS):
        raise c.fail("has no input gate")
    if c.rank(0) != 3:
        raise c.fail(f"has an input of shape {c.x(0).shape}")
    x = c.x(0) if c.options["time_major"] else ps.permute_dims(c.x(0), (1, 0, 2))
    y = _quantized(c, x) if c.quantized else _float(c, x)
    return y if c.options["time_major"] else ps.permute_dims(y, (1, 0, 2))


def _float(c: Call, x: Any) -> Any:
    if c.info(_WEIGHTS).dtype != "float32":
        raise c.fail(f"has float inputs and {c.info(_WEIGHTS).dtype} weights")
    weights = [c.weights(_WEIGHTS + i, axes=(1, 0)) for i in range(4)]
    recurrent = [c.weights(_RECURRENT + i, axes=(1, 0)) for i in range(4)]
    biases = [c.weights(_BIASES + i) for i in range(4)]
    cells, clip = c.x(_RECURRENT).shape[0], float(c.options["cell_clip"])
    empty = ps.zeros((x.shape[1], cells), "float32")

    def step(carried: Any, row: Any) -> Any:
        state, cell = carried
        gates = [
            ps.matmul(row, w) + ps.matmul(state, r) + b
            for w, r, b in zip(weights, recurrent, biases, strict=True)
        ]
        opened, kept, let_out = (ps.sigmoid(gates[i]) for i in (0, 1, 3))
        cell = kept * cell + opened * activate(gates[2], c.activation)
        cell = ps.clip(cell, -clip, clip) if clip > 0 else cell
        state = let_out * activate(cell, c.activation)
        return (state, cell), state

    return _scanned(c, step, (empty, empty), x)


def _scanned(c: Call, step: Any, empty: tuple[Any, Any], x: Any) -> Any:
    """Go through the rows, from the states that are inputs or else from empty ones."""
    given = [c.x(i) for i in (_STATE, _CELL)]
    begin = tuple(e if isinstance(g, np.ndarray) else g for g, e in zip(given, empty, strict=True))
    end, y = ps.scan(step, begin, x)
    c.states = dict(zip((_STATE, _CELL), end, strict=True))
    return y


@dataclass(frozen=True)
class _Product:
    """The matrices of four gates side by side, what is added to their products, and multipliers that make Q3.12 of them."""

    matrix: Any
    bias: Any
    multiplier: Any
    shift: Any

    def __call__(self, x: Any) -> Any:
        total = ps.matmul(ps.cast(x, self.matrix.dtype.name), self.matrix)
        return fixed.graph_times(ps.cast(total, "int64") + self.bias, self.multiplier, self.shift)


def _product(c: Call, first: int, x: Any, biases: list[Any]) -> _Product:
    """Put the zero point of x into the biases, so that products need none."""
    x_scale, x_zero = x
    matrices, sums, multipliers = [], [], []
    for i in range(4):
        scale, zero = c.single(c.info(first + i))
        if zero:
            raise c.fail("has weights with a zero point")
        matrix = c.known(first + i).T.astype(np.int64)
        real = np.float32(np.float32(scale * x_scale) / np.float32(2.0**-12))
        matrices.append(matrix)
        sums.append(biases[i] - int(x_zero) * matrix.sum(0))
        multipliers.append(np.tile(fixed.split(float(real)), (matrix.shape[1], 1)))
    joined, parts = np.concatenate(matrices, 1), np.concatenate(multipliers)
    # Sums of bytes are exact in float32 up to 2^24.
    exact = np.float32 if joined.shape[0] <= 1024 else np.float64
    return _Product(joined.astype(exact), np.concatenate(sums), parts[:, 0], parts[:, 1])


def _saturated(x: Any) -> Any:
    return ps.clip(x, -(2**15), 2**15 - 1)


def _quantized(c: Call, x: Any) -> Any:
    """Build the integer kernel: int8 in and out, gates of Q3.12, a cell of 16 bits with a power of two as its scale."""
    if c.info(0).dtype != "int8" or c.activation != "tanh" or len(c.intermediates) <= _HIDDEN:
        raise c.fail(f"has {c.info(0).dtype} inputs and the activation {c.activation}")
    state_parameters, (cell_scale, _) = c.single(c.info(_STATE)), c.single(c.info(_CELL))
    exponent = round(math.log2(float(cell_scale)))
    if not -15 <= exponent <= -9 or 2.0**exponent != float(cell_scale):
        raise c.fail(f"has a cell whose scale is {cell_scale}")
    biases = [c.known(_BIASES + i).astype(np.int64) for i in range(4)]
    rows = _product(c, _WEIGHTS, c.single(c.info(0)), biases)
    states = _product(c, _RECURRENT, state_parameters, [np.int64(0)] * 4)
    hidden_scale, hidden_zero = c.single(c.intermediates[_HIDDEN])
    out = fixed.split(2.0**-15 / float(hidden_scale) * 2.0**-15)
    limit = _cell_limit(c, cell_scale)
    batch, cells = x.shape[1], c.x(_RECURRENT).shape[1]

    def step(carried: Any, row: Any) -> Any:
        state, cell = carried
        whole = ps.cast(_saturated(row + states(state)), "int16")
        gates = ps.split(whole, 4, axis=1)
        opened, kept, let_out = (
            ps.cast(look_up(sigmoid_table(), gates[i], "int16"), "int64") for i in (0, 1, 3)
        )
        new = ps.cast(look_up(tanh_table(3), gates[2], "int16"), "int64")
        old = _shifted(kept * ps.cast(cell, "int64"), 15)
        total = ps.clip(old + _shifted(opened * new, 30 + exponent), -limit - 1, limit)
        cell = ps.cast(ps.clip(total, -limit, limit) if limit < 2**15 - 1 else total, "int16")
        curve = ps.cast(look_up(tanh_table(15 + exponent), cell, "int16"), "int64")
        steps = fixed.graph_times(let_out * curve, *out)
        state = fixed.graph_limited(steps, int(hidden_zero), "int8")
        return (state, cell), state

    empty = (
        ps.full((batch, cells), int(state_parameters[1]), "int8"),
        ps.full((batch, cells), 0, "int16"),
    )
    return _scanned(c, step, empty, _saturated(rows(x)))


def _cell_limit(c: Call, scale: Any) -> int:
    clip = float(c.options["cell_clip"])
    return min(2**15 - 1, int(clip / float(scale))) if clip > 0 else 2**15 - 1


def _shifted(x: Any, count: int) -> Any:
    return fixed.graph_shifted_down(x, count)
