"""Tell good film reviews from bad ones with a recurrent network that reads in both directions.

Sentences have different lengths: `mask_zero` makes the LSTM skip the padding behind the last word.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers

WORDS, LENGTH = 8000, 40

given = hub.arguments(epochs=3)
keras.utils.set_random_seed(given.seed)

good, bad = (hub.lines(hub.folder("rt_polarity") / f"rt-polarity.{k}") for k in ("pos", "neg"))
texts, labels = good + bad, np.repeat([1, 0], [len(good), len(bad)])
order = np.random.RandomState(0).permutation(len(texts))
train, test = order[1000:][: given.samples], order[:1000]

encode, _ = hub.number_words([texts[i] for i in train], WORDS, LENGTH)
x_train, x_test = encode([texts[i] for i in train]), encode([texts[i] for i in test])

model = keras.Sequential(
    [
        keras.Input((LENGTH,), dtype="int32"),
        layers.Embedding(WORDS, 32, mask_zero=True),
        layers.Bidirectional(layers.LSTM(32)),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(0.002), loss="binary_crossentropy", metrics=["accuracy"]
)
model.fit(x_train, labels[train], batch_size=64, epochs=given.epochs, verbose=2)

loss, accuracy = model.evaluate(x_test, labels[test], verbose=0)
print(f"test accuracy {accuracy:.4f}")
