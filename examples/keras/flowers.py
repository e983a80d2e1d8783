"""Tell five kinds of flowers apart with few photographs: pictures are turned, flipped and zoomed at random.

Layers that augment work only while the model learns; `evaluate` and `predict` see pictures as they are.
"""

import hub
import numpy as np
from PIL import Image

from penstock import keras
from penstock.keras import layers

SIDE = 64
KINDS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

given = hub.arguments(epochs=30)
keras.utils.set_random_seed(given.seed)

train, test = [], []
for kind, name in enumerate(KINDS):
    paths = sorted((hub.folder("flowers") / name).glob("*.jpg"))
    images = [np.asarray(Image.open(p).convert("RGB").resize((SIDE, SIDE))) for p in paths]
    train += [(image, kind) for image in images[:45][: given.samples]]
    test += [(image, kind) for image in images[45:]]
(x_train, y_train), (x_test, y_test) = (
    (np.stack([image for image, _ in part]).astype("float32"), np.array([kind for _, kind in part]))
    for part in (train, test)
)

augment = keras.Sequential(
    [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.08),
        layers.RandomZoom(0.15),
        layers.RandomContrast(0.2),
    ],
    name="augment",
)
inputs = keras.Input((SIDE, SIDE, 3))
x = augment(inputs)
x = layers.Rescaling(1 / 127.5, offset=-1)(x)
for filters in (16, 32, 64):
    x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(len(KINDS), activation="softmax")(x)
model = keras.Model(inputs, outputs)

model.compile(
    optimizer=keras.optimizers.Adam(0.002),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=given.epochs, verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.4f}")
