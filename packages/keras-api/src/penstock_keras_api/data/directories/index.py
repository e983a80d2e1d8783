"""The files of a folder, and their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError

_SUBSETS = ("training", "validation", "both")


@dataclass
class Files:
    """Files, their labels, and what the labels are called."""

    paths: list[str]
    labels: list[int] | None
    class_names: list[str] | None

    def part(self, begin: int, end: int) -> Files:
        """Take files in a row."""
        labels = None if self.labels is None else self.labels[begin:end]
        return Files(self.paths[begin:end], labels, self.class_names)


def index(
    where: str,
    directory: str | os.PathLike[str],
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    extensions: tuple[str, ...],
    shuffle: bool,
    seed: int | None,
    follow_links: bool,
    verbose: bool,
) -> Files:
    """List the files of a folder.

    Args:
        where: What to call it in errors.
        directory: The folder.
        labels: "inferred" for a folder for each class, None for no labels, or a list with one for each file.
        label_mode: "int", "binary", "categorical" or None.
        class_names: The folders, in the order of the labels.
        extensions: How the names of files end.
        shuffle: Whether to shuffle them.
        seed: Where the order comes from.
        follow_links: Whether links to folders are followed.
        verbose: Whether to say how many files there are.

    Raises:
        InvalidValueError: Arguments do not fit together, or the folder holds no such files.
    """
    _check(where, directory, labels, label_mode, class_names)
    root = Path(directory)
    if labels == "inferred" and label_mode is None:
        labels = None
    if isinstance(labels, str):
        found = _inferred(where, root, class_names, extensions, follow_links)
    else:
        paths = _below(root, extensions, follow_links)
        found = Files(paths, None, None)
        if labels is not None:
            found.labels = [int(label) for label in labels]
            found.class_names = [str(label) for label in sorted(set(labels))]
            if len(paths) != len(found.labels):
                raise InvalidValueError(
                    f"[{where}] got {len(found.labels)} labels for {len(paths)} files of {root}; give one for each, in the "
                    "order of the files' names"
                )
    if not found.paths:
        raise InvalidValueError(
            f"[{where}] {root} holds no files that end with {', '.join(extensions)}; is it the right folder?"
        )
    if label_mode == "binary" and found.class_names is not None and len(found.class_names) != 2:
        raise InvalidValueError(
            f"[{where}] got label_mode='binary' for the {len(found.class_names)} classes {found.class_names}; there must be "
            "two: use 'int' or 'categorical'"
        )
    if verbose:
        classes = "" if labels is None else f" belonging to {len(found.class_names or [])} classes"
        print(f"Found {len(found.paths)} files{classes}.")  # noqa: T201 - as in Keras
    return _shuffled(found, seed) if shuffle else found


def _check(where: str, directory: Any, labels: Any, label_mode: Any, class_names: Any) -> None:
    if label_mode not in ("int", "binary", "categorical", None):
        raise InvalidValueError(
            f"[{where}] got label_mode={label_mode!r}; use 'int', 'binary', 'categorical' or None"
        )
    if isinstance(labels, str) and labels != "inferred":
        raise InvalidValueError(
            f"[{where}] got labels={labels!r}; use 'inferred', None, or a list with one for each file"
        )
    if class_names is not None and not isinstance(labels, str):
        raise InvalidValueError(
            f"[{where}] got class_names, which name folders, with labels={type(labels).__name__}; use labels='inferred'"
        )
    if not Path(directory).is_dir():
        raise InvalidValueError(
            f"[{where}] {directory} is no folder; give one, with a folder for each class in it"
        )


def _inferred(
    where: str,
    root: Path,
    class_names: Sequence[str] | None,
    extensions: tuple[str, ...],
    follow_links: bool,
) -> Files:
    folders = sorted(p.name for p in root.iterdir() if p.is_dir())
    names = folders if class_names is None else list(class_names)
    if set(names) != set(folders):
        raise InvalidValueError(
            f"[{where}] got class_names={names}, and {root} has the folders {folders}; name them all"
        )
    found = Files([], [], names)
    assert found.labels is not None
    for label, name in enumerate(names):
        paths = _below(root / name, extensions, follow_links)
        found.paths += paths
        found.labels += [label] * len(paths)
    return found


def _below(root: Path, extensions: tuple[str, ...], follow_links: bool) -> list[str]:
    """List the files below a folder: by folders, and by names in each."""
    found = []
    for folder, _, files in sorted(os.walk(root, followlinks=follow_links)):
        found += [
            str(Path(folder, name)) for name in sorted(files) if name.lower().endswith(extensions)
        ]
    return found


def _shuffled(files: Files, seed: int | None) -> Files:
    """Shuffle files and labels, in the order that Keras has for a seed."""
    order = np.arange(len(files.paths))
    np.random.RandomState(seed).shuffle(order)
    labels = None if files.labels is None else [files.labels[i] for i in order]
    return Files([files.paths[i] for i in order], labels, files.class_names)


def chosen_seed(
    where: str, shuffle: bool, seed: int | None, validation_split: float | None, subset: str | None
) -> int | None:
    """Check what says how files are split, and choose a seed if none is given.

    Raises:
        InvalidValueError: A split has no subset, or the other way round, or parts would overlap.
    """
    if validation_split is not None and not 0 < validation_split < 1:
        raise InvalidValueError(
            f"[{where}] got validation_split={validation_split}; use a number between 0 and 1"
        )
    if (validation_split is None) != (subset is None):
        raise InvalidValueError(
            f"[{where}] got validation_split={validation_split} and subset={subset!r}; give both or none"
        )
    if subset is not None and subset not in _SUBSETS:
        raise InvalidValueError(
            f"[{where}] got subset={subset!r}; use 'training', 'validation' or 'both'"
        )
    if validation_split and shuffle and seed is None:
        raise InvalidValueError(
            f"[{where}] got validation_split with shuffle=True and no seed, so that the parts of two calls would overlap; "
            "give a seed, or shuffle=False"
        )
    if shuffle and seed is None:
        return int(np.random.randint(10**6))  # noqa: NPY002 - set_random_seed sets it
    return seed


def parts(
    files: Files, validation_split: float | None, subset: str | None, verbose: bool
) -> list[Files]:
    """Split files: the last ones are for validation.

    Returns:
        The part that was asked for, or both.
    """
    if validation_split is None:
        return [files]
    count = int(validation_split * len(files.paths))
    at = len(files.paths) - count
    both = {"training": files.part(0, at), "validation": files.part(at, len(files.paths))}
    wanted = ["training", "validation"] if subset == "both" else [str(subset)]
    for name in wanted:
        if not both[name].paths:
            raise InvalidValueError(
                f"[{name}] validation_split={validation_split} of {len(files.paths)} files leaves no file for {name}; use "
                "another number"
            )
        if verbose:
            print(f"Using {len(both[name].paths)} files for {name}.")  # noqa: T201 - as in Keras
    return [both[name] for name in wanted]


def label_array(files: Files, label_mode: str | None) -> Any:
    """Return labels as `label_mode` has them; None if there are none."""
    if files.labels is None or label_mode is None:
        return None
    labels = np.asarray(files.labels, np.int32)
    if label_mode == "binary":
        return labels.astype(np.float32)[:, None]
    if label_mode == "categorical":
        return np.eye(len(files.class_names or []), dtype=np.float32)[labels]
    return labels
