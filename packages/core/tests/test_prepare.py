"""`prepare` and `release`: a kernel in C that keeps packed weights, and counts how often it is asked for them."""

from __future__ import annotations

import ctypes
import gc
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock import _native
from penstock.errors import InvalidValueError

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine"),
]
INCLUDE = Path(ps.__file__).parent / "include"

# matmul of [n, k] and [k, m]; what it prepares is the second input, transposed.
SOURCE = """
#include <penstock/kernel_abi.h>
#include <stdlib.h>
#include <string.h>
int prepares, releases, seen, with_state, without_state, refuse;

static float* transposed(const penstock_tensor* w) {
  int64_t k = w->shape[0], m = w->shape[1];
  const float* from = w->data;
  float* to = malloc((size_t)(k * m + 1) * sizeof *to);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < m; ++j) to[j * k + i] = from[i * m + j];
  return to;
}

static int prepare(penstock_call* call, void** state) {
  __atomic_add_fetch(&prepares, 1, __ATOMIC_RELAXED);
  if (refuse) return call->host->fail(call, "the weights do not fit; use fewer");
  if (!(call->flags & PENSTOCK_CALL_PREPARE) || call->outputs[0]->data || call->state)
    return call->host->fail(call, "a frame of prepare has no outputs and no state");
  if (!call->inputs[1]->data) return PENSTOCK_OK;
  __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
  *state = transposed(call->inputs[1]);
  return PENSTOCK_OK;
}

static void release(void* state) {
  __atomic_add_fetch(&releases, 1, __ATOMIC_RELAXED);
  free(state);
}

static int run(penstock_call* call) {
  const penstock_tensor *x = call->inputs[0], *w = call->inputs[1];
  int64_t n = x->shape[0], k = x->shape[1], m = w->shape[1];
  __atomic_add_fetch(call->state ? &with_state : &without_state, 1, __ATOMIC_RELAXED);
  float* packed = call->state ? call->state : transposed(w);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      float sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += ((const float*)x->data)[i * k + l] * packed[j * k + l];
      ((float*)call->outputs[0]->data)[i * m + j] = sum;
    }
  if (!call->state) free(packed);
  return PENSTOCK_OK;
}

PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* registry) {
  penstock_kernel_def def;
  memset(&def, 0, sizeof def);
  def.head.struct_size = sizeof def;
  def.op = "matmul"; def.op_version = 1; def.device = "cpu"; def.dtypes = "f32"; def.priority = 50;
  def.run = run; def.prepare = prepare; def.release = release;
#ifdef ONE_STATE
  def.caps = PENSTOCK_CAP_ONE_STATE;
#endif
  return registry->add_kernel(registry, &def);
}
"""


def build(folder: Path, *flags: str) -> Path:
    (folder / "prepare.c").write_text(SOURCE)
    built = folder / "libprepare.so"
    flags = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{INCLUDE}", *flags)
    subprocess.run([COMPILER, *flags, "-o", built, folder / "prepare.c"], check=True)
    return built


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("prepare"))


@pytest.fixture(scope="module")
def library_of_one_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("one_state"), "-DONE_STATE")


def counters(library: Path) -> Iterator[ctypes.CDLL]:
    _native.load_library(str(library), "prepares")
    handle = ctypes.CDLL(str(library))
    gc.collect()  # functions of earlier tests release what they hold
    for name in ("prepares", "releases", "seen", "with_state", "without_state", "refuse"):
        ctypes.c_int.in_dll(handle, name).value = 0
    yield handle
    _native.forget_library(str(library))


@pytest.fixture
def count(library: Path) -> Iterator[ctypes.CDLL]:
    """The kernel's counters, at zero."""
    yield from counters(library)


@pytest.fixture
def count_of_one(library_of_one_state: Path) -> Iterator[ctypes.CDLL]:
    """Those of a kernel that says that one state serves all sizes."""
    yield from counters(library_of_one_state)


def value(handle: ctypes.CDLL, name: str) -> int:
    return ctypes.c_int.in_dll(handle, name).value


X = np.arange(6, dtype=np.float32).reshape(2, 3)
W = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def test_constants_are_prepared_once_for_each_size(count: ctypes.CDLL) -> None:
    weights = ps.asarray(W)
    f = ps.function(lambda x: x @ weights)
    for _ in range(3):
        np.testing.assert_array_equal(f(ps.asarray(X)).numpy(), X @ W)
    assert (value(count, "prepares"), value(count, "seen")) == (1, 1)
    assert (value(count, "with_state"), value(count, "without_state")) == (3, 0)
    larger = np.tile(X, (4, 1))
    np.testing.assert_array_equal(f(ps.asarray(larger)).numpy(), larger @ W)
    assert value(count, "prepares") == 2
    assert value(count, "releases") == 0
    del f
    gc.collect()
    assert value(count, "releases") == 2


def test_one_state_serves_all_sizes_where_the_kernel_says_so(count_of_one: ctypes.CDLL) -> None:
    variable = ps.Variable(W)
    f = ps.function(lambda x: x @ variable.value)
    for rows in (2, 3, 50, 2, 7):
        x = np.ones((rows, 3), np.float32)
        np.testing.assert_array_equal(f(ps.asarray(x)).numpy(), x @ W)
    assert value(count_of_one, "prepares") == 1
    variable.assign(2 * W)
    np.testing.assert_array_equal(f(ps.asarray(X)).numpy(), X @ (2 * W))
    assert (value(count_of_one, "prepares"), value(count_of_one, "releases")) == (2, 1)
    assert (value(count_of_one, "with_state"), value(count_of_one, "without_state")) == (6, 0)


def test_weights_of_changing_shape_have_a_state_for_each_size(count_of_one: ctypes.CDLL) -> None:
    weights = ps.asarray(np.arange(12, dtype=np.float32))
    f = ps.function(lambda x: x @ ps.reshape(weights, (x.shape[1], -1)))
    for depth in (3, 4, 6, 3):
        x = np.ones((2, depth), np.float32)
        want = x @ np.arange(12, dtype=np.float32).reshape(depth, -1)
        np.testing.assert_array_equal(f(ps.asarray(x)).numpy(), want)
    assert value(count_of_one, "prepares") == 3


def test_eager_calls_prepare_nothing(count: ctypes.CDLL) -> None:
    np.testing.assert_array_equal((ps.asarray(X) @ ps.asarray(W)).numpy(), X @ W)
    assert (value(count, "prepares"), value(count, "without_state")) == (0, 1)


def test_inputs_of_the_run_are_not_shown(count: ctypes.CDLL) -> None:
    f = ps.function(lambda x, w: x @ w)
    np.testing.assert_array_equal(f(ps.asarray(X), ps.asarray(W)).numpy(), X @ W)
    np.testing.assert_array_equal(f(ps.asarray(X), ps.asarray(2 * W)).numpy(), X @ (2 * W))
    assert (value(count, "prepares"), value(count, "seen")) == (1, 0)


def test_a_variable_is_prepared_again_when_it_changes(count: ctypes.CDLL) -> None:
    w = ps.Variable(W)
    f = ps.function(lambda x: x @ w)
    for scale in (1, 3, 5):
        w.assign(ps.asarray(scale * W))
        for _ in range(2):
            np.testing.assert_array_equal(f(ps.asarray(X)).numpy(), X @ (scale * W))
    assert (value(count, "prepares"), value(count, "seen")) == (3, 3)
    assert value(count, "releases") == 2


def test_an_update_in_place_counts_as_a_change(count: ctypes.CDLL) -> None:
    w = ps.Variable(W)
    read = ps.function(lambda x: x @ w)
    add = ps.function(lambda: w.assign_add(ps.ones((3, 2))))
    for step in range(4):
        np.testing.assert_array_equal(read(ps.asarray(X)).numpy(), X @ (W + step))
        add()
    assert value(count, "seen") == 4


def test_what_a_run_assigns_itself_is_not_prepared(count: ctypes.CDLL) -> None:
    w = ps.Variable(W)

    @ps.function
    def step(x: ps.Tensor) -> ps.Tensor:
        y = x @ w
        w.assign_add(ps.ones((3, 2)))
        return y

    for i in range(3):
        np.testing.assert_array_equal(step(ps.asarray(X)).numpy(), X @ (W + i))
    assert (value(count, "prepares"), value(count, "seen")) == (1, 0)


def test_a_failure_reaches_the_user_and_is_tried_again(count: ctypes.CDLL) -> None:
    weights = ps.asarray(W)
    f = ps.function(lambda x: x @ weights)
    ctypes.c_int.in_dll(count, "refuse").value = 1
    for _ in range(2):
        with pytest.raises(InvalidValueError, match=r"\[matmul\] the weights do not fit; use few"):
            f(ps.asarray(X))
    ctypes.c_int.in_dll(count, "refuse").value = 0
    np.testing.assert_array_equal(f(ps.asarray(X)).numpy(), X @ W)
    assert (value(count, "prepares"), value(count, "releases")) == (3, 0)


def test_runs_that_overlap_each_see_one_version(count: ctypes.CDLL) -> None:
    ones = np.ones((3, 2), np.float32)
    w = ps.Variable(ones)
    f = ps.function(lambda x: x @ w)
    x = ps.ones((2, 3))
    f(x)
    wrong: list[np.ndarray] = []

    def use(f: ps.Function) -> None:
        for _ in range(200):
            y = f(x).numpy()
            if not (y == y[0, 0]).all() or y[0, 0] % 3:
                wrong.append(y)

    threads = [threading.Thread(target=use, args=(f,)) for _ in range(4)]
    [t.start() for t in threads]
    for scale in range(1, 50):
        w.assign(ps.asarray(scale * ones))
    [t.join() for t in threads]
    threads.clear()  # they hold the function
    assert not wrong
    np.testing.assert_array_equal(f(x).numpy(), np.full((2, 2), 3 * 49))
    del f
    gc.collect()
    assert value(count, "releases") == value(count, "seen") > 0
