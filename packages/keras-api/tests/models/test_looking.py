"""Tables and pictures of models, clones, and configurations as text."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import ConfigError

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")


def branched(k: Any) -> Any:
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    layers = [
        k.Input((4,)),
        k.layers.Dense(3, name="d", activation="relu"),
        k.layers.BatchNormalization(name="b"),
    ]
    inner = k.Sequential(layers, name="inner")
    inner.layers[1].trainable = False
    shared = k.layers.Dense(3, name="shared")
    added = k.layers.Add(name="add")([inner(x), shared(y)])
    return k.Model([x, y], [k.layers.ReLU(name="relu")(added), shared(x)], name="net")


def table(model: Any, **options: Any) -> str:
    found: list[str] = []
    model.summary(print_fn=lambda text, **_: found.append(text), **options)
    return "\n".join(found)


def cells(text: str) -> list[list[str]]:
    """Take the rows out of a table: without lines, with broken words put together."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("├"):
            rows.append([])
        if line.startswith("│"):
            parts = [part.strip() for part in line.strip("│").split("│")]
            rows = rows or [[]]
            rows[-1] = [a + b for a, b in zip(rows[-1], parts, strict=True)] if rows[-1] else parts
    return [[re.sub(r"[\s└]", "", cell) for cell in row] for row in rows if row]


@pytest.mark.parametrize(
    "options", [{}, {"layer_range": ["inner", "add"]}, {"expand_nested": True}]
)
def test_table_is_like_keras(real: Any, options: dict[str, Any]) -> None:
    ours, theirs = table(branched(keras), **options), table(branched(real), **options)
    # Keras cuts long names; here they go on in the next line.
    assert [[c[:15] for c in row] for row in cells(ours)] == [
        [c[:15] for c in row] for row in cells(theirs)
    ]
    assert ours.splitlines()[-3:] == theirs.splitlines()[-3:]  # the sums


def test_table_of_a_chain_is_like_keras(real: Any) -> None:
    def chain(k: Any) -> Any:
        model = k.Sequential(
            [k.Input((4,)), k.layers.Dense(300, name="a"), k.layers.Dense(2, name="b")], name="net"
        )
        model.compile("adam", "mse")
        model.train_on_batch(np.ones((2, 4), "f"), np.ones((2, 2), "f"))
        return model

    ours, theirs = table(chain(keras)), table(chain(real))
    assert cells(ours) == cells(theirs)
    assert [re.sub(r"\(.*", "", line) for line in ours.splitlines()[-4:]] == [
        re.sub(r"\(.*", "", line) for line in theirs.splitlines()[-4:]
    ]


def test_table_says_what_is_frozen() -> None:
    text = table(branched(keras), expand_nested=True, show_trainable=True, line_length=140)
    states = {row[0]: row[-1] for row in cells(text)}
    assert states["b(BatchNormalization)"] == "N(asininference)"
    assert states["d(Dense)"] == "Y"
    assert states["add(Add)"] == "-"
    assert "uses its moving averages, in training too" in text


def test_frozen_batch_norm_is_as_in_inference() -> None:
    """What the table says is what happens."""
    layer = keras.layers.BatchNormalization()
    layer.build((None, 2))
    layer.trainable = False
    x = np.array([[1.0, 2.0], [3.0, 5.0]], "f")
    np.testing.assert_allclose(layer(x, training=True).numpy(), layer(x, training=False).numpy())
    np.testing.assert_array_equal(layer.moving_mean.numpy(), [0.0, 0.0])


def test_table_of_what_is_not_built() -> None:
    assert cells(table(keras.Sequential([keras.layers.Dense(2, name="d")]))) == [
        ["d(Dense)", "?", "0(unbuilt)"]
    ]


def test_columns_end_where_they_should() -> None:
    lines = table(branched(keras), line_length=80, positions=[0.3, 0.6, 0.7, 1.0]).splitlines()
    assert [i for i, sign in enumerate(lines[1]) if sign in "┳┓"] == [24, 48, 56, 79]


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"layer_range": ["nope", "add"]}, "there are x, y, inner"),
        ({"layer_range": ["add"]}, "the first and the last layer"),
        ({"positions": [0.5, 1.0]}, "give where each column ends"),
    ],
)
def test_bad_tables(options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        table(branched(keras), **options)


def test_notebooks_show_a_table() -> None:
    text = branched(keras)._repr_html_()
    assert text.count("<tr>") == 7
    assert "shared (Dense)" in text


def test_picture_as_text() -> None:
    text = keras.utils.model_to_dot(branched(keras)).to_string()
    assert set(re.findall(r'"(\w+)" -> "(\w+)"', text)) == {
        ("x", "inner"), ("y", "shared"), ("x", "shared"), ("inner", "add"), ("shared", "add"), ("add", "relu"),
    }  # fmt: skip


def test_picture_of_models_inside() -> None:
    text = keras.utils.model_to_dot(
        branched(keras), show_shapes=True, show_dtype=True, expand_nested=True, show_layer_activations=True,
        show_trainable=True,
    ).to_string()  # fmt: skip
    assert 'subgraph "cluster_inner/"' in text
    assert '"x" -> "inner/d";' in text
    assert '"inner/b" -> "add";' in text
    for word in ("(None, 4)", "float32", ">relu<", ">no<", ">yes<"):
        assert word in text


@needs_graphviz
@pytest.mark.parametrize(
    ("name", "head"), [("m.png", b"\x89PNG"), ("m.svg", b"<?xml"), ("m.pdf", b"%PDF")]
)
def test_picture_files(tmp_path: Path, name: str, head: bytes) -> None:
    keras.utils.plot_model(branched(keras), tmp_path / name, show_shapes=True, expand_nested=True)
    data = (tmp_path / name).read_bytes()
    assert data.startswith(head)
    assert len(data) > 3000


def test_pictures_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="install Graphviz"):
        keras.utils.plot_model(branched(keras), tmp_path / "m.png")
    keras.utils.plot_model(branched(keras), tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text().startswith('digraph "net"')


def test_pictures_of_what_is_not_built() -> None:
    with pytest.raises(ValueError, match="call it on data, or build"):
        keras.utils.model_to_dot(keras.Sequential([keras.layers.Dense(2)]))


def test_text_makes_an_equal_model(real: Any) -> None:
    text = branched(keras).to_json()
    again = keras.models.model_from_json(text)
    assert json.loads(again.to_json()) == json.loads(text)
    theirs = real.models.model_from_json(text)
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in again.layers]
    assert keras.models.model_from_json(branched(real).to_json()).output_names == ["relu", "shared"]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '"x"', '{"class_name": "Dense"}', '{"class_name": "Functional", "config": {}}'],
)
def test_bad_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"save the model again|model.to_json|give|expected"):
        keras.models.model_from_json(text)


def test_clones() -> None:
    model = branched(keras)
    clone = keras.models.clone_model(model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    clone.set_weights(model.get_weights())
    x = [np.ones((2, 4), "f"), np.zeros((2, 4), "f")]
    for a, b in zip(clone(x), model(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_clones_of_another_kind(real: Any) -> None:
    """What the two functions get is what they get in Keras."""

    def run(k: Any) -> tuple[list[str], list[str], Any]:
        cloned: list[str] = []
        called: list[str] = []

        def clone(layer: Any) -> Any:
            cloned.append(layer.name)
            config = layer.get_config()
            return type(layer).from_config({**config, "units": 3} if "units" in config else config)

        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            called.append(layer.name)
            return layer(*args, **kwargs)

        model = k.models.clone_model(
            branched(k), clone_function=clone, call_function=call, recursive=True
        )
        return cloned, called, [tuple(v.shape) for v in model.weights]

    ours, theirs = run(keras), run(real)
    assert sorted(ours[0]) == sorted(theirs[0])
    assert sorted(set(ours[1])) == sorted(set(theirs[1]))
    assert ours[2] == theirs[2]


def test_clone_on_other_inputs() -> None:
    begin = keras.Input((4,), batch_size=5)
    clone = keras.models.clone_model(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), input_tensors=begin
    )
    assert clone.output_shape == (5, 2)


def test_bad_clones() -> None:
    with pytest.raises(TypeError, match="let it return a layer"):
        keras.models.clone_model(branched(keras), clone_function=lambda layer: None)
    with pytest.raises(ValueError, match="leave out call_function"):
        keras.models.clone_model(keras.Sequential(), call_function=lambda layer, x: layer(x))


def test_calls_with_other_values() -> None:
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1), keras.layers.BatchNormalization()]
    )
    x = np.array([[1.0, 2.0], [3.0, 5.0]], "f")
    before = model.get_weights()
    trained = [v.numpy() * 0 + 1 for v in model.trainable_variables]
    outputs, after, losses = model.stateless_call(
        trained,
        [v.numpy() for v in model.non_trainable_variables],
        x,
        training=True,
        return_losses=True,
    )
    sums = x.sum(1, keepdims=True) + 1
    np.testing.assert_allclose(
        outputs.numpy(), (sums - sums.mean()) / np.sqrt(sums.var() + 1e-3) + 1, rtol=1e-5
    )
    np.testing.assert_allclose(after[0].numpy(), 0.01 * sums.mean(0), rtol=1e-5)
    assert losses == []
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="give one value for each"):
        model.stateless_call([], [], x)


def test_state_as_dictionaries(real: Any) -> None:
    found = []
    for k in (keras, real):
        model = k.Sequential([k.Input((2,)), k.layers.Dense(1, name="d")], name="net")
        model.compile(
            k.optimizers.Adam(name="opt"),
            "mse",
            metrics=[k.metrics.MeanAbsoluteError(name="error")],
        )
        model.train_on_batch(np.ones((2, 2), "f"), np.ones((2, 1), "f"))
        found.append(model.get_state_tree("numpy_array"))
    ours, theirs = found

    def names(part: Any) -> Any:
        return {k: names(v) for k, v in part.items()} if isinstance(part, dict) else part.shape

    assert names(ours) == names(theirs)
    fresh = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")], name="net")
    fresh.set_state_tree({"trainable_variables": ours["trainable_variables"]})
    np.testing.assert_array_equal(
        fresh.layers[0].kernel.numpy(), ours["trainable_variables"]["net"]["d"]["kernel"]
    )
    with pytest.raises(ValueError, match="build the model first"):
        fresh.set_state_tree({"trainable_variables": {"net": {"e": 1}}})


def test_masks_outlive_mixed_precision() -> None:
    layer = keras.layers.LSTM(3, dtype="mixed_bfloat16")
    x = np.array([[[1.0], [2.0], [0.0]]], "f")
    masked = keras.layers.Masking()(x)
    full = layer(x)
    np.testing.assert_array_equal(
        keras.ops.cast(layer(masked), "float32").numpy(),
        keras.ops.cast(layer(x[:, :2]), "float32").numpy(),
    )
    assert not np.array_equal(
        keras.ops.cast(full, "float32").numpy(), keras.ops.cast(layer(masked), "float32").numpy()
    )
