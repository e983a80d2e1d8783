"""Train a small convolutional network to read handwritten digits.

    python examples/quickstart.py                          # the 1,797 digits that come with scikit-learn
    PENSTOCK_MIRROR=~/hub python examples/quickstart.py    # all of MNIST: ~/hub/datasets/mnist/*.gz

Equal seeds give equal numbers, bit for bit, on any number of threads.
"""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np

import penstock as ps

try:
    import digits
    from rich.console import Console
    from rich.progress import Progress
except ImportError as error:
    raise SystemExit(
        f"there is no {error.name}; run: python -m pip install rich matplotlib scikit-learn"
    ) from None

BATCH = 64
LEARNING_RATE = 0.002


class Network:
    """Two convolutions, each followed by pooling, and one dense layer."""

    def __init__(self, side, channels):
        first, second = channels
        self.filters_1 = random_weights(3, 3, 1, first)
        self.bias_1 = ps.Variable(ps.zeros((first,)))
        self.filters_2 = random_weights(3, 3, first, second)
        self.bias_2 = ps.Variable(ps.zeros((second,)))
        self.dense = random_weights((side // 4) ** 2 * second, 10)
        self.bias_3 = ps.Variable(ps.zeros((10,)))
        self.variables = list(vars(self).values())

    def __call__(self, images):
        """Return [batch, 10], a score for every digit."""
        x = ps.nn.relu(ps.nn.conv2d(images, self.filters_1, padding="same") + self.bias_1)
        x = ps.nn.max_pool2d(x, 2)
        x = ps.nn.relu(ps.nn.conv2d(x, self.filters_2, padding="same") + self.bias_2)
        x = ps.nn.max_pool2d(x, 2)
        return ps.flatten(x, 1) @ self.dense + self.bias_3


def random_weights(*shape):
    spread = math.sqrt(2 / math.prod(shape[:-1]))  # keeps values of one size from layer to layer
    return ps.Variable(ps.random.normal(shape, stddev=spread))


def make_train_step(network):
    weights = network.variables
    means = [ps.Variable(ps.zeros(w.shape), trainable=False) for w in weights]
    squares = [ps.Variable(ps.zeros(w.shape), trainable=False) for w in weights]

    @ps.function
    def train_step(images, labels, step):
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.nn.softmax_cross_entropy(network(images), labels))
        gradients = tape.gradient(loss, weights)
        for w, m, v, g in zip(weights, means, squares, gradients, strict=True):
            new_w, new_m, new_v = ps.ops.adam_update(w, m, v, g, LEARNING_RATE, step)
            w.assign(new_w)
            m.assign(new_m)
            v.assign(new_v)
        return loss

    return train_step


def train(train_step, data, epochs, seed, console):
    order = np.random.default_rng(seed)
    steps = len(data.train_images) // BATCH
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=epochs * steps)
        for epoch in range(epochs):
            start, total = time.perf_counter(), 0.0
            batches = order.permutation(len(data.train_images))[: steps * BATCH]
            for i, rows in enumerate(batches.reshape(steps, BATCH), 1 + epoch * steps):
                total += float(train_step(data.train_images[rows], data.train_labels[rows], i))
                progress.advance(bar)
            seconds = time.perf_counter() - start
            console.print(f"epoch {epoch + 1}/{epochs}  loss {total / steps:.6f}  {seconds:.1f} s")


def predict(network, images):
    run = ps.function(lambda batch: ps.argmax(network(batch), -1))
    return np.concatenate([run(images[i : i + 500]) for i in range(0, len(images), 500)])


def kernels_are_missing():
    """Tell whether convolutions would run on core's slow NumPy reference."""
    probe = ps.function(ps.nn.conv2d)
    probe(ps.zeros((1, 3, 3, 1)), ps.zeros((3, 3, 1, 1)))
    return "reference" in ps.explain_placement(probe)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", choices=["digits", "mnist"], help="default: mnist if PENSTOCK_MIRROR is set"
    )
    parser.add_argument("--epochs", type=int, help="default: 15 for digits, 2 for mnist")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the weights and the order of images"
    )
    parser.add_argument("--small", action="store_true", help="a smaller network and fewer images")
    parser.add_argument("--picture", type=Path, default=Path("quickstart.png"))
    given = parser.parse_args()
    if given.epochs is not None and given.epochs < 1:
        parser.error(f"--epochs {given.epochs}: at least 1 is needed")
    if not given.picture.absolute().parent.is_dir():
        parser.error(f"--picture {given.picture}: there is no folder {given.picture.parent}")
    return given


def main():
    given, console = arguments(), Console(highlight=False)
    mirror = os.environ.get("PENSTOCK_MIRROR")
    name = given.data or ("mnist" if mirror else "digits")
    data = digits.load(name, mirror, given.seed)
    small = given.small or kernels_are_missing()
    if small:
        console.print("a smaller network on fewer images, because kernels are missing or --small")
        data = data.shortened(3000, 1000)
    ps.random.set_seed(given.seed)
    network = Network(data.train_images.shape[1], (8, 16) if small else (32, 64))
    train_step = make_train_step(network)
    size = sum(math.prod(w.shape) for w in network.variables)
    console.print(f"{name}: {len(data.train_images)} images to learn from, {size} weights")
    train(train_step, data, given.epochs or {"digits": 15, "mnist": 2}[name], given.seed, console)

    predictions = predict(network, data.test_images)
    accuracy = float(np.mean(predictions == data.test_labels))
    digits.draw(given.picture, data, predictions)
    console.print(f"picture: {given.picture}")
    console.print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
