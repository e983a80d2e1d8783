"""Darknet's layers as ops. Images are [batch, height, width, channels]; the files have channels first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock_formats.darknet.cfg import Section, shortened
from penstock_formats.darknet.weights import Weights

_EPSILON = 1e-5
_SLOPE = 0.1
_MOST_RESULTS = 1 << 27
_LARGEST_STRIDE = 64

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "leaky": lambda x: ps.leaky_relu(x, _SLOPE),
    "relu": ps.relu,
    "relu6": ps.relu6,
    "logistic": ps.sigmoid,
    "tanh": ps.tanh,
    "mish": ps.mish,
    "swish": ps.silu,
    "elu": ps.elu,
}


@dataclass
class Head:
    """What a [yolo] layer says about its boxes.

    Args:
        values: [batch, rows, columns, anchors, 5 + classes]: what the net found, not decoded.
        anchors: [anchors, 2]: width and height in pixels.
        stretch: How far middles may leave their cell: `scale_x_y`.
    """

    values: Any
    anchors: Any
    stretch: float


class Net:
    """Builds layer after layer, in the graph that is being built.

    Args:
        weights: Where variables come from.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.results: list[Any] = []
        self.heads: list[Head] = []

    def build(self, x: Any, sections: list[Section]) -> Any:
        """Build all layers on an input; returns the last result."""
        builders: dict[str, Callable[[Section, Any, str], Any]] = {
            "convolutional": self._convolutional,
            "connected": self._connected,
            "maxpool": self._maxpool,
            "avgpool": lambda s, x, name: ps.mean(x, (1, 2), keepdims=True),
            "route": self._route,
            "shortcut": self._shortcut,
            "upsample": self._upsample,
            "dropout": lambda s, x, name: x,
            "cost": lambda s, x, name: x,
            "softmax": lambda s, x, name: ps.softmax(ps.reshape(x, (x.shape[0], -1))),
            "yolo": self._yolo,
        }
        for number, section in enumerate(sections):
            if section.kind not in builders:
                raise section.fail(
                    f"is not supported; expected one of {', '.join(sorted(builders))}"
                )
            name = f"layer{number}"
            with ps.name_scope(f"{name}_{section.kind}"):
                x = builders[section.kind](section, x, name)
            if math.prod(x.shape[1:]) > _MOST_RESULTS:
                raise section.fail(
                    f"makes {tuple(x.shape[1:])} of each image; expected at most {_MOST_RESULTS:,} numbers; correct the file"
                )
            self.results.append(x)
        return x

    def _convolutional(self, s: Section, x: Any, name: str) -> Any:
        filters, size = s.number("filters", 1, 1), s.number("size", 1, 1)
        groups, stride, dilation = (s.number(n, 1, 1) for n in ("groups", "stride", "dilation"))
        pad = size // 2 * dilation if s.number("pad", 0) else s.number("padding", 0)
        channels = x.shape[3]
        if channels % groups or filters % groups:
            raise s.fail(
                f"has {groups} groups for {channels} channels and {filters} filters; correct the file"
            )
        normalise = s.number("batch_normalize", 0)
        bias = self.weights.take(f"{name}/biases", (filters,))
        parameters = [
            self.weights.take(f"{name}/{part}", (filters,))
            for part in ("scales", "rolling_mean", "rolling_variance")
            if normalise
        ]
        each = groups == channels == filters
        filter = self.weights.take(
            f"{name}/weights",
            (filters, channels // groups, size, size),
            (2, 3, 0, 1) if each else (2, 3, 1, 0),
        )
        attrs: dict[str, Any] = {"padding": "explicit", "explicit_padding": (pad,) * 4}
        attrs |= {"strides": stride, "dilations": dilation}
        if each:
            y = ps.depthwise_conv2d(x, filter, **attrs)
        else:
            y = ps.conv2d(x, filter, groups=groups, **attrs)
        if parameters:
            scale, mean, variance = parameters
            y = ps.batch_norm_inference(y, mean, variance, scale, bias, epsilon=_EPSILON)
        else:
            y = y + bias
        return ACTIVATIONS[s.choice("activation", "logistic", list(ACTIVATIONS))](y)

    def _connected(self, s: Section, x: Any, name: str) -> Any:
        if s.number("batch_normalize", 0):
            raise s.fail(
                "is normalised, which is not supported; use a [convolutional] layer of size 1"
            )
        outputs = s.number("output", 1, 1)
        if x.ndim == 4:  # channels come first in the file
            x = ps.permute_dims(x, (0, 3, 1, 2))
        x = ps.reshape(x, (x.shape[0], -1))
        bias = self.weights.take(f"{name}/biases", (outputs,))
        matrix = self.weights.take(f"{name}/weights", (outputs, x.shape[1]), (1, 0))
        y = ps.matmul(x, matrix) + bias
        return ACTIVATIONS[s.choice("activation", "logistic", list(ACTIVATIONS))](y)

    def _maxpool(self, s: Section, x: Any, name: str) -> Any:
        stride = s.number("stride", 1, 1)
        size = s.number("size", stride, 1)
        pad = s.number("padding", size - 1)
        margin = (pad // 2, pad - pad // 2)
        x = ps.pad(x, ((0, 0), margin, margin, (0, 0)), constant_values=-np.inf)
        return ps.max_pool2d(x, size, stride)

    def _route(self, s: Section, x: Any, name: str) -> Any:
        parts = [self.results[i] for i in s.layers("layers", len(self.results))]
        groups, group = s.number("groups", 1, 1), s.number("group_id", 0)
        if groups > 1:
            if group >= groups or any(p.shape[-1] % groups for p in parts):
                raise s.fail(f"takes group {group} of {groups}; correct the file")
            parts = [ps.split(p, groups, axis=-1)[group] for p in parts]
        if len({tuple(p.shape[1:3]) for p in parts}) > 1:
            sizes = shortened([tuple(p.shape[1:]) for p in parts])
            raise s.fail(
                f"joins images of sizes {sizes}; expected equal heights and widths; correct the file"
            )
        return parts[0] if len(parts) == 1 else ps.concat(parts, axis=-1)

    def _shortcut(self, s: Section, x: Any, name: str) -> Any:
        for number in s.layers("from", len(self.results)):
            other = self.results[number]
            if tuple(other.shape[1:]) != tuple(x.shape[1:]):
                raise s.fail(
                    f"adds {tuple(other.shape[1:])} to {tuple(x.shape[1:])}; expected equal shapes; correct the file"
                )
            x = x + other
        return ACTIVATIONS[s.choice("activation", "linear", list(ACTIVATIONS))](x)

    def _upsample(self, s: Section, x: Any, name: str) -> Any:
        stride = s.number("stride", 2, 1)
        if stride > _LARGEST_STRIDE:
            raise s.fail(
                f"has stride={stride}; expected at most {_LARGEST_STRIDE}; correct the file"
            )
        for axis in (1, 2):
            x = ps.gather(x, np.arange(x.shape[axis], dtype=np.int32).repeat(stride), axis=axis)
        return x

    def _yolo(self, s: Section, x: Any, name: str) -> Any:
        classes, stretch = s.number("classes", 20, 1), (s.numbers("scale_x_y") or [1.0])[0]
        pairs = np.array(s.numbers("anchors"), np.float32)
        mask = [int(v) for v in s.numbers("mask")] or list(range(pairs.size // 2))
        if pairs.size % 2 or not mask or not all(0 <= m < pairs.size // 2 for m in mask):
            raise s.fail(
                f"has {pairs.size} numbers as anchors and mask {shortened(mask)}; correct the file"
            )
        if x.ndim != 4 or x.shape[3] != len(mask) * (5 + classes):
            raise s.fail(
                f"has {x.shape[-1]} channels in front of it; expected {len(mask)} anchors · (5 + {classes}); correct the file"
            )
        batch, rows, columns, _ = x.shape
        values = ps.reshape(x, (batch, rows, columns, len(mask), 5 + classes))
        self.heads.append(Head(values, pairs.reshape(-1, 2)[mask], stretch))
        return x
