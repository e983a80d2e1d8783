"""Every hook has a test named after it, in which a real plugin implements it."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from penstock.plugins import hooks

if TYPE_CHECKING:
    from conftest import PluginFolder

HOOKS = [name for name in vars(hooks) if name.startswith("penstock_")]
KERNELS = '[[provides.kernels]]\ndevice = "{}"\nops = ["add", "acme.*"]\n'

DEVICE = """
    class Npu:
        type = "npu"
        def allocate(self, *a): return bytearray(8)
        def free(self, *a): pass
        def copy_in(self, *a): pass
        def copy_out(self, *a): pass
        def synchronize(self, *a): pass
        def properties(self): return {}
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook: str) -> None:
    assert any(name.startswith(f"test_{hook}") for name in globals())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_full_docstring(hook: str) -> None:
    function = getattr(hooks, hook)
    text = inspect.getdoc(function) or ""
    for section in ("Raises:", "Example::"):
        assert section in text
    for parameter in inspect.signature(function).parameters:
        assert f"    {parameter}: " in text


def test_penstock_plugin_info(plugins: PluginFolder) -> None:
    module = """
        @hookimpl
        def penstock_plugin_info():
            return PluginInfo(name="acme", version="9", issues="https://acme.example")
    """
    plugins.add("acme", module)
    assert plugins.run("print(loader.activate('acme').info.issues)")[0] == "https://acme.example"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("'acme 9'", "penstock_plugin_info returned 'acme 9': expected a PluginInfo"),
        ("PluginInfo('akme', '9')", "says 'akme', its manifest 'acme': give both one name"),
    ],
)
def test_penstock_plugin_info_refused(plugins: PluginFolder, value: str, reason: str) -> None:
    plugins.add("acme", f"@hookimpl\ndef penstock_plugin_info():\n    return {value}")
    assert reason in plugins.activate()["reason"]


def test_penstock_register_ops(plugins: PluginFolder) -> None:
    module = """
        from penstock.ops._declare import op

        @op(infer="elementwise:float", name="acme.relu6")
        def relu6(x: "TensorLike"):
            pass

        @hookimpl
        def penstock_register_ops(ops):
            ops.add(relu6)

        @hookimpl
        def penstock_register_kernels(kernels):
            kernels.add("acme.relu6", "cpu", "f32", lambda ctx, x, out: None)
    """
    plugins.add("acme", module, '[[provides.op]]\nname = "acme.relu6"\n' + KERNELS.format("cpu"))
    seen = plugins.activate()
    assert seen["state"] == "active", seen["reason"]


def test_placement_names_a_plugin_only_where_it_would_help(plugins: PluginFolder) -> None:
    provides = '[[provides.kernels]]\ndevice = "cpu"\nops = ["erfc_*", "floor"]\ndtypes = ["f32"]'
    plugins.add("acme", "", provides)
    out, _ = plugins.run(
        """
        import penstock as ps
        for op, dtype in ((ps.floor, "float32"), (ps.floor, "float64"), (ps.ceil, "float32")):
            f = ps.function(op)
            f(ps.ones((3,), dtype=dtype))
            print("acme" in ps.explain_placement(f))
        """,
        PENSTOCK_PLUGINS="none",
    )
    assert out.split() == ["True", "False", "False"]


def test_penstock_register_devices(plugins: PluginFolder) -> None:
    module = (
        DEVICE
        + "    @hookimpl\n    def penstock_register_devices(devices):\n        devices.add(Npu())\n"
    )
    plugins.add("acme", module, '[[provides.device]]\ntype = "npu"')
    out, _ = plugins.run(
        """
        loader.activate_for_device("npu")
        print(loader.activate("acme").staging.devices.staged["npu"].type)
        """
    )
    assert out == "npu"


def test_penstock_register_kernels(plugins: PluginFolder) -> None:
    module = """
        def add(ctx, x, y, out): ...

        @hookimpl
        def penstock_register_kernels(kernels):
            kernels.add("add", "cpu", ["float32", "f64,f64->f64"], add, priority=-5)
    """
    plugins.add("acme", module, KERNELS.format("cpu"))
    out, _ = plugins.run("print(loader.activate('acme').staging.kernels.staged[0].dtypes)")
    assert out == "f32 f64,f64->f64"


@pytest.mark.compiler
@pytest.mark.parametrize("by", ["hook", "manifest"])
def test_penstock_native_libraries(plugins: PluginFolder, by: str) -> None:
    module = """
        from pathlib import Path

        @hookimpl
        def penstock_native_libraries():
            return [NativeLibrary(Path(__file__).with_name("libacme.so"))]
    """
    row = KERNELS.format("cpu") + ('library = "libacme.so"\n' if by == "manifest" else "")
    package = plugins.add("acme", module if by == "hook" else "", row)
    compile_library(package / "libacme.so")
    out, err = plugins.run(
        """
        acme = loader.activate("acme")
        print(acme.state + acme.reason)
        from penstock.plugins import _host
        print(*_host.kernels_of("acme"))
        """
    )
    assert out.splitlines() == ["active", "add"], err


def test_penstock_native_libraries_missing(plugins: PluginFolder) -> None:
    plugins.add("acme", "", KERNELS.format("cpu") + 'library = "libacme.so"\n')
    seen = plugins.activate()
    assert "there is no library" in seen["reason"]
    assert "`pip install --force-reinstall penstock-acme`" in seen["reason"]


def test_penstock_native_libraries_broken(plugins: PluginFolder) -> None:
    package = plugins.add("acme", "", KERNELS.format("cpu") + 'library = "libacme.so"\n')
    (package / "libacme.so").write_text("no library")
    seen = plugins.activate()
    assert seen["state"] == "refused"
    assert "libacme.so" in seen["reason"]


def test_penstock_register_passes(plugins: PluginFolder) -> None:
    module = """
        def same(graph):
            return graph

        @hookimpl
        def penstock_register_passes(passes):
            passes.add(same)
    """
    plugins.add("acme", module)
    out, _ = plugins.run("print(*loader.activate('acme').staging.passes.staged)")
    assert out == "acme.same"


def test_penstock_register_commands(plugins: PluginFolder) -> None:
    module = """
        def serve(port: int = 1):
            print("serving on", port)

        @hookimpl
        def penstock_register_commands(commands):
            commands.add("serve", serve)
    """
    plugins.add("acme", module, '[[provides.command]]\nname = "serve"')
    assert plugins.run("loader.activate_for_command('serve')(3)")[0] == "serving on 3"


def test_penstock_register_formats(plugins: PluginFolder) -> None:
    module = """
        def read(path, **options):
            return f"read {path.name} {options}"

        @hookimpl
        def penstock_register_formats(formats):
            formats.add("acme", read=read)
        """
    plugins.add("acme", module, '[[provides.format]]\nname = "acme"\nsuffixes = [".acme"]')
    script = """
        import os, tempfile
        from pathlib import Path
        from penstock.saved import formats
        assert "acme" not in sys.modules
        os.chdir(tempfile.mkdtemp())
        Path("Net.ACME").touch()
        Path("net.onxx").touch()
        name = formats.format_name(Path("Net.ACME"))
        print(name, formats.find_format(name).read(Path("Net.ACME"), strict=True))
        for call in (
            lambda: formats.format_name(Path("net.onxx")),
            lambda: formats.find_format("acmee"),
            lambda: formats.find_format("acme", writing=True),
        ):
            try:
                call()
            except FormatError as error:
                print(error)
        """
    out, _ = plugins.run(
        "import sys\nfrom penstock.errors import FormatError\n" + textwrap.dedent(script)
    )
    assert "acme read Net.ACME {'strict': True}" in out
    assert "can read net.onxx; there are plugins for .acme" in out
    assert ". Install what is missing" in out
    assert "did you mean 'acme'?" in out
    assert "no usable plugin can write the format 'acme'" in out


def test_a_format_keeps_the_promise_of_its_manifest(plugins: PluginFolder) -> None:
    module = """
        @hookimpl
        def penstock_register_formats(formats):
            formats.add("acme", read=print, write=print)
        """
    plugins.add("acme", module, '[[provides.format]]\nname = "acme"')
    assert "the manifest says writes = false: make them agree" in plugins.activate()["reason"]


def test_penstock_register_observers(plugins: PluginFolder) -> None:
    module = """
        class Keep:
            def __init__(self, target, prefix=""):
                self.file, self.prefix = open(target, "w"), prefix

            def record(self, record):
                print(self.prefix, record.kind, record.name, record.step, record.value, file=self.file)

            def close(self):
                self.file.close()

        @hookimpl
        def penstock_register_observers(observers):
            observers.add("keep", Keep)
    """
    plugins.add("acme", module, '[[provides.observer]]\nname = "keep"')
    program = """
        import sys
        assert "penstock_acme.hooks" not in sys.modules
        with penstock.summary.observe("keep", "seen.txt", prefix=">"):
            penstock.summary.scalar("loss", 0.5, step=3)
            penstock.summary.text("note", "hello", step=4)
        print(open("seen.txt").read())
    """
    folder = str(plugins.root)
    out, _ = plugins.run(f"import os\nos.chdir({folder!r})\n" + textwrap.dedent(program))
    assert out.split("\n") == ["> scalar loss 3 0.5", "> text note 4 ['hello']"]
    out, _ = plugins.run("print(loader.activate_for_observer('other'))")
    assert out == "None"


def test_penstock_doctor(plugins: PluginFolder) -> None:
    module = """
        @hookimpl
        def penstock_doctor(report):
            report.add("driver", 570.86)
            report.problem("memory", "full", "stop another program")
    """
    plugins.add("acme", module)
    out, _ = plugins.run(
        """
        from penstock.plugins import doctor
        report = doctor.examine()
        print(report.healthy)
        doctor.print_report(report)
        """
    )
    assert out.splitlines()[0] == "False"
    assert "driver: 570.86" in out
    assert "memory: full; stop another program" in out


def compile_library(path: Path) -> None:
    """Build a kernel library against the installed header: one row, add on the cpu."""
    import penstock

    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    package = Path(penstock.__path__[0])
    headers = [package / "include", package.parents[1] / "include"]  # installed; source tree
    source = path.with_suffix(".c")
    source.write_text(
        """
        #include "penstock/kernel_abi.h"
        static int run(penstock_call* call) { (void)call; return PENSTOCK_OK; }
        PENSTOCK_PLUGIN_ENTRY(acme)(penstock_registry* registry) {
          penstock_kernel_def def = {{sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, 0}};
          def.op = "add"; def.op_version = 1; def.device = "cpu"; def.dtypes = "f32";
          def.run = run; def.priority = -5;
          return registry->add_kernel(registry, &def);
        }
        """
    )
    includes = [f"-I{folder}" for folder in headers if folder.is_dir()]
    if compiler is None:
        pytest.skip("there is no C compiler on this machine")
    command = [compiler, "-shared", "-fPIC", *includes, str(source), "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)
