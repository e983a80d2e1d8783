"""Take noise off pictures of digits: a convolutional autoencoder learns what digits look like.

Encoder and decoder are models of their own and layers of the third one, which is trained.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers

given = hub.arguments(epochs=2)
keras.utils.set_random_seed(given.seed)

(x_train, _), (x_test, _) = hub.mnist(given.samples or 10000)
x_train, x_test = x_train[..., None], x_test[:2000, ..., None]
noise = np.random.RandomState(given.seed)


def spoil(images):
    return np.clip(images + 0.4 * noise.normal(size=images.shape), 0, 1).astype("float32")


encoder = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
    ],
    name="encoder",
)
decoder = keras.Sequential(
    [
        keras.Input((7, 7, 32)),
        layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ],
    name="decoder",
)
images = keras.Input((28, 28, 1))
autoencoder = keras.Model(images, decoder(encoder(images)), name="autoencoder")
autoencoder.summary()
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")

noisy = spoil(x_test)
autoencoder.fit(
    spoil(x_train),
    x_train,
    batch_size=128,
    epochs=given.epochs,
    validation_data=(noisy, x_test),
    verbose=2,
)

cleaned = autoencoder.predict(noisy, verbose=0)
print(f"mean squared error of noisy pictures {np.mean((noisy - x_test) ** 2):.5f}")
print(f"test error {np.mean((cleaned - x_test) ** 2):.5f}")
