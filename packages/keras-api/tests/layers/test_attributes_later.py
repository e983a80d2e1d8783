"""Lists and dictionaries of layers that are filled after they became attributes: in the order of Keras itself."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from penstock import keras


def blocks(k: Any) -> Any:
    class Blocks(k.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.dense: list[Any] = []
            self.norms: list[Any] = []
            self.ends: dict[str, Any] = {}
            for units in (4, 5):
                self.dense.append(k.layers.Dense(units))
                self.norms.append(k.layers.LayerNormalization())
            self.ends["out"] = k.layers.Dense(1)

        def call(self, x: Any) -> Any:
            for dense, norm in zip(self.dense, self.norms, strict=True):
                x = norm(dense(x))
            return self.ends["out"](x)

    made = Blocks()
    made(np.zeros((1, 3), np.float32))
    return made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of arrays made of Keras's variables
def test_layers_that_are_appended_are_trained_as_in_keras(real: Any) -> None:
    x = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    found = []
    for k in (keras, real):
        model, rng = blocks(k), np.random.default_rng(1)
        model.set_weights([rng.normal(size=tuple(w.shape)) for w in model.weights])
        model.compile("sgd", "mse")
        model.fit(x, x[:, :1], shuffle=False, verbose=0)
        found.append([np.asarray(w) for w in model.weights])
    assert len(found[0]) == 10
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-4, 1e-5)


class Holder(keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.items: Any = [[], keras.layers.Dense(1)]
        self.named: Any = {}


def dense(count: int) -> list[Any]:
    return [keras.layers.Dense(1) for _ in range(count)]


def test_every_way_to_fill_a_list_or_a_dictionary() -> None:
    layer, (a, b, c, d, e, f) = Holder(), dense(6)
    layer.items[0].append(a)
    layer.items.insert(0, b)
    layer.items += [c]
    layer.items[-1:] = [d]
    layer.named.update(e=e)
    layer.named.setdefault("f", {})["g"] = f
    assert isinstance(layer.items, list)
    assert isinstance(layer.named, dict)
    inside = [id(part) for part in layer._layers]
    assert [id(part) in inside for part in (a, b, c, d, e, f)] == [
        True,
        True,
        False,
        True,
        True,
        True,
    ]


def test_what_is_taken_away_is_no_part_any_more() -> None:
    layer, (a, b, c, d) = Holder(), dense(4)
    layer.items.extend([a, b])
    layer.named |= {"c": c, "d": d}
    layer.other = b
    layer.items.remove(a)
    assert layer.items.pop() is b
    del layer.named["c"]
    inside = [id(part) for part in layer._layers]
    assert [id(part) in inside for part in (a, b, c, d)] == [False, True, False, True]
    layer.items.clear()
    layer.named.clear()
    assert layer._layers == [b]


def test_copies_belong_to_the_copied_layer() -> None:
    layer = Holder()
    twin = copy.deepcopy(layer)
    twin.items.append(keras.layers.Dense(1))
    assert (len(layer._layers), len(twin._layers)) == (1, 2)
