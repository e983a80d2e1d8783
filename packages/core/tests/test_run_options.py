"""Deadlines, tokens, runs in other threads, and many threads in one executable."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


@ps.function
def endless(x: Any) -> Any:
    return ps.while_loop(lambda x: ps.sum(x) > -1.0, lambda x: x * 1.0, [x])


def after(seconds: float, act: Callable[[], Any]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_a_deadline_ends_a_traced_function() -> None:
    x = ps.ones((64,))
    with (
        ps.RunOptions(timeout=0.05),
        pytest.raises(errors.CancelledError, match="its time is over"),
    ):
        endless(x)
    assert float(ps.sum(x)) == 64  # and holds no longer than its block


def test_a_token_ends_a_traced_function() -> None:
    token = ps.CancelToken()
    timer = after(0.05, token.cancel)
    with ps.RunOptions(cancel=token), pytest.raises(errors.CancelledError, match="was cancelled"):
        endless(ps.ones((64,)))
    timer.join()
    assert token.cancelled


def test_options_end_a_row_of_ops_too() -> None:
    token = ps.CancelToken()
    x = ps.ones((3,))
    with ps.RunOptions(cancel=token):
        for _ in range(5):
            x = x + x
        token.cancel()
        with pytest.raises(errors.CancelledError, match=r"\[add\]"):
            x + x


def test_a_long_kernel_is_ended() -> None:
    x = ps.ones((3000, 3000))

    def multiply() -> None:
        for _ in range(10_000):
            x @ x

    begin = time.monotonic()
    with ps.RunOptions(timeout=0.2), pytest.raises(errors.CancelledError, match="matmul"):
        multiply()
    assert time.monotonic() - begin < 60


def test_blocks_nest() -> None:
    token = ps.CancelToken()
    with ps.RunOptions(cancel=token):
        with ps.RunOptions(timeout=1000.0):
            ps.ones((2,)) + 1
            token.cancel()
            with pytest.raises(errors.CancelledError, match="the run was cancelled"):
                ps.ones((2,)) + 1
        with pytest.raises(errors.CancelledError):
            ps.ones((2,)) + 1
    ps.ones((2,)) + 1


def test_options_belong_to_a_thread() -> None:
    token = ps.CancelToken()
    token.cancel()
    with ps.RunOptions(cancel=token):
        assert ps.submit(lambda: float(ps.ones(()) + 1)).result() == 2


def test_options_can_be_used_again() -> None:
    options = ps.RunOptions(timeout=1000.0)
    with options, options:
        assert float(ps.ones(()) + 1) == 2


def test_a_session_takes_options() -> None:
    with ps.Graph().as_default() as graph:
        y = ps.while_loop(lambda x: x > -1.0, lambda x: x * 1.0, [ps.ones(())])
    sess = ps.Session(graph)
    token = ps.CancelToken()
    timer = after(0.05, token.cancel)
    with pytest.raises(errors.CancelledError, match="the run was cancelled"):
        sess.run(y, options=ps.RunOptions(cancel=token))
    timer.join()
    with pytest.raises(errors.CancelledError, match=r"timeout of 0.01 seconds passed; give more"):
        sess.run(y, timeout=0.01)
    with pytest.raises(errors.CancelledError, match="its time is over"):
        sess.run(y, options=ps.RunOptions(timeout=0.01))


def test_a_negative_timeout_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        ps.RunOptions(timeout=-1.0)


# ---- other threads


def test_runs_in_other_threads_give_futures() -> None:
    f = ps.function(lambda x: x * 2)
    futures = [f.submit(ps.asarray(float(i))) for i in range(8)]
    assert [float(future.result(60)) for future in futures] == [2.0 * i for i in range(8)]
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (None,))
        y = x + 1
    sess = ps.Session(graph)
    np.testing.assert_array_equal(sess.run_async(y, {x: [1.0, 2.0]}).result(60), [2, 3])
    with pytest.raises(errors.GraphError, match="cannot fetch"):
        sess.run_async(3).result(60)


def test_a_future_can_be_cancelled_while_it_runs() -> None:
    future = endless.submit(ps.ones((64,)))
    time.sleep(0.02)
    assert not future.done()
    assert future.cancel()
    with pytest.raises(errors.CancelledError, match="the run was cancelled"):
        future.result(60)
    assert not future.cancel()


def test_futures_can_be_awaited() -> None:
    async def both() -> list[float]:
        futures = [ps.submit(lambda i=i: float(ps.asarray(i) * 2)) for i in (1, 2)]
        return list(await asyncio.gather(*map(asyncio.wrap_future, futures)))

    assert asyncio.run(both()) == [2, 4]


def test_nothing_is_submitted_while_a_graph_is_built() -> None:
    with (
        ps.Graph().as_default(),
        pytest.raises(errors.GraphError, match="submit what runs the graph"),
    ):
        ps.submit(lambda: None)


def test_one_executable_runs_in_many_threads() -> None:
    """Sixteen threads, three sizes, one function and one session: each gets its own answer every time."""
    w = np.random.default_rng(0).normal(size=(32, 32)).astype("float32")

    @ps.function
    def f(x: Any) -> Any:
        return ps.sum(ps.tanh(x @ w) * x, axis=1)

    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (None, 32))
        y = ps.sum(ps.tanh(x @ w) * x, axis=1)
    sess = ps.Session(graph)
    inputs = [np.random.default_rng(i).normal(size=(8 * (i % 3 + 1), 32)) for i in range(16)]
    inputs = [array.astype("float32") for array in inputs]
    expected = [f(array).numpy() for array in inputs]
    wrong: list[Any] = []

    def work(i: int) -> None:
        try:
            for _ in range(60):
                got = [f(inputs[i]).numpy(), sess.run(y, {x: inputs[i]})]
                wrong.extend(g for g in got if not np.array_equal(g, expected[i]))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


INTERRUPTED = """
import sys
import penstock as ps
f = ps.function(lambda x: ps.while_loop(lambda x: ps.sum(x) > -1.0, lambda x: x * 1.0, [x]))
queue = ps.FIFOQueue(1, "float32", [()])
wait = {"loop": lambda: f(ps.ones((100_000,)))}.get(sys.argv[1], queue.dequeue)
with ps.Graph().as_default() as g:
    y = queue.dequeue()
if sys.argv[1] == "session":
    wait = lambda: ps.Session(g).run(y)
print("ready", flush=True)
try:
    wait()
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("what", ["loop", "queue", "session"])
def test_ctrl_c_ends_what_runs_and_what_waits(what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, what], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1)
        os.kill(child.pid, signal.SIGINT)
        assert child.communicate(timeout=60)[0] == "interrupted\n"
