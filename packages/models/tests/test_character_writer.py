"""The language model of characters, against PyTorch's units with the same weights, and what it writes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import InvalidValueError
from penstock_models.architectures.char_lm import CharLmConfig, backbone, next_token
from penstock_models.tasks.character_writer import UNKNOWN, CharacterWriter

LETTERS = "abc d"


def writer(**sizes: Any) -> CharacterWriter:
    config = CharLmConfig(vocabulary_size=6, embedding_size=4, **{"width": 7, **sizes})
    return CharacterWriter(next_token(backbone(config), config), config, LETTERS)


def test_scores_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    keras.utils.set_random_seed(0)
    model = writer(num_layers=2)
    values = {w.path.removeprefix("char_lm/"): w.value.numpy() for w in model.network.weights}
    tokens = model.encode("abad cab")
    x = torch.tensor(values["token_embedding/embeddings"][tokens])
    for i in range(2):
        at = f"gru_{i}/gru_cell/" if f"gru_{i}/gru_cell/kernel" in values else f"gru_{i}/"
        theirs = torch.nn.GRU(x.shape[-1], 7, batch_first=True)
        # Ours has the gates as update, reset, new; theirs as reset, update, new.
        order = np.r_[7:14, 0:7, 14:21]
        bias = values[at + "bias"]
        parts = [values[at + "kernel"].T, values[at + "recurrent_kernel"].T, bias[0], bias[1]]
        with torch.no_grad():
            for weight, part in zip(theirs.parameters(), parts, strict=True):
                weight.copy_(torch.tensor(part[order]))
            x = theirs(x)[0]
    wanted = x.numpy() @ values["scores/kernel"] + values["scores/bias"]
    got = model.network({"token_ids": tokens})["logits"].numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_it_goes_on_as_the_whole_network_would() -> None:
    keras.utils.set_random_seed(5)
    model = writer(num_layers=2)
    text = "abba"
    for _ in range(6):
        logits = model.network({"token_ids": model.encode(text)})["logits"].numpy()[0, -1]
        text += LETTERS[int(logits[1:].argmax())]
    assert model.generate("abba", 6, temperature=0) == text[4:]


def test_draws_are_as_frequent_as_they_are_probable() -> None:
    keras.utils.set_random_seed(1)
    model = writer()
    logits = model.network({"token_ids": model.encode("ab")})["logits"].numpy()[0, -1, 1:]
    wanted = np.exp(logits / 0.5) / np.exp(logits / 0.5).sum()
    drawn = [model.generate("ab", 1, temperature=0.5, seed=i) for i in range(400)]
    shares = [drawn.count(letter) / 400 for letter in LETTERS]
    np.testing.assert_allclose(shares, wanted, atol=0.09)
    assert model.generate("ab", 30, seed=3) == model.generate("ab", 30, seed=3)
    assert model.generate("ab", 30, seed=3) != model.generate("ab", 30, seed=4)


def test_bits_are_those_of_the_probabilities() -> None:
    model = writer()
    text = "abcad?"
    logits = model.network({"token_ids": model.encode(text)})["logits"].numpy()[0]
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    numbers = [LETTERS.find(c) + 1 for c in text]
    assert numbers[-1] == UNKNOWN
    wanted = -np.mean([logs[i, n] for i, n in enumerate(numbers[1:])]) / math.log(2)
    assert model.bits_per_character(text) == pytest.approx(wanted, rel=1e-5)


def test_it_learns_a_text_by_heart() -> None:
    keras.utils.set_random_seed(0)
    model = writer(width=24)
    numbers = model.encode("abc dabc dabc dabc d" * 8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.network.compile(keras.optimizers.Adam(2e-2), {"logits": loss})
    model.network.fit(
        {"token_ids": numbers[:, :-1]}, {"logits": numbers[:, 1:]}, epochs=60, verbose=0
    )
    assert model.generate("ab", 8) == "c dabc d"
    assert model.bits_per_character("abc dabc d") < 0.5


def test_mistakes_are_told() -> None:
    model = writer()
    with pytest.raises(
        InvalidValueError, match="expected at least one character, and a temperature"
    ):
        model.generate("")
    with pytest.raises(InvalidValueError, match="give at least 2"):
        model.bits_per_character("a")
    config = CharLmConfig(vocabulary_size=6, width=7)
    with pytest.raises(InvalidValueError, match="the first score is that of all others"):
        CharacterWriter(model.network, config, "abcdef")


def test_the_preset_knows_the_plays() -> None:
    model = models.from_preset("char_lm.literature")
    play = "KING:\nWhat is the matter with thee, my good lord?\n"
    assert model.bits_per_character(play) < 2.5
    assert model.bits_per_character("zxq jkv wwpl mmnb qqx!") > 5
    assert len(model.generate(play, 40, seed=1)) == 40
