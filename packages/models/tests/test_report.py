"""The report's page: what it says, that it needs nothing else, and that names in it stay text."""

from __future__ import annotations

import io
import re
import wave
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from penstock.errors import InvalidValueError
from penstock_models.data import Boxes, Examples
from penstock_models.evaluation import (
    Found,
    Interval,
    Latency,
    evaluate,
    evaluate_detection,
    scaled,
)
from penstock_models.report import Finding, Licence, Story, Variant, page, write_report
from penstock_models.report.charts import Frame, nice_ticks, waveform
from penstock_models.report.html import Html, join, tag
from penstock_models.report.pictures import png, sound, spectrogram

HOSTILE = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>\x00</style></title>"
VOID = {"img", "meta"}


class Reader(HTMLParser):
    """Read a page as a browser would: elements, their attributes, what is text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u202f", " ").split())

    def named(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def pictures(count: int = 60, labels: tuple[str, ...] = ("cat", "dog", "owl")) -> Story:
    """Return a story with everything in it."""
    rng = np.random.default_rng(0)
    size = len(labels)
    targets = rng.integers(0, size, count)
    z = 2 * rng.normal(size=(count, size)) + 3 * np.eye(size)[targets]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    examples = Examples(
        "image",
        [rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(count)],
        targets.tolist(),
        labels,
        [f"photos/{i}.jpg" for i in range(count)],
    )
    made = evaluate(scaled(p, 1.5), targets, labels)
    return Story(
        "Animals",
        examples,
        made,
        uncalibrated=evaluate(p, targets, labels),
        temperature=1.5,
        held_out="Training has not seen them.",
        counts={"training": 240, "test": count},
        majority=0.4,
        probe=evaluate(np.roll(p, 1, axis=0), targets, labels),
        history={"loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.8], "accuracy": [0.5, 0.8, 0.9], "seconds": [1.0] * 3},
        best_epoch=1,
        findings=[
            Finding("All is balanced"),
            Finding("2 pictures could not be read", "error", ["a.jpg", "b.jpg"], "They were left out."),
        ],
        robustness={"blurred": Interval(0.5, 0.4, 0.6)},
        variants=[
            Variant("float32", 9_000_000, Latency(12.0, 15.5, 50), made.accuracy),
            Variant("int8", 2_500_000, None, None, "left out: 4.0 points less", kept=False),
        ],
        licences=[Licence("Pretrained weights", "Apache-2.0", "somebody")],
        facts={"Preset": "mobilenet_v2.imagenet_quant"},
        commands={"Ask it": "penstock predict model photo.jpg"},
        computer="a test",
    )  # fmt: skip


def test_the_page_says_what_was_measured() -> None:
    pytest.importorskip("PIL")
    story = pictures()
    text = Reader(page(story)).text
    made = story.evaluation
    for words in (
        f"{100 * made.accuracy.value:.1f} %",
        f"95 % interval: {100 * made.accuracy.low:.1f} to {100 * made.accuracy.high:.1f} %",
        "3 labels, judged on 60 pictures. Training has not seen them.",
        "Better than the linear probe by +",
        "Only 60 pictures were there to judge it on",
        f"of {len(made.mistakes)} wrong answers",
        "240 for training, 60 for test",
        "2 pictures could not be read They were left out.",
        "temperature 1.50, which makes it more careful",
        "The weights of epoch 2 were kept.",
        "blurred 50.0 %",
        "float32 9 MB 12 ms 15.5 ms",
        "left out: 4.0 points less",
        "Apache-2.0",
        "penstock predict model photo.jpg",
    ):
        assert words in text
    assert text.index("2 pictures could not be read") < text.index("All is balanced")
    assert "seconds" not in text


def test_the_page_needs_nothing_else() -> None:
    pytest.importorskip("PIL")
    text = page(pictures())
    read = Reader(text)
    assert {name for name, _ in read.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "form", "base"}
    )
    for _, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action", "xlink:href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in read.named("meta")[1]["content"]
    assert len(text) < 2_000_000


def test_names_and_labels_stay_text() -> None:
    pytest.importorskip("PIL")
    story = pictures(labels=(HOSTILE, "<b>dog</b>", "owl & co"))
    examples = Examples(
        "image",
        story.examples.inputs,
        story.examples.targets,
        story.evaluation.labels,
        [HOSTILE] * 60,
    )
    hostile = Story(
        HOSTILE,
        examples,
        story.evaluation,
        held_out=HOSTILE,
        counts={HOSTILE: 1},
        history={f"loss {HOSTILE}": [1.0, 0.5]},
        findings=[Finding(HOSTILE, "note", [HOSTILE], HOSTILE)],
        variants=[Variant(HOSTILE, 1, note=HOSTILE)],
        licences=[Licence(HOSTILE, HOSTILE, HOSTILE)],
        facts={HOSTILE: HOSTILE},
        commands={HOSTILE: HOSTILE},
        computer=HOSTILE,
    )  # fmt: skip
    text = page(hostile)
    read, clean = Reader(text), Reader(page(pictures()))
    assert {name for name, _ in read.elements} <= {name for name, _ in clean.elements}
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert all(
        not attributes["src"] or attributes["src"].startswith("data:")
        for attributes in read.named("img")
    )
    assert "<script>alert(1)</script>" in read.text
    assert "\x00" not in text


def test_the_same_story_makes_the_same_page(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    first = write_report(tmp_path / "report.html", pictures()).read_bytes()
    assert write_report(tmp_path / "report.html", pictures()).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_sentences_are_shown() -> None:
    texts = ["a <fine> film", "dull", "so " * 300]
    examples = Examples("text", texts, [1, 0, 1], ("no", "yes"), ["r.tsv:1", "r.tsv:2", "r.tsv:3"])
    made = evaluate([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], [1, 0, 1], examples.labels)
    read = Reader(page(Story("Praise", examples, made, majority=0.67)))
    assert "a <fine> film says no 90 % is yes 10 % r.tsv:1" in read.text
    assert len(read.named("blockquote")) == 2
    assert "Not surely better than always answering with the commonest label" in read.text


def test_sounds_can_be_heard_and_seen(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    time = np.arange(8000) / 16000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    (tmp_path / "tone.wav").write_bytes(_content(sound(tone, 16000)))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    inputs = [tone, str(tmp_path / "tone.wav"), str(tmp_path / "broken.wav")]
    examples = Examples("audio", inputs, [0, 0, 0], ("on", "off"), ["1", "2", "3"])
    read = Reader(
        page(Story("Words", examples, evaluate([[0.1, 0.9]] * 3, [0, 0, 0], examples.labels)))
    )
    assert len(read.named("audio")) == 2
    assert "cannot be shown" in read.text
    with wave.open(io.BytesIO(_content(read.named("audio")[1]["src"]))) as file:
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert played[:4000] == pytest.approx(tone[:4000], abs=1e-3)


def test_a_spectrum_is_dark_where_the_tone_is() -> None:
    image = pytest.importorskip("PIL.Image")
    tone = np.sin(2 * np.pi * 4000 * np.arange(16000) / 16000)
    shown = np.asarray(image.open(io.BytesIO(_content(spectrogram(tone, 16000)))))
    darkest = shown.mean(axis=1).argmin()
    assert darkest == pytest.approx(shown.shape[0] / 2, abs=2)  # 4 kHz of 8


def test_png_is_read_back_by_pillow() -> None:
    image = pytest.importorskip("PIL.Image")
    for shape in ((5, 7, 3), (5, 7, 1), (5, 7)):
        pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
        read = np.asarray(image.open(io.BytesIO(png(pixels))))
        assert np.array_equal(read, pixels[..., 0] if shape == (5, 7, 1) else pixels)


def test_boxes_are_drawn_where_they_are() -> None:
    pytest.importorskip("PIL")
    box = np.array([[0.25, 0.5, 0.75, 1.0]])
    wrong = np.array([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.1, 0.2]])
    found = [
        Found(wrong, np.array([0.9, 0.6]), np.array([0, 0])),
        Found(box[:0], np.zeros(0), np.zeros(0, int)),
    ]
    targets = [Boxes(box, np.array([0])), Boxes(box, np.array([0]))]
    photo = np.zeros((100, 200, 3), np.uint8)
    examples = Examples("detection", [photo, photo], targets, ("cat",), ["a.jpg", "b.jpg"])
    read = Reader(page(Story("Cats", examples, evaluate_detection(found, targets, ["cat"]))))
    drawn = [r for r in read.named("rect") if "vector-effect" in r]
    assert [(r["class"], r["x"], r["y"], r["width"], r["height"]) for r in drawn] == [
        ("missed", "25", "50", "50", "50"),
        ("true", "25", "50", "50", "50"),
        ("found", "25", "50", "50", "50"),
        ("wrong", "0", "0", "10", "20"),
    ]
    for words in ("missed: cat", "false alarm: cat 60 %", "AP50:95", "judged on 2 pictures"):
        assert words in read.text


def test_no_mistakes_is_said_with_care() -> None:
    examples = Examples("text", ["a", "b"], [0, 1], ("x", "y"), ["1", "2"])
    made = evaluate([[0.9, 0.1], [0.2, 0.8]], [0, 1], examples.labels)
    assert "does not mean that there will be none" in Reader(page(Story("T", examples, made))).text


def test_many_labels_are_folded_and_drawn_without_numbers() -> None:
    labels = tuple(f"label {i}" for i in range(40))
    targets = np.arange(40).repeat(2)
    p = np.full((80, 40), 0.01) + 0.6 * np.eye(40)[np.roll(targets, 1)]
    examples = Examples("text", ["t"] * 80, targets.tolist(), labels, ["n"] * 80)
    read = Reader(page(Story("Many", examples, evaluate(p, targets, labels))))
    assert "the other 25 labels" in read.text
    assert not any(t.get("class") == "confusion" for t in read.named("table"))
    assert sum(r.get("class") in ("hit", "miss") for r in read.named("rect")) == 80


def test_a_story_is_about_its_examples() -> None:
    examples = Examples("text", ["a"], [0], ("x", "y"), ["1"])
    with pytest.raises(InvalidValueError, match="those that the model was judged on"):
        Story("T", examples, evaluate([[1, 0], [0, 1]], [0, 1], examples.labels))


def test_only_markup_is_left_as_it_is() -> None:
    assert join("<", Html("<b>"), ["&", None], 3) == "&lt;<b>&amp;3"
    assert tag("a", title='"x"', class_=None) == '<a title="&quot;x&quot;"></a>'
    assert tag("p", "\x01\ud800") == "<p>\ufffd?</p>"


def test_scales_of_plots() -> None:
    frame = Frame(200, 100, (0, 10), (0, 1), left=20, bottom=10, top=10, right=20)
    assert (frame.across(0), frame.across(10), frame.up(0), frame.up(1)) == (20, 180, 90, 10)
    assert frame.path([0, 5], [0, 1]) == "M20.0 90.0L100.0 10.0"
    for low, high in ((0.0, 0.0), (-3.0, 8.0), (0.97, 1.0), (1e-5, 2e-5), (0.0, 12345.0)):
        ticks = nice_ticks(low, high)
        assert ticks[0] <= low <= high <= ticks[-1]
        assert 3 <= len(ticks) <= 8


def test_silence_has_a_waveform() -> None:
    assert "M0 30H240" in waveform([])
    assert re.search(r'd="M0.8 30.0V30.4', waveform([0.0] * 160))


def _content(address: str) -> bytes:
    return b64decode(address.partition("base64,")[2])
