"""Variables: reads are values, writes publish new ones."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


def test_facts() -> None:
    v = ps.Variable([[1, 2]], name="v", trainable=False, dtype="float64")
    assert (v.name, v.trainable, v.shape, v.ndim, len(v)) == ("v", False, (1, 2), 2, 1)
    assert v.dtype == ps.float64
    assert repr(v) == "Variable('v', [[1., 2.]], shape=(1, 2), dtype=float64, trainable=False)"
    np.testing.assert_array_equal(np.asarray(v), [[1.0, 2.0]])
    assert np.asarray(v, dtype="int8").dtype == np.int8


def test_assignments() -> None:
    v = ps.Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]).tolist() == [3, 4]
    assert v.assign_add([1.0, 1.0]).tolist() == [4, 5]
    assert v.assign_sub(ps.asarray([4.0, 4.0])).tolist() == [0, 1]
    assert v.numpy().tolist() == [0, 1]
    assert v.assign(np.array([9, 9], "float32")).tolist() == [9, 9]
    assert v.assign([1, 2]).dtype == ps.float32
    with pytest.raises(errors.DTypeError, match="holds float32, the new value is float64; convert"):
        v.assign(np.array([9.0, 9.0]))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "string"])
def test_copies_are_other_variables(dtype: str) -> None:
    value = "one" if dtype == "string" else 1.0
    v = ps.Variable(value, name="v", trainable=False, dtype=dtype)
    for copied in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):  # noqa: S301
        assert (copied.name, copied.trainable, copied.dtype) == ("v", False, dtype)
        assert copied.value.tolist() == v.value.tolist()
        copied.assign("two" if dtype == "string" else 2.0)
        assert v.value.tolist() != copied.value.tolist()
    model = {"w": v, "again": v}
    both = copy.deepcopy(model)
    assert both["w"] is both["again"]


def test_a_variable_is_copied_while_a_graph_is_built() -> None:
    v = ps.Variable([1.0, 2.0])
    with ps.Graph().as_default():
        copied = copy.deepcopy(v)
    assert copied.numpy().tolist() == [1, 2]


def test_an_old_value_stays_what_it_was() -> None:
    v = ps.Variable([1.0, 2.0])
    old, old_numpy = v.value, v.numpy()
    v.assign([5.0, 5.0])
    assert old.tolist() == [1, 2]
    assert old_numpy.tolist() == [1, 2]


def test_a_value_read_can_be_changed_without_the_variable() -> None:
    v = ps.Variable([1.0, 2.0])
    x = v.value
    x[0] = 7.0
    assert v.numpy().tolist() == [1, 2]
    source = ps.asarray([1.0, 1.0])
    v.assign(source)
    source[0] = 7.0
    assert v.numpy().tolist() == [1, 1]


def test_the_first_value_is_copied() -> None:
    array = np.ones(3, "float32")
    v = ps.Variable(array)
    array[:] = 5
    assert v.numpy().tolist() == [1, 1, 1]


def test_operators_read_the_variable() -> None:
    v, w = ps.Variable([1.0, 2.0]), ps.Variable([3.0, 4.0])
    a, b = v.numpy(), w.numpy()
    for got, expected in [
        (v + w, a + b),
        (1 - v, 1 - a),
        (v / w, a / b),
        (2**v, 2**a),
        (v @ w, a @ b),
        (-v, -a),
        (abs(-v), a),
        (v < w, a < b),
        (v[1:], a[1:]),
        (ps.exp(v), np.exp(a)),
        (ps.asarray([1.0, 1.0]) + v, 1 + a),
        (np.float32(2) * v.value, 2 * a),
    ]:
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


def test_a_variable_has_what_a_tensor_has() -> None:
    v = ps.Variable([[1.0, 2.0]])
    assert (v.size, v.device, v.nbytes) == (2, "cpu:0", 8)
    assert v.T.shape == (2, 1)
    assert v.sum().item() == 3
    assert v.reshape(2).tolist() == v.astype("int32").reshape(-1).tolist() == [1, 2]
    assert (np.ones((1, 2), "float32") + v).tolist() == [[2, 3]]
    one = ps.Variable(2.0)
    assert (float(one), int(one), bool(one), one.item(), f"{one:.2f}") == (
        2.0,
        2,
        True,
        2.0,
        "2.00",
    )
    assert [5, 6, 7][ps.Variable(1)] == 6
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        v.nonsense


def test_operators_that_would_rebind_the_name_are_refused() -> None:
    v = ps.Variable([1.0, 2.0], name="weights")
    with pytest.raises(
        errors.InvalidTypeError, match=r"'weights'.* assign_sub: v\.assign_add\(x\)"
    ):
        v += 1
    with pytest.raises(errors.InvalidTypeError, match=r"assign_sub: v\.assign\(v \* x\)"):
        v *= 2


def test_variables_are_dictionary_keys_by_identity() -> None:
    v, w = ps.Variable(1.0), ps.Variable(1.0)
    assert len({v: 1, w: 2}) == 2
    assert {v: 1}[v] == 1


def test_wrong_values_are_refused_and_change_nothing() -> None:
    v = ps.Variable([1.0, 2.0], name="weights")
    with pytest.raises(
        errors.ShapeError, match=r"variable 'weights' has shape \(2,\), the new value has \(3,\)"
    ):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(
        errors.DTypeError, match=r"'weights' holds float32, the new value is float64; convert it: "
    ):
        v.assign(ps.asarray([1.0, 2.0], dtype="float64"))
    with pytest.raises(errors.ShapeError, match="weights"):
        ps.function(lambda: v.assign(ps.ones((3,))))()
    assert v.numpy().tolist() == [1, 2]


def test_a_variable_is_not_made_of_symbols() -> None:
    with pytest.raises(errors.GraphError, match="create variables outside the function, once"):
        ps.function(lambda x: ps.Variable(x))(1.0)


def test_a_variable_made_of_a_known_value_while_tracing_works() -> None:
    made: list[Any] = []

    @ps.function
    def f(x: Any) -> Any:
        if not made:
            made.append(ps.Variable(2.0))
        return made[0] * x

    assert f(3.0).item() == 6
    made[0].assign(5.0)
    assert f(3.0).item() == 15


def test_many_threads_add_without_tearing() -> None:
    v = ps.Variable(np.zeros(1000, "float32"))
    add = ps.function(lambda: v.assign_add(ps.ones((1000,))))
    torn = []

    def work() -> None:
        for _ in range(50):
            add()
            x = v.numpy()
            if x.min() != x.max():
                torn.append(x)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert torn == []
    assert v.numpy()[0] <= 200


def test_memory_goes_back() -> None:
    gc.collect()
    before = ps._native.memory_stats()["live_bytes"]
    v = ps.Variable(np.zeros(1 << 20, "float32"))
    for _ in range(10):
        v.assign(v + 1)
    assert ps._native.memory_stats()["live_bytes"] - before < 3 * (4 << 20)
    del v
    gc.collect()
    assert ps._native.memory_stats()["live_bytes"] - before < 1 << 20
