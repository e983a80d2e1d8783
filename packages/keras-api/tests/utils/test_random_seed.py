"""One call makes everything repeatable."""

import random

import numpy as np
import pytest

from penstock import keras


def draw():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    noise = model(np.ones((2, 3), "float32"), training=True).numpy().tolist()
    return noise, random.random(), np.random.random()  # noqa: NPY002 - what scripts draw from


def test_equal_seeds_give_equal_numbers():
    keras.utils.set_random_seed(5)
    first = draw()
    second = draw()
    keras.utils.set_random_seed(5)
    assert draw() == first
    assert first != second


@pytest.mark.parametrize("seed", ["1", 1.0, None, True])
def test_what_is_no_number_is_refused(seed):
    with pytest.raises(TypeError, match=r"such as set_random_seed\(1\)"):
        keras.utils.set_random_seed(seed)


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match="Seed"):
        keras.utils.set_random_seed(-1)
