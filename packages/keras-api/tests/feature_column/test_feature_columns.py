"""Feature columns, compared with what TensorFlow 2.21's `tf.feature_column` gives for the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import keras
from penstock.keras import feature_column as fc
from penstock.ops._farmhash import fingerprint64
from penstock_keras_api.feature_column.base import Rows

ROWS = {
    "kind": np.array([["cat"], ["dog"], ["a text of more than sixteen bytes"], ["ünï"]], object),
    "place": np.array([["home"], ["garden"], ["x"], ["home"]], object),
    "n": np.array([[3], [7], [2**40], [-12]], np.int64),
    "age": np.array([[17.0], [18.0], [40.0], [99.0]], np.float32),
}
AGE = fc.bucketized_column(fc.numeric_column("age"), [18, 25, 65])
PETS = fc.categorical_column_with_vocabulary_list("kind", ["cat", "dog"])


def dense(columns: Any, rows: Any) -> np.ndarray:
    return fc.DenseFeatures(columns)(rows).numpy()


def categories(column: Any, rows: Any = ROWS) -> list[list[int]]:
    return [np.nonzero(row)[0].tolist() for row in dense([fc.indicator_column(column)], rows)]


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (fc.crossed_column(["kind", "place"], 1000), [[529], [517], [370], [14]]),
        (fc.crossed_column(["kind", "n", AGE], 997), [[271], [95], [582], [749]]),
        (fc.crossed_column(["kind", "place"], 1000, hash_key=77), [[227], [535], [245], [457]]),
        (fc.crossed_column([PETS, AGE], 1000), [[304], [641], [873], [339]]),
        (
            fc.crossed_column([fc.crossed_column(["kind", "place"], 10), AGE], 1000),
            [[76], [180], [579], [660]],
        ),
        (fc.categorical_column_with_hash_bucket("kind", 1000), [[96], [112], [630], [474]]),
        (fc.categorical_column_with_hash_bucket("n", 1000, "int64"), [[921], [88], [378], [569]]),
        (
            fc.categorical_column_with_vocabulary_list("kind", ["cat", "dog"], num_oov_buckets=50),
            [[0], [1], [32], [26]],
        ),
        (
            fc.categorical_column_with_vocabulary_list("n", [3, 4], "int64", num_oov_buckets=50),
            [[0], [40], [30], [21]],
        ),
    ],
)
def test_hash_buckets_are_tensorflows(column: Any, want: list[list[int]]) -> None:
    assert categories(column) == want


def mixed(a: int, b: int) -> int:
    """Mix two hashes as TensorFlow's FingerprintCat64 does, in Python's whole numbers."""
    k, whole = 0xC6A4A7935BD1E995, 2**64

    def shifted(x: int) -> int:
        return x ^ (x >> 47)

    x = ((a ^ k) ^ (shifted(b * k % whole) * k % whole)) * k % whole
    return shifted(shifted(x) * k % whole)


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=8
    ),
    st.integers(1, 2**40),
)
@settings(max_examples=60, deadline=None)
def test_crosses_are_what_the_formula_says(rows: list[tuple[str, int]], size: int) -> None:
    rows = [(text, number) for text, number in rows if number != -1 and "\0" not in text]
    assume(rows)
    texts, numbers = (list(part) for part in zip(*rows, strict=True))
    column = fc.crossed_column(["text", "number"], size)
    found = column.ids(Rows({"text": texts, "number": np.array(numbers, np.int64)})).ids.numpy()
    want = [
        mixed(mixed(0xDECAFCAFFE, fingerprint64(text.encode())), number % 2**64) % size
        for text, number in rows
    ]
    assert found[:, 0].tolist() == want


def test_names_are_tensorflows() -> None:
    nested = fc.crossed_column([fc.crossed_column(["kind", "place"], 10), AGE], 1000)
    assert nested.name == "age_bucketized_X_kind_X_place"
    assert fc.embedding_column(nested, 2).name == "age_bucketized_X_kind_X_place_embedding"
    assert fc.indicator_column(fc.weighted_categorical_column(PETS, "w")).name == (
        "kind_weighted_by_w_indicator"
    )


# ---- several values in a row, with weights

PLACES = np.array([[0, 0], [0, 1], [2, 0], [2, 1], [2, 2]])
WORDS = {
    "w": ps.sparse.CooTensor(np.array([2, 0, 1, 1, 3]), PLACES, (3, 3)),
    "c": ps.sparse.CooTensor(np.array([0.5, 2.0, -1.0, 3.0, 1.0], np.float32), PLACES, (3, 3)),
}
ID = fc.categorical_column_with_identity("w", 4)
WEIGHTED = fc.weighted_categorical_column(ID, "c")


def table(shape: Any, dtype: Any = None) -> np.ndarray:
    return np.arange(8.0, dtype=np.float32).reshape(4, 2)


@pytest.mark.parametrize(
    ("combiner", "max_norm", "plain", "weighted", "linear"),
    [
        (
            "mean",
            None,
            [[2.0, 3.0], [0.0, 0.0], [3.333333, 4.333333]],
            [[0.8, 1.8], [0.0, 0.0], [3.0, 4.0]],
            [20.8, 0.0, 257.5],
        ),
        (
            "mean",
            3.0,
            [[0.937043, 1.671303], [0.0, 0.0], [1.760192, 2.423357]],
            [[0.374817, 1.268521], [0.0, 0.0], [1.736169, 2.441556]],
            [20.8, 0.0, 257.5],
        ),
        (
            "sum",
            None,
            [[4.0, 6.0], [0.0, 0.0], [10.0, 13.0]],
            [[2.0, 4.5], [0.0, 0.0], [10.0, 13.0]],
            [52.0, 0.0, 1020.0],
        ),
        (
            "sum",
            3.0,
            [[1.874085, 3.342606], [0.0, 0.0], [5.280575, 7.270072]],
            [[0.937043, 3.171303], [0.0, 0.0], [5.280575, 7.270072]],
            [52.0, 0.0, 1020.0],
        ),
        (
            "sqrtn",
            None,
            [[2.828427, 4.24264], [0.0, 0.0], [5.773502, 7.505553]],
            [[0.970143, 2.182821], [0.0, 0.0], [3.794733, 5.059644]],
            [25.2237, 0.0, 325.7146],
        ),
        (
            "sqrtn",
            3.0,
            [[1.325178, 2.36358], [0.0, 0.0], [3.048742, 4.197378]],
            [[0.454532, 1.538308], [0.0, 0.0], [2.196099, 3.088351]],
            [25.2237, 0.0, 325.7146],
        ),
    ],
)
def test_combiners_are_tensorflows(
    combiner: str, max_norm: float | None, plain: Any, weighted: Any, linear: Any
) -> None:
    for column, want in ((ID, plain), (WEIGHTED, weighted)):
        made = fc.embedding_column(column, 2, combiner, table, max_norm=max_norm)
        np.testing.assert_allclose(fc.input_layer(WORDS, [made]).numpy(), want, atol=1e-5)
    model = fc.LinearModel([WEIGHTED], sparse_combiner=combiner)
    model(WORDS)
    model.set_weights([np.array([[1.0], [10.0], [100.0], [1000.0]]), np.zeros(1)])
    np.testing.assert_allclose(model(WORDS).numpy()[:, 0], linear, atol=1e-3)


def test_weighted_indicators_are_tensorflows() -> None:
    want = [[2.0, 0, 0.5, 0], [0, 0, 0, 0], [0, 2.0, 0, 1.0]]
    np.testing.assert_allclose(dense([fc.indicator_column(WEIGHTED)], WORDS), want)


def test_sparse_ragged_and_filled_rows_are_the_same() -> None:
    column = [fc.embedding_column(ID, 2, "sum", table)]
    ragged = ps.ragged.RaggedTensor(np.array([2, 0, 1, 1, 3]), np.array([0, 2, 2, 5]))
    filled = np.array([[2, 0, -1], [-1, -1, -1], [1, 1, 3]])
    want = dense(column, WORDS)
    np.testing.assert_array_equal(dense(column, {"w": ragged}), want)
    np.testing.assert_array_equal(dense(column, {"w": filled}), want)


# ---- numbers


def test_numbers_with_defaults_and_normalizers() -> None:
    x = fc.numeric_column("x", 2, default_value=(1.0, 2.0), normalizer_fn=lambda t: t * 10)
    rows = {"x": np.array([[np.nan, 5.0], [3.0, np.nan]])}
    np.testing.assert_array_equal(dense([x], rows), [[10, 50], [30, 20]])
    assert fc.make_parse_example_spec([x])["x"] == fc.FixedLenFeature((2,), "float32", (1.0, 2.0))


def test_ranges_of_several_numbers() -> None:
    column = fc.bucketized_column(fc.numeric_column("x", 2), [0.0, 1.0])
    rows = {"x": np.array([[-1.0, 0.5], [1.0, 0.0]], np.float32)}
    want = [[1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0]]
    np.testing.assert_array_equal(dense([column], rows), want)
    np.testing.assert_array_equal(dense([fc.indicator_column(column)], rows), want)


def test_columns_stand_in_the_order_of_their_names() -> None:
    columns = [fc.numeric_column("b"), fc.indicator_column(PETS), fc.numeric_column("a")]
    rows = {"a": [1.0], "b": [2.0], "kind": ["dog"]}
    assert dense(columns, rows).tolist() == [[1.0, 2.0, 0.0, 1.0]]
    seen: dict[Any, Any] = {}
    fc.DenseFeatures(columns)(rows, seen)
    assert {c.name: t.tolist() for c, t in seen.items()} == {
        "a": [[1.0]],
        "b": [[2.0]],
        "kind_indicator": [[0.0, 1.0]],
    }


# ---- categories


def test_vocabularies_in_files(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("cat\ndog\ncow\n")
    column = fc.categorical_column_with_vocabulary_file("kind", path, 2, num_oov_buckets=1)
    assert categories(column, {"kind": ["dog", "cow", "cat"]}) == [[1], [2], [0]]
    path.unlink()  # the words are the column's own now
    assert categories(column, {"kind": ["dog"]}) == [[1]]


def test_vocabularies_of_numbers_and_defaults() -> None:
    column = fc.categorical_column_with_vocabulary_list("n", [30, 10], default_value=1)
    assert categories(column, {"n": [10, 30, 99]}) == [[1], [0], [1]]


def test_identity_with_a_default() -> None:
    column = fc.categorical_column_with_identity("n", 3, default_value=0)
    assert categories(column, {"n": [2, 7, 1]}) == [[2], [0], [1]]


def test_shared_vectors_are_one_table() -> None:
    both = [fc.categorical_column_with_identity(k, 4) for k in ("a", "b")]
    layer = fc.DenseFeatures(fc.shared_embeddings(both, 2, initializer=table))
    assert layer({"a": [1], "b": [3]}).tolist() == [[2.0, 3.0, 6.0, 7.0]]
    assert [w.path.split("/", 1)[1] for w in layer.weights] == [
        "a_b_shared_embedding/embedding_weights"
    ]


# ---- sequences


def test_sequences_of_words_and_numbers() -> None:
    words = fc.sequence_categorical_column_with_vocabulary_list("w", ["a", "b"])
    layer = fc.SequenceFeatures(
        [fc.embedding_column(words, 2, initializer=lambda s, dtype=None: np.eye(2)),
         fc.sequence_numeric_column("x", default_value=-5.0)]
    )  # fmt: skip
    rows = {"w": [["b", "a", "?"], ["a", "", ""]], "x": [[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]]}
    values, lengths = layer(rows)
    assert lengths.tolist() == [3, 1]
    want = [[[0, 1, 1], [1, 0, 2], [0, 0, 3]], [[1, 0, 4], [0, 0, -5], [0, 0, -5]]]
    np.testing.assert_array_equal(values.numpy(), want)


# ---- in models and graphs


def test_a_keras_model_takes_raw_rows() -> None:
    columns = [fc.numeric_column("age"), fc.embedding_column(PETS, 2)]
    inputs = {
        "age": keras.Input((1,), name="age"),
        "kind": keras.Input((1,), name="kind", dtype="string"),
    }
    y = keras.layers.Dense(1)(fc.DenseFeatures(columns)(inputs))
    model = keras.Model(inputs, y)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    rows = {"age": np.array([[1.0], [2.0]]), "kind": np.array([["cat"], ["dog"]])}
    losses = model.fit(rows, np.array([[3.0], [-3.0]]), epochs=60, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 10


def test_a_graph_gives_what_eager_calls_give() -> None:
    columns = [
        fc.numeric_column("age"),
        AGE,
        fc.embedding_column(fc.crossed_column(["kind", "place"], 100), 3),
        fc.indicator_column(fc.categorical_column_with_hash_bucket("n", 7, "int64")),
    ]
    layer = fc.DenseFeatures(columns)
    now = layer(ROWS).numpy()
    graph = ps.Graph()
    with graph.as_default():
        places = {
            key: ps.placeholder(ps.asarray(value).dtype, ("rows", None), name=key)
            for key, value in ROWS.items()
            if key != "age"
        }
        places["age"] = ps.placeholder("float32", ("rows", 1), name="age")
        y = layer(places)
    with ps.Session(graph) as session:
        np.testing.assert_array_equal(session.run(y, {places[k]: v for k, v in ROWS.items()}), now)


def test_parsing_specifications_read_records() -> None:
    columns = [fc.numeric_column("x", 2), PETS, fc.weighted_categorical_column(ID, "c")]
    spec = fc.make_parse_example_spec(columns)
    record = ps.records.make_example({"x": [1.0, 2.0], "kind": ["dog"], "w": [3], "c": [0.5]})
    rows = ps.records.parse_example([record], spec)
    got = dense([columns[0], fc.indicator_column(PETS), fc.indicator_column(columns[2])], rows)
    assert got.tolist() == [[0.0, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0]]


# ---- mistakes

IS = fc.categorical_column_with_identity


@pytest.mark.parametrize(
    ("make", "kind", "match"),
    [
        (lambda: fc.numeric_column(3), TypeError, r"numeric_column\('age'\)"),
        (lambda: fc.numeric_column("x", 0), ValueError, r"shape=\(3,\)"),
        (lambda: fc.numeric_column("x", 2, (1.0, 2.0, 3.0)), ValueError, "one for each place"),
        (lambda: fc.numeric_column("x", dtype="string"), ValueError, "use 'float32'"),
        (lambda: fc.numeric_column("x", normalizer_fn=3), TypeError, "a function of a tensor"),
        (lambda: fc.bucketized_column("x", [1]), ValueError, r"numeric_column\('age'\)"),
        (lambda: fc.bucketized_column(fc.numeric_column("x"), [2, 1]), ValueError, "sorted"),
        (lambda: IS("x", 0), ValueError, "at least 1 bucket"),
        (lambda: IS("x", 3, 3), ValueError, "a default from 0"),
        (lambda: categories(IS("n", 3), {"n": [5]}), ValueError, "raise num_buckets"),
        (lambda: categories(IS("n", 3), {"n": ["a"]}), ValueError, "vocabulary_list for text"),
        (lambda: categories(PETS, {"kind": [1]}), ValueError, "dtype='int64'"),
        (
            lambda: fc.categorical_column_with_vocabulary_list("x", ["a", "a"]),
            ValueError,
            r"sorted\(set\(words\)\)",
        ),
        (
            lambda: fc.categorical_column_with_vocabulary_list("x", ["a"], None, 0, 2),
            ValueError,
            "use one of them",
        ),
        (
            lambda: fc.categorical_column_with_hash_bucket("x", 0),
            ValueError,
            "use 1 or more",
        ),
        (lambda: fc.crossed_column(["x"], 10), ValueError, r"crossed_column\(\['a', 'b'\], 1000\)"),
        (
            lambda: fc.crossed_column(["x", fc.numeric_column("y")], 10),
            ValueError,
            "bucketized_column",
        ),
        (
            lambda: categories(fc.crossed_column(["age", "kind"], 10)),
            ValueError,
            r"bucketized_column\(numeric_column\('age'\)",
        ),
        (lambda: fc.weighted_categorical_column("x", "w"), TypeError, "a categorical column"),
        (lambda: fc.indicator_column(fc.numeric_column("x")), TypeError, "a categorical column"),
        (lambda: fc.embedding_column(ID, 0), ValueError, "dimension=0; use 1 or more"),
        (lambda: fc.embedding_column(ID, 2, "max"), ValueError, "'mean', 'sum' or 'sqrtn'"),
        (lambda: fc.embedding_column(ID, 2, initializer=3), ValueError, "RandomNormal"),
        (
            lambda: fc.embedding_column(ID, 2, ckpt_to_load_from="x"),
            ValueError,
            "give both, or none",
        ),
        (
            lambda: fc.shared_embeddings([ID, IS("b", 5)], 2),
            ValueError,
            "one vocabulary for all",
        ),
        (lambda: fc.DenseFeatures([ID]), TypeError, r"indicator_column\(column\)"),
        (lambda: fc.DenseFeatures([]), ValueError, "at least one"),
        (lambda: fc.DenseFeatures([fc.numeric_column("x")] * 2), ValueError, "twice x"),
        (lambda: fc.DenseFeatures("x"), TypeError, "expected a list of columns"),
        (lambda: fc.DenseFeatures(["x"]), TypeError, r"expected a column: numeric_column"),
        (lambda: fc.LinearModel([ID], sparse_combiner="max"), ValueError, "'sum', 'mean'"),
        (
            lambda: fc.LinearModel([fc.sequence_numeric_column("x")]),
            TypeError,
            "dense and categorical",
        ),
        (lambda: fc.SequenceFeatures([fc.numeric_column("x")]), TypeError, "sequence columns"),
        (lambda: dense([fc.numeric_column("x")], {"y": [1.0]}), ValueError, "rows have 'y'"),
        (
            lambda: dense([fc.numeric_column("x")], {"x": [["a"]]}),
            ValueError,
            r"strings\.to_number",
        ),
        (
            lambda: dense([fc.numeric_column("x")], {"x": np.ones((2, 3))}),
            ValueError,
            r"numeric_column\('x', shape=\(3,\)\)",
        ),
        (
            lambda: fc.make_parse_example_spec(["x"]),
            TypeError,
            r"feature_column\.numeric_column",
        ),
        (
            lambda: fc.make_parse_example_spec([fc.numeric_column("x"), IS("x", 3)]),
            ValueError,
            "same dtype and shape",
        ),
        (
            lambda: fc.concatenate_context_input([1.0], [[[1.0]]]),
            ValueError,
            r"sequences \[rows, steps, n\]",
        ),
    ],
)
def test_mistakes_are_explained(make: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        make()


def test_a_shorter_vocabulary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a\n")
    with pytest.raises(ValueError, match="leave vocabulary_size out"):
        fc.categorical_column_with_vocabulary_file("x", path, 2)
    with pytest.raises(ValueError, match="a word in each line"):
        fc.categorical_column_with_vocabulary_file("x", path, file_format="tfrecord_gzip")
