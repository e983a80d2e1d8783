"""`get_file`: download a file once, check it, and unpack it."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.errors import FormatError, InvalidValueError

_ARCHIVES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz", ".txz", ".tar", ".zip")


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file, unless it is in the cache, and return where it lies.

    A download that broke off goes on where it was. The file gets its name only when it is whole and its hash is right.

    Args:
        fname: Its name in the cache; by default that of the address. For an archive, the folder's name.
        origin: Its address.
        untar: Whether to unpack a tar archive; an older form of `extract`.
        md5_hash: Its MD5; an older form of `file_hash`.
        file_hash: Its SHA-256 or MD5; None checks nothing.
        cache_subdir: The folder within the cache; an absolute path takes the place of both.
        hash_algorithm: "auto", "sha256" or "md5".
        extract: Whether to unpack an archive: tar or zip. Files that would lie outside of the folder are refused.
        archive_format: "auto", "tar", "zip", or several of them.
        cache_dir: The cache; by default `$KERAS_HOME`, or `~/.penstock`.
        force_download: Whether to download it again.

    Returns:
        The path of the file; of the folder into which an archive was unpacked.

    Raises:
        ValueError: There is no address, or a name is a path.
        FormatError: The file has another hash, or is no archive, or one with paths that lead out of it.
        DownloadError: It cannot be had.
    """
    from penstock_keras_api.datasets import _files  # all that datasets need takes its time

    if origin is None:
        raise InvalidValueError("[get_file] got no origin; give the address of the file")
    address_name = Path(unquote(urlsplit(origin).path)).name
    name = fname or address_name
    if not name or Path(name).name != name:
        raise InvalidValueError(
            f"[get_file] got fname={fname!r} and origin={origin!r}; give fname a name alone, and a folder by cache_dir"
        )
    if hash_algorithm not in ("auto", "sha256", "md5"):
        raise InvalidValueError(
            f"[get_file] got hash_algorithm={hash_algorithm!r}; use 'auto', 'sha256' or 'md5'"
        )
    root = Path(cache_dir).expanduser() if cache_dir else _files.cache_folder().parent
    folder = root / cache_subdir
    digest = file_hash or md5_hash
    if not (untar or extract):
        return str(_have(origin, folder / name, digest, force_download))
    target = _unpacked_name(folder, fname, name, address_name, untar)
    archive = folder / f"{target.name}.archive"
    if target.is_dir() and not force_download:
        return str(target)
    _have(origin, archive, digest, force_download)
    unpack(archive, target, "tar" if untar else archive_format)
    archive.unlink()
    return str(target)


def _unpacked_name(folder: Path, fname: str | None, name: str, address: str, untar: bool) -> Path:
    ending = next((e for e in _ARCHIVES if name.endswith(e)), "")
    if fname is None or not ending:
        return folder / name
    return folder / (name.removesuffix(ending) + ("" if untar else "_extracted"))


def _have(origin: str, target: Path, digest: str | None, force: bool) -> Path:
    from penstock_keras_api.datasets import _download

    if target.is_file() and (force or not _is_right(target, digest)):
        target.unlink()
    return _download.download(origin, target, digest)


def _is_right(path: Path, digest: str | None) -> bool:
    from penstock_keras_api.datasets import _download

    try:
        if digest is not None:
            _download.check(path, digest, "")
    except FormatError:
        return False
    return True


def unpack(archive: Path, target: Path, kinds: str | list[str] | None) -> None:
    """Unpack an archive into a folder, as a whole or not at all.

    Args:
        archive: A tar or zip file.
        target: The folder, which is made.
        kinds: "auto", "tar", "zip", or several of them.

    Raises:
        FormatError: It is no such archive, or a path leads out of it.
    """
    wanted = (
        ["tar", "zip"] if kinds in ("auto", None) else [kinds] if isinstance(kinds, str) else kinds
    )
    part = target.with_name(target.name + ".unpacking")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        if "zip" in (wanted or ()) and zipfile.is_zipfile(archive):
            _unzip(archive, part)
        elif "tar" in (wanted or ()) and tarfile.is_tarfile(archive):
            _untar(archive, part)
        else:
            raise FormatError(
                f"[get_file] {archive} is no {' or '.join(wanted or ())} archive; leave extract=True out, or give "
                "another archive_format"
            )
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            _refuse_outside(archive, folder, name)
        file.extractall(folder)


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        for member in file.getmembers():
            _refuse_outside(archive, folder, member.name)
            if member.issym() or member.islnk():
                base = Path(member.name).parent if member.issym() else Path()
                _refuse_outside(archive, folder, str(base / member.linkname))
            elif not (member.isfile() or member.isdir()):
                raise FormatError(
                    f"[get_file] {archive} has {member.name!r}, which is neither a file nor a folder; unpack it "
                    "yourself if you trust it"
                )
        file.extractall(folder, filter="data")


def _refuse_outside(archive: Path, folder: Path, name: str) -> None:
    root = folder.resolve()
    if not (root / name).resolve().is_relative_to(root):
        raise FormatError(
            f"[get_file] {archive} has the path {name!r}, which leads out of the folder; do not trust this archive"
        )
