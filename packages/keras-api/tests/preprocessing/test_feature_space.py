"""FeatureSpace: the vectors that Keras on TensorFlow makes of a table, which are written here, and its layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

Space = keras.utils.FeatureSpace
RAW: dict[str, Any] = {
    "z": [0.0, 0.1, 0.2, 0.3],
    "s": ["zero", "one", "two", "three"],
    "i": [0, 1, 2, 1],
    "r": [1.0, 2.0, 3.0, 4.0],
    "d": [0.0, 1.0, 2.0, 3.0],
}
# keras.utils.FeatureSpace(...) as in `whole`, adapted to tf.data.Dataset.from_tensor_slices(RAW), called on RAW.
KERAS = [
    [1, 0, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0, -1.3416, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0, 0, 5, 0, 0, 0, 0, 1, -0.4472, 1, 0, 0, 0],
    [0, 0, 1, 0, 0, 1, 0, 7, 0, 0, 1, 0, 0, 0.4472, 0, 0, 0, 1],
    [0, 0, 1, 0, 1, 0, 0, 9, 0, 0, 0, 1, 0, 1.3416, 1, 0, 0, 0],
]


def whole() -> Any:
    space = Space(
        features={
            "z": "float_normalized",
            "s": "string_categorical",
            "i": "integer_categorical",
            "r": Space.float_rescaled(2.0, 1.0),
            "d": Space.float_discretized(3),
        },
        crosses=[("s", "i")],
        crossing_dim=4,
    )
    space.adapt(RAW)
    return space


def arrays() -> dict[str, Any]:
    return {k: np.array(v) for k, v in RAW.items()}


def test_vectors_are_keras_s() -> None:
    space = whole()
    got = space(arrays())
    assert got.dtype == "float32"
    np.testing.assert_allclose(got.numpy(), KERAS, atol=1e-4)
    row = space({k: v[0] for k, v in RAW.items()})
    np.testing.assert_allclose(row.numpy(), KERAS[0], atol=1e-4)
    assert list(space.crossers) == ["s_X_i"]
    assert space.preprocessors["s"].get_vocabulary()[0] == "[UNK]"


def test_adapt_reads_datasets_of_batches_and_of_rows() -> None:
    batches = [{k: np.array(v[i : i + 3]) for k, v in RAW.items()} for i in (0, 3)]
    rows = [({k: v[i] for k, v in RAW.items()}, 0) for i in range(4)]
    for dataset in (batches, rows):
        space = whole()
        space.adapt(dataset)
        np.testing.assert_allclose(space(arrays()).numpy(), KERAS, atol=1e-4)


def test_dictionaries_keep_indices() -> None:
    space = Space(
        {
            "s": Space.string_categorical(output_mode="int"),
            "i": Space.integer_hashed(5, output_mode="int"),
            "z": "float",
        },
        crosses=[Space.cross(("s", "i"), 7, output_mode="int")],
        output_mode="dict",
    )
    space.adapt(RAW)
    made = space(arrays())
    assert set(made) == {"s", "i", "z", "s_X_i"}
    assert {k: tuple(v.shape) for k, v in made.items()} == dict.fromkeys(made, (4, 1))
    assert made["s"].tolist() == [[1], [4], [2], [3]]
    indices = made["s"].numpy(), made["i"].numpy()
    crossed = keras.layers.HashedCrossing(7)(tuple(x[:, 0] for x in indices))
    assert made["s_X_i"][:, 0].tolist() == crossed.tolist()


def test_layers_of_ones_own_prepare_features() -> None:
    layer = keras.layers.TextVectorization(output_mode="tf_idf")
    space = Space({"text": Space.feature("string", layer, "float")})
    data = {"text": ["1st string", "2nd string", "3rd string"]}
    space.adapt(data)
    assert space({k: np.array(v) for k, v in data.items()}).shape == (3, layer.vocabulary_size())


def test_models_take_raw_rows(tmp_path: Path) -> None:
    space = whole()
    encoded = space.get_encoded_features()
    assert encoded.shape == (None, 18)
    model = keras.Model(space.get_inputs(), keras.layers.Dense(1)(encoded))
    rows = {k: np.array(v).reshape(-1, 1) for k, v in RAW.items()}
    want = model.predict(rows, verbose=0)
    assert want.shape == (4, 1)
    model.compile("sgd", "mse")
    model.fit(rows, np.zeros((4, 1)), verbose=0)
    path = tmp_path / "space.keras"
    space.save(path)
    again = keras.saving.load_model(path)
    np.testing.assert_allclose(again(arrays()).numpy(), KERAS, atol=1e-4)


def test_it_is_part_of_graphs() -> None:
    space = whole()
    call = ps.function(lambda data: space(data))
    got = call({k: ps.asarray(v) for k, v in arrays().items()})
    np.testing.assert_allclose(got.numpy(), KERAS, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: Space({}), "give a dictionary by name"),
        (lambda: Space({"a": "real"}), "use one of float, float_normalized"),
        (lambda: Space({"a": "float"}, "list"), "use 'concat' or 'dict'"),
        (lambda: Space({"a": "float"}, crosses=[("a", "b")]), "a cross names 'b'"),
        (
            lambda: Space({"a": Space.string_hashed(3, output_mode="int")}),
            "use output_mode='one_hot' for them",
        ),
        (lambda: Space.string_hashed(3, "many"), "use 'int', 'one_hot' or 'float'"),
        (lambda: Space.cross(("a", "b"), 3, "float"), "use 'int' or 'one_hot'"),
        (lambda: Space({"a": "float"})({"b": 1.0}), "the features a are missing"),
        (lambda: Space({"a": "float_normalized"}).adapt({"b": [1.0]}), "no feature 'a'"),
        (lambda: Space({"a": "float_normalized"})({"a": [1.0]}), r"call adapt\(data\) first"),
    ],
)
def test_errors_name_the_remedy(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()


def test_it_takes_dictionaries() -> None:
    with pytest.raises(TypeError, match="call it on a dictionary of features"):
        Space({"a": "float"})([1.0])
    with pytest.raises(TypeError, match="a dataset of such"):
        Space({"a": "float_normalized"}).adapt([[1.0]])


def test_a_model_on_learnt_features_is_loaded(tmp_path: Any) -> None:
    space = keras.utils.FeatureSpace(
        {
            "age": "float_normalized",
            "size": "float_discretized",
            "city": "string_categorical",
            "kind": "integer_categorical",
        },
        num_discretization_bins=3,
    )
    rows = {
        "age": np.array([[20.0], [40.0], [45.0], [80.0]], np.float32),
        "size": np.array([[1.0], [2.0], [3.0], [7.0]], np.float32),
        "city": np.array([["Ulm"], ["Bonn"], ["Ulm"], ["Kiel"]]),
        "kind": np.array([[3], [5], [5], [9]]),
    }
    space.adapt(rows)
    encoded = space.get_encoded_features()
    head = keras.Model(encoded, keras.layers.Dense(2)(encoded))
    model = keras.Model(space.get_inputs(), head(encoded))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(rows), model(rows))
