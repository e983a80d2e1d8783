"""`keras.ops` against NumPy, and as parts of models that are saved."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from penstock import keras

ops = keras.ops
A = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
WHOLE = np.arange(6, dtype=np.int32).reshape(2, 3)


def array(x: Any) -> Any:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "std", "var", "max", "min", "cumsum", "argmax", "sort"]
)
@pytest.mark.parametrize("axis", [0, 1])
def test_reductions(name: str, axis: int) -> None:
    got, want = array(getattr(ops, name)(A, axis=axis)), getattr(np, name)(A, axis=axis)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("made", "dtype"),
    [
        (ops.sum(WHOLE), "int32"),
        (ops.mean(WHOLE), "float32"),
        (ops.exp(WHOLE), "float32"),
        (ops.sum(WHOLE > 2), "int32"),
        (ops.arange(3), "int32"),
        (ops.top_k(A, 2)[1], "int32"),
    ],
)
def test_dtypes(made: Any, dtype: str) -> None:
    assert array(made).dtype == dtype


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: ops.concatenate([x + 1, 2 - x * x], axis=-1)[:, ::2],
        lambda x: ops.reshape(ops.softmax(ops.mean(x, axis=1, keepdims=True)), (-1, 2, 2)),
        lambda x: ops.where(x > 0, x, ops.exp(x)) @ ops.transpose(x, (0, 2, 1)),
        lambda x: ops.einsum("bij,bkj->bik", x, x)[..., 0],
        lambda x: ops.split(x, 2, axis=2)[1] / 3,
    ],
)
def test_models_of_functions_come_back_from_their_configuration(fn: Any) -> None:
    begin = keras.Input((5, 4))
    model = keras.Model(begin, fn(begin))
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    again = keras.saving.deserialize_keras_object(data)
    x = np.random.default_rng(1).normal(size=(2, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(array(again(x)), array(fn(ops.convert_to_tensor(x))))
    assert again.output_shape == model.output_shape


def test_operations_are_written_as_keras_writes_them() -> None:
    begin = keras.Input((5,))
    model = keras.Model(begin, ops.mean(begin, axis=1))
    data = keras.saving.serialize_keras_object(model)["config"]["layers"][1]
    assert (data["module"], data["class_name"]) == ("keras.src.ops.numpy", "Mean")
    assert data["config"] == {"name": data["name"], "axis": 1, "keepdims": False}
    assert data["registered_name"] == "Mean"
