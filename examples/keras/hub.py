"""What all scripts here need: where the data lie, and how long to train."""

import argparse
import gzip
import os
from pathlib import Path

import numpy as np


def folder(name):
    """Return the folder of a data set in PENSTOCK_MIRROR."""
    mirror = os.environ.get("PENSTOCK_MIRROR")
    path = Path(mirror or ".").expanduser() / "datasets" / name
    if not mirror or not path.is_dir():
        raise SystemExit(
            f"the data are read from a folder: set PENSTOCK_MIRROR to one that has datasets/{name}"
        )
    return path


def arguments(epochs):
    """Read --epochs, --seed, and --samples, which makes a quick try of a script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=epochs, help=f"default: {epochs}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, help="learn from so many samples only")
    return parser.parse_args()


def mnist(samples=None):
    """Return images [n, 28, 28] from 0 to 1 and digits [n], for training and for tests."""
    parts = []
    for name in ("train", "t10k"):
        images = gzip.decompress((folder("mnist") / f"{name}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((folder("mnist") / f"{name}-labels-idx1-ubyte.gz").read_bytes())
        x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)[:samples]
        y = np.frombuffer(labels, np.uint8, offset=8)[:samples]
        parts.append((x.astype("float32") / 255, y.astype("int32")))
    return parts


def lines(path):
    """Return the lines of a text file, which may be gzip'ed."""
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return content.decode("utf-8").strip().split("\n")


def number_words(texts, size, length):
    """Turn texts into rows of word numbers [n, length]: 0 pads, 1 is any rare word; also return the words."""
    counts = {}
    for text in texts:
        for word in text.split():
            counts[word] = counts.get(word, 0) + 1
    words = ["", "[rare]", *sorted(counts, key=lambda word: (-counts[word], word))[: size - 2]]
    numbers = {word: number for number, word in enumerate(words)}
    return lambda more: rows(more, numbers, length), words


def rows(texts, numbers, length):
    """Turn texts into rows of word numbers, cut or padded to one length."""
    made = np.zeros((len(texts), length), "int32")
    for i, text in enumerate(texts):
        row = [numbers.get(word, 1) for word in text.split()][:length]
        made[i, : len(row)] = row
    return made
