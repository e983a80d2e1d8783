"""`fit` and `predict` of penstock.keras: their cost beside the compiled step, and an epoch against Keras's backends.

    python benchmarks/bench_keras_fit.py overhead
    python benchmarks/bench_keras_fit.py predict [--calls 1000000]
    python benchmarks/bench_keras_fit.py epoch --peer tensorflow=PYTHON --peer torch=PYTHON --peer jax=PYTHON
        [--model mlp|cnn] [--batch 32] [--samples 6400] [--rounds 7]

A peer is Keras with that backend, under an interpreter that has both. Every framework has a process of its own with
two cores; they take turns, so that slow spells of the machine hit all alike. All run the same lines on the same data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STEPS = 1000  # of an epoch, beside compiled ones


def two_cores() -> None:
    """Use two cores and two threads; call it before importing any framework."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    for name in ("PENSTOCK", "OMP", "MKL", "OPENBLAS"):
        os.environ[f"{name}_NUM_THREADS"] = "2"


# ---- the same lines for everybody


def model_of(k: Any, name: str) -> Any:
    """Make and compile a model."""
    layers = k.layers
    if name == "mlp":
        chain = [
            k.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
        ]
    elif name == "cnn":
        chain = [
            k.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ]
    else:  # so small that a step is hardly more than its beginning and its end
        chain = [k.Input((16,)), layers.Dense(32, activation="relu")]
    model = k.Sequential([*chain, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data_of(name: str, samples: int) -> tuple[Any, Any]:
    """Draw inputs and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    shape = {"mlp": (784,), "cnn": (28, 28, 1)}.get(name, (16,))
    return rng.normal(size=(samples, *shape)).astype(np.float32), rng.integers(0, 10, samples)


def work(name: str, model_name: str, samples: int, batch: int) -> None:
    """Train an epoch whenever a line comes, and say how long it took."""
    two_cores()
    if name == "penstock":
        from penstock import keras
    else:
        os.environ["KERAS_BACKEND"] = name
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import keras
    keras.utils.set_random_seed(0)
    model, (x, y) = model_of(keras, model_name), data_of(model_name, samples)
    model.fit(x[: 2 * batch], y[: 2 * batch], batch_size=batch, verbose=0)
    model.fit(x, y, batch_size=batch, verbose=0)
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = model.fit(x, y, batch_size=batch, verbose=0).history["loss"][0]
        times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({**times, "loss": float(loss)}), flush=True)


# ---- an epoch, against peers


class Worker:
    """A process that trains an epoch when asked."""

    def __init__(self, name: str, interpreter: str, options: argparse.Namespace) -> None:
        numbers = [options.model, str(options.samples), str(options.batch)]
        command = [interpreter, str(Path(__file__).resolve()), "work", name, *numbers]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
        if not self.answer().startswith("ready"):
            raise SystemExit(f"{name} did not begin: {' '.join(command)}")

    def answer(self) -> str:
        """Wait for a line."""
        return self.process.stdout.readline()

    def epoch(self) -> dict[str, float]:
        """Train an epoch."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return json.loads(self.answer())


def epoch(options: argparse.Namespace) -> None:
    """Time epochs in turn, and print each peer's time over ours: the median round, the least and the most."""
    interpreters = {"penstock": sys.executable}
    interpreters |= dict(peer.split("=", 1) for peer in options.peer)
    workers = {name: Worker(name, path, options) for name, path in interpreters.items()}
    rounds = [{name: w.epoch() for name, w in workers.items()} for _ in range(options.rounds)]
    steps = -(-options.samples // options.batch)
    print(f"an epoch of {options.model}: {steps} steps of {options.batch}, {options.rounds} rounds")
    for name in workers:
        line = f"  {name:<12}"
        for clock in ("wall", "cpu"):
            step = statistics.median(r[name][clock] for r in rounds) / steps * 1e3
            ratios = sorted(r[name][clock] / r["penstock"][clock] for r in rounds)
            spread = f"[{ratios[0]:.2f} .. {ratios[-1]:.2f}]"
            line += f"  {clock} {step:8.3f} ms/step {statistics.median(ratios):6.2f}x {spread:<16}"
        print(line, f"loss {rounds[-1][name]['loss']:.4f}")


# ---- beside the compiled step


def overhead(options: argparse.Namespace) -> None:
    """Compare `fit`'s steps with calls of its compiled step."""
    from _pairs import compare, pin_to_one_core, report

    pin_to_one_core()
    import penstock as ps
    from penstock import keras

    model, (x, y) = model_of(keras, "small"), data_of("small", 32 * STEPS)
    model.fit(x, y, verbose=0)
    model.fit(x, y, verbose=0, shuffle=False)
    rows, wholes, labels = ps.arange(32), ps.asarray(x), ps.asarray(y)
    cut, cut_labels = wholes[:32], labels[:32]
    shuffled, plain = model._step_function("train", True), model._step_function("train", False)

    def steps(step: Any, *parts: Any) -> Any:
        def run() -> None:
            for _ in range(STEPS):
                step(*parts)

        return run

    bodies = {
        f"{STEPS} compiled steps": steps(plain, cut, cut_labels),
        f"fit, {STEPS} steps": lambda: model.fit(x, y, verbose=0, shuffle=False),
        f"{STEPS} steps that take rows": steps(shuffled, rows, wholes, labels),
        f"fit, {STEPS} shuffled steps": lambda: model.fit(x, y, verbose=0),
    }
    timings = compare(bodies)
    report("a small network, 32 samples a step", timings, "us")
    bare, fit, bare_rows, fit_rows = (t.median / STEPS * 1e6 for t in timings.values())
    print(f"  fit adds {fit - bare:.1f} us to a step, shuffled {fit_rows - bare_rows:.1f} us")


def predict(options: argparse.Namespace) -> None:
    """Compare `predict` of one row with its compiled step, then look at memory over many calls."""
    from _pairs import compare, pin_to_one_core, report

    pin_to_one_core()
    import penstock as ps
    from penstock import keras

    model, (x, _) = model_of(keras, "small"), data_of("small", 1)
    model.predict(x, verbose=0)
    step, row = model._step_function("predict"), ps.asarray(x)
    bodies = {"compiled step": lambda: step(row), "predict": lambda: model.predict(x, verbose=0)}
    report("one row", compare(bodies), "us")
    for part in range(5):
        for _ in range(options.calls // 5):
            model.predict(x, verbose=0)
        print(f"  after {(part + 1) * (options.calls // 5):>8} calls: {resident():.1f} MB")


def resident() -> float:
    """Return how much memory the process has, in megabytes."""
    text = Path("/proc/self/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:2] == ["work"]:
        name, model_name, samples, batch = sys.argv[2:6]
        work(name, model_name, int(samples), int(batch))
        return
    parser = argparse.ArgumentParser(description="fit and predict of penstock.keras")
    parser.add_argument("what", choices=["overhead", "predict", "epoch"])
    parser.add_argument("--peer", action="append", default=[], help="backend=interpreter")
    parser.add_argument("--model", choices=["mlp", "cnn"], default="mlp")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--samples", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1_000_000)
    options = parser.parse_args()
    {"overhead": overhead, "predict": predict, "epoch": epoch}[options.what](options)


if __name__ == "__main__":
    main()
