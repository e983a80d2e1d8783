"""Word vectors: their files, training them, and analogies."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import penstock_keras_api as keras
import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock_models.embeddings import (
    Corpus,
    Glove,
    Word2Vec,
    read_vectors,
    split_text,
    write_vectors,
)
from penstock_models.embeddings.corpus import windows
from penstock_models.embeddings.glove import near_counts
from penstock_models.evaluation.analogies import Question, evaluate_analogies, read_analogies
from penstock_models.tasks.word_vectors import WordVectors

WORDS = ["the", "naïve", "n't"]
ROWS = np.array([[1.5, -2.0], [0.1, 3e-7], [0.0, 1.0]], "float32")


@pytest.mark.parametrize("name", ["v.bin", "v.txt"])
def test_files_come_back_to_the_bit(tmp_path: Path, name: str) -> None:
    write_vectors(tmp_path / name, WORDS, ROWS)
    words, rows = read_vectors(tmp_path / name)
    assert words == WORDS
    np.testing.assert_array_equal(rows, ROWS)


def test_word2vec_files_are_read_by_their_published_form(tmp_path: Path) -> None:
    """Write the binary form by hand, with and without the newlines that writers put behind rows."""
    for end in (b"", b"\n"):
        rows = b"".join(
            w.encode() + b" " + r.tobytes() + end for w, r in zip(WORDS, ROWS, strict=True)
        )
        (tmp_path / "v.bin").write_bytes(b"3 2\n" + rows)
        words, found = read_vectors(tmp_path / "v.bin")
        assert words == WORDS
        np.testing.assert_array_equal(found, ROWS)
    (tmp_path / "glove.txt").write_text("a 1 2\n2 3 4\n")  # "2" is a word
    assert read_vectors(tmp_path / "glove.txt")[0] == ["a", "2"]
    (tmp_path / "v.json").write_text(json.dumps({"vectors": {"a": [1, 2]}}))
    assert read_vectors(tmp_path / "v.json")[1].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("v.txt", b"a 1 2\nb 1\n", r"line 2: expected a word and its numbers"),
        ("v.txt", b"a 1 x\n", r"line 1: expected a word and its numbers"),
        ("v.txt", b"3 2\na 1 2\n", r"has 1 words; its first line says '3 2': it is cut off"),
        ("v.txt", b"", r"has 0 words: it is cut off"),
        (
            "v.txt",
            b"1 1\n\xff\xfe\x00 \x00",
            r"is not UTF-8 .* read from a name that ends in \.bin",
        ),
        ("v.bin", b"a 1 2\n", r"does not begin with a line of two numbers; text has another"),
        ("v.bin", b"9 2\nabc", r"too short for 9 words of 2 numbers: it is cut off"),
        ("v.bin", b"1 2\nabcdefghijklm 1234", r"ends within word 1 of 1: it is cut off"),
        ("v.json", b"{}", r"holds no table of vectors"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=message):
        read_vectors(tmp_path / name)


def test_files_must_exist_and_words_fit(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"there is no .*none\.txt"):
        WordVectors.read(tmp_path / "none.txt")
    with pytest.raises(InvalidValueError, match="got the word 'new york'; words hold no spaces"):
        write_vectors(tmp_path / "v.txt", ["new york"], [[1.0]])
    with pytest.raises(InvalidValueError, match="got 2 words and vectors of shape"):
        write_vectors(tmp_path / "v.txt", ["a", "b"], [[1.0]])


def test_vectors_become_a_layer_of_a_model(tmp_path: Path) -> None:
    vectors = WordVectors(WORDS, ROWS)
    vectors.write(tmp_path / "v.bin")
    layer = WordVectors.read(tmp_path / "v.bin").embedding_layer(["", "[UNK]", "n't", "the"])
    assert layer.trainable is False
    model = keras.Sequential([layer, keras.layers.GlobalAveragePooling1D()])
    np.testing.assert_allclose(model(np.array([[3, 2], [0, 1]])).numpy(), [[0.75, -0.5], [0, 0]])
    again = keras.layers.Embedding.from_config(layer.get_config())
    assert (again.input_dim, again.output_dim) == (4, 2)
    with pytest.raises(InvalidValueError, match=r"none of the 1 words .* in lower case\?"):
        vectors.embedding_layer(["THE"])


# ---- analogies


def test_analogies_of_published_vectors_are_what_was_measured() -> None:
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror:
        pytest.skip("PENSTOCK_MIRROR names no folder with vectors and questions")
    facts = json.loads((Path(mirror) / "expected.json").read_text())["glove_twitter_25d_12k"]
    questions = Path(mirror) / "datasets/word_analogies/questions-words.txt"
    found = models.from_preset("glove.twitter_25d").analogies(questions)
    assert found.asked == 19544
    assert found.total.known == facts["questions_words_in_vocab"]
    assert round(found.total.top1, 3) == facts["top1"]
    assert round(found.total.top5, 3) == facts["top5"]
    assert sum(score.known for score in found.sections.values()) == found.total.known
    assert "family" in str(found)


def test_an_answer_is_never_one_of_the_question() -> None:
    vectors = [[1.0, 0.0], [1.0, 0.1], [0.9, 0.2], [0.0, 1.0]]
    asked = [Question("s", "a", "b", "a", "b"), Question("s", "a", "b", "a", "c")]
    found = evaluate_analogies(["a", "b", "c", "d"], vectors, asked)
    assert (found.total.known, found.total.first, found.total.fifth) == (2, 1, 1)


def test_questions_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "q.txt"
    path.write_text(": family\nHe She Man Woman\n")
    assert read_analogies(path) == [Question("family", "he", "she", "man", "woman")]
    path.write_text("he she man\n")
    with pytest.raises(FormatError, match="line 1: got 3 words; expected four, or ':'"):
        read_analogies(path)
    with pytest.raises(InvalidValueError, match="got no questions; give some"):
        evaluate_analogies(["a"], [[1.0]], [])


# ---- corpora


def test_a_corpus_counts_words_and_leaves_out_rare_ones() -> None:
    corpus = Corpus.of([split_text("A b a, A! c"), ["b", "a"]], min_count=2)
    assert corpus.words == ("a", "b")
    assert corpus.counts.tolist() == [4, 2]
    assert [text.tolist() for text in corpus.texts] == [[0, 1, 0, 0], [1, 0]]
    with pytest.raises(InvalidValueError, match="no word occurs 9 times; give a longer text"):
        Corpus.of([["a"]], min_count=9)


def test_windows_are_all_pairs_within_reach() -> None:
    text = np.random.default_rng(0).integers(0, 5, 30).astype("int32")
    found = Counter((i, j) for a, b, _ in windows(text, 4) for i, j in zip(a, b, strict=True))
    truth = Counter((i, j) for i in range(30) for j in range(30) if 0 < abs(i - j) <= 4)
    assert found == truth
    rng = np.random.default_rng(1)
    near = [len(a) for a, _, _ in windows(np.zeros(4000, "int32"), 4, rng)]
    np.testing.assert_allclose(np.array(near) / 4000, np.repeat([1, 0.75, 0.5, 0.25], 2), atol=0.03)


def test_frequent_words_are_left_out_by_their_share() -> None:
    corpus = Corpus.of([["a"] * 9000 + ["b"] * 1000], min_count=1)
    kept = np.concatenate(corpus.thinned(np.random.default_rng(0), 0.01))
    share = np.sqrt(0.01 / 0.9) + 0.01 / 0.9
    assert (kept == 0).sum() / 9000 == pytest.approx(share, abs=0.02)
    assert sum(map(len, corpus.thinned(np.random.default_rng(0), 0.0))) == 10000


def test_counts_of_neighbours_are_those_of_a_loop() -> None:
    text = [str(n) for n in np.random.default_rng(0).integers(0, 6, 50)]
    corpus = Corpus.of([text, text[:7]], min_count=1)
    truth: dict[tuple[int, int], float] = {}
    for numbers in corpus.texts:
        for i in range(len(numbers)):
            for j in range(max(0, i - 3), min(len(numbers), i + 4)):
                if i != j:
                    pair = (int(numbers[i]), int(numbers[j]))
                    truth[pair] = truth.get(pair, 0.0) + 1 / abs(i - j)
    first, second, counts = near_counts(corpus, 3)
    found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), counts, strict=True))
    assert found == pytest.approx(truth)


# ---- training


def two_topics() -> Corpus:
    """Return a text of sentences of which each is about animals or about food."""
    rng = np.random.default_rng(0)
    topics = [["cat", "dog", "mouse", "bird"], ["bread", "milk", "cheese", "soup"]]
    return Corpus.of([list(rng.choice(topics[i % 2], 8)) for i in range(200)], min_count=1)


@pytest.mark.parametrize("model", ["skip-gram", "cbow", "glove"])
def test_words_of_one_topic_come_near_each_other(model: str) -> None:
    corpus = two_topics()
    trained: Glove | Word2Vec
    if model == "glove":
        trained = Glove(corpus, width=4, window=4, batch_size=16)
    else:
        trained = Word2Vec(corpus, 4, model, threshold=0.0, batch_size=64, shared=16)  # type: ignore[arg-type]
    for _ in range(20 if model == "glove" else 4):
        trained.fit_epoch(0.05)
    vectors = WordVectors(corpus.words, trained.vectors)
    near = {word for word, _ in vectors.nearest("cat", 3)}
    assert near == {"dog", "mouse", "bird"}


@pytest.mark.parametrize("model", ["skip-gram", "cbow"])
def test_the_loss_is_that_of_torch_and_only_rows_of_the_batch_change(model: str) -> None:
    torch = pytest.importorskip("torch")
    corpus = Corpus.of([[str(n) for n in range(12)]], min_count=1)
    trained = Word2Vec(corpus, 3, model, shared=2, negatives=5.0)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    table, contexts = (rng.normal(size=(12, 3)).astype("float32") for _ in range(2))
    trained.table.assign(table)
    trained.contexts.assign(contexts)
    inputs = np.array(
        [[0], [1], [0]] if model == "skip-gram" else [[0, 1], [1, -1], [0, 3]], "int32"
    )
    targets, others = np.array([4, 5, 6], "int32"), np.array([6, 7], "int32")
    u, v = torch.tensor(table, requires_grad=True), torch.tensor(contexts, requires_grad=True)
    seen = torch.stack([u[[i for i in row if i >= 0]].mean(0) for row in inputs])
    soft = torch.nn.functional.softplus
    scores = soft(seen @ v[[6, 7]].T)
    mask = torch.tensor(targets[:, None] != others[None])
    loss = soft(-(seen * v[[4, 5, 6]]).sum(1)).sum() + 5.0 / 2 * (scores * mask).sum()
    loss.backward()
    found = trained._step(inputs, targets, others, np.float32(0.1), np.float32(1.0))
    assert float(found) == pytest.approx(loss.item(), rel=1e-5)
    # Adam's first step is the learning rate, against the gradient's sign, on the rows that were read.
    for variable, before, slope in (
        (trained.table, table, u.grad),
        (trained.contexts, contexts, v.grad),
    ):
        truth = before - 0.1 * np.sign(slope.numpy())
        np.testing.assert_allclose(variable.numpy(), truth, atol=1e-4)


def test_training_twice_gives_the_same_bits() -> None:
    made = [Word2Vec(two_topics(), 4, batch_size=64, seed=3) for _ in range(2)]
    for trained in made:
        trained.fit_epoch()
    np.testing.assert_array_equal(made[0].vectors, made[1].vectors)


def test_glove_fits_the_logarithms_of_counts() -> None:
    """Enough numbers for each word reproduce every count that weighs something."""
    corpus = Corpus.of([[str(n) for n in np.random.default_rng(0).integers(0, 6, 400)]])
    trained = Glove(corpus, width=8, window=3, batch_size=36, most=1.0)
    for epoch in range(800):
        loss = trained.fit_epoch(0.1 * (1 - epoch / 800))
    assert loss < 1e-6
    one, other = (side.numpy() for side in trained._sides)
    assert (one[:, -1] == 1).all()
    assert (other[:, -2] == 1).all()


def test_settings_are_checked() -> None:
    corpus = two_topics()
    with pytest.raises(InvalidValueError, match="model='bag'; use 'skip-gram' or 'cbow'"):
        Word2Vec(corpus, model="bag")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="are 1 or more"):
        Word2Vec(corpus, width=0)
    with pytest.raises(InvalidValueError, match="batch_size are 1 or more"):
        Glove(corpus, window=0)
    alone = Corpus.of([["a"]], min_count=1)
    with pytest.raises(
        InvalidValueError, match="no two words beside each other; give a longer one"
    ):
        Word2Vec(alone).fit_epoch()
    with pytest.raises(
        InvalidValueError, match="no two words beside each other; give a longer one"
    ):
        Glove(alone)
