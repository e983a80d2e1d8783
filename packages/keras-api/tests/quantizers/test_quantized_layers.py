"""Layers with integers for weights, and low-rank updates, against real Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4)).astype(np.float32)


def numbers(k: Any, value: Any) -> Any:
    return value if isinstance(value, int | tuple) else np.asarray(k.ops.convert_to_numpy(value))


LAYERS = {
    "dense": ("Dense(5, activation='relu')", (None, 300), lambda: RNG.normal(size=(3, 300))),
    "embedding": ("Embedding(6, 5)", None, lambda: RNG.integers(0, 6, (3, 2))),
    "einsum": ("EinsumDense('abc,cde->abde', (None, 3, 2), bias_axes='de')", (None, 2, 4), lambda: RNG.normal(size=(3, 2, 4))),
    "turned": ("EinsumDense('abc,edc->abde', (None, 3, 2))", (None, 2, 4), lambda: RNG.normal(size=(3, 2, 4))),
}  # fmt: skip
CASES = [
    (name, mode)
    for name in LAYERS
    for mode in ("int8", "int4", "int4/-1")
    if name in ("dense", "embedding") or mode == "int8"
]


def pair(real: Any, name: str) -> tuple[Any, Any, Any]:
    expression, shape, draw = LAYERS[name]
    made = [eval(f"layers.{expression}", {"layers": k.layers}) for k in (keras, real)]  # noqa: S307 - above
    for layer in made:
        layer.build(shape)
    weights = [RNG.normal(size=np.shape(w)).astype("f") for w in made[0].get_weights()]
    for layer in made:
        layer.set_weights(weights)
    x = draw()
    return made[0], made[1], x.astype("f") if x.dtype == float else x


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_layers(real: Any, name: str, mode: str) -> None:
    ours, theirs, x = pair(real, name)
    plain = ours(x).numpy()
    stores = []
    for k, layer in ((keras, ours), (real, theirs)):
        config = k.quantizers.Int4QuantizationConfig(block_size=-1) if mode == "int4/-1" else None
        layer.quantize(mode.partition("/")[0], config=config)
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        stores.append({key: numbers(k, value) for key, value in store.items()})
    for key, value in stores[1].items():
        np.testing.assert_allclose(stores[0][key], value, rtol=1e-6)
    assert stores[0].keys() == stores[1].keys()
    np.testing.assert_allclose(ours(x).numpy(), numbers(real, theirs(x)), rtol=1e-4, atol=1e-4)
    assert 0 < np.abs(ours(x).numpy() - plain).max() < (0.5 if mode == "int8" else 8.0)
    a, b = ours.get_config(), theirs.get_config()
    assert a["quantization_config"] == b["quantization_config"]
    assert a["dtype"] == b["dtype"]


@pytest.mark.filterwarnings("ignore:Layer InputLayer:UserWarning")  # Keras's own
@pytest.mark.filterwarnings("ignore:Layer BatchNormalization:UserWarning")
def test_quantised_models_go_both_ways(real: Any, tmp_path: Path) -> None:
    def made(k: Any) -> Any:
        layers = [
            k.layers.Dense(6, name="a"),
            k.layers.BatchNormalization(),
            k.layers.Dense(2, name="b"),
        ]
        model = k.Sequential([k.Input((4,)), *layers])
        model.quantize("int8", filters="a")
        model.layers[2].quantize("int4")
        return model

    for k, other, name in ((keras, real, "ours"), (real, keras, "theirs")):
        model = made(k)
        model.save(tmp_path / f"{name}.keras")
        again = other.saving.load_model(tmp_path / f"{name}.keras")
        assert [getattr(layer, "quantization_mode", None) for layer in again.layers] == [
            "int8",
            None,
            "int4",
        ]
        np.testing.assert_allclose(
            numbers(other, again(X)), numbers(k, model(X)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", ["dense", "embedding", "einsum"])
def test_low_rank_updates(real: Any, name: str) -> None:
    ours, theirs, x = pair(real, name)
    before = ours(x).numpy()
    matrix = "embeddings" if name == "embedding" else "kernel"
    for layer in (ours, theirs):
        layer.enable_lora(2, lora_alpha=6)
    np.testing.assert_array_equal(ours(x).numpy(), before)  # an update begins with nothing
    names = [f"lora_{matrix}_{part}" for part in "ab"]
    for key in names:
        value = RNG.normal(size=getattr(ours, key).shape).astype("f")
        getattr(ours, key).assign(value)
        getattr(theirs, key).assign(value)
    np.testing.assert_allclose(ours(x).numpy(), numbers(real, theirs(x)), rtol=1e-3, atol=1e-3)
    assert [v.name for v in ours.trainable_variables] == [
        v.name for v in theirs.trainable_variables
    ]
    stores: list[dict[str, Any]] = [{}, {}]
    ours.save_own_variables(stores[0])
    theirs.save_own_variables(stores[1])
    np.testing.assert_allclose(stores[0]["0"], numbers(real, stores[1]["0"]), rtol=1e-4, atol=1e-5)
    expected = ours(x).numpy()
    ours.load_own_variables(stores[0])  # merged
    np.testing.assert_allclose(ours(x).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_only_the_update_is_trained() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, use_bias=False)])
    layer = model.layers[0]
    layer.enable_lora(1)
    kernel = layer.kernel.numpy()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((7, 2), "f"), verbose=0)
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    assert np.abs(layer.lora_kernel_b.numpy()).max() > 0


def test_gradients_pass_rounded_inputs() -> None:
    layer = keras.layers.Dense(2, use_bias=False)
    layer.build((None, 4))
    kernel = layer.kernel.numpy()
    layer.quantize("int8")
    x = ps.asarray(X)
    with ps.GradientTape() as tape:
        tape.watch(x)
        y = ps.sum(layer(x))
    np.testing.assert_allclose(
        tape.gradient(y, x).numpy(), np.tile(kernel.sum(1), (7, 1)), atol=0.05
    )


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda d: d.quantize(), r"quantize\('int8'\)"),
        (lambda d: d.quantize("int3"), "use one of int8, int4, float8"),
        (lambda d: d.quantize("float8"), "use 'int8' or 'int4'"),
        (
            lambda d: d.quantize("int8", config=keras.quantizers.Int4QuantizationConfig()),
            "give one of them",
        ),
        (lambda d: (d.quantize("int8"), d.quantize("int8")), "load its floats again"),
        (lambda d: keras.layers.Dense(2).quantize("int8"), r"build\(input_shape\)"),
        (lambda d: keras.layers.Dense(2).enable_lora(1), r"build\(input_shape\)"),
        (lambda d: (d.enable_lora(1), d.enable_lora(1)), "save the model to merge it"),
        (
            lambda d: keras.layers.BatchNormalization().quantize("int8"),
            "quantise Dense, EinsumDense and",
        ),
        (
            lambda d: keras.Sequential([keras.Input((2,)), keras.layers.Flatten()]).quantize(
                "int8"
            ),
            "Embedding layers can",
        ),
    ],
)
def test_errors_say_what_to_do(call: Any, remedy: str) -> None:
    layer = keras.layers.Dense(2)
    layer.build((None, 4))
    with pytest.raises((ValueError, NotImplementedError), match=remedy):
        call(layer)
