"""The inner loop of recurrent layers, called by hand."""

from __future__ import annotations

import numpy as np

from penstock import keras


def test_the_inner_loop_of_recurrent_layers() -> None:
    layer = keras.layers.LSTM(3, return_sequences=True, return_state=True)
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    outputs, *states = layer(x)
    begin = [keras.ops.zeros((2, 3)), keras.ops.zeros((2, 3))]
    last, every, after = layer.inner_loop(keras.ops.array(x), begin, None)
    np.testing.assert_allclose(every.numpy(), outputs.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last.numpy(), outputs.numpy()[:, -1], rtol=1e-5, atol=1e-6)
    for a, b in zip(after, states, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
