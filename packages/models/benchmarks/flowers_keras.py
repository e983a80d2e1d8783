"""The peer of flowers.py: the same transfer in Keras on TensorFlow, an epoch for each line that comes.

Run by flowers.py, under an interpreter that has TensorFlow. The network, its weights, the pictures, the batch and the
optimizer are the same; pictures are in memory as the network takes them, so that nothing is paid for varying them.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


def network(classes: int) -> keras.Model:
    """Make MobileNet v1 with the norms in its weights, and a head."""
    layers = keras.layers
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu6", name="stem")(images)
    for i, (width, strides) in enumerate(PAIRS):
        x = layers.DepthwiseConv2D(
            3, strides=strides, padding="same", activation="relu6", name=f"conv_{2 * i}"
        )(x)
        x = layers.Conv2D(width, 1, activation="relu6", name=f"conv_{2 * i + 1}")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(classes, name="classifier")(x))


def compiled(model: keras.Model, rate: float) -> keras.Model:
    """Compile a model as flowers.py trains its own."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate), loss)
    return model


def main(path: str) -> None:
    """Train an epoch of one of three kinds whenever a line names it, and say how long it took."""
    given = np.load(path)
    x, y, batch, cut = given["x"], given["y"], int(given["batch"]), str(given["cut"])
    whole = network(int(y.max()) + 1)
    whole.set_weights([given[f"w{i}"] for i in range(len(whole.weights))])
    probe = np.asarray(whole(x[:2]))
    everything = compiled(keras.models.clone_model(whole), 1e-5)
    names = [layer.name for layer in whole.layers]
    below = whole.layers[names.index(cut) - 1].output
    frozen = keras.Model(whole.input, below)
    above = compiled(keras.Model(below, whole.output), 1e-4)
    for layer in whole.layers[: names.index(cut)]:
        layer.trainable = False
    compiled(whole, 1e-4)
    cached = np.concatenate([frozen(x[at : at + 16]).numpy() for at in range(0, len(x), 16)])
    kinds = {"frozen": (whole, x), "cached": (above, cached), "full": (everything, x)}
    for model, data in kinds.values():
        model.fit(data[:batch], y[:batch], batch_size=batch, verbose=0)
    print(json.dumps({"probe": probe.tolist()}), flush=True)
    for line in sys.stdin:
        model, data = kinds[line.strip()]
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit(data, y, batch_size=batch, verbose=0)
        taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
