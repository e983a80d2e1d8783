"""Reads TensorFlow models into graphs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.tensorflow import ops
from penstock_formats.tensorflow._messages import parse
from penstock_formats.tensorflow._node import Array, Node, tensor
from penstock_formats.tensorflow._problems import damaged, explained, problem
from penstock_formats.tensorflow._restore import restored_keys
from penstock_formats.tensorflow._scope import (
    File,
    Scope,
    data_inputs,
    need_known_ops,
    split_ref,
)
from penstock_formats.tensorflow._tensors import dtype_of, shape_of
from penstock_formats.tensorflow.checkpoint import Checkpoint

_MOST_BYTES: Final = 2 << 30
"""No protobuf message is larger."""

ops.load()


def read(
    path: str | os.PathLike[str],
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Mapping[str, Sequence[int | str | None]] | None = None,
    sample_rate: int = 16_000,
    weights_only: bool = False,
) -> GraphModel | dict[str, Tensor]:
    """Read a TensorFlow model for inference.

    Args:
        path: A frozen graph, `.pb`; a SavedModel folder; or with `weights_only` a checkpoint's `.index` file.
        inputs: Of a frozen graph: the nodes to feed, which need not be placeholders; by default these. A `DecodeWav`
            is fed with its samples, [samples, channels].
        outputs: Of a frozen graph: what to compute, "name" or "name:1"; by default what no other node takes.
        shapes: Of a frozen graph: shapes of inputs that the file does not tell.
        sample_rate: Of what is fed in place of a `DecodeWav`.
        weights_only: Return the tensors of a checkpoint, or of a folder's variables, by their names there.

    Returns:
        The model, with a function for each signature; or tensors by name.

    Raises:
        FormatError: The file is damaged, or has ops that are unknown; all of these are listed.
        OSError: The file cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty.pb"
    >>> _ = path.write_bytes(b"")
    >>> read(path)
    Traceback (most recent call last):
        ...
    penstock.errors.FormatError: [tensorflow] empty.pb has no nodes; the file is damaged: save the model again, or fetch the file again
    """
    path = Path(path)
    if weights_only:
        return _tensors(path)
    if path.suffix == ".index":
        raise problem(
            f"{path.name} is a checkpoint, which holds tensors and no graph",
            f"read them: penstock.saved.read_tensors({path.name!r})",
        )
    if path.is_dir():
        return _saved_model(path)
    graph = parse("GraphDef", _bytes(path), path.name)
    if not graph.node:
        raise damaged(f"{path.name} has no nodes")
    file = File({f.signature.name: f for f in graph.library.function}, _frozen)
    with explained(path.name):
        nodes = {node.name: node for node in graph.node}
        wanted = list(outputs) if outputs is not None else _ends(graph.node)
        fed = list(inputs) if inputs is not None else _starts(graph.node, nodes)
        missing = [n for n in [*fed, *wanted] if split_ref(n)[0] not in nodes]
        if missing:
            raise problem(
                f"the graph has no node {', '.join(missing)}",
                f"choose among its {len(nodes)} nodes; the last is {graph.node[-1].name!r}",
            )
        specs = [_fed(nodes[name], shapes or {}, file) for name in fed]
        function = _function("main", graph.node, file, specs, wanted, wanted, sample_rate)
    return GraphModel({"main": function}, file.made, {"format": "tensorflow"})


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > _MOST_BYTES:
        raise damaged(f"{path.name} is larger than a message can be")
    return path.read_bytes()


def _tensors(path: Path) -> dict[str, Tensor]:
    index = path / "variables" / "variables.index" if path.is_dir() else path
    checkpoint = Checkpoint(index)
    return {name: ps.asarray(checkpoint.read(name)) for name in checkpoint.names()}


def _frozen(name: str) -> Array:
    raise problem(
        f"the graph reads the variable {name!r}, whose value is in another file",
        "freeze the graph, or give the SavedModel folder",
    )


def _ends(nodes: Sequence[Any]) -> list[str]:
    """Find the nodes that nobody takes."""
    taken = {split_ref(ref)[0] for node in nodes for ref in data_inputs(node)}
    found = [
        n.name
        for n in nodes
        if n.name not in taken and n.op not in ("NoOp", "Assert", "Const", "Placeholder")
    ]
    if not found:
        raise damaged("the graph has no outputs")
    return found


def _starts(nodes: Sequence[Any], by_name: Mapping[str, Any]) -> list[str]:
    """Find the placeholders; one that is only decoded gives its place to the decoder."""
    found = []
    for node in nodes:
        if node.op == "Placeholder":
            takers = [n for n in nodes if node.name in (split_ref(r)[0] for r in data_inputs(n))]
            decoded = [n.name for n in takers if n.op == "DecodeWav"]
            found += decoded if decoded and len(decoded) == len(takers) else [node.name]
    return found


class _Input:
    """An input of a function: its name, the node it stands for, dtype and shape."""

    def __init__(
        self, name: str, node: str, dtype: str, shape: Sequence[Any], op: str = ""
    ) -> None:
        self.name, self.node, self.dtype, self.op = name, node, dtype, op
        title = re.sub(r"[^A-Za-z0-9_]", "_", name)
        self.shape = [_size(n, axis, title) for axis, n in enumerate(shape)]


def _size(n: Any, axis: int, title: str) -> Any:
    if n is not None:
        return n
    return "batch" if axis == 0 else f"{title}_{axis}"


def _fed(message: Any, shapes: Mapping[str, Sequence[Any]], file: File) -> _Input:
    node = Node(message, Scope([], file))
    name = message.name
    if message.op == "DecodeWav":
        sizes = [node.integer(f"desired_{what}", -1) for what in ("samples", "channels")]
        shape: Any = [None if n < 0 else n for n in sizes]
        return _Input(name, name, "float32", shapes.get(name, shape), message.op)
    shape = shapes.get(name, node.shape("shape") if message.op == "Placeholder" else None)
    if shape is None:
        raise problem(
            f"the file does not tell the shape of the input {name!r}",
            f"say it: read(path, shapes={{{name!r}: (None, ...)}})",
        )
    dtype = node.dtype("dtype" if message.op.startswith("Placeholder") else "T", 1)
    return _Input(name, name, dtype, shape)


def _function(
    name: str,
    nodes: Sequence[Any],
    file: File,
    inputs: Sequence[_Input],
    outputs: Sequence[str],
    titles: Sequence[str],
    sample_rate: int = 16_000,
) -> GraphFunction:
    fed = {spec.node for spec in inputs}
    need_known_ops([n for n in nodes if n.name not in fed], outputs, file.functions)
    with ps.Graph(re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "graph").as_default() as graph:
        given: dict[str, list[Any]] = {}
        formals = []
        for spec in inputs:
            title = re.sub(r"[^A-Za-z0-9_.-]", "_", spec.name)
            x = ps.placeholder(spec.dtype, spec.shape, title)
            formals.append(x)
            rate = [np.asarray(sample_rate, np.int32)] if spec.op == "DecodeWav" else []
            given[spec.node] = [x, *rate]
        found = Scope(nodes, file, given).evaluate(outputs)
        results = [ps.identity(tensor(x)) for x in found]
    graph.inputs, graph.outputs = formals, results
    return GraphFunction(graph, name, [spec.name for spec in inputs], list(titles))


def _saved_model(path: Path) -> GraphModel:
    data = parse("SavedModel", _bytes(path / "saved_model.pb"), "saved_model.pb")
    served = [m for m in data.meta_graphs if "serve" in m.meta_info_def.tags] or data.meta_graphs[
        :1
    ]
    if not served:
        raise damaged("saved_model.pb holds no graph")
    meta = served[0]
    index = path / "variables" / "variables.index"
    file = File(
        {f.signature.name: f for f in meta.graph_def.library.function},
        _Variables(index, restored_keys(meta.graph_def)) if index.is_file() else _frozen,
    )
    functions = {}
    signatures = {
        k: v for k, v in meta.signature_def.items() if v.outputs and not k.startswith("__")
    }
    with explained("saved_model.pb"):
        for name in sorted(signatures, key=lambda key: (key != "serving_default", key)):
            row = signatures[name]
            specs = [_signed(key, row.inputs[key]) for key in sorted(row.inputs)]
            titles = sorted(row.outputs)
            refs = [row.outputs[key].name for key in titles]
            functions[name] = _function(name, meta.graph_def.node, file, specs, refs, titles)
    if not functions:
        raise problem(
            "the SavedModel has no signature",
            "save it with one: tf.saved_model.save(model, path, signatures=...)",
        )
    return GraphModel(functions, file.made, {"format": "tensorflow"})


def _signed(key: str, info: Any) -> _Input:
    shape = shape_of(info.tensor_shape)
    if shape is None:
        raise problem(
            f"the signature does not tell the shape of {key!r}",
            "save it with a tf.TensorSpec that does",
        )
    return _Input(key, split_ref(info.name)[0], dtype_of(info.dtype), shape)


class _Variables:
    """Finds the values of a SavedModel's variables in its checkpoint."""

    def __init__(self, index: Path, restored: Mapping[str, str]) -> None:
        self._checkpoint = Checkpoint(index)
        self._keys = self._checkpoint.keys_by_variable() | {
            name: [key] for name, key in restored.items() if key in self._checkpoint
        }

    def __call__(self, name: str) -> Array:
        keys = self._keys.get(name) or [name] * (name in self._checkpoint)
        if len(keys) != 1:
            found = f"{len(keys)} times" if keys else "not"
            raise problem(
                f"the checkpoint has the variable {name!r} {found}",
                "save the model again, with names of its own",
            )
        return self._checkpoint.read(keys[0])
