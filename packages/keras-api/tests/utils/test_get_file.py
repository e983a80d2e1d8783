"""`get_file`: hashes, resuming, archives, and what must not be unpacked."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from penstock import keras

get_file = keras.utils.get_file
TEXT = b"some bytes\n" * 1000


@pytest.fixture
def origin(tmp_path: Path) -> str:
    path = tmp_path / "source.txt"
    path.write_bytes(TEXT)
    return path.as_uri()


def test_a_file_is_fetched_once_and_checked(tmp_path: Path, origin: str) -> None:
    digest = hashlib.sha256(TEXT).hexdigest()
    found = get_file("a.txt", origin, file_hash=digest, cache_dir=tmp_path / "c")
    assert found == str(tmp_path / "c" / "datasets" / "a.txt")
    assert Path(found).read_bytes() == TEXT
    gone = (tmp_path / "gone").as_uri()
    assert get_file("a.txt", gone, file_hash=digest, cache_dir=tmp_path / "c") == found


def test_md5_and_a_damaged_copy(tmp_path: Path, origin: str) -> None:
    digest = hashlib.md5(TEXT).hexdigest()
    found = Path(get_file(None, origin, md5_hash=digest, cache_dir=tmp_path / "c"))
    assert found.name == "source.txt"
    found.write_bytes(b"damaged")
    get_file(None, origin, md5_hash=digest, cache_dir=tmp_path / "c")
    assert found.read_bytes() == TEXT


def test_a_wrong_hash_leaves_nothing_behind(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="download it again"):
        get_file("a.txt", origin, file_hash="0" * 64, cache_dir=tmp_path / "c")
    assert list((tmp_path / "c" / "datasets").iterdir()) == []


def tar_with(path: Path, *members: tuple[str, bytes | str]) -> str:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                file.addfile(info)
            else:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path.as_uri()


def test_archives_are_unpacked(tmp_path: Path) -> None:
    address = tar_with(tmp_path / "a.tar.gz", ("inner/a.txt", b"hi"))
    cache = tmp_path / "c"
    found = get_file("set.tar.gz", address, extract=True, cache_dir=cache)
    assert found == str(cache / "datasets" / "set_extracted")
    assert (Path(found) / "inner" / "a.txt").read_bytes() == b"hi"
    assert get_file("set", address, untar=True, cache_dir=cache) == str(cache / "datasets" / "set")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("b.txt", "ho")
    found = get_file("b.zip", (tmp_path / "b.zip").as_uri(), extract=True, cache_dir=cache)
    assert (Path(found) / "b.txt").read_text() == "ho"


@pytest.mark.parametrize(
    "members",
    [
        [("../evil.txt", b"x")],
        [("/tmp/evil.txt", b"x")],
        [("link", "../.."), ("link/evil.txt", b"x")],
        [("link", "/etc")],
    ],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, members: Any) -> None:
    address = tar_with(tmp_path / "evil.tar.gz", *members)
    with pytest.raises(ValueError, match="do not trust this archive"):
        get_file("evil", address, extract=True, cache_dir=tmp_path / "c")
    assert not (tmp_path / "c" / "datasets" / "evil").exists()
    assert not (tmp_path / "c" / "evil.txt").exists()


def test_zip_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("../evil.txt", "x")
    with pytest.raises(ValueError, match="do not trust this archive"):
        get_file("evil", (tmp_path / "evil.zip").as_uri(), extract=True, cache_dir=tmp_path / "c")


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({}, "give the address"),
        ({"fname": "/abs", "origin": "file:///x"}, "a folder by cache_dir"),
        ({"origin": "file:///x", "hash_algorithm": "crc"}, "'auto', 'sha256' or 'md5'"),
    ],
)
def test_errors_say_what_to_give(settings: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        get_file(**settings)


def test_a_text_is_no_archive(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="leave extract=True out"):
        get_file("a", origin, extract=True, cache_dir=tmp_path / "c")
