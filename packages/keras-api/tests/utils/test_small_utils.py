"""Arrays, settings and progress of `keras.utils`, as real Keras has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock import keras

CALLS: list[Any] = [
    lambda u: u.to_categorical([0, 2, 1]),
    lambda u: u.to_categorical([[0], [2]], 4),
    lambda u: u.to_categorical(np.array([[0, 1], [2, 0]])),
    lambda u: u.normalize(np.array([[3.0, 4.0], [0.0, 0.0]])),
    lambda u: u.normalize(np.arange(6.0).reshape(2, 3), order=1),
    lambda u: u.pad_sequences([[1, 2, 3], [4]], maxlen=2),
    lambda u: u.pad_sequences([[1, 2, 3], [4], []], padding="post", value=9, dtype="float32"),
    lambda u: u.pad_sequences([[1, 2, 3], [4]], maxlen=2, truncating="post"),
    lambda u: u.pad_sequences([["a", "b"], ["c"]], dtype=object, value="z"),
    lambda u: u.pad_sequences([np.zeros((2, 3)), np.ones((1, 3))]),
]


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras on torch


@pytest.mark.parametrize("call", CALLS)
def test_arrays(real: Any, call: Any) -> None:
    want, got = call(real.utils), call(keras.utils)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype


def test_to_categorical_of_tensors() -> None:
    made = keras.utils.to_categorical(keras.ops.array([[0], [2]]))
    assert made.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert keras.utils.to_categorical(keras.Input((1,), dtype="int32"), 4).shape == (None, 4)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda u: u.to_categorical([3], 2), "num_classes above the largest"),
        (lambda u: u.to_categorical([-1]), "from 0 on"),
        (lambda u: u.pad_sequences([[1]], padding="left"), "use 'pre' or 'post'"),
        (lambda u: u.pad_sequences([1, 2]), "give a list of lists"),
        (lambda u: u.pad_sequences([["a"]], value="z"), "use dtype=object"),
        (lambda u: u.pad_sequences([np.zeros((1, 2)), np.zeros((1, 3))]), "give them one shape"),
        (lambda u: u.unpack_x_y_sample_weight((1, 2, 3, 4)), r"expected x, \(x, y\)"),
        (lambda u: u.PyDataset(workers=-1), "numbers of at least 0"),
        (lambda u: u.split_dataset(np.arange(3)), "give one of them"),
        (lambda u: u.split_dataset(np.arange(3), 1.5), "a part between 0 and 1"),
        (lambda u: u.split_dataset((np.arange(3), np.arange(4)), 1), "arrays of one length"),
    ],
)
def test_errors_say_what_to_use(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(keras.utils)


CONFIG: list[Any] = [
    lambda c: c.as_dict(),
    lambda c: c.to_json(),
    lambda c: repr(c),
    lambda c: (len(c), list(c), "a" in c, c["a"], c.get("z", 4), list(c.items())),
    lambda c: (c.update({"a": 5}), c.pop("a"), c.as_dict())[1:],
]


@pytest.mark.parametrize("call", CONFIG)
def test_config(real: Any, call: Any) -> None:
    want, got = (call(k.utils.Config(a=1, b="x")) for k in (real, keras))
    assert got == want


def test_a_frozen_config_cannot_be_changed() -> None:
    config = keras.utils.Config(a=1)
    config.freeze()
    for change in (
        lambda: setattr(config, "a", 2),
        lambda: config.pop("a"),
        lambda: config.update(b=1),
    ):
        with pytest.raises(ValueError, match=r"call unfreeze\(\) first"):
            change()
    with pytest.raises(AttributeError, match="there are a"):
        _ = config.missing
    config.unfreeze()
    config.b = 3
    assert config.as_dict() == {"a": 1, "b": 3}


def test_progbar_averages_and_keeps_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    bar = keras.utils.Progbar(4, verbose=2, stateful_metrics=["last"])
    bar.update(1, [("loss", 1.0), ("last", 7.0)])
    bar.add(3, [("loss", 3.0), ("last", 9.0)])
    line = capsys.readouterr().out
    assert line.startswith("4/4 - ")
    assert line.endswith("loss: 2.5000 - last: 9.0000\n")


def test_progbar_draws_a_bar_only_where_it_may(capsys: pytest.CaptureFixture[str]) -> None:
    keras.utils.Progbar(2, verbose=0).update(2, [("loss", 1.0)])
    assert capsys.readouterr().out == ""
    keras.utils.Progbar(2, width=4, interval=0).update(2)
    assert "2/2 [====]" in capsys.readouterr().out


def test_get_source_inputs_goes_back_through_layers() -> None:
    a, b = keras.Input((2,)), keras.Input((2,))
    made = keras.layers.Dense(1)(keras.layers.Add()([a, keras.ops.exp(b)]))
    found = keras.utils.get_source_inputs(made)
    assert [t is source for t, source in zip(found, (a, b), strict=True)] == [True, True]


def test_legacy_configurations_go_both_ways() -> None:
    data = keras.utils.legacy.serialize_keras_object(keras.regularizers.L2(0.5))
    known = {"L2": keras.regularizers.L2}
    assert keras.utils.legacy.deserialize_keras_object(data, known).get_config() == {"l2": 0.5}
    with pytest.raises(ValueError, match="there are L2"):
        keras.utils.legacy.deserialize_keras_object(
            "L3", known, printable_module_name="regularizer"
        )


@pytest.mark.parametrize(
    ("left", "right", "want"),
    [(6, None, (6, 4)), (0.3, None, (3, 7)), (None, 2, (8, 2)), (5, 2, (5, 2))],
)
def test_split_dataset(left: Any, right: Any, want: tuple[int, int]) -> None:
    x = np.arange(10)
    first, second = keras.utils.split_dataset((x, x * 2), left, right)
    rows = [[tuple(int(v) for v in row) for row in part] for part in (first, second)]
    assert rows[0] == [(i, 2 * i) for i in range(want[0])]
    assert rows[1] == [(i, 2 * i) for i in range(want[0], sum(want))]


def test_split_dataset_shuffles_by_its_seed() -> None:
    parts = [
        keras.utils.split_dataset(list(range(20)), 0.5, shuffle=True, seed=3) for _ in range(2)
    ]
    first, again = ([[int(v) for v in side] for side in pair] for pair in parts)
    assert first == again
    assert first[0] != list(range(10))
    assert sorted(first[0] + first[1]) == list(range(20))
