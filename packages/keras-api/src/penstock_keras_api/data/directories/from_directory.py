"""`image_dataset_from_directory`, `text_dataset_from_directory`, `audio_dataset_from_directory`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.data.dataset import Dataset
from penstock_keras_api.data.directories.index import (
    Files,
    chosen_seed,
    index,
    label_array,
    parts,
)
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.options import AUTOTUNE
from penstock_keras_api.data.sources import audio, images


def _made(
    files: list[Files],
    subset: str | None,
    label_mode: str | None,
    load: Callable[[str], Any],
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    batch: Callable[[Dataset], Dataset] | None = None,
) -> Any:
    """Make a dataset of each part of files."""
    found = []
    for number, part in enumerate(files):
        labels = label_array(part, label_mode)
        paths = np.asarray(part.paths, object)
        data = Dataset.from_tensor_slices(paths if labels is None else (paths, labels))
        if shuffle and not (subset == "both" and number):
            # Names are shuffled, not pixels: all of them at once.
            data = data.shuffle(len(part.paths), seed=seed)
        data = data.map(_loaded(load), num_parallel_calls=AUTOTUNE, compiled=False)
        if batch_size is not None:
            data = data.batch(batch_size) if batch is None else batch(data)
        data = data.prefetch(AUTOTUNE)
        found.append(FilesDataset(data._node, part))
    return tuple(found) if subset == "both" else found[0]


def _loaded(load: Callable[[str], Any]) -> Callable[..., Any]:
    def call(path: Any, *labels: Any) -> Any:
        made = load(os.fsdecode(path.item()))
        return (made, *labels) if labels else made

    return call


class FilesDataset(Dataset):
    """A dataset of files.

    Args:
        node: What makes the elements.
        files: The files.
    """

    def __init__(self, node: Node, files: Files) -> None:
        super().__init__(node)
        self.file_paths = files.paths
        self.class_names = files.class_names


def _no_format(where: str, format: str) -> None:
    if format not in ("tf", "grain"):
        raise InvalidValueError(f"[{where}] got format={format!r}; leave it out")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Make a dataset of the images of a folder: JPEG, PNG, BMP and GIF.

    Args:
        directory: A folder, in which every class has a folder.
        labels: "inferred" of the folders, None for none, or a list with one for each file in the order of names.
        label_mode: "int" (int32), "binary" (float32 0 or 1), "categorical" (one-hot float32), or None for none.
        class_names: The folders, in the order of the labels; None takes the order of names.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: How many images a batch has; None for no batches.
        image_size: Height and width.
        shuffle: Whether every epoch has another order; otherwise that of names.
        seed: Where the orders, and the split, come from.
        validation_split: Which part of the files, the last ones, is for validation.
        subset: "training", "validation" or "both".
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic".
        follow_links: Whether links to folders are followed.
        crop_to_aspect_ratio: Whether to cut off what has another aspect ratio, instead of distorting it.
        pad_to_aspect_ratio: Whether to pad with black instead.
        data_format: "channels_last" or "channels_first"; None as Keras is configured.
        format: Kept for compatibility.
        verbose: Whether to say how many files there are.

    Returns:
        A dataset of images [batch, height, width, channels], float32 from 0 to 255, or pairs of them and labels. It has
        `class_names` and `file_paths`. For subset="both" two of them.

    Raises:
        InvalidValueError: Arguments do not fit together, or the folder holds no images.
        FormatError: A file cannot be read; told when its turn comes. Use `ignore_errors` before batching.
        ImportError: Pillow is not installed.
    """
    where = "image_dataset_from_directory"
    _no_format(where, format)
    seed = chosen_seed(where, shuffle, seed, validation_split, subset)
    size = tuple(int(n) for n in image_size) if isinstance(image_size, list | tuple) else ()
    if len(size) != 2 or min(size) < 1:
        raise InvalidValueError(
            f"[{where}] got image_size={image_size!r}; give height and width, as (256, 256)"
        )
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise InvalidValueError(
            f"[{where}] got data_format={data_format!r}; use 'channels_last' or 'channels_first'"
        )
    load = images.ImageLoader(
        (size[0], size[1]), color_mode, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio,
        data_format == "channels_first",
    )  # fmt: skip
    found = index(
        where, directory, labels, label_mode, class_names, images.EXTENSIONS, shuffle, seed,
        follow_links, verbose,
    )  # fmt: skip
    files = parts(found, validation_split, subset, verbose)
    return _made(files, subset, label_mode, load, batch_size, shuffle, seed)


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Make a dataset of the texts of a folder: files that end with .txt.

    Args:
        directory: A folder, in which every class has a folder.
        labels: As in `image_dataset_from_directory`.
        label_mode: As there.
        class_names: As there.
        batch_size: How many texts a batch has; None for no batches.
        max_length: After how many bytes a text is cut off; None for no limit.
        shuffle: As there.
        seed: As there.
        validation_split: As there.
        subset: As there.
        follow_links: As there.
        format: Kept for compatibility.
        verbose: As there.

    Returns:
        A dataset of strings [batch], or pairs of them and labels, with `class_names` and `file_paths`.

    Raises:
        InvalidValueError: Arguments do not fit together, or the folder holds no texts.
    """
    where = "text_dataset_from_directory"
    _no_format(where, format)
    seed = chosen_seed(where, shuffle, seed, validation_split, subset)
    found = index(
        where, directory, labels, label_mode, class_names, (".txt",), shuffle, seed,
        follow_links, verbose,
    )  # fmt: skip

    def load(path: str) -> bytes:
        return Path(path).read_bytes()[:max_length]

    files = parts(found, validation_split, subset, verbose)
    return _made(files, subset, label_mode, load, batch_size, shuffle, seed)


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Make a dataset of the sounds of a folder: files that end with .wav.

    Args:
        directory: A folder, in which every class has a folder.
        labels: As in `image_dataset_from_directory`.
        label_mode: As there.
        class_names: As there.
        batch_size: How many sounds a batch has; None for no batches.
        sampling_rate: How many samples a second has afterwards; None as in the file.
        output_sequence_length: How many samples each sound has: longer ones are cut off, shorter ones filled up. None
            fills up to the longest of each batch.
        ragged: Whether batches are ragged instead of filled up.
        shuffle: As there.
        seed: As there.
        validation_split: As there.
        subset: As there.
        follow_links: As there.
        verbose: As there.

    Returns:
        A dataset of sounds [batch, samples, 1], float32 from -1 to 1, or pairs of them and labels, with `class_names` and
        `file_paths`.

    Raises:
        InvalidValueError: Arguments do not fit together, or the folder holds no sounds.
        FormatError: A file cannot be read; told when its turn comes.
    """
    where = "audio_dataset_from_directory"
    if ragged and output_sequence_length is not None:
        raise InvalidValueError(
            f"[{where}] got ragged=True and output_sequence_length={output_sequence_length}; use one of them"
        )
    for name, value in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        if value is not None and value <= 0:
            raise InvalidValueError(f"[{where}] got {name}={value!r}; use a whole number above 0")
    seed = chosen_seed(where, shuffle, seed, validation_split, subset)
    load = audio.AudioLoader(sampling_rate, output_sequence_length)
    found = index(
        where, directory, labels, label_mode, class_names, audio.EXTENSIONS, shuffle, seed,
        follow_links, verbose,
    )  # fmt: skip

    def batch(data: Dataset) -> Dataset:
        assert batch_size is not None
        if ragged:
            return data.ragged_batch(batch_size)
        if output_sequence_length is not None:
            return data.batch(batch_size)
        return data.padded_batch(batch_size)

    files = parts(found, validation_split, subset, verbose)
    return _made(files, subset, label_mode, load, batch_size, shuffle, seed, batch)
