"""Learn what words mean from the words around them: skip-grams with negative samples, on novels.

The network is asked which of five words really stood near a given one; four of them are drawn at random. To answer it
must give words that are used alike vectors that are alike.
"""

import re

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers, ops

WORDS, WIDTH, WINDOW, NEGATIVES = 2000, 48, 4, 4

given = hub.arguments(epochs=1)
keras.utils.set_random_seed(given.seed)
random = np.random.RandomState(0)

text = re.findall(r"[a-z]+", (hub.folder("text") / "bronte.txt").read_text("utf-8").lower())
encode, words = hub.number_words([" ".join(text)], WORDS, len(text))
numbers = encode([" ".join(text)])[0]
counts = np.bincount(numbers, minlength=WORDS).astype("float64")
counts[:2] = 0  # neither padding nor rare words

# Frequent words say little: leave most of them out.
share = counts / counts.sum()
keep = np.minimum(1, np.sqrt(1e-3 / np.maximum(share, 1e-12))) * (counts > 0)
numbers = numbers[random.random_sample(len(numbers)) < keep[numbers]]

pairs = np.concatenate(
    [np.stack([numbers[:-d], numbers[d:]], 1) for d in range(1, WINDOW + 1)]
    + [np.stack([numbers[d:], numbers[:-d]], 1) for d in range(1, WINDOW + 1)]
)
pairs = random.permutation(pairs)[:2_000_000]
noise = np.cumsum(counts**0.75)
draws = random.random_sample((len(pairs), NEGATIVES)) * noise[-1]
candidates = np.concatenate([pairs[:, 1:], np.searchsorted(noise, draws)], 1).astype("int32")
near = np.zeros(len(pairs), "int32")  # the first one is the right one
test, train = slice(0, 20_000), slice(20_000, given.samples and 20_000 + given.samples)


class Word2Vec(keras.Model):
    """Score candidates by the products of two tables of vectors."""

    def __init__(self):
        super().__init__()
        self.words = layers.Embedding(WORDS, WIDTH, name="words")
        self.contexts = layers.Embedding(WORDS, WIDTH, name="contexts")

    def call(self, inputs):
        word, candidates = inputs
        return ops.einsum("bw,bcw->bc", self.words(word), self.contexts(candidates))


model = Word2Vec()
model.compile(
    optimizer=keras.optimizers.Adam(0.005),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    (pairs[train, 0], candidates[train]),
    near[train],
    batch_size=1024,
    epochs=given.epochs,
    verbose=2,
)

vectors = model.words.get_weights()[0]
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
for word in ("sister", "night", "walk"):
    found = np.argsort(-(vectors @ vectors[words.index(word)]))[1:6]
    print(f"{word}: {', '.join(words[i] for i in found)}")

loss, accuracy = model.evaluate(
    (pairs[test, 0], candidates[test]), near[test], batch_size=1000, verbose=0
)
print(f"test accuracy {accuracy:.4f}")
