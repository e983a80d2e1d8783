"""run.json: every step that was taken, so that it can be taken again."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_models.data.splits import Splits
from penstock_models.presets import Preset

FORMAT = 1
PACKAGES = ("penstock", "penstock-kernels-cpu", "penstock-keras-api", "penstock-models", "numpy")


def facts_of_data(splits: Splits) -> dict[str, Any]:
    """Return which example is in which part, with the hash of its content and label."""
    parts: dict[str, dict[str, str]] = {}
    for part, examples in splits.parts().items():
        rows = zip(examples.names, examples.targets, strict=True)
        parts[part] = {
            name: _digest(splits.facts[name].sha256, examples.labels, target)
            for name, target in rows
        }
    return {"kind": splits.kind, "labels": list(splits.labels), "parts": parts}


def _digest(content: str, labels: Sequence[str], target: Any) -> str:
    if isinstance(target, int | np.integer):
        text = labels[int(target)]
    else:
        names = [labels[i] for i in target.classes]
        text = json.dumps([names, np.round(target.corners.astype(float), 6).tolist()])
    return hashlib.sha256(f"{content}/{text}".encode()).hexdigest()


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Return the hash of what `facts_of_data` returned."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_same_data(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> None:
    """Refuse data that are not those of a run.

    Args:
        before: The facts of the run's data.
        now: Those of the data at hand.
        path: Where these are, for the message.

    Raises:
        ValueError: They differ; the message names an example.
    """
    if before == now:
        return
    old = {name: digest for part in before["parts"].values() for name, digest in part.items()}
    new = {name: digest for part in now["parts"].values() for name, digest in part.items()}
    gone = sorted(set(old) - set(new))
    more = sorted(set(new) - set(old))
    other = sorted(name for name in set(old) & set(new) if old[name] != new[name])
    shown = [
        f"{len(names)} {what}, such as {names[0]}"
        for names, what in ((gone, "are gone"), (more, "are new"), (other, "have changed"))
        if names
    ]
    raise InvalidValueError(
        f"[finetune] {path} is not the data of the run: {'; '.join(shown) or 'it is divided otherwise'}. Give the same data, "
        "or begin a new run with another --out"
    )


def check_replayed(
    record: Mapping[str, Any], path: Path, now: Mapping[str, Any], given: str
) -> None:
    """Refuse data that are not those of the run that is replayed.

    Args:
        record: What its run.json says.
        path: That file; the list of the data lies beside it.
        now: The facts of the data at hand.
        given: Where these are, for the message.

    Raises:
        ValueError: They differ.
    """
    if fingerprint(now) == record["data"]["sha256"]:
        return
    try:
        listed = json.loads((path.parent / record["data"]["file"]).read_text("utf-8"))
    except (OSError, ValueError):
        listed = {"parts": {}}
    check_same_data(listed, now, given)


def weights_sha256(weights: Sequence[Any]) -> str:
    """Return the hash of weights: their shapes, dtypes and bytes.

    Args:
        weights: Arrays, in the network's order.

    >>> weights_sha256([np.zeros(2)]) == weights_sha256([np.zeros(2)])
    True
    """
    found = hashlib.sha256()
    for array in weights:
        values = np.ascontiguousarray(array)
        found.update(f"{values.shape}{values.dtype.str}".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of what the numbers depend on."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def facts_of_preset(preset: Preset, name: str) -> dict[str, Any]:
    """Return which files a run began with."""
    files = {file.name: file.sha256 for file in preset.files}
    return {"given": name, "name": preset.name, "licence": preset.licence, "files": files}


def record_file(path: Path) -> Path:
    """Return the run.json of a folder, or the file itself."""
    return path / "run.json" if path.is_dir() else path


def read_record(path: Path) -> dict[str, Any]:
    """Read a run.json.

    Args:
        path: The file, or the folder that it is in.

    Returns:
        What it says.

    Raises:
        FormatError: It is missing, or no such file.
    """
    file = record_file(path)
    try:
        record: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if record["format"] != FORMAT:
            raise FormatError(
                f"[finetune] {file} has the format {record['format']}; this version reads {FORMAT}"
            )
        for key in ("choices", "preset", "data", "steps", "weights_sha256"):
            record[key]
    except FileNotFoundError:
        raise FormatError(
            f"[finetune] there is no {file}; give the run.json of a finished run"
        ) from None
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise FormatError(
            f"[finetune] {file} is no run.json: {type(error).__name__} {error}"
        ) from None
    return record
