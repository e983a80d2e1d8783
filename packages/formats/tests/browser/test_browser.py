"""Exported models in headless Chromium, by onnxruntime-web: the same answers as in ONNX Runtime and in Penstock.

`nox -s browser` sets what this needs: CHROMIUM, a browser, and PENSTOCK_NODE_MODULES, a folder with the packages
onnxruntime-web and playwright-core in its node_modules. The hub's classifiers need PENSTOCK_MIRROR too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphFunction, GraphModel

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
for name in ("CHROMIUM", "PENSTOCK_NODE_MODULES"):
    if not os.environ.get(name):
        pytest.skip(f"{name} is not set; nox -s browser sets it", allow_module_level=True)

HERE = Path(__file__).parent
CLASSIFIERS = {
    "mobilenet_v1_0.25_224_float": "tflite_support/mobilenet_v1_0.25_224_1_default_1.tflite",
    "mobilenet_v1_0.25_224_quant": "tflite_support/mobilenet_v1_0.25_224_quant.tflite",
    "mobilenet_v1_0.25_128_quant": "coral/mobilenet_v1_0.25_128_quant.tflite",
    "mobilenet_v1_0.75_192_quant": "coral/mobilenet_v1_0.75_192_quant.tflite",
    "mobilenet_v2_1.0_224_quant": "coral/mobilenet_v2_1.0_224_quant.tflite",
    "tiny_darknet_float": "tiny_darknet/model.json",
}


@dataclass
class Task:
    """A model, the inputs that it gets one after the other, and what Penstock makes of them."""

    name: str
    model: GraphModel
    inputs: list[np.ndarray[Any, Any]]
    top: list[int] = field(default_factory=list)  # the classes that are known
    exact: bool = True

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the model and the inputs; return what the page needs to know."""
        ps.save(self.model, folder / f"{self.name}.onnx", exact=self.exact)
        files = [f"{self.name}.{i}.bin" for i in range(len(self.inputs))]
        for file, array in zip(files, self.inputs, strict=True):
            (folder / file).write_bytes(array.tobytes())
        first = self.inputs[0]
        described = {"dtype": first.dtype.name, "shape": list(first.shape)}
        return {"model": f"{self.name}.onnx", "inputs": files, **described}


class Handler(SimpleHTTPRequestHandler):
    """Serves the page, the models, and the files of onnxruntime-web below /ort/."""

    def translate_path(self, path: str) -> str:
        """Find a file, of its name only."""
        file = Path(path.partition("?")[0]).name
        if path.startswith("/ort/"):
            modules = Path(os.environ["PENSTOCK_NODE_MODULES"]) / "node_modules"
            return str(modules / "onnxruntime-web" / "dist" / file)
        return str(HERE / file if file == "page.html" else Path(self.directory) / file)

    def guess_type(self, path: Any) -> str:
        """Name modules as such on every machine."""
        known = {".mjs": "text/javascript", ".wasm": "application/wasm"}
        return known.get(Path(path).suffix) or super().guess_type(path)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def run_in_browser(tasks: list[Task], folder: Path) -> list[list[list[float]]]:
    """Return the results of every input of every task, flat."""
    (folder / "tasks.json").write_text(json.dumps([task.write(folder) for task in tasks]))
    node = shutil.which("node") or pytest.skip("there is no node")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            origin = f"http://127.0.0.1:{server.server_address[1]}"
            command = [node, str(HERE / "run.mjs"), origin]
            done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        finally:
            server.shutdown()
            thread.join()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["refused"] == []
    results: list[list[list[float]]] = told["results"]
    return results


def compare(tasks: list[Task], folder: Path) -> None:
    """Check that the browser, ONNX Runtime and Penstock agree."""
    for task, rows in zip(tasks, run_in_browser(tasks, folder), strict=True):
        session = onnxruntime.InferenceSession(folder / f"{task.name}.onnx")
        quantised = task.inputs[0].dtype != np.float32
        for i, (x, row) in enumerate(zip(task.inputs, rows, strict=True)):
            here = task.model(x).numpy().ravel()
            (native,) = session.run(None, {session.get_inputs()[0].name: x})
            for other in (np.asarray(row), native.ravel()):
                if quantised and not task.exact:
                    np.testing.assert_allclose(other, here, atol=32)  # of 255 steps
                elif quantised:
                    np.testing.assert_array_equal(other, here)
                else:
                    np.testing.assert_allclose(other, here, atol=1e-4 * max(1, np.abs(here).max()))
                assert other.argmax() == here.argmax()
            if task.top:
                assert int(np.argmax(row)) == task.top[i], f"{task.name}, image {i}"


def _small_models() -> Iterator[Task]:
    """Models of ours: a convolutional net, an LSTM, control flow."""
    rng = np.random.default_rng(3)

    def weight(*shape: int) -> ps.Variable:
        return ps.Variable(rng.standard_normal(shape).astype("float32") * 0.3)

    def task(name: str, shape: tuple[Any, ...], build: Any) -> Task:
        with ps.Graph().as_default() as graph:
            x = ps.placeholder("float32", ("batch", *shape), name="x")
            y = build(x)
        graph.inputs, graph.outputs = [x], [y]
        model = GraphModel({"main": GraphFunction(graph, output_names=["y"])})
        return Task(name, model, [rng.standard_normal((2, *shape)).astype("float32")])

    stem, head, kernel, recurrent = weight(3, 3, 3, 4), weight(4, 5), weight(3, 16), weight(4, 16)
    yield task(
        "images",
        (12, 12, 3),
        lambda x: ps.mean(ps.nn.relu(ps.nn.conv2d(x, stem, strides=2)), (1, 2)) @ head,
    )
    yield task("lstm", (6, 3), lambda x: ps.nn.lstm(x, kernel, recurrent)[0])
    yield task(
        "loop",
        (4,),
        lambda x: ps.while_loop(
            lambda t: ps.sum(t * t) < 100.0, lambda t: (t * 2.0,), (ps.abs(x) + 0.1,)
        )[0],
    )


def test_small_models_run_in_a_browser(tmp_path: Path) -> None:
    compare(list(_small_models()), tmp_path)


def _picture(path: Path, size: Any, kind: str) -> np.ndarray[Any, Any]:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        resized = opened.convert("RGB").resize((size[1], size[0]), image.BILINEAR)
        pixels = np.asarray(resized)[None]
    if kind == "uint8":
        return pixels
    scaled: np.ndarray[Any, Any] = pixels.astype("float32") / 255
    return scaled


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "exact"),
    [*((name, True) for name in CLASSIFIERS), *((n, False) for n in CLASSIFIERS if "quant" in n)],
)
def test_classifiers_know_the_images_in_a_browser(tmp_path: Path, name: str, exact: bool) -> None:
    if "PENSTOCK_MIRROR" not in os.environ:
        pytest.skip("PENSTOCK_MIRROR names no hub of weights and images")
    hub = Path(os.environ["PENSTOCK_MIRROR"])
    model = ps.load(hub / "weights" / CLASSIFIERS[name])
    (spec,) = model.default.inputs.values()
    expected = json.loads((hub / "expected.json").read_text())[name]
    pictures = [
        _picture(hub / "images" / file, spec.shape[1:3], spec.dtype.name) for file in expected
    ]
    if name == "mobilenet_v1_0.25_224_float":
        pictures = [x * 2 - 1 for x in pictures]
    top = [answer["top1"] for answer in expected.values()]
    compare([Task(name, model, pictures, top, exact)], tmp_path)
