"""Guess from a census who earns much: a network for tables of numbers and words.

Preprocessing layers learn from the data what they do: `adapt` finds means and spreads of numbers, and the words of a
column. Numbers are then normalized, and words become embeddings, which the network learns.
"""

import csv

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers

NUMBERS = {"age": 0, "education": 4, "capital gain": 10, "capital loss": 11, "hours per week": 12}
WORDS = {"workclass": 1, "marital status": 5, "occupation": 6, "relationship": 7, "race": 8, "sex": 9,
         "country": 13}  # fmt: skip

given = hub.arguments(epochs=3)
keras.utils.set_random_seed(given.seed)


def read(part, samples=None):
    """Return columns by name, and 1 for everybody who earns more than 50,000 dollars."""
    with (hub.folder("adult") / f"adult-{part}.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if row][:samples]
    columns = {name: np.array([[row[i]] for row in rows], "float32") for name, i in NUMBERS.items()}
    columns |= {name: np.array([[row[i]] for row in rows]) for name, i in WORDS.items()}
    return columns, np.array([[row[14].startswith(">")] for row in rows], "float32")


train, y_train = read("train", given.samples)
test, y_test = read("test")
train["capital gain"], test["capital gain"] = (np.log1p(c["capital gain"]) for c in (train, test))

inputs, prepared = {}, []
for name in NUMBERS:
    normalize = layers.Normalization()
    normalize.adapt(train[name])
    inputs[name] = keras.Input((1,), name=name.replace(" ", "_"))
    prepared.append(normalize(inputs[name]))
for name in WORDS:
    lookup = layers.StringLookup()
    lookup.adapt(train[name])
    # Words become numbers once, before the training, not again in every epoch.
    train[name], test[name] = np.array(lookup(train[name])), np.array(lookup(test[name]))
    inputs[name] = keras.Input((1,), dtype="int64", name=name.replace(" ", "_"))
    vectors = layers.Embedding(lookup.vocabulary_size(), 8)(inputs[name])
    prepared.append(layers.Flatten()(vectors))

x = layers.Concatenate()(prepared)
x = layers.Dense(64, activation="relu")(x)
x = layers.Dropout(0.2)(x)
x = layers.Dense(32, activation="relu")(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model([inputs[name] for name in inputs], outputs)

model.compile(
    optimizer="adam",
    loss="binary_crossentropy",
    metrics=["accuracy", keras.metrics.AUC(name="auc")],
)
model.fit([train[name] for name in inputs], y_train, batch_size=128, epochs=given.epochs, verbose=2)
loss, accuracy, auc = model.evaluate(
    [test[name] for name in inputs], y_test, batch_size=512, verbose=0
)
print(f"area under the ROC curve {auc:.4f}")
print(f"test accuracy {accuracy:.4f}")
