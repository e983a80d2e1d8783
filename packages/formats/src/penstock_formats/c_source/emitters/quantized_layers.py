"""Layers of quantised numbers: sums in integers, then one multiplication that brings them to the result's scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.c_source import fixed_point
from penstock_formats.c_source.code import Code, index
from penstock_formats.c_source.emitters.pooling import added
from penstock_formats.c_source.emitters.windows import cells, pixels, pool_window, sides
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value


def known(step: Step, value: Value, what: str) -> Any:
    """Take the elements of a value that must be known while writing.

    Raises:
        FormatError: It is computed when the model runs.
    """
    if value.array is None:
        raise FormatError(
            f"[c_source] {what} of {step.op} {step.name!r} is computed while the model runs; make it a constant"
        )
    return value.array


@dataclass
class Scaling:
    """How sums become results.

    Args:
        multipliers: For each channel of the result, or one for all.
        shifts: As many.
        zero: The result's zero point.
        low: The least result.
        high: The largest.
        helper: The function that multiplies.
    """

    multipliers: list[int]
    shifts: list[int]
    zero: int
    low: int
    high: int
    helper: str = "scaled"

    def write(self, code: Code, total: str, channel: str) -> str:
        """Write the result of a sum."""
        if len(self.multipliers) == 1:
            m, s = str(self.multipliers[0]), str(self.shifts[0])
        else:
            m = f"{code.unit.table(self.multipliers, 'int32', 'multipliers')}[{channel}]"
            s = f"{code.unit.table(self.shifts, 'int8', 'shifts')}[{channel}]"
        scaled = code.call(self.helper, total, m, s)
        return code.call("clamped", moved(scaled, self.zero), self.low, self.high)


def moved(expression: str, zero: int) -> str:
    """Add a zero point."""
    if not zero:
        return expression
    return f"{expression} {'-' if zero < 0 else '+'} {abs(zero)}"


class Layer:
    """The constants of a layer with weights, in the order in which its op takes them.

    Args:
        step: The layer.
    """

    def __init__(self, step: Step) -> None:
        names = ("filter", "bias", "x_scale", "x_zero_point", "filter_scale", "filter_zero_point")
        pairs = zip((*names, "y_scale", "y_zero_point"), step.inputs[1:], strict=True)
        arrays = {name: known(step, value, name) for name, value in pairs}
        self.filter, self.bias = arrays["filter"], arrays["bias"]
        self.x_scale, self.x_zero = np.float32(arrays["x_scale"]), int(arrays["x_zero_point"])
        self.scales = np.asarray(arrays["filter_scale"], np.float32)
        self.zeros = np.asarray(arrays["filter_zero_point"], np.int64)
        self.y_scale, self.y_zero = np.float32(arrays["y_scale"]), int(arrays["y_zero_point"])

    def scaling(self, step: Step, *, in_double: bool, helper: str = "scaled") -> Scaling:
        """Compute the multipliers; per tensor the product of single scales is rounded to float32."""
        product = np.float64(self.x_scale) * self.scales.astype(np.float64)
        if not in_double:
            product = product.astype(np.float32).astype(np.float64)
        multipliers, shifts = fixed_point.multipliers(product / np.float64(self.y_scale))
        activation = step.attrs["activation"]
        low, high = fixed_point.activation_range(
            activation, step.y.dtype, self.y_scale, self.y_zero
        )
        return Scaling(multipliers, shifts, self.y_zero, low, high, helper)

    def fold_x_zero(self, filter: Any) -> None:
        """Move x's zero point into the bias, where every sum goes over all of `filter`, channels of the result first."""
        zeros = self.zeros.reshape(-1, *[1] * (filter.ndim - 1))
        rows = (filter.astype(np.int64) - zeros).reshape(len(filter), -1).sum(1)
        bias = np.asarray(self.bias, np.int64) - self.x_zero * rows
        if np.abs(bias).max(initial=0) < 2**31:
            self.bias, self.x_zero = bias, 0

    def term(self, x: str, w: str, zero: int | str) -> str:
        """Write the product of two numbers without their zero points."""
        left = (
            f"(int32_t)({x} - {self.x_zero})".replace("- -", "+ ")
            if self.x_zero
            else f"(int32_t){x}"
        )
        return f"{left} * ({w} - {zero})".replace("- -", "+ ") if zero else f"{left} * {w}"

    def zero_of(self, code: Code, channel: str) -> int | str:
        """Write the zero point of the weights of a channel."""
        if self.zeros.size > 1 and np.ptp(self.zeros):
            return f"{code.unit.table(self.zeros, 'int32', 'zero_points')}[{channel}]"
        return int(self.zeros.ravel()[0])

    def sum_type(self, step: Step, filter: Any) -> str:
        """Choose the sums' type: int64_t where 32 bits might not hold one, which then wraps around.

        `filter` has the channels of the result first.
        """
        low, high = fixed_point.limits(step.x.dtype)
        reach = max(high - self.x_zero, self.x_zero - low)
        zeros = self.zeros.reshape(-1, *[1] * (filter.ndim - 1))
        largest = np.abs(filter.astype(np.int64) - zeros).reshape(len(filter), -1).sum(1) * reach
        fits = (largest + np.abs(np.asarray(self.bias, np.int64))).max(initial=0) < 2**31
        return "int32_t" if fits else "int64_t"


def _finished(
    step: Step,
    code: Code,
    scaling: Scaling,
    place: str,
    channel: str,
    kind: str,
    total: str = "sum",
) -> None:
    result = scaling.write(code, total if kind == "int32_t" else f"(int32_t){total}", channel)
    code.line(f"{step.y.name}[{place}] = ({step.y.c_type}){result};")


def conv2d(step: Step, code: Code) -> None:
    """Write quantized_conv2d, with the weights of each filter one behind the other."""
    layer, x = Layer(step), step.x
    filter = layer.filter.transpose(3, 0, 1, 2)
    filters, height, width, channels = filter.shape
    rows, columns = sides(x, step.y, (height, width), step.attrs)
    share = filters * channels // x.shape[3]
    scaling = layer.scaling(step, in_double=x.dtype == "int8")
    if not (rows.leaves or columns.leaves):
        layer.fold_x_zero(filter)
    weights = code.unit.table(filter, x.dtype, "filter")
    bias, kind = code.unit.table(layer.bias, "int32", "bias"), layer.sum_type(step, filter)
    with pixels(code, x.shape[0], rows, columns) as pixel, code.loop("f", filters) as f:
        code.line(f"{kind} sum = {bias}[{f}];")
        with cells(code, pixel, x.shape[3]) as (i, j, seen):
            part = "" if share == filters else f" + {f} / {share} * {channels}"
            code.line(f"const {x.c_type} *in = {code.pointer(x)} + {seen}{part};")
            place = index(((f, height * width * channels), (i, width * channels), (j, channels)))
            code.line(f"const {x.c_type} *w = {weights} + {place};")
            zero = layer.zero_of(code, f)
            with code.loop("c", channels) as c:
                code.line(f"sum += {layer.term(f'in[{c}]', f'w[{c}]', zero)};")
        _finished(step, code, scaling, added(pixel.of_result(filters), f), f, kind)


def depthwise_conv2d(step: Step, code: Code) -> None:
    """Write quantized_depthwise_conv2d."""
    layer, x = Layer(step), step.x
    height, width, channels, times = layer.filter.shape
    filter = layer.filter.reshape(height, width, channels * times)
    rows, columns = sides(x, step.y, (height, width), step.attrs)
    scaling = layer.scaling(step, in_double=x.dtype == "int8")
    weights = code.unit.table(filter, x.dtype, "filter")
    bias = code.unit.table(layer.bias, "int32", "bias")
    kind = layer.sum_type(step, filter.transpose(2, 0, 1))
    results = channels * times
    together = _together(channels) if times == 1 else 1
    with (
        pixels(code, x.shape[0], rows, columns) as pixel,
        code.loop("b", results // together) as b,
    ):
        first = index(((b, together),))
        code.line(f"{kind} sums[{together}];")
        with code.loop("k", together) as k:
            code.line(f"sums[{k}] = {bias}[{added(first, k)}];")
        with cells(code, pixel, channels) as (i, j, seen), code.loop("k", together) as k:
            f = added(first, k)
            place = added(index(((i, width * results), (j, results))), f)
            read = f if times == 1 else f"{b} / {times}"
            seen_x, seen_w = f"{code.pointer(x)}[{added(seen, read)}]", f"{weights}[{place}]"
            code.line(f"sums[{k}] += {layer.term(seen_x, seen_w, layer.zero_of(code, f))};")
        with code.loop("k", together) as k:
            f = added(first, k)
            _finished(
                step, code, scaling, added(pixel.of_result(results), f), f, kind, f"sums[{k}]"
            )


def _together(channels: int) -> int:
    """Choose of how many channels the sums are kept at a time: compilers make vectors of them."""
    return max(n for n in range(1, 33) if channels % n == 0)


def matmul(step: Step, code: Code) -> None:
    """Write quantized_matmul; its sums are scaled with one rounding."""
    layer, x = Layer(step), step.x
    filter = layer.filter if step.attrs["transpose_weights"] else layer.filter.T
    filters, channels = filter.shape
    scaling = layer.scaling(step, in_double=bool(layer.scales.ndim), helper="scaled_once")
    layer.fold_x_zero(filter)
    weights = code.unit.table(filter, x.dtype, "weights")
    bias, kind = code.unit.table(layer.bias, "int32", "bias"), layer.sum_type(step, filter)
    with code.loop("row", x.size // channels) as row, code.loop("f", filters) as f:
        code.line(f"const {x.c_type} *in = {code.pointer(x)} + {index(((row, channels),))};")
        code.line(f"const {x.c_type} *w = {weights} + {index(((f, channels),))};")
        code.line(f"{kind} sum = {bias}[{f}];")
        with code.loop("c", channels) as c:
            code.line(f"sum += {layer.term(f'in[{c}]', f'w[{c}]', layer.zero_of(code, f))};")
        _finished(step, code, scaling, index(((row, filters), (f, 1))), f, kind)


def avg_pool2d(step: Step, code: Code) -> None:
    """Write quantized_avg_pool2d: rounded to nearest, halves away from zero."""
    x, y = step.x, step.y
    attrs: Mapping[str, Any] = step.attrs
    rows, columns = sides(x, y, pool_window(attrs), attrs)
    channels = x.shape[3]
    with pixels(code, x.shape[0], rows, columns) as pixel, code.loop("c", channels) as c:
        code.line("int32_t sum = 0;")
        code.line("int32_t count = 0;")
        with cells(code, pixel, channels) as (_, _, seen):
            code.line(f"sum += {code.pointer(x)}[{added(seen, c)}];")
            code.line("count++;")
        code.line("sum += sum < 0 ? -(count / 2) : count / 2;")
        code.line(f"{y.name}[{added(pixel.of_result(channels), c)}] = ({y.c_type})(sum / count);")
