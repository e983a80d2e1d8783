"""Settings from the environment: what is understood, and what the error says about the rest."""

from __future__ import annotations

import os
import re

import pytest

from penstock.config import VARIABLES, PluginChoice, Settings
from penstock.errors import ConfigError


def test_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"PENSTOCK_FALLBACK": " "}).fallback == "warn"


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("all", {"a", "b"}, set()),
        ("none", set(), {"a", "b"}),
        ("only:a,b", {"a", "b"}, {"c"}),
        ("only: kernels-cpu", {"kernels-cpu"}, {"a"}),
        ("-a", {"b"}, {"a"}),
        ("-a,-b", {"c"}, {"a", "b"}),
    ],
)
def test_plugin_choice(text: str, allowed: set[str], refused: set[str]) -> None:
    choice = Settings.from_environment({"PENSTOCK_PLUGINS": text}).plugins
    assert {name for name in allowed | refused if choice.allows(name)} == allowed


def test_every_variable() -> None:
    settings = Settings.from_environment(
        {
            "PENSTOCK_PLUGINS": "none",
            "PENSTOCK_PLUGIN_PATH": os.pathsep.join(["/a", "/b/lib.so"]),
            "PENSTOCK_NUM_THREADS": "3",
            "PENSTOCK_CPU_ISA": "avx2",
            "PENSTOCK_MIRROR": "/data",
            "PENSTOCK_FALLBACK": "error",
        }
    )
    assert settings == Settings(
        plugins=PluginChoice("only"),
        plugin_path=("/a", "/b/lib.so"),
        num_threads=3,
        cpu_isa="avx2",
        mirror="/data",
        fallback="error",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PENSTOCK_PLUGINS", "kernels-cpu"),
        ("PENSTOCK_PLUGINS", "-a,b"),
        ("PENSTOCK_PLUGINS", "only:"),
        ("PENSTOCK_PLUGINS", "only:a,,b"),
        ("PENSTOCK_PLUGINS", "--a"),
        ("PENSTOCK_PLUGINS", "none,-a"),
        ("PENSTOCK_NUM_THREADS", "0"),
        ("PENSTOCK_NUM_THREADS", "-2"),
        ("PENSTOCK_NUM_THREADS", "many"),
        ("PENSTOCK_CPU_ISA", "sse9"),
        ("PENSTOCK_FALLBACK", "loud"),
    ],
)
def test_nonsense_names_variable_value_and_what_is_allowed(name: str, text: str) -> None:
    variable = next(v for v in VARIABLES if v.name == name)
    with pytest.raises(ConfigError, match=re.escape(f"{name}={text!r}")) as caught:
        Settings.from_environment({name: text})
    assert variable.allowed in str(caught.value)
    assert f"unset {name}" in str(caught.value)


def test_every_field_is_one_documented_variable() -> None:
    assert [v.field for v in VARIABLES] == list(Settings._fields)
    assert all(v.name == f"PENSTOCK_{v.field.upper()}" and v.meaning for v in VARIABLES)
