"""States as a file: nested lists and dictionaries of numbers, text and arrays, written whole or not at all."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import safetensors
from penstock.errors import CheckpointError, FormatError, InvalidTypeError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_state(path: Path, state: dict[str, Any], who: str) -> None:
    """Write a state; the file that was there is replaced at the end, or stays as it is.

    Args:
        path: The file.
        state: None, bool, int, float, str, arrays, and lists, tuples and dictionaries of these.
        who: Who writes, for messages.

    Raises:
        TypeError: The state has something else in it.
        CheckpointError: The file cannot be written.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    text = json.dumps(_encoded(state, arrays, who))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.save_file(arrays, path, {"state": text})
    except OSError as error:
        size = sum(a.nbytes for a in arrays.values()) + len(text)
        remedy = (
            f"free about {size} bytes"
            if error.errno in _FULL
            else "choose a folder that can be written"
        )
        kept = "the previous one is as it was" if path.exists() else "there is none yet"
        raise CheckpointError(
            f"[{who}] could not write {path}: {error.strerror}; {kept}: {remedy}, and start again"
        ) from error


def read_state(path: Path, who: str) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Args:
        path: The file.
        who: Who reads, for messages.

    Returns:
        The state.

    Raises:
        CheckpointError: The file cannot be read, or is no such file.
    """
    try:
        arrays = {name: t.numpy() for name, t in safetensors.load_file(path).items()}
        state: dict[str, Any] = _decoded(
            json.loads(safetensors.load_metadata(path)["state"]), arrays
        )
        return state
    except (OSError, FormatError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"[{who}] could not read {path}: {error}; remove it to begin anew"
        ) from error


def remove_leftovers(path: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _encoded(value: Any, arrays: dict[str, np.ndarray[Any, Any]], who: str) -> Any:
    """Make JSON of a state; arrays are put beside it. What JSON has no word for is {kind: content}."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"number": [value.dtype.name, value.item()]}
    if isinstance(value, np.ndarray | ps.Tensor):
        arrays[str(len(arrays))] = np.asarray(value)
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, dict):
        rows = [[_encoded(k, arrays, who), _encoded(v, arrays, who)] for k, v in value.items()]
        return {"dict": rows}
    if isinstance(value, list | tuple):
        items = [_encoded(item, arrays, who) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise InvalidTypeError(
        f"[{who}] cannot keep {value!r}; states consist of numbers, text, arrays, lists and dictionaries: return these "
        "from get_state"
    )


def _decoded(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_decoded(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "number":
        return np.dtype(content[0]).type(content[1])
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {_decoded(k, arrays): _decoded(v, arrays) for k, v in content}
    if kind == "tuple":
        return tuple(_decoded(item, arrays) for item in content)
    return bytes.fromhex(content)
