"""Figures that others measured with the published weights come out here too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_models as models
from penstock_models.adapt.network import compiled

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
pytestmark = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
ROOT = Path(MIRROR)


def facts(name: str) -> Any:
    return json.loads((ROOT / "expected.json").read_text())[name]


def test_sentiment_of_reviews() -> None:
    model = models.from_preset("bag_of_words.imdb")

    def accuracy(texts: list[str], targets: list[int]) -> float:
        said = [row[0].label == "positive" for row in model.predict(texts, top=1)]
        return float(np.mean(np.array(said) == np.array(targets)))

    folder = ROOT / "datasets" / "rt_polarity"
    good, bad = (
        (folder / f"rt-polarity.{kind}").read_text("latin-1").splitlines()
        for kind in ("pos", "neg")
    )
    wanted = facts("movie_review_sentiment_float")
    found = accuracy([*good, *bad], [1] * len(good) + [0] * len(bad))
    assert found == pytest.approx(wanted["rt_polarity_all_10662_accuracy"], abs=0.001)
    lines = (ROOT / "datasets" / "sst2" / "test.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    found = accuracy([text for text, _ in rows], [int(target) for _, target in rows])
    assert found == pytest.approx(wanted["sst2_test_1821_accuracy"], abs=0.001)


def test_faces_are_sure() -> None:
    model = models.from_preset("rfb.face_320")
    for picture, want in facts("rfb_320_face_float").items():
        best = max(face.score for face in model.predict(ROOT / "images" / picture))
        assert best == pytest.approx(want["max_face_score"], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("squeezenet_v1_1.imagenet_features", "squeezenet_v1.1_notop_float"),
        ("mobilenet_v1.imagenet_025_224", "mobilenet_v1_0.25_224_float"),
    ],
)
def test_features_tell_flowers_apart(name: str, known_as: str) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    model = models.from_preset(name)
    network = compiled(model.backbone())
    kinds = sorted((ROOT / "datasets" / "flowers").iterdir())
    features = []
    for kind in kinds:
        photos = sorted(kind.iterdir())
        batches = [photos[at : at + 15] for at in range(0, 60, 15)]
        features.append(np.concatenate([network(model.prepare(b))["pooled"].numpy() for b in batches]))  # fmt: skip
    x, width = np.stack(features), features[0].shape[1]
    known, asked = x[:, :45].reshape(-1, width), x[:, 45:].reshape(-1, width)
    probe = linear.LogisticRegression(max_iter=3000).fit(known, np.repeat(range(5), 45))
    found = probe.score(asked, np.repeat(range(5), 15))
    # One photograph of 75 is 0.013.
    assert found == pytest.approx(facts("flowers_linear_probe_accuracy_45_15")[known_as], abs=0.028)
