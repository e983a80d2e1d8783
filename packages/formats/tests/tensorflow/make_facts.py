"""Write facts.npz: small graphs that TensorFlow makes, with what it computes for them. Run it with TensorFlow 2.

python packages/formats/tests/tensorflow/make_facts.py
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
RNG = np.random.default_rng(11)


def drawn(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


IMAGE = drawn(2, 7, 6, 4)
KERNEL = drawn(3, 2, 4, 5)
CASES: dict[str, tuple[list[Any], Callable[..., Any]]] = {
    "conv2d": ([IMAGE], lambda x: tf.nn.conv2d(x, KERNEL, [1, 2, 1, 1], "SAME")),
    "conv2d explicit": (
        [IMAGE],
        lambda x: tf.nn.conv2d(x, KERNEL, 1, [[0, 0], [1, 2], [0, 1], [0, 0]], dilations=[1, 2, 1, 1]),
    ),
    "conv2d groups": ([IMAGE], lambda x: tf.nn.conv2d(x, drawn(3, 2, 2, 6), 1, "VALID")),
    "conv3d": ([drawn(1, 4, 5, 4, 2)], lambda x: tf.nn.conv3d(x, drawn(2, 2, 2, 2, 3), [1] * 5, "SAME")),
    "depthwise": (
        [IMAGE],
        lambda x: tf.nn.depthwise_conv2d(x, drawn(3, 3, 4, 2), [1, 2, 2, 1], "SAME"),
    ),
    "depthwise dilated": (
        [IMAGE],
        lambda x: tf.nn.depthwise_conv2d(x, drawn(2, 2, 4, 1), [1, 1, 1, 1], "VALID", dilations=[2, 2]),
    ),
    "transpose same": (
        [IMAGE],
        lambda x: tf.nn.conv2d_transpose(x, drawn(3, 3, 2, 4), [2, 14, 12, 2], 2, "SAME"),
    ),
    "transpose valid": (
        [IMAGE],
        lambda x: tf.nn.conv2d_transpose(x, drawn(3, 2, 2, 4), [2, 16, 12, 2], 2, "VALID"),
    ),
    "pools": (
        [IMAGE],
        lambda x: [
            tf.nn.max_pool2d(x, [3, 2], 2, "SAME"),
            tf.nn.avg_pool2d(x, 3, [2, 1], "SAME"),
            tf.nn.avg_pool2d(x, 2, 2, "VALID"),
        ],
    ),
    "batch norm": (
        [IMAGE],
        lambda x: v1.nn.fused_batch_norm(
            x, drawn(4), drawn(4), drawn(4), np.abs(drawn(4)) + 0.5, 0.01, is_training=False
        )[0],
    ),
    "activations": (
        [IMAGE],
        lambda x: [
            tf.nn.relu6(x * 4.0), tf.nn.elu(x), tf.nn.selu(x), tf.nn.leaky_relu(x, 0.3), tf.nn.softplus(x),
            tf.nn.softsign(x), tf.sigmoid(x), tf.tanh(x), tf.nn.softmax(x), tf.nn.log_softmax(x), tf.nn.lrn(x, 2),
        ],
    ),
    "arithmetic": (
        [drawn(3, 4), np.abs(drawn(3, 4)) + 0.5],
        lambda x, y: [
            x + y, x - y, x * y, x / y, x // y, x % y, tf.maximum(x, y), tf.pow(y, x), tf.math.rsqrt(y), tf.sign(x),
            tf.math.squared_difference(x, y), tf.where(x > y, x, y), tf.cast(x > 0.0, tf.int32), tf.add_n([x, y, x]),
            tf.clip_by_value(x, -0.5, 0.5), tf.math.log1p(y), tf.round(x * 3.0), tf.math.erf(x),
        ],
    ),
    "sums": (
        [IMAGE],
        lambda x: [
            tf.reduce_mean(x, [1, 2]), tf.reduce_sum(x, -1, keepdims=True), tf.reduce_max(x), tf.argmax(x, 1),
            tf.reduce_prod(x, 3), tf.reduce_any(x > 1.0, 1), tf.cumsum(x, 2, exclusive=True, reverse=True),
        ],
    ),
    "products": (
        [drawn(3, 4), drawn(5, 4), drawn(2, 3, 4)],
        lambda x, y, z: [
            tf.matmul(x, y, transpose_b=True), tf.matmul(z, z, adjoint_a=True), tf.einsum("abc,dc->abd", z, y),
        ],
    ),
    "shapes": (
        [IMAGE],
        lambda x: [
            tf.reshape(x, [tf.shape(x)[0], -1]), tf.transpose(x, [0, 3, 1, 2]), tf.expand_dims(x, 1),
            tf.squeeze(x[:, :1], 1), tf.stack([x, x * 2.0], 1), tf.unstack(x, axis=2)[1], tf.split(x, 2, 3)[1],
            tf.split(x, [1, -1], 2)[1], tf.slice(x, [0, 1, 2, 0], [2, 3, -1, 2]), tf.tile(x, [1, 2, 1, 1]),
            tf.pad(x, [[0, 0], [1, 2], [0, 0], [0, 1]]), tf.pad(x, [[0, 0], [1, 2], [0, 0], [0, 0]], "REFLECT"),
            tf.reverse(x, [1]), tf.concat([x, x], 3), tf.zeros_like(x), tf.fill([2, 3], 1.5) * x[0, 0, 0, 0],
            tf.broadcast_to(x[:, :1], [2, 7, 6, 4]), tf.nn.space_to_depth(x[:, :6], 2),
            tf.nn.depth_to_space(x, 2), tf.space_to_batch(x[:, :6], [2, 3], [[0, 0], [0, 0]]),
            tf.batch_to_space(tf.concat([x, x], 0), [2, 2], [[1, 0], [0, 1]]),
        ],
    ),
    "strided slices": (
        [IMAGE],
        lambda x: [x[:, 1:-1:2, ::-1], x[..., tf.newaxis, 2], x[1, :, 3], x[:, ::2, 1:, -1:]],
    ),
    "gathers": (
        [drawn(5, 4), np.array([[1, 4], [0, 2]], np.int32)],
        lambda x, i: [
            tf.gather(x, i), tf.gather(x, [3, 1], axis=1), tf.gather_nd(x, i[:, :1]), tf.one_hot(i, 5, 2.0, -1.0),
            *tf.math.top_k(x, 2), tf.range(5.0) * x[0, 0],
        ],
    ),
    "resizing": (
        [IMAGE],
        lambda x: [
            v1.image.resize_bilinear(x, [5, 9]), v1.image.resize_bilinear(x, [14, 3], align_corners=True),
            v1.image.resize_nearest_neighbor(x, [5, 9]), tf.image.resize(x, [9, 5]),
            v1.image.resize_nearest_neighbor(x, [14, 3], align_corners=True), tf.image.resize(x, [9, 5], "nearest"),
        ],
    ),
    "audio": (
        [drawn(900, 1) * 0.3],
        lambda x: tf.raw_ops.Mfcc(
            spectrogram=tf.raw_ops.AudioSpectrogram(
                input=x, window_size=200, stride=80, magnitude_squared=True
            ),
            sample_rate=8000,
            filterbank_channel_count=20,
            dct_coefficient_count=7,
            upper_frequency_limit=3000,
        ),
    ),
}  # fmt: skip


def rows_of_a_loop(x: Any) -> Any:
    """A loop of TensorFlow 1 that reads an array of tensors and writes another."""
    given = tf.TensorArray(tf.float32, 5, element_shape=(3,), clear_after_read=False).unstack(x)
    made = tf.TensorArray(tf.float32, 5, element_shape=(3,))

    def body(i: Any, total: Any, rows: Any) -> Any:
        total = tf.tanh(total * 0.5 + given.read(i))
        return i + 1, total, rows.write(i, total)

    _, last, made = tf.while_loop(
        lambda i, *_: i < 5, body, (tf.constant(0), tf.zeros(3), made), parallel_iterations=1
    )
    return [last, made.stack()]


def frozen(facts: dict[str, Any], name: str, inputs: list[Any], make: Callable[..., Any]) -> None:
    with v1.Graph().as_default() as graph:
        fed = [v1.placeholder(x.dtype, x.shape, f"in{i}") for i, x in enumerate(inputs)]
        made = make(*fed)
        made = made if isinstance(made, list) else [made]
        outs = [tf.identity(t, f"out{i}") for i, t in enumerate(made)]
        with v1.Session(graph=graph) as session:
            values = session.run(outs, dict(zip(fed, inputs, strict=True)))
    facts[f"{name}/graph"] = np.frombuffer(graph.as_graph_def().SerializeToString(), np.uint8)
    facts |= {f"{name}/in{i}": x for i, x in enumerate(inputs)}
    facts |= {f"{name}/out{i}": np.asarray(x) for i, x in enumerate(values)}


class Module(tf.Module):
    """Variables, a loop, a condition and a function in a function."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(drawn(3, 3), name="w")
        self.table = tf.Variable(drawn(6, 3), name="table")

    @tf.function
    def inner(self, x: Any) -> Any:
        return tf.nn.relu(x @ self.w)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, "x"),
            tf.TensorSpec([None], tf.int32, "ids"),
        ]
    )
    def main(self, x: Any, ids: Any) -> Any:
        y = self.inner(x) + tf.gather(self.table, ids)
        _, y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y @ self.w)), (0, y))
        y = tf.cond(tf.reduce_sum(x) > 0.0, lambda: y * 2.0, lambda: y - 1.0)
        return {"y": y, "flat": tf.reshape(y, [tf.shape(y)[0] * 3])}


def pack(facts: dict[str, Any], name: str, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "fingerprint.pb":
            facts[f"{name}/{path.relative_to(folder)}"] = np.frombuffer(path.read_bytes(), np.uint8)


def recurrent(facts: dict[str, Any]) -> None:
    """Export a model of Keras 3, whose loops read and write lists of tensors."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 4)),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
            layers.GRU(4),
            layers.Dense(2),
        ]
    )
    x = drawn(3, 6, 4)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        pack(facts, "recurrent", Path(folder))
    facts |= {"recurrent/x": x, "recurrent/y": model(x).numpy()}


def saved(facts: dict[str, Any]) -> None:
    module = Module()
    x, ids = drawn(4, 3), np.array([5, 0, 2, 2], np.int32)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.main})
        pack(facts, "saved", Path(folder))
    facts |= {"saved/x": x, "saved/ids": ids, "saved/w": module.w.numpy()}
    facts |= {f"saved/{key}": value.numpy() for key, value in module.main(x, ids).items()}


def main() -> None:
    facts: dict[str, Any] = {}
    for name, (inputs, make) in CASES.items():
        frozen(facts, name, inputs, make)
    v1.disable_control_flow_v2()
    frozen(facts, "loop", [drawn(5, 3)], rows_of_a_loop)
    v1.enable_control_flow_v2()
    saved(facts)
    recurrent(facts)
    np.savez_compressed(Path(__file__).with_name("facts.npz"), **facts)


if __name__ == "__main__":
    main()
