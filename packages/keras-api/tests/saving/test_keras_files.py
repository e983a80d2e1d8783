"""Files of models and weights go both ways between real Keras and ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from penstock import keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras's own
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

LAYERS = {
    "dense": ((4,), ["Dense(3, activation='relu')", "Dense(2, use_bias=False)"]),
    "einsum": ((3, 4), ["EinsumDense('abc,cd->abd', output_shape=(None, 5), bias_axes='d')"]),
    "conv": ((8, 8, 3), ["Conv2D(4, 3, padding='same')", "DepthwiseConv2D(3)", "SeparableConv2D(2, 3)"]),
    "conv_transpose": ((5, 2), ["Conv1DTranspose(3, 3, strides=2)", "Conv1D(2, 2)"]),
    "conv3d": ((4, 4, 4, 2), ["Conv3D(2, 2)", "Conv3DTranspose(2, 2)"]),
    "norms": ((6, 4), ["BatchNormalization()", "LayerNormalization()", "GroupNormalization(2)", "UnitNormalization()"]),
    "rms": ((6,), ["RMSNormalization()"]),
    "spectral": ((6,), ["SpectralNormalization(layers.Dense(3))"]),
    "recurrent": ((5, 3), ["LSTM(4, return_sequences=True, dropout=0.1)", "GRU(3, return_sequences=True)", "SimpleRNN(2)"]),
    "bidirectional": ((5, 3), ["Bidirectional(layers.LSTM(2, return_sequences=True))", "Bidirectional(layers.GRU(2))"]),
    "cells": ((5, 3), ["RNN([layers.GRUCell(2), layers.LSTMCell(3), layers.SimpleRNNCell(2)])"]),
    "conv_lstm": ((3, 6, 2), ["ConvLSTM1D(3, 3)"]),
    "time_distributed": ((5, 3), ["TimeDistributed(layers.Dense(4))"]),
    "activations": ((4, 3), ["PReLU()", "ReLU(0.5)", "LeakyReLU()", "ELU()", "Softmax()", "Activation('tanh')"]),
    "regularization": ((6,), ["Dropout(0.2)", "GaussianNoise(0.1)", "ActivityRegularization(0.1)", "Dense(2, kernel_regularizer='l2')"]),
    "reshaping": ((4, 4, 2), ["ZeroPadding2D(1)", "Cropping2D(1)", "UpSampling2D(2)", "Permute((2, 1, 3))", "Reshape((-1, 2))", "Flatten()"]),
    "pooling": ((8, 2), ["MaxPooling1D(2)", "AveragePooling1D(2)", "GlobalAveragePooling1D()", "RepeatVector(2)"]),
}  # fmt: skip


def chain(k: Any, shape: tuple[int, ...], expressions: list[str]) -> Any:
    layers = [eval(f"layers.{e}", {"layers": k.layers}) for e in expressions]  # noqa: S307 - above
    return k.Sequential([k.Input(shape), *layers])


def attention(k: Any) -> Any:
    x = k.Input((4, 6), name="x")
    y = k.layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x)
    z = k.layers.GroupQueryAttention(4, 4, 2)(y, x)
    a = k.layers.Attention(use_scale=True)([z, x])
    b = k.layers.AdditiveAttention()([a, x])
    return k.Model(x, k.layers.Dense(2)(k.layers.Add()([a, b])))


def nested(k: Any) -> Any:
    x = k.Input((3,), name="x")
    other = k.Input((3,), name="other")
    inner = k.Sequential(
        [k.Input((3,)), k.layers.Dense(3), k.layers.BatchNormalization()], name="inner"
    )
    shared = k.layers.Dense(3, name="shared")
    y = shared(inner(x)) + k.ops.relu(shared(inner(other)))
    return k.Model({"x": x, "other": other}, [k.layers.Dense(1, name="head")(y), y])


def embedded(k: Any) -> Any:
    x = k.Input((5,), dtype="int32")
    y = k.layers.Embedding(7, 3, mask_zero=True)(x)
    return k.Model(x, k.layers.LSTM(2)(y))


MODELS = {"attention": attention, "nested": nested, "embedded": embedded}


def inputs_of(model: Any) -> Any:
    rng = np.random.default_rng(0)

    def draw(t: Any) -> Any:
        shape = (3, *t.shape[1:])
        integer = "int" in str(t.dtype)
        return rng.integers(0, 7, shape) if integer else rng.normal(size=shape).astype(np.float32)

    if len(model.inputs) > 1:
        return {t.name: draw(t) for t in model.inputs}
    return draw(model.inputs[0])


def outputs(k: Any, model: Any) -> list[Any]:
    made = model(inputs_of(model), training=False)
    flat = made if isinstance(made, list) else [made]
    return [np.asarray(k.ops.convert_to_numpy(t)) for t in flat]


def tree_of(path: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: getattr(item, "shape", None)}))
    return found


def same_outputs(real: Any, ours: Any, theirs: Any) -> None:
    for a, b in zip(outputs(keras, ours), outputs(real, theirs), strict=True):
        exact = a.dtype == np.float32
        np.testing.assert_allclose(
            a.astype("f"), b.astype("f"), rtol=1e-4 if exact else 2e-2, atol=1e-5 if exact else 1e-2
        )


def check_both_ways(real: Any, ours: Any, theirs: Any, folder: Path) -> None:
    theirs.save(folder / "theirs.keras")
    theirs.save_weights(folder / "theirs.weights.h5")
    same_outputs(real, keras.saving.load_model(folder / "theirs.keras"), theirs)
    ours.load_weights(folder / "theirs.weights.h5")
    same_outputs(real, ours, theirs)
    ours.save(folder / "ours.keras")
    ours.save_weights(folder / "ours.weights.h5")
    same_outputs(real, ours, real.saving.load_model(folder / "ours.keras"))
    assert tree_of(folder / "ours.weights.h5") == tree_of(folder / "theirs.weights.h5")


@pytest.mark.parametrize("name", LAYERS)
def test_layers(real: Any, tmp_path: Path, name: str) -> None:
    check_both_ways(real, chain(keras, *LAYERS[name]), chain(real, *LAYERS[name]), tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_models(real: Any, tmp_path: Path, name: str) -> None:
    check_both_ways(real, MODELS[name](keras), MODELS[name](real), tmp_path)


OPTIMIZERS = [
    "SGD(momentum=0.9)", "RMSprop(momentum=0.5, centered=True)", "Adam(amsgrad=True)", "Adam(use_ema=True)", "AdamW()",
    "Adagrad()", "Adadelta()", "Adamax()", "Nadam()", "Ftrl()", "Lion()", "Lamb()", "Adafactor()", "Muon()",
    "ScheduleFreeAdamW()", "LossScaleOptimizer(optimizers.SGD(momentum=0.9))", "Adam(gradient_accumulation_steps=2)",
    "SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))",
]  # fmt: skip


def trained(k: Any, expression: str) -> Any:
    model = chain(
        k,
        (4,),
        [
            "Dense(3, use_bias=False, name='a')",
            "BatchNormalization(name='b')",
            "Dense(2, name='c')",
        ],
    )
    optimizer = eval(f"optimizers.{expression}", {"optimizers": k.optimizers})  # noqa: S307 - below
    model.compile(optimizer, k.losses.MeanSquaredError(), metrics=[k.metrics.MeanAbsoluteError()])
    return model


def step(model: Any) -> None:
    rng = np.random.default_rng(1)
    model.train_on_batch(rng.normal(size=(6, 4)).astype("f"), rng.normal(size=(6, 2)).astype("f"))


def state(k: Any, model: Any) -> list[Any]:
    return [np.asarray(k.ops.convert_to_numpy(v.value)) for v in model.optimizer.variables]


@pytest.mark.parametrize("expression", OPTIMIZERS)
def test_training_goes_on(real: Any, tmp_path: Path, expression: str) -> None:
    """A model saved in the middle of training, and loaded by the other, trains on as it would have."""
    if expression.startswith("ScheduleFree") and real.backend.backend() == "torch":
        pytest.skip("on PyTorch, Keras takes other steps than on its other backends")
    for (k, other), name in (((real, keras), "theirs"), ((keras, real), "ours")):
        model = trained(k, expression)
        step(model)
        step(model)
        model.save(tmp_path / f"{name}.keras")
        again = other.saving.load_model(tmp_path / f"{name}.keras")
        for a, b in zip(state(k, model), state(other, again), strict=True):
            np.testing.assert_array_equal(a, b)
        step(model)
        step(again)
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("expression", [e for e in OPTIMIZERS if e[:4] not in ("Adaf", "Lamb")])
def test_training_goes_on_from_an_old_file(real: Any, tmp_path: Path, expression: str) -> None:
    """Keras writes the optimizer's state, too, though it does not read it; Adafactor's and Lamb's it cannot."""
    theirs = trained(real, expression)
    step(theirs)
    theirs.save(tmp_path / "theirs.h5")
    ours = keras.saving.load_model(tmp_path / "theirs.h5")
    for a, b in zip(state(real, theirs), state(keras, ours), strict=True):
        np.testing.assert_array_equal(a, b)
    ours.save(tmp_path / "ours.h5")
    again = keras.saving.load_model(tmp_path / "ours.h5")
    for a, b in zip(state(keras, ours), state(keras, again), strict=True):
        np.testing.assert_array_equal(a, b)
    same_outputs(real, ours, real.saving.load_model(tmp_path / "ours.h5"))


@pytest.mark.parametrize("name", ["dense", "norms", "recurrent", "conv"])
def test_old_files(real: Any, tmp_path: Path, name: str) -> None:
    ours, theirs = chain(keras, *LAYERS[name]), chain(real, *LAYERS[name])
    theirs.save(tmp_path / "theirs.h5")
    same_outputs(real, keras.saving.load_model(tmp_path / "theirs.h5"), theirs)
    ours.load_weights(tmp_path / "theirs.h5")
    same_outputs(real, ours, theirs)
    ours.save(tmp_path / "ours.h5")
    same_outputs(real, ours, real.saving.load_model(tmp_path / "ours.h5"))
    assert set(tree_of(tmp_path / "ours.h5")) >= {
        k for k in tree_of(tmp_path / "theirs.h5") if "top_level" not in k and "/" not in k
    }


def test_layers_are_found_by_name(tmp_path: Path) -> None:
    chain(keras, (3,), ["Dense(2, name='a')", "Dense(2, name='b')"]).save(tmp_path / "x.h5")
    other = chain(keras, (2,), ["Dense(2, name='b')", "Dense(5, name='new')"])
    kept = other.get_weights()
    other.load_weights(tmp_path / "x.h5", by_name=True)
    assert not np.array_equal(other.get_weights()[0], kept[0])
    np.testing.assert_array_equal(other.get_weights()[2], kept[2])


def test_shards(real: Any, tmp_path: Path) -> None:
    ours, theirs = nested(keras), nested(real)
    theirs.save_weights(tmp_path / "theirs.weights.json", max_shard_size=1e-7)
    ours.load_weights(tmp_path / "theirs.weights.json")
    same_outputs(real, ours, theirs)
    ours.save_weights(tmp_path / "ours.weights.json", max_shard_size=1e-7)
    shards = sorted(tmp_path.glob("ours_*.weights.h5"))
    assert [tree_of(p) for p in shards] == [
        tree_of(p) for p in sorted(tmp_path.glob("theirs_*.weights.h5"))
    ]
    assert len(shards) > 1
    again = nested(real)
    again.load_weights(tmp_path / "ours.weights.json")
    same_outputs(real, ours, again)


def test_folder(real: Any, tmp_path: Path) -> None:
    theirs = chain(real, *LAYERS["dense"])
    theirs.save(tmp_path / "theirs", zipped=False)
    ours = keras.saving.load_model(tmp_path / "theirs")
    same_outputs(real, ours, theirs)
    ours.save(tmp_path / "ours", zipped=False)
    same_outputs(real, ours, real.saving.load_model(tmp_path / "ours"))


def blocks(k: Any) -> tuple[Any, Any]:
    """Make a layer and a model of one's own, with attributes of every kind."""

    class Block(k.layers.Layer):  # type: ignore[misc]
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self._hidden = k.layers.Dense(units)
            self._shown = k.layers.Dense(units)
            self.steps = [k.layers.Dense(units), {"q": k.layers.Dense(units)}]
            self.alias = self._hidden
            self.scale = self.add_weight(shape=(units,), initializer="ones", name="scale")

        @property
        def shown(self) -> Any:
            return self._shown

        @property
        def broken(self) -> Any:
            raise ValueError("no value")

        def build(self, input_shape: Any) -> None:
            for layer in (self._hidden, self._shown, self.steps[0], self.steps[1]["q"]):
                layer.build((*input_shape[:-1], self.units))

        def call(self, x: Any) -> Any:
            return self.steps[1]["q"](self.steps[0](self._shown(self._hidden(x)))) * self.scale

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    class Net(k.Model):  # type: ignore[misc]
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.block = Block(units)
            self._last = k.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self._last(self.block(x))

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units}

    for cls in (Block, Net):
        k.saving.register_keras_serializable("saving_tests")(cls)
    return Block, Net


def test_classes_of_ones_own(real: Any, tmp_path: Path) -> None:
    (_, ours_class), (_, theirs_class) = blocks(keras), blocks(real)
    x = np.ones((2, 2), np.float32)
    ours, theirs = ours_class(2), theirs_class(2)
    for k, model in ((keras, ours), (real, theirs)):
        model.compile(k.optimizers.Adam(), k.losses.MeanSquaredError())
        model.train_on_batch(x, np.zeros((2, 1), np.float32))
    theirs.save(tmp_path / "theirs.keras")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    again = keras.saving.load_model(tmp_path / "theirs.keras")
    assert isinstance(again, ours_class)
    np.testing.assert_allclose(again(x).numpy(), theirs(x).detach().numpy(), rtol=1e-5)
    ours.save(tmp_path / "ours.keras")
    ours.save_weights(tmp_path / "ours.weights.h5")
    back = real.saving.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(ours(x).numpy(), back(x).detach().numpy(), rtol=1e-5)
    assert tree_of(tmp_path / "ours.weights.h5") == tree_of(tmp_path / "theirs.weights.h5")
    assert int(again.optimizer.iterations.numpy()) == 1


def test_configurations_are_alike(real: Any) -> None:
    """A shared layer stands in the configuration as Keras writes it."""
    found = [k.saving.serialize_keras_object(nested(k)) for k in (keras, real)]
    ours, theirs = (
        [(layer["class_name"], layer["inbound_nodes"]) for layer in made["config"]["layers"]]
        for made in found
    )
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert [len(nodes) for _, nodes in ours] == [len(nodes) for _, nodes in theirs]
    assert found[0]["module"] == found[1]["module"]
    assert set(found[0]) == set(found[1]) - {"compile_config"}
    assert set(found[0]["config"]) == set(found[1]["config"])


def test_a_layer_in_two_models_is_loaded_as_one(tmp_path: Path) -> None:
    shared = keras.layers.Dense(2, name="shared")
    x = keras.Input((2,))
    inner = keras.Sequential([keras.Input((2,)), shared], name="inner")
    keras.Model(x, shared(inner(x))).save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert again.get_layer("shared") is again.get_layer("inner").layers[0]
    assert len(again.weights) == 2


def test_half_precision(real: Any, tmp_path: Path) -> None:
    expressions = [
        "Dense(3, dtype='bfloat16')",
        "Dense(3, dtype='float16')",
        "Dense(2, dtype='mixed_bfloat16')",
    ]
    check_both_ways(real, chain(keras, (4,), expressions), chain(real, (4,), expressions), tmp_path)


def test_editor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = chain(keras, (3,), ["Dense(2, name='a')", "Dense(2, name='b')"])
    model.save_weights(tmp_path / "net.weights.h5")
    model.save(tmp_path / "net.keras")
    editor = keras.saving.KerasFileEditor(tmp_path / "net.weights.h5")
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 4}
    other = chain(keras, (3,), ["Dense(2)", "Dense(3)", "Dense(3)"])
    assert editor.compare(other) == {"status": "error", "error_count": 3, "match_count": 2}
    editor.rename_object("dense", "renamed")
    editor.add_object("layers/new", {"0": np.ones(2)})
    editor.add_weights("renamed", {"7": np.zeros(3)})
    editor.delete_weight("renamed", "0")
    editor.delete_object("layers/dense_1")
    editor.save(tmp_path / "edited.weights.h5")
    made = {k: v for k, v in tree_of(tmp_path / "edited.weights.h5").items() if v is not None}
    assert made == {
        "layers/new/vars/0": (2,),
        "layers/renamed/vars/1": (2,),
        "layers/renamed/vars/7": (3,),
    }
    keras.saving.KerasFileEditor(tmp_path / "net.keras").summary()
    assert "Saved with Keras 3" in capsys.readouterr().out
    with pytest.raises(ValueError, match="give a path of layers/new, layers/renamed"):
        editor.delete_object("nope")
    with pytest.raises(ValueError, match="delete it first"):
        editor.add_object("layers/new", {})


def test_editor_reads_keras_files(real: Any, tmp_path: Path) -> None:
    theirs = chain(real, (3,), ["Dense(2)"])
    theirs.save(tmp_path / "net.keras")
    editor = keras.saving.KerasFileEditor(tmp_path / "net.keras")
    editor.add_weights("dense", {"1": np.full(2, 7.0, np.float32)})
    editor.save(tmp_path / "edited.weights.h5")
    theirs.load_weights(tmp_path / "edited.weights.h5")
    np.testing.assert_array_equal(theirs.get_weights()[1], [7.0, 7.0])


def test_registered_classes_come_back_from_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")

    @keras.saving.register_keras_serializable(package="Hdf5Test")
    class Halve(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x / 2

    x = keras.Input((2,))
    path = tmp_path / "model.h5"
    keras.Model(x, Halve()(x)).save(path)
    with h5py.File(path) as file:
        assert '"Hdf5Test>Halve"' in file.attrs["model_config"]
    for custom_objects in (None, {"Halve": Halve}):
        again = keras.saving.load_model(path, custom_objects=custom_objects)
        assert again(np.ones((1, 2))).tolist() == [[0.5, 0.5]]


def test_models_of_whole_numbers(tmp_path: Path) -> None:
    """A file does not say which dtype a model of one's own takes."""

    class Tokens(keras.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.lookup = keras.layers.IntegerLookup(vocabulary=[30, 40])
            self.table = keras.layers.Embedding(3, 2)

        def call(self, x: Any) -> Any:
            return self.table(self.lookup(x))

    model, x = Tokens(), np.array([[30, 40, 50]])
    expected = model(x).numpy()
    model.save(tmp_path / "tokens.keras")
    again = keras.saving.load_model(tmp_path / "tokens.keras", custom_objects={"Tokens": Tokens})
    np.testing.assert_array_equal(again(x).numpy(), expected)
