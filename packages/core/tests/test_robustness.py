"""Ctrl-C, no memory, many threads, fork, few threads: the program goes on, with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native, errors

MIB = 1 << 20


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Ctrl-C

LONG = """
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
    import numpy as np
    import penstock as ps

    @ps.function
    def work(x):
        for _ in range(20000):
            x = ps.tanh(x @ x)
        return x

    x = ps.asarray(np.eye(400, dtype="float32"))
    work.trace(x)
    print("ready", flush=True)
    start = time.monotonic()
    try:
        work(x)
        print("finished")
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - start)
    print(ps.sum(ps.ones((10,))).item(), ps.function(lambda x: x + 1)(1.0).item())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_a_long_run_and_the_program_goes_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LONG)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline().split()[0] == "interrupted"
            assert time.monotonic() - sent < 3  # about a second, on a busy machine
            assert process.stdout.readline() == "10.0 2.0\n"
            assert process.wait(20) == 0
        finally:
            process.kill()


# Memory


def test_asking_for_too_much_is_an_error_and_the_program_goes_on() -> None:
    for ask in (
        lambda: ps.ones((10**13,)),
        lambda: ps.function(lambda x: ps.sum(ps.broadcast_to(x, (10**7, 10**6)) + 1))(1.0),
    ):
        with pytest.raises(errors.OutOfMemoryError, match=r"bytes|GiB|TiB") as caught:
            ask()
        assert isinstance(caught.value, MemoryError)
    assert ps.sum(ps.ones((10,))).item() == 10


def test_sizes_beyond_all_numbers_are_refused() -> None:
    with pytest.raises((errors.OutOfMemoryError, errors.ShapeError, errors.InvalidValueError)):
        ps.ones((2**40, 2**40))


def test_a_memory_limit_is_kept() -> None:
    live = _native.memory_stats()["live_bytes"]
    _native.set_memory_limit(live + 8 * MIB)
    try:
        kept = ps.ones((MIB,))  # 4 MiB
        with pytest.raises(errors.OutOfMemoryError, match="cannot allocate 8388608 bytes on cpu:0"):
            ps.ones((2 * MIB,))
        assert kept[0].item() == 1
    finally:
        _native.set_memory_limit(0)
    assert ps.ones((2 * MIB,)).shape == (2 * MIB,)


def test_memory_is_counted_and_given_back() -> None:
    before = _native.memory_stats()["live_bytes"]
    x = ps.ones((MIB,))
    assert _native.memory_stats()["live_bytes"] - before >= 4 * MIB
    del x
    assert _native.memory_stats()["live_bytes"] - before < MIB
    _native.release_cached_memory()
    assert _native.memory_stats()["cached_bytes"] == 0


# Threads


def test_eager_calls_from_many_threads() -> None:
    failures: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            x = rng.standard_normal((20, 30)).astype("float32")
            got = ps.sum(ps.tanh(ps.asarray(x)) @ ps.asarray(x.T), axis=1)
            if not np.allclose(got.numpy(), (np.tanh(x) @ x.T).sum(axis=1), rtol=1e-4, atol=1e-4):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_tapes_belong_to_their_thread() -> None:
    grads: dict[int, Any] = {}
    start = threading.Barrier(4)

    def work(k: int) -> None:
        x = ps.asarray(float(k))
        with ps.GradientTape() as tape:
            tape.watch(x)
            start.wait()
            y = x * x
            start.wait()
        grads[k] = tape.gradient(y, x).item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert grads == {k: 2 * k for k in range(4)}


NUMBERS = """
    import hashlib
    import numpy as np
    import penstock as ps

    ps.random.set_seed(3)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype("float32") for s in ((301, 257), (257, 129)))
    image, kernel = (rng.standard_normal(s).astype("float32") for s in ((3, 17, 19, 5), (3, 3, 5, 7)))

    def f(x, w, image, kernel):
        h = ps.softmax(ps.tanh(x @ w) / 3)
        return ps.sum(h * h) + ps.mean(ps.conv2d(image, kernel) ** 2), h

    (value, h), grads = ps.function(ps.value_and_grad(f, (0, 1, 2, 3), has_aux=True))(x, w, image, kernel)
    parts = [value, h, *grads, ps.sum(x), ps.sum(x, axis=0), ps.random.normal((1001,)), ps.var(x)]
    print(hashlib.sha256(b"".join(ps.asarray(t).numpy().tobytes() for t in parts)).hexdigest())
"""


def test_the_same_bits_at_one_and_two_threads() -> None:
    runs = [python(NUMBERS, PENSTOCK_NUM_THREADS=n) for n in ("1", "2", "2")]
    assert [run.stderr for run in runs] == ["", "", ""]
    assert len({run.stdout for run in runs}) == 1
    assert len(runs[0].stdout) == 65


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes() -> None:
    done = python(
        """
        import os, sys, warnings
        import numpy as np
        import penstock as ps

        warnings.simplefilter("ignore")  # Python 3.12 warns of fork beside threads
        x = ps.asarray(np.random.default_rng(0).standard_normal((600, 600)).astype("float32"))
        f = ps.function(lambda x: ps.sum(ps.tanh(x @ x)))
        expected = f(x).item()  # the pool's threads are running now
        child = os.fork()
        if child == 0:
            ok = f(x).item() == expected and ps.sum(ps.tanh(x @ x)).item() == expected
            ok = ok and ps.function(lambda x: x + 1)(x).shape == (600, 600)
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        assert f(x).item() == expected
        print("child", os.waitstatus_to_exitcode(status))
        """,
        PENSTOCK_NUM_THREADS="2",
    )
    assert (done.stdout, done.stderr) == ("child 0\n", "")


def test_threads_that_still_run_do_not_hold_up_the_end() -> None:
    done = python(
        """
        import threading
        import penstock as ps

        def work():
            while True:
                ps.ones((100, 100)) @ ps.ones((100, 100))

        threading.Thread(target=work, daemon=True).start()
        print(ps.ones((3,)).tolist())
        """
    )
    assert done.stdout == "[1.0, 1.0, 1.0]\n"
    assert done.returncode == 0


def test_importing_stays_small() -> None:
    done = python(
        """
        import sys
        import numpy
        before = set(sys.modules)
        import penstock
        heavy = {"pluggy", "pydantic", "importlib.metadata", "typer", "rich", "difflib"}
        print(sorted(heavy & (set(sys.modules) - before)), "penstock_kernels_cpu" in sys.modules)
        """
    )
    assert done.stdout == "[] False\n"


def test_names_that_modules_and_functions_share() -> None:
    done = python(
        """
        import penstock as ps
        import penstock.v1, penstock.device, penstock.function, penstock.random, penstock.placement
        print(callable(ps.device), callable(ps.function), ps.random.__name__, callable(ps.to_device))
        print([name for name in ps.__all__ if not hasattr(ps, name)])
        """
    )
    assert done.stdout == "True True penstock.random True\n[]\n"
