"""The life of a plugin: activated by need and once, or refused with its reason while the program goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import PluginFolder

NOISY = "print('imported', __name__)\n"
KERNELS = '[[provides.kernels]]\ndevice = "cpu"\nops = ["add"]\n'
OP = """
    from penstock.ops._declare import op

    @op(infer="elementwise:float", name="acme.relu6")
    def relu6(x: "TensorLike"):
        pass

    @hookimpl
    def penstock_register_ops(ops):
        ops.add(relu6)
"""


def test_nothing_is_imported_before_it_is_needed(plugins: PluginFolder) -> None:
    plugins.add("acme", NOISY, KERNELS)
    plugins.add("other", NOISY, KERNELS.replace("cpu", "npu"))
    out, err = plugins.run(
        """
        print(*[r.state for r in loader.records() if r.name in ("acme", "other")])
        loader.activate_for_kernels("cpu")
        loader.activate_for_kernels("cpu")
        print(*[r.state for r in loader.records() if r.name in ("acme", "other")])
        """
    )
    assert out.splitlines() == ["ready ready", "imported penstock_acme.hooks", "active ready"]
    assert not err


@pytest.mark.parametrize(
    ("provides", "need", "same_kind"),
    [
        (KERNELS, "activate_for_kernels('cpu', 'add')", "activate_for_kernels('cpu', 'matmul')"),
        (
            '[[provides.device]]\ntype = "npu"',
            "activate_for_device('npu')",
            "activate_for_device('x')",
        ),
        ("", "activate('acme')", "activate_for_op('acme')"),
        (
            '[provides]\nnames = {widgets = "penstock_acme"}',
            "activate_for_name('widgets')",
            "activate_for_name('wodgets')",
        ),
    ],
)
def test_activated_by_need(plugins: PluginFolder, provides: str, need: str, same_kind: str) -> None:
    plugins.add("acme", "", provides)
    out, _ = plugins.run(
        f"""
        acme = next(r for r in loader.records() if r.name == "acme")
        loader.{same_kind}
        before = acme.state
        loader.{need}
        print(before, acme.state)
        """
    )
    assert out == "ready active"


def test_activated_by_op(plugins: PluginFolder) -> None:
    plugins.add("acme", OP, '[[provides.op]]\nname = "acme.relu6"')
    out, _ = plugins.run(
        "loader.activate_for_op('acme.relu6')\nprint(loader.activate('acme').state)"
    )
    assert out == "active"


def test_raises_on_import(plugins: PluginFolder) -> None:
    plugins.add("acme", "import gone_forever", KERNELS)
    plugins.add("fine", "", KERNELS)
    out, err = plugins.run(
        """
        loader.activate_for_kernels("cpu")
        loader.activate_for_kernels("cpu")
        print({r.name: r.state for r in loader.records()})
        """
    )
    assert "'acme': 'refused'" in out
    assert "'fine': 'active'" in out
    assert err.count("PluginWarning") == 1
    assert (
        "plugin 'acme' was refused: importing penstock_acme.hooks raised ModuleNotFoundError" in err
    )
    assert "Run `penstock doctor`" in err


@pytest.mark.parametrize("api", [">=0.1,<0.2", ">=9.1"])
def test_whoever_only_computes_is_told_once(plugins: PluginFolder, api: str) -> None:
    row = '[[provides.kernels]]\ndevice = "cpu"\nops = ["add"]'
    plugins.add("acme", "1/0", row, api=api)
    _, err = plugins.run("x = penstock.ones((2,))\nfor _ in range(3): print(penstock.exp(x + x))")
    assert err.count("PluginWarning: plugin 'acme' was refused") == 1
    assert "Run `penstock doctor`" in err


def test_the_traceback_is_kept(plugins: PluginFolder) -> None:
    plugins.add("acme", "def deep():\n    1/0\ndeep()")
    seen = plugins.activate()
    assert "importing penstock_acme.hooks raised ZeroDivisionError" in seen["reason"]
    assert "in deep" in seen["traceback"]


@pytest.mark.parametrize("what", ["raise ValueError('no card')", "raise SystemExit(3)"])
def test_raises_in_a_hook(plugins: PluginFolder, what: str) -> None:
    plugins.add("acme", f"@hookimpl\ndef penstock_register_passes(passes):\n    {what}")
    seen = plugins.activate()
    assert seen["state"] == "refused"
    error = "ValueError: no card" if "Value" in what else "SystemExit: 3"
    assert seen["reason"] == f"penstock_register_passes raised {error}"
    assert what in seen["traceback"]


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (
            "@hookimpl\ndef penstock_register_kernel(kernels): pass",
            "has a hook 'penstock_register_kernel', which does not exist; did you mean 'penstock_register_kernels'",
        ),
        (
            "def penstock_register_kernels(kernels): pass",
            "penstock_register_kernels is not marked as a hook: write `@hookimpl` above it",
        ),
        (
            "@hookimpl\ndef penstock_register_kernels(kernel): pass",
            "a hook does not fit its specification",
        ),
        ("@hookimpl\ndef register_kernels(kernels): pass", "unknown hook 'register_kernels'"),
    ],
)
def test_misspelt_hook(plugins: PluginFolder, module: str, reason: str) -> None:
    plugins.add("acme", module)
    seen = plugins.activate()
    assert seen["state"] == "refused"
    assert reason in seen["reason"]


def test_a_hook_of_a_newer_core_can_be_optional(plugins: PluginFolder) -> None:
    plugins.add("acme", "@hookimpl(optionalhook=True)\ndef penstock_register_holograms(x): pass")
    assert plugins.activate()["state"] == "active"


def test_old_api(plugins: PluginFolder) -> None:
    plugins.add("acme", NOISY, api="<0.1")
    seen = plugins.activate()
    assert seen["state"] == "refused"
    assert "written for plugin API '<0.1', this penstock has 0.1" in seen["warned"]


def test_bad_toml(plugins: PluginFolder) -> None:
    plugins.add("acme", manifest="[plugin")
    seen = plugins.activate()
    assert seen["state"] == "refused"
    assert "penstock_plugin.toml cannot be read" in seen["warned"]


def test_duplicate_plugin_name(plugins: PluginFolder) -> None:
    plugins.add("acme", NOISY, distribution="acme-one")
    plugins.add("acme", NOISY, distribution="acme-two")
    out, err = plugins.run(
        "print([(r.state, r.reason) for r in loader.records() if r.name == 'acme'])"
    )
    assert out.count("refused") == 2
    assert "is also given by acme-two: uninstall one, `pip uninstall acme-two`" in out
    assert err.count("PluginWarning") == 2


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("device type 'npu'", '[[provides.device]]\ntype = "npu"'),
        ("op 'acme.x'", '[[provides.op]]\nname = "acme.x"'),
        ("command 'serve'", '[[provides.command]]\nname = "serve"'),
        ("observer 'board'", '[[provides.observer]]\nname = "board"'),
        ("public name 'penstock.w'", '[provides]\nnames = {w = "penstock_acme"}'),
    ],
)
def test_duplicate_gift(plugins: PluginFolder, kind: str, row: str) -> None:
    """Neither wins, since that would hang on the order of installation; the remedy that is named works."""
    plugins.add("acme", "", row)
    plugins.add("bcme", "", row)
    states = "print({r.name: r.state for r in loader.records() if r.name.endswith('cme')})"
    out, err = plugins.run(states)
    assert out == "{'acme': 'refused', 'bcme': 'refused'}"
    assert f"the {kind} is also given by penstock-bcme" in err
    assert "switch one off, `PENSTOCK_PLUGINS=-bcme`" in err
    out, err = plugins.run(states, PENSTOCK_PLUGINS="-bcme")
    assert out == "{'acme': 'ready', 'bcme': 'disabled'}"
    assert not err


def test_the_cpu_belongs_to_core(plugins: PluginFolder) -> None:
    plugins.add("acme", "", '[[provides.device]]\ntype = "cpu"')
    assert (
        "the device type 'cpu', which is penstock's own: rename it" in plugins.activate()["reason"]
    )


@pytest.mark.parametrize(
    ("choice", "states"),
    [
        ("none", ["disabled", "disabled"]),
        ("only:acme", ["active", "disabled"]),
        ("-acme", ["disabled", "active"]),
        ("all", ["active", "active"]),
    ],
)
def test_switched_off_by_the_environment(
    plugins: PluginFolder, choice: str, states: list[str]
) -> None:
    plugins.add("acme", NOISY, KERNELS)
    plugins.add("bcme", NOISY, KERNELS)
    out, err = plugins.run(
        """
        loader.activate_for_kernels("cpu")
        import json
        print(json.dumps([r.state for r in loader.records() if r.name.endswith("cme")]))
        """,
        PENSTOCK_PLUGINS=choice,
    )
    assert json.loads(out.splitlines()[-1]) == states
    assert out.count("imported") == states.count("active")
    assert not err


def test_unknown_plugin_in_the_environment(plugins: PluginFolder) -> None:
    plugins.add("acme")
    _, err = plugins.run("loader.records()", PENSTOCK_PLUGINS="only:akme")
    assert (
        "PENSTOCK_PLUGINS names akme, which no installed plugin is called. Installed: acme" in err
    )


def test_nonsense_in_the_environment(plugins: PluginFolder) -> None:
    code = "from penstock.plugins import loader; loader.activate_for_kernels('cpu')"
    result = plugins.python("-c", code, PENSTOCK_PLUGINS="acme")
    assert "ConfigError: PENSTOCK_PLUGINS='acme' is not understood" in result.stderr


def test_activate_an_unknown_plugin(plugins: PluginFolder) -> None:
    plugins.add("acme")
    result = plugins.python("-c", "from penstock.plugins import loader; loader.activate('akme')")
    assert "PluginError: no plugin 'akme' is installed; did you mean 'acme'?" in result.stderr


def test_warnings_as_errors_leave_the_state_whole(plugins: PluginFolder) -> None:
    plugins.add("acme", "1/0", KERNELS)
    out, _ = plugins.run(
        """
        import warnings
        warnings.simplefilter("error")
        try:
            loader.activate_for_kernels("cpu")
        except penstock.errors.PluginWarning as warning:
            print(warning)
        loader.activate_for_kernels("cpu")
        print(loader.activate("acme").state)
        """
    )
    assert out.splitlines()[0].startswith("plugin 'acme' was refused: importing")
    assert out.splitlines()[1] == "refused"


def test_a_plugin_that_runs_ops_while_it_is_imported(plugins: PluginFolder) -> None:
    """Activation inside the same activation must neither hang nor start again."""
    nested = "from penstock.plugins import loader\nloader.activate_for_kernels('cpu')\n"
    plugins.add("acme", nested + NOISY, KERNELS)
    out, err = plugins.run(
        "loader.activate_for_kernels('cpu')\nprint(loader.activate('acme').state)"
    )
    assert out.splitlines() == ["imported penstock_acme.hooks", "active"]
    assert not err


def test_many_threads_activate_once(plugins: PluginFolder) -> None:
    slow = """
        import time
        time.sleep(0.2)
        @hookimpl
        def penstock_register_passes(passes):
            time.sleep(0.2)
            print("called")
    """
    plugins.add("acme", slow, KERNELS)
    out, _ = plugins.run(
        """
        import threading
        acme = next(r for r in loader.records() if r.name == "acme")
        states = []
        def use():
            loader.activate_for_kernels("cpu", "add")
            states.append(acme.state)
        threads = [threading.Thread(target=use) for _ in range(8)]
        [t.start() for t in threads]
        [t.join(30) for t in threads]
        print(*states)
        """
    )
    assert out.split() == ["called"] + ["active"] * 8


@pytest.mark.parametrize("first", ["import", "activate"])
def test_no_deadlock_with_import_locks(plugins: PluginFolder, first: str) -> None:
    """One thread imports a plugin's public name while another activates it, and its hook imports that name."""
    module = """
        import time
        @hookimpl
        def penstock_register_passes(passes):
            time.sleep(0.4)
            import penstock.widgets
    """
    plugins.add("acme", module, '[provides]\nnames = {widgets = "penstock_acme"}')
    out, _ = plugins.run(
        f"""
        import threading, time
        from penstock.plugins import aliases
        aliases.install()
        threads = [
            threading.Thread(target=lambda: __import__("penstock.widgets"), daemon=True),
            threading.Thread(target=loader.activate, args=("acme",), daemon=True),
        ]
        for thread in threads if {first!r} == "import" else threads[::-1]:
            thread.start()
            time.sleep(0.1)
        [t.join(20) for t in threads]
        print([t.is_alive() for t in threads], loader.activate("acme").state)
        """
    )
    assert out == "[False, False] active"


def test_ctrl_c_during_activation_can_be_repeated(plugins: PluginFolder) -> None:
    module = """
        import penstock.plugins as state
        @hookimpl
        def penstock_register_passes(passes):
            if not hasattr(state, "second"):
                state.second = True
                raise KeyboardInterrupt
    """
    plugins.add("acme", module)
    out, _ = plugins.run(
        """
        try:
            loader.activate("acme")
        except KeyboardInterrupt:
            print("interrupted")
        print(loader.activate("acme").state)
        """
    )
    assert out.split() == ["interrupted", "active"]


@pytest.mark.parametrize(
    ("module", "environment", "hint"),
    [
        (
            "",
            "none",
            "Plugin 'acme' has kernels for 'add' on 'cpu' but is switched off by PENSTOCK_PLUGINS",
        ),
        (
            "1/0",
            "all",
            "Plugin 'acme' has kernels for 'add' on 'cpu' but was refused; run `penstock doctor`",
        ),
        ("", "all", ""),
    ],
)
def test_missing_hint(plugins: PluginFolder, module: str, environment: str, hint: str) -> None:
    plugins.add("acme", module, KERNELS)
    out, _ = plugins.run(
        """
        loader.activate_for_kernels("cpu", "add")
        print(loader.missing_hint("add", "cpu"))
        print(loader.missing_hint("add", "npu"))
        """,
        PENSTOCK_PLUGINS=environment if environment == "none" else "only:acme",
    )
    assert out.startswith(hint)
    assert ("acme" in out) == bool(hint)


def test_missing_hint_of_an_unreadable_plugin(plugins: PluginFolder) -> None:
    plugins.add("acme", api=">=3")
    out, _ = plugins.run("print(loader.missing_hint('add', 'npu'))")
    assert out == "Plugin 'acme' was refused and may have it; run `penstock doctor`."
