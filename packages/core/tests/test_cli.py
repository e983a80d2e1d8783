"""The `penstock` command: with the extra, without it, and with commands that plugins bring."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HAS_EXTRA = True
try:
    import rich  # noqa: F401
    import typer  # noqa: F401
except ImportError:
    HAS_EXTRA = False

needs_extra = pytest.mark.skipif(not HAS_EXTRA, reason="needs the extra penstock[cli]")
PLUGIN = {
    "penstock_acme/__init__.py": "",
    "penstock_acme/penstock_plugin.toml": (
        '[plugin]\nname = "acme"\napi = ">=0.1"\nmodule = "penstock_acme.hooks"\n'
        '[[provides.command]]\nname = "greet"\nhelp = "Say hello."\n'
    ),
    "penstock_acme/hooks.py": (
        "print('imported')\nfrom penstock.plugins import hookimpl\n"
        "def greet(name: str, times: int = 1):\n    print(f'hello {name} ' * times)\n"
        "@hookimpl\ndef penstock_register_commands(commands):\n    commands.add('greet', greet)\n"
    ),
    "penstock_acme-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: penstock-acme\nVersion: 1\n",
    "penstock_acme-1.dist-info/entry_points.txt": "[penstock.plugins]\nacme = penstock_acme\n",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def penstock(folder: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a new Python that finds the packages in `folder`."""
    program = f"import sys\n{before}\nfrom penstock.cli import main\nsys.exit(main())"
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PENSTOCK_PLUGINS": "", "COLUMNS": "120"}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=folder, check=False
    )


def test_without_the_extra(tmp_path: Path) -> None:
    hide = "sys.modules['typer'] = None"
    for words in ([], ["graph", "x.py:f"], ["greet"]):
        result = penstock(tmp_path, *words, before=hide)
        assert result.returncode == 2
        assert 'pip install "penstock[cli]"' in result.stderr
        assert "penstock doctor" in result.stderr


def test_doctor_without_the_extra(tmp_path: Path) -> None:
    hide = "sys.modules['typer'] = sys.modules['rich'] = None"
    result = penstock(tmp_path, "doctor", "--no-load", before=hide)
    assert result.returncode == 0
    assert "all is well" in result.stdout


def test_tracebacks_without_the_extra_are_the_plugins_own(tmp_path: Path) -> None:
    write(tmp_path, {**PLUGIN, "penstock_acme/hooks.py": "raise OSError('no driver')"})
    hide = "sys.modules['typer'] = sys.modules['rich'] = None"
    result = penstock(tmp_path, "doctor", "--verbose", before=hide)
    assert result.returncode == 1
    assert "OSError: no driver" in result.stdout
    assert "typer" not in result.stdout
    assert "_cli_app" not in result.stdout


@needs_extra
def test_help_lists_plugin_commands_without_importing(tmp_path: Path) -> None:
    write(tmp_path, PLUGIN)
    result = penstock(tmp_path, "--help")
    assert result.returncode == 0
    words = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")]
    assert {"doctor", "graph", "replay", "inspect", "run", "convert"} < set(words)
    assert words.index("greet") > words.index("convert")  # behind our own
    assert "Say hello." in result.stdout
    assert "imported" not in result.stdout


@needs_extra
def test_plugin_command(tmp_path: Path) -> None:
    write(tmp_path, PLUGIN)
    result = penstock(tmp_path, "greet", "you", "--times", "2")
    assert result.stdout.split() == ["imported", "hello", "you", "hello", "you"]
    assert "--times" in penstock(tmp_path, "greet", "--help").stdout
    assert penstock(tmp_path, "greet").returncode == 2


@needs_extra
def test_plugin_command_that_was_refused(tmp_path: Path) -> None:
    write(tmp_path, {**PLUGIN, "penstock_acme/hooks.py": "1/0"})
    result = penstock(tmp_path, "greet", "you")
    assert result.returncode == 1
    assert (
        "the plugin that gives `penstock greet` was refused; run `penstock doctor`" in result.stderr
    )


@needs_extra
def test_unknown_command(tmp_path: Path) -> None:
    result = penstock(tmp_path, "docter")
    assert result.returncode == 2
    assert "docter" in result.stderr


@needs_extra
def test_doctor(tmp_path: Path) -> None:
    result = penstock(tmp_path, "doctor")
    assert result.returncode == 0, result.stdout
    assert "all is well" in result.stdout


SCRIPT = """
import penstock

@penstock.function
def double(x):
    return x + x

double(penstock.asarray([1.0, 2.0]))
number = 3
"""


@needs_extra
def test_graph_of_a_script(tmp_path: Path) -> None:
    write(tmp_path, {"script.py": SCRIPT})
    for target in ("script.py:double", "script:double"):
        result = penstock(tmp_path, "graph", target)
        assert result.returncode == 0, result.stderr
        assert "add" in result.stdout


NETWORK = """
import penstock as ps

w = ps.Variable(ps.ones((4, 3)), name="w")
with ps.Graph("net").as_default() as net:
    x = ps.placeholder("float32", ("batch", 4), name="x")
    with ps.name_scope("dense"):
        y = ps.nn.relu(x @ w)
net.inputs, net.outputs = [x], [y]

with ps.Graph("net").as_default() as other:
    x = ps.placeholder("float32", ("batch", 4), name="x")
    with ps.name_scope("dense"):
        y = ps.tanh(x @ w)
other.inputs, other.outputs = [x], [y]
"""


@needs_extra
def test_graphs_are_compared(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": NETWORK})
    same = penstock(tmp_path, "graph", "net.py:net", "--diff", "net.py:net")
    assert (same.returncode, same.stdout) == (0, "")
    other = penstock(tmp_path, "graph", "net.py:net", "--diff", "net.py:other")
    assert other.returncode == 1
    assert "-  %dense/relu: f32[batch, 3] = relu(%dense/matmul)" in other.stdout
    assert "+  %dense/tanh: f32[batch, 3] = tanh(%dense/matmul)" in other.stdout


@needs_extra
def test_cost_of_a_graph(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": NETWORK})
    result = penstock(tmp_path, "graph", "net.py:net", "--cost", "--size", "batch=10")
    assert result.returncode == 0, result.stderr
    assert "net with batch=10" in result.stdout
    row = next(line for line in result.stdout.splitlines() if "dense" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")][1:] == ["3", "270", "568", "12"]
    wrong = penstock(tmp_path, "graph", "net.py:net", "--cost", "--size", "batch")
    assert "expected name=number, such as batch=8" in wrong.stderr


@needs_extra
def test_graphs_are_drawn(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": NETWORK})
    result = penstock(tmp_path, "graph", "net.py:net", "--draw", "net.dot")
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "net.dot").read_text()
    assert 'subgraph "cluster_dense"' in text
    assert '"dense/matmul" -> "dense/relu" [label="f32[batch, 3]"]' in text
    closed = penstock(tmp_path, "graph", "net.py:net", "--draw", "net.dot", "--depth", "0")
    assert closed.returncode == 0, closed.stderr
    assert '"x" -> "dense/" [label="f32[batch, 4]"]' in (tmp_path / "net.dot").read_text()
    wrong = penstock(tmp_path, "graph", "net.py:net", "--draw", "net.gif")
    assert "ends in .svg, .png, .pdf or .dot" in wrong.stderr
    picture = penstock(tmp_path, "graph", "net.py:net", "--draw", "net.svg")
    if shutil.which("dot"):
        assert "<svg" in (tmp_path / "net.svg").read_text()
    else:
        assert "install the package graphviz" in picture.stderr


@needs_extra
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("script.py", "graph got 'script.py': expected 'file.py:name' or 'package.module:name'"),
        ("gone.py:f", "graph found no file gone.py"),
        ("gone:f", "graph cannot import 'gone'"),
        (
            "script.py:treble",
            "graph found no 'treble' in script.py; it has: penstock, double, number",
        ),
        (
            "broken.py:f",
            "broken.py, line 2, which raised ZeroDivisionError: division by zero; run it",
        ),
        ("script.py:number", "a int: expected a penstock.Graph, or a penstock.function"),
    ],
)
def test_graph_of_something_else(tmp_path: Path, target: str, message: str) -> None:
    write(tmp_path, {"script.py": SCRIPT, "broken.py": "import sys\n1 / 0\n"})
    result = penstock(tmp_path, "graph", target)
    assert result.returncode == 1
    assert message in result.stderr
