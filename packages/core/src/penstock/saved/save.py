"""`penstock.save`: a model becomes a folder, or a file of another format."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock import _native
from penstock._native import Tensor
from penstock.errors import GraphError, InvalidValueError
from penstock.graph import eagerly
from penstock.saved import folder as files
from penstock.saved import formats, golden
from penstock.saved._layout import layout
from penstock.saved._objects import model_of
from penstock.saved._structure import LEAF, to_json
from penstock.saved._tensors import TensorWriter, asset_bytes, storable
from penstock.saved.model import GraphFunction, GraphModel
from penstock.saved.writer import GraphWriter

VERSION: Final = 1
DEVICE: Final = "cpu"


def save(
    obj: Any,
    path: str | os.PathLike[str],
    signatures: Any = None,
    *,
    golden: Any = None,
    metadata: Mapping[str, Any] | None = None,
    format: str | None = None,
    lowered: bool = True,
    **options: Any,
) -> Path:
    """Save a model as a folder that runs without the code that made it, or as a file of another format.

    The folder is there whole or not at all; one that was there before stays until the new one is on the disk.

    Args:
        obj: A `penstock.saved.GraphModel`; a function; a dictionary of functions; an object with functions and
            variables; or a `penstock.keras` model.
        path: The folder, or a file whose suffix names its format.
        signatures: What each function takes, where it is not known: for one function, its arguments in a list or by
            name, each a `penstock.saved.TensorSpec`, a pair (dtype, shape), or a tensor as an example; sizes that vary
            have names: ("float32", ("batch", 3)). For several, a dictionary of such by function.
        golden: The arguments of one call, a tuple or a dictionary by name; a list of such, for several calls; or such
            by function. What comes out is kept beside them, and compared when the model is loaded.
        metadata: What JSON can hold: where the model comes from, its licence, its labels.
        format: The format, if the path does not say.
        lowered: Whether to keep the optimised graphs too, which spares loading the work.
        options: For another format.

    Returns:
        The path.

    Raises:
        GraphError: A function has no known signature, or does what only this process can.
        InvalidValueError: JSON cannot hold the metadata, there is nothing to save, or the format has no such option.
        FormatError: No plugin writes the format, or something else lies at the path.
        OSError: It cannot be written; what was there before stays.

    >>> import penstock as ps, tempfile, os
    >>> w = ps.Variable([[1.0], [2.0]], name="w")
    >>> folder = os.path.join(tempfile.mkdtemp(), "net")
    >>> path = save(ps.function(lambda x: x @ w), folder, [("float32", ("batch", 2))])
    >>> model = ps.load(folder)
    >>> print(model.default)
    main(x: float32[batch, 2]) -> (matmul: float32[batch, 1])
    >>> model([[1.0, 1.0]])
    Tensor([[3.]], shape=(1, 1), dtype=float32)
    """
    target = Path(path)
    model = model_of(obj, signatures)
    if metadata:
        model = GraphModel(model.functions, model.variables, {**model.metadata, **metadata})
    name = format or formats.format_name(target, writing=True)
    if name != formats.NATIVE:
        writer = formats.find_format(name, writing=True).write
        assert writer is not None  # find_format made sure
        if golden is not None:
            options["golden"] = golden
        formats.call(writer, name, model, target, **options)
        return target
    if options:
        raise InvalidValueError(
            f"[save] a folder takes no {', '.join(sorted(options))}; see help(penstock.save)"
        )
    with eagerly():
        offered = getattr(type(obj), "__penstock_golden__", None)
        if golden is None and offered is not None:
            golden = offered(obj, signatures)
        write_folder(model, target, golden, lowered=lowered)
    return target


def write_folder(model: GraphModel, folder: Path, examples: Any, *, lowered: bool = True) -> None:
    """Write a model as a folder of our own; arguments and errors as in `save`."""
    values = {name: _value_of(name, v) for name, v in model.variables.items()}
    handles = {v._handle: name for name, v in model.variables.items()}
    weights = TensorWriter(taken={name: storable(t) for name, t in values.items()})
    pairs = TensorWriter(files.GOLDEN)
    document = {
        **_head(model.metadata),
        "plugins": [],
        "ops": {},
        "variables": {
            name: {"dtype": t.dtype.name, "shape": list(t.shape), "trainable": model.variables[name].trainable}
            for name, t in values.items()
        },
    }  # fmt: skip
    writer = GraphWriter(weights, handles)
    document["functions"] = [_function(f, writer.write(f.graph)) for f in model]
    document["ops"] = dict(sorted(writer.ops.items()))
    document["plugins"] = plugins_of(writer.ops)
    cases = golden.cases_of(model, examples)
    document["golden"] = golden.write(cases, list(handles), pairs)
    text = layout(document).encode()
    with files.replacing_folder(folder) as fresh:
        if lowered:
            _write_lowered(fresh, model, handles, text, weights)
        files.write_tensors(fresh / files.WEIGHTS, weights.stored)
        if cases:
            files.write_tensors(fresh / files.GOLDEN, pairs.stored)
        for path, strings in {**weights.assets, **pairs.assets}.items():
            files.write_file(fresh / path, asset_bytes(strings))
        files.write_file(fresh / files.GRAPH, text)


def _head(metadata: Mapping[str, Any]) -> dict[str, Any]:
    import penstock

    try:
        plain = json.loads(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(
            f"[save] the metadata cannot be written as JSON: {error}; give numbers, text, lists and dictionaries: "
            "float(accuracy)"
        ) from None
    return {
        "format": "penstock-graph",
        "version": VERSION,
        "producer": f"penstock {penstock.__version__}",
        "metadata": plain,
    }


def _value_of(name: str, variable: Any) -> Tensor:
    try:
        value: Tensor = variable._handle.read()
    except GraphError as error:
        raise GraphError(
            f"[save] variable {name!r} has no value yet; run its initializer first"
        ) from error
    if value.dtype == "string":
        raise GraphError(
            f"[save] variable {name!r} holds strings, which weights files cannot; use a tensor of them in the function"
        )
    return value


def _function(function: GraphFunction, graph: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": function.name}
    for side, specs in (("inputs", function.inputs), ("outputs", function.outputs)):
        made[side] = [
            {"name": spec.name, "dtype": spec.dtype.name, "shape": list(spec.shape)}
            for spec in specs.values()
        ]
    if function.arguments is not None:
        made["arguments"] = to_json(function.arguments)
    usual = LEAF if len(function.outputs) == 1 else dict.fromkeys(function.outputs, LEAF)
    if function.results != usual:
        made["results"] = to_json(function.results)
    made["graph"] = graph
    return made


def plugins_of(used: Mapping[str, int]) -> list[dict[str, Any]]:
    """Say which plugins have the ops that are not in core.

    Args:
        used: Ops by name.
    """
    from penstock.plugins import loader

    owners: dict[str, list[str]] = {}
    for record in loader.records():
        promised = {row.name for row in record.manifest.provides.op} if record.manifest else set()
        for op in sorted(promised & set(used)):
            owners.setdefault(record.name, []).append(op)
    known = {op for names in owners.values() for op in names}
    for op in sorted(set(used) - known):
        if "." in op:  # a plugin's that was registered by hand
            owners.setdefault(op.split(".", maxsplit=1)[0], []).append(op)
    return [{"name": name, "ops": names} for name, names in sorted(owners.items())]


def lowered_key(text: bytes) -> dict[str, str]:
    """Say which graph, and which kernels, an optimised graph belongs to."""
    from penstock.plugins import loader

    loader.activate_for_kernels(DEVICE)
    return {
        "graph": hashlib.sha256(text).hexdigest(),
        "kernels": f"{DEVICE} {_native.kernels_fingerprint(DEVICE)}",
    }


def _write_lowered(
    fresh: Path,
    model: GraphModel,
    handles: Mapping[Any, str],
    text: bytes,
    weights: TensorWriter,
) -> None:
    tensors = TensorWriter(f"lowered/{DEVICE}.safetensors", base=weights)
    writer = GraphWriter(tensors, handles)
    functions = [_function(f, writer.write(f.optimized)) for f in model]
    document = {
        **_head({}),
        "plugins": plugins_of(writer.ops),
        "ops": dict(sorted(writer.ops.items())),
        "variables": {},
        "functions": functions,
        "golden": [],
        "lowered": lowered_key(text),
    }
    if tensors.stored:
        files.write_tensors(fresh / "lowered" / f"{DEVICE}.safetensors", tensors.stored)
    for path, strings in tensors.assets.items():
        weights.assets[path] = strings
    files.write_file(fresh / "lowered" / f"{DEVICE}.json", layout(document).encode())
