"""Texts that come with the package or lie in the mirror, and what was published about them."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import penstock_models as models
from penstock.errors import InvalidValueError
from penstock_models.data import audit, read
from penstock_models.data.sample import list_samples, placed

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")


def test_messages_to_a_shop_are_all_different() -> None:
    assert list_samples() == ["tickets"]
    splits = read("sample:tickets")
    parts = (splits.train, splits.validation, splits.test)
    texts = [text for part in parts for text in part.inputs]
    assert splits.labels == ("billing", "defect", "delivery", "praise")
    assert np.bincount([t for part in parts for t in part.targets]).tolist() == [100] * 4
    words = [set(text.lower().split()) for text in texts]
    assert max(len(a & b) / len(a | b) for a, b in combinations(words, 2)) < 0.4
    assert not [f for f in audit(splits).findings if f.severity == "error"]


def test_an_unknown_sample_is_told() -> None:
    assert placed("a/b.tsv") == Path("a/b.tsv")
    with pytest.raises(InvalidValueError, match="no 'sample:tikets'; there are: sample:tickets"):
        read("sample:tikets")


def polarity() -> tuple[list[str], list[int]]:
    folder = Path(MIRROR) / "datasets" / "rt_polarity"
    parts = [(folder / f"rt-polarity.{e}").read_text("utf-8").split("\n") for e in ("neg", "pos")]
    kept = [(text, label) for label, part in enumerate(parts) for text in part if text.strip()]
    return [text for text, _ in kept], [label for _, label in kept]


def sst2() -> tuple[list[str], list[int]]:
    lines = (Path(MIRROR) / "datasets" / "sst2" / "test.tsv").read_text("utf-8").split("\n")
    rows = [line.split("\t") for line in lines if line]
    return [text for text, _ in rows], [int(label) for _, label in rows]


@needs_mirror
def test_film_reviews_are_judged_as_published() -> None:
    published = json.loads((Path(MIRROR) / "expected.json").read_text())
    wanted = published["movie_review_sentiment_float"]
    model = models.from_preset("bag_of_words.imdb")
    for (texts, targets), key in (
        (polarity(), "rt_polarity_all_10662_accuracy"),
        (sst2(), "sst2_test_1821_accuracy"),
    ):
        found = [guess[0].index for guess in model.predict(texts, top=1)]
        assert np.mean(np.equal(found, targets)) == pytest.approx(wanted[key], abs=1e-3)
