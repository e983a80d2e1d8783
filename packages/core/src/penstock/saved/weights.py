"""Tensors out of files of many kinds, and into the variables of a model that you have."""

from __future__ import annotations

import difflib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock import ops, safetensors
from penstock._named_variables import listed, named_variables
from penstock._native import Tensor
from penstock.errors import CheckpointError, FormatError, InvalidTypeError, InvalidValueError
from penstock.ops import asarray
from penstock.saved import formats
from penstock.saved.load import load
from penstock.saved.model import GraphModel
from penstock.state import Variable

Rename = Mapping[str, str] | Iterable[tuple[str, str]] | Callable[[str], str | None]
"""New names: by name, by regular expressions and what to put in, or by a function that leaves out with None."""

Convert = Mapping[str, Callable[[Tensor], Any]]
"""What becomes of tensors, by regular expressions that match their whole names in the file."""

_SHOWN: Final = 20
_MOST_PACKED: Final = 1100


@dataclass(frozen=True)
class WeightsReport:
    """What a file gave, and what did not fit; `str` of it says so in words.

    Args:
        loaded: Variables that have a tensor of the file now.
        missing: Variables that the file has nothing for.
        extra: Tensors of the file that no variable took.
        different: Names, with what the file has and what the variable is.
    """

    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    different: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything fitted."""
        return not (self.missing or self.extra or self.different)

    def __str__(self) -> str:
        lines = [f"loaded {len(self.loaded)}"]
        for what, names in (
            ("missing in the file", self.missing),
            ("only in the file", self.extra),
            ("different", self.different),
        ):
            if names:
                lines.append(f"{what}: {listed(names, _SHOWN)}")
        return "\n".join(lines)


def read_tensors(
    path: str | os.PathLike[str], *, format: str | None = None, **options: Any
) -> dict[str, Tensor]:
    """Read the tensors of a file, without the model around them.

    Args:
        path: A `.safetensors` or `.npz` file, a saved folder, or a file of any format that a plugin reads: weights of
            Keras, checkpoints of TensorFlow, models of ONNX.
        format: The format, if the path does not say.
        options: For the format.

    Returns:
        Tensors by the names that they have in the file.

    Raises:
        FormatError: The file is damaged, or no installed plugin can read it.
        OSError: It cannot be read.

    >>> import penstock as ps, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> ps.safetensors.save_file({"w": ps.ones((2, 3))}, path)
    >>> read_tensors(path)["w"].shape
    (2, 3)
    """
    source = Path(path)
    if format is None and source.suffix.lower() == ".safetensors":
        return safetensors.load_file(source)
    if format is None and source.suffix.lower() == ".npz":
        return _of_npz(source)
    name = format or formats.format_name(source)
    row = next((row for row in formats.known_formats() if row.name == name), None)
    if row is not None and row.tensors:
        reader = formats.find_format(name).read
        assert reader is not None  # find_format made sure
        found: dict[str, Tensor] = reader(source, weights_only=True, **options)
        return found
    model = load(source, format=name, **options)
    return {title: variable.value for title, variable in model.variables.items()}


def load_weights(
    model: Any,
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    rename: Rename | None = None,
    convert: Convert | None = None,
    strict: bool = True,
    cast: bool = False,
) -> WeightsReport:
    """Put the tensors of a file into the variables of a model.

    Args:
        model: A `GraphModel`, variables by name, or any object whose attributes lead to variables.
        source: What `read_tensors` reads, or tensors and arrays by name.
        rename: From names in the file to names of variables: a dictionary; pairs of a regular expression and what to
            put in, all of which are tried in order; or a function, which may return None to leave a tensor out.
        convert: By regular expressions that match whole names in the file, what to do to a tensor first:
            `{r".*kernel": penstock.matrix_transpose}`.
        strict: Change nothing and raise unless names, shapes and dtypes agree. Otherwise what fits is loaded.
        cast: Convert tensors to their variables' dtypes.

    Returns:
        What was loaded, and what did not fit.

    Raises:
        CheckpointError: If strict, something does not fit; all of it is listed.
        FormatError: The file is damaged, or no installed plugin can read it.
        InvalidValueError: Two tensors get one name, or an expression is none.
        InvalidTypeError: `rename` is of another kind, or the model has no variables.
        OSError: The file cannot be read.

    >>> import penstock as ps
    >>> layer = {"kernel": ps.Variable(ps.zeros((2, 3))), "bias": ps.Variable(ps.zeros(3))}
    >>> theirs = {"fc.weight": ps.ones((3, 2)), "fc.bias": ps.ones(3)}
    >>> report = load_weights(
    ...     layer,
    ...     theirs,
    ...     rename={"fc.weight": "kernel", "fc.bias": "bias"},
    ...     convert={r".*weight": ps.matrix_transpose},
    ... )
    >>> report.loaded
    ('kernel', 'bias')
    """
    variables = _variables(model)
    if isinstance(source, Mapping):
        tensors = {name: asarray(value) for name, value in source.items()}
    else:
        tensors = read_tensors(source)
    given = _renamed(_converted(tensors, convert or {}), rename)
    fitting: dict[str, Tensor] = {}
    different = []
    for name, variable in variables.items():
        if name not in given:
            continue
        t = given[name]
        t = ops.cast(t, variable.dtype) if cast and t.dtype != variable.dtype else t
        if t.shape == variable.shape and t.dtype == variable.dtype:
            fitting[name] = t
        else:
            different.append(f"{name} is {_facts(t)}, the variable {_facts(variable)}")
    report = WeightsReport(
        tuple(fitting),
        tuple(name for name in variables if name not in given),
        tuple(name for name in given if name not in variables),
        tuple(different),
    )
    if strict and not report.complete:
        raise CheckpointError(_explain(report))
    for name, t in fitting.items():
        variables[name].assign(t)
    return report


def _variables(model: Any) -> dict[str, Variable]:
    if isinstance(model, GraphModel):
        return dict(model.variables)
    if isinstance(model, Mapping) and all(isinstance(v, Variable) for v in model.values()):
        return dict(model)
    found = {name.partition("/")[2]: v for name, v in named_variables({"model": model}).items()}
    if not found:
        raise InvalidTypeError(
            f"[load_weights] got a {type(model).__name__} without variables; give a model, or variables by name: "
            "{'kernel': kernel}"
        )
    return found


def _converted(tensors: Mapping[str, Tensor], convert: Convert) -> dict[str, Tensor]:
    rules = [(_expression(pattern), change) for pattern, change in convert.items()]
    made: dict[str, Tensor] = {}
    for name, t in tensors.items():
        for expression, change in rules:
            if expression.fullmatch(name):
                t = asarray(change(t))
        made[name] = t
    return made


def _renamed(tensors: Mapping[str, Tensor], rename: Rename | None) -> dict[str, Tensor]:
    new_name = _renaming(rename)
    made: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for old, t in tensors.items():
        name = new_name(old)
        if name is None:
            continue
        if name in made:
            raise InvalidValueError(
                f"[load_weights] {origin[name]!r} and {old!r} both become {name!r}; give each a name of its own in "
                "rename, or leave one out: rename=lambda name: None if ... else name"
            )
        made[name], origin[name] = t, old
    return made


def _renaming(rename: Rename | None) -> Callable[[str], str | None]:
    if rename is None:
        return lambda name: name
    if callable(rename):
        return rename
    if isinstance(rename, Mapping):
        return lambda name: rename.get(name, name)
    try:
        rules = [(_expression(pattern), new) for pattern, new in rename]
    except (TypeError, ValueError) as e:
        if isinstance(e, InvalidValueError):
            raise
        raise InvalidTypeError(
            f"[load_weights] rename is a {type(rename).__name__}; give a dictionary, a function, or pairs of an "
            r"expression and what to put in: [(r'fc(\d)\.weight', r'dense_\1/kernel')]"
        ) from e

    def substituted(name: str) -> str:
        for expression, new in rules:
            name = expression.sub(new, name)
        return name

    return substituted


def _expression(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as e:
        raise InvalidValueError(
            f"[load_weights] {pattern!r} is no regular expression ({e}); escape its signs: re.escape(...)"
        ) from e


def _explain(report: WeightsReport) -> str:
    """Word why nothing was loaded, with the likeliest way out."""
    advice = []
    pairs = {
        near[0]: name
        for name in report.missing
        if (near := difflib.get_close_matches(name, report.extra, n=1))
    }
    if pairs:
        advice.append(f"if names differ: rename={dict(list(pairs.items())[:_SHOWN])!r}")
    advice.append("to load what fits: strict=False")
    lines = str(report).splitlines()[1:]
    return "\n".join(
        [
            "[load_weights] the tensors do not fit the model, and nothing was changed",
            *lines,
            "; ".join(advice),
        ]
    )


def _facts(x: Tensor | Variable) -> str:
    return f"{x.dtype.name}{list(x.shape)}"


def _of_npz(path: Path) -> dict[str, Tensor]:
    """Read the arrays of NumPy's archives; pickled ones are refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.file_size > max(info.compress_size, 1) * _MOST_PACKED:
                    raise _damaged(path, f"{info.filename!r} claims {info.file_size:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
    except (
        EOFError, LookupError, MemoryError, NotImplementedError, RuntimeError, SyntaxError, TypeError, ValueError,
        zipfile.BadZipFile, zlib.error,
    ) as e:  # fmt: skip
        if isinstance(e, FormatError):
            raise
        raise _damaged(path, str(e)) from e
    wrong = [name for name, array in held.items() if not isinstance(array, np.ndarray)]
    if wrong:
        raise _damaged(path, f"{wrong[0]!r} is none")
    return {name: asarray(array) for name, array in held.items()}


def _damaged(path: Path, why: str) -> FormatError:
    return FormatError(
        f"[read_tensors] {path.name} is no archive of plain arrays ({why}); write it again: "
        "numpy.savez(path, name=array)"
    )
