"""Training steps give the same bits at one and at two threads: what is added up in which order hangs on sizes alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

PROGRAM = """
import hashlib, sys
import numpy as np
import penstock as ps

rng = np.random.default_rng(0)
weights = {}

def w(name, *shape):
    if name not in weights:
        drawn = rng.standard_normal(shape, "float32") * float(2 / max(1, np.prod(shape[:-1]))) ** 0.5
        weights[name] = ps.Variable(drawn, name=name)
    return weights[name].value

def draw(*shape):
    return ps.asarray(rng.standard_normal(shape, "float32"))

def norm(x, name):
    size = x.shape[-1]
    return ps.nn.batch_norm(x, 1 + w(name + "/scale", size), w(name + "/offset", size))[0]

def mlp():
    x = draw(131, 257)
    def forward():
        h = ps.nn.relu(x @ w("a", 257, 301) + w("b", 301))
        return ps.nn.relu(h @ w("c", 301, 199) + w("d", 199)) @ w("e", 199, 11) + w("f", 11)
    return forward, 131

def cnn():
    x = draw(19, 29, 27, 3)
    def forward():
        h = ps.nn.max_pool2d(ps.nn.relu(ps.nn.conv2d(x, w("a", 3, 3, 3, 33)) + w("b", 33)), 2)
        h = ps.nn.relu(norm(ps.nn.conv2d(h, w("c", 3, 3, 33, 37), 2, "same"), "n"))
        return ps.reshape(h, (19, -1)) @ w("d", 7 * 6 * 37, 11)
    return forward, 19

def lstm():
    x = draw(37, 23, 45)
    def forward():
        state = ps.nn.lstm(x, w("a", 45, 4 * 67), w("u", 67, 4 * 67), w("b", 4 * 67))[1][0]
        return state @ w("d", 67, 11)
    return forward, 37

def transformer():
    x = draw(5, 61, 96)
    def heads(t):
        return ps.permute_dims(ps.reshape(t, (5, 61, 3, 32)), (0, 2, 1, 3))
    def layer_norm(x, name):
        return ps.nn.layer_norm(x, 1 + w(name + "/scale", 96), w(name + "/offset", 96))
    def forward():
        q, k, v = (heads(x @ w(name, 96, 96)) for name in ("q", "k", "v"))
        mixed = ps.permute_dims(ps.nn.scaled_dot_product_attention(q, k, v), (0, 2, 1, 3))
        h = layer_norm(x + ps.reshape(mixed, (5, 61, 96)) @ w("o", 96, 96), "n")
        h = layer_norm(h + ps.nn.gelu(h @ w("e", 96, 389)) @ w("f", 389, 96), "m")
        return ps.mean(h, 1) @ w("d", 96, 11)
    return forward, 5

def resnet_block():
    x = draw(7, 15, 17, 65)
    def forward():
        h = ps.nn.relu(norm(ps.nn.conv2d(x, w("a", 1, 1, 65, 35)), "n"))
        h = ps.nn.relu(norm(ps.nn.conv2d(h, w("b", 3, 3, 35, 35), 2, "same"), "m"))
        h = norm(ps.nn.conv2d(h, w("c", 1, 1, 35, 129)), "o")
        around = norm(ps.nn.conv2d(x, w("d", 1, 1, 65, 129), 2), "p")
        return ps.nn.global_avg_pool(ps.nn.relu(h + around)) @ w("e", 129, 11)
    return forward, 7

forward, rows = globals()[sys.argv[1]]()
labels = ps.asarray(rng.integers(0, 11, rows))
forward()  # makes the weights
first = {k: ps.Variable(np.zeros(v.shape, "float32"), trainable=False) for k, v in weights.items()}
second = {k: ps.Variable(np.zeros(v.shape, "float32"), trainable=False) for k, v in weights.items()}

@ps.function
def step(count):
    with ps.GradientTape() as tape:
        loss = ps.mean(ps.nn.softmax_cross_entropy(forward(), labels))
    for k, gradient in tape.gradient(loss, weights).items():
        new = ps.ops.adam_update(weights[k], first[k], second[k], gradient, 1e-3, count)
        for variable, value in zip((weights[k], first[k], second[k]), new):
            variable.assign(value)
    return loss

digest = hashlib.sha256()
losses = [step(ps.asarray(float(i + 1), "float32")).item() for i in range(3)]
for variable in (*weights.values(), *first.values(), *second.values()):
    digest.update(variable.numpy().tobytes())
print(*(loss.hex() for loss in losses), digest.hexdigest(), losses[2] < losses[0])
"""


def runs(network: str) -> Iterator[str]:
    for threads in ("1", "2", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, network],
            env={**os.environ, "PENSTOCK_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr
        yield done.stdout


@pytest.mark.parametrize("network", ["mlp", "cnn", "lstm", "transformer", "resnet_block"])
def test_training_steps_have_the_same_bits_at_one_and_two_threads(network: str) -> None:
    first, *others = runs(network)
    assert first.endswith("True\n"), "the loss falls"
    assert others == [first, first]
