"""Golden pairs: inputs with the outputs that a saved function had, which loading compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import _native
from penstock._native import Tensor
from penstock.errors import CancelledError, FormatError, InvalidValueError
from penstock.saved._tensors import TensorReader, TensorWriter

if TYPE_CHECKING:
    from penstock.saved.model import GraphFunction, GraphModel

# How far another kernel may be off, against the largest number of a tensor.
_TOLERANCE: Final = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-3, "complex64": 1e-3}
_FINE: Final = 1e-8
_SECONDS: Final = 100.0
"""A golden pair that takes longer is refused: a file may hold a loop without an end."""


def cases_of(model: GraphModel, golden: Any) -> list[tuple[GraphFunction, list[Tensor]]]:
    """Find the calls that `golden` of `penstock.save` stands for.

    Args:
        model: The model.
        golden: The arguments of one call of the first function, a tuple or a dictionary; a list of such, for several
            calls; or such by function.

    Returns:
        Functions with tensors for their inputs.

    Raises:
        InvalidValueError: It is something else.
        PenstockError: The arguments do not fit.
    """
    if golden is None:
        return []
    if isinstance(golden, Mapping) and golden and set(golden) <= set(model.functions):
        pairs = [(model.functions[name], given) for name, given in golden.items()]
    else:
        pairs = [(model.default, golden)]
    return [
        (function, _bound(function, call))
        for function, given in pairs
        for call in (given if isinstance(given, list) else [given])
    ]


def _bound(function: GraphFunction, given: Any) -> list[Tensor]:
    if isinstance(given, Mapping):
        return function.bind(**given)
    if isinstance(given, tuple):
        return function.bind(*given)
    if hasattr(given, "__array__"):
        return function.bind(given)
    raise InvalidValueError(
        f"[save] golden has {type(given).__name__} for {function}; give the arguments of a call: a tuple, or a dictionary "
        "by name"
    )


def write(
    cases: Sequence[tuple[GraphFunction, list[Tensor]]],
    variables: Sequence[Any],
    tensors: TensorWriter,
) -> list[dict[str, Any]]:
    """Run functions, and describe what went in and came out.

    Args:
        cases: Functions and inputs.
        variables: Those of the model, which stay as they are.
        tensors: Where the tensors go.

    Returns:
        The entries of graph.json.

    Raises:
        Exception: What a function raises.
    """
    entries = []
    for number, (function, inputs) in enumerate(cases):
        random = _native.random_state()
        outputs = _run(function, inputs, variables, random)
        sides: dict[str, Any] = {}
        for side, specs, values in (
            ("inputs", function.inputs, inputs),
            ("outputs", function.outputs, outputs),
        ):
            sides[side] = {
                name: tensors.write(t, f"{number}/{function.name}/{side}/{name}", inline=False)
                for name, t in zip(specs, values, strict=True)
            }
        entries.append({"function": function.name, **sides, "random": [str(n) for n in random]})
    return entries


def _run(
    function: GraphFunction,
    inputs: list[Tensor],
    variables: Sequence[Any],
    random: tuple[int, int],
    timeout: float | None = None,
) -> list[Tensor]:
    """Run a function, and put variables and random numbers back."""
    held = [(v, v.read()) for v in variables]
    before = _native.random_state()
    _native.set_random_state(*random)
    try:
        return list(function.plan.run(inputs, timeout))
    finally:
        _native.set_random_state(*before)
        for v, t in held:
            if v.read()._data_pointer() != t._data_pointer():
                v.assign(t)


def check(
    model: GraphModel,
    entries: Any,
    tensors: TensorReader,
    variables: Sequence[Any],
    folder: str,
    seconds: float = _SECONDS,
) -> None:
    """Run the functions of golden pairs again.

    Raises:
        FormatError: An output differs; the message names the first op that computes something else than its reference.
        PenstockError: A function fails.
    """
    for entry in entries:
        function = model.functions[entry["function"]]
        inputs = [tensors.read(entry["inputs"][name]) for name in function.inputs]
        wanted = {name: tensors.read(entry["outputs"][name]) for name in function.outputs}
        random = tuple(int(n) % 2**64 for n in entry.get("random", ("0", "0")))
        try:
            found = _run(function, inputs, variables, (random[0], random[1]), seconds)
        except CancelledError as error:
            raise FormatError(
                f"[load] {folder}: the golden pair of {function.name!r} took more than {seconds:g} seconds; to load it all "
                "the same: penstock.load(folder, check=False)"
            ) from error
        for (name, expected), t in zip(wanted.items(), found, strict=True):
            off = difference(t, expected)
            if off:
                raise FormatError(
                    f"[load] {folder}: the golden pair of {function.name!r} does not hold: output {name!r} {off}. "
                    f"{_culprit(function, inputs, (random[0], random[1]))} To load it all the same: "
                    "penstock.load(folder, check=False)"
                )


def difference(found: Tensor, wanted: Tensor) -> str:
    """Say how a tensor differs from what was expected; empty if it does not."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return (
            f"is {found.dtype.name}{list(found.shape)}, not {wanted.dtype.name}{list(wanted.shape)}"
        )
    if found.dtype.kind not in ("float", "complex"):
        same = found.tolist() == wanted.tolist()
        return "" if same else "has other values"
    a, b = (np.asarray(t.numpy()) for t in (found, wanted))
    with np.errstate(all="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
        scale = float(np.max(np.abs(b[finite]), initial=0))
        off = np.where(finite, np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)), 0)
        strange = ~finite & ~((a == b) | (np.isnan(a) & np.isnan(b)))
    worst = float(np.max(off, initial=0))
    if strange.any():
        return "has NaN or infinity in other places"
    if worst > _TOLERANCE.get(found.dtype.name, _FINE) * max(scale, 1e-30):
        return f"is off by {worst:.3g}, at numbers of {scale:.3g}"
    return ""


def _culprit(function: GraphFunction, inputs: list[Tensor], random: tuple[int, int]) -> str:
    """Find the first op whose kernel computes something else than its reference, for the same inputs."""
    from penstock.saved._bisect import first_difference

    try:
        found = first_difference(function, inputs, random)
    except Exception as error:  # it only explains
        return f"Its ops could not be compared one by one: {error}."
    return found
