"""Transfer learning, on a small network with random weights: what learns, what stays, and what is refused."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import InvalidValueError
from penstock_models.adapt import Strategy
from penstock_models.adapt.blocks import blocks_of
from penstock_models.adapt.logistic import solve
from penstock_models.adapt.weighting import balanced, held_back
from penstock_models.data import Examples
from penstock_models.presets import Input
from penstock_models.tasks.image_classifier import ImageClassifier

LABELS = ("red", "green", "blue")
SPEC = Input(kind="image", size=(16, 16), mean=(127.5,), scale=1 / 127.5)
MIRROR = os.environ.get("PENSTOCK_MIRROR", "")


def small_network() -> keras.Model:
    """Make a stem and three blocks, the second with a way around it, always of the same weights."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    images = keras.Input((None, None, 3), name="images")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")(images)
    x = layers.DepthwiseConv2D(3, padding="same", name="deep_0")(x)
    x = layers.BatchNormalization(name="deep_0_norm")(x)
    x = layers.Conv2D(8, 1, activation="relu", name="wide_0")(x)
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="way_1")(x)
    x = layers.Add()([x, layers.Conv2D(8, 1, name="way_2")(y)])
    x = layers.Conv2D(16, 1, name="block_3_expand")(x)
    x = layers.BatchNormalization(name="block_3_norm")(x)
    x = layers.Conv2D(16, 1, activation="relu", name="block_3_reduce")(x)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, {"features": x, "pooled": pooled}, name="small")


def classifier() -> ImageClassifier:
    return ImageClassifier(("any",), SPEC, None, small_network)


def pictures(count: int = 36, seed: int = 0, labels: tuple[str, ...] = LABELS) -> Examples:
    """Draw pictures in which one colour is stronger than the others."""
    rng = np.random.default_rng(seed)
    targets = [i % len(labels) for i in range(count)]
    made = [
        np.clip(rng.normal(90 + 40 * np.eye(3)[t], 50, (20, 24, 3)), 0, 255).astype(np.uint8)
        for t in targets
    ]
    return Examples("image", made, targets, labels, [f"{i}.png" for i in range(count)])


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {w.path: w.numpy() for w in model.network.weights}


def test_blocks_are_cut_where_one_tensor_goes_on() -> None:
    network = small_network()
    names = [
        [layer.name for layer in b.layers] for b in blocks_of(network, network.output["pooled"])
    ]
    assert names == [
        ["stem"],
        ["deep_0", "deep_0_norm", "wide_0"],
        ["way_1", "way_2"],
        ["block_3_expand", "block_3_norm", "block_3_reduce"],
    ]


@pytest.mark.parametrize("strategy", ["probe", "head", "partial:1", "partial:3", "full"])
def test_every_strategy_learns_its_part_and_no_other(strategy: str) -> None:
    few = pictures()
    model = classifier().adapt(strategy, labels=LABELS)
    before = weights_of(model)
    history = model.fit(few, epochs=None if strategy == "probe" else 8, learning_rate=2e-3)
    assert model.evaluate(few)["accuracy"] > 0.9
    assert history.history["loss"][-1] < np.log(3)
    after = weights_of(model)
    changed = {path.split("/")[-2] for path in after if (after[path] != before[path]).any()}
    learning = {
        "probe": set(),
        "head": set(),
        "partial:1": {"block_3_expand", "block_3_reduce"},
        "partial:3": {"deep_0", "wide_0", "way_1", "way_2", "block_3_expand", "block_3_reduce"},
        "full": {"stem", "deep_0", "wide_0", "way_1", "way_2", "block_3_expand", "block_3_reduce"},
    }[strategy]
    assert changed == {*learning, "classifier"}  # and so no norm, nor its statistics


def test_the_probe_is_the_solution_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    for count, width, classes in ((60, 7, 3), (40, 90, 4), (50, 5, 2)):
        targets = np.arange(count) % classes
        x = rng.normal(size=(count, width)) * rng.uniform(0.5, 9, width) + targets[:, None]
        z = (x - x.mean(0)) / x.std(0)
        for strength in (0.01, 1.0):
            weights = rng.uniform(0.5, 2.0, count)
            want = linear.LogisticRegression(C=strength, tol=1e-10, max_iter=9000)
            p = want.fit(z, targets, weights).predict_proba(z)
            found = solve(x, targets, classes, strength, weights)
            logits = x @ found.kernel + found.bias
            got = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            if classes > 2:  # with two classes scikit-learn has one row of weights instead of two
                np.testing.assert_allclose(got, p, atol=2e-5)
            else:
                double = linear.LogisticRegression(C=strength * 2, tol=1e-10, max_iter=9000)
                np.testing.assert_allclose(
                    got, double.fit(z, targets, weights).predict_proba(z), atol=2e-5
                )


def test_the_strength_is_chosen_on_folds_and_always_the_same() -> None:
    rng = np.random.default_rng(0)
    targets = np.arange(60) % 3
    noise = rng.normal(size=(60, 30))
    chosen = solve(noise, targets, 3)
    assert chosen.strength <= 1e-3  # of noise nothing can be learnt
    assert solve(noise, targets, 3).strength == chosen.strength
    assert chosen.accuracy is not None
    assert chosen.accuracy < 0.6


def test_classes_weigh_as_in_scikit_learn() -> None:
    weights = pytest.importorskip("sklearn.utils.class_weight")
    targets = np.array([0] * 7 + [1] * 2 + [2] * 4)
    want = weights.compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(balanced(targets, 3), want)


def test_what_is_held_back_has_every_class() -> None:
    targets = np.array([0] * 20 + [1] * 2 + [2] * 10)
    stay, back = held_back(targets, 0.2, np.random.default_rng(0))
    assert sorted([*stay, *back]) == list(range(32))
    assert np.bincount(targets[back]).tolist() == [4, 1, 2]


def test_a_training_is_replayed_to_the_bit_without_the_clock() -> None:
    few = pictures()
    first = classifier().adapt("partial:2", labels=LABELS, seed=3)
    history = first.fit(few, epochs=50, time_limit=0.2)
    assert 0 < history.epochs < 50
    second = classifier().adapt("partial:2", labels=LABELS)
    again = second.fit(few, resolved=history.resolved)
    assert again.history["loss"] == history.history["loss"]
    one, other = weights_of(first), weights_of(second)
    assert all((one[path] == other[path]).all() for path in one)


def test_examples_that_teach_nothing_are_refused() -> None:
    model = classifier().adapt("probe", labels=LABELS)
    with pytest.raises(InvalidValueError, match=r"green has 1.*add some, or leave the class out"):
        model.fit(pictures().subset([0, 3, 6, 1, 2, 5]))
    with pytest.raises(
        InvalidValueError, match=r"give model\.adapt\(\.\.\., labels=examples\.labels"
    ):
        model.fit(pictures(labels=("red", "green")))
    with pytest.raises(InvalidValueError, match="got no examples; give some"):
        model.fit(pictures().subset([]))
    with pytest.raises(InvalidValueError, match="give two or more, each once"):
        classifier().adapt("probe", labels=["red"])
    with pytest.raises(InvalidValueError, match=r"first: model\.adapt\("):
        classifier().fit(pictures())


def test_strategies_that_are_not_there_are_refused() -> None:
    assert [str(Strategy.of(text)) for text in ("full", "lora", "partial")] == [
        "full",
        "lora:8",
        "partial:2",
    ]
    for text in ("bitfit", "probe:2", "partial:0", "partial:x"):
        with pytest.raises(InvalidValueError, match='choose "probe", "head", "full", "lora" or'):
            classifier().adapt(text, labels=LABELS)
    with pytest.raises(InvalidValueError, match=r'small has 4 blocks: choose "partial:1" to'):
        classifier().adapt("partial:99", labels=LABELS)


def test_a_finished_graph_can_be_probed_and_nothing_else() -> None:
    network = small_network()
    graph = keras.Model(
        network.input, {"probabilities": keras.layers.Dense(5, "softmax")(network.output["pooled"])}
    )
    finished = ImageClassifier(list("abcde"), SPEC, graph)
    few = pictures()
    model = finished.adapt("probe", labels=LABELS)
    model.fit(few)
    assert model.evaluate(few)["accuracy"] > 0.8
    assert model.predict(few.inputs[1])[0][0].label in LABELS
    with pytest.raises(InvalidValueError, match=r'adapt it with "probe", or choose a preset that'):
        finished.adapt("full", labels=LABELS)


@pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
def test_presets_are_adapted() -> None:
    few = pictures(12)
    for name in ("mobilenet_v1.imagenet_025_128_quant", "mobilenet_v1.imagenet_025_224"):
        model = models.from_preset(name).adapt("probe", labels=LABELS)
        model.fit(few)
        assert model.evaluate(few)["accuracy"] > 0.9
    features = models.from_preset("mobilenet_v1.imagenet_features_quant")
    # The network that can be trained says nearly what the published integers say.
    published = features.vectors(list(few.inputs[:2])).numpy()
    own = features.adapt("head", labels=LABELS).adapted.pooled(
        features.network_scaler(np.stack(few.inputs[:2]))
    )
    assert np.corrcoef(published.ravel(), own.numpy().ravel())[0, 1] > 0.98


def test_pictures_can_have_another_size() -> None:
    few = pictures()
    model = classifier().adapt("probe", labels=LABELS, size=(24, 20))
    assert model.store(few.inputs).shape == (36, 24, 20, 3)
    model.fit(few)
    assert model.evaluate(few)["accuracy"] > 0.9
    assert model.prepare(few.inputs[0]).shape == (1, 24, 20, 3)
    finished = ImageClassifier(list("abc"), SPEC, lambda batch: {"probabilities": batch[:, 0, 0]})
    with pytest.raises(InvalidValueError, match="leave `size` out"):
        finished.adapt("probe", labels=LABELS, size=(24, 20))


def test_all_of_the_data_where_a_part_is_expected() -> None:
    data = models.data.read("sample:tickets")
    model = models.from_preset("lenet.mnist").adapt("probe", labels=data.labels)
    with pytest.raises(InvalidValueError, match=r"got Splits where examples .* give data.train"):
        model.fit(data)
