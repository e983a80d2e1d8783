"""Tokenizers against the library that published models are made with, token by token."""

from __future__ import annotations

import json
import os
import random
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import FormatError, GraphError, InvalidValueError
from penstock_models.tokenizers import BytePairTokenizer, WordPieceTokenizer, read_tokenizer
from penstock_models.tokenizers.byte_pair import byte_letters

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [
    "Hello, world! It's 5 o'clock.",
    "",
    "  \t\n ",
    "Ünïcödé STRASSE ǅ İstanbul ΑΣ Ångström",
    "日本語のテキスト 한국어 ไทย हिन्दी العربية עברית",
    "😀 family 👨‍👩‍👧 flags 🇩🇪",
    "null\x00byte bell\x07 del\x7f soft\xadhyphen zero\u200bwidth\ufeff",
    "a" * 101 + " " + "b" * 100,
    "don't (stop) [now] {here} <b>bold</b> a_b a-b 1.5€ $3 ~^`|",
    "nbsp\u00a0thin\u2009line\u2028para\u2029ideographic\u3000",
    "e\u0301 vs é, ﬁ ligature, ½, ²",
]
# Newer characters are none to the tables of the library here.
KNOWN = [
    chr(c)
    for c in range(0x20, 0x2000)
    if unicodedata.category(chr(c)) in ("Lu", "Ll", "Lo", "Nd", "Zs", "Sm")
]


def random_texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    letters = "abcdefghist .,'!-\t\n0123456789"
    return [
        "".join(
            rng.choice(KNOWN if rng.random() < 0.2 else letters) for _ in range(rng.randint(0, 60))
        )
        for _ in range(count)
    ]


def lines_of(*names: str) -> list[str]:
    if not MIRROR:
        return []
    texts = [(Path(MIRROR) / "datasets" / name).read_text("utf-8", "replace") for name in names]
    return [line for text in texts for line in text.split("\n")][::7][:3000]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a WordPiece tokenizer of the other library, trained on our texts."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.BertWordPieceTokenizer()
    corpus = [*TEXTS, *random_texts(300, 0), "the quick brown fox jumps over the lazy dogs"] * 2
    made.train_from_iterator(corpus, vocab_size=900, show_progress=False, special_tokens=SPECIAL)
    made.save_model(str(folder := tmp_path_factory.mktemp("vocabulary")))
    return tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"))


def test_pieces_are_theirs(theirs: Any, tmp_path: Path) -> None:
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = read_tokenizer(tmp_path)
    texts = [*TEXTS, *random_texts(500, 1), *lines_of("text/bronte.txt", "sst2/dev.tsv")]
    made = ours(texts, length=300)
    for row, mask, want in zip(
        made["token_ids"].tolist(),
        made["padding_mask"].tolist(),
        theirs.encode_batch(texts),
        strict=True,
    ):
        n = len(want.ids)
        assert row[:n] == want.ids
        assert mask == [1] * n + [0] * (300 - n)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("strip", [True, False, None])
def test_every_rule_is_theirs(theirs: Any, tmp_path: Path, lower: bool, strip: bool | None) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    theirs.save_model(str(tmp_path))
    other = tokenizers.BertWordPieceTokenizer(
        str(tmp_path / "vocab.txt"),
        lowercase=lower,
        strip_accents=strip,
        handle_chinese_chars=not lower,
    )
    other.save(str(tmp_path / "tokenizer.json"))
    ours = read_tokenizer(tmp_path)
    for text in TEXTS:
        assert ours.encode(text) == other.encode(text).ids


@pytest.mark.parametrize("length", [5, 6, 7, 8, 16, 17, 40])
def test_pairs_are_cut_as_theirs(theirs: Any, tmp_path: Path, length: int) -> None:
    theirs.save_model(str(tmp_path))
    ours = read_tokenizer(tmp_path / "vocab.txt")
    first = ["a b c", "", "one two three four five six", "x " * 30, "y " * 30]
    second = ["d e", "b", "x y z " * 20, "", "seven eight " * 9]
    theirs.enable_truncation(length, strategy="longest_first")
    try:
        wanted = theirs.encode_batch(list(zip(first, second, strict=True)))
    finally:
        theirs.no_truncation()
    made = {name: rows.tolist() for name, rows in ours(first, second, length=length).items()}
    for i, want in enumerate(wanted):
        n = len(want.ids)
        assert made["token_ids"][i] == want.ids + [0] * (length - n)
        assert made["segment_ids"][i] == want.type_ids + [0] * (length - n)
        assert made["padding_mask"][i] == [1] * n + [0] * (length - n)


@pytest.mark.parametrize("file", ["tokenizer.json", "vocab.json"])
def test_byte_pairs_are_theirs(tmp_path: Path, file: str) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.ByteLevelBPETokenizer()
    corpus = [*TEXTS, "the quick brown fox isn't over the lazy dogs, they're here"] * 3
    theirs.train_from_iterator(
        corpus, vocab_size=600, show_progress=False, special_tokens=["<|endoftext|>"]
    )
    theirs.save_model(str(tmp_path))
    if file == "tokenizer.json":
        theirs.save(str(tmp_path / file))
    ours = read_tokenizer(tmp_path)
    for text in [*TEXTS, *random_texts(500, 2), *lines_of("text/shakespeare.txt")]:
        assert ours.encode(text) == theirs.encode(text).ids
        assert ours.decode(ours.encode(text)) == text


def test_frames_of_byte_pairs_are_theirs(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.ByteLevelBPETokenizer(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    theirs.train_from_iterator(TEXTS, vocab_size=400, show_progress=False, special_tokens=special)
    theirs._tokenizer.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=True
    )
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = read_tokenizer(tmp_path)
    made = ours(TEXTS[:3], ["b", "", "a b"], length=60)
    wanted = theirs.encode_batch(list(zip(TEXTS[:3], ["b", "", "a b"], strict=True)))
    for row, want in zip(made["token_ids"].tolist(), wanted, strict=True):
        assert row == want.ids + [1] * (60 - len(want.ids))


FEW = WordPieceTokenizer([*SPECIAL, "fox", "##es", "!", "a"], max_length=16)


def test_rows_in_a_graph_that_is_saved(tmp_path: Path) -> None:
    texts = ["Foxes!", "a fox a fox a fox", ""]
    made = ps.function(lambda x: FEW(x, length=6))
    ps.save(made, tmp_path / "rows", signatures=[("string", ("batch",))])
    loaded = ps.load(tmp_path / "rows")
    for run in (made, loaded):
        rows = run(ps.asarray(texts))
        expected = [[2, 5, 6, 7, 3, 0], [2, 8, 5, 8, 5, 3], [2, 3, 0, 0, 0, 0]]
        assert rows["token_ids"].tolist() == expected


def test_special_tokens_in_texts() -> None:
    assert FEW.encode("a [MASK] fox[SEP]") == [2, 8, 4, 5, 3, 3]
    assert FEW(["a [MASK]"])["token_ids"].tolist() == [[2, 8, 1, 1, 1, 3]]
    assert FEW.decode([2, 5, 6, 3, 0, 0]) == "foxes"
    assert FEW.decode([2, 5], skip_special=False) == "[CLS] fox"
    assert FEW("fox " * 50)["token_ids"].shape == (1, 16)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"the vocabulary has no \[UNK\]; give one with"):
        WordPieceTokenizer(["[PAD]"])
    with pytest.raises(InvalidValueError, match="use at least 3, or there is no room"):
        FEW(["a"], length=2)
    with pytest.raises(InvalidValueError, match="knows 16 positions, use at most so many"):
        FEW(["a"], length=17)
    with pytest.raises(InvalidValueError, match="give a text, or a list of at least one"):
        FEW([])
    with pytest.raises(InvalidValueError, match="got the number 99; there are 0 to 8"):
        FEW.decode([99])
    letters = {c: i for i, c in enumerate(byte_letters())}
    with pytest.raises(InvalidValueError, match="give the vocabulary and the merges of one model"):
        BytePairTokenizer(letters, [("a", "b")])
    with pytest.raises(InvalidValueError, match="the vocabulary has no '<s>'"):
        BytePairTokenizer(letters, [], start="<s>")
    with pytest.raises(GraphError, match="call it before, and give the graph its rows"):
        ps.function(lambda x: BytePairTokenizer(letters, [])(x, length=4))(ps.asarray(["a"]))
    with pytest.raises(FormatError, match="give the folder of a published model"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    with pytest.raises(FormatError, match="'Unigram'; known are WordPiece and BPE"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(FormatError, match="cannot be read"):
        read_tokenizer(tmp_path)
    plain = '{"model": {"type": "BPE", "vocab": {}, "merges": []}}'
    (tmp_path / "tokenizer.json").write_text(plain)
    with pytest.raises(FormatError, match="only byte-level BPE is known"):
        read_tokenizer(tmp_path)


def test_broken_bytes_do_not_stop_a_tokenizer() -> None:
    broken = np.array([b"\xff fox\xc3", b"\xed\xa0\x80"], object)
    assert FEW(ps.asarray(broken))["token_ids"].tolist() == [[2, 5, 3], [2, 3, 0]]
    letters = BytePairTokenizer({c: i for i, c in enumerate(byte_letters())}, [])
    ids, counts = letters.pieces(ps.asarray(broken))
    assert letters.decode(ids[0, : int(counts[0])]) == "\ufffd fox\ufffd"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 2}}, "gives its 2 pieces other numbers"),
        ({"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 0}}, "gives its 2 pieces other numbers"),
        ({"type": "WordPiece"}, "is no published tokenizer: KeyError 'vocab'"),
        ([], "is no published tokenizer: AttributeError"),
    ],
)
def test_a_vocabulary_whose_numbers_would_shift(tmp_path: Path, model: Any, message: str) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    with pytest.raises(FormatError, match=message):
        read_tokenizer(tmp_path)
