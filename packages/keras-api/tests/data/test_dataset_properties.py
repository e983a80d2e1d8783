"""Every transformation against a model of it in plain Python lists; positions; threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import keras

Dataset, AUTOTUNE = keras.data.Dataset, keras.data.AUTOTUNE


@dataclass(frozen=True)
class Step:
    """A transformation of a dataset of whole numbers, and what it does to a list."""

    name: str
    data: Callable[[Any], Any]
    model: Callable[[list[int]], list[int]]


def _windows(items: list[int], size: int, shift: int, stride: int) -> list[int]:
    found = []
    for begin in range(0, len(items), shift):
        found += items[begin : begin + (size - 1) * stride + 1 : stride]
    return found


def _groups(items: list[int]) -> list[int]:
    waiting: dict[int, list[int]] = {}
    found = []
    for item in items:
        window = waiting.setdefault(item % 3, [])
        window.append(item)
        if len(window) == 2:
            found += waiting.pop(item % 3)
    return found + [item for window in waiting.values() for item in window]


def _scan(items: list[int]) -> list[int]:
    total, found = 0, []
    for item in items:
        total = (total + item) % 97
        found.append(total)
    return found


def _until(items: list[int]) -> list[int]:
    found = []
    for item in items:
        if item % 11 == 10:
            break
        found.append(item)
    return found


STEPS = [
    Step("map", lambda d: d.map(lambda x: x * 3 + 1), lambda v: [x * 3 + 1 for x in v]),
    Step("map2", lambda d: d.map(lambda x: x + 7, 3), lambda v: [x + 7 for x in v]),
    Step(
        "python", lambda d: d.map(lambda x: int(x) * 2, AUTOTUNE), lambda v: [x * 2 for x in v]
    ),
    Step("filter", lambda d: d.filter(lambda x: x % 3 != 0), lambda v: [x for x in v if x % 3]),
    Step("take", lambda d: d.take(5), lambda v: v[:5]),
    Step("skip", lambda d: d.skip(2), lambda v: v[2:]),
    Step("shard", lambda d: d.shard(3, 1), lambda v: v[1::3]),
    Step("repeat", lambda d: d.repeat(2), lambda v: v * 2),
    Step("batch", lambda d: d.batch(3).unbatch(), lambda v: v),
    Step(
        "drop",
        lambda d: d.batch(3, drop_remainder=True).unbatch(),
        lambda v: v[: len(v) // 3 * 3],
    ),
    Step("rebatch", lambda d: d.batch(2).rebatch([1, 3]).unbatch(), lambda v: v),
    Step(
        "concatenate",
        lambda d: d.concatenate(Dataset.range(3)),
        lambda v: [*v, 0, 1, 2],
    ),
    Step(
        "zip",
        lambda d: Dataset.zip(d, Dataset.range(4)).map(lambda x, y: x * 10 + y),
        lambda v: [x * 10 + y for x, y in zip(v, range(4), strict=False)],
    ),
    Step(
        "enumerate",
        lambda d: d.enumerate(5).map(lambda i, x: i + 2 * x),
        lambda v: [i + 2 * x for i, x in enumerate(v, 5)],
    ),
    Step(
        "window",
        lambda d: d.window(3, 2, 2).flat_map(lambda w: w),
        lambda v: _windows(v, 3, 2, 2),
    ),
    Step(
        "group",
        lambda d: d.group_by_window(lambda x: x % 3, lambda _, w: w, window_size=2),
        _groups,
    ),
    Step(
        "flat_map",
        lambda d: d.flat_map(lambda x: Dataset.range(int(x) % 4)),
        lambda v: [y for x in v for y in range(x % 4)],
    ),
    Step(
        "scan",
        lambda d: d.scan(ps.asarray(0), lambda s, x: ((s + x) % 97, (s + x) % 97)),
        _scan,
    ),
    Step("take_while", lambda d: d.take_while(lambda x: x % 11 != 10), _until),
    Step("unique", lambda d: d.map(lambda x: x % 7).unique(),
         lambda v: list(dict.fromkeys(x % 7 for x in v))),
    Step("prefetch", lambda d: d.prefetch(2), lambda v: v),
    Step("prefetch_auto", lambda d: d.prefetch(AUTOTUNE), lambda v: v),
    Step("cache", lambda d: d.cache(), lambda v: v),
    Step("ignore", lambda d: d.ignore_errors(), lambda v: v),
]  # fmt: skip

SOURCES: dict[str, Callable[[int], Any]] = {
    "range": lambda n: Dataset.range(n),
    "slices": lambda n: Dataset.from_tensor_slices(np.arange(n)),
    "generator": lambda n: Dataset.from_generator(
        lambda: iter(range(n)), output_signature=keras.data.TensorSpec((), "int64")
    ),
}

chains = st.lists(st.sampled_from(STEPS), max_size=4)
sources = st.sampled_from(sorted(SOURCES))


def _built(source: str, count: int, steps: list[Step]) -> Any:
    data = SOURCES[source](count)
    for step in steps:
        data = step.data(data)
    return data


def _values(data: Any) -> list[int]:
    return [int(x) for x in data.as_numpy_iterator()]


@settings(max_examples=60, deadline=None)
@given(sources, st.integers(0, 17), chains)
def test_chains_do_what_lists_do(source: str, count: int, steps: list[Step]) -> None:
    expected = list(range(count))
    for step in steps:
        expected = step.model(expected)
    data = _built(source, count, steps)
    assert _values(data) == expected
    assert _values(data) == expected, "a second pass"
    length = data.cardinality()
    assert length in (len(expected), keras.data.UNKNOWN_CARDINALITY)


SHUFFLES = [
    Step("shuffle_small", lambda d: d.shuffle(4, seed=3), lambda v: v),
    Step("shuffle_all", lambda d: d.shuffle(100, seed=5), lambda v: v),
    Step("sampled", lambda d: Dataset.sample_from_datasets([d, Dataset.range(3)], seed=2),
         lambda v: v),
    Step("interleave",
         lambda d: d.interleave(lambda x: Dataset.range(int(x) % 3 + 1), 2, 2), lambda v: v),
    Step("interleave_ahead",
         lambda d: d.interleave(lambda x: Dataset.range(int(x) % 3 + 1), 2, 2, AUTOTUNE),
         lambda v: v),
    Step("bucket",
         lambda d: d.bucket_by_sequence_length(lambda x: x % 5, [2, 3], [2, 2, 2]).unbatch(),
         lambda v: v),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    sources,
    st.integers(1, 17),
    st.lists(st.sampled_from(STEPS + SHUFFLES * 2), max_size=4),
    st.data(),
)
def test_a_position_goes_on_with_the_same_elements(
    source: str, count: int, steps: list[Step], draw: Any
) -> None:
    seeds = [step.name for step in steps]
    whole = [int(x) for x in islice(iter(_built(source, count, steps)), 40)]
    stop = draw.draw(st.integers(0, len(whole)), label="stop")
    first = iter(_built(source, count, steps))
    begun = [int(x) for x in islice(first, stop)]
    assert begun == whole[:stop], seeds
    state = json.loads(json.dumps(first.get_state()))
    first.close()
    again = iter(_built(source, count, steps))
    again.set_state(state)
    assert [int(x) for x in islice(again, 40 - stop)] == whole[stop:], seeds
    again.close()


@pytest.mark.parametrize("source", sorted(SOURCES))
@pytest.mark.parametrize("size", [1, 4, 30, 100])
def test_a_shuffle_is_a_permutation_whose_elements_do_not_come_too_early(
    source: str, size: int
) -> None:
    found = _values(SOURCES[source](30).shuffle(size, seed=1))
    assert sorted(found) == list(range(30))
    assert all(item <= place + size for place, item in enumerate(found))
    assert (found == sorted(found)) == (size == 1)


def test_shuffles_do_not_depend_on_where_the_elements_lie() -> None:
    orders = [
        [_values(data) for _ in range(2)]
        for data in (make(50).shuffle(20, seed=9) for make in SOURCES.values())
    ]
    assert orders[0] == orders[1] == orders[2]
    assert orders[0][0] != orders[0][1], "every pass has another order"


def test_a_shuffle_may_keep_its_order() -> None:
    data = Dataset.range(20).shuffle(20, seed=9, reshuffle_each_iteration=False)
    assert _values(data) == _values(data)


def test_all_permutations_are_equally_likely() -> None:
    data = Dataset.range(3).shuffle(3, seed=1)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(1200):
        order = tuple(_values(data))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) < 25  # chi-squared, p = 1e-4


@pytest.mark.parametrize("threads", [None, 1, 2, 5, AUTOTUNE])
def test_random_numbers_do_not_depend_on_threads(threads: int | None) -> None:
    def noisy(x: Any) -> Any:
        return ps.cast(x, "float32") + ps.random.uniform(())

    def values(calls: int | None) -> list[list[float]]:
        keras.utils.set_random_seed(3)
        data = Dataset.range(40).map(noisy, calls)
        return [[float(x) for x in data] for _ in range(2)]

    found = values(threads)
    assert found == values(None)
    assert found[0] != found[1], "every pass draws anew"
    assert len({round(x % 1, 6) for x in found[0]}) == 40


def test_interleave_takes_turns() -> None:
    def make(x: Any) -> Any:
        return Dataset.from_tensors(x).repeat(6)

    # From the documentation of tf.data.
    found = _values(Dataset.range(1, 6).interleave(make, cycle_length=2, block_length=4))
    assert found == [
        1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5,
    ]  # fmt: skip


def test_epochs_go_on_where_an_interrupted_one_stood() -> None:
    def make() -> Any:
        return Dataset.range(20).shuffle(7, seed=4).batch(3)

    data = make()
    epochs = [[x.tolist() for x in data] for _ in range(4)]
    data = make()
    _ = [x.tolist() for x in data]
    second = iter(data)
    begun = [next(second).tolist() for _ in range(2)]
    state = json.loads(json.dumps(second.get_state()))
    other = make()
    going = iter(other)
    going.set_state(state)
    assert begun + [x.tolist() for x in going] == epochs[1]
    assert [x.tolist() for x in other] == epochs[2], "the epoch after is the next one"


def test_states_of_other_datasets_are_refused() -> None:
    state = iter(Dataset.range(4).batch(2)).get_state()
    with pytest.raises(ValueError, match="build the dataset as it was when the state was taken"):
        iter(Dataset.range(4).map(lambda x: x)).set_state(state)
    with pytest.raises(ValueError, match="expected what get_state"):
        iter(Dataset.range(4)).set_state({})


@pytest.mark.parametrize("calls", [(None, None), (2, 2), (None, 2), (2, None)])
@pytest.mark.parametrize("between", [lambda d: d, lambda d: d.take(100), lambda d: d.repeat(1)])
def test_what_goes_from_map_to_map_may_have_any_shape(calls: Any, between: Any) -> None:
    def grow(x: Any) -> Any:
        return np.full(int(x) + 1, int(x))

    data = between(Dataset.range(7).map(grow, calls[0])).map(lambda x: x.sum(), calls[1])
    found = [x.tolist() for x in data.batch(3)]
    assert found == [[0, 2, 6], [12, 20, 30], [42]]
    state = json.loads(json.dumps(iter(data.batch(3)).get_state()))
    assert state["stream"]["input"]["kind"] == "map"


def test_a_batch_of_different_shapes_says_what_to_use() -> None:
    data = Dataset.range(4).map(lambda x: np.zeros(int(x)))
    for made in (data.batch(2), Dataset.range(4).map(lambda x: np.zeros(int(x)), 2).batch(2)):
        with pytest.raises(
            ValueError, match="make them equal, or use padded_batch or ragged_batch"
        ):
            list(made)
