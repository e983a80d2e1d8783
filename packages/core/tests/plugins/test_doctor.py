"""The report: every plugin with its state, what it gives, why not, and what to type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import PluginFolder

KERNELS = '[[provides.kernels]]\ndevice = "cpu"\nops = ["add"]\n'


def doctor(plugins: PluginFolder, *words: str, **environment: str) -> tuple[int, str]:
    result = plugins.python("-m", "penstock", "doctor", *words, **environment)
    assert not result.stderr
    return result.returncode, result.stdout


def test_all_is_well(plugins: PluginFolder) -> None:
    plugins.add("acme", "", KERNELS)
    code, text = doctor(plugins)
    assert code == 0, text
    for expected in (
        "  acme: active (penstock-acme 1.5)\n      gives   kernels on cpu\n",
        "plugin API            0.1\n",
        "python                3.",
        "native library        ",
        "CPU kernels may use   ",
        "threads               ",
        "all is well\n",
    ):
        assert expected in text


def test_refused_says_why_and_what_to_type(plugins: PluginFolder) -> None:
    plugins.add("acme", "def load():\n    raise OSError('no driver')\nload()", KERNELS)
    code, text = doctor(plugins)
    assert code == 1
    for expected in (
        "  acme: refused (penstock-acme 1.5)\n",
        "      why     importing penstock_acme.hooks raised OSError: no driver\n",
        "      to do   pip install --upgrade penstock-acme, or pip uninstall penstock-acme, or ",
        "or PENSTOCK_PLUGINS=-acme\n",
        "      traceback: penstock doctor --verbose\n",
        "something is wrong; see above\n",
    ):
        assert expected in text
    assert "in load" in doctor(plugins, "--verbose")[1]


def test_disabled(plugins: PluginFolder) -> None:
    plugins.add("acme", "1/0")
    code, text = doctor(plugins, PENSTOCK_PLUGINS="none")
    assert code == 0
    assert "PENSTOCK_PLUGINS      none\n" in text
    assert "  acme: disabled (penstock-acme 1.5)\n" in text
    assert "      to do   unset PENSTOCK_PLUGINS\n" in text


def test_no_load_imports_nothing(plugins: PluginFolder) -> None:
    plugins.add("acme", "1/0")
    code, text = doctor(plugins, "--no-load")
    assert code == 0
    assert "  acme: ready (penstock-acme 1.5)\n" in text


def test_json(plugins: PluginFolder) -> None:
    plugins.add("acme", "1/0", KERNELS)
    code, text = doctor(plugins, "--json")
    report = json.loads(text)
    assert code == 1
    assert report["healthy"] is False
    acme = next(plugin for plugin in report["plugins"] if plugin["name"] == "acme")
    assert acme["state"] == "refused"
    assert "ZeroDivisionError" in acme["traceback"]
    assert acme["gives"] == ["kernels on cpu"]


def test_bad_setting_is_part_of_the_report(plugins: PluginFolder) -> None:
    code, text = doctor(plugins, PENSTOCK_PLUGINS="acme")
    assert code == 1
    assert "problem: PENSTOCK_PLUGINS='acme' is not understood" in text


def test_a_plugins_own_doctor_may_raise(plugins: PluginFolder) -> None:
    plugins.add("acme", "@hookimpl\ndef penstock_doctor(report):\n    1/0")
    code, text = doctor(plugins)
    assert code == 1
    assert "problem penstock_doctor raised ZeroDivisionError: division by zero" in text


def test_absent_hardware_is_shown(plugins: PluginFolder) -> None:
    plugins.add("acme", "", '[[provides.device]]\ntype = "npu"')
    code, text = doctor(plugins)
    assert code == 0
    assert "      device: npu is not present on this machine\n" in text


@pytest.mark.parametrize("count", [1])
def test_where_to_report_problems(plugins: PluginFolder, count: int) -> None:
    module = "@hookimpl\ndef penstock_plugin_info():\n    return PluginInfo('acme', '1', issues='https://x.example')"
    plugins.add("acme", module)
    assert doctor(plugins)[1].count("report problems to: https://x.example") == count
