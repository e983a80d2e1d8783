"""What converters of ops get, and where they are listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError
from penstock_formats.tflite.model import Operator, Quantization, TensorInfo
from penstock_formats.tflite.schema import ACTIVATIONS, DTYPES, PADDINGS

Converter = Callable[["Call"], Any]
QUANTIZED = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class Entry:
    """A converter and what it does with quantised inputs.

    Args:
        run: Builds the op.
        integers: "own": it knows what to do; "same": integers pass through, if all have one scale; "float": it works
            on real numbers, so that integers are turned into these and back.
    """

    run: Converter
    integers: str


CONVERTERS: dict[str, Entry] = {}


def converts(*names: str, integers: str = "float") -> Callable[[Converter], Converter]:
    """List a converter under the names of the ops that it builds."""

    def listed(run: Converter) -> Converter:
        for name in names:
            CONVERTERS[name] = Entry(run, integers)
        return run

    return listed


class Call:
    """One op of the file, with the values of its inputs.

    Args:
        operator: What the file says.
        infos: What the file says about each input; None for one that is left out.
        outputs: What the file says about each output.
        values: For each input an array, if it is a constant, or a tensor; None for one that is left out.
        intermediates: What the file says about tensors that only carry scales.
        variable: Makes a variable of the input of a number, from an array in the axes' order that Penstock uses.
        any_batch: Whether the first axis has another size than the file says.
        body: Builds the subgraph of a number on given inputs.
    """

    def __init__(
        self,
        operator: Operator,
        infos: Sequence[TensorInfo | None],
        outputs: Sequence[TensorInfo],
        values: Sequence[Any],
        intermediates: Sequence[TensorInfo] = (),
        variable: Callable[[int, Any], Any] | None = None,
        any_batch: bool = False,
        body: Callable[[int, list[Any]], list[Any]] | None = None,
    ) -> None:
        self.name, self.options, self.custom = operator.name, operator.options, operator.custom
        self.infos, self.outputs, self.values = list(infos), list(outputs), list(values)
        self.intermediates = list(intermediates)
        self._variable, self._any_batch, self._body = variable, any_batch, body
        self.states: dict[int, Any] = {}  # by input: what a state becomes

    def in_float(self) -> Call:
        """Return the same call on real numbers: quantised inputs become float32, and outputs are expected as such."""
        call = copy(self)
        pairs = list(zip(self.infos, self.values, strict=True))
        call.values = [_real(info, value) for info, value in pairs]
        call.infos = [_real_info(info) for info in self.infos]
        call.outputs = [_real_info(info) or info for info in self.outputs]
        call._variable = None
        return call

    def fail(self, what: str) -> FormatError:
        """Make the error for something that this reader does not know."""
        return FormatError(
            f"[tflite] {self.name} {what}; this is not supported: convert the model another way, or run it in float"
        )

    def has(self, i: int) -> bool:
        """Whether there is such an input."""
        return i < len(self.values) and self.values[i] is not None

    def x(self, i: int) -> Any:
        """Return an input's value."""
        if not self.has(i):
            raise FormatError(
                f"[tflite] {self.name} has {len(self.values)} inputs and needs input {i}; the file is damaged: get it again"
            )
        return self.values[i]

    def xs(self) -> list[Any]:
        """Return the values of all inputs."""
        return [self.x(i) for i in range(len(self.values))]

    def info(self, i: int) -> TensorInfo:
        """Return what the file says about an input."""
        self.x(i)
        info = self.infos[i]
        assert info is not None  # its value is there
        return info

    def output(self, i: int = 0) -> TensorInfo:
        """Return what the file says about an output."""
        if i >= len(self.outputs):
            raise FormatError(
                f"[tflite] {self.name} has {len(self.outputs)} outputs and needs output {i}; the file is damaged: get it again"
            )
        return self.outputs[i]

    def known(self, i: int) -> np.ndarray[Any, Any]:
        """Return an input that must be known before the graph runs."""
        value = self.x(i)
        if isinstance(value, ps.Tensor) and not value.is_symbolic:
            value = value.numpy()
        if not isinstance(value, np.ndarray):
            raise self.fail(f"computes its input {self.info(i).name!r} while it runs")
        return value

    def ints(self, i: int) -> list[int]:
        """Return an input that holds a few integers known beforehand."""
        sizes = self.sizes(i)
        if not all(isinstance(v, int) for v in sizes):
            raise self.fail(f"uses the sizes {sizes}, which are not known while the file is read")
        return sizes

    def sizes(self, i: int) -> list[Any]:
        """Return an input that holds a few sizes: integers, and symbols for those that vary."""
        value = self.known(i)
        if value.dtype.kind not in "iuO" or value.size > 1000:
            raise self.fail(
                f"has {value.dtype.name}{list(value.shape)} where a few integers belong"
            )
        return list(value.reshape(-1).tolist())

    def rank(self, i: int = 0) -> int:
        """Return an input's number of axes."""
        return len(self.x(i).shape)

    def body(self, number: int, values: list[Any]) -> list[Any]:
        """Build another subgraph on values, and return its outputs."""
        if self._body is None:
            raise self.fail("stands where no subgraph can be used")
        return self._body(number, values)

    def batched(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """Put the batch's size in the place of a single row, where the file's batch was replaced."""
        if self._any_batch and shape and shape[0] == 1:
            return (self.x(0).shape[0], *shape[1:])
        return tuple(shape)

    def weights(
        self, i: int, axes: tuple[int, ...] | None = None, shape: tuple[int, ...] | None = None
    ) -> Any:
        """Return a layer's weights with other axes or another shape: a variable, if they are a float constant."""
        value = self.x(i)
        if not isinstance(value, np.ndarray):
            value = value if axes is None else ps.permute_dims(value, axes)
            return value if shape is None else ps.reshape(value, shape)
        value = value if axes is None else np.ascontiguousarray(value.transpose(axes))
        value = value if shape is None else value.reshape(shape)
        if self._variable is None or value.dtype != np.float32:
            return value
        return self._variable(i, value)

    def parameter(self, i: int) -> Any:
        """Return an input; a variable, if it is a float constant with a number for each channel."""
        value = self.x(i)
        vector = isinstance(value, np.ndarray) and value.size == (value.shape or (0,))[-1] > 1
        return self.weights(i) if vector else value

    # ---- options

    @property
    def activation(self) -> str | None:
        """What follows the op."""
        number = self.options.get("activation", 0)
        if not 0 <= number < len(ACTIVATIONS) or ACTIVATIONS[number] == "sign_bit":
            raise self.fail(f"has activation {number}")
        return ACTIVATIONS[number]

    @property
    def padding(self) -> str:
        """How windows are padded: same or valid."""
        return PADDINGS[0 if self.options["padding"] == 0 else 1]

    @property
    def strides(self) -> tuple[int, int]:
        """Steps between windows."""
        return self.options["stride_h"], self.options["stride_w"]

    def dtype_option(self, name: str, default: int) -> str:
        """Return an option that is a dtype."""
        number = self.options[name] or default
        if number not in DTYPES:
            raise self.fail(f"has dtype number {number}")
        return DTYPES[number]

    def activated(self, y: Any) -> Any:
        """Apply what follows a float op."""
        return activate(y, self.activation)

    # ---- quantised numbers

    @property
    def quantized(self) -> bool:
        """Whether the first input is made of integers with a scale."""
        return is_quantized(self.info(0))

    def single(self, info: TensorInfo) -> tuple[Any, Any]:
        """Return a tensor's one scale and zero point."""
        q = info.quantization
        if q is None or not q.single:
            raise FormatError(
                f"[tflite] {self.name} uses {info} as quantised numbers; expected one scale and one zero point for it; the "
                "file is damaged: get it again"
            )
        return np.float32(q.scale[0]), np.int32(q.zero_point[0])

    def per_channel(self, i: int) -> tuple[Any, Any]:
        """Return scale and zero point of weights: single ones, or one for each channel of the result."""
        info = self.info(i)
        q: Quantization | None = info.quantization
        if q is None or q.single:
            return self.single(info)
        return np.asarray(q.scale, np.float32), np.asarray(q.zero_point, np.int32)

    @property
    def quantized_activation(self) -> str | None:
        """What follows an op on integers: a limit of its range."""
        if self.activation == "tanh":
            raise self.fail("has the activation tanh on quantised numbers")
        return self.activation


def is_quantized(info: TensorInfo | None) -> bool:
    """Whether a tensor is made of small integers with a scale."""
    return info is not None and info.dtype in QUANTIZED and info.quantization is not None


def _real_info(info: TensorInfo | None) -> Any:
    if info is None or info.quantization is None or info.dtype == "float32":
        return info
    return replace(info, dtype="float32", quantization=None, value=None)


def _real(info: TensorInfo | None, value: Any) -> Any:
    """Turn quantised numbers into real ones; constants at once."""
    if info is None or value is None or _real_info(info) is info:
        return value
    q = info.quantization
    assert q is not None  # or else the info would stay the same
    scale, zero = (q.scale, q.zero_point) if not q.single else (q.scale[0], q.zero_point[0])
    axis = -1 if q.single else q.axis
    if not isinstance(value, np.ndarray):
        return ps.dequantize(value, np.asarray(scale), np.asarray(zero), axis=axis)
    shape = [-1 if i == axis else 1 for i in range(value.ndim)] if not q.single else ()
    steps = value.astype(np.int64) - np.reshape(zero, shape)
    return (np.reshape(scale, shape).astype(np.float64) * steps).astype(np.float32)


def activate(y: Any, activation: str | None) -> Any:
    """Apply an activation to real numbers."""
    if activation is None:
        return y
    if activation == "relu_n1_to_1":
        return ps.clip(y, -1.0, 1.0)
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": ps.relu,
        "relu6": ps.relu6,
        "tanh": ps.tanh,
    }
    return functions[activation](y)
