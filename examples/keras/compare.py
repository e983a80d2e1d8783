"""Run the scripts with Penstock and with Keras on TensorFlow, and compare what they reach.

    python examples/keras/compare.py --keras-python /path/to/python/with/tensorflow
    python examples/keras/compare.py mnist_cnn gan --seeds 3

A script changes in nothing but its import lines: `from penstock import keras` becomes `import keras`, and
`import penstock as tf` becomes `import tensorflow as tf`.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SKIPPED = {"hub", "compare"}
IMPORTS = [
    ("from penstock import keras\n", "import keras\n"),
    ("from penstock.keras import", "from keras import"),
    ("import penstock as tf\n", "import tensorflow as tf\n"),
]


def scripts():
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in SKIPPED)


def with_keras(source):
    """Return a script for Keras: other import lines, and nothing else."""
    for ours, theirs in IMPORTS:
        source = source.replace(ours, theirs)
    return source


def run(name, seed, python, real, more):
    """Run a script; return the last number that it printed, and how many seconds it took."""
    source = (HERE / f"{name}.py").read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.py"
        path.write_text(with_keras(source) if real else source, "utf-8")
        environment = os.environ | {
            "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        }
        if real:
            environment |= {
                "KERAS_BACKEND": "tensorflow",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "",
            }
            environment["PYTHONPATH"] = str(HERE)
        start = time.perf_counter()
        done = subprocess.run(
            [python, str(path), "--seed", str(seed), *more],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    found = re.search(r"^test (?:accuracy|error) ([0-9.]+)$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise SystemExit(f"{name} failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return float(found[1]), seconds


def summary(values):
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scripts", nargs="*", default=scripts(), metavar="script")
    parser.add_argument("--keras-python", help="a Python that has tensorflow; default: this one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only-ours", action="store_true", help="do not run Keras")
    given, more = parser.parse_known_args()
    print(
        "| script | Penstock | Keras | seconds, Penstock | seconds, Keras |\n|---|---|---|---|---|"
    )
    for name in given.scripts:
        cells = [name]
        results = []
        for real in (False, True):
            python = given.keras_python or sys.executable if real else sys.executable
            runs = [] if real and given.only_ours else range(1, given.seeds + 1)
            results.append([run(name, seed, python, real, more) for seed in runs])
        for part in (0, 1):
            cells += [
                (summary([r[0] for r in result]) if not part else f"{statistics.mean(r[1] for r in result):.1f}")
                if result else "-"
                for result in results
            ]  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
