"""Files that are whole or not there, and errors of disks in words."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock_models.errors import DiskError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Say what to do when a folder cannot be written.

    Raises:
        DiskError: The disk is full, or the folder may only be read.
    """
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise DiskError(
                f"[finetune] there is no room left to write {error.filename or folder} ({error.strerror}); free some, and "
                "type the same again: it goes on from there"
            ) from error
        if error.errno in FORBIDDEN:
            raise DiskError(
                f"[finetune] {error.filename or folder} may not be written ({error.strerror}); choose another folder "
                "with --out"
            ) from error
        raise


def write_whole(path: Path, text: str) -> None:
    """Put a text in a file's place, in one step.

    Raises:
        OSError: The disk is full, or the folder may only be read; what was there before stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to write to, and put it into its place when all is written.

    Raises:
        OSError: As in `write_whole`.
    """
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(path, ignore_errors=True)
    part.replace(path)
