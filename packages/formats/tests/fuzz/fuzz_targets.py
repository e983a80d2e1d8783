"""What is fuzzed: every reader of files, each with a few small good files to begin with."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.saved import GraphFunction, GraphModel
from penstock.saved.formats import find_format

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"


@dataclass(frozen=True)
class Target:
    """A reader.

    Args:
        file: The name of the file that is damaged.
        seeds: Makes the contents of good files.
        read: Reads the file, or the folder that it is in.
        beside: Makes the other files that the reader needs; gets the folder.
    """

    file: str
    seeds: Callable[[], Iterator[bytes]]
    read: Callable[[Path], object]
    beside: Callable[[Path], None] = lambda folder: None


def _read(name: str) -> Callable[[Path], object]:
    """Take the reader of a format when it is first used."""

    def read(path: Path) -> object:
        reader = find_format(name).read
        assert reader is not None
        return reader(path)

    return read


# ---- our own folders, and the safetensors files in them


def _model() -> GraphModel:
    """Make a model with a variable, a constant, an open size and a body."""
    w = ps.Variable(np.arange(6, dtype="float32").reshape(3, 2), name="w")
    with ps.Graph("g").as_default() as graph:
        x = ps.placeholder("float32", ("batch", 3), name="x")
        y = ps.reshape(ps.nn.relu(x @ w) + np.arange(2, dtype="float32"), (x.shape[0] * 2,))
        graph.inputs = [x]
        graph.outputs = [ps.cond(ps.sum(y) > 0.0, lambda y: y * 2.0, lambda y: -y, y)]
    return GraphModel({"main": GraphFunction(graph, "main", ["x"], ["y"])}, {"w": w}, {"k": [1]})


def _save_folder(folder: Path) -> None:
    ps.save(_model(), folder / "net")


def _of_folder(name: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            _save_folder(Path(folder))
            yield (Path(folder) / "net" / name).read_bytes()

    return seeds


def _read_folder(path: Path) -> object:
    while not (path / "graph.json").exists():
        path = path.parent
    return ps.load(path)


def _safetensors() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        ps.safetensors.save_file({"a": ps.ones((2, 3)), "b": ps.zeros((1,), "int8")}, path)
        yield path.read_bytes()


# ---- other frameworks' files


def _tflite() -> Iterator[bytes]:
    """Take the models of one op each that the tests of the reader keep; every tenth is enough to begin with."""
    with np.load(HERE.parent / "tflite" / "tflite_ops.npz") as arrays:
        models = [arrays[name].tobytes() for name in arrays if arrays[name].dtype == np.uint8]
    yield from [m for m in models if m[4:8] == b"TFL3"][::10]


def _onnx() -> Iterator[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((3, 2), "float32"), "w")
    shape = numpy_helper.from_array(np.array([-1, 1], "int64"), "shape")
    for opset in (9, 21):
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Reshape", ["b", "shape"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
            [weight, shape],
        )
        opsets = [helper.make_opsetid("", opset)]
        made: bytes = helper.make_model(graph, opset_imports=opsets).SerializeToString()
        yield made


_DENSE: Final[dict[str, Any]] = {
    "class_name": "Dense",
    "module": "keras.layers",
    "config": {"name": "d", "units": 2, "activation": "relu", "use_bias": True, "trainable": True},
}
_INPUT: Final[dict[str, Any]] = {
    "class_name": "InputLayer",
    "module": "keras.layers",
    "config": {"name": "x", "batch_shape": [None, 3], "dtype": "float32"},
}
_NET: Final[dict[str, Any]] = {
    "class_name": "Sequential",
    "module": "keras",
    "config": {"name": "net", "layers": [_INPUT, _DENSE]},
}
_DENSE_WEIGHTS: Final = (np.ones((3, 2), "float32"), np.zeros(2, "float32"))


def _keras_archive(method: int) -> bytes:
    import h5py

    weights, made = io.BytesIO(), io.BytesIO()
    with h5py.File(weights, "w") as root:
        for i, array in enumerate(_DENSE_WEIGHTS):
            root[f"layers/dense/vars/{i}"] = array
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps(_NET))
        archive.writestr("model.weights.h5", weights.getvalue())
    return made.getvalue()


def _keras_archives() -> Iterator[bytes]:
    yield _keras_archive(zipfile.ZIP_STORED)
    yield _keras_archive(zipfile.ZIP_DEFLATED)


def _keras_h5() -> Iterator[bytes]:
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as root:
        root.attrs["model_config"] = json.dumps(_NET)
        root.attrs["keras_version"] = "2.4.0"
        weights = root.create_group("model_weights")
        weights.attrs["layer_names"] = [b"d"]
        layer = weights.create_group("d")
        layer.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        layer["d/kernel:0"], layer["d/bias:0"] = _DENSE_WEIGHTS
    yield made.getvalue()


_CFG: Final = b"""[net]
width=6
height=4
channels=2

[convolutional]
batch_normalize=1
filters=3
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[upsample]
stride=2

[route]
layers=-1,0

[yolo]
mask=0
anchors=1,2
classes=1
"""


def _cfg() -> Iterator[bytes]:
    yield _CFG


def _darknet_weights() -> Iterator[bytes]:
    yield struct.pack("<3iq", 0, 2, 5, 1000) + np.ones(3 * 4 + 2 * 9 * 3, "float32").tobytes()


def _weights_beside(folder: Path) -> None:
    (folder / "net.weights").write_bytes(next(_darknet_weights()))


def _cfg_beside(folder: Path) -> None:
    (folder / "net.cfg").write_bytes(_CFG)


def _tensorflow_facts() -> dict[str, bytes]:
    """Take the files that the tests of the reader keep."""
    with np.load(HERE.parent / "tensorflow" / "facts.npz") as arrays:
        return {name: arrays[name].tobytes() for name in arrays if arrays[name].dtype == np.uint8}


def _graphdefs() -> Iterator[bytes]:
    facts = _tensorflow_facts()
    yield from [data for name, data in facts.items() if name.endswith("/graph")][::8]


def _of_saved_model(name: str) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([_tensorflow_facts()[f"saved/{name}"]])


def _saved_model_beside(folder: Path) -> None:
    for name, data in _tensorflow_facts().items():
        if name.startswith("saved/") and ("." in name):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _read_saved_model(path: Path) -> object:
    return _read("tensorflow")(next(p for p in path.parents if p.name == "saved"))


def _tfjs() -> Iterator[bytes]:
    layer = {"name": "a", "units": 3, "activation": "relu", "batch_input_shape": [None, 4]}
    rule = {"dtype": "uint8", "scale": 0.02, "min": -1.5}
    weights = [
        {"name": "a/kernel", "shape": [4, 3], "dtype": "float32", "quantization": rule},
        {"name": "a/bias", "shape": [3], "dtype": "float32"},
    ]
    layers = [{"class_name": "Dense", "config": layer}]
    config = {"class_name": "Sequential", "config": {"name": "small", "layers": layers}}
    topology = {"keras_version": "2.4.0", "backend": "tensorflow", "model_config": config}
    content = {
        "modelTopology": topology,
        "weightsManifest": [{"paths": ["one.bin", "two.bin"], "weights": weights}],
    }
    yield json.dumps(content).encode()


def _tfjs_beside(folder: Path) -> None:
    (folder / "one.bin").write_bytes(bytes(11))
    (folder / "two.bin").write_bytes(bytes(13))


TARGETS: Final[dict[str, Target]] = {
    "folder_graph": Target("net/graph.json", _of_folder("graph.json"), _read_folder, _save_folder),
    "folder_weights": Target(
        "net/weights.safetensors", _of_folder("weights.safetensors"), _read_folder, _save_folder
    ),
    "folder_lowered": Target(
        "net/lowered/cpu.json", _of_folder("lowered/cpu.json"), _read_folder, _save_folder
    ),
    "safetensors": Target("a.safetensors", _safetensors, ps.safetensors.load_file),
    "tflite": Target("net.tflite", _tflite, _read("tflite")),
    "onnx": Target("net.onnx", _onnx, _read("onnx")),
    "keras_archive": Target("net.keras", _keras_archives, _read("keras")),
    "keras_h5": Target("net.h5", _keras_h5, _read("keras")),
    "darknet_cfg": Target("net.cfg", _cfg, _read("darknet"), _weights_beside),
    "darknet_weights": Target(
        "net.weights",
        _darknet_weights,
        lambda path: _read("darknet")(path.with_suffix(".cfg")),
        _cfg_beside,
    ),
    "tfjs": Target("model.json", _tfjs, _read("tfjs"), _tfjs_beside),
    "graphdef": Target("graph.pb", _graphdefs, _read("tensorflow")),
    "saved_model": Target(
        "saved/saved_model.pb",
        _of_saved_model("saved_model.pb"),
        _read_saved_model,
        _saved_model_beside,
    ),
    "saved_model_index": Target(
        "saved/variables/variables.index",
        _of_saved_model("variables/variables.index"),
        _read_saved_model,
        _saved_model_beside,
    ),
}
