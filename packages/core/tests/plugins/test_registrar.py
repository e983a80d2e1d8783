"""What registrars refuse, in which words; and that a plugin is committed whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import PluginFolder

PROVIDES = """
    [[provides.kernels]]
    device = "cpu"
    ops = ["*"]
    [[provides.device]]
    type = "npu"
    [[provides.command]]
    name = "serve"
"""
COMMAND = """
@hookimpl
def penstock_register_commands(commands):
    commands.add("serve", print)

def fn(ctx, x, y, out): ...
"""


def hook(what: str, line: str) -> str:
    return f"{COMMAND}\n@hookimpl\ndef penstock_register_{what}({what}):\n    {line}\n"


@pytest.mark.parametrize(
    ("what", "line", "reason"),
    [
        ("ops", "ops.add(print)", "ops.add got <built-in function print>: expected what the `op` decorator returns"),
        ("kernels", "kernels.add('matmull', 'cpu', 'f32', fn)", "kernels.add got 'matmull', and there is no op of that name; did you mean 'matmul'"),
        ("kernels", "kernels.add('add', 'npu', 'f32', fn)", "kernels.add got 'add' on 'npu', which the manifest does not cover"),
        ("kernels", "kernels.add('add', 'cpu', 'floot32', fn)", "got the dtype 'floot32', which does not exist; did you mean 'float32'"),
        ("kernels", "kernels.add('add', 'cpu', 'f32,f31->f32', fn)", "got the dtype 'f31'"),
        ("kernels", "kernels.add('add', 'cpu', [], fn)", "kernels.add got no dtypes: give for example 'f32'"),
        ("kernels", "kernels.add('add', 'cpu', 'f32', lambda ctx, x: 0)", "which takes no `out`: expected fn(ctx, *inputs, out, **attrs)"),
        ("kernels", "kernels.add('add', 'cpu', 'f32', 3)", "kernels.add got 3 for 'add': expected fn(ctx"),
        ("devices", "devices.add(object())", "which lacks type, allocate, free, copy_in, copy_out, synchronize, properties: add them"),
        ("passes", "passes.add(3)", "passes.add got 3: expected a function Graph -> Graph"),
        ("passes", "passes.add(fn); passes.add(fn)", "a second pass 'acme.fn': give it another `name=`"),
    ],
)  # fmt: skip
def test_refused_with_the_remedy(plugins: PluginFolder, what: str, line: str, reason: str) -> None:
    plugins.add("acme", hook(what, line), PROVIDES)
    seen = plugins.activate()
    assert seen["state"] == "refused"
    assert reason in seen["reason"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("commands.add('doctor', print)", "commands.add got 'doctor', which is taken"),
        ("commands.add('serve', 3)", "commands.add got 3: expected a function or a typer app"),
        ("commands.add('serv', print)", "got 'serv', which the manifest does not name; did you mean 'serve'?"),
        ("pass", "its manifest promises command serve, but the hook penstock_register_commands added no such"),
    ],
)  # fmt: skip
def test_commands_refused(plugins: PluginFolder, line: str, reason: str) -> None:
    plugins.add(
        "acme", f"@hookimpl\ndef penstock_register_commands(commands):\n    {line}", PROVIDES
    )
    assert reason in plugins.activate()["reason"]


def test_op_names_need_a_prefix(plugins: PluginFolder) -> None:
    module = """
        from penstock.ops._declare import op

        @op(infer="elementwise:float")
        def relu6_of_acme(x: "TensorLike"):
            pass

        @hookimpl
        def penstock_register_ops(ops):
            ops.add(relu6_of_acme)
    """
    plugins.add("acme", module)
    reason = plugins.activate()["reason"]
    assert "a plugin's op has a prefix of its own, for example 'acme.relu6_of_acme'" in reason


def test_promised_op_that_is_not_added(plugins: PluginFolder) -> None:
    plugins.add("acme", "", '[[provides.op]]\nname = "acme.relu6"')
    assert "its manifest promises op acme.relu6, but the hook" in plugins.activate()["reason"]


def test_absent_hardware_is_no_fault(plugins: PluginFolder) -> None:
    plugins.add("acme", "", '[[provides.device]]\ntype = "npu"')
    assert plugins.activate()["state"] == "active"


def test_kernels_may_name_another_plugins_op(plugins: PluginFolder) -> None:
    ops = """
        from penstock.ops._declare import op

        @op(infer="elementwise:float", name="bcme.relu6")
        def relu6(x: "TensorLike"):
            pass

        @hookimpl
        def penstock_register_ops(ops):
            ops.add(relu6)
    """
    plugins.add("bcme", ops, '[[provides.op]]\nname = "bcme.relu6"')
    plugins.add("acme", hook("kernels", "kernels.add('bcme.relu6', 'cpu', 'f32', fn)"), PROVIDES)
    out, _ = plugins.run("print(loader.activate('acme').state, loader.activate('bcme').state)")
    assert out == "active active"


def test_rolled_back_whole(plugins: PluginFolder) -> None:
    """The last step fails: a library that is none. What the steps before it added is gone again."""
    module = """
        @hookimpl
        def penstock_register_passes(passes):
            passes.add(print, name="shared-name")

        @hookimpl
        def penstock_register_kernels(kernels):
            kernels.add("add", "cpu", "f32", lambda ctx, x, y, out: None)
    """
    broken = '[[provides.kernels]]\ndevice = "cpu"\nops = ["*"]\n'
    package = plugins.add("acme", module, broken + 'library = "bad.so"\n')
    (package / "bad.so").write_text("no library")
    plugins.add("bcme", module, broken)
    out, _ = plugins.run(
        """
        for name in ("acme", "bcme"):
            record = loader.activate(name)
            print(record.state, record.reason)
        """
    )
    first, second = out.splitlines()
    assert first.startswith("refused")
    assert "bad.so" in first
    assert "until Python is restarted" not in first
    assert second.strip() == "active", "the same pass name was free again"


def test_nothing_takes_effect_when_a_later_hook_raises(plugins: PluginFolder) -> None:
    passes = (
        "@hookimpl\ndef penstock_register_passes(passes):\n    passes.add(print, name='shared')\n"
    )
    plugins.add("acme", passes + "@hookimpl\ndef penstock_register_kernels(kernels):\n    1/0\n")
    plugins.add("bcme", passes)
    out, _ = plugins.run("print(loader.activate('acme').state, loader.activate('bcme').state)")
    assert out == "refused active"
