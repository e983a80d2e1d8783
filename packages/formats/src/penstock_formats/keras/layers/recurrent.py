"""Recurrent layers: LSTM, GRU, simple ones, cells in an RNN, and both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import penstock as ps
from penstock import nn, ops
from penstock_formats.keras._config import class_of, need
from penstock_formats.keras._problems import problem
from penstock_formats.keras._registry import Config, layer
from penstock_formats.keras.layers.activation import activation

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_CELLS: Final = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}
_GATES: Final = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_STATES: Final = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}


def _of_cell(config: Config) -> list[str]:
    bias = ["cell/bias"] if config.get("use_bias", True) else []
    return ["cell/kernel", "cell/recurrent_kernel", *bias]


@layer("LSTM", "GRU", "SimpleRNN", weights=_of_cell, masking="own")
def _(
    call: Call, x: Any, initial_state: Any = None, constants: Any = None
) -> Tensor | list[Tensor]:
    if constants is not None:
        raise call.unsupported("constants")
    x, initial = _with_states(x, initial_state)
    return _results(call, *run(call, x, initial))


def _with_states(x: Any, initial_state: Any) -> tuple[Tensor, list[Tensor] | None]:
    """Keras 2 gives the sequence and its first states in one list."""
    if isinstance(x, list | tuple):
        x, initial_state = x[0], list(x[1:]) or initial_state
    if initial_state is not None and not isinstance(initial_state, list | tuple):
        initial_state = [initial_state]
    return x, None if initial_state is None else list(initial_state)


def _results(call: Call, every: Tensor, states: Sequence[Tensor]) -> Tensor | list[Tensor]:
    sequences = bool(call.get("return_sequences", False))
    y = every if sequences else every[:, -1]
    if sequences:
        call.out_mask = call.mask
        if call.mask is not None and call.get("zero_output_for_mask", False):
            y = y * ops.cast(ops.expand_dims(call.mask, -1), y.dtype)
    return [y, *states] if call.get("return_state", False) else y


def run(
    call: Call, x: Tensor, initial: Sequence[Tensor] | None, cell: str = "cell/"
) -> tuple[Tensor, list[Tensor]]:
    """Go through a sequence.

    Args:
        call: The layer; its class and settings are an RNN's.
        x: [batch, time, features].
        initial: The states at the start, [batch, units] each; None for zeros.
        cell: What stands before the names of the cell's weights.

    Returns:
        What every step gives, [batch, time, units], in the order of the work; and the last states.
    """
    call.refuse(time_major=False, stateful=False, implementation=call.get("implementation", None))
    kind, units = call.class_name, call.integer("units")
    gates = _GATES[kind]
    kernel = call.weight(f"{cell}kernel", x.shape[-1], gates * units)
    recurrent = call.weight(f"{cell}recurrent_kernel", units, gates * units)
    mask = call.mask if call.mask is not None and call.mask.ndim == 2 else None
    backwards = bool(call.get("go_backwards", False))
    after = bool(call.get("reset_after", call.version >= 3)) and kind == "GRU"
    shape = (2, gates * units) if after else (gates * units,)
    bias = call.weight(f"{cell}bias", *shape) if call.get("use_bias", True) else None
    first, second = (bias[0], bias[1]) if after and bias is not None else (bias, None)
    if not _is_plain(call):
        weights = (kernel, recurrent, first, second)
        return _step_by_step(call, x, weights, initial, mask, backwards=backwards, after=after)
    if kind == "LSTM":
        every, states = nn.lstm(x, kernel, recurrent, first, initial, mask, go_backwards=backwards)
        return every, list(states)
    start = None if initial is None else initial[0]
    if kind == "GRU":
        every, last = nn.gru(
            x, kernel, recurrent, first, second, start, mask, reset_after=after,
            go_backwards=backwards,
        )  # fmt: skip
    else:
        name = str(call.get("activation", "tanh"))
        every, last = nn.simple_rnn(
            x, kernel, recurrent, first, start, mask, activation=name, go_backwards=backwards
        )
    return every, [last]


def _is_plain(call: Call) -> bool:
    """Whether the layer has the activations that the fast ops have."""
    main = call.get("activation", "tanh")
    if call.class_name == "SimpleRNN":
        return main in ("tanh", "relu")
    return bool(main == "tanh" and call.get("recurrent_activation", "sigmoid") == "sigmoid")


def _step_by_step(
    call: Call,
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
    initial: Sequence[Tensor] | None,
    mask: Tensor | None,
    *,
    backwards: bool,
    after: bool,
) -> tuple[Tensor, list[Tensor]]:
    """Run a cell with other activations than the usual ones."""
    kernel, recurrent, first, second = weights
    units = call.integer("units")
    rows = ops.matmul(x, kernel)
    rows = rows if first is None else rows + first
    rows = ops.moveaxis(rows, 1, 0)
    steps = None if mask is None else ops.expand_dims(ops.moveaxis(mask, 1, 0), -1)
    if backwards:
        rows = ops.flip(rows, 0)
        steps = None if steps is None else ops.flip(steps, 0)
    states = list(initial or [ops.zeros((x.shape[0], units), x.dtype)] * _STATES[call.class_name])
    cell = _cell(call, recurrent, second, after=after)

    def step(carried: list[Tensor], row: Any) -> tuple[list[Tensor], Tensor]:
        gates, counts = row if steps is not None else (row, None)
        made = cell(gates, carried)
        if counts is not None:
            made = [ops.where(counts, new, old) for new, old in zip(made, carried, strict=True)]
        return made, made[0]

    states, every = ps.scan(step, states, rows if steps is None else (rows, steps))
    return ops.moveaxis(every, 0, 1), list(states)


def _cell(
    call: Call, recurrent: Tensor, bias: Tensor | None, *, after: bool
) -> Callable[[Tensor, list[Tensor]], list[Tensor]]:
    """Make the function of one step: what the inputs give and the states, to the next states."""
    main = activation(call) if "activation" in call.config else nn.tanh
    gate = activation(call, "recurrent_activation") if call.class_name != "SimpleRNN" else main

    def lstm(gates: Tensor, states: list[Tensor]) -> list[Tensor]:
        h, c = states
        i, f, g, o = ops.split(gates + ops.matmul(h, recurrent), 4, axis=-1)
        c = gate(f) * c + gate(i) * main(g)
        return [gate(o) * main(c), c]

    def gru(gates: Tensor, states: list[Tensor]) -> list[Tensor]:
        (h,) = states
        xz, xr, xh = ops.split(gates, 3, axis=-1)
        if after:
            inner = ops.matmul(h, recurrent)
            hz, hr, hh = ops.split(inner if bias is None else inner + bias, 3, axis=-1)
            z, r = gate(xz + hz), gate(xr + hr)
            new = main(xh + r * hh)
        else:
            kz, kr, kh = ops.split(recurrent, 3, axis=-1)
            z, r = gate(xz + ops.matmul(h, kz)), gate(xr + ops.matmul(h, kr))
            new = main(xh + ops.matmul(r * h, kh))
        return [z * h + (1.0 - z) * new]

    def simple(gates: Tensor, states: list[Tensor]) -> list[Tensor]:
        return [main(gates + ops.matmul(states[0], recurrent))]

    return {"LSTM": lstm, "GRU": gru, "SimpleRNN": simple}[call.class_name]


def _of_rnn(config: Config) -> list[str]:
    return [name for prefix, row in _cells(config) for name in _below(prefix, row)]


def _below(prefix: str, row: Any) -> list[str]:
    return [f"{prefix}{name[5:]}" for name in _of_cell(row.get("config") or {})]


def _cells(config: Config) -> list[tuple[str, Any]]:
    """List the cells of an RNN: what stands before the names of their weights, and their rows."""
    cell = need(config.get("cell"), dict, "'cell' of an RNN")
    if class_of(cell) != "StackedRNNCells":
        return [("cell/", cell)]
    rows = need(need(cell.get("config"), dict, "a cell").get("cells"), list, "'cells'")
    counts: dict[str, int] = {}
    found = []
    for row in rows:
        stem = {"LSTMCell": "lstm_cell", "GRUCell": "gru_cell"}.get(
            class_of(row), "simple_rnn_cell"
        )
        count = counts.get(stem, 0)
        counts[stem] = count + 1
        found.append((f"cell/cells/{stem}_{count}/" if count else f"cell/cells/{stem}/", row))
    return found


@layer("RNN", weights=_of_rnn, masking="own")
def _(call: Call, x: Tensor) -> Tensor | list[Tensor]:
    call.refuse(time_major=False, stateful=False)
    cells = _cells(call.config)
    every, states = x, []
    for index, (prefix, row) in enumerate(cells):
        kind = _CELLS.get(class_of(row))
        if kind is None:
            raise problem(
                f"{call} has a cell of the class {class_of(row)!r}", "use an LSTM or a GRU"
            )
        config = {**row["config"], "go_backwards": call.get("go_backwards", False) and not index}
        one = replace(call, class_name=kind, config=config)
        every, last = run(one, every, None, prefix)
        states += last
    return _results(call, every, states)


def _of_both(config: Config) -> list[str]:
    inner = need(need(config.get("layer"), dict, "'layer'").get("config"), dict, "a layer")
    return [f"{way}_layer/{name}" for way in ("forward", "backward") for name in _of_cell(inner)]


@layer("Bidirectional", weights=_of_both, masking="own")
def _(call: Call, x: Any, initial_state: Any = None) -> Tensor | list[Tensor]:
    x, initial = _with_states(x, initial_state)
    ahead = call.inner("layer")
    if ahead.class_name not in _GATES:
        raise call.unsupported(f"a layer of the class {ahead.class_name!r}")
    back = call.inner("backward_layer") if call.get("backward_layer", None) else ahead
    half = None if initial is None else len(initial) // 2
    backwards = {**back.config, "go_backwards": not ahead.get("go_backwards", False)}
    y1, s1 = run(
        replace(ahead, prefix="forward_layer/"), x, None if initial is None else initial[:half]
    )
    y2, s2 = run(
        replace(back, prefix="backward_layer/", config=backwards),
        x,
        None if initial is None else initial[half:],
    )
    if ahead.get("return_sequences", False):
        y2 = ops.flip(y2, 1)
        call.out_mask = call.mask
        if call.mask is not None:
            counts = ops.cast(ops.expand_dims(call.mask, -1), y1.dtype)
            y1, y2 = y1 * counts, y2 * counts
    else:
        y1, y2 = y1[:, -1], y2[:, -1]
    merged = _merged(call, y1, y2)
    return [*merged, *s1, *s2] if ahead.get("return_state", False) else merged


def _merged(call: Call, a: Tensor, b: Tensor) -> list[Tensor]:
    mode = call.config.get("merge_mode", "concat")
    if mode is None:
        return [a, b]
    merges: dict[str, Callable[[], Tensor]] = {
        "concat": lambda: ops.concat([a, b], -1),
        "sum": lambda: a + b,
        "mul": lambda: a * b,
        "ave": lambda: (a + b) / 2.0,
    }
    return [merges[call.choice("merge_mode", *merges)]()]


@layer("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", weights=_of_cell)
def _(call: Call, x: Tensor) -> Tensor | list[Tensor]:
    call.refuse(stateful=False)
    sides = x.ndim - 3
    x = ops.moveaxis(x, 2, -1) if call.channels_first else x
    filters, sizes = call.integer("filters"), call.sizes("kernel_size", sides)
    kernel = call.weight("cell/kernel", *sizes, x.shape[-1], 4 * filters)
    recurrent = call.weight("cell/recurrent_kernel", *sizes, filters, 4 * filters)
    bias = call.weight("cell/bias", 4 * filters) if call.get("use_bias", True) else 0.0
    main = activation(call) if "activation" in call.config else nn.tanh
    gate = activation(call, "recurrent_activation")
    strides, rates = call.sizes("strides", sides, 1), call.sizes("dilation_rate", sides, 1)
    padding = call.choice("padding", "valid", "same")
    convolve: Any = (nn.conv1d, nn.conv2d, nn.conv3d)[sides - 1]

    def slid(rows: Tensor, filter: Tensor, steps: Any, pad: str, spread: Any) -> Tensor:
        if sides == 1:
            return nn.conv1d(rows, filter, steps[0], pad, spread[0])
        made: Tensor = convolve(rows, filter, steps, pad, dilations=spread)
        return made

    def step(carried: tuple[Tensor, Tensor], row: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = carried
        gates = slid(row, kernel, strides, padding, rates) + bias
        gates = gates + slid(h, recurrent, [1] * sides, "same", [1] * sides)
        i, f, g, o = ops.split(gates, 4, axis=-1)
        c = gate(f) * c + gate(i) * main(g)
        h = gate(o) * main(c)
        return (h, c), h

    rows = ops.moveaxis(x, 1, 0)
    rows = ops.flip(rows, 0) if call.get("go_backwards", False) else rows
    shape = slid(rows[0], kernel, strides, padding, rates).shape
    zeros = ops.zeros((*shape[:-1], filters), x.dtype)
    (h, c), every = ps.scan(step, (zeros, zeros), rows)
    every = ops.moveaxis(every, 0, 1)
    y = every if call.get("return_sequences", False) else h
    axis = 2 if y.ndim == x.ndim else 1
    if call.channels_first:
        y, h, c = ops.moveaxis(y, -1, axis), ops.moveaxis(h, -1, 1), ops.moveaxis(c, -1, 1)
    return [y, h, c] if call.get("return_state", False) else y
