"""Forecast tomorrow's temperature from the last thirty days with a GRU, and stop when it learns no more.

A forecast is worth something only if it beats the simplest one: tomorrow will be like today.
"""

import hub
import numpy as np

from penstock import keras
from penstock.keras import layers

DAYS = 30

given = hub.arguments(epochs=15)
keras.utils.set_random_seed(given.seed)

table = hub.lines(hub.folder("time_series") / "daily-min-temperatures.csv")[1:]
degrees = np.array([float(line.split(",")[1]) for line in table], "float32")
mean, spread = degrees[:2500].mean(), degrees[:2500].std()
series = (degrees - mean) / spread

windows = np.lib.stride_tricks.sliding_window_view(series, DAYS + 1)
x, y = windows[:, :-1, None].copy(), windows[:, -1:].copy()
train, validation, test = slice(0, given.samples or 2500), slice(2500, 3000), slice(3000, None)

model = keras.Sequential(
    [
        keras.Input((DAYS, 1)),
        layers.Conv1D(16, 3, padding="causal", activation="relu"),
        layers.GRU(16),
        layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse", metrics=["mae"])
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)
model.fit(
    x[train],
    y[train],
    batch_size=64,
    epochs=given.epochs,
    validation_data=(x[validation], y[validation]),
    callbacks=[stop],
    verbose=2,
)

error = np.mean(np.abs(model.predict(x[test], verbose=0) - y[test])) * spread
naive = np.mean(np.abs(x[test][:, -1] - y[test])) * spread
print(f"mean error of yesterday's temperature {naive:.3f} degrees")
print(f"test error {error:.4f}")
