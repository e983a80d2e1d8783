"""Devices: a small one in Python, what runs on it, what falls back, and what is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native, errors
from penstock.device import copy_counters
from penstock.reference import Destination, DeviceArray


class Toy:
    """A device of dictionaries: memory is a number, the bytes are in a table."""

    type = "toy"

    def __init__(self) -> None:
        self.memory: dict[int, bytearray] = {}
        self.lock = threading.Lock()
        self.next = 1

    def properties(self) -> Mapping[str, Any]:
        return {"count": 2}

    def allocate(self, index: int, num_bytes: int) -> Any:
        if num_bytes > 1 << 20:
            raise MemoryError("the toy has one MiB")
        self.next += 1
        self.memory[self.next] = bytearray(num_bytes)
        return self.next

    def free(self, index: int, memory: Any) -> None:
        with self.lock:
            del self.memory[memory]

    def copy_in(self, index: int, memory: Any, source: memoryview) -> None:
        self.memory[memory][: len(source)] = source

    def copy_out(self, index: int, target: memoryview, memory: Any) -> None:
        target[:] = self.memory[memory][: len(target)]

    def synchronize(self, index: int) -> None:
        pass


TOY = Toy()


@pytest.fixture(scope="module", autouse=True)
def toy() -> Toy:
    if "toy:0" not in ps.devices():
        ps.register_device(TOY)
    return TOY


@pytest.fixture
def quiet() -> Iterator[None]:
    _native.set_fallback("silent")
    yield
    _native.set_fallback("warn")


@pytest.mark.usefixtures("quiet")
class TestQuietly:
    def test_values_travel_there_and_back(self) -> None:
        x = np.arange(6, dtype="float32").reshape(2, 3)
        there = ps.to_device(x, "toy:1")
        assert there.device == "toy:1"
        assert there.shape == (2, 3)
        np.testing.assert_array_equal(there.numpy(), x)
        back = ps.to_device(there, "cpu")
        assert back.device == "cpu:0"
        np.testing.assert_array_equal(back.numpy(), x)
        assert ps.to_device(back, "cpu").device == "cpu:0"

    @pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "bfloat16", "complex64"])
    def test_every_dtype_travels(self, dtype: str) -> None:
        x = ps.asarray([0, 1, 1], dtype=dtype)
        assert ps.to_device(x, "toy").tolist() == x.tolist()

    def test_empty_and_zero_dimensional_values_travel(self) -> None:
        assert ps.to_device(ps.ones((0, 3)), "toy").shape == (0, 3)
        assert ps.to_device(ps.asarray(3.0), "toy").item() == 3

    def test_ops_follow_their_inputs_and_run_on_the_host(self) -> None:
        x = ps.to_device(ps.asarray([1.0, 2.0]), "toy:0")
        y = ps.exp(x) @ x
        assert y.device == "toy:0"
        np.testing.assert_allclose(y.item(), np.exp([1, 2]) @ [1, 2], rtol=1e-6)
        assert repr(ps.reshape(x, (2, 1))).startswith("Tensor([[1.]")

    def test_a_block_places_ops(self) -> None:
        with ps.device("toy:1"):
            x = ps.ones((2,)) + 1
            with ps.device(None):
                y = ps.ones((2,)) + 1
        assert (x.device, y.device) == ("toy:1", "cpu:0")
        assert x.tolist() == y.tolist() == [2, 2]

    def test_copies_and_fallbacks_are_counted(self) -> None:
        x = ps.to_device(ps.ones((256,)), "toy")
        before = copy_counters()
        ps.exp(x)
        after = copy_counters()
        assert {k: after[k] - before[k] for k in after} == {
            "copies": 2,
            "bytes": 2048,
            "fallbacks": 1,
        }

    def test_memory_goes_back_while_an_exception_is_on_its_way(self) -> None:
        before = len(TOY.memory)
        chunk = ps.ones((1 << 17,))
        with pytest.raises(errors.OutOfMemoryError):
            [ps.to_device(ps.concat([chunk] * i), "toy") for i in (1, 1, 1, 4)]
        assert len(TOY.memory) == before
        assert TOY.lock.acquire(blocking=False)
        TOY.lock.release()

    def test_memory_goes_back(self) -> None:
        before = len(TOY.memory)
        x = ps.to_device(ps.ones((256,)), "toy")
        y = x + x
        assert len(TOY.memory) > before
        del x, y
        assert len(TOY.memory) == before

    def test_a_function_places_its_nodes(self) -> None:
        @ps.function
        def f(x: Any) -> Any:
            with ps.device("toy"):
                y = ps.tanh(x) * 2
            return y + 1

        x = np.array([0.5, -0.5], "float32")
        for _ in range(2):
            np.testing.assert_allclose(f(x).numpy(), np.tanh(x) * 2 + 1, rtol=1e-6, atol=1e-6)
        text = ps.explain_placement(f)
        assert "tanh" in text
        assert "toy:0 has no kernel" in text
        assert "cpu:0" in text

    def test_a_block_around_a_call_makes_a_trace_of_its_own(self) -> None:
        f = ps.function(lambda x: ps.exp(x))
        x = ps.asarray([0.0])
        assert f(x).device == "cpu:0"
        with ps.device("toy"):
            assert f(x).tolist() == [1]
        assert f(x).device == "cpu:0"
        assert len(f.traces) == 2
        assert "another device around the call" in f.explain()

    def test_functions_take_tensors_of_the_device(self) -> None:
        x = ps.to_device(ps.asarray([1.0, 2.0]), "toy")
        assert ps.function(lambda x: ps.sum(x * 2))(x).item() == 6

    def test_constants_are_copied_to_where_they_are_used(self) -> None:
        captured = ps.to_device(ps.asarray([3.0, 4.0]), "toy")
        f = ps.function(lambda x: x * captured)
        np.testing.assert_array_equal(f(ps.ones((2,))).numpy(), [3, 4])

        @ps.function
        def folded(x: Any) -> Any:
            with ps.device("toy"):
                return x * ps.broadcast_to(ps.full((), 2.5), (2, 2))

        before = copy_counters()["fallbacks"]
        np.testing.assert_array_equal(folded(ps.ones((2, 2))).numpy(), np.full((2, 2), 2.5))
        assert copy_counters()["fallbacks"] == before  # nothing ran on the toy while folding

    def test_gradients_cross_devices(self) -> None:
        def f(x: Any) -> Any:
            return ps.sum(ps.to_device(ps.to_device(x, "toy") * 3.0, "cpu:0"))

        assert ps.grad(f)(ps.asarray([1.0, 2.0])).tolist() == [3, 3]

    def test_sessions_place_too(self) -> None:
        with ps.Graph().as_default() as g:
            x = ps.placeholder("float32", (None,))
            with ps.device("toy:1"):
                y = x * 2
        assert ps.Session(g).run(y, {x: [1.0, 2.0]}).tolist() == [2, 4]

    def test_the_devices_memory_error_is_ours_with_its_cause(self) -> None:
        with pytest.raises(errors.OutOfMemoryError, match="toy:0") as caught:
            ps.to_device(ps.ones((1 << 20,)), "toy")
        assert "the toy has one MiB" in str(caught.value.__cause__)


def test_a_fallback_warns_once_for_each_op() -> None:
    x = ps.to_device(ps.ones((2,)), "toy")
    with pytest.warns(
        errors.FallbackWarning,
        match=r"\[log1p\] has no kernel on toy:0: it runs on the host, with cop",
    ):
        ps.log1p(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.log1p(x)


def test_a_fallback_can_be_an_error() -> None:
    x = ps.to_device(ps.ones((2,)), "toy")
    f = ps.function(lambda x: _on_toy(x))
    _native.set_fallback("error")
    try:
        with pytest.raises(errors.NoKernelError, match=r"\[rsqrt\].*toy"):
            ps.rsqrt(x)
        with pytest.raises(
            errors.NoKernelError,
            match=r"\[rsqrt\] has no kernel on toy:0, at test_device.py:\d+; install",
        ):
            f(ps.ones((2,)))
    finally:
        _native.set_fallback("warn")


def _on_toy(x: Any) -> Any:
    with ps.device("toy"):
        return ps.rsqrt(x)


def test_the_environment_sets_the_policy() -> None:
    code = "import penstock; print(penstock._native.get_fallback())"
    for policy in ("warn", "error", "silent"):
        out = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PENSTOCK_FALLBACK": policy},
            capture_output=True,
            text=True,
            check=True,
        )
        assert out.stdout.strip() == policy
    with pytest.raises(
        errors.InvalidValueError, match="fallback is 'maybe'; it must be warn, silent or error"
    ):
        _native.set_fallback("maybe")


def test_devices_are_listed() -> None:
    assert ps.devices()[0] == "cpu:0"
    assert {"toy:0", "toy:1"} <= set(ps.devices())


def test_unknown_devices() -> None:
    for call in (lambda: ps.to_device(ps.ones(()), "nope"), lambda: ps.device("toy:2").__enter__()):
        with pytest.raises(
            errors.DeviceError, match=r"there is no device '.*'; there are: cpu:0, .*toy:0, toy:1"
        ):
            call()


def test_a_tensor_on_an_unknown_device_says_which_there_are() -> None:
    with pytest.raises(
        errors.DeviceError, match=r"\[to_device\] there is no device 'cuda:0'; there are: cpu:0"
    ):
        ps.ones((2,), device="cuda:0")


def test_a_plain_function_has_no_placement() -> None:
    with pytest.raises(TypeError, match=r"\[explain_placement\] got function; expected a function"):
        ps.explain_placement(lambda x: x)  # type: ignore[arg-type]


def test_a_device_must_have_all_methods_and_a_new_name() -> None:
    class Lazy:
        type = "lazy"

    with pytest.raises(
        errors.PluginError, match=r"is no device: .*; missing: properties, allocate, free, copy_in"
    ):
        ps.register_device(Lazy())  # type: ignore[arg-type]
    with pytest.raises(errors.PluginError, match="there is a device type 'toy' already"):
        ps.register_device(Toy())
    named = Toy()
    named.type = "two words"
    with pytest.raises(errors.PluginError, match="needs a `type` such as 'npu'"):
        ps.register_device(named)


def test_an_exception_in_the_device_is_the_cause() -> None:
    class Broken(Toy):
        type = "broken"

        def copy_in(self, index: int, memory: Any, source: memoryview) -> None:
            raise OSError("cable pulled")

    ps.register_device(Broken())
    with pytest.raises(errors.DeviceError, match="broken:0") as caught:
        ps.to_device(ps.ones((2,)), "broken")
    assert isinstance(caught.value.__cause__, OSError)


def test_memory_is_given_back_while_an_exception_passes() -> None:
    full = np.zeros((1 << 18) - 1, "float32")  # nearly all that the toy has
    before = len(TOY.memory)

    def fill() -> None:
        kept = [ps.to_device(np.zeros(size, "float32"), "toy") for size in (8, 8, 1 << 19)]
        raise AssertionError(kept)

    with pytest.raises(errors.OutOfMemoryError, match="toy:0"):
        fill()
    assert len(TOY.memory) == before
    assert ps.to_device(full, "toy").shape == full.shape


def test_placement_says_what_is_slow() -> None:
    f = ps.function(lambda x: ps.reshape(ps.exp(x), (2, 1)))
    with pytest.raises(
        errors.GraphError, match=r"\[explain_placement\] <lambda> has no trace yet; call it once"
    ):
        ps.explain_placement(f)
    f(ps.ones((2,), dtype="float64"))
    exp, reshape = ps.explain_placement(f).splitlines()
    assert "reference (numpy, slow)" in exp or "kernels-cpu (" in exp
    assert "no work: another view of its input" in reshape


class TestKernelsInPython:
    """Python kernels of a device get its own memory, and may end later, in another thread."""

    @pytest.fixture(autouse=True)
    def _rows(self) -> Iterator[None]:
        def write(x: DeviceArray, out: DeviceArray) -> None:
            values = np.frombuffer(TOY.memory[x.memory], x.dtype.name)
            TOY.memory[out.memory][:] = (-values).tobytes()

        def now(ctx: Any, x: DeviceArray, out: DeviceArray) -> None:
            write(x, out)

        def later(ctx: Any, x: DeviceArray, out: DeviceArray) -> Any:
            return self.pool.submit(lambda: (time.sleep(0.01), write(x, out)))

        self.pool = ThreadPoolExecutor(2)
        for dtype, fn in (("f32", now), ("f64", later), ("i32", lambda ctx, x, out: 3)):
            _native.register_python_kernel("negative", "toy", dtype, Destination(fn), 0, "test")
        yield
        _native.remove_kernels("test")
        self.pool.shutdown()

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_they_run_eagerly_and_in_graphs(self, dtype: str) -> None:
        x = ps.to_device(ps.asarray([1.0, -2.0], dtype=dtype), "toy:1")
        before = copy_counters()["fallbacks"]
        assert ps.negative(x).tolist() == [-1, 2]

        @ps.function
        def twice(x: Any) -> Any:
            with ps.device("toy:1"):
                return ps.negative(ps.negative(x) + 0)

        with ps.check_passes(False):
            _native.set_fallback("silent")
            assert twice(x).tolist() == [1, -2]
            _native.set_fallback("warn")
        assert copy_counters()["fallbacks"] - before <= 1  # the addition at most

    def test_an_array_says_where_and_how_it_lies(self) -> None:
        seen: list[DeviceArray] = []
        kernel = Destination(lambda ctx, x, y, out: seen.extend((x, y, out)))
        _native.register_python_kernel("add", "toy", "f32", kernel, 0, "test")
        x = ps.to_device(ps.ones((2, 3)), "toy:1")
        ps.add(x, ps.to_device(ps.ones((3,)), "toy:1"))
        assert [a.shape for a in seen] == [(2, 3)] * 3
        assert [a.strides for a in seen] == [(3, 1), (0, 1), (3, 1)]
        assert {(a.index, a.dtype) for a in seen} == {(1, ps.float32)}

    def test_other_results_are_refused(self) -> None:
        x = ps.to_device(ps.asarray([1], dtype="int32"), "toy")
        with pytest.raises(
            errors.InvalidValueError, match="returned int; a device's kernel writes into `out`"
        ):
            ps.negative(x)
