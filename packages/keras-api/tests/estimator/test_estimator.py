"""`Estimator`: model functions of TensorFlow 1 and of Keras, trained, evaluated, asked and saved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_functions import COLUMNS, KIND, X, Y, batches, line, line_rows, rows

import penstock as ps
import penstock.v1 as tf
from penstock import keras
from penstock.keras import estimator
from penstock.keras import feature_column as fc

Spec = estimator.EstimatorSpec


def test_a_model_function_of_tensorflow_1_learns(tmp_path: Path) -> None:
    model = estimator.Estimator(line, tmp_path)
    assert model.latest_checkpoint() is None
    assert model.train(line_rows, steps=300) is model
    assert model.get_variable_names() == ["global_step", "line/bias", "line/kernel"]
    assert model.get_variable_value("global_step") == 300
    np.testing.assert_allclose(model.get_variable_value("line/kernel"), [[2.0]], atol=0.01)
    results = model.evaluate(line_rows)
    assert sorted(results) == ["global_step", "loss", "mae"]
    assert results["global_step"] == 300
    assert results["loss"] < 1e-3
    found = [row["y"].item() for row in model.predict(line_rows)]
    np.testing.assert_allclose(found, [1, 3, 5], atol=0.05)


def test_training_goes_on_where_it_was(tmp_path: Path) -> None:
    in_one = estimator.Estimator(line, tmp_path / "a", estimator.RunConfig(tf_random_seed=1))
    in_one.train(line_rows, steps=20)
    in_two = estimator.Estimator(line, tmp_path / "b", estimator.RunConfig(tf_random_seed=1))
    in_two.train(line_rows, steps=7).train(line_rows, max_steps=20).train(line_rows, max_steps=15)
    assert in_two.get_variable_value("global_step") == 20
    for name in in_one.get_variable_names():
        np.testing.assert_array_equal(
            in_one.get_variable_value(name), in_two.get_variable_value(name)
        )


def test_the_end_of_the_data_ends_training(tmp_path: Path) -> None:
    model = estimator.DNNClassifier([4], COLUMNS, tmp_path).train(batches(epochs=2))
    assert model.get_variable_value("global_step") == 16


def keras_function(features: Any, labels: Any, mode: str, params: Any) -> Any:
    """As people write with Keras's layers, metrics and optimizers."""
    training = mode == estimator.ModeKeys.TRAIN
    x = fc.DenseFeatures(COLUMNS)(features)
    layers = [keras.layers.Dense(16, "relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    for layer in layers:
        x = layer(x, training=training)
    likely = ps.nn.sigmoid(x)
    if mode == estimator.ModeKeys.PREDICT:
        return Spec(mode, predictions=likely)
    loss = ps.mean(keras.losses.binary_crossentropy(labels[:, None], likely))
    if mode == estimator.ModeKeys.EVAL:
        accuracy = keras.metrics.BinaryAccuracy()
        accuracy.update_state(labels[:, None], likely)
        return Spec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})
    optimizer = keras.optimizers.Adam(params["rate"])
    weights = [v for layer in layers for v in layer.trainable_variables]
    step = optimizer.apply_gradients(zip(ps.gradients(loss, weights), weights, strict=True))
    return Spec(mode, loss=loss, train_op=step)


def test_a_model_function_with_keras_layers_learns(tmp_path: Path) -> None:
    model = estimator.Estimator(keras_function, tmp_path, params={"rate": 0.02})
    model.train(batches(epochs=20))
    assert model.get_variable_value("global_step") == 160
    mean = model.get_variable_value("batch_normalization/moving_mean")
    assert np.abs(mean).max() > 0.01  # what layers assign is part of the step
    results = model.evaluate(rows)
    assert results["accuracy"] > 0.95
    assert results == model.evaluate(rows)
    alone = [p.item() for p in model.predict(rows)]
    assert np.mean((np.array(alone) > 0.5) == Y) == pytest.approx(results["accuracy"])


def test_evaluation_goes_over_all_batches(tmp_path: Path) -> None:
    model = estimator.LinearClassifier(COLUMNS, tmp_path).train(rows, steps=20)
    whole, parts = model.evaluate(rows), model.evaluate(batches(epochs=1, size=64))
    for name in ("accuracy", "average_loss", "recall", "label/mean"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-5)
    few = model.evaluate(batches(epochs=1, size=64), steps=1, name="few")
    assert few["label/mean"] == pytest.approx(Y[:64].mean())
    written = estimator.read_eval_metrics(model.eval_dir("few"))
    assert written[20]["label/mean"] == few["label/mean"]


def test_evaluation_changes_no_random_numbers(tmp_path: Path) -> None:
    model = estimator.Estimator(keras_function, tmp_path, params={"rate": 0.02})
    model.train(rows, steps=2)
    ps.random.set_seed(5)
    want = ps.random.uniform((3,)).tolist()
    ps.random.set_seed(5)
    model.evaluate(rows)
    list(model.predict(rows))
    assert ps.random.uniform((3,)).tolist() == want


def test_predictions_by_key_and_by_batch(tmp_path: Path) -> None:
    model = estimator.DNNClassifier([4], COLUMNS, tmp_path, n_classes=3)
    model.train(rows, steps=1)
    row = next(model.predict(rows, predict_keys="class_ids"))
    assert list(row) == ["class_ids"]
    first = next(model.predict(batches(size=10), yield_single_examples=False))
    assert first["probabilities"].shape == (10, 3)


def test_data_may_be_a_keras_dataset(tmp_path: Path) -> None:
    def input_fn(params: Any) -> Any:
        data = keras.data.Dataset.from_tensor_slices(({"x": X, "kind": KIND}, Y))
        return data.shuffle(256).batch(params["size"]).repeat(2)

    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        head = estimator.BinaryClassHead()
        logits = fc.linear_model(features, COLUMNS)
        return head.create_estimator_spec(
            features,
            mode,
            logits,
            labels,
            train_op_fn=lambda loss: tf.train.get_global_step().assign_add(1),
        )

    model = estimator.Estimator(model_fn, tmp_path, params={"size": 50}).train(input_fn)
    assert model.get_variable_value("global_step") == 12
    assert model.evaluate(input_fn)["label/mean"] == pytest.approx(Y.mean(), rel=1e-5)


def test_features_may_come_from_queues(tmp_path: Path) -> None:
    def input_fn() -> Any:
        x, y = tf.train.slice_input_producer(
            [line_rows()[0]["x"], line_rows()[1]], num_epochs=40, shuffle=False
        )
        features, labels = tf.train.batch([x, y], batch_size=3)
        return {"x": features}, labels

    model = estimator.Estimator(line, tmp_path).train(input_fn)
    assert model.get_variable_value("global_step") == 40
    assert model.evaluate(line_rows)["loss"] < 0.5


def test_input_functions_of_arrays_and_tables(tmp_path: Path) -> None:
    x, y = line_rows()
    make = estimator.inputs.numpy_input_fn(x, y, batch_size=2, num_epochs=None, shuffle=True)
    model = estimator.Estimator(line, tmp_path).train(make, steps=300)
    asked = estimator.inputs.numpy_input_fn(x, shuffle=False)
    found = [row["y"].item() for row in model.predict(asked)]
    np.testing.assert_allclose(found, [1, 3, 5], atol=0.1)

    class Table(dict):
        columns = ("x",)

    class Column:
        def __init__(self, values: Any) -> None:
            self.values = values

        def to_numpy(self) -> Any:
            return self.values

    table = estimator.inputs.pandas_input_fn(Table(x=Column(x["x"])), Column(y), shuffle=False)
    assert model.evaluate(table)["loss"] < 0.01


def test_params_and_config_are_copies(tmp_path: Path) -> None:
    given = {"sizes": [1]}
    model = estimator.Estimator(line, tmp_path, params=given)
    given["sizes"].append(2)
    model.params["sizes"].append(3)
    assert model.params == {"sizes": [1]}
    assert model.config.model_dir == model.model_dir == str(tmp_path)


# ---- saved models

READER = """
import json, sys, numpy, penstock
model = penstock.load(sys.argv[1])
assert not any(name.startswith("penstock_keras_api") for name in sys.modules)
rows = {"x": numpy.array(json.loads(sys.argv[2]), "float32"), "kind": numpy.array([["a"], ["?"]])}
print(json.dumps(model.functions["predict"](**rows)["probabilities"].tolist()))
"""


def test_a_saved_model_takes_raw_rows_without_the_code(tmp_path: Path) -> None:
    model = estimator.DNNLinearCombinedClassifier(
        tmp_path / "model",
        linear_feature_columns=[fc.crossed_column(["kind", "kind"], 10)],
        dnn_feature_columns=COLUMNS,
        dnn_hidden_units=[4],
    )
    model.train(rows, steps=3)
    receiver = estimator.build_parsing_serving_input_receiver_fn(
        fc.make_parse_example_spec(COLUMNS)
    )
    extra = tmp_path / "note.txt"
    extra.write_text("hello")
    folder = model.export_saved_model(tmp_path / "saved", receiver, {"notes/a.txt": str(extra)})
    assert (Path(folder) / "assets.extra/notes/a.txt").read_text() == "hello"
    other = model.export_saved_model(tmp_path / "saved", receiver)
    assert int(Path(other).name) > int(Path(folder).name)
    two = {"x": X[:2], "kind": np.array(["a", "?"])}
    want = [row["probabilities"].tolist() for row in model.predict(lambda: two)]
    ran = subprocess.run(
        [sys.executable, "-c", READER, folder, json.dumps(X[:2].tolist())],
        check=True,
        capture_output=True,
        text=True,
    )
    np.testing.assert_allclose(json.loads(ran.stdout), want, rtol=1e-6)
    loaded = ps.load(folder)
    assert next(iter(loaded.functions)) == "serving_default"
    assert set(loaded.functions) == {"serving_default", "classification", "regression", "predict"}
    assert not any("adagrad" in name for name in loaded.variables)


def test_raw_receivers_take_examples_and_facts(tmp_path: Path) -> None:
    model = estimator.Estimator(line, tmp_path / "model").train(line_rows, steps=1)
    for facts in (
        {"x": ("float32", (None, 1))},
        line_rows()[0],
        {"x": keras.Input((1,))},
        {"x": ps.saved.TensorSpec("x", "float32", ("n", 1))},
    ):
        receiver = estimator.build_raw_serving_input_receiver_fn(facts)
        loaded = ps.load(model.export_saved_model(tmp_path / "saved", receiver))
        assert loaded(x=np.zeros((4, 1), np.float32)).shape == (4, 1)


def test_a_receiver_of_ones_own(tmp_path: Path) -> None:
    model = estimator.Estimator(line, tmp_path / "model").train(line_rows, steps=1)

    def receive() -> Any:
        text = tf.placeholder("string", (None,), name="text")
        numbers = ps.expand_dims(ps.strings.to_number(text, "float32"), -1)
        return estimator.ServingInputReceiver({"x": numbers}, {"text": text})

    loaded = ps.load(model.export_saved_model(tmp_path / "saved", receive))
    assert loaded(text=["1.5", "2"]).shape == (2, 1)


# ---- Keras models


def test_a_compiled_keras_model_becomes_an_estimator(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((3,), name="x"), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    before = model.get_weights()
    made = estimator.model_to_estimator(model, model_dir=tmp_path, metric_names_map={"mae": "off"})
    labels = X.sum(1)

    def input_fn() -> Any:
        return {"x": X}, labels

    made.train(input_fn, steps=1)
    model.fit(X, labels, batch_size=256, verbose=0)
    first = made.evaluate(input_fn)
    want = model.evaluate(X, labels, batch_size=256, verbose=0, return_dict=True)
    assert first["loss"] == pytest.approx(want["loss"], rel=1e-5)
    assert first["off"] == pytest.approx(want["mae"], rel=1e-5)
    assert not np.array_equal(before[0], model.get_weights()[0])
    row = next(made.predict(input_fn))
    np.testing.assert_allclose(
        next(iter(row.values())), model.predict(X[:1], verbose=0)[0], rtol=1e-5
    )


# ---- mistakes


def spec_without_step(features: Any, labels: Any, mode: str) -> Any:
    y = tf.layers.dense(features["x"], 1)
    loss = tf.losses.mean_squared_error(labels, y)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    return Spec(mode, loss=loss, train_op=step)


def test_the_global_step_is_raised_in_any_case(tmp_path: Path) -> None:
    model = estimator.Estimator(spec_without_step, tmp_path).train(line_rows, steps=3)
    assert model.get_variable_value("global_step") == 3


def twins(features: Any, labels: Any, mode: str) -> Any:
    for _ in range(2):
        features = keras.layers.Dense(1, name="same")(
            features["x"] if isinstance(features, dict) else features
        )
    return Spec(mode, predictions=features)


def uneven() -> Any:
    yield {"x": np.ones((2, 1), np.float32)}, np.ones((2, 1), np.float32)
    yield {"x": np.ones((2, 2), np.float32)}, np.ones((2, 1), np.float32)


def renamed() -> Any:
    yield line_rows()
    yield {"z": np.ones((2, 1), np.float32)}, np.ones((2, 1), np.float32)


def make(fn: Any = line, **kwargs: Any) -> Any:
    return estimator.Estimator(fn, **kwargs)


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: make(3), TypeError, "def model_fn"),
        (lambda: make(config={"a": 1}), TypeError, "expected RunConfig"),
        (
            lambda: make(model_dir="a", config=estimator.RunConfig("b")),
            ValueError,
            "give one of them",
        ),
        (lambda: make().train(line_rows, steps=0), ValueError, "from 1 on"),
        (lambda: make().train(line_rows, steps=1, max_steps=2), ValueError, "give one of them"),
        (
            lambda: make().train(line_rows, hooks=[3], steps=1),
            TypeError,
            "subclass of SessionRunHook",
        ),
        (lambda: make().train(lambda: 3, steps=1), TypeError, "a data set of"),
        (lambda: make().train(lambda: iter(()), steps=1), ValueError, "Make it inside input_fn"),
        (lambda: make().train(lambda: [(1, 2, 3)]), ValueError, "weights among the features"),
        (lambda: make().train(uneven), ValueError, r"element_spec has None"),
        (lambda: make().train(renamed), ValueError, r"\['z'\] instead of \['x'\]"),
        (lambda: make(twins).predict(line_rows), ValueError, "give layers names"),
        (lambda: make(lambda features: 3).predict(line_rows), TypeError, "expected EstimatorSpec"),
        (
            lambda: make(lambda features, mode: Spec("eval", loss=tf.constant(1.0))).predict(
                line_rows
            ),
            ValueError,
            "pass on the mode",
        ),
        (lambda: make(lambda features: 3).evaluate(line_rows), ValueError, "takes no labels"),
        (lambda: make().get_variable_names(), ps.errors.CheckpointError, "call train"),
        (
            lambda: make().train(line_rows, steps=1).get_variable_value("line/kernal"),
            ps.errors.CheckpointError,
            "did you mean line/kernel",
        ),
        (
            lambda: list(make().train(line_rows, steps=1).predict(line_rows, predict_keys=["z"])),
            ValueError,
            "there are 'y'",
        ),
        (
            lambda: make().train(line_rows, steps=1).export_saved_model("x", lambda: 3),
            TypeError,
            "expected ServingInputReceiver",
        ),
        (
            lambda: make().experimental_export_all_saved_models("x", {"train": line_rows}),
            ValueError,
            "only ModeKeys.PREDICT",
        ),
        (
            lambda: estimator.build_raw_serving_input_receiver_fn({"x": 3}),
            TypeError,
            r"\('float32', \(None, 1\)\)",
        ),
        (
            lambda: estimator.build_parsing_serving_input_receiver_fn({"x": 3}),
            TypeError,
            "make_parse_example_spec",
        ),
        (lambda: estimator.PredictOutput(3), TypeError, "tensors of the graph by name"),
        (lambda: Spec("train"), ValueError, "needs loss and train_op"),
        (lambda: Spec("other"), ValueError, "use ModeKeys.TRAIN"),
        (lambda: Spec("eval", loss=[1.0, 2.0]), ValueError, "take its mean"),
        (lambda: Spec("train", loss=1.0, train_op=3), TypeError, "optimizer.minimize"),
        (
            lambda: Spec("eval", loss=1.0, eval_metric_ops={"a": 3}),
            TypeError,
            r"tf\.metrics\.accuracy",
        ),
        (
            lambda: Spec("eval", loss=1.0, evaluation_hooks=[3]),
            TypeError,
            "subclass of SessionRunHook",
        ),
        (lambda: estimator.model_to_estimator(), ValueError, "give one of"),
        (
            lambda: estimator.model_to_estimator(keras.Sequential([keras.layers.Dense(1)])),
            ValueError,
            "must be built and compiled",
        ),
        (
            lambda: estimator.inputs.numpy_input_fn({"x": np.ones(2)}),
            ValueError,
            "shuffle=True to train",
        ),
        (
            lambda: estimator.inputs.numpy_input_fn({"x": np.ones(2)}, np.ones(3), shuffle=False),
            ValueError,
            "as many of each",
        ),
        (
            lambda: estimator.classifier_parse_example_spec([fc.numeric_column("x")], "x"),
            ValueError,
            "leave it out of feature_columns",
        ),
    ],
)
def test_mistakes_are_explained(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


def test_another_model_does_not_fit_the_checkpoint(tmp_path: Path) -> None:
    estimator.DNNClassifier([4], COLUMNS, tmp_path).train(rows, steps=1)
    other = estimator.DNNClassifier([5], COLUMNS, tmp_path)
    match = r"dnn/hiddenlayer_0/kernel \(variable \(6, 5\), saved \(6, 4\)\).*another model_dir"
    with pytest.raises(ps.errors.CheckpointError, match=match):
        other.train(rows, steps=1)


def test_what_people_read_of_examples() -> None:
    columns = [fc.numeric_column("age")]
    spec = estimator.classifier_parse_example_spec(columns, "income", "string", weight_column="w")
    assert spec["income"] == fc.FixedLenFeature((1,), "string", None)
    assert spec["w"].dtype == "float32"
    numbers = estimator.regressor_parse_example_spec(columns, "price", label_dimension=2)
    assert numbers["price"].shape == (2,)


# ---- programs of TensorFlow 1

PROGRAM = """
import numpy as np
import penstock.v1 as tf

def my_model(features, labels, mode, params):
    net = tf.feature_column.input_layer(features, params["feature_columns"])
    for units in params["hidden_units"]:
        net = tf.layers.dense(net, units=units, activation=tf.nn.relu)
    logits = tf.layers.dense(net, params["n_classes"], activation=None)
    predicted_classes = tf.argmax(logits, 1)
    if mode == tf.estimator.ModeKeys.PREDICT:
        predictions = {
            "class_ids": predicted_classes[:, tf.newaxis],
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
        }
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    accuracy = tf.metrics.accuracy(labels=labels, predictions=predicted_classes, name="acc_op")
    tf.summary.scalar("accuracy", accuracy[1])
    if mode == tf.estimator.ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})
    optimizer = tf.train.AdagradOptimizer(learning_rate=0.1)
    train_op = optimizer.minimize(loss, global_step=tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

x = np.random.default_rng(0).normal(size=(300, 2))
y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
columns = [tf.feature_column.numeric_column(key="a"), tf.feature_column.numeric_column(key="b")]
classifier = tf.estimator.Estimator(
    model_fn=my_model,
    params={"feature_columns": columns, "hidden_units": [10, 10], "n_classes": 3},
)
make = tf.estimator.inputs.numpy_input_fn
data = {"a": x[:, 0], "b": x[:, 1]}
classifier.train(make(data, y, num_epochs=None, shuffle=True), steps=200)
print(classifier.evaluate(make(data, y, shuffle=False))["accuracy"] > 0.9)
print(sorted(next(classifier.predict(make(data, shuffle=False)))))
"""


def test_a_guides_program_needs_only_its_import_changed() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "True\n['class_ids', 'logits', 'probabilities']\n", ran.stderr


def test_hooks_are_in_tf_train_too() -> None:
    assert tf.train.StopAtStepHook is estimator.StopAtStepHook
    assert tf.estimator is estimator
    assert tf.feature_column is fc


def test_logits_of_canned_models_by_themselves(tmp_path: Path) -> None:
    builders = estimator.experimental
    wide = builders.linear_logit_fn_builder(1, COLUMNS)
    deep = builders.dnn_logit_fn_builder(1, [4], COLUMNS, dropout=0.5)

    def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
        logits = sum(builders.call_logit_fn(f, features, mode, {}, config) for f in (wide, deep))
        return estimator.BinaryClassHead().create_estimator_spec(
            features, mode, logits, labels, train_op_fn=lambda loss: ps.identity(loss)
        )

    model = estimator.Estimator(model_fn, tmp_path).train(rows, steps=2)
    assert "dnn/hiddenlayer_0/kernel" in model.get_variable_names()
    assert estimator.experimental.KMeans is estimator.KMeans
    hook = builders.make_stop_at_checkpoint_step_hook(model, 2)
    assert model.evaluate(batches(), hooks=[hook])["label/mean"] == pytest.approx(Y[:32].mean())


def test_a_saved_keras_model_becomes_an_estimator(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    path = tmp_path / "model.keras"
    model.save(path)
    made = estimator.model_to_estimator(keras_model_path=path)
    row = next(made.predict(lambda: {"x": X}))
    np.testing.assert_allclose(
        next(iter(row.values())), model.predict(X[:1], verbose=0)[0], rtol=1e-5
    )


def test_nothing_is_kept_of_graphs_that_are_done(tmp_path: Path) -> None:
    from penstock.v1 import _graph

    before = len(_graph._variables) + len(_graph._named) + len(_graph._local)
    model = estimator.Estimator(line, tmp_path).train(line_rows, steps=1)
    model.evaluate(line_rows)
    list(model.predict(line_rows))
    with pytest.raises(ValueError, match="there is no prediction"):
        model.predict(line_rows, predict_keys="z")
    assert next(model.predict(line_rows))
    model.predict(line_rows)
    receiver = estimator.build_raw_serving_input_receiver_fn(line_rows()[0])
    model.export_saved_model(tmp_path / "saved", receiver)
    assert len(_graph._variables) + len(_graph._named) + len(_graph._local) == before


def test_more_metrics_can_be_added(tmp_path: Path) -> None:
    model = estimator.Estimator(line, tmp_path).train(line_rows, steps=20)

    def biggest(features: Any, labels: Any) -> Any:
        metric = keras.metrics.Mean()
        metric.update_state(ps.max(features["x"]) + ps.max(labels))
        return {"biggest": metric, "count": tf.metrics.mean(labels)}

    more = estimator.add_metrics(model, biggest)
    found = more.evaluate(line_rows)
    assert found["biggest"] == 7.0
    assert found["count"] == pytest.approx(3.0)
    assert {k: v for k, v in found.items() if k not in ("biggest", "count")} == model.evaluate(
        line_rows
    )
    with pytest.raises(ValueError, match="give other names"):
        estimator.add_metrics(more, biggest).evaluate(line_rows)
    with pytest.raises(TypeError, match="a function of labels and predictions"):
        estimator.add_metrics(model, 3)


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.AdamW(0.01, weight_decay=0.1),
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.1),
        keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
        keras.optimizers.RMSprop(0.01, centered=True, gradient_accumulation_steps=2),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_steps_are_those_of_fit(optimizer: Any, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((3,), name="x"),
            keras.layers.Dense(4, "tanh", kernel_regularizer="l2", name="a"),
            keras.layers.BatchNormalization(name="b"),
            keras.layers.Dense(1, name="c"),
        ]
    )
    model.compile(optimizer, "mse")
    made = estimator.model_to_estimator(model, model_dir=tmp_path)
    labels = X.sum(1)
    made.train(lambda: ({"x": X}, labels), steps=3).train(lambda: ({"x": X}, labels), steps=3)
    model.fit(X, labels, batch_size=256, epochs=6, shuffle=False, verbose=0)
    for v in model.weights:
        name = v.path.split("/", 1)[-1] if v.path.count("/") > 1 else v.path
        found = next(n for n in made.get_variable_names() if n.endswith(name))
        np.testing.assert_allclose(
            made.get_variable_value(found), v.numpy(), rtol=1e-5, atol=1e-6, err_msg=v.path
        )
