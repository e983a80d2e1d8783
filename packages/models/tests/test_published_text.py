"""Models of Hugging Face's folders that read text: what they say is what the library says that wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock_models.tasks.mask_filler import MaskFiller
from penstock_models.tasks.text_classifier import TextClassifier
from penstock_models.tasks.text_encoder import TextEncoder
from penstock_models.tasks.text_generator import TextGenerator, chosen

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "mat",
    "and",
    "old",
    "new",
    "red",
    "big",
    "!",
    ".",
    "##s",
    "##ing",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}


def publish(folder: Path, cls: str, config: str, **sizes: Any) -> Any:
    """Write a folder with random weights; returns the model that it holds."""
    transformers, torch = (pytest.importorskip(name) for name in ("transformers", "torch"))
    torch.manual_seed(3)
    model = getattr(transformers, cls)(getattr(transformers, config)(**sizes)).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dtype == torch.float32 and tensor.ndim > 1:
                tensor.normal_(0, 0.3)
    model.save_pretrained(folder)
    return model


def with_words(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]) + "\n")


def with_bytes(folder: Path) -> int:
    """Write a byte-level tokenizer; returns how many tokens it has."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.ByteLevelBPETokenizer()
    text = ["the cat sat on the mat, and the dog ran after it; it's red!"] * 3
    made.train_from_iterator(text, 300, show_progress=False, special_tokens=["<|endoftext|>"])
    made.save_model(str(folder))
    return int(made.get_vocab_size())


def inputs(tokenizer: Any, texts: list[str]) -> dict[str, Any]:
    torch = pytest.importorskip("torch")

    rows = tokenizer(texts)
    return {
        "input_ids": torch.from_numpy(rows["token_ids"].numpy()).long(),
        "attention_mask": torch.from_numpy(rows["padding_mask"].numpy()),
    }


def test_classifiers_say_what_the_library_says(tmp_path: Path) -> None:
    names = {0: "calm", 1: "wild", 2: "odd"}
    theirs = publish(
        tmp_path, "BertForSequenceClassification", "BertConfig", **BERT, id2label=names
    )
    with_words(tmp_path)
    ours = models.from_preset(tmp_path)
    assert isinstance(ours, TextClassifier)
    assert ours.labels == ["calm", "wild", "odd"]
    texts = ["the cat sat", "a big red dogs!", "running and running"]
    expected = theirs(**inputs(ours.tokenizer, texts)).logits.softmax(-1).detach().numpy()
    np.testing.assert_allclose(ours.probabilities(texts).numpy(), expected, atol=1e-5)


def test_gaps_are_filled_as_by_the_library(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    theirs = publish(tmp_path, "BertForMaskedLM", "BertConfig", **BERT)
    with_words(tmp_path)
    ours = models.from_preset(tmp_path)
    assert isinstance(ours, MaskFiller)
    numbers = torch.tensor([ours.tokenizer.encode("the [MASK] sat on [MASK].")])
    expected = theirs(input_ids=numbers).logits.softmax(-1).detach().numpy()[0]
    found = ours.predict("the [MASK] sat on [MASK].", top=3)
    for guesses, place in zip(found, (2, 5), strict=True):
        best = np.argsort(-expected[place])[:3]
        assert [guess.index for guess in guesses] == best.tolist()
        np.testing.assert_allclose([g.score for g in guesses], expected[place][best], atol=1e-5)
        assert guesses[0].label == [*SPECIAL, *WORDS][best[0]]
    with pytest.raises(InvalidValueError, match=r"write \[MASK\] where a word is missing"):
        ours.predict("the cat")


@pytest.mark.parametrize(
    ("cls", "config", "sizes"),
    [
        (
            "GPT2LMHeadModel",
            "GPT2Config",
            {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 48},
        ),
        (
            "LlamaForCausalLM",
            "LlamaConfig",
            {**BERT, "num_key_value_heads": 2, "max_position_embeddings": 48},
        ),
    ],
)
def test_texts_go_on_as_by_the_library(
    tmp_path: Path, cls: str, config: str, sizes: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")

    count = with_bytes(tmp_path)
    kept = {**sizes, "vocab_size": count, "eos_token_id": None, "bos_token_id": None}
    theirs = publish(tmp_path, cls, config, **kept)
    ours = models.from_preset(tmp_path)
    assert isinstance(ours, TextGenerator)
    for prompt in ("the cat", "x", "it's a very long beginning, "):
        numbers = ours.tokenizer.encode(prompt)
        wanted = theirs.generate(
            torch.tensor([numbers]), max_new_tokens=12, do_sample=False, pad_token_id=0
        )
        assert ours.continued(numbers, 12) == wanted[0, len(numbers) :].tolist()
    assert len(ours.continued([5] * 40, 30)) == 9  # as many as there are positions, and one more
    drawn = [
        ours.generate("the", 8, temperature=1.0, top_k=20, top_p=0.9, seed=s) for s in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    last = ours.continued(ours.tokenizer.encode("the cat"), 3)[1]
    ours.end = last
    assert last not in ours.continued(ours.tokenizer.encode("the cat"), 3)
    with pytest.raises(InvalidValueError, match="a prompt of 0 tokens; give 1 to 48"):
        ours.generate("")
    with pytest.raises(InvalidValueError, match="use more than 0, up to 1"):
        ours.generate("a", top_p=0.0)
    with pytest.raises(InvalidValueError, match="use 0 or more, and 1 or more"):
        ours.generate("a", top_k=0)


def test_draws_keep_to_what_is_probable() -> None:
    rng = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    assert {chosen(logits, 1.0, 2, None, rng) for _ in range(60)} == {0, 1}
    assert {chosen(logits, 1.0, None, 0.6, rng) for _ in range(60)} == {0, 1}
    assert {chosen(logits, 1.0, None, 0.1, rng) for _ in range(20)} == {0}
    many = np.bincount([chosen(logits, 1.0, None, None, rng) for _ in range(4000)]) / 4000
    np.testing.assert_allclose(many, [0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_vectors_of_plain_models_are_means(tmp_path: Path) -> None:
    theirs = publish(
        tmp_path,
        "DistilBertModel",
        "DistilBertConfig",
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=48,
        vocab_size=BERT["vocab_size"],
        max_position_embeddings=40,
    )
    with_words(tmp_path)
    ours = models.from_preset(tmp_path)
    assert isinstance(ours, TextEncoder)
    texts = ["the cat sat", "a big red dog and a cat!"]
    given = inputs(ours.tokenizer, texts)
    mask = given["attention_mask"][..., None]
    mean = (theirs(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
    expected = (mean / mean.norm(dim=1, keepdim=True)).detach().numpy()
    np.testing.assert_allclose(ours.predict(texts), expected, atol=1e-5)


def test_what_is_no_such_folder_is_said(tmp_path: Path) -> None:
    with_words(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FormatError, match="cannot be read"):
        models.from_preset(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertForQuestions"]}))
    with pytest.raises(InvalidValueError, match="a BertForQuestions, a head that is not known"):
        models.from_preset(tmp_path)
