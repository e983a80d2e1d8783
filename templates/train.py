"""Train the quickstart's network twice, with and without a plugin's op, and compare the losses.

    python templates/train.py acme_demo.scale_add

The op adds the biases, forwards and backwards, inside the traced training step. x + 1 · y has the bits of x + y, so the
losses must be equal to the last one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

import penstock as ps

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import digits
import quickstart

STEPS = 20


class Network(quickstart.Network):
    """The quickstart's network; `add` puts in the biases."""

    def __init__(self, side, channels, add):
        super().__init__(side, channels)
        self.add = add

    def __call__(self, images):
        """Return [batch, 10], a score for every digit."""
        x = ps.nn.conv2d(images, self.filters_1, padding="same")
        x = ps.nn.max_pool2d(ps.nn.relu(self.add(x, self.bias_1)), 2)
        x = ps.nn.conv2d(x, self.filters_2, padding="same")
        x = ps.nn.max_pool2d(ps.nn.relu(self.add(x, self.bias_2)), 2)
        return self.add(ps.flatten(x, 1) @ self.dense, self.bias_3)


def losses(data, add):
    """Train anew from the same seed; give the loss of every step, and where the step's nodes ran."""
    ps.random.set_seed(1)
    network = Network(data.train_images.shape[1], (8, 16), add)
    step = quickstart.make_train_step(network)
    order = np.random.default_rng(1)
    rows = [order.choice(len(data.train_images), quickstart.BATCH) for _ in range(STEPS)]
    batches = [(data.train_images[r], data.train_labels[r]) for r in rows]
    values = [float(step(x, y, i)) for i, (x, y) in enumerate(batches, 1)]
    return values, ps.explain_placement(step)


def main():
    """Compare, and print the first and last loss."""
    module, name = sys.argv[1].rsplit(".", 1)
    op = getattr(import_module(module), name)
    data = digits.load("digits", None, 1)
    plain, _ = losses(data, lambda x, bias: x + bias)
    foreign, placement = losses(data, lambda x, bias: op(x, bias, alpha=1.0))
    used = [line for line in placement.splitlines() if sys.argv[1] in line]
    if not any("(c++)" in line for line in used):
        raise SystemExit(f"the kernel of {sys.argv[1]} was not used:\n{placement}")
    if plain != foreign:
        raise SystemExit(f"the losses differ:\n{plain}\n{foreign}")
    print(f"{len(used)} nodes of {sys.argv[1]}; loss {plain[0]:.6f} to {plain[-1]:.6f} in both")


if __name__ == "__main__":
    main()
