"""The number of threads never changes a bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

PROGRAM = """
    import hashlib
    import numpy as np
    import penstock as ps

    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def show(name, *tensors):
        bits = b"".join(np.ascontiguousarray(t.numpy()).tobytes() for t in tensors)
        print(name, hashlib.sha256(bits).hexdigest())

    assert ps._native.num_threads() == THREADS, ps._native.num_threads()
    x, y = draw(900, 1000), draw(1000, 700)
    wide, tall = draw(7, 200_003), draw(200_003, 7)
    for name in ("exp", "log", "tanh", "sigmoid", "sin"):
        show(name, getattr(ps, name)(wide))
    show("add", ps.add(wide, wide[:1]))
    for name in ("sum", "mean", "max", "prod", "argmax"):
        for axis in (None, 0, 1):
            show(f"{name} {axis}", getattr(ps, name)(wide, axis=axis), getattr(ps, name)(tall, axis=axis))
    show("sum of the middle", ps.sum(ps.reshape(wide[:, :200_000], (7, 1000, 200)), axis=1))
    show("matmul", ps.matmul(x, y), ps.matmul(y, y, transpose_x=True), ps.matmul(x[:, :700], y, transpose_y=True))
    show("matmul of a narrow side", ps.matmul(x, draw(y.shape[0], 5)), ps.matmul(x[:3, :700], y[:, :700], transpose_y=True))
    show("matmul in batches", ps.matmul(draw(40, 30, 60), draw(40, 60, 50)))
    images, filters = draw(17, 24, 24, 8), draw(3, 3, 8, 20)
    dy = draw(17, 24, 24, 20)
    loss = lambda a, b: ps.sum(ps.conv2d(a, b, padding="same") * dy)
    show("conv2d", ps.conv2d(images, filters, padding="same"))
    show("conv2d gradients", *ps.grad(loss, argnums=(0, 1))(images, filters))
    images, filters, dy = draw(9, 24, 25, 40), draw(3, 3, 40, 70), draw(9, 24, 25, 70)
    show("conv2d by Winograd", ps.conv2d(images, filters, padding="same"))
    show("its gradients", *ps.grad(loss, argnums=(0, 1))(images, filters))
    for pool in (ps.max_pool2d, ps.avg_pool2d):
        show("pool", pool(images, (2, 2)))
        show("pool gradient", ps.grad(lambda a: ps.sum(ps.square(pool(a, (3, 3), strides=(2, 2)))))(images))
    rows = draw(5000, 40)
    show("batch_norm", *ps.batch_norm(rows, draw(40), draw(40)))
    show("batch_norm gradient", ps.grad(lambda a: ps.sum(ps.batch_norm(a, np.ones(40, np.float32),
         np.zeros(40, np.float32))[0] ** 3.0))(rows))
    show("softmax", ps.softmax(wide), ps.softmax(tall), ps.softmax(wide, axis=0), ps.log_softmax(tall))
    index = rng.integers(0, 100, 50_000)
    x, w = draw(5, 24, 24, 40), draw(3, 3, 40, 1)
    loss = lambda a, b: ps.sum(ps.nn.depthwise_conv2d(a, b, padding="same") ** 3.0)
    show("depthwise_conv2d", ps.nn.depthwise_conv2d(x, w, 2), *ps.grad(loss, argnums=(0, 1))(x, w))
    loss = lambda a, s: ps.sum(ps.nn.layer_norm(a, s, s) ** 3.0) + ps.sum(ps.nn.rms_norm(a, s) ** 3.0)
    show("layer_norm", *ps.grad(loss, argnums=(0, 1))(rows, draw(40)))
    loss = lambda a, s: ps.sum(ps.nn.group_norm(a, s, s, 8) ** 3.0)
    show("group_norm", *ps.grad(loss, argnums=(0, 1))(x, draw(40)))
    q, m = draw(3, 300, 32), draw(300, 300)
    loss = lambda a, b: ps.sum(ps.nn.scaled_dot_product_attention(a, a, a, b, causal=True) ** 3.0)
    show("attention", *ps.grad(loss, argnums=(0, 1))(q, m))
    show("scatter_add", ps.scatter_add(np.zeros((100, 9), np.float32), index, draw(50_000, 9)))
    show("take", ps.take(rows, index % 5000))
    whole = lambda *shape: rng.integers(-128, 128, shape).astype(np.int8)
    scales = (0.05, -4, 0.01, 0, 3.0, -4)
    x, b = whole(2, 40, 40, 64), np.zeros(200, np.int32)
    show("quantized_conv2d", ps.quantized_conv2d(x, whole(3, 3, 64, 200), b, *scales, padding="same"))
    show("one tap", ps.quantized_conv2d(x, whole(1, 1, 64, 200), b, *scales))
    show("quantized_depthwise_conv2d", ps.quantized_depthwise_conv2d(x, whole(3, 3, 64, 1), b[:64], *scales))
    show("quantized_matmul", ps.quantized_matmul(whole(700, 900), whole(900, 200), b, *scales))
    show("transpose", ps.transpose(tall))
    ps.random.set_seed(5)
    show("random", ps.random.uniform((300_001,)), ps.random.normal((300_001,)))
    p = draw(300_001)
    show("adam", *ps.ops.adam_update(p, p, ps.abs(p), p, 0.1, 3.0))
    show("rows of adam", *ps.ops.adam_update_rows(rows, rows, ps.abs(rows), index % 5000, draw(50_000, 40), 0.1, 3.0))
    show("embedding", ps.nn.embedding(rows, index % 5000))
    bins = ps.ops.tree_bins(tall, np.sort(draw(7, 200), 1))
    columns = np.array([[201, 0, 0]] * 6 + [[201, 1, 0]], np.int32)
    each = np.arange(len(tall), dtype=np.int32)
    show("tree_grow", bins, *ps.ops.tree_grow(bins, tall[:, 0] * tall[:, 1], tall[:, 2] ** 2, each, columns))
    args = next(s.args for s in ps.ops.tree_predict.samples_fn(rng) if s.label == "large")
    show("tree_predict", ps.ops.tree_predict(*args))
"""


@pytest.fixture(scope="module")
def outputs() -> dict[int, str]:
    return {}


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(
    threads: int, python: Callable[..., str], outputs: dict[int, str]
) -> None:
    program = PROGRAM.replace("THREADS", str(threads))
    outputs[threads] = python(program, PENSTOCK_NUM_THREADS=str(threads))
    assert outputs[threads].count("\n") > 30
    first = outputs.setdefault(1, outputs[threads])
    assert outputs[threads].splitlines() == first.splitlines()


def test_runs_repeat(python: Callable[..., str], outputs: dict[int, str]) -> None:
    again = python(PROGRAM.replace("THREADS", "2"), PENSTOCK_NUM_THREADS="2")
    assert again == outputs.get(2, again)
