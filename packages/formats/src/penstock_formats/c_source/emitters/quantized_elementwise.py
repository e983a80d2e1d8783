"""Quantised numbers added, multiplied, joined and looked up, softmax, and the way from and to real numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import registry
from penstock_formats.c_source import fixed_point
from penstock_formats.c_source.code import Code, index, nested
from penstock_formats.c_source.emitters.elementwise import spread
from penstock_formats.c_source.emitters.movement import merged, places
from penstock_formats.c_source.emitters.quantized_layers import Scaling, known, moved
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value, row_strides

# Functions of one number of 8 bits: a table of their 256 results, which Penstock itself computes.
LOOKUPS: Final = frozenset({"requantize"})

_ROOM: Final = (
    20  # by how many bits both terms of a sum are raised before they are brought to one scale
)


def _parameters(step: Step) -> list[Any]:
    """Take scale and zero point of x, y and the result."""
    names = ("x_scale", "x_zero_point", "y_scale", "y_zero_point", "z_scale", "z_zero_point")
    pairs = zip(names, step.inputs[2:], strict=True)
    return [known(step, value, name).item() for name, value in pairs]


def _scaling(step: Step, real: float, scale: float, zero: int) -> Scaling:
    multiplier, shift = fixed_point.multiplier(real)
    activation = step.attrs["activation"]
    low, high = fixed_point.activation_range(activation, step.y.dtype, np.float32(scale), zero)
    return Scaling([multiplier], [shift], zero, low, high)


def add(step: Step, code: Code) -> None:
    """Write quantized_add."""
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = _parameters(step)
    twice_max = 2.0 * max(float(x_scale), float(y_scale))
    scaling = _scaling(step, twice_max / (2.0**_ROOM * float(z_scale)), z_scale, int(z_zero))
    with spread(code, step.y, step.inputs[:2]) as place:
        for name, value, scale, zero in zip(
            "ab", step.inputs[:2], (x_scale, y_scale), (x_zero, y_zero), strict=True
        ):
            raised = f"({_without(code, value, place(value), int(zero))}) * (INT32_C(1) << {_ROOM})"
            term = code.call("scaled", raised, *fixed_point.multiplier(float(scale) / twice_max))
            code.line(f"const int32_t {name} = {term};")
        code.line(
            f"{step.y.name}[{place(step.y)}] = ({step.y.c_type}){scaling.write(code, 'a + b', '0')};"
        )


def multiply(step: Step, code: Code) -> None:
    """Write quantized_multiply."""
    x_scale, x_zero, y_scale, y_zero, z_scale, z_zero = _parameters(step)
    real = float(np.float32(np.float32(x_scale) * np.float32(y_scale)) / np.float32(z_scale))
    scaling = _scaling(step, real, z_scale, int(z_zero))
    with spread(code, step.y, step.inputs[:2]) as place:
        x, y = step.inputs[:2]
        code.line(f"const int32_t a = {_without(code, x, place(x), int(x_zero))};")
        code.line(f"const int32_t b = {_without(code, y, place(y), int(y_zero))};")
        code.line(
            f"{step.y.name}[{place(step.y)}] = ({step.y.c_type}){scaling.write(code, 'a * b', '0')};"
        )


def _without(code: Code, value: Value, place: str, zero: int) -> str:
    """Write an element without its zero point."""
    return moved(code.element(value, place), -zero)


def lookup(step: Step, code: Code) -> None:
    """Write an op of one number of 8 bits as a table."""
    x = step.x
    rest = [ps.asarray(known(step, value, "an input")) for value in step.inputs[1:]]
    function = registry.op_function(step.op)
    table = function(ps.asarray(_all_numbers(x.dtype)), *rest, **step.attrs).numpy()
    _look_up(step, code, x, table, (row_strides(x.shape), row_strides(step.y.shape)), 0)


def concat(step: Step, code: Code) -> None:
    """Write quantized_concat: each part through a table that brings it to the scale of the result."""
    scales, zeros = (known(step, step.inputs[i], "a scale or zero point") for i in (0, 1))
    y_scale, y_zero = (
        ps.asarray(known(step, step.inputs[i], "y_scale or y_zero_point")) for i in (2, 3)
    )
    axis, offset = step.attrs["axis"] % len(step.y.shape), 0
    strides = row_strides(step.y.shape)
    for x, scale, zero in zip(step.inputs[4:], scales.ravel(), zeros.ravel(), strict=True):
        one = ps.asarray(_all_numbers(x.dtype))
        table = ps.quantized_concat([one], scale[None], zero[None], y_scale, y_zero).numpy()
        if x.size:
            _look_up(step, code, x, table, (row_strides(x.shape), strides), offset * strides[axis])
        offset += x.shape[axis]


def _all_numbers(dtype: str) -> Any:
    """Return all numbers of 8 bits, in the order of their bits."""
    return np.arange(256, dtype=np.uint8).view(dtype)


def _look_up(
    step: Step, code: Code, x: Value, table: Any, strides: tuple[Any, Any], start: int
) -> None:
    name = code.unit.table(table, step.y.dtype, "table")
    axes = merged(x.shape, *strides)
    with nested(code, [axis.rounds for axis in axes]) as counters:
        source, target = places(counters, axes, (0, start))
        code.line(f"{step.y.name}[{target}] = {name}[(uint8_t){code.element(x, source)}];")


def quantize(step: Step, code: Code) -> None:
    """Write quantize."""
    x, scale, zero = step.inputs[:3]
    low, high = fixed_point.limits(step.y.dtype)
    wide = x.dtype == "float64"
    with spread(code, step.y, [x, *(_along(v, step) for v in (scale, zero))]) as place:
        s, z = (code.element(v, place(_along(v, step))) for v in (scale, zero))
        steps = code.math("round" if wide else "roundf", f"{code.element(x, place(x))} / {s}")
        result = code.call("steps", steps, z, low, high)
        code.line(f"{step.y.name}[{place(step.y)}] = ({step.y.c_type}){result};")


def dequantize(step: Step, code: Code) -> None:
    """Write dequantize: the product is computed in double, and rounded once."""
    x, scale, zero = step.inputs[:3]
    with spread(code, step.y, [x, *(_along(v, step) for v in (scale, zero))]) as place:
        s, z = (code.element(v, place(_along(v, step))) for v in (scale, zero))
        steps = f"((double){code.element(x, place(x))} - {z})"
        code.line(f"{step.y.name}[{place(step.y)}] = ({step.y.c_type})({steps} * (double){s});")


def _along(value: Value, step: Step) -> Value:
    """Give a parameter x's number of axes, with its numbers along the axis that they belong to."""
    if value.size == 1:
        return value
    ndim = len(step.x.shape)
    axis = step.attrs["axis"] % ndim
    return Value(
        value.name, value.dtype, tuple(value.size if i == axis else 1 for i in range(ndim))
    )


def softmax(step: Step, code: Code) -> None:
    """Write quantized_softmax, in 32 bit fixed point."""
    x, y = step.x, step.y
    scale, beta = (
        float(known(step, step.inputs[1], "x_scale")),
        float(np.float32(step.attrs["beta"])),
    )
    multiplier, shift = fixed_point.multiplier(min(beta * scale * 2.0**26, 2.0**31 - 1.0))
    least = max(-int(np.floor(31 * 2.0**26 / 2.0**shift)), -256)
    low, high = fixed_point.limits(x.dtype)
    count = x.shape[-1]
    loop = f"for (int32_t k = 0; k < {count}; k++)"
    power = code.call("exp_of_negative", code.call("scaled", "in[k] - top", multiplier, shift))
    with code.loop("row", x.size // count) as row:
        code.line(f"const {x.c_type} *in = {code.pointer(x)} + {index(((row, count),))};")
        code.line(f"{y.c_type} *out = {y.name} + {index(((row, count),))};")
        code.line("int32_t top = in[0];")
        code.line("int64_t sum = 0;")
        with code.block(loop):
            code.line("top = in[k] > top ? in[k] : top;")
        with code.block(loop), code.block(f"if (in[k] - top >= {least})"):
            code.line(f"sum += {code.call('shifted', power, 12)};")
        code.line("int above = 31;")
        with code.block("while (sum >> (32 - above))"):
            code.line("above--;")
        code.line("const int64_t leading = above > 0 ? sum << above : sum >> -above;")
        inverse = code.call("reciprocal_of_one_plus", "(int32_t)(leading - INT64_C(2147483648))")
        code.line(f"const int32_t inverse = {inverse};")
        with code.block(loop):
            product = code.call("high_product", "inverse", power)
            result = code.call("shifted", product, "12 - above + 23")
            code.line(f"int32_t result = {low};")
            with code.block(f"if (in[k] - top >= {least})"):
                code.line(f"result = {code.call('clamped', moved(result, low), low, high)};")
            code.line(f"out[k] = ({y.c_type})result;")
