"""Learn which pictures show the same digit: two branches share one network, and a distance compares them.

Layers that are called twice have one set of weights; gradients of both calls add up.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers, ops

MARGIN = 1.0

given = hub.arguments(epochs=4)
keras.utils.set_random_seed(given.seed)
(x_train, y_train), (x_test, y_test) = hub.mnist(given.samples or 10000)


def make_pairs(images, digits, random):
    """Pair every picture with one of its digit (1) and one of another (0)."""
    rows = [np.flatnonzero(digits == digit) for digit in range(10)]
    first, second, same = [], [], []
    for i, digit in enumerate(digits):
        other = (digit + random.randint(1, 10)) % 10
        first += [i, i]
        second += [random.choice(rows[digit]), random.choice(rows[other])]
        same += [1.0, 0.0]
    return images[first], images[second], np.array(same, "float32")


def contrastive_loss(same, distance):
    """Pull pairs together that show the same, and push others apart, up to the margin."""
    apart = ops.maximum(MARGIN - distance, 0.0)
    return ops.mean(same * ops.square(distance) + (1 - same) * ops.square(apart))


def euclidean(vectors):
    a, b = vectors
    return ops.sqrt(ops.maximum(ops.sum(ops.square(a - b), axis=1, keepdims=True), 1e-7))


def agree(same, distance):
    return ops.mean(ops.equal(same, ops.cast(distance < MARGIN / 2, same.dtype)))


embed = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(8, 5, strides=2, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 3, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(16, activation="tanh"),
    ],
    name="embed",
)
left, right = keras.Input((28, 28)), keras.Input((28, 28))
distance = layers.Lambda(euclidean, output_shape=(1,))([embed(left), embed(right)])
model = keras.Model([left, right], distance)
model.compile(optimizer=keras.optimizers.RMSprop(), loss=contrastive_loss, metrics=[agree])

random = np.random.RandomState(0)
a, b, same = make_pairs(x_train, y_train, random)
test_a, test_b, test_same = make_pairs(x_test[:5000], y_test[:5000], random)
model.fit([a, b], same[:, None], batch_size=128, epochs=given.epochs, verbose=2)

loss, accuracy = model.evaluate([test_a, test_b], test_same[:, None], batch_size=250, verbose=0)
print(f"test accuracy {accuracy:.4f}")
