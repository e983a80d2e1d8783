"""Tell good film reviews from bad ones with one block of a transformer, made of a layer and a model of our own.

A layer of one's own makes its parts in the constructor and says in `call` what it computes.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers, ops

WORDS, LENGTH, WIDTH = 8000, 40, 32

given = hub.arguments(epochs=4)
keras.utils.set_random_seed(given.seed)


class TokenAndPosition(layers.Layer):
    """Give every word a vector that depends on the word and on its place."""

    def __init__(self, length, words, width):
        super().__init__()
        self.words = layers.Embedding(words, width)
        self.places = layers.Embedding(length, width)

    def call(self, x):
        return self.words(x) + self.places(ops.arange(x.shape[-1]))


class TransformerBlock(layers.Layer):
    """Let every word look at all others, then think about what it saw."""

    def __init__(self, width, heads, inner, rate=0.1):
        super().__init__()
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.think = keras.Sequential([layers.Dense(inner, activation="relu"), layers.Dense(width)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.drops = [layers.Dropout(rate) for _ in range(2)]

    def call(self, x, training=None):
        seen = self.drops[0](self.attention(x, x), training=training)
        x = self.norms[0](x + seen)
        return self.norms[1](x + self.drops[1](self.think(x), training=training))


def read(part):
    pairs = [line.split("\t") for line in hub.lines(hub.folder("sst2") / f"{part}.tsv")]
    return [text for text, _ in pairs], np.array([int(label) for _, label in pairs])


(texts, y_train), (test_texts, y_test) = read("train"), read("test")
texts, y_train = texts[: given.samples], y_train[: given.samples]
encode, _ = hub.number_words(texts, WORDS, LENGTH)
x_train, x_test = encode(texts), encode(test_texts)

inputs = keras.Input((LENGTH,), dtype="int32")
x = TokenAndPosition(LENGTH, WORDS, WIDTH)(inputs)
x = TransformerBlock(WIDTH, heads=2, inner=32)(x)
x = layers.GlobalAveragePooling1D()(x)
x = layers.Dropout(0.3)(x)
outputs = layers.Dense(2, activation="softmax")(x)
model = keras.Model(inputs, outputs)

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=given.epochs, verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.4f}")
