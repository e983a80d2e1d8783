"""From a folder of examples to a model: whole runs, replays, cuts, and everything that may be in the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_folders import image_folder
from PIL import Image, ImageDraw

import penstock as ps
import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock_models.data import Examples, read
from penstock_models.errors import DiskError, MissingFileError
from penstock_models.finetune.budget import Pace, affordable, reserve
from penstock_models.finetune.choices import Choices, seconds_of
from penstock_models.finetune.disk import write_whole
from penstock_models.finetune.folder import RunFolder
from penstock_models.finetune.presets import default_preset, makeshift
from penstock_models.finetune.result import Result
from penstock_models.finetune.suspects import finding_of, out_of_fold, suspects
from penstock_models.presets.catalogue import SHIPPED, find_preset


def draw(kind: str, rng: np.random.Generator) -> Image.Image:
    """A bar, a ring or a cross, of 28 x 28 pixels."""
    image = Image.new("L", (28, 28))
    pen = ImageDraw.Draw(image)
    x, y, r = (int(n) for n in (*rng.integers(9, 19, 2), rng.integers(5, 8)))
    if kind == "ring":
        pen.ellipse((x - r, y - r, x + r, y + r), outline=220, width=2)
    else:
        pen.line((x - r, y, x + r, y), 220, 2)
    if kind == "cross":
        pen.line((x, y - r, x, y + r), 220, 2)
    noisy = np.asarray(image, float) + rng.normal(0, 8, (28, 28))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base, rng = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for kind in ("bar", "ring", "cross"):
        (base / kind).mkdir()
        for i in range(24):
            draw(kind, rng).save(base / kind / f"{i}.png")
    return base


@pytest.fixture(scope="module")
def finished(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("run") / "model"
    return models.finetune(shapes, out=out, time="5m", strategy="full", verbose=False)


@pytest.fixture(scope="module")
def probed(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("probe") / "model"
    return models.finetune(shapes, out=out, time="5m", strategy="probe", seed=1, verbose=False)


# ---- whole runs


def test_a_run_writes_what_it_says(finished: Result, shapes: Path) -> None:
    record = json.loads((finished.folder / "run.json").read_text())
    assert record == finished.record
    assert record["preset"]["name"] == "lenet.mnist"
    assert record["steps"]["chosen"]["name"] in ("probe", "train")
    assert len(record["steps"]["train"]["resolved"]["progress"]) == 11
    facts = json.loads((finished.folder / "data.json").read_text())
    assert [len(part) for part in facts["parts"].values()] == list(
        record["data"]["counts"].values()
    )
    assert sum(record["data"]["counts"].values()) == 72
    assert not (finished.folder / "unfinished").exists()
    page = finished.report.read_text()
    assert "ring" in page
    assert f"{100 * finished.accuracy:.1f}" in page
    guesses = finished.model.predict(str(shapes / "ring" / "1.png"), top=3)[0]
    assert {guess.label for guess in guesses} == {"bar", "ring", "cross"}
    served = ps.load(finished.folder)(np.asarray(Image.open(shapes / "ring" / "1.png"))[..., None])
    assert served["probabilities"].numpy().argmax() == guesses[0].index
    low, high = finished.interval
    assert 0.6 < finished.accuracy <= 1.0
    assert low <= finished.accuracy <= high


def test_a_replay_gives_the_same_bits_whatever_the_clock_says(
    finished: Result, shapes: Path, tmp_path: Path
) -> None:
    again = models.finetune(
        shapes, out=tmp_path / "again", time=1, replay=finished.folder, verbose=False
    )
    assert again.record["weights_sha256"] == finished.record["weights_sha256"]
    assert again.record["replay"]["same"] is True
    assert again.record["measures"] == finished.record["measures"]
    assert again.strategy == finished.strategy


def test_another_seed_gives_other_bits_and_a_probe_is_replayed_without_training(
    finished: Result, probed: Result, shapes: Path, tmp_path: Path
) -> None:
    assert probed.strategy == "probe"
    assert probed.record["steps"]["train"]["strategy"] is None
    assert probed.record["weights_sha256"] != finished.record["weights_sha256"]
    again = models.finetune(
        shapes, out=tmp_path / "b", replay=probed.folder / "run.json", verbose=False
    )
    assert again.record["choices"]["seed"] == 1
    assert again.record["replay"]["same"] is True


def test_what_is_finished_is_not_done_again(finished: Result, shapes: Path) -> None:
    before = (finished.folder / "run.json").stat().st_mtime_ns
    again = models.finetune(shapes, out=finished.folder, time="5m", strategy="full", verbose=False)
    assert again.record == finished.record
    assert (finished.folder / "run.json").stat().st_mtime_ns == before
    with pytest.raises(
        InvalidValueError,
        match="holds a finished run with other choices; choose another folder with --out",
    ):
        models.finetune(shapes, out=finished.folder, seed=5, verbose=False)


def test_a_replay_of_other_data_is_refused(finished: Result, tmp_path: Path) -> None:
    other = image_folder(tmp_path / "other", {"bar": 12, "ring": 12, "cross": 12})
    with pytest.raises(
        InvalidValueError,
        match=r"is not the data of the run: .* are gone, such as bar/.*Give the same data",
    ):
        models.finetune(other, out=tmp_path / "out", replay=finished.folder, verbose=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no run.json"),
        ('{"format": 9}', "has the format 9; this version reads 1"),
        ('{"format": 1}', "is no run.json"),
    ],
)
def test_a_record_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        models.finetune(tmp_path, out=tmp_path / "out", replay=tmp_path / "run.json")
    with pytest.raises(FormatError, match=r"give the run.json of a finished run"):
        models.finetune(tmp_path, out=tmp_path / "out", replay=tmp_path / "gone.json")


# ---- cuts

CHILD = """
import sys
import penstock_models as models
{before}
models.finetune(sys.argv[1], out=sys.argv[2], time="5m", {choices})
"""


def child(
    shapes: Path, out: Path, before: str = "", choices: str = 'strategy="full"'
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(before=before, choices=choices), str(shapes), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cut_at(process: subprocess.Popen[str], words: str) -> str:
    """Press Ctrl-C when a process says something, and return all that it said."""
    said = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if words in line:
                process.send_signal(signal.SIGINT)
    return "".join(said)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_a_run_that_was_cut_goes_on_to_the_same_bits(
    finished: Result, shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    first = child(shapes, out)
    said = cut_at(first, "epoch 3")
    assert first.returncode not in (0, None)
    assert f"What is done is kept in {out}; type the same again to go on" in said
    assert f"penstock finetune {shapes} --time 300s --out {out} --strategy full" in said
    assert json.loads((out / "unfinished" / "state.json").read_text())["steps"].keys() == {
        "amount",
        "data",
        "probe",
        "plan",
    }
    with pytest.raises(
        InvalidValueError, match="unfinished run with seed=0, not 7; give the same choices to go on"
    ):
        models.finetune(shapes, out=out, time="5m", strategy="full", seed=7, verbose=False)
    second = child(shapes, out)
    said = second.communicate()[0]
    assert second.returncode == 0, said
    assert "Going on with the run" in said
    assert f"penstock run {out} --input image=photo.jpg" in said
    assert "epoch 1:" not in said
    assert Result.read(out).record["weights_sha256"] == finished.record["weights_sha256"]


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
"""


def test_a_full_disk_is_said_and_the_run_goes_on(
    probed: Result, shapes: Path, tmp_path: Path
) -> None:
    pytest.importorskip("resource")
    out = tmp_path / "model"
    full = child(shapes, out, FULL, 'strategy="probe", seed=1')
    error = full.communicate()[0]
    assert full.returncode == 1
    assert re.search(
        r"DiskError: .*there is no room left to write .*free some, and type the same again", error
    )
    result = models.finetune(
        shapes, out=out, time="5m", strategy="probe", seed=1, resume=True, verbose=False
    )
    assert result.record["weights_sha256"] == probed.record["weights_sha256"]


READ_ONLY = """
import os
from pathlib import Path
from penstock_models.finetune.choices import Choices
from penstock_models.finetune.folder import RunFolder
if os.geteuid() == 0:
    os.seteuid(65534)
RunFolder(Path(sys.argv[2]) / "model", Choices(data="x"))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_a_folder_that_may_only_be_read(shapes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    for parent in (tmp_path, *tmp_path.parents):  # pytest's own, which others may not enter
        if not parent.name.startswith(("test_", "popen-", "pytest-")):
            break
        parent.chmod(0o755)
    folder.chmod(0o555)
    process = child(shapes, folder, READ_ONLY)
    error = process.communicate()[0]
    assert re.search(
        r"DiskError: .* may not be written \(Permission denied\); choose another folder with --out",
        error,
    )


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "before")
    script = (
        FULL.replace("50_000", "4")
        + f"""
from pathlib import Path
from penstock_models.finetune.disk import write_whole
write_whole(Path({str(path)!r}), "afterwards")
"""
    )
    assert subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False
    ).returncode
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


# ---- folders


def test_a_folder_that_holds_something_else(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(
        InvalidValueError,
        match=r"holds other things \(thesis.txt\), .* choose a new folder with --out",
    ):
        models.finetune(shapes, out=tmp_path, verbose=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(InvalidValueError, match="is a file; give a folder with --out"):
        models.finetune(shapes, out=tmp_path / "thesis.txt", verbose=False)


def test_nothing_to_go_on_with(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError, match="is left to go on with; leave --resume out to begin"
    ):
        models.finetune(shapes, out=tmp_path / "new", resume=True, verbose=False)
    assert not (tmp_path / "new").exists()


def test_a_state_that_is_damaged(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "state.json").write_text("{")
    with pytest.raises(FormatError, match=r"state.json is damaged; remove .*, to begin anew"):
        models.finetune(shapes, out=tmp_path, verbose=False)


def test_two_at_once(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    first = RunFolder(tmp_path, Choices(data="x"))
    with pytest.raises(
        InvalidValueError,
        match=r"another process is at work in .*; wait for it, or choose another folder",
    ):
        RunFolder(tmp_path, Choices(data="x"))
    first.release()


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(FormatError, match="is empty; put a folder for each class there"):
        models.finetune(tmp_path / "data", out=tmp_path / "new" / "model", verbose=False)
    assert not (tmp_path / "new" / "model").exists()


# ---- choices


def test_times() -> None:
    assert [seconds_of(t) for t in ("10m", "1h30m", "90", 45, "0.5h")] == [600, 5400, 90, 45, 1800]
    for wrong in ("soon", "10 minutes", "-5m", "0.2s", ""):
        with pytest.raises(
            InvalidValueError, match="give a second or more, such as 90s, 10m or 1h30m"
        ):
            seconds_of(wrong)


def test_a_strategy_that_is_none(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError, match='choose "probe", "head", "full", "lora" or "partial:2"'
    ):
        models.finetune(shapes, out=tmp_path / "out", strategy="all", verbose=False)


def test_no_preset_at_hand_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "x").mkdir()
    for i in range(6):
        word = ("yes", "no")[i % 2]
        (tmp_path / "x" / f"{word}{i}.wav").write_bytes(_wav(i))
    with pytest.raises(
        MissingFileError,
        match=r"for sounds is on this machine .*set PENSTOCK_MIRROR .* with --preset",
    ):
        default_preset(read(tmp_path / "x"))


def test_photographs_without_a_network_for_them_are_warned_about(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 6, "b": 6})
    large = read(tmp_path)
    assert "which sees 28 x 28 pixels" in makeshift(find_preset("lenet.mnist"), large)
    assert "set PENSTOCK_MIRROR" in makeshift(find_preset("lenet.mnist"), large)
    assert makeshift(find_preset("mobilenet_v2.imagenet_quant"), large) == ""
    for path in tmp_path.rglob("*.png"):
        Image.open(path).resize((28, 28)).save(path)
    assert makeshift(find_preset("lenet.mnist"), read(tmp_path)) == ""


def _wav(seed: int) -> bytes:
    samples = np.random.default_rng(seed).integers(-99, 99, 800).astype("<i2").tobytes()
    size = len(samples).to_bytes(4, "little")
    head = b"RIFF" + (len(samples) + 36).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    return head + b"\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data" + size + samples


@pytest.mark.parametrize(
    ("seconds", "each", "wanted"),
    [(600.0, 0.02, "full"), (600.0, 0.15, "partial:2"), (60.0, 1.0, None)],
)
def test_what_there_is_time_for(seconds: float, each: float, wanted: str | None) -> None:
    pace = Pace(each, 200, 40, 60)
    strategy, sentence = affordable(seconds - reserve(seconds, pace), pace, ("full", "partial:2"))
    assert strategy == wanted
    assert ("Give more time: --time" in sentence) == (wanted is None)


def test_more_examples_than_there_is_time_for(
    finished: Result, shapes: Path, tmp_path: Path
) -> None:
    record = json.loads((finished.folder / "run.json").read_text())
    record["steps"]["amount"] = {"train": 0.5, "test": 0.4, "needs_minutes": 7}
    (tmp_path / "run.json").write_text(json.dumps(record))
    some = models.finetune(
        shapes, out=tmp_path / "some", replay=tmp_path / "run.json", verbose=False
    )
    assert some.record["replay"]["same"] is False
    whole, part = finished.record["data"]["counts"], some.record["data"]["counts"]
    for name, share in (("train", 0.5), ("validation", 0.5), ("test", 0.4)):
        assert abs(part[name] - share * whole[name]) <= 6
        assert part[name] < whole[name]
    assert "For all of them give about --time 7m" in some.report.read_text()


def test_weights_that_are_not_those_of_the_preset(shapes: Path, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "lenet.mnist", tmp_path / "lenet")
    weights = tmp_path / "lenet" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(FormatError, match="damaged or another version: remove it"):
        models.finetune(shapes, tmp_path / "lenet", out=tmp_path / "out", verbose=False)


def test_a_preset_for_something_else(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError,
        match=r"is for object-detection, .* choose another with --preset: .*lenet.mnist",
    ):
        models.finetune(shapes, "ssd_mobilenet_v1.coco_quant", out=tmp_path / "out", verbose=False)
    with pytest.raises(
        InvalidValueError, match=r"there is no preset 'lenett.mnist'; did you mean lenet.mnist"
    ):
        models.finetune(shapes, "lenett.mnist", out=tmp_path / "out", verbose=False)
    published = tmp_path / "bert"
    published.mkdir()
    for name in ("config.json", "vocab.txt"):
        (published / name).write_text("{}")
    with pytest.raises(
        InvalidValueError, match=r"is a published folder .* choose a preset with --preset"
    ):
        models.finetune(shapes, published, out=tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()


# ---- labels that are wrong


def test_planted_labels_are_found() -> None:
    rng = np.random.default_rng(2)
    truth = np.arange(240) % 4
    features = rng.normal(0, 1.0, (240, 20))
    features[np.arange(240), truth] += 5.0
    given, planted = truth.copy(), rng.choice(240, 12, replace=False)
    given[planted] = (truth[planted] + 1) % 4
    found = suspects(out_of_fold(features, given, 4, 1.0), given)
    right = {s.place for s in found} & set(planted.tolist())
    assert len(right) >= 9
    assert len(found) - len(right) <= 2
    assert all(s.other == truth[s.place] for s in found if s.place in right)
    names = [f"{i}.png" for i in range(240)]
    [finding] = finding_of(
        found, Examples("image", names, given.tolist(), ("a", "b", "c", "d"), names)
    )
    assert "look at these, and correct the labels that are wrong" in finding.sentence
    assert "but looks like" in finding.examples[0]


def test_right_labels_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(200) % 4
    features: Any = rng.normal(0, 1.0, (200, 20))
    features[np.arange(200), truth] += 5.0
    assert suspects(out_of_fold(features, truth, 4, 1.0), truth) == []
    assert finding_of([], Examples("image", [], [], ("a", "b"), [])) == []


# ---- the command


def test_the_command(shapes: Path, tmp_path: Path) -> None:
    pytest.importorskip("typer")
    words = [sys.executable, "-m", "penstock", "finetune", str(shapes), "--strategy", "probe"]
    done = subprocess.run(
        [*words, "--out", str(tmp_path / "m")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"penstock predict {tmp_path / 'm'} photo.jpg" in done.stdout
    assert f"Report:  {tmp_path / 'm' / 'report.html'}" in done.stdout
    (tmp_path / "empty").mkdir()
    words[4] = str(tmp_path / "empty")
    done = subprocess.run(
        [*words, "--out", str(tmp_path / "n")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("penstock: [data] ")
    assert "is empty; put a folder for each class there" in done.stderr


def test_the_disks_error_is_an_os_error() -> None:
    assert issubclass(DiskError, OSError)
