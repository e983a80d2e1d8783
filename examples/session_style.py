"""Train one network twice: as a `@penstock.function`, and the way of TensorFlow 1, with a Session.

Both ways build the same graph of the same ops, so the losses are equal to the last bit.

    python examples/session_style.py
"""

import argparse
import math

import digits
import numpy as np

import penstock as ps

SEED = 1
BATCH = 64
LEARNING_RATE = 0.002


def first_values(side):
    """Return the first value of every weight, the same for both ways."""
    ps.random.set_seed(SEED)
    shapes = [(3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), ((side // 4) ** 2 * 32, 10), (10,)]
    return [
        ps.zeros(shape)
        if len(shape) == 1
        else ps.random.normal(shape, stddev=math.sqrt(2 / math.prod(shape[:-1])))
        for shape in shapes
    ]


def loss_of(weights, images, labels):
    """Return the mean cross-entropy. It is a value, or a tensor of a graph, as its arguments are."""
    filters_1, bias_1, filters_2, bias_2, dense, bias_3 = weights
    x = ps.nn.max_pool2d(ps.nn.relu(ps.nn.conv2d(images, filters_1, padding="same") + bias_1), 2)
    x = ps.nn.max_pool2d(ps.nn.relu(ps.nn.conv2d(x, filters_2, padding="same") + bias_2), 2)
    scores = ps.flatten(x, 1) @ dense + bias_3
    return ps.mean(ps.nn.softmax_cross_entropy(scores, labels))


def with_function(batches, side):
    """Python that runs as a graph: the step is a function, the loop calls it."""
    weights = [ps.Variable(value) for value in first_values(side)]
    moments = [[ps.Variable(ps.zeros(w.shape)) for w in weights] for _ in range(2)]

    @ps.function
    def train_step(images, labels, step):
        with ps.GradientTape() as tape:
            loss = loss_of(weights, images, labels)
        gradients = tape.gradient(loss, weights)
        for w, m, v, g in zip(weights, *moments, gradients, strict=True):
            for variable, value in zip(
                (w, m, v), ps.ops.adam_update(w, m, v, g, LEARNING_RATE, step), strict=True
            ):
                variable.assign(value)
        return loss

    return [train_step(*batch, step).numpy() for step, batch in enumerate(batches, 1)]


def with_session(batches, side):
    """A graph built by hand: placeholders are fed, the loss and the assignments are fetched."""
    weights = [ps.Variable(value) for value in first_values(side)]
    moments = [[ps.Variable(ps.zeros(w.shape)) for w in weights] for _ in range(2)]

    graph = ps.Graph("training")
    with graph.as_default():
        images = ps.placeholder("float32", ("batch", side, side, 1), name="images")
        labels = ps.placeholder("int64", ("batch",), name="labels")
        step = ps.placeholder("float32", (), name="step")
        loss = loss_of(weights, images, labels)
        updates = []
        for w, m, v, g in zip(weights, *moments, ps.gradients(loss, weights), strict=True):
            new = ps.ops.adam_update(w, m, v, g, LEARNING_RATE, step)
            updates += [
                variable.assign(value) for variable, value in zip((w, m, v), new, strict=True)
            ]
        train = ps.group(*updates, name="train")

    with ps.Session(graph) as session:
        return [
            session.run((loss, train), {images: x, labels: y, step: i})[0]
            for i, (x, y) in enumerate(batches, 1)
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    data = digits.load("digits", None, SEED)
    rng = np.random.default_rng(SEED)
    batches = []
    for _ in range(steps):
        rows = rng.choice(len(data.train_labels), BATCH, replace=False)
        batches.append((data.train_images[rows], data.train_labels[rows]))
    side = data.train_images.shape[1]
    pairs = zip(with_function(batches, side), with_session(batches, side), strict=True)
    print("step  function      session")
    for number, (one, other) in enumerate(pairs, 1):
        print(f"{number:4}  {one:.10f}  {other:.10f}")
        assert one.tobytes() == other.tobytes(), f"the losses of step {number} differ"
    print(f"{steps} losses, equal to the last bit")


if __name__ == "__main__":
    main()
