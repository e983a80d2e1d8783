"""`penstock quantize`: files in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import cli
from penstock.errors import InvalidValueError

pytest.importorskip("typer")
pytest.importorskip("rich")


@pytest.fixture
def saved(learned: Any, tmp_path: Path) -> Path:
    ps.save(learned.model, tmp_path / "float")
    np.savez(tmp_path / "data.npz", x=learned.x[:200], labels=learned.labels[:200])
    np.save(tmp_path / "data.npy", learned.x[:200])
    return tmp_path


def run(*words: str | Path) -> int:
    return cli.main([str(word) for word in words])


def test_it_writes_a_model_and_shows_a_report(
    learned: Any, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    code = run(
        *("quantize", saved / "float", saved / "small", "--data", saved / "data.npz"),
        *("--slower", "ignore", "--max-drop", "0.05", "--plot", saved / "report.png"),
    )
    shown = capsys.readouterr().out
    assert code == 0
    assert "accuracy: 0.9" in shown
    assert "int8" in shown
    assert (saved / "report.png").read_bytes().startswith(b"\x89PNG")
    assert learned.accuracy(ps.load(saved / "small")) > 0.85


def test_data_may_be_one_array(saved: Path) -> None:
    words = "--data", saved / "data.npy", "--method", "weight_only", "--slower", "ignore"
    assert run("quantize", saved / "float", saved / "small", *words) == 0


def test_wrong_data_is_explained(saved: Path) -> None:
    from penstock_quantization.command import read_examples

    function = ps.load(saved / "float").default
    (saved / "broken.npz").write_bytes(b"PK no zip")
    (saved / "empty").mkdir()
    for path, match in (
        (saved / "none.npz", "expected a .npy or .npz file, or a folder"),
        (saved / "broken.npz", r"numpy\.savez"),
        (saved / "empty", "no images"),
    ):
        with pytest.raises(InvalidValueError, match=match):
            read_examples(function, path, (0.0, 1.0))


def test_a_folder_of_images_becomes_examples(saved: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    from penstock_quantization.command import read_examples

    (saved / "images").mkdir()
    for i in range(3):
        picture = np.full((9, 9), 100 * i, "uint8")
        image.fromarray(picture).save(saved / "images" / f"{i}.png")
    function = ps.load(saved / "float").default
    examples, labels = read_examples(function, saved / "images", (-1.0, 1.0))
    assert labels is None
    assert examples.shape == (3, 8, 8, 1)
    np.testing.assert_allclose(examples[:, 0, 0, 0], [-1, 100 / 127.5 - 1, 200 / 127.5 - 1], 1e-5)
