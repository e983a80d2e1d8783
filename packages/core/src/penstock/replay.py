"""Record a step that fails as a bundle, and play it again: on another machine, op by op, under a debugger.

A bundle is a folder with the graph, its inputs, what its variables held and the state of the random numbers, from
before the step.

    step = penstock.replay.record(step, "failed")     # in the program that fails
    penstock replay failed                            # anywhere
"""

from __future__ import annotations

import functools
import json
import operator
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from penstock import _native, passes, safetensors
from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Plan, Tensor
from penstock.debug import debug_nans
from penstock.errors import FormatError, InvalidTypeError, PenstockError
from penstock.function import Function
from penstock.graph import run_graph
from penstock.saved._tensors import TensorReader, TensorWriter, asset_bytes
from penstock.saved.reader import GraphReader, undisturbed
from penstock.saved.writer import GraphWriter
from penstock.state import Variable

_VERSION: Final = 2
_FILES: Final = ("bundle.json", "tensors.safetensors")


@dataclass(frozen=True)
class Bundle:
    """A step, ready to be run again.

    Args:
        graph: As it was traced.
        inputs: A value for each of its inputs.
        variables: With the values from before the step.
        random: Key and counter of the random numbers, from before the step.
        error: What the step raised: class, message and traceback as text.
    """

    graph: Graph
    inputs: list[Tensor]
    variables: list[Variable]
    random: tuple[int, int]
    error: dict[str, str] = field(default_factory=dict)


def record(fn: Function, folder: str | os.PathLike[str]) -> Callable[..., Any]:
    """Write a bundle when a call of a traced function fails.

    Values are not copied, but each call goes through Python, which takes it some 50 microseconds longer.

    Args:
        fn: The function.
        folder: Where to write; the last failure stays.

    Returns:
        A function of the same arguments.

    Raises:
        InvalidTypeError: `fn` is no traced function.

    >>> import penstock as ps, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> log = record(ps.function(lambda x: ps.log(x)), folder)
    >>> with ps.debug_nans():
    ...     log(ps.asarray([-1.0]))
    Traceback (most recent call last):
    penstock.errors.NumericError: [log] produced NaN...
    >>> load(folder).inputs
    [Tensor([-1.], shape=(1,), dtype=float32)]
    """
    if not isinstance(fn, Function):
        raise InvalidTypeError(
            f"[replay.record] got {type(fn).__name__}; give a traced function: penstock.function(fn)"
        )

    @functools.wraps(fn.__wrapped__)
    def call(*args: Any, **kwargs: Any) -> Any:
        trace, inputs = fn._find(args, kwargs)[:2]
        held = [(handle, handle.read()) for handle in _variables(trace.graph)]
        random = _native.random_state()
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            try:
                _write(Path(folder), trace.graph, inputs, held, random, error)
                error.add_note(f"recorded; see: penstock replay {folder}")
            except (PenstockError, OSError) as problem:
                error.add_note(f"the step could not be recorded: {problem}")
            raise

    return call


def _variables(graph: Graph) -> list[Any]:
    """List the native variables that a graph reads or assigns, in its bodies too."""
    found: dict[Any, None] = {}
    for node in _all_nodes(graph):
        value = node.attrs.get("variable") if node.op.endswith("_variable") else None
        if value is not None:
            found.setdefault(getattr(value, "_handle", value))
    return list(found)


def _all_nodes(graph: Graph) -> Iterator[Any]:
    for node in graph.nodes:
        yield node
        for body in inner_graphs(node):
            yield from _all_nodes(body)


def _write(
    folder: Path,
    graph: Graph,
    inputs: Sequence[Tensor],
    held: Sequence[tuple[Any, Tensor]],
    random: tuple[int, int],
    error: BaseException,
) -> None:
    tensors = TensorWriter(_FILES[1])
    names = {handle: f"variables/{i}" for i, (handle, _) in enumerate(held)}
    described = GraphWriter(tensors, names, sources=True, what="replay").write(graph)
    bundle = {
        "format": "penstock-replay",
        "version": _VERSION,
        "graph": described,
        "inputs": [
            {"value": tensors.write(t, f"inputs/{i}", inline=not t.weak), "weak": t.weak}
            for i, t in enumerate(inputs)
        ],
        "variables": [
            {
                "value": tensors.write(t, names[v], inline=False),
                "name": v.name,
                "trainable": v.trainable,
            }
            for v, t in held
        ],
        "random": list(random),
        "error": {
            "class": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILES[0]).unlink(
        missing_ok=True
    )  # never the one file of this step and the other of an older one
    safetensors.save_file(tensors.stored, folder / _FILES[1])
    for name, strings in tensors.assets.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(asset_bytes(strings))
    with safetensors.replacing(folder / _FILES[0]) as file:
        file.write(json.dumps(bundle, indent=1).encode())


def load(folder: str | os.PathLike[str]) -> Bundle:
    """Read a bundle. Nothing is run, and no plugin is imported that its ops do not need.

    Args:
        folder: Where `record` wrote it.

    Returns:
        The step.

    Raises:
        FormatError: It is no bundle, of a newer version, or damaged.
        PenstockError: An op is unknown here.
        OSError: A file cannot be read.
    """
    try:
        told = json.loads((Path(folder) / _FILES[0]).read_bytes())
        if told["format"] != "penstock-replay" or told["version"] != _VERSION:
            raise ValueError(f"its format is {told['format']!r}, version {told['version']!r}")
        stored = safetensors.load_file(Path(folder) / _FILES[1])
        tensors = TensorReader(lambda _: stored, lambda name: (Path(folder) / name).read_bytes())
        with undisturbed():
            variables = {
                f"variables/{i}": Variable(
                    tensors.read(about["value"]), about["name"], about["trainable"]
                )
                for i, about in enumerate(told["variables"])
            }
            inputs = [
                _input(tensors.read(about["value"]), about["weak"]) for about in told["inputs"]
            ]
            graph = GraphReader(tensors, variables, "replay").read(told["graph"])
        random = tuple(operator.index(number) % 2**64 for number in told["random"])
        key, counter = random
        return Bundle(graph, inputs, list(variables.values()), (key, counter), dict(told["error"]))
    except FileNotFoundError as error:
        raise FormatError(
            f"[replay] {folder} is no bundle: there is no {Path(error.filename).name}; give the folder that "
            "penstock.replay.record wrote"
        ) from error
    except (FormatError, OSError, MemoryError):
        raise
    except Exception as error:  # every part may be anything
        if isinstance(error, PenstockError) and not isinstance(error, ValueError | TypeError):
            raise
        raise FormatError(f"[replay] {folder} is damaged: {error!r}; record it again") from error


def _input(t: Tensor, weak: bool) -> Tensor:
    return _native.scalar_tensor(t.item(), t.dtype, weak=True) if weak else t


def run(bundle: Bundle, *, optimize: bool = True, nans: bool = False) -> list[Tensor]:
    """Run a recorded step again; its variables change as they did then.

    Args:
        bundle: The step.
        optimize: Run it as functions run, with passes; otherwise op by op as it was written.
        nans: Stop at the first NaN or infinity.

    Returns:
        The graph's outputs, if the step does not fail.

    Raises:
        Exception: What the step raises.
    """
    before = _native.random_state()
    _native.set_random_state(*bundle.random)
    try:
        with debug_nans(nans or _native.get_debug_nans()):
            if optimize:
                return list(Plan(passes.optimize(bundle.graph)).run(bundle.inputs))
            return run_graph(bundle.graph, bundle.inputs)
    finally:
        _native.set_random_state(*before)


def report(folder: str | os.PathLike[str]) -> tuple[str, bool]:
    """Play a bundle again in three ways, and say what happens.

    Args:
        folder: Where `record` wrote it.

    Returns:
        The words, and whether it fails in any way.

    Raises:
        FormatError: It is no whole bundle.
        PenstockError: An op is unknown here.
    """
    bundle = load(folder)
    sizes = f"{len(bundle.inputs)} inputs, {len(bundle.variables)} variables"
    lines = [
        f"{bundle.graph.name}: {len(bundle.graph.nodes)} nodes, {sizes}",
        f"recorded:  {bundle.error.get('class')}: {bundle.error.get('message')}",
    ]
    failed = False
    for what, options in (
        ("as it ran", {}),
        ("op by op", {"optimize": False}),
        ("NaN hunt", {"optimize": False, "nans": True}),
    ):
        fresh = load(folder)  # variables as they were
        try:
            outputs = run(fresh, **options)
            facts = ", ".join(f"{t.dtype.code}{list(t.shape)}" for t in outputs)
            lines.append(f"{what}: no error; returns {facts or 'nothing'}")
        except Exception as error:
            failed = True
            lines.append(f"{what}: {type(error).__name__}: {error}")
    return "\n".join(lines), failed


__all__ = ["Bundle", "load", "record", "report", "run"]
