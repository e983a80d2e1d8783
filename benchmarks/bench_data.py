"""Input pipelines against tf.data: JPEG files, TFRecords, arrays in memory.

    PENSTOCK_MIRROR=... python benchmarks/bench_data.py --peer-python PYTHON [--rounds 7] [--only jpeg] [--json]

PYTHON is an interpreter with TensorFlow. Both sides run in this run: each in a process of its own that does nothing
while the other has its turn, with all cores. A turn is one epoch; its time is that of the clock, and the processor time
beside it shows what other programs did to it. What both sides give is compared first.

jpeg     read, decode, resize to 224 x 224, flip at random, scale to -1..1, batches of 32
tfrecord read, check, parse Examples of 16 floats, a number and a string, batches of 256
arrays   shuffle 60,000 rows of 784 floats, all in the buffer, batches of 128
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, RECORDS = 60_000, 20_000


def images() -> list[str]:
    """List the flowers."""
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror:
        sys.exit("set PENSTOCK_MIRROR to a folder that has datasets/flowers")
    return sorted(str(p) for p in Path(mirror, "datasets", "flowers").glob("*/*.jpg"))


# ---- the two sides: a function that runs an epoch, and returns how many elements there were and a sum of them


def penstock_side(records: str) -> dict[str, Callable[[], tuple[int, float]]]:
    """Make the pipelines in Penstock."""
    import penstock as ps
    from penstock import keras
    from penstock.records import FixedLenFeature, parse_example

    data, auto = keras.data.Dataset, keras.data.AUTOTUNE
    files = images()

    def picture(image: Any) -> Any:
        image = ps.image.resize(image, (224, 224))
        return ps.image.random_flip_left_right(image) / 127.5 - 1.0

    features = {
        "x": FixedLenFeature([16], "float32"),
        "label": FixedLenFeature([], "int64"),
        "name": FixedLenFeature([], "string"),
    }
    x, y = arrays()
    decoded = data.from_tensor_slices(files).map(keras.data.read_image, auto)
    jpeg = decoded.map(picture, auto).batch(32).prefetch(auto)
    parsed = (
        data.tfrecord(records).batch(256).map(lambda r: parse_example(r, features), auto)
    ).prefetch(auto)
    rows = data.from_tensor_slices((x, y)).shuffle(ROWS).batch(128).prefetch(auto)
    return _epochs(jpeg, parsed, rows)


def tensorflow_side(records: str) -> dict[str, Callable[[], tuple[int, float]]]:
    """Make the pipelines in tf.data."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["CUDA_VISIBLE_DEVICES"] = "3", ""
    import tensorflow as tf

    data, auto = tf.data.Dataset, tf.data.AUTOTUNE

    def picture(path: Any) -> Any:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.resize(image, (224, 224))
        return tf.image.random_flip_left_right(image) / 127.5 - 1.0

    features = {
        "x": tf.io.FixedLenFeature([16], tf.float32),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "name": tf.io.FixedLenFeature([], tf.string),
    }
    x, y = arrays()
    jpeg = data.from_tensor_slices(images()).map(picture, auto).batch(32).prefetch(auto)
    parsed = (
        tf.data.TFRecordDataset(records)
        .batch(256)
        .map(lambda r: tf.io.parse_example(r, features), auto)
    ).prefetch(auto)
    rows = data.from_tensor_slices((x, y)).shuffle(ROWS).batch(128).prefetch(auto)
    return _epochs(jpeg, parsed, rows)


def arrays() -> tuple[Any, Any]:
    """Draw rows and labels."""
    rng = np.random.default_rng(0)
    return rng.random((ROWS, 784), np.float32), rng.integers(0, 10, ROWS, np.int32)


def _epochs(jpeg: Any, parsed: Any, rows: Any) -> dict[str, Callable[[], tuple[int, float]]]:
    def of(data: Any, pick: Callable[[Any], Any]) -> Callable[[], tuple[int, float]]:
        def epoch() -> tuple[int, float]:
            count, total = 0, 0.0
            for batch in data:
                array = np.asarray(pick(batch))
                count += len(array)
                total += float(array.ravel()[::97].sum(dtype=np.float64))
            return count, total

        return epoch

    return {
        "jpeg": of(jpeg, lambda b: b),
        "tfrecord": of(parsed, lambda b: b["label"]),
        "arrays": of(rows, lambda b: b[1]),
    }


# ---- the two processes


def serve(side: str, records: str) -> None:
    """Run an epoch for each name on a line, and answer with what it took."""
    epochs = (penstock_side if side == "penstock" else tensorflow_side)(records)
    print("ready", flush=True)
    for line in sys.stdin:
        clock, used = time.perf_counter(), time.process_time()
        count, total = epochs[line.strip()]()
        took = time.perf_counter() - clock, time.process_time() - used
        print(json.dumps([*took, count, total]), flush=True)


class Side:
    """A process that runs epochs."""

    def __init__(self, python: str, side: str, records: str) -> None:
        self._process = subprocess.Popen(
            [python, __file__, "--serve", side, "--records", records],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self._process.args!r} ended; run it by hand to see why")
        return line

    def epoch(self, name: str) -> list[float]:
        """Run an epoch: seconds of the clock, of processors, elements, their sum."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def write_records(path: str) -> None:
    """Write Examples."""
    from penstock.records import RecordWriter, make_example

    rng = np.random.default_rng(1)
    with RecordWriter(path) as out:
        for number in range(RECORDS):
            x = rng.random(16, np.float32)
            out.write(make_example({"x": x, "label": number, "name": f"number {number}"}))


def main() -> None:
    """Run both sides in turn, and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["jpeg", "tfrecord", "arrays"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=["penstock", "tensorflow"])
    parser.add_argument("--records")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.records)
        return
    if not options.peer_python:
        parser.error("--peer-python is missing: an interpreter with TensorFlow")
    with tempfile.TemporaryDirectory() as folder:
        records = str(Path(folder, "examples.tfrecord"))
        write_records(records)
        ours = Side(sys.executable, "penstock", records)
        theirs = Side(options.peer_python, "tensorflow", records)
        names = [options.only] if options.only else ["jpeg", "tfrecord", "arrays"]
        for name in names:
            compare(name, ours, theirs, options.rounds, options.json)
        ours.close()
        theirs.close()


def compare(name: str, ours: Side, theirs: Side, rounds: int, as_json: bool) -> None:
    """Time one pipeline on both sides, in turn."""
    warm = ours.epoch(name), theirs.epoch(name)
    assert warm[0][2] == warm[1][2], "as many elements"
    if name != "jpeg":  # decoders differ in the last bit, and flips are random
        assert abs(warm[0][3] - warm[1][3]) < 1e-3 * abs(warm[1][3]) or name == "arrays"
    pairs = [(ours.epoch(name), theirs.epoch(name)) for _ in range(rounds)]
    count = warm[0][2]
    rows = []
    for what, place in (("clock", 0), ("processor", 1)):
        mine, peer = ([p[side][place] / count * 1e6 for p in pairs] for side in (0, 1))
        ratios = sorted(b / a for a, b in zip(mine, peer, strict=True))
        rows.append([what, statistics.median(mine), statistics.median(peer), ratios])
    if as_json:
        print(json.dumps({"name": name, "unit": "us per element", "rows": rows}))
        return
    for what, mine, peer, ratios in rows:
        print(
            f"{name:<9} {what:<10} penstock {mine:9.2f} us  tf.data {peer:9.2f} us  per element; tf.data takes "
            f"{statistics.median(ratios):5.2f} x  [{ratios[0]:.2f} .. {ratios[-1]:.2f}]"
        )


if __name__ == "__main__":
    main()
