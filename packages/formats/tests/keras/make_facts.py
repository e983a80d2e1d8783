"""Write facts.npz: models that Keras 2 saved, and layers of words of Keras 3, with what they answer.

Run it with TensorFlow 2 and tf-keras: python packages/formats/tests/keras/make_facts.py
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

RNG = np.random.default_rng(0)


def of_keras_2() -> Any:
    """A model with inputs of two kinds, a model in it, masks and a shared layer."""
    layers = tf_keras.layers
    a, ids = tf_keras.Input((8, 8, 3), name="a"), tf_keras.Input((5,), dtype="int32", name="ids")
    inner = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
            layers.GlobalAveragePooling2D(),
        ],
        name="inner",
    )
    words = layers.Embedding(9, 4, mask_zero=True)(ids)
    steps = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(words)
    last = layers.GRU(4, recurrent_activation="hard_sigmoid")(steps)
    heads = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 3)(words, words))
    seen = layers.GlobalMaxPooling1D()(layers.Attention()([words, words]))
    shared = layers.Dense(4, activation="swish", name="shared")
    total = layers.Add()([shared(inner(a)), shared(last)])
    return tf_keras.Model([a, ids], [total, layers.Concatenate()([total, heads, seen])])


def of_words() -> Any:
    """A model of Keras 3 that takes strings."""
    layers = keras.layers
    s, i = keras.Input((3,), dtype="string", name="s"), keras.Input((3,), dtype="int64", name="i")
    t = keras.Input((1,), dtype="string", name="t")
    adapted = layers.StringLookup()
    adapted.adapt(tf.constant(["a", "b", "a", "c"]))
    texts = layers.TextVectorization(output_sequence_length=5, max_tokens=20)
    texts.adapt(tf.constant(["The fox, the dog!", "a fox"]))
    letters = layers.TextVectorization(
        output_sequence_length=4, split="character", standardize="lower", vocabulary=["a", "b"]
    )
    outputs = [
        adapted(s),
        layers.StringLookup(vocabulary=["x", "y"], num_oov_indices=2, mask_token="")(s),
        layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")(s),
        layers.IntegerLookup(vocabulary=[10, 20, 30])(i),
        texts(t),
        letters(t),
        layers.Hashing(7)(s),
        layers.Hashing(5, mask_value="a", salt=[3, 4])(s),
        layers.StringLookup(vocabulary=["p", "q"], invert=True)(i),
    ]
    return keras.Model([s, i, t], outputs)


def note(
    facts: dict[str, Any], name: str, model: Any, inputs: list[Any], suffixes: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in suffixes:
            path = Path(folder) / f"model{suffix}"
            model.save(path)
            facts[f"{name}/file{suffix}"] = np.frombuffer(path.read_bytes(), np.uint8)
    answers = model([tf.constant(x) for x in inputs])
    facts |= {f"{name}/in{i}": x for i, x in enumerate(inputs)}
    facts |= {
        f"{name}/out{i}": y.numpy().astype("S") if y.dtype == tf.string else y.numpy()
        for i, y in enumerate(answers)
    }


def main() -> None:
    facts: dict[str, Any] = {}
    model = of_keras_2()
    for v in model.variables:
        drawn = RNG.normal(size=v.shape) * 0.4
        v.assign(np.abs(drawn) + 0.1 if "variance" in v.name else drawn)
    images = RNG.normal(size=(3, 8, 8, 3)).astype(np.float32)
    ids = RNG.integers(0, 4, (3, 5)).astype(np.int32)
    note(facts, "keras 2", model, [images, ids], [".h5", ".keras"])
    strings = np.array([["a", "b", "zz"], ["", "x", "y"]], "S")
    numbers = np.array([[10, 30, 0], [1, 2, 99]], np.int64)
    texts = np.array([["The DOG; a cat"], ["fox fox the a b c d"]], "S")
    note(facts, "words", of_words(), [strings, numbers, texts], [".keras"])
    np.savez_compressed(Path(__file__).with_name("facts.npz"), **facts)


if __name__ == "__main__":
    main()
