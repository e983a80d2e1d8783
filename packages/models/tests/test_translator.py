"""Translators: the search, the memory of what was computed, and learning to copy."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import InvalidValueError, PluginError
from penstock_models.architectures import architecture
from penstock_models.presets import Input, Metric
from penstock_models.recipes import Progress, publish, start
from penstock_models.tasks.translator import Translator
from penstock_models.tokenizers.subwords import END, PAD, START, Subwords
from penstock_models.translation import PairBatches, SmoothedLoss
from penstock_models.translation.search import beam_search, take_rows
from penstock_models.translation.writers import WRITERS

Array = np.ndarray[Any, Any]
SMALL: dict[str, dict[str, Any]] = {
    "seq2seq_lstm": {"width": 48, "num_layers": 2, "dropout": 0.0},
    "transformer": {
        "width": 32,
        "num_encoder_layers": 1,
        "num_decoder_layers": 2,
        "num_heads": 2,
        "hidden_size": 48,
        "max_length": 64,
        "dropout": 0.0,
    },
}
NAMES = sorted(SMALL)


def made(name: str, vocabulary: int, **more: Any) -> tuple[keras.Model, Any]:
    found = architecture.find(name)
    config = found.config.of({"vocabulary_size": vocabulary, **SMALL[name], **more})
    return found.heads["next_token"](found.backbone(config), config), config


def chance(seed: int, words: int = 3) -> Any:
    """A language in which the next token depends on the last two; its tables are logarithms of probabilities."""
    table = np.random.default_rng(seed).normal(size=(words + 3, words + 3, words + 3)) * 2
    table[:, :, [PAD, START]] = -np.inf
    return table - np.log(np.exp(table).sum(-1, keepdims=True))


def step_of(table: Array) -> Any:
    def step(tokens: Array, state: Array, k: int) -> tuple[Array, Array, Array]:
        logs = table[state.numpy()[:, 0] if hasattr(state, "numpy") else state[:, 0], tokens]
        best = np.argsort(-logs, axis=1, kind="stable")[:, :k]
        import penstock as ps

        return np.take_along_axis(logs, best, 1), best, ps.asarray(np.asarray(tokens)[:, None])

    return step


def every(table: Array, longest: int, alpha: float) -> dict[tuple[int, ...], float]:
    """Score every text that ends in time."""
    found = {}
    for length in range(longest):
        for text in itertools.product(range(3, len(table)), repeat=length):
            path = (START, START, *text, END)
            total = sum(table[a, b, c] for a, b, c in zip(path, path[1:], path[2:], strict=False))
            found[text] = total / ((5 + length + 1) / 6) ** alpha
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_of_all_texts(seed: int, alpha: float) -> None:
    table = chance(seed)
    all_texts = every(table, 4, alpha)
    first = np.full((2, 1), START)
    found = beam_search(
        step_of(table), first, 2, start=START, end=END, beams=81, longest=4, length_penalty=alpha
    )
    best = max(all_texts, key=lambda text: all_texts[text])
    for texts in found:
        assert texts[0].tokens == best
        assert texts[0].score == pytest.approx(all_texts[best])
        for text in texts:
            assert text.score == pytest.approx(all_texts[text.tokens])


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_takes_the_best_token_each_time(seed: int) -> None:
    table = chance(seed)
    (found,) = beam_search(
        step_of(table), np.full((1, 1), START), 1, start=START, end=END, beams=1, longest=6
    )
    tokens, before, last = [], START, START
    while len(tokens) < 6:
        word = int(table[before, last].argmax())
        if word == END:
            break
        tokens.append(word)
        before, last = last, word
    assert list(found[0].tokens) == tokens


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_the_whole_network_at_once(name: str) -> None:
    keras.utils.set_random_seed(3)
    network, config = made(name, 20)
    rng = np.random.default_rng(0)
    token_ids = rng.integers(3, 20, (3, 5)).astype("int32")
    token_ids[1, 3:] = PAD
    inputs = {"token_ids": token_ids, "padding_mask": (token_ids != PAD).astype("int32")}
    written = np.concatenate([np.full((3, 1), START), rng.integers(3, 20, (3, 6))], 1).astype(
        "int32"
    )
    whole = network({**inputs, "target_ids": written})["logits"].numpy()
    logs = whole - np.log(np.exp(whole).sum(-1, keepdims=True))
    writer = WRITERS[name](network, config)
    state = writer.start(inputs)
    order = np.arange(3)
    for at in range(7):
        values, words, state = writer.step(written[order, at], state, 20)
        wanted = np.take_along_axis(logs[order, at], words, 1)
        np.testing.assert_allclose(values, wanted, atol=2e-5)
        assert (np.diff(values, axis=1) <= 0).all()
        moved = np.array([2, 0, 1])
        state, order = take_rows(state, moved), order[moved]


def copied(name: str, seed: int = 0) -> tuple[keras.Model, Any, PairBatches]:
    """Teach a network to say what it hears, in reverse."""
    keras.utils.set_random_seed(seed)
    network, config = made(name, 13)
    rng = np.random.default_rng(seed)
    texts = [rng.integers(3, 13, rng.integers(1, 7)).tolist() for _ in range(1200)]
    batches = PairBatches(texts, [text[::-1] for text in texts], tokens=256)
    network.compile(keras.optimizers.Adam(4e-3), {"logits": SmoothedLoss(0.05)})
    network.fit(batches, epochs=14, verbose=0)
    return network, config, batches


@pytest.mark.parametrize("name", NAMES)
def test_a_small_network_learns_to_reverse(name: str) -> None:
    network, config, _ = copied(name)
    rng = np.random.default_rng(99)
    right = 0
    texts = [rng.integers(3, 13, rng.integers(1, 7)).tolist() for _ in range(60)]
    length = max(map(len, texts)) + 1
    token_ids = np.array([[*t, END] + [PAD] * (length - len(t) - 1) for t in texts], "int32")
    inputs = {"token_ids": token_ids, "padding_mask": (token_ids != PAD).astype("int32")}
    writer = WRITERS[name](network, config)
    found = beam_search(
        writer.step, writer.start(inputs), len(texts), start=START, end=END, beams=3, longest=12
    )
    for text, candidates in zip(texts, found, strict=True):
        right += list(candidates[0].tokens) == text[::-1]
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)
    assert right > 50


def folder_of(name: str, out: Path) -> Path:
    texts = ["a cat", "a dog", "two cats", "two dogs and a cat"]
    words = Subwords.train(texts, 270)
    words.save(out / "subwords.json")
    keras.utils.set_random_seed(1)
    network, config = made(name, len(words))
    run = start(f"{name}.test", "", arguments=["--data", ".", "--out", str(out)])
    facts = {
        "task": "translation",
        "architecture": name,
        "config": config.model_dump(mode="json"),
        "options": {"head": "next_token"},
        "input": Input(kind="text"),
        "licence": "CC0-1.0",
        "trained_on": "Nothing.",
    }
    metric = Metric(name="BLEU", value=0.0, data="nothing")
    return publish(
        network,
        Progress(run),
        facts=facts,
        metrics=[metric],
        question="two cats",
        files={"subwords": "subwords.json"},
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_translates_as_before(name: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path)
    model = models.from_preset(folder)
    again = models.from_preset(folder)
    for a, b in zip(model.network.weights, again.network.weights, strict=True):
        np.testing.assert_array_equal(a.value.numpy(), b.value.numpy())
    assert isinstance(model, Translator)
    said = model.translate(["two dogs", "a cat and a dog and a cat"], longest=9)
    assert said == again.translate(["two dogs", "a cat and a dog and a cat"], longest=9)
    assert said == [
        model.translate(text, longest=9) for text in ("two dogs", "a cat and a dog and a cat")
    ]
    pair = json.loads((folder / "golden.json").read_text())
    assert pair["answer"] == model.translate(pair["question"])


def test_batches_hold_every_pair_once() -> None:
    rng = np.random.default_rng(0)
    sources = [rng.integers(3, 99, rng.integers(1, 30)).tolist() for _ in range(300)]
    targets = [[n + 1 for n in source] for source in sources]
    batches = PairBatches(sources, targets, tokens=200, seed=1)
    seen = []
    for i in range(len(batches)):
        inputs, wanted = batches[i]
        assert inputs["token_ids"].size <= 200
        assert inputs["target_ids"].shape == wanted["logits"].shape
        for source, target, out in zip(
            inputs["token_ids"], inputs["target_ids"], wanted["logits"], strict=True
        ):
            text = source[: int((source != PAD).sum()) - 1].tolist()
            assert target.tolist()[: len(text) + 1] == [START, *(n + 1 for n in text)]
            assert out.tolist()[: len(text) + 1] == [*(n + 1 for n in text), END]
            seen.append(text)
    assert sorted(seen) == sorted(sources)


def test_the_loss_is_the_smoothed_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 6)).astype("float32")
    labels = np.array([[3, 5, 2, PAD], [1, 4, PAD, PAD]])
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    wanted = []
    for row, at in zip(*np.nonzero(labels), strict=True):
        truth = np.full(6, 0.1 / 6)
        truth[labels[row, at]] += 0.9
        wanted.append(-(truth * logs[row, at]).sum())
    assert float(SmoothedLoss(0.1)(labels, logits)) == pytest.approx(np.mean(wanted), rel=1e-5)


def test_mistakes_are_told() -> None:
    with pytest.raises(InvalidValueError, match="expected at least 1, 1 and 0"):
        beam_search(step_of(chance(0)), (), 1, start=START, end=END, beams=0)
    with pytest.raises(InvalidValueError, match="give one for each"):
        PairBatches([[3]], [], tokens=9)
    with pytest.raises(InvalidValueError, match="leave it out"):
        PairBatches([[3] * 50], [[3]], tokens=9)


def test_bleu_is_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    from penstock_models.evaluation.bleu import bleu

    said = ["the cat sat on a mat now", "a man rides a red bicycle", "two dogs run on the grass"]
    expected = ["the cat sat on the mat now", "a man rides a red bike", "two dogs run over grass"]
    found = bleu(said, expected, resamples=50)
    assert found.interval.value == pytest.approx(sacrebleu.corpus_bleu(said, [expected]).score)
    assert found.interval.low < found.interval.value < found.interval.high
    assert "case:mixed" in found.signature
    with pytest.raises(InvalidValueError, match="give one for each"):
        bleu(said, [])


def test_bleu_without_sacrebleu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from penstock_models.evaluation.bleu import bleu

    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(PluginError, match=r"pip install 'penstock-models\[translation\]'"):
        bleu(["a"], ["a"])
