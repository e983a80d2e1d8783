"""`penstock run`: call a saved model with files, images and values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import ops
from penstock.commands._models import console, function_of, read
from penstock.errors import InvalidValueError

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.saved import GraphFunction, TensorSpec

_IN_ORDER: Final = 8  # a row of so few numbers is no list of classes: boxes, for instance
_ROWS: Final = 10  # how many of them are printed
IMAGES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def run(
    path: Path,
    words: list[str],
    function: str | None,
    output: Path | None,
    top: int,
    pixels: tuple[float, float] | None,
) -> None:
    """Call a function of a model and print what comes out.

    Args:
        path: The model.
        words: Inputs: "name=value", or only a value if the function takes one.
        function: Which one; by default the first.
        output: Where to write the results: .npz, .npy for a single one, or .json.
        top: How many of the largest numbers to print.
        pixels: What black and white of images become, for inputs of floats.

    Raises:
        InvalidValueError: An input is missing, or cannot be understood.
        PenstockError: The model cannot be loaded, or fails.
    """
    model = read(path)
    chosen = function_of(model, function)
    given = _inputs(chosen, words, pixels or _pixels_of(model.metadata))
    with console.status(f"running {chosen.name}"):
        results = chosen.run(chosen.bind(**given))
    labels = _labels_of(model.metadata)
    for spec, t in zip(chosen.outputs.values(), results, strict=True):
        console.print(f"{spec.name}: {t.dtype.name}{list(t.shape)}", markup=False)
        for line in _lines(t, labels, top):
            console.print(f"  {line}", markup=False)
    if output is not None:
        _write(output, dict(zip(chosen.outputs, results, strict=True)))


def _labels_of(metadata: dict[str, Any]) -> list[Any] | None:
    """Find the names of classes: a list, or the only one of several files of labels."""
    found = metadata.get("labels")
    if isinstance(found, dict) and len(found) == 1:
        found = next(iter(found.values()))
    return found if isinstance(found, list) else None


def _pixels_of(metadata: dict[str, Any]) -> tuple[float, float]:
    told = metadata.get("pixels")
    return (
        (float(told[0]), float(told[1]))
        if isinstance(told, list) and len(told) == 2
        else (0.0, 1.0)
    )


def _inputs(
    function: GraphFunction, words: list[str], pixels: tuple[float, float]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if (not sign or name not in function.inputs) and len(function.inputs) == 1:
            name, value = next(iter(function.inputs)), word
        if name not in function.inputs:
            raise InvalidValueError(
                f"--input {word}: {function.name} takes {', '.join(function.inputs) or 'nothing'}; write name=value"
            )
        found[name] = _value(function.inputs[name], value, pixels)
    missing = [str(spec) for name, spec in function.inputs.items() if name not in found]
    if missing:
        raise InvalidValueError(
            f"{function.name} also takes {', '.join(missing)}; give a .npy file, an image or a value: "
            f"--input {missing[0].split(':')[0]}=file.npy"
        )
    return found


def _value(spec: TensorSpec, text: str, pixels: tuple[float, float]) -> Tensor:
    """Read one input: a file of an array or image, or a value as JSON has it, or text."""
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _fitting(spec, ops.asarray(_loaded(path)))
    if suffix in IMAGES and spec.dtype != "string":
        return _image(spec, path, pixels)
    if suffix in IMAGES and path.is_file():
        return _fitting(spec, ops.asarray(path.read_bytes()))
    try:
        value = json.loads(text)
    except ValueError:
        if spec.dtype != "string":
            raise InvalidValueError(
                f"--input {text}: {spec} takes numbers, as in [1, 2.5], a .npy file, or an image"
            ) from None
        value = text
    return _fitting(spec, ops.asarray(value, dtype=spec.dtype))


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidValueError(
            f"--input {path} cannot be read: {error}; write it with numpy.save"
        ) from None


def _fitting(spec: TensorSpec, t: Tensor) -> Tensor:
    """Add the axes in front that a single example lacks."""
    while t.ndim < len(spec.shape) and spec.shape[len(spec.shape) - t.ndim - 1] in (
        1,
        *_names(spec),
    ):
        t = ops.expand_dims(t, 0)
    return t


def _names(spec: TensorSpec) -> list[str]:
    return [size for size in spec.shape if isinstance(size, str)]


def _image(spec: TensorSpec, path: Path, pixels: tuple[float, float]) -> Tensor:
    """Read an image as an input of pixels takes it: with the channels last or first, perhaps with a batch in front."""
    from penstock import image

    if len(spec.shape) not in (3, 4):
        raise InvalidValueError(f"--input {path}: {spec} is no image; give a .npy file")
    if not path.is_file():
        name = str(spec).split(":")[0]
        raise InvalidValueError(f"--input {path}: there is no such file; write {name}=image.jpg")
    height, width, channels = spec.shape[-3:]
    first = height in (1, 3) and isinstance(channels, int) and channels > 4
    if first:
        channels, height, width = spec.shape[-3:]
    found = image.decode_image(
        path.read_bytes(), channels=channels if isinstance(channels, int) else 3
    )
    if isinstance(height, int) and isinstance(width, int):
        found = image.resize(found, (height, width))
    if spec.dtype.kind == "float":
        black, white = pixels
        found = ops.cast(found, "float32") * ((white - black) / 255.0) + black
    else:
        found = ops.clip(ops.round(ops.cast(found, "float32")), 0, 255)
    if first:
        found = ops.transpose(found, (2, 0, 1))
    return _fitting(spec, ops.cast(found, spec.dtype))


def _lines(t: Tensor, labels: list[Any] | None, top: int) -> list[str]:
    """Describe a result: all of a few values, else the largest of each row."""
    named = labels is not None and t.ndim > 0 and t.shape[-1] == len(labels)
    few = int(t.size) <= 4 and not named
    if few or t.ndim == 0 or t.dtype.kind not in ("float", "signed", "unsigned"):
        return [str(t.tolist())[:500]]
    rows = np.asarray(t.numpy()).reshape(-1, t.shape[-1])
    if not named and rows.shape[-1] <= _IN_ORDER:
        lines = [", ".join(f"{value:.6g}" for value in row) for row in rows[:_ROWS]]
        return lines + ([f"and {len(rows) - _ROWS} more rows"] if len(rows) > _ROWS else [])
    lines = []
    for i, row in enumerate(rows[:4]):
        order = np.argsort(-row.astype(np.float64), kind="stable")[:top]
        if len(rows) > 1:
            lines.append(f"row {i}")
        for place in order:
            name = f"  {labels[place]}" if named and labels is not None else ""
            lines.append(f"{row[place]:12.6g}  [{place}]{name}")
    if len(rows) > 4:
        lines.append(f"and {len(rows) - 4} more rows")
    return lines


def _write(path: Path, results: dict[str, Tensor]) -> None:
    arrays: dict[str, Any] = {name: np.asarray(t.numpy()) for name, t in results.items()}
    if path.suffix == ".json":
        path.write_text(
            json.dumps({name: _plain(t.tolist()) for name, t in results.items()}) + "\n"
        )
    elif path.suffix == ".npy" and len(arrays) == 1:
        np.save(path, next(iter(arrays.values())))
    elif path.suffix == ".npz":
        np.savez(path, **{name.replace("/", "."): array for name, array in arrays.items()})
    else:
        raise InvalidValueError(
            f"--output {path}: results are written to .npz or .json files, a single one to .npy; choose such a name"
        )
    console.print(f"wrote {path}", markup=False)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
