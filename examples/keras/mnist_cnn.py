"""Read handwritten digits with a small convolutional network.

The network is a chain of layers, so `Sequential` is all it takes: convolutions find strokes, pooling forgets where
exactly they were, and a dense layer gives each digit a probability.
"""

import hub

from penstock import keras
from penstock.keras import layers

given = hub.arguments(epochs=2)
keras.utils.set_random_seed(given.seed)

(x_train, y_train), (x_test, y_test) = hub.mnist(given.samples or 20000)
x_train, x_test = x_train[..., None], x_test[..., None]  # one channel

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=128, epochs=given.epochs, validation_split=0.1, verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.4f}")
