"""What a stranger's kernel costs: a native one beside ours, and one in Python beside the bare function.

    python benchmarks/bench_foreign.py [--json]

The native one is built here, against the installed header, so a C compiler is needed. Aims: a native kernel costs what
one of ours costs; an op whose kernel and shape rule are in Python costs at most 2 us more than its kernel.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _pairs import compare, pin_to_one_core, report

pin_to_one_core()

import numpy as np  # noqa: E402

import penstock as ps  # noqa: E402
from penstock import _native  # noqa: E402
from penstock.reference import Destination  # noqa: E402

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock.annotations import TensorLike

SOURCE = """
#include <penstock/kernel_abi.h>
static int run(penstock_call* call) {
  const float *x = call->inputs[0]->data, *y = call->inputs[1]->data;
  float* z = call->outputs[0]->data;
  for (int64_t i = 0; i < call->outputs[0]->shape[0]; ++i) z[i] = x[i] + y[i];
  return PENSTOCK_OK;
}
PENSTOCK_PLUGIN_ENTRY(bench)(penstock_registry* registry) {
  penstock_kernel_def def = {
      .head = {sizeof def, PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, 0},
      .op = "bench.native_add", .op_version = 1, .device = "cpu", .dtypes = "f32", .run = run};
  return registry->add_kernel(registry, &def);
}
"""
SMALL = np.ones(4, np.float32)


@ps.op(infer="elementwise:numeric", name="bench.native_add", broadcasts=True)
def native_add(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Add, by a kernel of a foreign library."""


def same_as_first(x, y):
    return x


@ps.op(infer=same_as_first, name="bench.python_add")
def python_add(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Add, by a kernel and a shape rule in Python."""


def python_kernel(ctx, x, y, out):
    np.add(x, y, out)


def load_native_kernel() -> None:
    """Build and load the foreign library."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("no C compiler: install gcc or clang")
    folder = Path(tempfile.mkdtemp())
    (folder / "bench.c").write_text(SOURCE)
    library, include = folder / "libbench.so", Path(ps.__file__).parent / "include"
    flags = ["-O2", "-shared", "-fPIC", f"-I{include}"]
    subprocess.run([compiler, *flags, "-o", library, folder / "bench.c"], check=True)
    _native.load_library(str(library), "bench")


def main() -> None:
    """Time both kinds, interleaved with what they are measured against."""
    load_native_kernel()
    kernel = Destination(python_kernel)
    _native.register_python_kernel("bench.python_add", "cpu", "f32", kernel, 0, "bench", [])
    a, b, out = ps.asarray(SMALL), ps.asarray(SMALL), np.empty_like(SMALL)
    bodies = {
        "ours: add": lambda: ps.add(a, b),
        "foreign: native_add": lambda: native_add(a, b),
        "Python: python_add": lambda: python_add(a, b),
        "the Python kernel alone": lambda: python_kernel(None, SMALL, SMALL, out),
    }
    report("eager call with four elements", compare(bodies), "us")


if __name__ == "__main__":
    main()
