"""Names of nodes in pictures of graphs, whatever signs they have."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import penstock as ps
from penstock.drawing import draw, to_dot


def graph_of(name: str) -> ps.Graph:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("n",), name="x")
        y = ps.exp(x)
        y.node.rename(name)
        graph.inputs, graph.outputs = [x], [y]
    return graph


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\\", r'label="a\\\nexp"'),
        ('say "no"', r'label="say \"no\"\nexp"'),
        ("\\N", r'"\\N\nexp"'),
    ],
)
def test_signs_in_names_are_escaped(name: str, written: str) -> None:
    assert written in to_dot(graph_of(name))


def test_names_in_other_alphabets_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in place of Graphviz's keeps what it is given."""
    if shutil.which("sh") is None:
        pytest.skip("needs a shell")
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nexec cat > "$2"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    made = draw(graph_of("größe\\"), tmp_path / "g.svg")
    assert made.read_text("utf-8") == to_dot(graph_of("größe\\"))
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ps.errors.PenstockError, match="ended with 3"):
        draw(graph_of("y"), tmp_path / "g.svg")
