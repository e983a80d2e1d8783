"""Layers, made here and in real Keras, and compared."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penstock import keras as ours


def plain(config: Any) -> Any:
    """Make lists of tuples, and leave out names, and the axes that only Keras 3.15's initializers have."""
    left_out = ("name", "input_axes", "output_axes")
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in left_out}
    return [plain(v) for v in config] if isinstance(config, list | tuple) else config


@pytest.fixture
def same(real: Any) -> Callable[..., Any]:
    """Make a layer here and there, and compare all that can be seen of them."""

    def check(
        name: str, *args: Any, shape: tuple[int, ...], step: bool = False, **given: Any
    ) -> Any:
        rng = np.random.default_rng(3)
        x = rng.normal(size=shape).astype(np.float32)
        mine, theirs = (getattr(k.layers, name)(*args, **given) for k in (ours, real))
        models = []
        for k, layer in ((ours, mine), (real, theirs)):
            begin = k.Input(shape[1:])
            models.append(k.Model(begin, layer(begin)))
        assert [v.path.split("/")[-1] for v in mine.weights] == [
            v.path.split("/")[-1] for v in theirs.weights
        ]
        assert [v.trainable for v in mine.weights] == [v.trainable for v in theirs.weights]
        values = [rng.uniform(0.2, 0.9, v.shape).astype(np.float32) for v in theirs.weights]
        for model in models:
            model.set_weights(values)
        assert plain(mine.get_config()) == plain(theirs.get_config())
        again = type(mine).from_config(mine.get_config())
        assert plain(again.get_config()) == plain(mine.get_config())
        assert models[0].output_shape == models[1].output_shape
        assert mine.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
        wanted = real.ops.convert_to_numpy(models[1](x, training=False))
        np.testing.assert_allclose(models[0](x, training=False), wanted, rtol=1e-5, atol=1e-5)
        if step:
            target = rng.normal(size=wanted.shape).astype(np.float32)
            for k, model in zip((ours, real), models, strict=True):
                model.compile(k.optimizers.SGD(0.1), "mse", run_eagerly=True)
                model.train_on_batch(x, target)
            for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        return mine

    return check
