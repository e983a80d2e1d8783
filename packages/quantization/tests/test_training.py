"""Training with fake integers: what it repairs, and that the integer model is the one that was trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_quantization import convert, prepare_training, quantize


def test_training_repairs_two_bits(learned: Any, train: Callable[..., None]) -> None:
    poor = quantize(learned.model, learned.x, bits=2, slower="ignore").model
    prepared = prepare_training(learned.model, learned.x, bits=2)
    train(prepared, learned.x, learned.labels, 40, rate=0.002)
    trained = convert(prepared)
    exact = learned.accuracy(learned.model)
    assert learned.accuracy(poor) < exact - 0.05
    assert learned.accuracy(trained) > learned.accuracy(poor) + 0.04


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("per_channel", [True, False])
def test_the_integer_model_is_the_prepared_one(learned: Any, bits: int, per_channel: bool) -> None:
    prepared = prepare_training(learned.model, learned.x, bits=bits, per_channel=per_channel)
    made = convert(prepared)
    (last,) = (n for n in made.default.graph.nodes if n.op == "dequantize")
    step = float(np.asarray(last.inputs[1].node.attrs["value"]))
    difference = np.abs(np.asarray(made(learned.test_x)) - np.asarray(prepared(learned.test_x)))
    assert difference.max() < 2.01 * step
    assert np.median(difference) < 0.01 * step  # most are the same integer


def test_the_first_model_stays_as_it_is(learned: Any, train: Callable[..., None]) -> None:
    before = np.asarray(learned.model(learned.test_x))
    prepared = prepare_training(learned.model, learned.x)
    train(prepared, learned.x, learned.labels, 2, rate=0.1)
    np.testing.assert_array_equal(learned.model(learned.test_x), before)


def test_limits_are_trained(learned: Any) -> None:
    prepared = prepare_training(learned.model, learned.x)
    names = [n for n in prepared.variables if n.endswith("/max")]
    assert names
    assert all(prepared.variables[name].trainable for name in names)


def test_wrong_uses_are_explained(learned: Any) -> None:
    with pytest.raises(InvalidValueError, match="use 2 to 8"):
        prepare_training(learned.model, learned.x, bits=1)
    with pytest.raises(InvalidValueError, match="prepare_training"):
        convert(learned.model)


def test_weights_that_are_taken_the_other_way_round_get_fakes_too() -> None:
    rng = np.random.default_rng(4)
    w = ps.Variable(rng.standard_normal((6, 6)).astype("float32"), name="w")
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 6), name="x")
        graph.inputs, graph.outputs = [x], [ps.relu(ps.matmul(x, w, transpose_y=True)) @ w]
    model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w})
    examples = rng.standard_normal((50, 6)).astype("float32")
    prepared = prepare_training(model, examples)
    assert {"w", "w_turned"} <= set(prepared.variables)
    made = convert(prepared)
    assert [n.op for n in made.default.graph.nodes].count("quantized_matmul") == 2
    want = model(examples).numpy()
    np.testing.assert_allclose(made(examples).numpy(), want, atol=0.03 * np.abs(want).max())
