"""What a file says about itself: scales, how images are prepared, labels, and the small files packed behind it."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.tflite.flatbuffer import Buffer, Table
from penstock_formats.tflite.model import Model, TensorInfo

_BLOCK = "TFLITE_METADATA"
_NORMALIZATION = 1
_MOST_FILES, _MOST_BYTES = 32, 4 << 20


def describe(model: Model, data: bytes, functions: list[str]) -> dict[str, Any]:
    """Collect a model's metadata.

    Args:
        model: The parsed file.
        data: Its bytes, behind which there may be a zip archive.
        functions: Names of the functions.

    Returns:
        "inputs" and "outputs": for each quantised one its scale and zero point, for each prepared one "mean" and "std";
        "labels": lists by file name; "description", "author", "license" and "version" where they are given.

    Raises:
        FormatError: The metadata or the archive is damaged.
    """
    main = model.subgraphs[model.signatures[0].subgraph if model.signatures else 0]
    names = model.signatures[0] if model.signatures else None
    found: dict[str, Any] = {"format": "tflite", "converter": model.description}
    for kind, numbers in (("inputs", main.inputs), ("outputs", main.outputs)):
        given = getattr(names, kind) if names else {}
        found[kind] = {
            given.get(i) or main.tensors[i].name: _scales(main.tensors[i]) for i in numbers
        }
    if _BLOCK in model.metadata:
        _add_block(found, model.metadata[_BLOCK])
    labels = _texts(data)
    if labels:
        found["labels"] = labels
    found["functions"] = functions
    return found


def _scales(info: TensorInfo) -> dict[str, Any]:
    q = info.quantization
    if q is None or not q.single:
        return {}
    return {"scale": float(q.scale[0]), "zero_point": int(q.zero_point[0])}


def _add_block(found: dict[str, Any], block: bytes) -> None:
    root = Buffer(block, "tflite").root()
    for slot, name in ((0, "name"), (1, "summary"), (2, "version"), (4, "author"), (5, "license")):
        if text := root.text(slot):
            found[name] = text
    for subgraph in root.tables(3)[:1]:
        for slot, kind in ((2, "inputs"), (3, "outputs")):
            for table, entry in zip(subgraph.tables(slot), found[kind].values(), strict=False):
                _add_tensor(entry, table)


def _add_tensor(entry: dict[str, Any], table: Table) -> None:
    if text := table.text(1):
        entry["description"] = text
    for unit in table.tables(4):
        options = unit.table(1)
        if unit.number(0, "B") != _NORMALIZATION or options is None:
            continue
        for slot, name in ((0, "mean"), (1, "std")):
            values = options.numbers(slot, "float32")
            if values is not None and np.isfinite(values).all():
                entry[name] = [float(v) for v in values]
    files = [t.text(0) for t in table.tables(6)]
    if files:
        entry["files"] = files


def _texts(data: bytes) -> dict[str, list[str]]:
    """Read text files that are packed behind the model; names with folders are only keys here, never paths."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if e.filename.lower().endswith(".txt")]
            if len(entries) > _MOST_FILES:
                raise FormatError(
                    f"[tflite] {len(entries)} texts are packed behind the model; expected at most {_MOST_FILES}; the file is "
                    "damaged: get it again"
                )
            return {e.filename: _text(archive, e) for e in entries}
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, ValueError, EOFError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"[tflite] the archive behind the model cannot be read: {error}; expected a zip with labels; get the file again"
        ) from error


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> list[str]:
    with archive.open(entry) as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise FormatError(
            f"[tflite] {entry.filename!r}, packed behind the model, has more than {_MOST_BYTES:,} bytes; expected labels; get "
            "the file again"
        )
    return raw.decode("utf-8", "replace").splitlines()
