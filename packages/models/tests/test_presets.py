"""Presets: what they say, where their files are found, and that the published results come out."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

import penstock_models as models
from penstock.errors import FormatError, InvalidValueError
from penstock_models.loaders.tflite import weights_in_order
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets import Preset, read_preset
from penstock_models.presets.catalogue import FOLDER
from penstock_models.presets.load import from_preset
from penstock_models.presets.schema import File
from penstock_models.sources import find_files
from penstock_models.sources.download import download

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
# What the published results are called there.
EXPECTED = {
    "mobilenet_v2.imagenet_quant": "mobilenet_v2_1.0_224_quant",
    "mobilenet_v1.imagenet_075_192_quant": "mobilenet_v1_0.75_192_quant",
    "mobilenet_v1.imagenet_025_128_quant": "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1.imagenet_025_224_quant": "mobilenet_v1_0.25_224_quant",
    "mobilenet_v1.imagenet_025_224": "mobilenet_v1_0.25_224_float",
}


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(MIRROR) / "expected.json").read_text())[EXPECTED[name]]
    return found


@needs_mirror
@pytest.mark.parametrize("name", EXPECTED)
def test_published_classifiers_see_what_was_published(name: str) -> None:
    model = models.from_preset(name)
    for picture, want in expected(name).items():
        best = model.predict(Path(MIRROR) / "images" / picture)[0][0]
        assert best.index == want["top1"]
        assert best.label == want["label"]
        # Whole steps of 1/256 of scores, made of whole steps in every layer.
        assert best.score == pytest.approx(want["score"], abs=0.06)


def facts(name: str) -> Any:
    return json.loads((Path(MIRROR) / "expected.json").read_text())[name]


@needs_mirror
@pytest.mark.parametrize(
    ("name", "known_as", "box"),
    [
        ("ssd_mobilenet_v1.coco_quant", "ssd_mobilenet_v1_coco_quant", "box_yxyx"),
        ("yolo_fastest.coco_1_1", "yolo-fastest-1.1", "box_xyxy"),
        ("yolo_fastest.coco_1_1_xl", "yolo-fastest-1.1-xl", "box_xyxy"),
    ],
)
def test_published_detectors_find_what_was_published(name: str, known_as: str, box: str) -> None:
    model = models.from_preset(name)
    for picture, wanted in facts(known_as).items():
        found = model.predict(Path(MIRROR) / "images" / picture, least=0.3)
        for want in wanted:
            place = want[box] if box == "box_xyxy" else [want[box][i] for i in (1, 0, 3, 2)]
            near = [
                d
                for d in found
                if d.label == want["class"] and np.abs(np.subtract(d.box, place)).max() < 0.02
            ]
            assert any(d.score == pytest.approx(want["score"], abs=0.02) for d in near)


@needs_mirror
@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("ds_cnn.speech_commands_small", "DS_CNN_S"),
        ("ds_cnn.speech_commands_large", "DS_CNN_L"),
        ("cnn.speech_commands_small", "CNN_S"),
        ("crnn.speech_commands_small", "CRNN_S"),
        ("lstm.speech_commands_small", "LSTM_S"),
        ("gru.speech_commands_small", "GRU_S"),
        ("dnn.speech_commands_small", "DNN_S"),
        ("basic_lstm.speech_commands_small", "Basic_LSTM_S"),
    ],
)
def test_published_spotters_hear_what_was_published(name: str, known_as: str) -> None:
    model = models.from_preset(name)
    words = facts("speech_commands_ml_kws_float")[known_as]["predicted"]
    clips = [Path(MIRROR) / "datasets" / "speech_command_clips" / f"{word}.wav" for word in words]
    assert [guess[0].label for guess in model.predict(clips)] == [
        word.strip("_") for word in words.values()
    ]


@needs_mirror
def test_other_published_results() -> None:
    images = Path(MIRROR) / "images"
    words = models.from_preset("glove.twitter_25d")
    assert [w for w, _ in words.nearest("king", 5)] == facts("glove_twitter_25d_12k")[
        "king_neighbours"
    ]
    darknet = models.from_preset("tiny_darknet.imagenet")
    for picture, want in facts("tiny_darknet_float").items():
        assert darknet.predict(images / picture)[0][0].label == want["label"]
    faces = models.from_preset("rfb.face_320")
    (face,) = faces.predict(images / "grace_hopper.bmp", least=0.5)
    assert face.score == pytest.approx(1.0, abs=1e-3)
    assert 0.3 < face.box[0] < 0.4 < 0.65 < face.box[2] < 0.75
    bird = models.from_preset("deeplab_v3.pascal_quant").predict(images / "bird_segmentation.bmp")
    assert (
        bird == facts("deeplabv3_mnv2_pascal_quant")["bird_segmentation.bmp"]["class"]
    ).mean() > 0.15
    reviews = models.from_preset("bag_of_words.imdb")
    said = reviews.predict(["a great and moving film", "boring, awful and stupid"], top=1)
    assert [guess[0].label for guess in said] == ["positive", "negative"]
    painted = models.from_preset("arbitrary_style.f16").predict(
        images / "content_chicago.jpg", images / "style_udnie.jpg"
    )
    assert painted.shape == (384, 384, 3)
    assert painted.std() > 20
    with pytest.raises(TypeError, match="give a picture for the style"):
        models.from_preset("arbitrary_style.f16").predict(images / "content_chicago.jpg")


@needs_mirror
@pytest.mark.parametrize("name", ["mobilenet_v2.imagenet_quant", "mobilenet_v1.imagenet_025_224"])
def test_networks_that_can_be_trained_have_the_published_weights(name: str) -> None:
    model = models.from_preset(name)
    run = models.from_preset(name)
    run._run = None  # so that the network answers, and not the published graph
    pictures = [Path(MIRROR) / "images" / picture for picture in expected(name)]
    scaled = ImageScaler((224, 224), (127.5,), 1 / 127.5)
    batch = np.concatenate([scaled(read_image(p)[None]).numpy() for p in pictures])
    logits = model.network(batch)["logits"].numpy()
    assert [int(i) for i in logits.argmax(1)] == [w["top1"] for w in expected(name).values()]


@needs_mirror
def test_weights_of_another_size_are_refused() -> None:
    preset = models.find_preset("mobilenet_v1.imagenet_025_224")
    other = preset.model_copy(update={"config": {"folded": True, "width_multiplier": 0.5}})
    from penstock_models.loaders import tflite

    with pytest.raises(FormatError, match="give the sizes that the file was made with"):
        tflite.network(other, find_files(preset))
    assert len(weights_in_order(find_files(preset)["weights"])) == 28


def test_parts_are_found_without_an_import_of_their_own() -> None:
    program = "from penstock import models; print(len(models.data.read('sample:tickets').labels), models.report)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.startswith("4 <module 'penstock_models.report'"), done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'reports'"):
        models.reports


def test_names_of_presets() -> None:
    assert set(EXPECTED) <= set(models.list_presets(task="image-classification"))
    with pytest.raises(InvalidValueError, match=r"did you mean mobilenet_v2\.imagenet_quant"):
        models.from_preset("mobilenet_v2.imagenet")
    with pytest.raises(InvalidValueError, match=r"there are: .*image-classification"):
        models.list_presets(task="cooking")


def test_the_page_of_presets_has_them_all() -> None:
    page = Path(__file__).parents[3] / "docs" / "models" / "zoo.md"
    if not page.exists():
        pytest.skip("the pages are not beside this package")
    text = page.read_text("utf-8")
    known = {path.stem for path in FOLDER.glob("*.json")}
    missing = sorted(name for name in known if f"`{name}`" not in text)
    assert not missing, "run packages/models/tools/zoo_table.py"


@pytest.mark.parametrize("name", models.list_presets())
def test_presets_say_where_they_are_from(name: str) -> None:
    preset = models.find_preset(name)
    assert preset.name == name
    assert preset.licence
    assert preset.source.repository
    assert preset.trained_on
    assert preset.intended_use


def test_a_preset_without_files_says_what_to_do(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    with pytest.raises(
        models.MissingFileError, match="set PENSTOCK_MIRROR to a folder that has it"
    ):
        models.from_preset("mobilenet_v2.imagenet_quant")
    monkeypatch.setenv("PENSTOCK_MIRROR", str(tmp_path))
    file = models.find_preset("mobilenet_v2.imagenet_quant").file("weights")
    (tmp_path / file.path).parent.mkdir(parents=True)
    (tmp_path / file.path).write_bytes(b"other")
    with pytest.raises(FormatError, match=r"its sha256 is .*, expected .*; it is damaged"):
        models.from_preset("mobilenet_v2.imagenet_quant")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"\[from_preset\] the folder .* has no preset.json"):
        models.from_preset(tmp_path)


def test_a_preset_json_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "preset.json"
    with pytest.raises(FormatError, match="there is no"):
        read_preset(path)
    path.write_text("{")
    with pytest.raises(FormatError, match="is no JSON"):
        read_preset(path)
    path.write_text(json.dumps({"name": "a.b", "task": "cooking"}))
    with pytest.raises(FormatError, match=r"task: Input should be"):
        read_preset(path)


class _Server(http.server.BaseHTTPRequestHandler):
    content = bytes(range(256)) * 400
    breaks = 0
    ranges: list[str | None] = []  # noqa: RUF012 - what this server was asked for

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(self.content):
            self.send_error(416)
            return
        rest = self.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if type(self).breaks:
            type(self).breaks -= 1
            self.wfile.write(rest[: len(rest) // 2])
        else:
            self.wfile.write(rest)

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Callable[[int], str]]:
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()

    def address(breaks: int) -> str:
        _Server.breaks, _Server.ranges[:] = breaks, []
        return f"http://127.0.0.1:{httpd.server_address[1]}/weights.bin"

    yield address
    httpd.shutdown()
    httpd.server_close()


def test_downloads_go_on_where_they_broke_off(server: Callable[[int], str], tmp_path: Path) -> None:
    url, path = server(1), tmp_path / "cache" / "weights.bin"
    sha256 = hashlib.sha256(_Server.content).hexdigest()
    with pytest.raises(FormatError, match="what arrived is kept"):
        download(url, path, sha256)
    assert not path.exists()
    assert download(url, path, sha256) == path
    assert path.read_bytes() == _Server.content
    assert _Server.ranges == [None, f"bytes={len(_Server.content) // 2}-"]


def test_downloads_are_checked(
    server: Callable[[int], str], tmp_path: Path, monkeypatch: Any
) -> None:
    path = tmp_path / "weights.bin"
    with pytest.raises(FormatError, match="the file there has changed"):
        download(server(0), path, "0" * 64)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FormatError, match="only http and https"):
        download("file:///etc/passwd", path, "0" * 64)
    monkeypatch.setenv("PENSTOCK_OFFLINE", "1")
    assert download(server(0), path, "0" * 64) is None
    assert _Server.ranges == []


def make_picture(path: Path, mode: str, size: tuple[int, int], **options: Any) -> Path:
    channels = len(Image.new(mode, (1, 1)).getbands())
    top = 65535 if mode.startswith("I") else 255
    rng = np.random.default_rng(0)
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    pixels = rng.integers(0, top + 1, shape).astype(np.uint16 if top > 255 else np.uint8)
    Image.fromarray(pixels, mode if channels > 1 else None).save(path, **options)
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_of_all_kinds_are_read(tmp_path: Path) -> None:
    rgb = make_picture(tmp_path / "a.png", "RGB", (6, 4))
    np.testing.assert_array_equal(read_image(rgb), np.asarray(Image.open(rgb)))
    assert read_image(make_picture(tmp_path / "b.jpg", "CMYK", (6, 4))).shape == (4, 6, 3)
    assert read_image(make_picture(tmp_path / "c.png", "L", (6, 4)), 1).shape == (4, 6, 1)
    deep = make_picture(tmp_path / "d.png", "I;16", (6, 4))
    values = np.asarray(Image.open(deep)).astype(float)
    np.testing.assert_array_equal(read_image(deep)[..., 0], np.rint(values / 65535 * 255))
    exif = Image.Exif()
    exif[274] = 6  # held upright
    assert read_image(make_picture(tmp_path / "e.jpg", "RGB", (6, 4), exif=exif)).shape == (6, 4, 3)
    (tmp_path / "f.jpg").write_bytes(b"no picture")
    with pytest.raises(FormatError, match="cannot be read as a picture"):
        read_image(tmp_path / "f.jpg")
    with pytest.raises(FormatError, match="there is no"):
        read_image(tmp_path / "g.jpg")
    with pytest.raises(ValueError, match=r"a picture is \[height, width, 3\]"):
        read_image(np.zeros((2, 3, 5)))
    with pytest.raises(TypeError, match="give a path, a PIL image or an array"):
        read_image(object())


def test_pixels_are_scaled_as_pil_scales_them() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (31, 47, 3)).astype(np.uint8)
    want = np.asarray(Image.fromarray(pixels).resize((16, 12), Image.Resampling.BILINEAR), np.int32)
    got = ImageScaler((12, 16))(pixels[None]).numpy()[0]
    assert np.abs(got - want).max() <= 1
    assert (got != want).mean() < 0.01
    wide = ImageScaler((16, 16), resize="letterbox")(pixels[None]).numpy()[0]
    np.testing.assert_allclose(wide[0], 127.5)
    flipped = ImageScaler(None, (1.0, 2.0, 3.0), 0.5, "bgr")(pixels[None]).numpy()[0]
    np.testing.assert_allclose(flipped, (pixels[..., ::-1] - np.array([1.0, 2.0, 3.0])) / 2)


def test_a_preset_folder_of_ones_own(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("PENSTOCK_MIRROR", raising=False)
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    preset: Preset = models.find_preset("mobilenet_v1.imagenet_025_224")
    (tmp_path / "preset.json").write_text(preset.model_dump_json())
    with pytest.raises(models.MissingFileError, match=str(tmp_path / "weights")):
        models.from_preset(tmp_path)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret", "a/../../b", "..\\b", "C:/b", "", "."]
)
def test_files_of_a_preset_lie_in_its_folder(path: str) -> None:
    with pytest.raises(ValidationError, match="leads out of the folder"):
        File(name="weights", path=path, sha256="0" * 64)
    with pytest.raises(ValidationError, match="leads out of the folder"):
        File(name=path, path="weights", sha256="0" * 64)


def test_a_loader_that_is_not_there_is_named(tmp_path: Path) -> None:
    preset = {
        **{"name": "a.b", "task": "image-classification", "loader": "magic", "files": []},
        **{"input": {"kind": "image"}, "licence": "MIT", "source": {"repository": "me"}},
        "trained_on": "nothing",
    }
    (tmp_path / "preset.json").write_text(json.dumps(preset))
    with pytest.raises(FormatError, match=r"wants the loader 'magic'.*install a newer"):
        from_preset(tmp_path)
    (tmp_path / "preset.json").write_text(json.dumps({**preset, "loader": "..tasks.stylist"}))
    with pytest.raises(FormatError, match="loader: String should match"):
        from_preset(tmp_path)


def test_a_download_that_is_whole_but_not_in_place_is_put_there(
    server: Callable[[int], str], tmp_path: Path
) -> None:
    url, path = server(0), tmp_path / "weights.bin"
    (tmp_path / "weights.bin.part").write_bytes(_Server.content)
    assert download(url, path, hashlib.sha256(_Server.content).hexdigest()) == path
    assert path.read_bytes() == _Server.content
    assert _Server.ranges == []


def test_a_download_begins_anew_where_the_server_has_less(
    server: Callable[[int], str], tmp_path: Path
) -> None:
    url, path = server(0), tmp_path / "weights.bin"
    (tmp_path / "weights.bin.part").write_bytes(_Server.content + b"more")
    assert download(url, path, hashlib.sha256(_Server.content).hexdigest()) == path
    assert _Server.ranges == [f"bytes={len(_Server.content) + 4}-", None]
