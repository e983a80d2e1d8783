"""`PyDataset`: the order of batches does not depend on who makes them."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from penstock import keras


class Rows(keras.utils.PyDataset):
    """Batches that take different times, and remember their threads."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threads: set[int] = set()
        self.ends = 0

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        self.threads.add(threading.get_ident())
        time.sleep(0.002 * (index % 3))
        x = np.full((2, 1), float(index), np.float32)
        return x, 2 * x

    def on_epoch_end(self) -> None:
        self.ends += 1


def test_workers_keep_the_order_and_training_is_the_same() -> None:
    weights = []
    for workers in (1, 3):
        keras.utils.set_random_seed(1)
        rows = Rows(workers=workers, max_queue_size=4)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        model.fit(rows, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert rows.ends == 2
        assert (len(rows.threads) > 1) == (workers > 1)
    np.testing.assert_array_equal(weights[0][0], weights[1][0])


def test_an_error_of_a_worker_reaches_the_caller() -> None:
    class Broken(Rows):
        def __getitem__(self, index: int) -> Any:
            raise KeyError(f"row {index}")

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(KeyError, match="row 0"):
        model.fit(Broken(workers=2), shuffle=False, verbose=0)


def test_processes_make_batches(
    monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.syspath_prepend(pytestconfig.rootpath)  # there processes find this module
    from penstock_keras_api.utils.py_dataset import batches_of

    numbers = keras.utils.PyDataset(workers=2, use_multiprocessing=True)
    numbers.__class__ = _Squares
    assert list(batches_of(numbers, range(5))) == [0, 1, 4, 9, 16]


class _Squares(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> int:
        return index * index
