"""Data as people have them: every fault ends in a sentence that says what to do."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_folders import annotation, image_folder, picture, sound, voc_folder
from PIL import Image

from penstock.errors import FormatError, InvalidValueError
from penstock_models.data import Splits, audit, read
from penstock_models.preprocessing import read_audio


def reasons(splits: Splits) -> dict[str, str]:
    return {skipped.name: skipped.reason for skipped in splits.skipped}


# ---- nothing, or too little


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match=r"there is no .*nowhere; give a folder with a folder of pictures"
    ):
        read(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"is empty; put a folder for each class there"):
        read(tmp_path)


def test_nothing_that_can_be_learned_from(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_bytes(b"x")
    with pytest.raises(
        FormatError, match=r"only \.docx; give a folder with a folder for each class, or a table"
    ):
        read(tmp_path)


def test_an_archive(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(FormatError, match=r"is an archive; unpack it, and give the folder"):
        read(tmp_path / "photos.zip")


def test_one_class(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError, match="of one class, 'cat'; a classifier needs two: add the other class"
    ):
        read(image_folder(tmp_path, {"cat": 12}))


def test_three_images(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidValueError,
        match=r"3 pictures .* are too few .*cat 2, dog 1\); give at least 3 of each",
    ):
        read(image_folder(tmp_path, {"cat": 2, "dog": 1}))


def test_copies_do_not_make_many(tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    for i in range(9):
        picture(0).save(tmp_path / "cat" / f"copy{i}.png")
        picture(1).save(tmp_path / "dog" / f"copy{i}.png")
    with pytest.raises(InvalidValueError, match=r"cat 1, dog 1\); give at least 3 of each class"):
        read(tmp_path)


def test_pictures_beside_each_other(tmp_path: Path) -> None:
    for i in range(5):
        picture(i).save(tmp_path / f"{i}.png")
    with pytest.raises(
        FormatError, match="lie in no folder of a class; make a folder for each class"
    ):
        read(tmp_path)


def test_a_class_with_one_sample_is_learned_but_not_judged(tmp_path: Path) -> None:
    splits = read(image_folder(tmp_path, {"ant": 30, "bee": 30, "cow": 1}))
    cow = splits.labels.index("cow")
    assert [list(part.targets).count(cow) for part in splits.parts().values()] == [1, 0, 0]
    found = {finding.sentence: finding.examples for finding in audit(splits).findings}
    assert found[
        "Classes with fewer than 10 examples to learn from will hardly be known; add some."
    ] == ("cow: 1",)
    assert any(
        "No example of these classes is in test" in s and e == ("cow",) for s, e in found.items()
    )
    assert any("times as many examples as 'cow'; rare classes count more" in s for s in found)


def test_a_class_that_is_only_in_test_is_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "train", {"a": 12, "b": 12})
    image_folder(tmp_path / "test", {"a": 4, "c": 4}, 100)
    with pytest.raises(
        InvalidValueError, match=r"Nothing to learn these classes from is in train; .* \(c\)"
    ):
        audit(read(tmp_path)).check()


# ---- pictures


def test_unreadable_pictures_are_named_and_skipped(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 12, "b": 12})
    whole = tmp_path / "whole.jpg"
    picture(1, (300, 200)).save(whole)
    data = whole.read_bytes()
    whole.unlink()
    (tmp_path / "a" / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "a" / "empty.jpg").write_bytes(b"")
    (tmp_path / "a" / "text.jpg").write_text("<html>not found</html>")
    (tmp_path / "b" / "zeros.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    (tmp_path / "b" / "list.txt").write_text("mine")
    (tmp_path / "b" / "phone.heic").write_bytes(b"x")
    splits = read(tmp_path)
    found = reasons(splits)
    assert set(found) == {f"a/{n}.jpg" for n in ("cut", "empty", "text")} | {
        "b/zeros.png",
        "b/list.txt",
        "b/phone.heic",
    }
    assert "truncated" in found["a/cut.jpg"]
    assert found["a/empty.jpg"].endswith("the file is empty")
    assert found["a/text.jpg"].endswith("it is no picture, or damaged")
    assert "convert it to .jpg" in found["b/phone.heic"]
    finding = next(f for f in audit(splits).findings if f.severity == "warning")
    assert finding.sentence.startswith(
        "6 of the files and lines could not be used as they are; mend or remove"
    )


def test_nothing_but_unreadable_pictures(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.jpg").write_bytes(b"nothing")
    with pytest.raises(
        FormatError,
        match=r"none of the 2 pictures .* the first, a/1.jpg: it cannot be read as a picture",
    ):
        read(tmp_path)


def png(header: bytes, pixels: bytes) -> bytes:
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_a_decompression_bomb_is_not_opened(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 12, "b": 12})
    for name, width, height in (("bomb", 40_000, 30_000), ("large", 12_000, 9_000)):
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        (tmp_path / "a" / f"{name}.png").write_bytes(png(header, bytes(10**6)))
    found = reasons(read(tmp_path))
    assert set(found) == {"a/bomb.png", "a/large.png"}
    assert "1200000000 pixels" in found["a/bomb.png"]
    assert all("make it smaller" in reason for reason in found.values())


def test_pictures_of_unusual_kinds_are_read(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 12, "b": 12})
    own = picture(500)
    own.convert("CMYK").save(tmp_path / "a" / "cmyk.jpg", quality=95)
    gray = np.asarray(picture(501).convert("L"))
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "a" / "deep.png")
    Image.fromarray(gray).save(tmp_path / "b" / "gray.png")
    picture(502).convert("P").save(tmp_path / "b" / "palette.png")
    splits = read(tmp_path)
    assert not splits.skipped
    # Sixteen bits of the same picture are the same picture.
    assert splits.groups["b/gray.png"] == "a/deep.png"


def test_a_picture_that_the_camera_turned(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 12, "b": 12})
    upright = picture(700, (60, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer turns it by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).save(
        tmp_path / "a" / "turned.jpg", exif=exif, quality=95
    )
    upright.save(tmp_path / "a" / "upright.jpg", quality=95)
    splits = read(tmp_path)
    assert splits.facts["a/turned.jpg"].size == (60, 40)
    assert splits.groups["a/upright.jpg"] == "a/turned.jpg"


# ---- leaks


def test_what_is_in_train_and_test_is_left_out_of_training(tmp_path: Path) -> None:
    image_folder(tmp_path / "train", {"a": 20, "b": 20})
    image_folder(tmp_path / "test", {"a": 6, "b": 6}, 100)
    picture(100).resize((44, 36)).save(tmp_path / "train" / "a" / "leak.jpg", quality=80)
    picture(101).save(tmp_path / "train" / "b" / "wrong.png")
    splits = read(tmp_path)
    assert {leak.name: leak.same_as for leak in splits.leaks} == {
        "train/a/leak.jpg": "test/a/100.png",
        "train/b/wrong.png": "test/a/101.png",
    }
    left = {*splits.train.names, *splits.validation.names}
    assert len(left) == 40
    assert not left & {"train/a/leak.jpg", "train/b/wrong.png"}
    finding = next(f for f in audit(splits).findings if "are in test too" in f.sentence)
    assert finding.severity == "warning"
    assert "remove them from one side" in finding.sentence
    assert finding.examples[0] == "train/a/leak.jpg is the same as test/a/100.png"


def test_copies_with_other_labels_are_named(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 20, "b": 20})
    picture(3).save(tmp_path / "b" / "copy.png")
    finding = next(f for f in audit(read(tmp_path)).findings if "different labels" in f.sentence)
    assert finding.examples == ("a/3.png (a) = b/copy.png (b)",)
    assert "only one can be right; correct them" in finding.sentence


def test_classes_that_differ_in_spelling(tmp_path: Path) -> None:
    splits = read(image_folder(tmp_path, {"Guinea pig": 12, "guinea_pig": 12}))
    finding = next(
        f for f in audit(splits).findings if "differ only in how they are spelled" in f.sentence
    )
    assert finding.examples == ("Guinea pig and guinea_pig",)


# ---- tables

LINES = [f"what a {w} film {i},{w}" for i in range(10) for w in ("good", "bad")]


def table(tmp_path: Path, lines: list[str], name: str = "films.csv") -> Path:
    (tmp_path / name).write_text("\n".join(lines), "utf-8")
    return tmp_path / name


def test_an_empty_table(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"is empty; it should have a line for each text"):
        read(table(tmp_path, []))


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    path = table(tmp_path, ["text,label", *LINES])
    with pytest.raises(
        InvalidValueError,
        match="has no column 'mood'; it has: text, label; choose one with --label-column",
    ):
        read(path, label_column="mood")
    with pytest.raises(InvalidValueError, match=r"has no column '3'.*--text-column"):
        read(path, text_column="3")


def test_columns_that_nothing_tells_apart(tmp_path: Path) -> None:
    lines = [f"{i},some words {i},{'ab'[i % 2]},{'cd'[i % 2]}" for i in range(20)]
    with pytest.raises(
        FormatError,
        match=r"which column of .* is the label; it has: one, two, three, four; choose one with",
    ):
        read(table(tmp_path, ["one,two,three,four", *lines]))


def test_a_table_with_one_column(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError,
        match="has one column, 'what a film'; expected a text and its label on each line",
    ):
        read(table(tmp_path, ["what a film"] * 4))


def test_numbers_are_no_classes(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError,
        match=r"column label .* has 40 different values in 40 lines, so it names no classes",
    ):
        read(table(tmp_path, ["text,label", *(f"film {i},{i * 0.37}" for i in range(40))]))


def test_lines_of_other_lengths_are_skipped_and_named(tmp_path: Path) -> None:
    lines = ["text,label", *LINES, "a film, with a comma,good", "no label,", ",bad"]
    found = reasons(read(table(tmp_path, lines)))
    assert found == {
        "films.csv:22": "it has 3 cells, and the other lines 2",
        "films.csv:23": "it has no label",
        "films.csv:24": "it has no text",
    }


def test_commas_everywhere(tmp_path: Path) -> None:
    lines = ["text,label", *(f"well, {line}" for line in LINES), "fine,good"]
    with pytest.raises(
        FormatError,
        match=r"20 of 21 lines .* put texts that hold the separator into quotation marks",
    ):
        read(table(tmp_path, lines))


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes("\n".join(["text,label", "tr\xe8s bon,good", *LINES]).encode("latin-1"))
    splits = read(path)
    note = next(note for note in splits.notes if "UTF-8" in note)
    assert "byte 0xe8 in line 2" in note
    assert "très bon" in note
    assert "--encoding" in note
    assert not any("UTF-8" in note for note in read(path, encoding="latin-1").notes)
    with pytest.raises(FormatError, match=r"is not ascii: byte 0xe8 in line 2"):
        read(path, encoding="ascii")
    with pytest.raises(FormatError, match=r"there is no encoding 'klingon'; try latin-1"):
        read(path, encoding="klingon")


def test_text_of_16_bits(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes("\n".join(["text,label", *LINES]).encode("utf-16"))
    assert read(path).labels == ("bad", "good")


def test_nul_bytes(tmp_path: Path) -> None:
    path = table(tmp_path, ["text,label", *LINES[:4], "a\0b,good", *LINES[4:]])
    with pytest.raises(
        FormatError, match="line 6, holds a NUL byte, which no text does; save the file as UTF-8"
    ):
        read(path)


def test_a_quotation_mark_that_is_never_closed(tmp_path: Path) -> None:
    lines = ["text,label", '"open,good', *(["x" * 1000 + ",bad"] * 1100)]
    with pytest.raises(
        FormatError, match=r"from line 2: field larger than .* a quotation mark may never be closed"
    ):
        read(table(tmp_path, lines))


def test_several_tables(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        table(tmp_path, ["text,label", *LINES], name)
    with pytest.raises(
        FormatError,
        match=r"one.csv, two.csv; name one of them, or call them train.tsv, dev.tsv and test.tsv",
    ):
        read(tmp_path)


# ---- sounds


def test_sounds_that_are_none(tmp_path: Path) -> None:
    for seed in range(8):
        word = ("yes", "no")[seed % 2]
        (tmp_path / word).mkdir(exist_ok=True)
        sound(tmp_path / word / f"{seed}.wav", seed)
    whole = (tmp_path / "no" / "1.wav").read_bytes()
    (tmp_path / "no" / "cut.wav").write_bytes(whole[:700])
    (tmp_path / "no" / "noise.wav").write_bytes(b"nothing")
    sound(tmp_path / "no" / "none.wav", 1, 0.0)
    found = reasons(read(tmp_path))
    assert found["no/cut.wav"].startswith("it ends after 328 of 1600 samples")
    assert found["no/noise.wav"].startswith("it is no .wav file")
    assert found["no/none.wav"] == "it holds no sound"


# ---- boxes


def test_boxes_outside_the_picture(tmp_path: Path) -> None:
    voc_folder(tmp_path)
    boxes = [("cat", 30, 20, 90, 35), ("cat", 60, 0, 70, 10), ("cat", 9, 9, 9, 20)]
    (tmp_path / "annotations" / "p0.xml").write_text(annotation("p0.png", boxes))
    splits = read(tmp_path)
    remarks = [skipped.reason for skipped in splits.skipped]
    assert any("was cut at the border of 48 x 40 pixels" in r for r in remarks)
    assert any("lies outside the picture of 48 x 40 pixels" in r for r in remarks)
    assert any("is empty: right must be more than left" in r for r in remarks)
    left = {
        n: b
        for part in splits.parts().values()
        for n, b in zip(part.names, part.targets, strict=True)
    }
    np.testing.assert_allclose(left["images/p0.png"].corners, [[30 / 48, 0.5, 1.0, 35 / 40]])


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 if i else str()};" * 10}">' for i in range(9))
    + "]><annotation><filename>&a8;</filename></annotation>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "has a DOCTYPE, which annotations do not need and attacks do; remove it"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "has a DOCTYPE"),
        ("<annotation><object>", "is no XML"),
        (annotation("gone.png", []), "there is no picture 'gone.png'"),
        ("<annotation><object><name>cat</name></object></annotation>", "there is no picture"),
    ],
)
def test_annotations_that_are_none(tmp_path: Path, text: str, reason: str) -> None:
    voc_folder(tmp_path)
    (tmp_path / "annotations" / "bad.xml").write_text(text)
    splits = read(tmp_path)
    assert reason in reasons(splits)["annotations/bad.xml"]
    assert len(splits.facts) == 8


def test_an_object_without_numbers(tmp_path: Path) -> None:
    voc_folder(tmp_path)
    text = annotation("p0.png", [("cat", 1, 2, 3, 4)]).replace(
        "<xmin>1</xmin>", "<xmin>left</xmin>"
    )
    (tmp_path / "annotations" / "p0.xml").write_text(text)
    assert "expected four numbers" in reasons(read(tmp_path))["annotations/p0.xml"]


def test_boxes_of_another_picture(tmp_path: Path) -> None:
    voc_folder(tmp_path)
    (tmp_path / "annotations" / "p0.xml").write_text(
        annotation("p0.png", [("cat", 1, 2, 9, 9)], (40, 48))
    )
    assert "the boxes are those of another picture" in reasons(read(tmp_path))["images/p0.png"]


def test_no_annotation_fits(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(annotation("gone.png", [("cat", 1, 2, 3, 4)]))
    with pytest.raises(
        FormatError,
        match=r"none of the annotations in .* the first: there is no picture 'gone.png'",
    ):
        read(tmp_path)


def lying(tmp_path: Path, **changes: object) -> Path:
    for i in range(8):
        picture(i).save(tmp_path / f"p{i}.png")
    images = [{"id": i, "file_name": f"p{i}.png", "width": 48, "height": 40} for i in range(8)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 2, 20, 10]} for i in range(8)]
    data = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    for key, more in changes.items():
        data[key] = [*data[key], *more] if isinstance(more, list) else more  # type: ignore[misc]
    (tmp_path / "boxes.json").write_text(json.dumps(data))
    return tmp_path / "boxes.json"


def test_a_json_file_that_lies(tmp_path: Path) -> None:
    path = lying(
        tmp_path,
        images=[
            {"id": 90, "file_name": "../../../etc/passwd"},
            {"id": 91, "file_name": "gone.png"},
            {"id": 3, "file_name": "p3.png"},
            {"id": 93, "file_name": "p1.png", "width": 480, "height": 30},
        ],
        annotations=[
            {"id": 70, "image_id": 1234, "category_id": 1, "bbox": [0, 0, 1, 1]},
            {"id": 71, "image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]},
            {"id": 72, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1]},
            {"id": 73, "image_id": 1, "category_id": 1, "bbox": [5, 5, -3, 4]},
        ],
    )
    splits = read(path)
    told = " ".join(f"{skipped.name}: {skipped.reason};" for skipped in splits.skipped)
    for part in (
        "leads out of the data's folder", "there is no picture 'gone.png'", "1 images have an id that another one has",
        "annotation 70: there is no image 1234", "annotation 71: there is no category 5",
        "annotation 72: its bbox is [0, 0, 1]", "is empty: right must be more than left",
        "the boxes are those of another picture",
    ):  # fmt: skip
        assert part in told
    assert sum(len(b.classes) for part in splits.parts().values() for b in part.targets) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"images": []}', "it needs images, annotations and categories"),
        ('{"images": [{}], "annotations": [], "categories": []}', "images need id and file_name"),
        ('{"images": [], "annotations": [], "categories": []}', "names no picture that is below"),
    ],
)
def test_json_that_is_no_list_of_boxes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "boxes.json").write_text(text)
    with pytest.raises(FormatError, match=re.escape(message)):
        read(tmp_path / "boxes.json")


@pytest.mark.parametrize(
    ("images", "annotations", "message"),
    [
        ([], ["a"], "is no list of COCO's boxes: AttributeError"),
        ([{"id": 1, "file_name": "a\0b.png"}], [], "names no picture.*there is no picture"),
        ([{"id": 1, "file_name": "a" * 5000}], [], "names no picture.*there is no picture"),
        ([{"id": 1, "file_name": "../secret.png"}], [], "leads out of the data's folder"),
    ],
)
def test_annotations_of_coco_by_a_stranger(
    tmp_path: Path, images: Any, annotations: Any, message: str
) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_a_sound_without_a_rate_and_one_that_is_cut_off(tmp_path: Path) -> None:
    for label in ("yes", "no"):
        (tmp_path / label).mkdir()
    for seed in range(8):
        sound(tmp_path / ("yes", "no")[seed % 2] / f"{seed}.wav", seed)
    data = bytearray((tmp_path / "yes" / "0.wav").read_bytes())
    (tmp_path / "cut.wav").write_bytes(data[:-3])
    assert np.count_nonzero(read_audio(tmp_path / "cut.wav", 16000, 0.1)) > 1500
    data[24:28] = bytes(4)  # where the header has the samples of a second
    (tmp_path / "yes" / "0.wav").write_bytes(data)
    (tmp_path / "cut.wav").unlink()
    skipped = {one.name: one.reason for one in read(tmp_path).skipped}
    assert skipped == {"yes/0.wav": "it has no samples in a second; save it again"}
