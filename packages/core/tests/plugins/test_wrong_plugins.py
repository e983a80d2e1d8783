"""Plugins that are wrong, one by one, beside a good one: refused whole, told by doctor, and nothing else breaks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import penstock

if TYPE_CHECKING:
    from conftest import PluginFolder

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
INCLUDE = Path(penstock.__file__).parent / "include"

# A plugin that does everything right, up to the line that each case puts in the place of WRONG.
MODULE = """
    from penstock.ops import op

    @op(infer="elementwise:float", name="acme.relu6")
    def relu6(x: "TensorLike"):
        pass

    class Npu:
        type = "acme"
        def properties(self): return {"count": 1}
        def allocate(self, index, num_bytes): return bytearray(num_bytes)
        def free(self, index, memory): pass
        def copy_in(self, index, memory, source): memory[:len(source)] = source
        def copy_out(self, index, target, memory): target[:] = memory[:len(target)]
        def synchronize(self, index): pass

    def kernel(ctx, x, out):
        out[...] = x

    def rewrite(graph):
        return graph

    @hookimpl
    def penstock_plugin_info():
        return INFO

    @hookimpl
    def penstock_register_ops(ops):
        ops.add(relu6)
        OPS

    @hookimpl
    def penstock_register_devices(devices):
        devices.add(Npu())
        DEVICES

    @hookimpl
    def penstock_register_passes(passes):
        passes.add(rewrite)

    @hookimpl
    def penstock_register_kernels(kernels):
        kernels.add("acme.relu6", "acme", "f32", kernel)
        KERNELS

    @hookimpl
    def penstock_native_libraries():
        return LIBRARIES
"""
RIGHT = {
    "INFO": 'PluginInfo(name="acme", version="1")',
    "OPS": "",
    "DEVICES": "",
    "KERNELS": "",
    "LIBRARIES": "[]",
}
PROVIDES = """
    [[provides.op]]
    name = "acme.relu6"
    [[provides.device]]
    type = "acme"
    [[provides.kernels]]
    device = "acme"
    ops = ["acme.relu6", "matmull"]
"""
GOOD = '[[provides.kernels]]\ndevice = "cpu"\nops = ["add"]\n'
LOOK = """
    import io, json, warnings
    warnings.simplefilter("ignore")
    from penstock.plugins import doctor
    report = doctor.examine()
    acme = next(p for p in report.plugins if p.name == "acme")
    text = io.StringIO()
    doctor.print_report(report, verbose=True, file=text)
    import penstock as ps
    from penstock import _native
    from penstock.passes import _pipeline
    print(json.dumps({
        "state": acme.state,
        "reason": acme.reason,
        "remedy": acme.remedy,
        "doctor": text.getvalue(),
        "devices": ps.devices(),
        "has op": _native.has_op("acme.relu6"),
        "passes": [name for name in _pipeline._user_passes if "acme" in name],
        "rows": [op for op in _native.op_names() if any(r[0] == "acme" for r in _native.kernel_rows(op))],
        "others": {p.name: p.state for p in report.plugins if p.name == "good"},
        "sum": (ps.asarray([1.0]) + 1).numpy().tolist(),
    }))
"""


def look(plugins: PluginFolder) -> dict[str, Any]:
    """Let doctor activate every plugin in a new process, and see what is there afterwards."""
    out, _ = plugins.run(LOOK)
    seen: dict[str, Any] = json.loads(out.splitlines()[-1])
    return seen


def nothing_else_breaks(seen: dict[str, Any]) -> None:
    assert seen["others"] == {"good": "active"}
    assert seen["sum"] == [2.0]


def refused_whole(seen: dict[str, Any], reason: str) -> None:
    assert seen["state"] == "refused"
    assert reason in seen["reason"]
    assert reason in seen["doctor"]
    assert "pip install --upgrade penstock-acme" in seen["remedy"]
    assert "acme:0" not in seen["devices"]
    assert not seen["has op"]
    assert not seen["rows"]
    assert not seen["passes"]
    nothing_else_breaks(seen)


def install(plugins: PluginFolder, **wrong: str) -> Path:
    module = MODULE
    for place, text in {**RIGHT, **wrong}.items():
        module = module.replace(place, text)
    plugins.add("good", "", GOOD)
    return plugins.add("acme", module, PROVIDES)


def test_the_right_one_is_taken(plugins: PluginFolder) -> None:
    """Without this the tests below would prove little."""
    install(plugins)
    seen = look(plugins)
    assert (seen["state"], seen["reason"]) == ("active", "")
    assert "acme:0" in seen["devices"]
    assert seen["has op"]
    assert seen["rows"] == ["acme.relu6"]
    assert seen["passes"]
    nothing_else_breaks(seen)


@pytest.mark.parametrize(
    ("place", "wrong", "reason"),
    [
        ("INFO", "'acme 1.0'", "returned 'acme 1.0': expected a PluginInfo"),
        ("INFO", 'PluginInfo(name="other", version="1")', "give both one name"),
        ("OPS", "ops.add(42)", "ops.add got 42: expected what the `op` decorator returns"),
        ("OPS", "ops.add(relu6)", "ops.add got 'acme.relu6' twice"),
        ("DEVICES", "devices.add('acme')", "which lacks type, allocate, free"),
        ("DEVICES", "Npu.properties = lambda self: 7", "properties() of 'acme' returned 7"),
        (
            "DEVICES",
            "Npu.properties = lambda self: {'count': 'two'}",
            "properties() of 'acme' returned",
        ),
        ("KERNELS", "kernels.add('matmull', 'acme', 'f32', kernel)", "did you mean 'matmul'"),
        ("KERNELS", "kernels.add('acme.relu6', 'acme', 'f33', kernel)", "the dtype 'f33'"),
        ("KERNELS", "kernels.add('acme.relu6', 'acme', 'f32', 3)", "expected fn(ctx, *inputs, out"),
        ("KERNELS", "raise KeyError('half done')", "penstock_register_kernels raised KeyError"),
        ("LIBRARIES", "42", "penstock_native_libraries returned 42: expected a list"),
        ("LIBRARIES", "['libacme.so']", "returned 'libacme.so': expected NativeLibrary objects"),
        (
            "LIBRARIES",
            "[NativeLibrary('/nowhere/libacme.so')]",
            "there is no library /nowhere/libacme.so",
        ),
        ("LIBRARIES", "[NativeLibrary(__file__)]", "cannot load"),
    ],
)
def test_a_wrong_plugin(plugins: PluginFolder, place: str, wrong: str, reason: str) -> None:
    install(plugins, **{place: wrong})
    refused_whole(look(plugins), reason)


LIBRARY = """
#include <penstock/kernel_abi.h>
#include <string.h>
static int run(penstock_call* call) { (void)call; return 0; }
static int add_row(penstock_registry* r, const char* op, const char* device, int major) {
  penstock_kernel_def def;
  memset(&def, 0, sizeof def);
  def.head.struct_size = sizeof def;
  def.head.abi_major = (uint16_t)major;
  def.op = op; def.op_version = 1; def.device = device; def.dtypes = "f32"; def.run = run;
  return r->add_kernel(r, &def);
}
PENSTOCK_PLUGIN_ENTRY(t)(penstock_registry* r) {
  if (add_row(r, "add", "acme", PENSTOCK_ABI_MAJOR)) return 1;
  BODY
}
"""


@pytest.mark.compiler
@pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('return add_row(r, "add", "acme", 9);', "was built for kernel ABI 9; this is ABI 0"),
        ('return add_row(r, "matmull", "acme", 0);', 'did you mean "matmul"'),
        ('return r->fail(r, "no licence; write to acme");', "no licence; write to acme"),
        ('return add_row(r, "add", "acme", 0) + 7;', "its init function failed without a reason"),
        (
            (
                "penstock_device_def d; memset(&d, 0, sizeof d); d.head.struct_size = sizeof d; "
                'd.type = "acme"; d.count = 1; return r->add_device(r, &d);'
            ),
            "must define allocate, free, copy_in, copy_out and synchronize",
        ),
    ],
)
def test_a_wrong_library(plugins: PluginFolder, body: str, reason: str) -> None:
    """The library is loaded last: device, op, pass and Python kernel are there already, and are taken back."""
    package = install(
        plugins, LIBRARIES='[NativeLibrary(__file__.replace("hooks.py", "libacme.so"))]'
    )
    source = package / "acme.c"
    source.write_text(LIBRARY.replace("BODY", body))
    flags = ["-std=c11", "-shared", "-fPIC", f"-I{INCLUDE}"]
    subprocess.run([COMPILER, *flags, "-o", package / "libacme.so", source], check=True)
    refused_whole(look(plugins), reason)


INFER = """
    from penstock.ops import op

    def rule(x):
        RULE

    @op(infer=rule, name="acme.odd")
    def odd(x: "TensorLike"):
        pass

    @odd.reference
    def _(x):
        return x

    @hookimpl
    def penstock_register_ops(ops):
        ops.add(odd)
"""


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("return None", "its shape rule returned None; expected (shape, dtype)"),
        ("return (2, 3, 4)", "its shape rule returned (2, 3, 4); expected (shape, dtype)"),
        ("return (x[0], 'floaty')", "'floaty' is not a dtype; use penstock.float32"),
        ("return ('ab', x[1])", "expected (shape, dtype)"),
        ("return ((-4,), x[1])", "its shape rule gives shape (-4,)"),
        ("return [x, x]", "gives 2 outputs; the op is declared with 1"),
        ("return ((7,), x[1])", "the kernel returned shape (3,), the op's rule says (7,)"),
    ],
)
def test_a_rule_that_makes_no_sense(plugins: PluginFolder, rule: str, message: str) -> None:
    """Nobody can know before it is called; then the call fails, eager and traced, and names the op."""
    plugins.add("acme", INFER.replace("RULE", rule), '[[provides.op]]\nname = "acme.odd"')
    out, _ = plugins.run(
        """
        import penstock as ps
        loader.activate("acme")
        from penstock_acme.hooks import odd
        for call in (odd, lambda x: ps.function(odd)(x)):
            try:
                call(ps.ones((3,)))
            except Exception as error:
                print("[acme.odd]" in str(error), error)
        print((ps.ones((3,)) + 1).numpy().tolist())
        """
    )
    assert out.count("True [acme.odd]") == 2
    assert out.count(message) == 2
    assert out.splitlines()[-1] == "[2.0, 2.0, 2.0]"
