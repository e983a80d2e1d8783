"""`keras.backend`, `keras.config`, `keras.dtype_policies`, `keras.tree` and `keras.mixed_precision` as real Keras has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from penstock import keras

NAMES = ["bool", "uint8", "int8", "int16", "int32", "float16", "bfloat16", "float32"]


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """Put everything back."""
    yield
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.config.set_dtype_policy(None)
    keras.config.enable_interactive_logging()


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NAMES, [*NAMES, int, float])))
def test_result_type(real: Any, a: str, b: Any) -> None:
    assert keras.backend.result_type(a, b) == real.backend.result_type(a, b)


def test_result_type_of_long_whole_numbers() -> None:
    assert keras.backend.result_type("int64", "int32", int) == "int64"
    assert keras.backend.result_type("int64", "float16") == "float16"
    assert keras.backend.result_type("uint64", "int8") == "float32"
    with pytest.raises(ValueError, match="strings cannot be computed with"):
        keras.backend.result_type("string", "int32")


@pytest.mark.parametrize(
    "dtype",
    [None, int, float, bool, str, "bfloat16", np.float16, np.dtype("int8"), "float8_e4m3fn"],
)
def test_standardize_dtype(real: Any, dtype: Any) -> None:
    assert keras.backend.standardize_dtype(dtype) == real.backend.standardize_dtype(dtype)
    assert keras.backend.is_float_dtype(dtype) == real.backend.is_float_dtype(dtype)
    assert keras.backend.is_int_dtype(dtype) == real.backend.is_int_dtype(dtype)


def test_clear_session_begins_names_and_counts_anew() -> None:
    keras.layers.Dense(1)
    keras.backend.get_uid("count")
    keras.utils.clear_session()
    assert keras.layers.Dense(1).name == "dense"
    assert keras.backend.get_uid("count") == 1


def test_fit_obeys_the_limits() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 2), np.float32)
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    history = model.fit(x, x[:, :1], batch_size=1, epochs=5, verbose=0)
    assert len(history.history["loss"]) == 2
    assert int(model.optimizer.iterations.numpy()) == 6
    assert len(model.predict(x, batch_size=1)) == 3


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "4")
    assert keras.config.max_epochs() == 4
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "many")
    with pytest.raises(
        ValueError, match="KERAS_MAX_STEPS_PER_EPOCH is 'many'; set it to a whole number"
    ):
        keras.config.max_steps_per_epoch()


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: keras.config.set_max_epochs(-1), "None for no limit"),
        (lambda: keras.config.set_backend("jax"), "leave the call out"),
        (lambda: keras.dtype_policies.DTypePolicy("float33"), "such as 'float32'"),
        (lambda: keras.dtype_policies.QuantizedDTypePolicy("int3"), "use one of int8"),
        (lambda: keras.dtype_policies.GPTQDTypePolicy("gptq/4"), "such as 'gptq/4/128'"),
        (lambda: keras.dtype_policies.Int4DTypePolicy("int4/0"), "-1 for one group"),
        (lambda: keras.backend.standardize_dtype("float33"), "such as 'float32'"),
        (lambda: keras.tree.assert_same_paths({"a": 1}, {"b": 1}), "the same keys"),
    ],
)
def test_errors_say_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()


POLICIES = [
    "P.DTypePolicy('mixed_bfloat16')",
    "P.get('int8_from_float32')",
    "P.get('float8_from_mixed_float16')",
    "P.QuantizedDTypePolicy('int4', 'float32')",
    "P.Int4DTypePolicy('int4/64', 'mixed_float16')",
    "P.GPTQDTypePolicy('gptq/4/128', 'float32')",
    "P.AWQDTypePolicy('awq/4/128', 'float32')",
    "P.QuantizedFloat8DTypePolicy('float8', amax_history_length=3)",
    "P.DTypePolicyMap('float32', {'a/b': 'mixed_bfloat16'})",
]


@pytest.mark.parametrize("text", POLICIES)
def test_policies(real: Any, text: str) -> None:
    want, got = (eval(text, {"P": k.dtype_policies}) for k in (real, keras))  # noqa: S307 - of the list above
    if not isinstance(got, keras.dtype_policies.DTypePolicyMap):
        assert (got.name, got.get_config()) == (want.name, want.get_config())
        assert keras.dtype_policies.serialize(got) == real.dtype_policies.serialize(want)
    assert (got.compute_dtype, got.variable_dtype) == (want.compute_dtype, want.variable_dtype)
    assert got.quantization_mode == want.quantization_mode
    assert keras.dtype_policies.deserialize(keras.dtype_policies.serialize(got)) == got


def test_a_map_finds_policies_by_path_and_pattern() -> None:
    policies = keras.dtype_policies.DTypePolicyMap(
        policy_map={"a/.*": "mixed_bfloat16", "a/b": "float16"}
    )
    assert [policies[key].name for key in ("a/b", "a/c", "c")] == [
        "float16",
        "mixed_bfloat16",
        "float32",
    ]
    with pytest.raises(ValueError, match="delete it first"):
        policies["a/b"] = "float32"


def test_the_global_policy_is_taken_by_layers() -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert keras.layers.Dense(1).compute_dtype == "bfloat16"


TREES: list[Any] = [
    lambda t: t.map_structure_up_to((1, 2), lambda a, b: (a, b), (3, 4), ((5, 6), 7)),
    lambda t: t.map_structure_up_to({"a": None}, lambda a: a, {"a": [1, 2]}),
    lambda t: t.assert_same_paths([1, (2,)], [3, [4]]),
    lambda t: t.assert_same_structure([1, (2,)], [1, (3,)]),
    lambda t: t.traverse(lambda x: t.MAP_TO_NONE if x == 1 else None, [1, (2, 1)]),
]  # fmt: skip


@pytest.mark.parametrize("call", TREES)
def test_trees(real: Any, call: Any) -> None:
    assert call(keras.tree) == call(real.tree)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.assert_same_structure([1, (2,)], [1, [2]]),
        lambda t: t.assert_same_structure({"a": 1}, {"a": [1]}),
        lambda t: t.map_structure_up_to((1, 2), lambda a: a, (3,)),
        lambda t: t.assert_same_paths({"a": 1}, {"a": [1]}),
    ],
)
def test_trees_of_other_forms_are_refused(real: Any, call: Any) -> None:
    for library in (real, keras):
        with pytest.raises(ValueError, match=r".+"):
            call(library.tree)


def test_optimizers_of_keras_2_name_the_present_ones() -> None:
    with pytest.raises(ImportError, match=r"use keras\.optimizers\.Adam"):
        keras.optimizers.legacy.Adam(0.1)
