"""The arrays of a model by object: taken out of it, and put into it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from penstock.errors import FormatError, PenstockError
from penstock_keras_api.saving.walk import walk

if TYPE_CHECKING:
    from penstock_keras_api.layers.layer import Layer

_SHOWN: Final = 20
_NOT_OF_LAYERS: Final = ("seed_generator", "metrics", "optimizer")
"""Parts of paths of what older versions of Keras wrote, and of what only training needs."""


class Source(Protocol):
    """A file of weights."""

    def arrays(self, path: str) -> Mapping[str, np.ndarray[Any, Any]]:
        """Read what belongs to an object."""

    def paths(self) -> Collection[str]:
        """List the paths of all arrays."""


def taken(root: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Take all arrays out of a model.

    Args:
        root: A model, a layer or an optimizer.

    Returns:
        For each path, an object's name and its arrays.
    """
    found = {}
    for path, item in walk(root):
        store: dict[str, Any] = {}
        item.save_own_variables(store)
        found[path] = (str(item.name), store)
    return found


@dataclass
class _Report:
    """What does not fit, by kind; told in one message."""

    missing: list[str] = field(default_factory=list)
    shaped: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = {"missing in the file": self.missing, "of another shape": self.shaped,
                 "in the file and not in the model": self.extra, "refused by their layer": self.failed}  # fmt: skip
        return "; ".join(
            f"{title}: {', '.join(rows[:_SHOWN])}{f' and {len(rows) - _SHOWN} more' if len(rows) > _SHOWN else ''}"
            for title, rows in kinds.items()
            if rows
        )


def put(
    root: Any,
    source: Source,
    what: str,
    *,
    skip_mismatch: bool = False,
    skipped: Collection[Any] = (),
) -> None:
    """Put the arrays of a file into a model.

    Nothing changes if something does not fit, but for layers that read their arrays in a way of their own.

    Args:
        root: The model.
        source: The file.
        what: What messages call it.
        skip_mismatch: Whether what does not fit is left out, with a warning.
        skipped: Layers to leave out.

    Raises:
        FormatError: Something is missing, extra, or of another shape.
    """
    leave = {id(item) for item in skipped}
    report, jobs, used = _Report(), [], set()
    for path, item in walk(root):
        prefix = f"{path}/vars/".lstrip("/")
        arrays = source.arrays(path)
        used |= {f"{prefix}{key}" for key in arrays}
        if id(item) not in leave and _fits(item, arrays, report):
            jobs.append((item, arrays))
    report.extra = _extra(source, used)
    if str(report) and not skip_mismatch:
        raise _mismatch(what, report)
    for item, arrays in jobs:
        try:
            item.load_own_variables(arrays)
        except (PenstockError, ValueError, TypeError, LookupError, AttributeError) as error:
            report.failed.append(f"{item.name} ({error})")
    if report.failed and not skip_mismatch:
        raise _mismatch(what, report)
    if str(report):
        warnings.warn(f"[load_weights] left out of {what}: {report}", stacklevel=4)


def _mismatch(what: str, report: _Report) -> FormatError:
    return FormatError(
        f"[load_weights] the weights in {what} do not fit the model: {report}; make the model as it was when they were "
        "saved, or load what fits with skip_mismatch=True"
    )


def _fits(item: Any, arrays: Mapping[str, Any], report: _Report) -> bool:
    """Compare an object with its arrays, and note what differs."""
    if not hasattr(item, "_saved_variables"):
        return _optimizer_fits(item, arrays)
    if _reads_itself(item):
        return True
    variables = item._saved_variables()
    good = True
    for number, v in enumerate(variables):
        array = arrays.get(str(number))
        title = f"{v.path} {tuple(v.shape)}"
        if array is None:
            report.missing.append(title)
            good = False
        elif tuple(array.shape) != tuple(v.shape):
            report.shaped.append(f"{v.path} is {tuple(v.shape)}, in the file {tuple(array.shape)}")
            good = False
    extra = [key for key in arrays if not _is_number_below(key, len(variables))]
    report.extra += [f"{item.name}/{key} {tuple(arrays[key].shape)}" for key in extra]
    return good and not extra


def _is_number_below(key: str, count: int) -> bool:
    return key.isdecimal() and int(key) < count


def _reads_itself(item: Layer) -> bool:
    from penstock_keras_api.layers.layer import Layer

    return type(item).load_own_variables is not Layer.load_own_variables


def _optimizer_fits(item: Any, arrays: Mapping[str, Any]) -> bool:
    """Say whether an optimizer's state is there; one that is not is begun anew, as in Keras."""
    mine = item.variables
    if not arrays:
        return False
    if len(arrays) == len(mine) and all(
        str(i) in arrays and tuple(arrays[str(i)].shape) == tuple(v.shape)
        for i, v in enumerate(mine)
    ):
        return True
    if len(arrays) > 2:  # more than the count of steps and the learning rate
        warnings.warn(
            f"[load_model] the optimizer {item.name!r} has {len(mine)} variables and the file {len(arrays)}, or of other "
            "shapes; training begins with a fresh optimizer: compile the model as it was compiled when it was saved",
            stacklevel=5,
        )
    return False


def _extra(source: Source, used: set[str]) -> list[str]:
    return sorted(
        path
        for path in source.paths()
        if path not in used and not any(part in path.split("/") for part in _NOT_OF_LAYERS)
    )


def named(root: Any) -> Iterator[tuple[str, Any]]:
    """Go through what keeps files of its own, such as vocabularies."""
    for path, item in walk(root):
        if hasattr(item, "save_assets") and hasattr(item, "load_assets"):
            yield path, item
