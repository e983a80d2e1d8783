"""What readers make of folders and tables that are as they should be, and how data are divided."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from data_folders import annotation, image_folder, picture, sound, voc_folder

from penstock_models.data import Splits, audit, read


def everything(splits: Splits) -> dict[str, str]:
    """The part of each example."""
    return {name: part for part, examples in splits.parts().items() for name in examples.names}


def labelled(splits: Splits) -> dict[str, str]:
    return {
        name: examples.labels[target]
        for examples in splits.parts().values()
        for name, target in zip(examples.names, examples.targets, strict=True)
    }


# ---- pictures


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    splits = read(image_folder(tmp_path / "zoo", {"cat": 12, "ant": 9}))
    assert splits.kind == "image"
    assert splits.labels == ("ant", "cat")
    assert len(everything(splits)) == 21
    assert all(name.startswith(label + "/") for name, label in labelled(splits).items())
    assert splits.train.inputs[0].exists()


def test_parts_that_the_data_has_are_kept(tmp_path: Path) -> None:
    for start, part in enumerate(("train", "val", "test")):
        image_folder(tmp_path / part, {"a": 4, "b": 4}, 100 * start)
    parts = everything(read(tmp_path))
    assert set(parts.values()) == {"train", "validation", "test"}
    short = {"val": "validation"}
    assert all(short.get(n.split("/")[0], n.split("/")[0]) == part for n, part in parts.items())


def test_what_is_missing_of_the_parts_comes_from_train(tmp_path: Path) -> None:
    image_folder(tmp_path / "training", {"a": 20, "b": 20})
    image_folder(tmp_path / "testing", {"a": 4, "b": 4}, 100)
    splits = read(tmp_path)
    assert len(splits.test) == 8
    assert 2 <= len(splits.validation) <= 8
    assert all(name.startswith("training") for name in splits.validation.names)


def test_a_folder_around_the_classes_is_looked_through(tmp_path: Path) -> None:
    image_folder(tmp_path / "flower_photos", {"a": 4, "b": 4})
    (tmp_path / "flower_photos" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "__MACOSX").mkdir()
    splits = read(tmp_path)
    assert splits.labels == ("a", "b")
    assert not splits.skipped
    assert "The classes are the folders in flower_photos." in splits.notes


def test_words_are_folders_or_names(tmp_path: Path) -> None:
    for seed in range(8):
        word = ("yes", "no")[seed % 2]
        (tmp_path / "folders" / word).mkdir(parents=True, exist_ok=True)
        (tmp_path / "names").mkdir(exist_ok=True)
        sound(tmp_path / "folders" / word / f"{seed}.wav", seed)
        sound(tmp_path / "names" / f"{word}_{seed}.wav", seed)
    for folder in ("folders", "names"):
        splits = read(tmp_path / folder)
        assert (splits.kind, splits.labels) == ("audio", ("no", "yes"))
        assert len(everything(splits)) == 8


# ---- texts

ROWS = [(f"what a {w} film, number {i}", w) for i in range(10) for w in ("good", "bad")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "\n".join(["review,sentiment", *(f'"{t}",{w}' for t, w in ROWS)])),
        (
            "b.csv",
            "\n".join(["id;Label;Sentence", *(f"{i};{w};{t}" for i, (t, w) in enumerate(ROWS))]),
        ),
        ("c.tsv", "\n".join(f'{t} "\t{w}' for t, w in ROWS)),
        ("d.tsv", "\r\n".join(f"{w}\t{t}" for t, w in ROWS)),
        (
            "e.csv",
            "\ufeff" + "\n".join(["Tweet,Class", *(f'"{t}\nsecond line",{w}' for t, w in ROWS)]),
        ),
    ],
)
def test_columns_are_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8", newline="")
    splits = read(tmp_path / name)
    assert (splits.kind, splits.labels) == ("text", ("bad", "good"))
    assert len(everything(splits)) == 20
    for examples in splits.parts().values():
        for given, target in zip(examples.inputs, examples.targets, strict=True):
            assert f"a {examples.labels[target]} film" in given
    assert "--text-column" in " ".join(splits.notes)


def test_columns_can_be_named_or_numbered(tmp_path: Path) -> None:
    rows = [f"{i},{t},{w},{'odd' if i % 2 else 'even'}" for i, (t, w) in enumerate(ROWS)]
    (tmp_path / "a.csv").write_text(
        "\n".join(["id,text,label,parity", *rows]).replace("film, ", "film ")
    )
    assert read(tmp_path / "a.csv").labels == ("bad", "good")
    assert read(tmp_path / "a.csv", label_column="parity").labels == ("even", "odd")
    assert read(tmp_path / "a.csv", label_column="4", text_column="2").labels == ("even", "odd")


def test_tables_called_train_dev_and_test(tmp_path: Path) -> None:
    for part, word in (("train", "first"), ("dev", "second"), ("test", "third")):
        lines = [f"{t} of the {word} part\t{w}" for t, w in ROWS]
        (tmp_path / f"{part}.tsv").write_text("\n".join(lines))
    splits = read(tmp_path)
    assert [len(x) for x in splits.parts().values()] == [20, 20, 20]
    assert splits.test.names[0] == "test.tsv:1"
    assert "third" in splits.test.inputs[0]


def test_polarity_files_of_western_letters(tmp_path: Path) -> None:
    for suffix, word in ((".pos", "sublime"), (".neg", "clich\xe9")):
        lines = [f"{word} number {i}" for i in range(6)]
        (tmp_path / f"films{suffix}").write_bytes("\n".join(lines).encode("latin-1"))
    splits = read(tmp_path)
    assert splits.labels == ("negative", "positive")
    assert "cliché number 0" in [x for part in splits.parts().values() for x in part.inputs]
    assert "was read as Windows-1252" in splits.notes[0]


# ---- boxes


def test_voc_boxes(tmp_path: Path) -> None:
    splits = read(voc_folder(tmp_path))
    assert (splits.kind, splits.labels) == ("detection", ("cat",))
    boxes = {
        n: b
        for part in splits.parts().values()
        for n, b in zip(part.names, part.targets, strict=True)
    }
    np.testing.assert_allclose(
        boxes["images/p4.png"].corners, [[6 / 48, 10 / 40, 24 / 48, 24 / 40]]
    )
    assert boxes["images/p4.png"].classes.tolist() == [0]


def coco(count: int, prefix: str = "p") -> dict[str, object]:
    boxes = [
        {"id": i, "image_id": i, "category_id": 7, "bbox": [6, 10, 18, 10 + i]}
        for i in range(count)
    ]
    images = [
        {"id": i, "file_name": f"{prefix}{i}.png", "width": 48, "height": 40} for i in range(count)
    ]
    kinds = [{"id": 3, "name": "dog"}, {"id": 7, "name": "cat"}]
    return {"images": images, "annotations": boxes, "categories": kinds}


def test_coco_boxes_are_those_of_voc(tmp_path: Path) -> None:
    voc_folder(tmp_path / "voc")
    (tmp_path / "coco" / "images").mkdir(parents=True)
    for i in range(8):
        picture(i).save(tmp_path / "coco" / "images" / f"p{i}.png")
    (tmp_path / "coco" / "boxes.json").write_text(json.dumps(coco(8)))
    a, b = read(tmp_path / "voc"), read(tmp_path / "coco")
    assert a.labels == b.labels == ("cat",)
    assert everything(a) == everything(b)
    for x, y in zip(a.train.targets, b.train.targets, strict=True):
        np.testing.assert_allclose(x.corners, y.corners)
    assert everything(read(tmp_path / "coco" / "boxes.json")) == everything(b)


def test_coco_parts_are_in_the_files_names(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for part, prefix in (("train2017", "t"), ("val2017", "v")):
        (tmp_path / part).mkdir()
        for i in range(6):
            picture(i + 50 * (prefix == "v")).save(tmp_path / part / f"{prefix}{i}.png")
        (tmp_path / "annotations" / f"instances_{part}.json").write_text(
            json.dumps(coco(6, prefix))
        )
    splits = read(tmp_path)
    assert {n.split("/")[0] for n in splits.validation.names} == {"val2017"}
    assert {n.split("/")[0] for n in (*splits.train.names, *splits.test.names)} == {"train2017"}


def test_a_picture_may_have_no_boxes(tmp_path: Path) -> None:
    voc_folder(tmp_path)
    (tmp_path / "annotations" / "p3.xml").write_text(annotation("p3.png", []))
    splits = read(tmp_path)
    assert (
        sorted(len(b.classes) for part in splits.parts().values() for b in part.targets)
        == [0] + [1] * 7
    )


# ---- division


def test_more_files_do_not_move_those_that_were_there(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 60, "b": 60})
    before = everything(read(tmp_path))
    for i in range(20):
        picture(1000 + i).save(tmp_path / "a" / f"0_{i}.png")
    after = everything(read(tmp_path))
    assert len(after) == 140
    assert all(after[name] == part for name, part in before.items())


def test_division_is_by_class_by_seed_and_always_the_same(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 45, "b": 30, "c": 4})
    first, again, other = (everything(read(tmp_path, seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    for parts in (first, other):
        for label, count in (("a", 45), ("b", 30), ("c", 4)):
            share = [
                sum(n.startswith(label) and p == part for n, p in parts.items())
                for part in ("test", "validation")
            ]
            for number, wanted in zip(share, (0.2, 0.15), strict=True):
                assert (
                    max(1, round(count * wanted * 0.6))
                    <= number
                    <= max(1, round(count * wanted * 1.4))
                )


def test_a_copy_of_a_folder_elsewhere_is_divided_alike(tmp_path: Path) -> None:
    image_folder(tmp_path / "here", {"a": 20, "b": 20})
    image_folder(tmp_path / "there", {"a": 20, "b": 20})
    assert everything(read(tmp_path / "here")) == everything(read(tmp_path / "there"))


def test_pictures_of_one_size_are_said_to_be_so(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for i in range(4):
            picture(i + 10 * (kind == "b")).resize((64, 48)).save(tmp_path / kind / f"{i}.png")
    sentences = [finding.sentence for finding in audit(read(tmp_path)).findings]
    assert "All pictures have 64 x 48 pixels." in sentences


def test_what_is_the_same_stays_together(tmp_path: Path) -> None:
    image_folder(tmp_path, {"a": 30, "b": 30})
    for i in range(30):  # stored again: smaller, and with losses
        picture(i).resize((96, 80)).save(tmp_path / "a" / f"again{i}.jpg", quality=70)
    splits = read(tmp_path)
    parts = everything(splits)
    for i in range(30):
        assert parts[f"a/{i}.png"] == parts[f"a/again{i}.jpg"]
        assert splits.groups[f"a/again{i}.jpg"] == splits.groups[f"a/{i}.png"]
    assert "30 examples are the same as another one" in " ".join(
        f.sentence for f in audit(splits).findings
    )
