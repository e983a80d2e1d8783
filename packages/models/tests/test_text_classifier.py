"""Texts sorted into a user's own classes by a network that was made for something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.lengths import grouped
from penstock_models.adapt.logistic import standard
from penstock_models.adapt.texts import with_earlier_blocks
from penstock_models.architectures.bert import BertConfig, backbone
from penstock_models.data import Examples
from penstock_models.loaders.text import pooled_by_mean
from penstock_models.tasks.text_classifier import TextClassifier
from penstock_models.tasks.text_encoder import TextEncoder
from penstock_models.tokenizers import WordPieceTokenizer

ANIMALS = ["cat", "dog", "horse", "cow", "sheep", "goat"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers", "chisel"]
FILLING = [
    "the",
    "a",
    "my",
    "old",
    "new",
    "big",
    "small",
    "is",
    "was",
    "here",
    "there",
    "and",
    "it",
    "very",
]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ANIMALS, *TOOLS, *FILLING, "##s", "!"]
CONFIG = BertConfig(
    vocabulary_size=len(VOCABULARY),
    width=64,
    num_layers=2,
    num_heads=2,
    hidden_size=64,
    max_length=24,
)


def texts(count: int, seed: int) -> Examples:
    """Return sentences of different lengths about one animal or one tool."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, count)
    sentences = []
    for target in targets:
        words = list(rng.choice(FILLING, rng.integers(1, 12)))
        words[rng.integers(len(words))] = str(rng.choice((ANIMALS, TOOLS)[target]))
        sentences.append(" ".join(words))
    names = [f"line {i}" for i in range(count)]
    return Examples("text", sentences, targets.tolist(), ("animal", "tool"), names)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    keras.utils.set_random_seed(3)
    weights = backbone(CONFIG).get_weights()

    def make() -> keras.Model:
        network = backbone(CONFIG)
        network.set_weights(weights)
        return pooled_by_mean(network)

    return TextEncoder(WordPieceTokenizer(VOCABULARY, max_length=24), make)


@pytest.mark.parametrize(
    ("strategy", "least"),
    [("probe", 0.75), ("head", 0.75), ("partial:1", 0.8), ("full", 0.95), ("lora", 0.8)],
)
def test_every_strategy_learns(encoder: TextEncoder, strategy: str, least: float) -> None:
    train, test = texts(120, 0), texts(50, 1)
    model = encoder.adapt(strategy, labels=train.labels, seed=1)
    history = model.fit(train, epochs=8, learning_rate=3e-3)
    assert isinstance(model, TextClassifier)
    found = model.evaluate(test)
    assert found["accuracy"] > least
    assert model.predict("my dog")[0][0].label == "animal"
    again = encoder.adapt(strategy, labels=train.labels, seed=1)
    again.fit(train, resolved=history.resolved)
    same = again.probabilities(list(test.inputs)).numpy()
    assert np.array_equal(same, model.probabilities(list(test.inputs)).numpy())


def test_a_probe_sees_what_earlier_blocks_knew(encoder: TextEncoder) -> None:
    network = with_earlier_blocks(encoder.backbone())
    rows = encoder.tokenizer(["a cat and the dog", "the old saw"])
    given = {name: rows[name] for name in network.input}
    made = network(given)["pooled"].numpy()
    block = network.get_layer("block_0")
    parts = keras.Model(network.input, [network.get_layer("embedding_norm").output, block.output])
    mask = rows["padding_mask"].numpy()[..., None]
    for place, layer in enumerate(parts(given)):
        mean = (layer.numpy() * mask).sum(1) / mask.sum(1)
        np.testing.assert_allclose(made[:, 64 * (place + 1) : 64 * (place + 2)], mean, atol=1e-5)
    assert with_earlier_blocks(network) is network
    assert encoder.adapt("full", labels=["a", "b"]).adapted.head.kernel.shape == (64, 2)
    assert encoder.adapt("probe", labels=["a", "b"]).adapted.head.kernel.shape == (192, 2)


def test_padding_changes_nothing(encoder: TextEncoder) -> None:
    model = encoder.adapt("probe", labels=["animal", "tool"])
    model.fit(texts(40, 0))
    mixed = ["a cat", "the old saw is here and it was very very very big and new", "dog !", ""]
    together = model.probabilities(mixed).numpy()
    alone = np.concatenate([model.probabilities(text).numpy() for text in mixed])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_saved_graph_takes_a_text(encoder: TextEncoder, tmp_path: Path) -> None:
    model = encoder.adapt("full", labels=["animal", "tool"])
    model.fit(texts(64, 0), epochs=1)
    parts = model.serving()
    made = ps.saved.graph_model({"main": parts.function()}, {"main": parts.signature}, {})
    ps.save(made, tmp_path / "model", golden=[(example,) for example in parts.golden])
    # C++ has native kernels only, and this op has none.
    assert "arange" not in json.loads((tmp_path / "model" / "graph.json").read_text())["ops"]
    loaded = ps.load(tmp_path / "model")
    for text in [
        "a cat",
        "",
        "the hammer " * 30,
        "my big old drill is here and it is new and very small",
    ]:
        answer = loaded(np.asarray(text, object))["probabilities"].numpy()
        np.testing.assert_allclose(answer, model.probabilities(text).numpy()[0], atol=1e-5)


def test_batches_have_texts_of_like_length() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 60, 200)
    order = grouped(rng.permutation(200), lengths, 8, rng)
    assert sorted(order.tolist()) == list(range(200))
    padded = sum(8 * lengths[order[at : at + 8]].max() for at in range(0, 200, 8))
    assert padded < 1.25 * lengths.sum()
    assert grouped(np.arange(5), None, 2, rng).tolist() == [0, 1, 2, 3, 4]
    assert grouped(np.arange(3), lengths, 8, rng).tolist() == [0, 1, 2]


def test_features_that_say_nothing_are_not_blown_up() -> None:
    features = np.array([[1.0, 1e-9], [3.0, 2e-9], [5.0, 0.0]])
    assert standard(features)[1].tolist() == [np.std([1.0, 3.0, 5.0]), 1.0]
    assert standard(np.zeros((2, 2)))[1].tolist() == [1.0, 1.0]


def test_what_is_wrong_is_said(encoder: TextEncoder) -> None:
    with pytest.raises(InvalidValueError, match="give a word for each class"):
        TextClassifier([], encoder.tokenizer, lambda: None)
    model: Any = encoder.adapt("probe", labels=["animal", "tool"])
    with pytest.raises(InvalidValueError, match="give a text, or a list of at least one"):
        model.predict([])
    few = texts(8, 0)
    renamed = Examples("text", few.inputs, few.targets, ("a", "b"), few.names)
    with pytest.raises(InvalidValueError, match=r"model.adapt\(..., labels=examples.labels\)"):
        model.fit(renamed)
