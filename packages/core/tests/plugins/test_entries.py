"""Entry points are found as importlib.metadata finds them."""

from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from pathlib import Path

import pytest

from penstock.plugins._entries import entries

GROUP = "penstock.plugins"


def distribution(
    folder: Path, name: str, text: str, version: str = "1.5", kind: str = "dist"
) -> None:
    info = folder / f"{name}-{version}.{kind}-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: body\n"
    (info / ("METADATA" if kind == "dist" else "PKG-INFO")).write_text(head, encoding="utf-8")
    if text:
        (info / "entry_points.txt").write_text(text, encoding="utf-8")


def found(group: str = GROUP) -> list[tuple[str, ...]]:
    return sorted((e.name, e.value, e.distribution, e.version) for e in entries(group))


def wanted(group: str = GROUP) -> list[tuple[str, ...]]:
    known = importlib.metadata.entry_points(group=group)
    return sorted((e.name, e.value, e.dist.name, e.dist.version) for e in known if e.dist)


@pytest.mark.parametrize("group", [GROUP, "console_scripts", "pytest11", "nobody.has.this"])
def test_what_is_installed_here(group: str) -> None:
    assert found(group) == wanted(group)


def test_sections_comments_and_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"# first\n[other]\nx = no\n\n[{GROUP}]\n# note\n a =  b.c:d \nlong.name=e [extra]\n[{GROUP}.more]\ny = no\n"
    distribution(tmp_path, "Some_Thing", text)
    distribution(tmp_path, "old", f"[{GROUP}]\nold = older\n", kind="egg")
    distribution(tmp_path, "none", "")
    monkeypatch.syspath_prepend(tmp_path)
    assert found() == wanted()
    assert ("a", "b.c:d", "Some_Thing", "1.5") in found()
    assert ("long.name", "e [extra]", "Some_Thing", "1.5") in found()
    assert ("old", "older", "old", "1.5") in found()


def test_the_first_of_a_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name, value in (("a", "some_thing", "first"), ("b", "Some.Thing", "second")):
        distribution(tmp_path / place, name, f"[{GROUP}]\nthing = {value}\n")
    monkeypatch.syspath_prepend(tmp_path / "b")
    monkeypatch.syspath_prepend(tmp_path / "a")
    assert found() == wanted()
    assert [e.value for e in entries(GROUP) if e.name == "thing"] == ["first"]


def test_archives_and_places_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr(
            "packed-2.dist-info/METADATA", "Metadata-Version: 2.1\nName: packed\nVersion: 2\n"
        )
        archive.writestr("packed-2.dist-info/entry_points.txt", f"[{GROUP}]\npacked = inside\n")
    monkeypatch.setattr(
        sys, "path", [str(tmp_path / "packed.zip"), str(tmp_path / "not"), *sys.path]
    )
    assert found() == wanted()
    assert ("packed", "inside", "packed", "2") in found()


def test_finders_of_others_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Made(importlib.metadata.Distribution):
        def read_text(self, filename: str) -> str | None:
            texts = {
                "METADATA": "Metadata-Version: 2.1\nName: made\nVersion: 3\n",
                "entry_points.txt": f"[{GROUP}]\nmade = up\n",
            }
            return texts.get(filename)

        def locate_file(self, path: object) -> Path:
            return Path(str(path))

    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(context: object = None) -> list[importlib.metadata.Distribution]:
            return [Made()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert ("made", "up", "made", "3") in found()


def test_places_that_are_no_text_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found()
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    assert found() == before
