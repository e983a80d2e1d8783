"""`keras.quantizers` as real Keras has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -4.0]], np.float32)
Y = np.arange(24, dtype=np.float32).reshape(8, 3) - 11
P = np.array([[1, -2, 3], [4, -5, -8], [7, 0, 2]], np.int8)
A = np.array([0.3, 1.7, 500.0, -3.14159, 1e-3, 0.0], np.float32)
pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras on torch
CALLS: list[Any] = [
    lambda q, t: q.abs_max_quantize(t(X), 0),
    lambda q, t: q.abs_max_quantize(t(X), -1, value_range=(-8, 7)),
    lambda q, t: q.abs_max_quantize(t(X), (0, 1), to_numpy=True),
    lambda q, t: q.AbsMaxQuantizer(axis=0)(t(X)),
    lambda q, t: q.abs_max_quantize_grouped_with_zero_point(t(Y), 4),
    lambda q, t: q.abs_max_quantize_grouped_with_zero_point(t(Y), 5),
    lambda q, t: q.abs_max_quantize_grouped_with_zero_point(t(Y * 0), 4),
    lambda q, t: q.compute_float8_scale(
        t(np.float32([2, 0, np.inf])), t(np.float32([1, 5, 6])), 448.0
    ),
    lambda q, t: q.compute_float8_scale(t(np.float32([2])), t(np.float32([1])), 448.0, margin=2),
    lambda q, t: q.compute_float8_amax_history(t(X), t(np.float32([1, 2, 3, 9]))),
    lambda q, t: q.quantize_and_dequantize(t(A), t(np.float32(1)), "float8_e4m3fn", "float32"),
    lambda q, t: q.quantize_and_dequantize(t(A), t(np.float32(2)), "float8_e5m2", "float32"),
    lambda q, t: q.pack_int4(t(P)),
    lambda q, t: q.pack_int4(t(P), axis=1),
    lambda q, t: q.unpack_int4(t(np.array([[65, -66, -125], [7, 0, 2]], np.int8)), 3),
    lambda q, t: q.fake_quant_with_min_max_vars(t(X), -1.0, 2.0),
    lambda q, t: q.fake_quant_with_min_max_vars(t(X), -1.0, 2.0, num_bits=4, narrow_range=True),
    lambda q, t: q.fake_quant_with_min_max_vars(
        t(X), t(np.float32([-1, -2, -3])), t(np.float32([2, 2, 3])), axis=1
    ),
]


def plain(library: Any, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [plain(library, item) for item in value]
    if isinstance(value, int):
        return value
    array = np.asarray(library.ops.convert_to_numpy(value))
    return array.dtype.name, array


@pytest.mark.parametrize("call", CALLS)
def test_functions(real: Any, call: Any) -> None:
    want, got = (plain(k, call(k.quantizers, k.ops.convert_to_tensor)) for k in (real, keras))
    compare(want, got)


def compare(want: Any, got: Any) -> None:
    if isinstance(want, list):
        assert len(want) == len(got)
        for a, b in zip(want, got, strict=True):
            compare(a, b)
    elif isinstance(want, int):
        assert want == got
    else:
        assert want[0] == got[0]
        np.testing.assert_allclose(got[1], want[1], rtol=1e-5, atol=1e-6)


CONFIGS = [
    "Q.AbsMaxQuantizer(axis=(0, 1))",
    "Q.Int8QuantizationConfig()",
    "Q.Int4QuantizationConfig(block_size=64)",
    "Q.Float8QuantizationConfig()",
    "Q.Int8QuantizationConfig(Q.AbsMaxQuantizer(axis=0), None)",
    "Q.GPTQConfig(None, None, group_size=64)",
    "Q.AWQConfig(None, None)",
]


@pytest.mark.parametrize("text", CONFIGS)
def test_configurations(real: Any, text: str) -> None:
    want, got = (eval(text, {"Q": k.quantizers}) for k in (real, keras))  # noqa: S307 - of the list above
    assert keras.quantizers.serialize(got) == real.quantizers.serialize(want)
    if hasattr(got, "mode"):
        assert got.mode == want.mode
    again = keras.quantizers.deserialize(keras.quantizers.serialize(got))
    assert again.get_config() == got.get_config()


def test_gradients_pass_inside_of_the_range_only() -> None:
    x = ps.asarray(np.array([-2.0, 0.3, 5.0], np.float32))
    with ps.GradientTape() as tape:
        tape.watch(x)
        y = keras.quantizers.fake_quant_with_min_max_vars(x, -1.0, 2.0)
    assert tape.gradient(y, x).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda q: q.pack_int4(P, dtype="int16"), "use 'int8' or 'uint8'"),
        (lambda q: q.abs_max_quantize_grouped_with_zero_point(X[0], 2), "give a matrix"),
        (lambda q: q.quantize_and_dequantize(X, 1.0, "int8", "float32"), "use 'float8_e4m3fn'"),
        (lambda q: q.GPTQConfig(None, None, weight_bits=5), "use 2, 3, 4 or 8"),
        (lambda q: q.AWQConfig(None, None, group_size=0), "-1 for one group"),
        (lambda q: q.get("absmax"), "there are AWQConfig"),
    ],
)
def test_errors_say_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(keras.quantizers)
