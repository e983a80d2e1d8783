"""The C border, with real libraries built by the system's compiler from the installed header alone."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import numpy as np
import pytest

import penstock
from penstock import _native
from penstock.errors import (
    CancelledError,
    FallbackWarning,
    InvalidValueError,
    OutOfMemoryError,
    PluginError,
)

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine"),
]
INCLUDE = Path(penstock.__file__).parent / "include"

PROLOGUE = """
#include <penstock/kernel_abi.h>
#include <pthread.h>
#include <string.h>
static __attribute__((unused)) int add_row(penstock_registry* r, const char* op, const char* dtypes, int (*run)(penstock_call*), uint64_t caps) {
  penstock_kernel_def def;
  memset(&def, 0, sizeof def);
  def.head.struct_size = sizeof def;
  def.head.abi_major = PENSTOCK_ABI_MAJOR;
  def.op = op; def.op_version = 1; def.device = "cpu"; def.dtypes = dtypes; def.run = run; def.caps = caps;
  def.priority = 50;
  return r->add_kernel(r, &def);
}
"""


@pytest.fixture
def build(tmp_path: Path):
    """Compile C source to a plugin library; take its kernels out again afterwards."""
    providers = []

    def compile_and_load(source: str) -> Path:
        name = f"plugin_{uuid.uuid4().hex}"
        (tmp_path / f"{name}.c").write_text(PROLOGUE + source)
        library = tmp_path / f"lib{name}.so"
        subprocess.run(
            [COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{INCLUDE}", "-o", library,
             tmp_path / f"{name}.c", "-lpthread"],
            check=True,
        )  # fmt: skip
        providers.append(name)
        _native.load_library(str(library), name)
        return library

    yield compile_and_load
    for name in providers:
        _native.remove_kernels(name)


def test_a_kernel_in_c_runs_in_place_of_the_reference(build) -> None:
    library = build("""
    static int run(penstock_call* call) {
      const float* x = call->inputs[0]->data;
      float* y = call->outputs[0]->data;
      int64_t n = 1;
      for (int d = 0; d < call->outputs[0]->ndim; ++d) n *= call->outputs[0]->shape[d];
      for (int64_t i = 0; i < n; ++i) y[i] = x[i] + 1000.0f;  /* not what floor does: proves that this ran */
      return PENSTOCK_OK;
    }
    PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) { return add_row(r, "floor", "f32", run, 0); }
    """)
    np.testing.assert_array_equal(
        penstock.floor(penstock.asarray([1.0, 2.0])).numpy(), [1001, 1002]
    )
    np.testing.assert_array_equal(
        penstock.floor(penstock.asarray([1.5], dtype="float64")).numpy(), [1.0]
    )
    needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
    assert "penstock" not in needed
    assert "python" not in needed


def test_a_pending_kernel_answers_later_from_another_thread(build) -> None:
    build("""
    static void* later(void* p) {
      penstock_call* call = p;
      *(float*)call->outputs[0]->data = *(const float*)call->inputs[0]->data * 2;
      call->host->done(call, PENSTOCK_OK);
      return 0;
    }
    static int run(penstock_call* call) {
      pthread_t thread;
      if (pthread_create(&thread, 0, later, call)) return PENSTOCK_ERROR;
      pthread_detach(thread);
      return PENSTOCK_PENDING;
    }
    PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) { return add_row(r, "ceil", "f32", run, PENSTOCK_CAP_ASYNC); }
    """)
    x = penstock.asarray(21.0)
    assert float(penstock.ceil(x)) == 42
    twice = penstock.function(lambda v: penstock.ceil(penstock.ceil(v)))
    assert [float(twice(x)) for _ in range(20)] == [84.0] * 20


def test_what_a_kernel_says_reaches_the_user(build) -> None:
    build("""
    static int fails(penstock_call* call) { return call->host->fail(call, "the moon is full; try tomorrow"); }
    static int no_memory(penstock_call* call) { (void)call; return PENSTOCK_NO_MEMORY; }
    static int cancelled(penstock_call* call) { (void)call; return PENSTOCK_CANCELLED; }
    PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {
      return add_row(r, "floor", "f32", fails, 0) || add_row(r, "ceil", "f32", no_memory, 0) ||
             add_row(r, "sign", "f32", cancelled, 0);
    }
    """)
    x = penstock.asarray(1.0)
    with pytest.raises(InvalidValueError, match=r"\[floor\] the moon is full; try tomorrow"):
        penstock.floor(x)
    with pytest.raises(OutOfMemoryError, match=r"\[ceil\] out of memory inside the kernel"):
        penstock.ceil(x)
    with pytest.raises(CancelledError, match=r"\[sign\] the run was cancelled"):
        penstock.sign(x)


def test_scratch_and_parallel_for_serve_a_kernel(build) -> None:
    build("""
    typedef struct { const float* x; float* t; } work;
    static void body(void* p, int64_t begin, int64_t end) {
      work* w = p;
      for (int64_t i = begin; i < end; ++i) w->t[i] = w->x[i] * w->x[i];
    }
    static int run(penstock_call* call) {
      int64_t n = call->inputs[0]->shape[0];
      work w = {call->inputs[0]->data, call->host->scratch(call, n * sizeof(float))};
      if (!w.t) return PENSTOCK_NO_MEMORY;
      int rc = call->host->parallel_for(call, n, 1000, body, &w);
      memcpy(call->outputs[0]->data, w.t, n * sizeof(float));
      return rc;
    }
    PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) { return add_row(r, "abs", "f32", run, 0); }
    """)
    x = np.random.default_rng(0).standard_normal(123_457).astype(np.float32)
    np.testing.assert_array_equal(penstock.abs(penstock.asarray(x)).numpy(), x * x)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return add_row(r, "matmull", "f32", run, 0);', r'no op "matmull"; did you mean "matmul"'),
        ('return add_row(r, "add", "f33", run, 0);', r"lists the dtype 'f33'; known are bool i8"),
        ('return add_row(r, "add", "f32", 0, 0);', r"a kernel without op, device, dtypes or run"),
        (
            'add_row(r, "add", "f32", run, 0); return r->fail(r, "no licence found");',
            r"refused: no licence found",
        ),
        ("return PENSTOCK_ERROR;", r"init function failed without a reason"),
    ],
)
def test_a_library_that_fails_leaves_nothing_behind(build, body: str, message: str) -> None:
    before = _native.kernel_rows("add")
    with pytest.raises(PluginError, match=message):
        build(
            "int run(penstock_call* c) { (void)c; return 0; }\n"
            f"PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {{ (void)r; {body} }}"
        )
    assert _native.kernel_rows("add") == before


DEVICE = """
#include <stdlib.h>
static void* get(void* c, int32_t i, size_t n, void* s) { (void)c; (void)i; (void)s; return malloc(n ? n : 1); }
static void put(void* c, int32_t i, void* m, size_t n, void* s) { (void)c; (void)i; (void)n; (void)s; free(m); }
static int in(void* c, int32_t i, void* d, const void* h, size_t n, void* s) { (void)c; (void)i; (void)s; memcpy(d, h, n); return 0; }
static int out(void* c, int32_t i, void* h, const void* d, size_t n, void* s) { (void)c; (void)i; (void)s; memcpy(h, d, n); return 0; }
static int sync(void* c, int32_t i, void* s) { (void)c; (void)i; (void)s; return 0; }
static int add_npu(penstock_registry* r, const char* type) {
  penstock_device_def def;
  memset(&def, 0, sizeof def);
  def.head.struct_size = sizeof def;
  def.head.abi_major = PENSTOCK_ABI_MAJOR;
  def.type = type; def.dlpack_type = 12; def.count = 2;
  def.allocate = get; def.free = put; def.copy_in = in; def.copy_out = out; def.synchronize = sync;
  return r->add_device(r, &def);
}
"""


def test_a_device_in_c(build) -> None:
    library = build(
        DEVICE + 'PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) { return add_npu(r, "cnpu"); }'
    )
    x = penstock.to_device(penstock.asarray([1.0, 2.0]), "cnpu:1")
    assert x.device == "cnpu:1"
    with pytest.warns(FallbackWarning, match="runs on the host, with copies"):
        np.testing.assert_array_equal((x + x).numpy(), [2, 4])
    _native.forget_library(str(library))
    assert "cnpu:1" not in penstock.devices()
    np.testing.assert_array_equal(x.numpy(), [1, 2])  # what lies there stays readable


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return add_npu(r, "dnpu") || r->fail(r, "no driver");', "refused: no driver"),
        ('return add_npu(r, "dnpu") || add_npu(r, "dnpu");', r"the device type 'dnpu' twice"),
        (
            'return add_npu(r, "dnpu") || add_npu(r, "cpu");',
            r"there is a device type 'cpu' already",
        ),
        ('return add_npu(r, "dnpu") || add_npu(r, "");', r"must have a type, such as \"npu\""),
        (
            'return add_npu(r, "dnpu") || add_row(r, "acme.gone", "f32", 0, 0);',
            r"a kernel without op",
        ),
    ],
)
def test_a_library_that_fails_leaves_no_device(build, body: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        build(DEVICE + f"PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {{ {body} }}")
    assert "dnpu:0" not in penstock.devices()
    assert "cpu:0" in penstock.devices()


def test_layouts_that_images_do_not_have_are_refused(build) -> None:
    row = """
    static int run(penstock_call* call) { (void)call; return PENSTOCK_OK; }
    PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {
      penstock_kernel_def def = {.head = {sizeof def, PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, 0},
                                 .op = "conv2d", .op_version = 1, .device = "cpu", .dtypes = "f64",
                                 .layouts = LAYOUTS, .run = run, .priority = -2000};
      return r->add_kernel(r, &def);
    }
    """
    build(row.replace("LAYOUTS", '"NHWC"'))
    with pytest.raises(PluginError, match=r"wants layouts 'NCHW'.*transpose in the kernel"):
        build(row.replace("LAYOUTS", '"NCHW"'))


def test_another_abi_major_is_refused_with_what_to_do(build) -> None:
    with pytest.raises(PluginError, match=r"built for kernel ABI 99; this is ABI 0: rebuild it"):
        build("""
        static int run(penstock_call* c) { (void)c; return 0; }
        PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {
          penstock_kernel_def def;
          memset(&def, 0, sizeof def);
          def.head.struct_size = sizeof def; def.head.abi_major = 99;
          def.op = "add"; def.op_version = 1; def.device = "cpu"; def.dtypes = "f32"; def.run = run;
          return r->add_kernel(r, &def);
        }
        """)


def test_a_file_that_is_no_plugin_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.c").write_text("int nothing;")
    library = tmp_path / "libempty.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, tmp_path / "empty.c"], check=True)
    with pytest.raises(PluginError, match="does not export penstock_plugin_init_v1"):
        _native.load_library(str(library), "empty")
    (tmp_path / "later.c").write_text("int penstock_plugin_init_v2(void* r) { return r != 0; }")
    later = tmp_path / "liblater.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", later, tmp_path / "later.c"], check=True)
    with pytest.raises(PluginError, match=r"later kernel ABI .*: pip install --upgrade penstock"):
        _native.load_library(str(later), "later")
    with pytest.raises(PluginError, match=r"cannot load '.*missing\.so'"):
        _native.load_library(str(tmp_path / "missing.so"), "missing")
