"""new.py: every template under its new name, and names that cannot be used."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import new


@pytest.mark.parametrize("template", new.names())
def test_the_old_name_is_gone(template: str, tmp_path: Path) -> None:
    folder = new.create(template, "big-corp-npu", tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {path: path.read_text("utf-8") for path in files}
    assert not [p for p, text in texts.items() if "demo" in text + str(p.relative_to(folder))]
    package = folder / "src" / "big_corp_npu"
    manifest = tomllib.loads((package / "penstock_plugin.toml").read_text("utf-8"))
    assert manifest["plugin"]["name"] == "big-corp-npu"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["penstock.plugins"] == {"big-corp-npu": "big_corp_npu"}
    for path in files:
        if path.suffix == ".py":
            compile(texts[path], str(path), "exec")


@pytest.mark.parametrize("name", ["Acme", "acme_scale", "acme-", "1acme", "../acme", "penstock-x"])
def test_names_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"lower case words with hyphens .* for example acme-scale"
    ):
        new.create("op", name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new.create("op", "acme", tmp_path)
    with pytest.raises(FileExistsError, match="choose another name, or remove it"):
        new.create("op-kernel", "acme", tmp_path)
