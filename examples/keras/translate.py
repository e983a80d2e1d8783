"""Translate short German sentences into English: a recurrent encoder and a decoder that pays attention to it.

While it learns, the decoder is given the right words so far; when it translates, its own. Masks, which begin at the
embeddings, keep padding out of attention and loss.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers

WORDS, LENGTH, WIDTH = 2000, 12, 96

given = hub.arguments(epochs=4)
keras.utils.set_random_seed(given.seed)


def read(part):
    """Return pairs of sentences that are not too long; a mark stands before and after the English ones."""
    german, english = (
        [line.lower().replace(",", " ,").replace(".", " .") for line in hub.lines(path)]
        for path in (hub.folder("multi30k") / f"{part}.{language}.gz" for language in ("de", "en"))
    )
    pairs = [(g, f"< {e} >") for g, e in zip(german, english, strict=True)]
    pairs = [(g, e) for g, e in pairs if len(g.split()) <= LENGTH and len(e.split()) <= LENGTH]
    return [g for g, _ in pairs], [e for _, e in pairs]


german, english = (texts[: given.samples or 8000] for texts in read("train"))
test_german, test_english = read("test_2016_flickr")
encode_german, _ = hub.number_words(german, WORDS, LENGTH)
encode_english, words = hub.number_words(english, WORDS, LENGTH + 1)
source, target = encode_german(german), encode_english(english)
test_source, test_target = encode_german(test_german), encode_english(test_english)

read_input = keras.Input((None,), dtype="int32", name="german")
seen = layers.Embedding(WORDS, WIDTH, mask_zero=True)(read_input)
seen, forward, backward = layers.Bidirectional(
    layers.GRU(WIDTH // 2, return_sequences=True, return_state=True)
)(seen)
write_input = keras.Input((None,), dtype="int32", name="english")
said = layers.Embedding(WORDS, WIDTH, mask_zero=True)(write_input)
said = layers.GRU(WIDTH, return_sequences=True)(
    said, initial_state=layers.Concatenate()([forward, backward])
)
looked = layers.MultiHeadAttention(num_heads=2, key_dim=WIDTH // 2)(said, seen)
x = layers.LayerNormalization()(layers.Add()([said, looked]))
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(WORDS, activation="softmax")(x)
model = keras.Model([read_input, write_input], outputs)

model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
model.fit([source, target[:, :-1]], target[:, 1:], batch_size=32, epochs=given.epochs, verbose=2)


def translate(sentences):
    """Write word after word, each time the likeliest."""
    source = encode_german(sentences)
    written = np.zeros((len(sentences), LENGTH), "int32")
    written[:, 0] = words.index("<")
    for place in range(1, LENGTH):
        scores = model.predict([source, written], verbose=0)[:, place - 1]
        written[:, place] = scores[:, 2:].argmax(1) + 2  # neither padding nor rare words
    texts = [" ".join(words[i] for i in row[1:]) for row in written]
    return [text.split(" >")[0] for text in texts]


for sentence, translation in zip(test_german[:5], translate(test_german[:5]), strict=True):
    print(f"{sentence}\n  -> {translation}")

guesses = model.predict([test_source, test_target[:, :-1]], verbose=0).argmax(-1)
real = test_target[:, 1:] > 0
print(f"test accuracy {np.mean(guesses[real] == test_target[:, 1:][real]):.4f}")
