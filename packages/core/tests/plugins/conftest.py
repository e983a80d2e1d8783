"""Real plugins for the tests: folders with a package, a manifest and a dist-info, put on the path of a new Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HOOKS = "from penstock.plugins import NativeLibrary, PluginInfo, hookimpl\n"


class PluginFolder:
    """A folder of installed plugins, and a Python that sees them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        name: str = "acme",
        module: str = "",
        provides: str = "",
        *,
        api: str = ">=0.1,<0.2",
        manifest: str | None = None,
        distribution: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Path:
        """Install a plugin: `module` holds its hooks, `provides` the rest of its manifest.

        Returns:
            The package's folder.
        """
        distribution = distribution or f"penstock-{name}"
        package = self.root / distribution.replace("-", "_")
        package.mkdir(parents=True)
        if manifest is None:
            manifest = (
                f'[plugin]\nname = "{name}"\napi = "{api}"\nmodule = "{package.name}.hooks"\n'
            )
            manifest += textwrap.dedent(provides)
        written = {
            "__init__.py": "",
            "hooks.py": HOOKS + textwrap.dedent(module),
            "penstock_plugin.toml": manifest,
            **(files or {}),
        }
        for path, text in written.items():
            (package / path).write_text(textwrap.dedent(text), encoding="utf-8")
        self.register(distribution, name, package.name)
        return package

    def register(self, distribution: str, name: str, value: str) -> None:
        """Write the metadata that pip would write: an entry point `name` that names `value`."""
        info = self.root / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        (info / "METADATA").write_text(head, encoding="utf-8")
        entry = f"[penstock.plugins]\n{name} = {value}\n"
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")

    def python(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these plugins installed."""
        inherited = {k: v for k, v in os.environ.items() if k != "PENSTOCK_PLUGINS"}
        path = os.pathsep.join(filter(None, [str(self.root), inherited.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, *words],
            env={**inherited, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, code: str, **environment: str) -> tuple[str, str]:
        """Run a program that must succeed; returns what it printed and what it warned."""
        program = "import penstock\nfrom penstock.plugins import loader\n" + textwrap.dedent(code)
        result = self.python("-c", program, **environment)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip(), result.stderr

    def activate(self, name: str = "acme", **environment: str) -> dict[str, Any]:
        """Activate a plugin; returns its state, reason, traceback, and the warnings."""
        out, err = self.run(
            f"""
            import json
            r = loader.activate({name!r})
            print(json.dumps([r.state, r.reason, r.traceback]))
            """,
            **environment,
        )
        state, reason, traceback = json.loads(out)
        return {"state": state, "reason": reason, "traceback": traceback, "warned": err}


@pytest.fixture
def plugins(tmp_path: Path) -> PluginFolder:
    """An empty folder of plugins."""
    return PluginFolder(tmp_path)
