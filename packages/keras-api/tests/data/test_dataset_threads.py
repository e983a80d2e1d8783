"""Threads and processes: order, errors, and how they end."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

Dataset, AUTOTUNE = keras.data.Dataset, keras.data.AUTOTUNE


def _threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("penstock-data")}


def _wait_until(true: Any, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


def _slow(x: Any) -> Any:
    time.sleep(0.001 * (int(x) % 5))
    return x


@pytest.mark.parametrize("threads", [2, 7, AUTOTUNE])
def test_order_does_not_depend_on_threads(threads: int) -> None:
    data = Dataset.range(60).map(_slow, threads)
    assert [int(x) for x in data] == list(range(60))


def test_without_order_nothing_is_lost() -> None:
    data = Dataset.range(60).map(_slow, 4, deterministic=False)
    assert sorted(int(x) for x in data) == list(range(60))


def test_calls_do_run_at_once() -> None:
    meeting = threading.Barrier(3, timeout=20)

    def meet(x: Any) -> Any:
        number = int(x)  # no tracing from here on
        meeting.wait()  # breaks unless three calls are under way
        return number

    assert [int(x) for x in Dataset.range(6).map(meet, 3)] == list(range(6))


def test_a_map_within_a_map_does_not_wait_for_itself() -> None:
    def inner(x: Any) -> Any:
        data = Dataset.range(int(x)).map(lambda y: int(y) + 1, 4)
        return sum(int(y) for y in data)

    found = [int(x) for x in Dataset.range(30).map(inner, 4)]
    assert found == [n * (n + 1) // 2 for n in range(30)]


def test_an_error_comes_in_its_turn_with_the_number_of_its_element() -> None:
    def fail(x: Any) -> Any:
        if int(x) == 3:
            raise ZeroDivisionError("three")
        return x

    for calls in (None, 4):
        found = iter(Dataset.range(6).map(fail, calls).prefetch(2))
        assert [int(next(found)) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ZeroDivisionError, match="three") as caught:
            next(found)
        assert caught.value.__notes__[0].startswith("[map] in element 3 of the dataset")
        assert int(next(found)) == 4, "the elements after it can be had"
        found.close()


def test_errors_are_counted_where_they_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    def fail(x: Any) -> Any:
        if int(x) % 3 == 0:
            raise ValueError(f"not {int(x)}")
        return x

    data = Dataset.range(10).map(fail, 4).ignore_errors(log_warning=True).batch(3)
    assert [x.tolist() for x in data] == [[1, 2, 4], [5, 7, 8]]
    assert data.num_ignored == 4
    assert "not 9" in caplog.text


def test_a_dropped_iterator_ends_its_threads() -> None:
    data = Dataset.counter().map(_slow, 3).prefetch(2)
    iterator = iter(data)
    next(iterator)
    assert "penstock-data-ahead" in _threads()
    del iterator
    gc.collect()
    assert _wait_until(lambda: "penstock-data-ahead" not in _threads())
    assert _wait_until(lambda: not _threads()), "idle threads end after a while"


def test_many_unfinished_iterators_leave_nothing() -> None:
    data = Dataset.range(1000).map(lambda x: x + 1, AUTOTUNE).prefetch(AUTOTUNE)
    for _ in range(50):
        next(iter(data))
    gc.collect()
    assert _wait_until(lambda: len(_threads()) <= 8)


def test_a_closed_iterator_gives_nothing_more() -> None:
    with iter(Dataset.range(10).prefetch(2)) as found:
        assert int(next(found)) == 0
    found.close()
    assert not any(t.name == "penstock-data-ahead" for t in threading.enumerate())


def test_processes_call_functions() -> None:
    parent = os.getpid()
    data = Dataset.range(8).map(lambda x: (int(x) * 2, os.getpid()), processes=2)
    found = [(int(a), int(b)) for a, b in data]
    assert [a for a, _ in found] == [2 * n for n in range(8)]
    assert parent not in {b for _, b in found}


def test_errors_of_processes_come_in_their_turn() -> None:
    def fail(x: Any) -> Any:
        if int(x) == 2:
            raise KeyError("two")
        return x

    found = iter(Dataset.range(5).map(fail, processes=2))
    assert [int(next(found)) for _ in range(2)] == [0, 1]
    with pytest.raises(KeyError, match="two"):
        next(found)
    assert int(next(found)) == 3
    found.close()


def test_a_process_that_dies_is_told() -> None:
    def die(x: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        return x

    found = iter(Dataset.range(5).map(die, processes=1))
    with pytest.raises(ps.errors.PenstockError, match="or threads: num_parallel_calls"):
        next(found)
    found.close()


_ENDLESS = """
import sys
from penstock import keras
data = keras.data.Dataset.counter().map(lambda x: x + 1, 4).prefetch(keras.data.AUTOTUNE)
python = keras.data.Dataset.counter().map(lambda x: int(x), processes=2)
a, b = iter(data), iter(python)
print(int(next(a)), int(next(b)), flush=True)
"""


def _run(code: str, tmp_path: Path, **kwargs: Any) -> subprocess.Popen[str]:
    file = tmp_path / "program.py"
    file.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **kwargs,
    )  # fmt: skip


def test_a_program_with_unfinished_iterators_ends(tmp_path: Path) -> None:
    program = _run(_ENDLESS, tmp_path)
    out, error = program.communicate(timeout=60)
    assert out == "1 0\n"
    assert program.returncode == 0, error
    assert not error


def test_an_exception_ends_a_program(tmp_path: Path) -> None:
    program = _run(_ENDLESS + "raise SystemExit(3)\n", tmp_path)
    program.communicate(timeout=60)
    assert program.returncode == 3


def test_ctrl_c_ends_a_program_that_waits(tmp_path: Path) -> None:
    code = """
import time
from penstock import keras
def slow(x):
    time.sleep(0.2)
    return int(x)
data = keras.data.Dataset.counter().map(slow, 2).prefetch(2)
try:
    for x in data:
        print("one", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    program = _run(code, tmp_path)
    assert program.stdout is not None
    assert program.stdout.readline() == "one\n"
    program.send_signal(signal.SIGINT)
    out, error = program.communicate(timeout=60)
    assert out.endswith("stopped\n"), error
    assert program.returncode == 0, error


def test_prefetch_grows_for_a_reader_that_waits_but_not_beyond_its_memory() -> None:
    options = keras.data.Options()
    options.autotune.ram_budget = 10 * 8 * 1000
    made: list[int] = []

    def make(x: Any) -> Any:
        made.append(int(x))
        return np.zeros(1000)

    data = Dataset.range(400).with_options(options).map(make).prefetch(AUTOTUNE)
    ahead = 0
    for number, _ in enumerate(data):
        if number % 50 == 0:
            time.sleep(0.05)  # the buffer fills
        ahead = max(ahead, len(made) - number)
    assert ahead <= 13  # ten fit, and some are on their way in and out


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="use a number of threads from 1, or AUTOTUNE"):
        Dataset.range(3).map(lambda x: x, num_parallel_calls=0)
    with pytest.raises(ValueError, match="use a number of elements, or AUTOTUNE"):
        Dataset.range(3).prefetch(-3)
    with pytest.raises(TypeError, match=r"give keras.data.Options\(\)"):
        Dataset.range(3).with_options({})
