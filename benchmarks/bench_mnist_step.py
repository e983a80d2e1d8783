"""One training step of a small convolutional network at batch 64: forward, backward, Adam. Against its peers.

    python benchmarks/bench_mnist_step.py [--json]

Peers are those that are installed: PyTorch, TensorFlow.

conv 3x3 to 32, conv 3x3 to 64, max-pool 2, dense 128, dense 10; the same weights on both sides, and the losses of the
first steps are compared before anything is timed.
"""

from __future__ import annotations

from _pairs import compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402

BATCH = 64


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw He-initialised weights: HWIO filters, [in, out] matrices."""

    def he(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)

    return {
        "c1": he(3, 3, 1, 32), "b1": np.zeros(32, np.float32),
        "c2": he(3, 3, 32, 64), "b2": np.zeros(64, np.float32),
        "d1": he(9216, 128), "e1": np.zeros(128, np.float32),
        "d2": he(128, 10), "e2": np.zeros(10, np.float32),
    }  # fmt: skip


def penstock_step(start: dict[str, np.ndarray]):
    """Make the step as one compiled function."""
    w = {k: ps.Variable(v, name=k) for k, v in start.items()}
    m = {k: ps.Variable(np.zeros_like(v), name=f"{k}/m", trainable=False) for k, v in start.items()}
    s = {k: ps.Variable(np.zeros_like(v), name=f"{k}/v", trainable=False) for k, v in start.items()}
    count = ps.Variable(0.0, name="step", trainable=False)

    @ps.function
    def step(x, labels):
        with ps.GradientTape() as tape:
            h = ps.nn.relu(ps.nn.conv2d(x, w["c1"].value) + w["b1"])
            h = ps.nn.relu(ps.nn.conv2d(h, w["c2"].value) + w["b2"])
            h = ps.reshape(ps.nn.max_pool2d(h, 2), (-1, 9216))
            h = ps.nn.relu(ps.matmul(h, w["d1"].value) + w["e1"])
            logits = ps.matmul(h, w["d2"].value) + w["e2"]
            loss = ps.mean(ps.nn.softmax_cross_entropy(logits, labels))
        grads = tape.gradient(loss, w)
        t = count.assign_add(1.0)
        for k, weight in w.items():
            new = ps.ops.adam_update(weight, m[k], s[k], grads[k], 1e-3, t, epsilon=1e-8)
            weight.assign(new[0])
            m[k].assign(new[1])
            s[k].assign(new[2])
        return loss

    return step


def torch_step(start: dict[str, np.ndarray]):
    """Make the same step in PyTorch, eager, as its users write it."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    torch.set_num_threads(1)
    w = {}
    for k, v in start.items():
        v = v.transpose(3, 2, 0, 1) if v.ndim == 4 else v
        if k == "d1":  # our rows are ordered height, width, channel; theirs channel, height, width
            v = v.reshape(12, 12, 64, 128).transpose(2, 0, 1, 3).reshape(9216, 128)
        w[k] = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(v)))
    optimizer = torch.optim.Adam(w.values(), lr=1e-3)

    def step(x, labels):
        h = F.relu(F.conv2d(x, w["c1"], w["b1"]))
        h = F.relu(F.conv2d(h, w["c2"], w["b2"]))
        h = F.max_pool2d(h, 2).flatten(1)
        h = F.relu(h @ w["d1"] + w["e1"])
        loss = F.cross_entropy(h @ w["d2"] + w["e2"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def tensorflow_step(start: dict[str, np.ndarray]):
    """Make the same step in TensorFlow, as one traced function."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    w = {k: tf.Variable(v) for k, v in start.items()}
    m = {k: tf.Variable(tf.zeros_like(v)) for k, v in w.items()}
    s = {k: tf.Variable(tf.zeros_like(v)) for k, v in w.items()}
    count = tf.Variable(0.0)

    @tf.function
    def step(x, labels):
        with tf.GradientTape() as tape:
            h = tf.nn.relu(tf.nn.conv2d(x, w["c1"], 1, "VALID") + w["b1"])
            h = tf.nn.relu(tf.nn.conv2d(h, w["c2"], 1, "VALID") + w["b2"])
            h = tf.reshape(tf.nn.max_pool2d(h, 2, 2, "VALID"), (-1, 9216))
            h = tf.nn.relu(h @ w["d1"] + w["e1"])
            logits = h @ w["d2"] + w["e2"]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        grads = tape.gradient(loss, w)
        t = count.assign_add(1.0)
        for k, weight in w.items():
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=m[k].handle,
                v=s[k].handle,
                beta1_power=0.9**t,
                beta2_power=0.999**t,
                lr=1e-3,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-8,
                grad=grads[k],
            )
        return loss

    return step


def peers(start: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray):
    """Make the step of every peer that is installed, ready to be called."""
    found = {}
    try:
        import torch

        theirs = torch_step(start)
        tx, tl = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)
        found["torch"] = lambda: theirs(tx, tl)
    except ImportError:
        pass
    try:
        import tensorflow as tf

        traced = tensorflow_step(start)
        fx, fl = tf.constant(x), tf.constant(labels)
        found["tf.function"] = lambda: traced(fx, fl)
    except ImportError:
        pass
    return found


def main() -> None:
    """Check that all compute the same, then time them."""
    rng = np.random.default_rng(0)
    start = weights(rng)
    x = rng.standard_normal((BATCH, 28, 28, 1)).astype(np.float32)
    labels = rng.integers(0, 10, BATCH)
    step = penstock_step(start)
    px, pl = ps.asarray(x), ps.asarray(labels)
    bodies = {"penstock": lambda: step(px, pl), **peers(start, x, labels)}
    losses = {name: [float(body()) for _ in range(3)] for name, body in bodies.items()}
    for name, values in losses.items():
        print(f"first losses, {name}:", ", ".join(f"{v:.6f}" for v in values))
        np.testing.assert_allclose(values, losses["penstock"], rtol=2e-3)
    report(f"training step, batch {BATCH}", compare(bodies, rounds=9, seconds_per_round=0.3), "ms")


if __name__ == "__main__":
    main()
