"""From disk to the first answer: ResNet-50 in Penstock, ONNX Runtime and OpenVINO, each in a fresh process.

The network is made here, in the shape of the real one and with random weights, and saved in both formats. Every round
starts one process for each framework, in turn; what counts is the time inside, from `load` to the first result, after
the framework was imported. Files come from the page cache.

    python benchmarks/bench_load.py --peer PYTHON_WITH_ONNX_ONNXRUNTIME_OPENVINO
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# Blocks and channels of the four stages.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
IMAGE = (1, 224, 224, 3)


def layers() -> list[tuple[str, Any]]:
    """List the network's steps: (kind, facts); convolutions come with their filter's shape."""
    found: list[tuple[str, Any]] = [("conv", (7, 3, 64, 2, True)), ("pool", None)]
    channels = 64
    for stage, (blocks, width) in enumerate(STAGES):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            found.append(("block", (channels, width, stride, not block)))
            channels = width * 4
    return [*found, ("head", (channels, 1000))]


def weights() -> dict[str, np.ndarray[Any, Any]]:
    """Make weights of a size that keeps numbers in range."""
    rng = np.random.default_rng(0)
    made: dict[str, np.ndarray[Any, Any]] = {}

    def conv(name: str, size: int, inputs: int, outputs: int) -> None:
        scale = np.sqrt(1.0 / (size * size * inputs))
        made[f"{name}/filter"] = rng.standard_normal(
            (size, size, inputs, outputs), np.float32
        ) * np.float32(scale)
        made[f"{name}/bias"] = rng.standard_normal(outputs, np.float32) * np.float32(0.1)

    for i, (kind, facts) in enumerate(layers()):
        if kind == "conv":
            conv(f"layer{i}", facts[0], facts[1], facts[2])
        elif kind == "block":
            channels, width, _, project = facts
            conv(f"layer{i}/a", 1, channels, width)
            conv(f"layer{i}/b", 3, width, width)
            conv(f"layer{i}/c", 1, width, width * 4)
            if project:
                conv(f"layer{i}/project", 1, channels, width * 4)
        elif kind == "head":
            made["head/kernel"] = rng.standard_normal(facts, np.float32) * np.float32(0.02)
            made["head/bias"] = np.zeros(facts[1], np.float32)
    return made


def save_ours(folder: Path, values: dict[str, Any], x: Any) -> None:
    """Save the network as a folder, with a golden pair."""
    import penstock as ps

    v = {name: ps.Variable(value, name=name) for name, value in values.items()}

    def conv(x: Any, name: str, stride: int, relu: bool) -> Any:
        size = v[f"{name}/filter"].shape[0]
        pad = (size - 1) // 2
        y = ps.conv2d(
            x, v[f"{name}/filter"].value, (stride, stride), "valid" if size == 1 else "explicit",
            None if size == 1 else (pad, pad, pad, pad),
        ) + v[f"{name}/bias"]  # fmt: skip
        return ps.nn.relu(y) if relu else y

    def network(image: Any) -> Any:
        y = image
        for i, (kind, facts) in enumerate(layers()):
            if kind == "conv":
                y = conv(y, f"layer{i}", facts[3], True)
            elif kind == "pool":
                y = ps.nn.max_pool2d(ps.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 2)
            elif kind == "block":
                short = conv(y, f"layer{i}/project", facts[2], False) if facts[3] else y
                inner = conv(y, f"layer{i}/a", 1, True)
                inner = conv(inner, f"layer{i}/b", facts[2], True)
                y = ps.nn.relu(conv(inner, f"layer{i}/c", 1, False) + short)
            else:
                y = ps.mean(y, axis=(1, 2)) @ v["head/kernel"] + v["head/bias"]
        return ps.softmax(y)

    ps.save(network, folder, [("float32", ("batch", *IMAGE[1:]))], golden=(x,))


def save_onnx(path: Path, values: dict[str, Any]) -> None:
    """Save the same network as ONNX; images as its convolutions want them, channels first."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    held: list[Any] = []

    def weight(name: str, value: Any) -> str:
        held.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(op: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [f"v{len(nodes)}"], **attributes))
        return f"v{len(nodes) - 1}"

    def conv(x: str, name: str, stride: int, relu: bool) -> str:
        filters = values[f"{name}/filter"]
        pad = (filters.shape[0] - 1) // 2
        y = node(
            "Conv",
            [
                x,
                weight(f"{name}/f", filters.transpose(3, 2, 0, 1)),
                weight(f"{name}/b", values[f"{name}/bias"]),
            ],
            strides=[stride, stride],
            pads=[pad] * 4,
        )
        return node("Relu", [y]) if relu else y

    y = node("Transpose", ["image"], perm=[0, 3, 1, 2])
    for i, (kind, facts) in enumerate(layers()):
        if kind == "conv":
            y = conv(y, f"layer{i}", facts[3], True)
        elif kind == "pool":
            y = node("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        elif kind == "block":
            short = conv(y, f"layer{i}/project", facts[2], False) if facts[3] else y
            inner = conv(y, f"layer{i}/a", 1, True)
            inner = conv(inner, f"layer{i}/b", facts[2], True)
            y = node("Relu", [node("Add", [conv(inner, f"layer{i}/c", 1, False), short])])
        else:
            y = node("Flatten", [node("GlobalAveragePool", [y])])
            y = node(
                "Gemm", [y, weight("k", values["head/kernel"]), weight("hb", values["head/bias"])]
            )
            y = node("Softmax", [y], axis=1)
    graph = helper.make_graph(
        nodes,
        "resnet50",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *IMAGE[1:]])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, ["batch", 1000])],
        held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))


TIMED = {
    "penstock": """
import penstock as ps
ps.load; ps.ones((2,)) @ ps.ones((2, 2))
start = time.perf_counter()
model = ps.load(folder + "/net", check={check})
loaded = time.perf_counter()
y = model(x).numpy()
""",
    "onnxruntime": """
import onnxruntime
start = time.perf_counter()
session = onnxruntime.InferenceSession(folder + "/net.onnx", providers=["CPUExecutionProvider"])
loaded = time.perf_counter()
y = session.run(None, {{"image": x}})[0]
""",
    "openvino": """
import openvino
core = openvino.Core()
start = time.perf_counter()
model = core.compile_model(core.read_model(folder + "/net.onnx"), "CPU")
loaded = time.perf_counter()
y = model([x])[0]
""",
}


def timed(python: str, what: str, folder: Path, check: bool) -> tuple[float, float, list[float]]:
    """Load and run once in a fresh process: seconds to load, seconds in all, the first numbers of the answer."""
    code = (
        f"import sys, time, json, numpy as np\nfolder = {str(folder)!r}\nx = np.load(folder + '/x.npy')\n"
        + TIMED[what].format(check=check)
        + "end = time.perf_counter()\nprint(json.dumps([loaded - start, end - start, y.ravel()[:5].tolist()]))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    loaded, total, numbers = json.loads(done.stdout.splitlines()[-1])
    return loaded, total, numbers


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peer", default=sys.executable, help="a Python with onnx, onnxruntime and openvino"
    )
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = np.random.default_rng(1).random(IMAGE, np.float32)
        np.save(folder / "x.npy", x)
        values = weights()
        save_ours(folder / "net", values, x)
        save_onnx(folder / "net.onnx", values)
        runs = {
            "penstock": (sys.executable, "penstock", False),
            "penstock, golden checked": (sys.executable, "penstock", True),
            "onnxruntime": (given.peer, "onnxruntime", False),
            "openvino": (given.peer, "openvino", False),
        }
        seconds: dict[str, list[tuple[float, float]]] = {label: [] for label in runs}
        answers: dict[str, list[float]] = {}
        for _ in range(given.rounds):
            for label, (python, what, check) in runs.items():
                loaded, total, answers[label] = timed(python, what, folder, check)
                seconds[label].append((loaded, total))
        for label, times in seconds.items():
            np.testing.assert_allclose(answers[label], answers["onnxruntime"], rtol=1e-3)
            load, total = (statistics.median(t[i] for t in times) * 1e3 for i in (0, 1))
            print(f"{label:26} loaded {load:7.1f} ms, first answer {total:7.1f} ms")
        best = [
            min(pair)
            for pair in zip(
                [t for _, t in seconds["onnxruntime"]],
                [t for _, t in seconds["openvino"]],
                strict=True,
            )
        ]
        for label in ("penstock", "penstock, golden checked"):
            ratios = [t / b for (_, t), b in zip(seconds[label], best, strict=True)]
            print(f"{label} / best peer: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
