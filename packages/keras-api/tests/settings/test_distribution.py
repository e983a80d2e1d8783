"""`keras.distribution` on one device, as real Keras has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras


def parts(library: Any) -> tuple[Any, Any, Any]:
    d = library.distribution
    mesh = d.DeviceMesh((1,), ["batch"], ["cpu:0"])
    layouts = d.LayoutMap(mesh)
    layouts["d.*kernel"] = d.TensorLayout(("batch", None), mesh)
    layouts["bias"] = (None,)
    return d, mesh, layouts


CALLS: list[Any] = [
    lambda d, mesh, layouts: repr(mesh),
    lambda d, mesh, layouts: repr(layouts["dense/kernel"]),
    lambda d, mesh, layouts: (layouts["other"], len(layouts), list(layouts)),
    lambda d, mesh, layouts: repr(layouts["bias"].device_mesh),
    lambda d, mesh, layouts: d.DataParallel(mesh).get_data_layout((2, 3)).axes,
    lambda d, mesh, layouts: d.DataParallel(devices=["cpu:0"]).batch_dim_name,
    lambda d, mesh, layouts: repr(d.ModelParallel(layout_map=layouts).get_data_layout((4,))),
    lambda d, mesh, layouts: d.list_devices("cpu"),
]


@pytest.mark.parametrize("call", CALLS)
def test_as_in_keras(real: Any, call: Any) -> None:
    if real.config.backend() != "jax":
        pytest.skip("Keras has distributions on JAX alone: KERAS_BACKEND=jax")
    assert call(*parts(keras)) == call(*parts(real))


def test_a_distribution_holds_in_its_scope() -> None:
    d, _, layouts = parts(keras)
    one = d.ModelParallel(layout_map=layouts)
    with one.scope():
        assert d.distribution() is one
        assert one.get_variable_layout(
            keras.layers.Dense(2).add_weight((3, 2), name="kernel")
        ).axes == ("batch", None)
    assert d.distribution() is None
    assert d.distribute_tensor(np.ones(2), layouts["bias"]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "remedy"),
    [
        (lambda d: d.DeviceMesh((2,), ["batch"], ["cpu:0"]), ValueError, "as many places"),
        (
            lambda d: d.TensorLayout(("x",), d.DeviceMesh((1,), ["a"], ["cpu:0"])),
            ValueError,
            "use 'a' or None",
        ),
        (lambda d: d.ModelParallel(), ValueError, "give layout_map"),
        (lambda d: d.set_distribution(3), TypeError, "give DataParallel"),
        (
            lambda d: d.set_distribution(d.DataParallel(devices=["cpu:0", "cpu:1"])),
            ImportError,
            "a grid of one device",
        ),
        (lambda d: d.initialize(num_processes=2), ImportError, "num_processes=1"),
        (lambda d: d.distribute_tensor([1.0], 3), TypeError, "give a TensorLayout"),
    ],
)
def test_errors_say_what_to_give(call: Any, error: type[Exception], remedy: str) -> None:
    with pytest.raises(error, match=remedy):
        call(keras.distribution)
