"""Plugins built for another minor version of the kernel ABI: an older header, kept as it was, and a newer one.

The newer header is today's with fields appended to every struct that may grow, and a higher minor. To it, this core is
the older side: `struct_size` says which fields there are.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock import _native
from penstock.errors import FallbackWarning, PluginError

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine"),
]
HEADER = Path(ps.__file__).parent / "include" / "penstock" / "kernel_abi.h"
FROZEN = sorted((Path(__file__).parent / "abi").glob("kernel_abi_*.h"))
GROWING = ("host", "call", "kernel_def", "device_def", "registry")

# One kernel with work in chunks, and one device: compiles with every version of the header.
PLUGIN = """
#include <penstock/kernel_abi.h>
#include <stdlib.h>
#include <string.h>

static void chunk(void* context, int64_t begin, int64_t end) {
  penstock_call* call = context;
  const float* x = call->inputs[0]->data;
  float* y = call->outputs[0]->data;
  for (int64_t i = begin; i < end; ++i) y[i] = x[i] + 1000;
}

static int run(penstock_call* call) {
  int64_t n = 1;
  for (int32_t d = 0; d < call->outputs[0]->ndim; ++d) n *= call->outputs[0]->shape[d];
  NEWER(call)
  return call->host->parallel_for(call, n, 1000, chunk, call);
}

static void* get(void* c, int32_t i, size_t n, void* s) { (void)c; (void)i; (void)s; return malloc(n + 1); }
static void put(void* c, int32_t i, void* m, size_t n, void* s) { (void)c; (void)i; (void)n; (void)s; free(m); }
static int in(void* c, int32_t i, void* d, const void* h, size_t n, void* s) { (void)c; (void)i; (void)s; memcpy(d, h, n); return 0; }
static int out(void* c, int32_t i, void* h, const void* d, size_t n, void* s) { (void)c; (void)i; (void)s; memcpy(h, d, n); return 0; }
static int sync(void* c, int32_t i, void* s) { (void)c; (void)i; (void)s; return 0; }

PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* registry) {
  penstock_device_def device;
  memset(&device, 0xff, sizeof device);  /* a newer core must not look behind what is declared */
  memset(&device, 0, offsetof(penstock_device_def, last_error) + sizeof device.last_error);
  device.head.struct_size = sizeof device;
  device.head.abi_major = PENSTOCK_ABI_MAJOR; device.head.abi_minor = PENSTOCK_ABI_MINOR;
  device.type = "TYPE"; device.dlpack_type = 12; device.count = 1;
  device.allocate = get; device.free = put; device.copy_in = in; device.copy_out = out; device.synchronize = sync;
  if (registry->add_device(registry, &device)) return PENSTOCK_ERROR;
  penstock_kernel_def def;
  memset(&def, 0, sizeof def);
  def.head.struct_size = sizeof def;
  def.head.abi_major = PENSTOCK_ABI_MAJOR; def.head.abi_minor = PENSTOCK_ABI_MINOR;
  def.op = "floor"; def.op_version = 1; def.device = "cpu"; def.dtypes = "f32"; def.priority = 50;
  def.run = run;
  DEFINE(def)
  return registry->add_kernel(registry, &def);
}
"""

Build = Callable[..., str]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Compile the plugin against a header, load it, and take it back afterwards; gives the device's name."""
    libraries: list[str] = []

    def compile_and_load(header: str, source: str = PLUGIN, **texts: str) -> str:
        name = f"abi{len(libraries)}"
        kind = f"{tmp_path.name.replace('-', '_')}_{name}".lower()
        (tmp_path / name / "penstock").mkdir(parents=True)
        (tmp_path / name / "penstock" / "kernel_abi.h").write_text(header)
        for word, text in {"TYPE": kind, "NEWER(call)": "", "DEFINE(def)": "", **texts}.items():
            source = source.replace(word, text)
        (tmp_path / f"{name}.c").write_text(source)
        library = tmp_path / f"lib{name}.so"
        flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        command = [COMPILER, *flags, f"-I{tmp_path / name}", "-o", library, tmp_path / f"{name}.c"]
        subprocess.run(command, check=True)
        libraries.append(str(library))
        _native.load_library(str(library), f"abi-{kind}")
        return kind

    yield compile_and_load
    for library in libraries:
        _native.forget_library(library)


def newer_header() -> str:
    """Today's header as it might be one minor later."""
    text = HEADER.read_text()
    for name in GROWING:
        text, found = re.subn(
            rf"\n\}} penstock_{name};", rf"\n  int64_t newer_{name};\n}} penstock_{name};", text
        )
        assert found == 1, name
    text, found = re.subn(r"(?<=PENSTOCK_ABI_MINOR )(\d+)", lambda m: str(int(m[1]) + 1), text)
    assert found == 1
    return text


def check(kind: str) -> None:
    x = np.linspace(-3, 3, 5000, dtype=np.float32)
    np.testing.assert_array_equal(ps.floor(ps.asarray(x)).numpy(), x + 1000)
    there = ps.to_device(ps.asarray(x), kind)
    with pytest.warns(FallbackWarning, match="runs on the host"):
        doubled = ps.add(there, there)
    np.testing.assert_array_equal(doubled.numpy(), 2 * x)


def test_there_is_a_frozen_header_for_every_older_minor() -> None:
    minor = int(re.findall(r"PENSTOCK_ABI_MINOR (\d+)", HEADER.read_text())[0])
    assert [path.stem for path in FROZEN] == [f"kernel_abi_0_{i}" for i in range(1, minor)]


@pytest.mark.parametrize("header", FROZEN, ids=lambda path: path.stem)
def test_a_plugin_built_for_an_older_minor(build: Build, header: Path) -> None:
    check(build(header.read_text()))


@pytest.mark.parametrize("header", FROZEN, ids=lambda path: path.stem)
def test_a_frozen_struct_is_the_beginning_of_todays(tmp_path: Path, header: Path) -> None:
    """Whatever was released keeps its place: every field of an older header has the same offset now."""
    offsets = []
    for place in (header, HEADER):
        structs = re.split(r"typedef struct(?: \w+)? \{", header.read_text())[1:]
        lines = []
        for struct in structs:
            body, name = re.match(r"(.*?)\n\} (\w+);", struct, re.DOTALL).groups()
            body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
            body = re.sub(r"union \{.*?\} (\w+);", r"int \1;", body, flags=re.DOTALL)
            for statement in body.split(";")[:-1]:
                pointer = re.search(r"\(\s*\*(\w+)\)\(", statement)
                names = (
                    [pointer[1]]
                    if pointer
                    else re.findall(r"(\w+)(?:\[\d\])?(?=,|\s*$)", statement)
                )
                lines += [f'printf("%zu ", offsetof({name}, {field}));' for field in names]
        assert len(lines) > 60
        folder = tmp_path / place.stem / "penstock"
        folder.mkdir(parents=True)
        (folder / "kernel_abi.h").write_text(place.read_text())
        program = tmp_path / f"{place.stem}.c"
        program.write_text(
            "#include <penstock/kernel_abi.h>\n#include <stdio.h>\nint main(void) {\n"
            + "\n".join(lines)
            + "\n}"
        )
        binary = tmp_path / place.stem / "offsets"
        subprocess.run([COMPILER, f"-I{folder.parent}", "-o", binary, program], check=True)
        offsets.append(subprocess.run([binary], capture_output=True, check=True).stdout)
    assert offsets[0] == offsets[1]


def test_a_plugin_built_for_a_newer_minor(build: Build) -> None:
    """It asks struct_size before it uses what is new, and finds that this core does not have it."""
    asks = """
    if (call->head.struct_size > offsetof(penstock_call, newer_call) ||
        call->host->head.struct_size > offsetof(penstock_host, newer_host))
      return call->host->fail(call, "this core claims fields that it does not have");
    """
    fills = "def.newer_kernel_def = 42;"
    check(build(newer_header(), **{"NEWER(call)": asks, "DEFINE(def)": fills}))


def test_a_plugin_that_needs_the_newer_minor_says_so(build: Build) -> None:
    needs = """
    if (registry->head.abi_minor < PENSTOCK_ABI_MINOR)
      return registry->fail(registry, "it needs a newer kernel ABI; pip install --upgrade penstock");
    """
    before = ps.devices()
    with pytest.raises(PluginError, match="refused: it needs a newer kernel ABI; pip install"):
        build(newer_header(), **{"DEFINE(def)": needs})
    assert ps.devices() == before
    np.testing.assert_array_equal(ps.floor(ps.asarray([1.5])).numpy(), [1.0])
