"""A small net that has learned something, and the data that it learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphFunction, GraphModel

Array = np.ndarray[Any, Any]


@dataclass
class Learned:
    """A trained model, and examples with their classes: some to learn from, some to test with."""

    model: GraphModel
    x: Array
    labels: Array
    test_x: Array
    test_labels: Array

    def accuracy(self, model: Any) -> float:
        """The share of right answers on the test examples."""
        return float((np.asarray(model(self.test_x)).argmax(axis=1) == self.test_labels).mean())


def patterns(rng: np.random.Generator, templates: Array, count: int) -> tuple[Array, Array]:
    """Draw noisy copies of one picture for each class."""
    labels = rng.integers(0, len(templates), count)
    noise = rng.standard_normal((count, 8, 8, 1))
    return (templates[labels] + 0.9 * noise).astype("float32"), labels


def net(rng: np.random.Generator) -> GraphModel:
    """Build convolution, depthwise convolution, a sum of two branches, pooling and a dense layer."""
    shapes = {
        "conv": (3, 3, 1, 16),
        "depthwise": (3, 3, 16, 1),
        "pointwise": (1, 1, 16, 16),
        "dense": (256, 10),
    }
    made: dict[str, ps.Variable] = {}
    for name, shape in shapes.items():
        fan = 9 if name == "depthwise" else int(np.prod(shape[:-1]))
        weights = rng.standard_normal(shape) * (2 / fan) ** 0.5
        channels = shape[2] if name == "depthwise" else shape[3 if len(shape) == 4 else 1]
        made[name] = ps.Variable(weights.astype("float32"), name=name)
        made[f"{name}_bias"] = ps.Variable(np.zeros(channels, "float32"), name=f"{name}_bias")
    with ps.Graph("net").as_default() as graph:
        x = ps.placeholder("float32", ("batch", 8, 8, 1), name="x")
        y = ps.relu(ps.conv2d(x, made["conv"], padding="same") + made["conv_bias"])
        z = ps.depthwise_conv2d(y, made["depthwise"], padding="same") + made["depthwise_bias"]
        z = ps.conv2d(ps.relu6(z), made["pointwise"]) + made["pointwise_bias"]
        pooled = ps.max_pool2d(ps.relu(z + y), 2)
        scores = ps.reshape(pooled, (-1, 256)) @ made["dense"] + made["dense_bias"]
        graph.inputs, graph.outputs = [x], [scores]
    return GraphModel({"main": GraphFunction(graph, "main", ["x"], ["scores"])}, made)


def learn(model: GraphModel, x: Array, labels: Array, steps: int, rate: float = 0.003) -> None:
    """Train with Adam, written out."""
    variables = model.trainable_variables
    first = [np.zeros(v.shape, "float32") for v in variables]
    second = [np.zeros(v.shape, "float32") for v in variables]
    rng = np.random.default_rng(7)
    for step in range(1, steps + 1):
        some = rng.choice(len(x), 64)
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.nn.softmax_cross_entropy(model(x[some]), labels[some]))
        for i, (v, g) in enumerate(zip(variables, tape.gradient(loss, variables), strict=True)):
            g = np.asarray(g)
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g * g
            size = np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8
            v.assign(np.asarray(v.value) - rate * (first[i] / (1 - 0.9**step)) / size)


@pytest.fixture(scope="session")
def learned() -> Learned:
    rng = np.random.default_rng(0)
    templates = rng.standard_normal((10, 8, 8, 1))
    x, labels = patterns(rng, templates, 1000)
    test_x, test_labels = patterns(rng, templates, 400)
    model = net(rng)
    learn(model, x, labels, 60)
    made = Learned(model, x, labels, test_x, test_labels)
    assert made.accuracy(model) > 0.9
    return made


@pytest.fixture
def train() -> Callable[..., None]:
    """Train a model: `train(model, x, labels, steps, rate=...)`."""
    return learn
