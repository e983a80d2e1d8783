"""Arrays that a model gives away belong to their receiver, who may change them, and change nothing else by it."""

import numpy as np

from penstock import keras


def test_weights_are_copies():
    layer = keras.layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 3))
    weights = layer.get_weights()
    weights[0] *= 5
    assert layer.kernel.numpy().tolist() == np.ones((3, 2)).tolist()
    layer.set_weights(weights)
    weights[0][:] = 0
    assert layer.kernel.numpy().max() == 5


def test_tensors_are_copied_to_numpy():
    x = keras.ops.ones(3)
    array = keras.ops.convert_to_numpy(x)
    array += 1
    assert keras.ops.convert_to_numpy(x).tolist() == [1, 1, 1]
