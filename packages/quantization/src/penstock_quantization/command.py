"""`penstock quantize`: a model file in, a quantised model out, a report on the screen."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

import penstock as ps
from penstock import image
from penstock.errors import InvalidValueError
from penstock.saved import GraphFunction
from penstock_quantization.quantizing import QuantizationWarning, quantize
from penstock_quantization.report import Report, shortened

IMAGES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
console: Final = Console(highlight=False)


def quantize_model(
    model: Annotated[Path, typer.Argument(help="A saved folder, or a file of another format.")],
    target: Annotated[Path, typer.Argument(help="Where to write; without a suffix a folder.")],
    data: Annotated[
        Path,
        typer.Option(help="Real examples: .npy, .npz (inputs by name, and labels), or a folder."),
    ],
    method: Annotated[
        str, typer.Option(help="static, dynamic, weight_only or bfloat16.")
    ] = "static",
    bits: Annotated[int, typer.Option(help="Of the weights: 8 or 4.")] = 8,
    calibration: Annotated[str, typer.Option(help="min_max, percentile or mse.")] = "min_max",
    max_drop: Annotated[
        float | None, typer.Option(help="Keep layers in float until the metric drops no more.")
    ] = None,
    slower: Annotated[
        str, typer.Option(help="If it is slower here: warn, refuse or ignore.")
    ] = "warn",
    keep_float: Annotated[
        list[str] | None, typer.Option(help="A layer to leave alone; repeat it.")
    ] = None,
    pixels: Annotated[
        tuple[float, float], typer.Option(help="What black and white of images become.")
    ] = (0.0, 1.0),
    plot: Annotated[Path | None, typer.Option(help="Draw the report into .png or .svg.")] = None,
) -> None:
    """Make a model small and fast with integers, and measure what that costs."""
    loaded = ps.load(model)
    examples, labels = read_examples(loaded.default, data, pixels)
    with _bar() as bar, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", QuantizationWarning)
        result = quantize(
            loaded,
            examples,
            method=method,
            bits=bits,
            calibration=calibration,
            max_drop=max_drop,
            slower=slower,
            keep_float=tuple(keep_float or ()),
            labels=labels,
            progress=_Shown(bar),
        )
    ps.save(result.model, target)
    console.print(table_of(result.report))
    for line in result.report.summary():
        console.print(line, markup=False)
    for warning in caught:
        console.print(f"warning: {warning.message}", markup=False, style="yellow")
    if plot is not None:
        result.report.plot(plot)
    console.print(f"wrote {target}", markup=False)


def read_examples(
    function: GraphFunction, path: Path, pixels: tuple[float, float]
) -> tuple[Any, Any]:
    """Read examples for calibration.

    Args:
        function: What they are for.
        path: A .npy file of the only input; a .npz file of inputs by name, in which "labels" are the right classes; or
            a folder of images.
        pixels: What black and white of images become.

    Returns:
        The examples as `quantize` takes them, and the labels or None.

    Raises:
        InvalidValueError: There is no such file, or it holds something else.
    """
    if path.is_dir():
        return _images(function, path, pixels), None
    if path.suffix not in (".npy", ".npz") or not path.is_file():
        raise InvalidValueError(
            f"--data {path}: expected a .npy or .npz file, or a folder of images"
        )
    try:
        found = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return found, None
        arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError) as error:
        raise InvalidValueError(f"--data {path}: {error}; write it with numpy.savez") from error
    return arrays, arrays.pop("labels", None)


def _images(function: GraphFunction, folder: Path, pixels: tuple[float, float]) -> Any:
    spec = next(iter(function.inputs.values()))
    sizes = spec.shape[1:]
    if len(function.inputs) != 1 or len(sizes) != 3 or not all(isinstance(n, int) for n in sizes):
        raise InvalidValueError(
            f"--data {folder}: {function} does not take images of one size; give a .npz file"
        )
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGES)
    if not files:
        raise InvalidValueError(f"--data {folder}: there are no images in it")
    return np.stack([_image(path, sizes, spec.dtype.name, pixels) for path in files])


def _image(path: Path, sizes: Any, dtype: str, pixels: tuple[float, float]) -> Any:
    found = image.decode_image(path.read_bytes(), channels=int(sizes[2]))
    found = ps.cast(image.resize(found, (int(sizes[0]), int(sizes[1]))), "float32")
    if dtype == "uint8":
        return np.asarray(ps.cast(ps.clip(ps.round(found), 0, 255), "uint8"))
    black, white = pixels
    return np.asarray(found * ((white - black) / 255.0) + black)


def table_of(report: Report) -> Table:
    """Make a table for the terminal."""
    head, *body = report.rows()
    table = Table(*head)
    for name, *others in body:
        table.add_row(shortened(name, 32), *others)
    return table


class _Shown:
    """Shows progress as a bar for each kind of work."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._tasks = bar, dict[str, Any]()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done, total=total)


def _bar() -> Bar:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Bar(*columns, console=console, transient=True)
