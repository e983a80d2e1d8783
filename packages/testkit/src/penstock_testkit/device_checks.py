"""The checks of a device itself: memory, copies, its own end of memory, neighbours, randomness, training."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock import errors
from penstock.device import copy_counters
from penstock_testkit.compare import near, same_bits
from penstock_testkit.tolerance import VALUES

_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
)
_SHAPES = ((), (0,), (0, 3), (1,), (5,), (3, 7), (6, 6, 3), (17, 33), (2, 1, 3, 4), (1000, 33))


def copies_keep_every_bit(device: str) -> None:
    """Send values of every dtype, in shapes that fit no row, there and back."""
    for dtype in _DTYPES:
        for shape in _SHAPES:
            x = _bits(dtype, shape)
            there = ps.to_device(x, device)
            assert (there.dtype, there.shape) == (x.dtype, x.shape), f"{device}: {dtype}{shape}"
            back = ps.to_device(there, "cpu")
            same_bits([back], [x], f"{dtype}{shape} sent to {device} and back")
            same_bits([there], [x], f"{dtype}{shape} read from {device}")


def values_stay_apart(device: str) -> None:
    """Keep many values on the device at once, free some, and read the others."""
    kept = {i: ps.to_device(np.full((37 + i,), i, "int32"), device) for i in range(200)}
    for i in range(0, 200, 3):
        del kept[i]
    more = {i: ps.to_device(np.full((31,), -i, "int32"), device) for i in range(50)}
    for i, t in kept.items():
        same_bits([t], [np.full((37 + i,), i, "int32")], f"value {i} on {device}")
    for i, t in more.items():
        same_bits([t], [np.full((31,), -i, "int32")], f"later value {i} on {device}")


def reshapes_keep_values(device: str) -> None:
    """Look at device memory under other shapes."""
    x = np.arange(210, dtype="float32").reshape(6, 7, 5)
    there = ps.to_device(x, device)
    for shape in ((210,), (35, 6), (2, 3, 35)):
        same_bits([ps.reshape(there, shape)], [x.reshape(shape)], f"reshape on {device}")


def memory_comes_back(device: str) -> None:
    """Allocate more, over time, than the device can hold: what is freed must be there again."""
    total = _memory_bytes(device)
    size = min(total // 4, 1 << 24) if total else 1 << 22
    count = min(2 * total // size, 64) if total else 16
    for i in range(count):
        x = ps.to_device(np.full((size // 4,), i, "int32"), device)
        assert int(x[0]) == i
        del x
    gc.collect()


def too_much_memory_is_an_error(device: str) -> None:
    """Ask for more than there is: an OutOfMemoryError that names the device, and life goes on."""
    total = _memory_bytes(device)
    if not total or total > 1 << 30:
        return  # the host itself cannot hold such a value
    count = 2 + total // (1 << 22)
    error = _error_of_filling(device, count)
    assert error, (
        f"{device} says that it has {total} bytes, and gave {count << 22} without an error"
    )
    kind = device.split(":", maxsplit=1)[0]
    assert kind in error, f"the error does not name the device: {error}"
    assert ps.to_device(ps.ones((4,)), device).tolist() == [1, 1, 1, 1]


def _error_of_filling(device: str, count: int) -> str:
    """Put so many values of 4 MiB on the device; return the message of its out-of-memory error, or ""."""
    chunk = np.zeros((1 << 20,), "float32")
    try:
        kept = [ps.to_device(chunk, device) for _ in range(count)]
    except errors.OutOfMemoryError as error:
        return str(error)
    kept.clear()
    return ""


def two_devices_work_together(device: str) -> None:
    """Use the host, the device and its neighbours in one expression and one function."""
    kind = device.split(":", maxsplit=1)[0]
    neighbours = [name for name in ps.devices() if name.startswith(f"{kind}:")]
    for other in (*neighbours, "cpu:0"):
        x = ps.to_device(ps.asarray([1.0, 2.0]), device)
        y = ps.to_device(x, other)
        assert y.device == other
        z = ps.to_device(y * 3, device) + x
        assert z.tolist() == [4, 8], f"{device} with {other}"

        def both(x: Any, other: str = other) -> Any:
            with ps.device(device):
                y = ps.tanh(x)
            with ps.device(other):
                z = ps.exp(y)
            return z + y

        value = np.array([0.5, -0.25], "float32")
        expected = np.exp(np.tanh(value)) + np.tanh(value)
        near(ps.function(both)(value), expected, VALUES["float32"], f"{device} with {other}")


def random_numbers_are_the_hosts(device: str) -> None:
    """Draw on the device what the host draws: the same bits for the same seed."""
    for draw in (ps.random.uniform, ps.random.normal):
        for dtype in ("float32", "float64"):
            for shape in ((7,), (33, 5)):
                drawn = []
                for where in ("cpu", device):
                    ps.random.set_seed(11)
                    with ps.device(where):
                        drawn.append(draw(shape, dtype=dtype))
                host, there = drawn
                near(there, host.numpy(), VALUES[dtype], f"{dtype}{shape} drawn on {device}")


def copies_are_counted(device: str) -> None:
    """Count a copy to the device and one back, in bytes."""
    if device == "cpu":
        return
    x = ps.ones((256,))
    before = copy_counters()
    ps.to_device(x, device).numpy()
    after = copy_counters()
    assert after["copies"] - before["copies"] >= 1
    assert after["bytes"] - before["bytes"] >= 1024


def threads_share_the_device(device: str) -> None:
    """Allocate, copy, compute and free from several threads at once."""

    def work(worker: int) -> None:
        for i in range(20):
            x = ps.to_device(np.full((100 + worker,), worker * 100 + i, "float32"), device)
            total = float(ps.sum(x))
            assert total == (100 + worker) * (worker * 100 + i), f"thread {worker} on {device}"

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, w) for w in range(4)]:
            done.result()


def a_long_run_can_be_cancelled(device: str) -> None:
    """Give a long graph too little time: CancelledError, and the session can run again."""
    graph = ps.Graph()
    with graph.as_default(), ps.device(device):
        x = ps.placeholder("float32", (64, 64))
        y = x
        for _ in range(300):
            y = ps.tanh(ps.matmul(y, x))
    session = ps.Session(graph)
    value = np.full((64, 64), 0.01, "float32")
    expected = session.run(y, {x: value})
    try:
        session.run(y, {x: value}, timeout=0.0)
    except errors.CancelledError:
        pass
    else:
        raise AssertionError(f"a run of 600 ops on {device} ended within a timeout of 0 seconds")
    same_bits([session.run(y, {x: value})], [expected], f"the run after a cancelled one, {device}")


def training_equals_the_hosts(device: str) -> None:
    """Train a small network on the device and on the host."""
    losses = {where: _train(where) for where in ("cpu", device)}
    assert losses["cpu"][-1] < losses["cpu"][0] / 4, "the network of this check does not learn"
    expected, actual = np.array(losses["cpu"]), np.array(losses[device])
    near(actual, expected, (1e-3, 1e-4), f"the losses of training on {device}")


def _train(device: str) -> list[float]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((64, 8)).astype("float32")
    labels = (x[:, 0] * x[:, 1] > 0).astype("int64")
    weights = [
        (rng.standard_normal(shape) * 0.5).astype("float32") for shape in ((8, 16), (16,), (16, 2))
    ]

    def loss(w1: Any, b1: Any, w2: Any, x: Any, labels: Any) -> Any:
        hidden = ps.relu(ps.matmul(x, w1) + b1)
        return ps.mean(ps.nn.softmax_cross_entropy(ps.matmul(hidden, w2), labels))

    @ps.function
    def step(parameters: Any, x: Any, labels: Any) -> Any:
        with ps.device(device):
            value, gradients = ps.value_and_grad(loss, argnums=(0, 1, 2))(*parameters, x, labels)
            return value, [p - 0.8 * g for p, g in zip(parameters, gradients, strict=True)]

    parameters = [ps.to_device(w, device) for w in weights]
    batch, wanted = ps.to_device(x, device), ps.to_device(labels, device)
    losses = []
    for _ in range(120):
        value, parameters = step(parameters, batch, wanted)
        losses.append(float(value))
    return losses


def _bits(dtype: str, shape: tuple[int, ...]) -> ps.Tensor:
    """Make a value whose bytes are all different where they can be."""
    count = int(np.prod(shape))
    numbers = np.arange(count) % 251
    if dtype == "bool":
        return ps.asarray((numbers % 3 == 0).reshape(shape))
    return ps.cast(ps.asarray(numbers.reshape(shape)), dtype)


def _memory_bytes(device: str) -> int:
    """Return how much memory the device says it has; 0 where it does not say."""
    from penstock.device import properties

    return int(properties(device).get("memory_bytes", 0))


@dataclass(frozen=True)
class DeviceCheck:
    """One question that is asked of a device.

    Args:
        name: What `conformance.toml` calls it; its `op` is "device".
        run: Gets the device's name; raises AssertionError when the answer is wrong.
    """

    name: str
    run: Callable[[str], None]


DEVICE_CHECKS: dict[str, DeviceCheck] = {
    name: DeviceCheck(name, run)
    for name, run in {
        "copies": copies_keep_every_bit,
        "apart": values_stay_apart,
        "reshapes": reshapes_keep_values,
        "leaks": memory_comes_back,
        "out-of-memory": too_much_memory_is_an_error,
        "together": two_devices_work_together,
        "randomness": random_numbers_are_the_hosts,
        "counters": copies_are_counted,
        "device-threads": threads_share_the_device,
        "cancellation": a_long_run_can_be_cancelled,
        "training": training_equals_the_hosts,
    }.items()
}
