"""Activation functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import penstock as ps
from penstock_keras_api import _lookup, context
from penstock_keras_api.saving import serialization


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """Let numbers above a threshold pass: max(x, 0) by default.

    Args:
        x: [...], any real dtype.
        negative_slope: The slope below the threshold.
        max_value: The greatest result; None for no bound.
        threshold: Where the slope changes.

    Returns:
        [...], of x's dtype.

    >>> from penstock import keras
    >>> keras.activations.relu([-1.0, 0.5, 7.0], max_value=6.0).tolist()
    [0.0, 0.5, 6.0]
    """
    x = _float(x)
    if not negative_slope and not threshold:
        if max_value is None:
            return ps.nn.relu(x)
        return ps.nn.relu6(x) if max_value == 6 else ps.minimum(ps.nn.relu(x), max_value)
    above = (
        ps.where(x >= threshold, x, negative_slope * (x - threshold))
        if negative_slope
        else x * ps.cast(x > threshold, x.dtype)
    )
    return above if max_value is None else ps.minimum(above, max_value)


def _simple(name: str, compute: Any, line: str) -> Any:
    """Make an activation of one argument."""

    def activation(x: Any) -> Any:
        return compute(_float(x))

    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = f"""{line}

    Args:
        x: [...], a float dtype.

    Returns:
        [...], of x's dtype.
    """
    return activation


relu6 = _simple("relu6", ps.nn.relu6, "Keep numbers between 0 and 6: min(max(x, 0), 6).")
tanh = _simple("tanh", ps.tanh, "Squeeze between -1 and 1: tanh x.")
silu = _simple("silu", ps.nn.silu, "Weigh with the sigmoid: x · sigmoid(x).")
selu = _simple(
    "selu", ps.nn.selu, "Scale so that mean 0 and variance 1 stay: 1.0507 · elu(x, 1.6733)."
)
softplus = _simple("softplus", ps.nn.softplus, "Bend smoothly: log(1 + eˣ).")
softsign = _simple("softsign", ps.nn.softsign, "Squeeze between -1 and 1: x / (1 + |x|).")
hard_sigmoid = _simple(
    "hard_sigmoid", ps.nn.hard_sigmoid, "Squeeze between 0 and 1 by three lines: relu6(x + 3) / 6."
)
hard_silu = _simple(
    "hard_silu", ps.nn.hard_swish, "Weigh with the hard sigmoid: x · relu6(x + 3) / 6."
)
hard_tanh = _simple("hard_tanh", lambda x: ps.clip(x, -1.0, 1.0), "Keep numbers between -1 and 1.")
mish = _simple("mish", ps.nn.mish, "Weigh smoothly: x · tanh(softplus(x)).")
log_sigmoid = _simple("log_sigmoid", ps.nn.log_sigmoid, "Take the logarithm of the sigmoid.")
tanh_shrink = _simple(
    "tanh_shrink", ps.nn.tanh_shrink, "Take away the hyperbolic tangent: x - tanh x."
)
sparse_plus = _simple("sparse_plus", ps.nn.sparse_plus, "Bend by a parabola between -1 and 1.")
sparse_sigmoid = _simple(
    "sparse_sigmoid", ps.nn.sparse_sigmoid, "Squeeze by a line between -1 and 1."
)
exponential = _simple("exponential", ps.exp, "Take the exponential function.")


def linear(x: Any) -> Any:
    """Return what it is given."""
    return x


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Bend towards -alpha: x where it is positive, else alpha · (eˣ - 1)."""
    return ps.nn.elu(_float(x), alpha)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Bend smoothly towards -alpha: max(x, 0) + min(alpha · (e^(x / alpha) - 1), 0)."""
    return ps.nn.celu(_float(x), alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Weigh with the normal distribution: x · Φ(x); by a hyperbolic tangent if `approximate`."""
    return ps.nn.gelu(_float(x), approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """Weigh one half with the sigmoid of the other."""
    return ps.nn.glu(_float(x), axis)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Let negative numbers pass with a slope."""
    return ps.nn.leaky_relu(_float(x), negative_slope)


def sigmoid(x: Any) -> Any:
    """Squeeze between 0 and 1: 1 / (1 + e⁻ˣ)."""
    logits = _float(x)
    made = ps.nn.sigmoid(logits)
    context.set_logits(made, logits, "sigmoid")
    return made


def softmax(x: Any, axis: int = -1) -> Any:
    """Make probabilities: eˣ / Σeˣ along an axis."""
    logits = _float(x)
    made = ps.nn.softmax(logits, axis)
    if axis in (-1, made.ndim - 1):
        context.set_logits(made, logits, "softmax")
    return made


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Make logarithms of probabilities along an axis."""
    return ps.nn.log_softmax(_float(x), axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Make numbers of which many are 0, along an axis: max(x - τ, 0).

    As in Keras, whose τ adds up more than the projection on probabilities asks for: the numbers add up to 1 only
    where one of them is left. `penstock.nn.sparsemax` is that projection.

    Args:
        x: [...], a float dtype.
        axis: Along which axis.

    Returns:
        [...], of x's dtype.

    >>> from penstock import keras
    >>> keras.activations.sparsemax([[3.0, 1.0, 1.0]]).tolist()
    [[1.0, 0.0, 0.0]]
    """
    x = _float(x)
    falling = ps.sort(x, axis=axis, descending=True)
    sums = ps.cumsum(falling, axis=axis)
    ranks = ps.cumsum(ps.ones_like(x), axis=axis)
    counted = ps.cast(falling - (sums - 1) / ranks > 0, x.dtype)
    total = ps.sum(sums * counted, axis=axis, keepdims=True)
    shift = (total - 1) / ps.sum(counted, axis=axis, keepdims=True)
    return ps.maximum(x - shift, 0.0)


def squareplus(x: Any, b: float = 4) -> Any:
    """Bend by a root: (x + √(x² + b)) / 2."""
    return ps.nn.squareplus(_float(x), b)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Move towards 0 by a threshold."""
    return ps.nn.soft_shrink(_float(x), threshold)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Put 0 in place of numbers within a threshold."""
    return ps.nn.hard_shrink(_float(x), threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Put a value in place of numbers up to a threshold."""
    return ps.nn.threshold(_float(x), threshold, default_value)


swish, hard_swish = silu, hard_silu
_KNOWN: dict[str, Any] = {
    f.__name__: f
    for f in (
        celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear,
        log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
        sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold,
    )
} | {"swish": silu, "hard_swish": hard_silu}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return an activation function: of a name, a configuration, or itself; `linear` for None.

    Raises:
        ValueError: It stands for none.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Mapping) and identifier.get("class_name") == "function":
        name = str(identifier["config"])
        return _KNOWN.get(name) or serialization.deserialize_keras_object(identifier)
    return _lookup.find("activation", identifier, _KNOWN, instantiate=False)


def serialize(activation: Any) -> Any:
    """Return an activation as plain data: its name, if it is one of these."""
    name = getattr(activation, "__name__", "")
    if _KNOWN.get(name) is activation:
        return name
    return serialization.serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make an activation of plain data."""
    return _lookup.find(
        "activation", config, _KNOWN, instantiate=False, custom_objects=custom_objects
    )


def _float(x: Any) -> Any:
    from penstock_keras_api import config

    t = ps.asarray(x)
    return t if t.dtype.kind == "float" else ps.cast(t, config.floatx())
