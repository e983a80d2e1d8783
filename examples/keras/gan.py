"""Draw digits with two networks that learn from each other, by a training step of our own.

`train_step` is what `fit` does with a batch. Here it takes two steps: the discriminator learns to tell drawn pictures
from real ones, then the generator learns to be taken for real.
"""

import hub
import numpy as np

import penstock as tf
from penstock import keras
from penstock.keras import layers, ops

LATENT = 32

given = hub.arguments(epochs=10)
keras.utils.set_random_seed(given.seed)


class GAN(keras.Model):
    """A generator of pictures and a discriminator, which looks for the drawn ones."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seeds = keras.random.SeedGenerator(given.seed)
        self.losses_of = {k: keras.metrics.Mean(name=k) for k in ("d_loss", "g_loss")}

    def compile(self, d_optimizer, g_optimizer, loss):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_of = d_optimizer, g_optimizer, loss

    @property
    def metrics(self):
        return list(self.losses_of.values())

    def call(self, noise):
        return self.generator(noise)

    def train_step(self, real):
        count = ops.shape(real)[0]
        ones, zeros = ops.ones((count, 1)), ops.zeros((count, 1))
        noise = keras.random.normal((count, LATENT), seed=self.seeds)
        drawn = self.generator(noise, training=True)
        with tf.GradientTape() as tape:
            both = ops.concatenate([real, drawn], axis=0)
            answers = self.discriminator(both, training=True)
            d_loss = self.loss_of(ops.concatenate([0.9 * ones, zeros], axis=0), answers)
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))

        noise = keras.random.normal((count, LATENT), seed=self.seeds)
        with tf.GradientTape() as tape:
            drawn = self.generator(noise, training=True)
            g_loss = self.loss_of(ones, self.discriminator(drawn, training=True))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))

        self.losses_of["d_loss"].update_state(d_loss)
        self.losses_of["g_loss"].update_state(g_loss)
        return {name: metric.result() for name, metric in self.losses_of.items()}


generator = keras.Sequential(
    [
        keras.Input((LATENT,)),
        layers.Dense(128, activation="relu"),
        layers.BatchNormalization(),
        layers.Dense(256, activation="relu"),
        layers.BatchNormalization(),
        layers.Dense(784, activation="sigmoid"),
    ]
)
discriminator = keras.Sequential(
    [
        keras.Input((784,)),
        layers.Dense(128),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.4),
        layers.Dense(1),
    ]
)
(x_train, y_train), _ = hub.mnist(given.samples or 20000)
pictures = x_train.reshape(-1, 784)
gan = GAN(generator, discriminator)
gan.compile(
    keras.optimizers.Adam(3e-4, beta_1=0.5),
    keras.optimizers.Adam(3e-4, beta_1=0.5),
    keras.losses.BinaryCrossentropy(from_logits=True),
)
gan.fit(pictures, batch_size=128, epochs=given.epochs, verbose=2)

# How far the means of drawn and real pictures are apart tells whether all digits are drawn, and drawn well.
noise = np.random.RandomState(0).normal(size=(2000, LATENT)).astype("float32")
drawn = gan.predict(noise, batch_size=500, verbose=0)
print(f"test error {np.mean(np.abs(drawn.mean(0) - pictures.mean(0))):.4f}")
