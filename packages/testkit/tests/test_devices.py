"""The kit's devices: what they are there for is tested by the kit on them; here is what they promise themselves."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors, registry, runtime
from penstock.device import properties
from penstock_testkit.device_checks import DEVICE_CHECKS
from penstock_testkit.devices import awkward


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with runtime.fallback("silent"):
        yield


def on_awkward(values: Any) -> Any:
    return ps.to_device(np.asarray(values, "float32"), "awkward")


@pytest.mark.parametrize("device", ["null", "null:1", "awkward", "cpu"])
@pytest.mark.parametrize("check", DEVICE_CHECKS.values(), ids=list(DEVICE_CHECKS))
def test_the_kits_checks_hold(check: Any, device: str) -> None:
    check.run(device)


def test_native_kernels_work_over_padded_rows() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((17, 19)), rng.standard_normal((19, 33))
    product = ps.matmul(on_awkward(x), on_awkward(y))
    assert product.device == "awkward:0"
    np.testing.assert_allclose(product.numpy(), x @ y, rtol=1e-4, atol=1e-5)
    column = on_awkward(x[:, :1])
    np.testing.assert_allclose((on_awkward(x) + column).numpy(), x + x[:, :1], rtol=1e-6)


def test_there_is_no_kernel_in_float64() -> None:
    with runtime.fallback("error"):
        ps.exp(on_awkward([1.0]))
        with pytest.raises(errors.NoKernelError, match=r"\[exp\].*awkward"):
            ps.exp(ps.to_device(np.ones(3), "awkward"))


def test_kernels_end_in_any_order() -> None:
    ended: list[int] = []

    def work(i: int) -> None:
        x = on_awkward(np.full((5,), i))
        for _ in range(10):
            assert (x + x).tolist() == [2.0 * i] * 5
            ended.append(i)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, i) for i in range(4)]:
            done.result()
    assert len(ended) == 40


def test_an_exception_in_a_kernels_thread_is_an_error_of_the_op() -> None:
    device = awkward.AwkwardDevice()
    x = on_awkward([1.0, 2.0])
    original = awkward.DEVICE._load
    awkward.DEVICE._load = lambda memory, count: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    try:
        with pytest.raises(errors.PenstockError, match=r"\[add\] division by zero"):
            x + x
    finally:
        awkward.DEVICE._load = original  # type: ignore[method-assign]
    assert (x + x).tolist() == [2, 4]
    assert device.complaints == []


def test_memory_is_counted_to_the_last_row_and_comes_back() -> None:
    gc.collect()
    before = awkward.DEVICE.live_bytes
    x = ps.to_device(np.zeros(31, "float32"), "awkward")  # 124 bytes: three rows
    assert awkward.DEVICE.live_bytes - before == 3 * awkward.PITCH
    y = ps.tanh(x + x) * x
    del x, y
    gc.collect()
    assert awkward.DEVICE.live_bytes == before
    assert awkward.DEVICE.complaints == []


def test_it_is_full_at_64_mib() -> None:
    with pytest.raises(errors.OutOfMemoryError, match="awkward:0") as caught:
        ps.to_device(np.zeros((17 << 20,), "float32"), "awkward")
    assert "has 67108864 bytes" in str(caught.value.__cause__)
    assert properties("awkward")["memory_bytes"] == awkward.CAPACITY


def test_it_complains_of_misuse() -> None:
    device = awkward.AwkwardDevice()
    rows = device.allocate(0, 100)
    rows[0, awkward.ROW] = 0
    device.free(0, rows)
    device.free(0, rows)
    with pytest.raises(ValueError, match="was freed"):
        device.copy_in(0, rows, memoryview(b"x"))
    assert device.complaints == [
        "the padding of a row was written to",
        "free got memory that is not the device's, or was freed before",
        "memory was used after it was freed",
    ]


def test_placement_names_the_kernels() -> None:
    with ps.Graph().as_default(), ps.device("awkward"):
        x = ps.placeholder("float32", (2, 2))
        kernel = registry.kernel_of(ps.matmul(x, x).node)
    assert kernel is not None
    assert (kernel.provider, kernel.isa) == ("testkit", "python")
