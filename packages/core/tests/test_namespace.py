"""What `import penstock` offers and what it loads, and that it lives beside other libraries."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types

import pytest

import penstock as ps


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


# What is public and a module on purpose.
PUBLIC_MODULES = {
    "autograph",
    "dtypes",
    "fft",
    "image",
    "linalg",
    "lookup",
    "mixed_precision",
    "nn",
    "ops",
    "quantized",
    "ragged",
    "random",
    "safetensors",
    "saved",
    "signal",
    "sparse",
    "strings",
    "replay",
    "summary",
    "transforms",
}


def test_all_is_sorted_out() -> None:
    assert len(ps.__all__) == len(set(ps.__all__))
    for name in ps.__all__:
        assert not name.startswith("_")
        assert hasattr(ps, name)
    modules = {name for name in ps.__all__ if isinstance(getattr(ps, name), types.ModuleType)}
    assert modules == PUBLIC_MODULES


def test_what_gradients_and_variables_are_made_of_stays_below() -> None:
    below = {"adam_update", "assign_variable", "random_normal", "random_uniform", "read_variable"}
    below |= {name for name in vars(ps.ops) if name.endswith("_grad")}
    assert not below & set(ps.__all__)
    assert "relu_grad" in below
    assert all(callable(getattr(ps.ops, name)) for name in below)


def test_nothing_foreign_leaks() -> None:
    for name, value in vars(ps).items():
        if name.startswith("__") or name in ps.__all__:
            continue
        assert isinstance(value, types.ModuleType) or name.startswith("_"), name
        module = value if isinstance(value, types.ModuleType) else sys.modules[value.__module__]
        assert module.__name__.startswith("penstock"), name
    for module in (ps.ops, ps.fft, ps.linalg, ps.nn, ps.image, ps.strings, ps.dtypes, ps.random):
        for name in module.__all__:
            assert not isinstance(getattr(module, name), types.ModuleType), name


def test_names_are_what_they_seem() -> None:
    assert ps.random is sys.modules["penstock.random"]
    assert callable(ps.random.set_seed)
    assert callable(ps.device)
    assert callable(ps.function)
    assert ps.float32 == ps.dtypes.float32 == "float32"
    assert ps.bool == "bool"
    with pytest.raises(AttributeError, match="no_such_name"):
        ps.no_such_name


def test_import_is_light() -> None:
    heavy = ("pluggy", "pydantic", "typer", "rich", "importlib.metadata", "hypothesis", "scipy")
    loaded = run(
        f"import sys, penstock; print([m for m in {heavy!r} if m in sys.modules],"
        "[m for m in sys.modules if m.startswith('penstock_')])"
    )
    assert loaded == "[] []"


def test_import_opens_no_plugin_and_says_nothing() -> None:
    program = "import penstock.plugins.loader as l, penstock; print('quiet')"
    assert run(program) == "quiet"


STATIC_TLS = ("sklearn", "torch")


@pytest.mark.parametrize("other", STATIC_TLS)
@pytest.mark.parametrize("first", [True, False])
def test_other_native_libraries_load_beside_us(other: str, first: bool) -> None:
    # Thread-local memory for libraries loaded late is scarce: together they must not need too much.
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    used = {
        "sklearn": "from sklearn import datasets, linear_model",
        "torch": "import torch; torch.ones(3).sum()",
    }[other]
    ours = "import penstock as ps; assert float(ps.sum(ps.ones(3) @ ps.ones((3, 2)))) == 6"
    order = (ours, used) if first else (used, ours)
    assert run("\n".join((*order, "print('both')"))) == "both"
