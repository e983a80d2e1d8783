"""Models as graphs: they run without their code, and train with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock.errors import FormatError

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def branched() -> Any:
    x, other = keras.Input((3,), name="x"), keras.Input((3,), name="other")
    inner = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
    )
    shared = keras.layers.Dense(3, name="shared")
    y = shared(inner(x)) + shared(inner(other))
    return keras.Model({"x": x, "other": other}, [keras.layers.Dense(1)(y), y])


def with_lambdas() -> Any:
    x = keras.Input((3,))
    y = keras.layers.Lambda(lambda t: t * 2 + 1, name="doubled")(x)
    z = keras.layers.Lambda(lambda pair: pair[0] - pair[1], name="less")([y, x])
    model = keras.Model(x, keras.layers.Dense(2)(z))
    model.compile("sgd", "mse")
    return model


class Net(keras.Model):
    """A class of one's own, which is not registered."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.table = keras.layers.Embedding(7, 3)
        self.last = keras.layers.Dense(units)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.last(self.table(x)) * (3.0 if training else 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units}


def test_graph_computes_what_the_model_does(tmp_path: Path) -> None:
    model = branched()
    model.export(tmp_path / "net")
    inputs = {"x": X, "other": X[::-1].copy()}
    graph = ps.load(tmp_path / "net")
    again = keras.saving.load_model(tmp_path / "net")
    for made in (graph(**inputs), again(inputs, training=False)):
        for a, b in zip(made, model(inputs, training=False), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert again.get_layer("shared").trainable
    assert len(again.trainable_weights) == len(model.trainable_weights)


def test_save_takes_models(tmp_path: Path) -> None:
    model = with_lambdas()
    ps.save(model, tmp_path / "net", metadata={"licence": "CC0"})
    assert ps.load(tmp_path / "net").metadata["licence"] == "CC0"
    ps.save(model, tmp_path / "net.onnx")
    np.testing.assert_allclose(
        ps.load(tmp_path / "net.onnx")(X).numpy(), model(X).numpy(), rtol=1e-5
    )


def test_lambdas_are_graphs(tmp_path: Path) -> None:
    """No code is in the folder, and the model that comes back is trained as the first one is."""
    model = with_lambdas()
    model.export(tmp_path / "net")
    text = (tmp_path / "net" / "graph.json").read_text()
    assert "__lambda__" not in text
    again = keras.saving.load_model(tmp_path / "net")
    for item in (model, again):
        item.train_on_batch(X, np.ones((4, 2), np.float32))
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    again.export(tmp_path / "again")
    np.testing.assert_allclose(
        ps.load(tmp_path / "again")(X).numpy(), model.predict(X, verbose=0), rtol=1e-6
    )


def test_gradients_go_through_lambdas(tmp_path: Path) -> None:
    x = keras.Input((3,))
    y = keras.layers.Lambda(lambda t: t * t)(keras.layers.Dense(2, name="d")(x))
    model = keras.Model(x, y)
    model.export(tmp_path / "net")
    again = keras.saving.load_model(tmp_path / "net")
    found = []
    for item in (model, again):
        with ps.GradientTape() as tape:
            loss = ps.sum(item(X))
        found.append([g.numpy() for g in tape.gradient(loss, item.trainable_weights)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
        assert np.abs(a).max() > 0


def test_without_its_class_a_model_runs_and_is_not_trained(tmp_path: Path) -> None:
    model = Net()
    tokens = np.array([[1, 2], [3, 4]])
    expected = model(tokens).numpy()
    model.export(tmp_path / "net")
    graph = keras.saving.load_model(tmp_path / "net")
    np.testing.assert_array_equal(graph.predict(tokens, verbose=0), expected)
    np.testing.assert_array_equal(graph(tokens[:1]).numpy(), expected[:1])
    assert graph.trainable_weights == []
    for train in (graph.compile, lambda: graph.fit(tokens), lambda: graph.train_on_batch(tokens)):
        with pytest.raises(ValueError, match=r"load it with its classes: keras.saving.load_model"):
            train()
    again = keras.saving.load_model(tmp_path / "net", custom_objects={"Net": Net})
    assert isinstance(again, Net)
    np.testing.assert_array_equal(again(tokens).numpy(), expected)
    again.compile("sgd", "mse")
    again.train_on_batch(tokens, np.zeros((2, 2, 2), np.float32))
    assert not np.array_equal(again(tokens).numpy(), expected)


def test_runs_without_keras(tmp_path: Path) -> None:
    """Another process needs neither the class nor this package."""
    model = Net()
    tokens = np.array([[1, 2]])
    expected = model(tokens).numpy()
    model.export(tmp_path / "net")
    np.save(tmp_path / "x.npy", tokens)
    code = (
        "import sys, numpy as np, penstock as ps\n"
        f"y = ps.load({str(tmp_path / 'net')!r})(np.load({str(tmp_path / 'x.npy')!r})).numpy()\n"
        f"np.save({str(tmp_path / 'y.npy')!r}, y)\n"
        "assert 'penstock_keras_api' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)


def test_golden_pair_is_compared(tmp_path: Path) -> None:
    branched().export(tmp_path / "net")
    told = json.loads((tmp_path / "net" / "graph.json").read_text())
    assert len(told["golden"]) == 1
    weights = tmp_path / "net" / "weights.safetensors"
    tensors = ps.safetensors.load_file(weights)
    name = next(name for name in tensors if "shared/kernel" in name)
    ps.safetensors.save_file({**tensors, name: tensors[name] * 1.5}, weights)
    with pytest.raises(FormatError, match="the golden pair of 'main' does not hold"):
        keras.saving.load_model(tmp_path / "net")


def test_what_a_model_takes_can_be_said(tmp_path: Path) -> None:
    class Sum(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.d = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.d(x)

    model = Sum()
    with pytest.raises(ValueError, match="call it on data once"):
        model.export(tmp_path / "net")
    model.build((None, 3))
    with pytest.raises(ValueError, match="input_signature="):
        model.export(tmp_path / "net")
    model.export(
        tmp_path / "net", input_signature=[keras.InputSpec(shape=(None, 3), dtype="float32")]
    )
    np.testing.assert_array_equal(ps.load(tmp_path / "net")(X).numpy(), model(X).numpy())


def test_unknown_formats(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="write a folder"):
        branched().export(tmp_path / "net.xyz")
    with pytest.raises(FormatError, match="see what `penstock doctor` says"):
        branched().export(tmp_path / "net", format="openvino")


def test_archive_of_several_functions(tmp_path: Path) -> None:
    model = branched()
    layer = model.get_layer("shared")
    archive = keras.export.ExportArchive()
    signature = [keras.InputSpec(shape=(None, 3), dtype="float32")]
    archive.track_and_add_endpoint("shared", layer, signature)
    archive.add_endpoint("sum", lambda x: ps.sum(layer(x), -1), signature)
    archive.add_variable_collection("all", layer.weights)
    archive.write_out(tmp_path / "net", verbose=False)
    graph = ps.load(tmp_path / "net")
    np.testing.assert_array_equal(graph.functions["shared"](X).numpy(), layer(X).numpy())
    np.testing.assert_allclose(
        graph.functions["sum"](X).numpy(), layer(X).numpy().sum(-1), rtol=1e-5
    )
    assert graph.metadata["collections"]["all"] == [v.path for v in layer.weights]
    assert len(graph.variables) == 2
    with pytest.raises(ValueError, match="choose another name"):
        archive.add_endpoint("sum", layer, signature)
    with pytest.raises(ValueError, match="input_signature="):
        archive.add_endpoint("more", layer)
    with pytest.raises(ValueError, match="add one with add_endpoint"):
        keras.export.ExportArchive().write_out(tmp_path / "empty")
