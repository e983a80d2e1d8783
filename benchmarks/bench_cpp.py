"""The same saved graph called from C++ and from Python: latency of a call, in turns, on one core.

Both run the same lowered graph with the same kernels; what differs is the way in and out. Needs a C++ compiler.

    python benchmarks/bench_cpp.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _pairs import Timing, pin_to_one_core, report

pin_to_one_core()

import statistics  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402

ROUNDS = 15
SECONDS = 0.1


def layer(random: np.random.Generator, *shape: int) -> ps.Variable:
    """Make a variable of random numbers."""
    value = random.standard_normal(shape) * (2 / np.prod(shape[:-1])) ** 0.5
    return ps.Variable(value.astype(np.float32))


def networks() -> dict[str, tuple[Callable[..., Any], tuple[int, ...]]]:
    """Make functions of one image or vector, with the shape of an example."""
    random = np.random.default_rng(0)
    dense = [layer(random, 64, 64) for _ in range(4)]
    first = layer(random, 3, 3, 3, 16)
    others = [layer(random, 3, 3, 16, 16) for _ in range(8)]

    def mlp(x: Any) -> Any:
        for w in dense:
            x = ps.nn.relu(x @ w)
        return x

    def cnn(x: Any) -> Any:
        x = ps.nn.relu(ps.nn.conv2d(x, first, strides=2, padding="same"))
        for kernel in others:
            x = x + ps.nn.relu(ps.nn.conv2d(x, kernel, padding="same"))
        return ps.mean(x, axis=(1, 2))

    return {"mlp of 4 x 64": (mlp, (1, 64)), "cnn of 9 layers at 96 x 96": (cnn, (1, 96, 96, 3))}


def build(folder: Path) -> Path:
    """Compile the program against the installed package."""
    compiler = shutil.which("c++")
    if compiler is None:
        raise SystemExit("no C++ compiler on this machine")
    package = Path(ps.__file__).parent
    program = folder / "cpp_latency"
    subprocess.run(
        [compiler, "-std=c++17", "-O2", f"-I{package / 'include'}", "-o", program,
         Path(__file__).with_name("cpp_latency.cpp"), f"-L{package / 'lib'}", "-lpenstock",
         f"-Wl,-rpath,{package / 'lib'}"],
        check=True,
    )  # fmt: skip
    return program


def time_python(call: Callable[[Any], Any], x: Any, count: int) -> float:
    """Seconds of CPU time per call."""
    start = time.process_time()
    for _ in range(count):
        call(x)
    return (time.process_time() - start) / count


def measure(program: Path, folder: Path, shape: tuple[int, ...]) -> dict[str, Timing]:
    """Time both in turns; each round gives one figure for each."""
    import penstock_kernels_cpu

    model = ps.load(folder).default
    x = ps.ones(shape)
    model(x)
    count = max(1, int(SECONDS / time_python(model, x, 20)))
    kernels = Path(penstock_kernels_cpu.__file__).parent / "libpenstock_kernels_cpu.so"
    environment = {**os.environ, "PENSTOCK_PLUGIN_PATH": str(kernels)}
    samples: dict[str, list[float]] = {"Python": [], "C++": [], "C++, by name": []}
    with subprocess.Popen(
        [program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(ROUNDS):
            samples["Python"].append(time_python(model, x, count))
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
            in_order, by_name = map(float, process.stdout.readline().split())
            samples["C++"].append(in_order)
            samples["C++, by name"].append(by_name)
        process.stdin.close()
    return {n: Timing(statistics.median(s), min(s), max(s)) for n, s in samples.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        program = build(Path(place))
        for i, (name, (function, shape)) in enumerate(networks().items()):
            folder = Path(place) / f"net{i}"
            ps.save(ps.function(function), folder, [("float32", ("batch", *shape[1:]))])
            report(name, measure(program, folder, shape))


if __name__ == "__main__":
    sys.exit(main())
