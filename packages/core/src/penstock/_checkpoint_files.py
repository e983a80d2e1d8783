"""Checkpoints on the disk.

    folder/
      step-00000012/
        weights-3f2a9c1b-00001-of-00002.safetensors
        weights-3f2a9c1b-00002-of-00002.safetensors
        manifest.json        written last: without it there is no checkpoint

Whatever moment the process ends at, every checkpoint that had its manifest keeps it and all its shards: shards get names
of their own, the manifest takes its place in one step, and old shards go only afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from penstock import safetensors
from penstock._native import Tensor
from penstock.errors import CheckpointError, FormatError

_MANIFEST: Final = "manifest.json"
_PREFIX: Final = "step-"
_OURS: Final = re.compile(r"weights-[0-9a-f]+-\d+-of-\d+\.safetensors|\.manifest\.json\..*\.tmp")
_READ_SIZE: Final = 1 << 22


class Shard(BaseModel):
    """One file of tensors."""

    model_config = ConfigDict(frozen=True, strict=True)
    file: str = Field(pattern=r"^[A-Za-z0-9_-]+\.safetensors$")  # no way out of the folder
    bytes: NonNegativeInt
    crc32: NonNegativeInt


class Manifest(BaseModel):
    """What a checkpoint consists of."""

    model_config = ConfigDict(frozen=True, strict=True, ser_json_inf_nan="constants")
    format: Literal["penstock-checkpoint"] = "penstock-checkpoint"
    version: Literal[1] = 1
    step: NonNegativeInt
    time: float  # seconds since 1970
    random: list[NonNegativeInt] = Field(min_length=2, max_length=2)  # key and counter
    metadata: dict[str, Any]
    shards: list[Shard]


def folder_of(root: Path, step: int) -> Path:
    """Return the folder of one checkpoint."""
    return root / f"{_PREFIX}{step:08d}"


def step_of(path: Path) -> int | None:
    """Return the step that a checkpoint's folder is of, or None where the name says nothing of a step."""
    number = path.name.removeprefix(_PREFIX)
    return int(number) if path.name.startswith(_PREFIX) and number.isdecimal() else None


def steps(root: Path) -> list[int]:
    """List the steps that have a whole checkpoint, in order."""
    if not root.is_dir():
        return []
    found = [(step_of(path), path) for path in root.iterdir()]
    return sorted(step for step, path in found if step is not None and (path / _MANIFEST).is_file())


def write(
    root: Path,
    step: int,
    tensors: Mapping[str, Tensor],
    *,
    shard_bytes: int,
    random: Sequence[int],
    metadata: Mapping[str, Any],
    keep: int | None,
) -> Path:
    """Write a checkpoint, then remove the oldest ones.

    Raises:
        CheckpointError: The disk does not take it, or another process writes into this folder. What was there before
            is untouched.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            _sweep(root)
            target = folder_of(root, step)
            target.mkdir(exist_ok=True)
            _write_checkpoint(target, step, tensors, shard_bytes, random, metadata)
            safetensors.sync_folder(root)
            if keep is not None:
                for old in steps(root)[:-keep]:
                    if old != step:
                        remove(root, old)
            return target
    except OSError as error:
        raise CheckpointError(
            f"[Checkpoint.save] step {step} cannot be written to {root}: {error.strerror or error}; earlier checkpoints "
            f"are untouched. {_remedy(error, tensors)}"
        ) from error


def _write_checkpoint(
    target: Path,
    step: int,
    tensors: Mapping[str, Tensor],
    shard_bytes: int,
    random: Sequence[int],
    metadata: Mapping[str, Any],
) -> None:
    groups = _groups(tensors, shard_bytes)
    run = os.urandom(4).hex()
    shards: list[Shard] = []
    try:
        for number, names in enumerate(groups, 1):
            name = f"weights-{run}-{number:05d}-of-{len(groups):05d}.safetensors"
            with (target / name).open("xb") as file:
                size, checksum = safetensors.write(file, {n: tensors[n] for n in names})
                safetensors.sync(file)
            shards.append(Shard(file=name, bytes=size, crc32=checksum))
        safetensors.sync_folder(target)
        manifest = Manifest(
            step=step,
            time=time.time(),
            random=list(random),
            metadata=dict(metadata),
            shards=shards,
        )
        with safetensors.replacing(target / _MANIFEST) as file:
            file.write(manifest.model_dump_json(indent=1).encode())
    except BaseException:
        if _has_manifest_of(target, run):  # it took its place; only the folder could not be written
            raise
        for path in target.glob(f"weights-{run}-*"):
            path.unlink()
        with contextlib.suppress(OSError):  # an older checkpoint of this step stays
            target.rmdir()
        raise
    _drop_strangers(target, shards)


def _has_manifest_of(target: Path, run: str) -> bool:
    try:
        return f"weights-{run}-".encode() in (target / _MANIFEST).read_bytes()
    except OSError:
        return False


def _groups(tensors: Mapping[str, Tensor], shard_bytes: int) -> list[list[str]]:
    """Share the tensors out among files, in their order."""
    groups: list[list[str]] = [[]]
    held = 0
    for name, t in tensors.items():
        if groups[-1] and held + t.nbytes > shard_bytes:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += t.nbytes
    return groups


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other writers out while the block runs; a killed process lets go by itself."""
    try:
        import fcntl
    except ImportError:  # not POSIX: nobody is kept out
        yield
        return
    with (root / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise CheckpointError(
                f"[Checkpoint.save] another process or thread is saving into {root}; give each run its own folder"
            ) from None
        yield


def _sweep(root: Path) -> None:
    """Remove what a killed process left: checkpoints without a manifest, shards that no manifest names."""
    for path in root.glob(f"{_PREFIX}*"):
        if step_of(path) is None or not path.is_dir():
            continue  # not ours
        if not (path / _MANIFEST).is_file():
            _remove_leftovers(path)
        elif (
            any(path.glob(".*.tmp"))
            or len({f.name.split("-")[1] for f in path.glob("weights-*")}) > 1
        ):
            _drop_strangers(path, read_manifest(path).shards)


def _remove_leftovers(target: Path) -> None:
    """Remove a checkpoint that was never whole, and nothing that somebody else put there."""
    for path in target.iterdir():
        if _OURS.fullmatch(path.name):
            path.unlink()
    with contextlib.suppress(OSError):
        target.rmdir()


def _drop_strangers(target: Path, shards: Sequence[Shard]) -> None:
    known = {_MANIFEST, *(shard.file for shard in shards)}
    for path in target.iterdir():
        if path.name not in known and _OURS.fullmatch(path.name):
            path.unlink()


def remove(root: Path, step: int) -> None:
    """Remove a checkpoint, its manifest first: afterwards it is no checkpoint, however far this comes."""
    target = folder_of(root, step)
    (target / _MANIFEST).unlink()
    safetensors.sync_folder(target)
    _remove_leftovers(target)


def _remedy(error: OSError, tensors: Mapping[str, Tensor]) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"It takes about {sum(t.nbytes for t in tensors.values())} bytes: free some, or save elsewhere"
    return "Give a folder that can be written: penstock.Checkpoint(folder, ...)"


def read_manifest(target: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        CheckpointError: It is missing, damaged, or of a newer version.
    """
    try:
        return Manifest.model_validate_json((target / _MANIFEST).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"[Checkpoint.restore] {target / _MANIFEST} is damaged: {where} {first['msg']}; {_others(target)}"
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"[Checkpoint.restore] {target / _MANIFEST} cannot be read: {error.strerror}; {_others(target)}"
        ) from error


def read(target: Path) -> tuple[Manifest, dict[str, Tensor]]:
    """Read a checkpoint whole.

    Raises:
        CheckpointError: A part of it is missing or damaged.
    """
    manifest = read_manifest(target)
    tensors: dict[str, Tensor] = {}
    for shard in manifest.shards:
        path = target / shard.file
        try:
            _check(path, shard)
            for name, t in safetensors.load_file(path).items():
                if name in tensors:
                    raise FormatError(f"{name!r} is in two shards")
                tensors[name] = t
        except (OSError, FormatError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise CheckpointError(
                f"[Checkpoint.restore] {path} cannot be used: {why}; {_others(target)}"
            ) from error
    return manifest, tensors


def _check(path: Path, shard: Shard) -> None:
    size = path.stat().st_size
    if size != shard.bytes:
        raise FormatError(f"it has {size} bytes in place of {shard.bytes}")
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_READ_SIZE):
            checksum = zlib.crc32(block, checksum)
    if checksum != shard.crc32:
        raise FormatError("its bytes are not those that were saved")


def _others(target: Path) -> str:
    others = [step for step in steps(target.parent) if step != step_of(target)]
    if not others:
        return "there is no other checkpoint in its folder"
    return f"there are others, of steps {', '.join(map(str, others))}: restore(step={others[-1]})"
