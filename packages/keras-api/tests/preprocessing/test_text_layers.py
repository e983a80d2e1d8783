"""Layers for text and categories, against what Keras on TensorFlow answered: text_facts.json, see make_text_facts.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

layers = keras.layers
FACTS = json.loads(Path(__file__).with_name("text_facts.json").read_text("utf-8"))
NAMES = [facts["make"] for facts in FACTS]
LINES = ["Foo bar, baz!", "bar  BAZ\tbaz", "qux -- foo's", ""]


def made(item: dict[str, Any]) -> Any:
    layer = eval(item["make"], vars(layers))  # noqa: S307 - our own text
    if item["adapt"] is not None:
        layer.adapt(np.array(item["adapt"]))
    return layer


def given(item: dict[str, Any]) -> Any:
    inputs = item["inputs"]
    if "Crossing" in item["make"]:
        return tuple(np.array(x) for x in inputs)
    return np.array(inputs)


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def check(result: Any, facts: dict[str, Any]) -> None:
    assert list(result.shape) == facts["shape"]
    assert result.dtype == facts["dtype"]
    if facts["dtype"] == "float32":
        np.testing.assert_allclose(result.numpy(), facts["values"], atol=2e-6)
    else:
        assert plain(result.tolist()) == facts["values"]


@pytest.mark.parametrize("facts", FACTS, ids=NAMES)
def test_layer_answers_as_keras(facts: dict[str, Any]) -> None:
    if "error" in facts:
        with pytest.raises((ValueError, TypeError)):
            made(facts)(given(facts), **facts["kwargs"])
        return
    layer = made(facts)
    kwargs = {k: np.array(v) for k, v in facts["kwargs"].items()}
    check(layer(given(facts), **kwargs), facts)
    if "vocabulary" in facts:
        assert layer.get_vocabulary() == facts["vocabulary"]
        assert layer.vocabulary_size() >= len(facts["vocabulary"])
    if "boundaries" in facts:
        np.testing.assert_allclose(layer.bin_boundaries, facts["boundaries"], rtol=1e-6)


def is_open(item: dict[str, Any]) -> bool:
    """Whether the size of the result depends on the text: no graph can have that."""
    settings = item["make"]
    return (
        settings.startswith("Text")
        and "output_mode" not in settings
        and "output_sequence_length" not in settings
        and "split=None" not in settings
    )


GRAPHED = [facts for facts in FACTS if "error" not in facts and not is_open(facts)]


@pytest.mark.parametrize("facts", GRAPHED, ids=[facts["make"] for facts in GRAPHED])
def test_layer_is_part_of_a_graph(facts: dict[str, Any]) -> None:
    layer = made(facts)
    kwargs = {k: ps.asarray(np.array(v)) for k, v in facts["kwargs"].items()}
    inputs = given(facts)
    if isinstance(inputs, tuple):
        inputs = tuple(ps.asarray(x) for x in inputs)
        check(ps.function(lambda *x: layer(x))(*inputs), facts)
        return
    check(ps.function(lambda x: layer(x, **kwargs))(ps.asarray(inputs)), facts)


@pytest.mark.parametrize("facts", FACTS, ids=NAMES)
def test_shape_and_dtype_are_known_before(facts: dict[str, Any]) -> None:
    if "error" in facts or np.ndim(facts["inputs"]) == 0 or facts["kwargs"]:
        return
    layer, inputs = made(facts), given(facts)
    several = inputs if isinstance(inputs, tuple) else (inputs,)
    specs = [
        keras.Input(x.shape[1:], dtype="string" if x.dtype.kind == "U" else x.dtype.name)
        for x in several
    ]
    spec = layer(tuple(specs) if isinstance(inputs, tuple) else specs[0])
    assert spec.dtype == facts["dtype"]
    if "multi_hot" in facts["make"] or "count" in facts["make"] or "tf_idf" in facts["make"]:
        if len(facts["shape"]) > 1:
            assert spec.shape[-1] == facts["shape"][-1]
        return
    known = [size for size in spec.shape[1:] if size is not None]
    assert len(spec.shape) == len(facts["shape"])
    assert all(size in facts["shape"] for size in known)


@pytest.mark.parametrize("mode", ["multi_hot", "count", "tf_idf"])
@pytest.mark.parametrize("split", ["whitespace", "character"])
@pytest.mark.parametrize("ngrams", [None, 2, (2, 3)])
def test_long_texts_in_graphs_are_counted_whole(mode: str, split: str, ngrams: Any) -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(list("abcdefg"), n)) for n in (300, 0, 1, 64, 63, 129)]
    layer = layers.TextVectorization(split=split, ngrams=ngrams, output_mode=mode, max_tokens=40)
    layer.adapt(texts)
    x = ps.asarray(np.array(texts))
    want = layer(x).numpy()
    np.testing.assert_allclose(ps.function(layer)(x).numpy(), want, rtol=1e-6)
    assert want.sum() > 0


def test_a_graph_asks_for_the_number_of_words() -> None:
    layer = layers.TextVectorization(vocabulary=["a"])
    with pytest.raises(ps.errors.GraphError, match="give output_sequence_length"):
        ps.function(layer)(ps.asarray(["a b"]))


@pytest.mark.parametrize(
    "make",
    [
        "StringLookup(vocabulary=['a', 'b'], output_mode='multi_hot', sparse=True)",
        "StringLookup(vocabulary=['a', 'b'], output_mode='count', sparse=True)",
        "Hashing(num_bins=4, output_mode='count', sparse=True)",
        "TextVectorization(vocabulary=['a', 'b'], output_mode='count', sparse=True)",
    ],
)
def test_sparse_vectors_are_those_of_dense_ones(make: str) -> None:
    inputs = np.array(["a b a", "", "z a"] if "Text" in make else [["a", "b"], ["a", "a"]])
    sparse = made({"make": make, "adapt": None})(inputs)
    dense = made({"make": make.replace(", sparse=True", ""), "adapt": None})(inputs)
    assert isinstance(sparse, ps.sparse.CooTensor)
    np.testing.assert_array_equal(sparse.to_dense().numpy(), dense.numpy())


def test_ragged_numbers_have_the_length_of_each_text() -> None:
    layer = layers.TextVectorization(vocabulary=["a", "b"], ragged=True)
    assert layer(["a b", "", "z a b"]).tolist() == [[2, 3], [], [1, 2, 3]]
    short = layers.TextVectorization(vocabulary=["a", "b"], ragged=True, output_sequence_length=2)
    assert short(["a b", "", "z a b"]).tolist() == [[2, 3], [], [1, 2]]
    lookup = layers.StringLookup(vocabulary=["a"])
    assert lookup(ps.ragged.constant([["a"], [], ["b", "a"]])).tolist() == [[1], [], [0, 1]]


def test_functions_of_users_standardise_and_split() -> None:
    layer = layers.TextVectorization(
        standardize=lambda x: ps.regex_replace(x, "<[^>]*>", " "),
        split=lambda x: ps.strings.split(x, ",")[0],
        vocabulary=["a", "b"],
    )
    assert layer(["a,b", "<i>,b,a"]).tolist() == [[2, 3, 0], [1, 3, 2]]


def test_adapt_takes_datasets_and_steps() -> None:
    whole = layers.TextVectorization()
    whole.adapt(LINES)
    batches = layers.TextVectorization()
    batches.adapt(iter([LINES[:1], (LINES[1:], [0, 1, 2])]))
    assert batches.get_vocabulary() == whole.get_vocabulary()
    first = layers.TextVectorization()
    first.adapt([LINES[:1], LINES[1:]][:1], steps=1)
    assert first.get_vocabulary() == ["", "[UNK]", "foo", "baz", "bar"]


KEPT = [facts for facts in FACTS if "error" not in facts and "invert" not in facts["make"]]


@pytest.mark.parametrize("facts", KEPT, ids=[facts["make"] for facts in KEPT])
def test_configuration_and_assets_make_the_layer_again(
    facts: dict[str, Any], tmp_path: Path
) -> None:
    layer = made(facts)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    if hasattr(layer, "save_assets"):
        layer.save_assets(tmp_path)
        again.load_assets(tmp_path)
    kwargs = {k: np.array(v) for k, v in facts["kwargs"].items()}
    check(again(given(facts), **kwargs), facts)


def test_vocabularies_come_from_files(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("earth\nwind\nfeu é\n", "utf-8")
    layer = layers.StringLookup(vocabulary=str(words))
    assert layer.get_vocabulary(include_special_tokens=False) == ["earth", "wind", "feu é"]
    assert layer(["feu é", "water"]).tolist() == [3, 0]
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("12\n-3\n")
    assert layers.IntegerLookup(vocabulary=str(numbers))([-3, 12, 4]).tolist() == [2, 1, 0]


def test_a_model_of_raw_text_is_a_saved_graph(tmp_path: Path) -> None:
    text = keras.Input((1,), dtype="string")
    layer = layers.TextVectorization(output_sequence_length=5)
    layer.adapt(["the quick brown fox", "the lazy dog"])
    embedded = layers.Embedding(layer.vocabulary_size(), 3)(layer(text))
    model = keras.Model(text, layers.Dense(1)(layers.GlobalAveragePooling1D()(embedded)))
    x = ps.asarray(np.array([["The dog!"], ["quick, quick"]]))
    want = model(x).numpy()
    ps.save(ps.function(lambda t: model(t)), tmp_path / "saved", [("string", ("batch", 1))])
    np.testing.assert_allclose(ps.load(tmp_path / "saved")(x).numpy(), want, rtol=1e-6)


def test_what_was_learnt_is_part_of_saved_models(tmp_path: Path) -> None:
    text, city, age = (keras.Input((1,), dtype=d) for d in ("string", "string", "float32"))
    words = layers.TextVectorization(output_mode="tf_idf")
    words.adapt(LINES)
    places = layers.StringLookup(output_mode="tf_idf")
    places.adapt([["Ulm"], ["Bonn"], ["Ulm"]])
    bins = layers.Discretization(num_bins=3, output_mode="one_hot")
    bins.adapt(np.arange(9.0).reshape(-1, 1))
    normal = layers.Normalization()
    normal.adapt(np.arange(9.0).reshape(-1, 1))
    parts = [words(text), places(city), bins(age), normal(age)]
    model = keras.Model([text, city, age], layers.Concatenate()(parts))
    rows = [np.array([["foo baz"], ["qux"]]), np.array([["Ulm"], ["?"]]), np.array([[1.0], [8.0]])]
    want = model.predict(rows, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(rows, verbose=0), want, rtol=1e-6)


ERRORS = {
    "StringLookup(vocabulary=['a'], num_oov_indices=0)": "num_oov_indices is 0; use 1, or clean the data",
    "StringLookup(max_tokens=1)": "use None, or 2 and more",
    "StringLookup(pad_to_max_tokens=True)": "without max_tokens; give it",
    "StringLookup(output_mode='hot')": "use one of 'int', 'one_hot'",
    "StringLookup(invert=True, output_mode='count')": "which goes with output_mode='int'",
    "StringLookup(sparse=True)": "use it with 'multi_hot'",
    "StringLookup(vocabulary=['a'], output_mode='tf_idf')": "which output_mode='tf_idf' needs",
    "StringLookup(vocabulary=['a', 'a'])": "has tokens twice: .*remove one of each",
    "StringLookup(vocabulary=['a', 'b', 'c'], max_tokens=3)": "raise it, or give fewer",
    "StringLookup(vocabulary=['a', '[UNK]'])": "put it in front, remove it, or choose another",
    "StringLookup(salt='x')": "use a whole number of at least 0, or a list of two",
    "IntegerLookup(vocabulary=[1])": "cast them to 'int64', or use StringLookup",
    "TextVectorization(output_sequence_length=0)": "use a number above 0, with output_mode='int'",
    "TextVectorization(ngrams=())": "use a number above 0, or a tuple of them",
    "TextVectorization(split='words')": "use 'whitespace', 'character', None or a function",
    "TextVectorization(ragged=True, output_mode='count')": "use it with 'int'",
    "CategoryEncoding(3)": "expected strings|expected 0 to 2|cast",
    "CategoryEncoding()": "use a number above 0, one more than the largest input",
    "Hashing(0)": "use a number above 0",
    "Hashing(2, dtype='float32')": "use 'int32' or 'int64'",
    "Discretization()": "give the boundaries, or the number of bins",
    "Discretization(num_bins=3)": "call adapt",
    "Discretization([1.0, 0.0])": "sort them",
}


@pytest.mark.parametrize("make", ERRORS)
def test_errors_name_the_remedy(make: str) -> None:
    wrong: Any = np.array(["z"])
    if "CategoryEncoding" in make:
        wrong = np.array([7])
    elif "Discretization" in make or "Integer" in make:
        wrong = np.array([0.5])
    with pytest.raises((ValueError, TypeError), match=ERRORS[make]):
        made({"make": make, "adapt": None})(wrong)


def test_hashing_takes_no_floats() -> None:
    with pytest.raises(TypeError, match="put them into ranges with Discretization"):
        layers.Hashing(3)(np.array([0.5]))
    with pytest.raises(TypeError, match="put them into ranges with Discretization"):
        layers.HashedCrossing(3)((np.array([0.5]), np.array([1])))
    with pytest.raises(ValueError, match="one category for each example"):
        layers.HashedCrossing(3)((np.ones((2, 2), int), np.ones((2, 2), int)))


def test_tokens_out_of_a_graphs_vocabulary_are_refused() -> None:
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=0)
    with pytest.raises(ValueError, match="clean the data"):
        ps.function(layer)(ps.asarray(["b"]))


def test_weights_go_with_counts_only() -> None:
    with pytest.raises(ValueError, match="they go with output_mode='count'"):
        layers.CategoryEncoding(3)([[1, 2]], count_weights=[[0.5, 0.5]])


LEARNT = {
    "StringLookup(output_mode='one_hot')": ["a", "b", "b"],
    "IntegerLookup(output_mode='multi_hot')": [3, 4, 4],
    "TextVectorization(output_mode='tf_idf')": ["a b", "b"],
}


@pytest.mark.parametrize("make", LEARNT)
def test_a_model_behind_a_learnt_vocabulary_is_loaded(make: str, tmp_path: Path) -> None:
    data = np.array(LEARNT[make])
    layer = made({"make": make, "adapt": LEARNT[make]})
    words = keras.Input((1,), dtype="int64" if data.dtype.kind == "i" else "string")
    number = keras.Input((1,))
    both = layers.Concatenate()([layer(words), number])
    model = keras.Model([words, number], layers.Dense(2)(both))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    rows = [data[:, None], np.ones((len(data), 1), np.float32)]
    assert np.array_equal(again(rows).numpy(), model(rows).numpy())
    found = next(x for x in again.layers if type(x) is type(layer))
    found.adapt(
        np.array(LEARNT[make][:1])
    )  # what is learnt anew counts, not the size that was saved
    assert found.vocabulary_size() == len(found.get_vocabulary())
