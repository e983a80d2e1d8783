"""`penstock inspect`, `run` and `convert`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.cli import main

pytest.importorskip("typer")
pytest.importorskip("rich")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny classifier of images in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    w = ps.Variable(np.arange(27, dtype=np.float32).reshape(9, 3) / 27, name="w")

    def classify(image: Any) -> Any:
        return {"scores": ps.reshape(ps.mean(image, axis=3), (-1, 9)) @ w}

    ps.save(
        {"classify": classify, "shout": ps.strings.upper},
        "net",
        {"classify": [("float32", ("batch", 3, 3, 3))], "shout": [("string", ("n",))]},
        metadata={"licence": "MIT", "labels": ["cat", "dog", "bird"]},
    )
    return tmp_path / "net"


def test_inspect_shows_what_a_model_holds(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "net"]) == 0
    told = capsys.readouterr().out
    for part in (
        "licence: MIT",
        "image: float32[batch, 3, 3, 3]",
        "scores: float32[batch, 3]",
        "1 variables, 27 numbers, 108 bytes",
        "matmul",
        "only with Python: string_upper",
    ):
        assert part in told


def test_run_takes_arrays_and_names_classes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.random.default_rng(0).random((3, 3, 3), np.float32)
    np.save("one.npy", image)
    assert (
        main(["run", "net", "--input", "image=one.npy", "--output", "out.npz", "--top", "2"]) == 0
    )
    told = capsys.readouterr().out
    wanted = image.mean(axis=2).reshape(1, 9) @ (np.arange(27).reshape(9, 3) / 27)
    found = np.load("out.npz")["scores"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert told.index("bird") < told.index("dog")
    assert "cat" not in told


def test_run_takes_images(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pillow.fromarray(np.full((6, 6, 3), 255, np.uint8)).save("white.png")
    assert (
        main(["run", "net", "--input", "white.png", "--pixels", "0", "2", "--output", "out.json"])
        == 0
    )
    scores = json.loads(Path("out.json").read_text())["scores"]
    np.testing.assert_allclose(
        scores[0], 2 * (np.arange(27).reshape(9, 3) / 27).sum(axis=0), rtol=1e-5
    )


def test_run_puts_channels_first_where_the_input_has_them_so(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signature = {"x": ("float32", (1, 3, 5, 8))}
    ps.save(ps.function(lambda x: ps.sum(x, (2, 3))), "first", signature)
    red = np.zeros((10, 16, 3), np.uint8)
    red[..., 0] = 255
    Path("red.png").write_bytes(ps.image.encode_png(red).tolist())
    assert main(["run", "first", "--input", "red.png"]) == 0
    assert "[[40.0, 0.0, 0.0]]" in capsys.readouterr().out


def test_run_takes_values(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "net", "--function", "shout", "--input", '["a", "b c"]']) == 0
    assert main(["run", "net", "--function", "shout", "--input", "word"]) == 0
    told = capsys.readouterr().out
    assert "B C" in told
    assert "WORD" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "nothing"], "there is no nothing"),
        (["run", "net"], "also takes image: float32"),
        (["run", "net", "--input", "image=none.npy"], "write it with numpy.save"),
        (["run", "net", "--input", "image=text"], "takes numbers, as in"),
        (["run", "net", "--input", "x=a.png"], "there is no such file; write image=image.jpg"),
        (["run", "net", "--function", "classfy", "--input", "1"], "did you mean 'classify'"),
        (["run", "net", "--input", "image=[[1]]"], "reshape it"),
        (["convert", "net", "net.strange"], "no installed plugin can write"),
        (["convert", "net", "other", "--option", "opset"], "write name=value"),
    ],
)
def test_errors_say_what_to_type(
    net: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 1
    assert message in " ".join(capsys.readouterr().err.split())


def test_results_go_into_files_of_known_kinds(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "net", "--function", "shout", "--input", "a", "--output", "out.txt"]) == 1
    assert "choose such a name" in capsys.readouterr().err


def test_convert_compares(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "net", "copy"]) == 0
    assert "the largest difference is 0" in capsys.readouterr().out
    assert json.loads(Path("copy/graph.json").read_text())["golden"][0]["function"] == "classify"
    x = np.ones((2, 3, 3, 3), np.float32)
    np.testing.assert_array_equal(
        ps.load("copy")(x)["scores"].numpy(), ps.load("net")(x)["scores"].numpy()
    )
    assert main(["convert", "net", "plain", "--no-check"]) == 0
    assert "compared" not in capsys.readouterr().out
