"""Handwritten digits for the examples: load them, and draw what a network made of them."""

import gzip
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

MNIST = {  # file and the number that an IDX file of that kind begins with
    "train_images": ("train-images-idx3-ubyte.gz", 2051),
    "train_labels": ("train-labels-idx1-ubyte.gz", 2049),
    "test_images": ("t10k-images-idx3-ubyte.gz", 2051),
    "test_labels": ("t10k-labels-idx1-ubyte.gz", 2049),
}


@dataclass(frozen=True)
class Data:
    """Images [count, side, side, 1] from 0 to 1 in float32, and their digits [count] in int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def shortened(self, train, test):
        """Return the first few images of both parts."""
        return replace(
            self,
            train_images=self.train_images[:train],
            train_labels=self.train_labels[:train],
            test_images=self.test_images[:test],
            test_labels=self.test_labels[:test],
        )


def load(name, mirror, seed):
    """Load "digits" from scikit-learn, or "mnist" from `mirror`/datasets/mnist."""
    return load_mnist(mirror) if name == "mnist" else load_digits(seed)


def load_digits(seed):
    try:
        from sklearn import datasets
    except ImportError:
        raise SystemExit(
            "the digits come with scikit-learn: python -m pip install scikit-learn"
        ) from None
    found = datasets.load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    images = (found.images[order] / 16).astype(np.float32)[..., np.newaxis]
    labels = found.target[order].astype(np.int64)
    return Data(images[360:], labels[360:], images[:360], labels[:360])


def load_mnist(mirror):
    if not mirror:
        raise SystemExit(
            "MNIST is read from a folder: set PENSTOCK_MIRROR to one that has datasets/mnist"
        )
    folder = Path(mirror).expanduser() / "datasets" / "mnist"
    parts = {part: read_idx(folder / file, magic) for part, (file, magic) in MNIST.items()}
    for part in ("train", "test"):
        images, labels = parts[f"{part}_images"], parts[f"{part}_labels"]
        if len(images) != len(labels):
            raise SystemExit(
                f"{folder} has {len(images)} {part} images and {len(labels)} labels; fetch both files again"
            )
        parts[f"{part}_images"] = (images / np.float32(255))[..., np.newaxis]
        parts[f"{part}_labels"] = labels.astype(np.int64)
    return Data(**parts)


def read_idx(path, magic):
    """Read one IDX file: a magic number, the sizes, then a byte for every element."""
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise SystemExit(
            f"there is no {path}; point PENSTOCK_MIRROR at a folder that has datasets/mnist/{path.name}, "
            "or use --data digits"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise SystemExit(f"cannot read {path}: {error}; fetch the file again") from None
    ndim = magic % 256
    header = 4 + 4 * ndim
    if len(content) < header or struct.unpack(">i", content[:4])[0] != magic:
        raise SystemExit(f"{path} is no IDX file of {ndim} dimensions; fetch the file again")
    shape = struct.unpack(f">{ndim}i", content[4:header])
    if len(content) - header != np.prod(shape):
        raise SystemExit(
            f"{path} says {shape} and holds {len(content) - header} bytes; fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def draw(path, data, predictions, columns=12):
    """Save a picture: test images with their predicted digits, and a last row of wrong ones."""
    wrong = np.flatnonzero(predictions != data.test_labels)
    mpl.use("Agg")
    figure, axes = plt.subplots(5, columns, figsize=(columns * 0.8, 5.4), layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, i in zip(axes.flat, [*range(4 * columns), *wrong[:columns]], strict=False):
        right = predictions[i] == data.test_labels[i]
        label = f"{predictions[i]}" if right else f"{predictions[i]} (is {data.test_labels[i]})"
        axis.imshow(data.test_images[i, ..., 0], cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(label, fontsize=10, color="black" if right else "crimson", pad=3)
        if not right:
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_color("crimson")
    correct = len(predictions) - len(wrong)
    figure.suptitle(f"{correct} of {len(predictions)} test images read correctly; mistakes in red")
    figure.savefig(path, dpi=120)
    plt.close(figure)
