"""Folders that were damaged or made to do harm: a named error or a model, in bounded time and memory; never anything else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved._tensors import TensorReader
from penstock.saved.reader import GraphReader


def make(folder: Path) -> None:
    """A small model with everything: bodies, strings, constants in files, sizes, a golden pair."""
    w = ps.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), name="w")
    words = ps.lookup.VocabularyTable([f"word{i}" for i in range(20)])

    def net(x: Any, texts: Any) -> Any:
        y = ps.nn.relu(x @ w + np.linspace(0, 1, 4).astype(np.float32)) * np.arange(
            20.0, 24.0, dtype=np.float32
        )
        _, y = ps.while_loop(lambda i, _: i < 2, lambda i, a: (i + 1, a * 0.5), (ps.asarray(0), y))
        z = ps.cond(ps.sum(y) > 0, lambda: y[: x.shape[0] // 1], lambda: -y)
        return z, words(texts), ps.reshape(y, (x.shape[0] * 2, 2)) @ np.eye(2, 20, dtype=np.float32)

    spec = {"x": ("float32", ("batch", 3)), "texts": ("string", ("n",))}
    given = {"x": np.ones((2, 3), np.float32), "texts": np.array(["word3", "?"])}
    ps.save(net, folder, spec, golden=given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "net"
    make(folder)
    return folder


@contextmanager
def copy_of(whole: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "net"
        shutil.copytree(whole, folder)
        yield folder


def load_or_refuse(folder: Path) -> None:
    """Load, and run what could be loaded: whatever happens is an error of ours, or none."""
    try:
        model = ps.load(folder)
        model(x=np.ones((2, 3), np.float32), texts=np.array(["word3", "?"]))
    except PenstockError as error:
        assert str(error)  # noqa: PT017


ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FILES = ["graph.json", "weights.safetensors", "golden.safetensors", "lowered/cpu.json"]


@ANY
@given(name=st.sampled_from(FILES), share=st.floats(0, 1))
def test_truncated(whole: Path, name: str, share: float) -> None:
    with copy_of(whole) as folder:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])
        load_or_refuse(folder)


@ANY
@given(
    name=st.sampled_from(FILES),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 7)), min_size=1, max_size=4),
)
def test_flipped_bits(whole: Path, name: str, places: list[tuple[float, int]]) -> None:
    with copy_of(whole) as folder:
        data = bytearray((folder / name).read_bytes())
        for place, bit in places:
            data[int(place * len(data))] ^= 1 << bit
        (folder / name).write_bytes(data)
        load_or_refuse(folder)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "x", "w", "batch", "while", "cond", "call", "placeholder", "../../x", "assets/../x", "float32"]),
    st.sampled_from(["batch*batch", "batch//0", "max(batch", "-batch", "99999999999999999999", "batch - 5"]),
    st.text(max_size=5),
    st.lists(st.integers(-2, 2**63), max_size=3),
    st.dictionaries(st.sampled_from(["tensor", "graph", "variable", "dtype", "float", "stored"]), st.text(max_size=3), max_size=2),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [path] if path else []
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in inside:
        found += places(part, (*path, key))
    return found


@settings(parent=ANY, max_examples=250)
@given(data=st.data())
def test_any_place_of_the_json_with_anything(whole: Path, data: st.DataObject) -> None:
    told = json.loads((whole / "graph.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(told)))
        place = told
        for key in path[:-1]:
            place = place[key]
        match data.draw(st.sampled_from(["replace", "drop", "copy"])):
            case "replace":
                place[path[-1]] = data.draw(VALUES)
            case "drop":
                del place[path[-1]]
            case "copy":
                other = data.draw(st.sampled_from(places(told)))
                source = told
                for key in other:
                    source = source[key]
                place[path[-1]] = json.loads(json.dumps(source))
    with copy_of(whole) as folder:
        (folder / "graph.json").write_text(json.dumps(told))
        load_or_refuse(folder)


def changed(whole: Path, folder: Path, change: Any) -> None:
    told = json.loads((whole / "graph.json").read_bytes())
    change(told, told["functions"][0]["graph"])
    (folder / "graph.json").write_text(json.dumps(told))


def find(graph: Any, op: str) -> Any:
    return next(node for node in graph["nodes"] if node["op"] == op)


def nested(graph: Any, depth: int) -> None:
    """Append calls of calls of calls."""
    for _ in range(depth):
        node = {"name": "deep", "op": "call", "inputs": [], "outputs": []}
        graph["nodes"].append({**node, "attrs": {"graph": {"graph": (inner := body())}}})
        graph = inner


def body() -> Any:
    return {"name": "body", "nodes": [], "inputs": [], "outputs": []}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, g: g["nodes"].reverse(), "there is no"),
        (lambda t, g: find(g, "matmul").update(inputs=["matmul", "matmul"]), "there is no 'matmul'"),
        (lambda t, g: find(g, "while")["attrs"].update(cond={"graph": json.loads(json.dumps(g))}), "damaged|symbols|members|subgraph|inputs|save it again"),
        (lambda t, g: nested(g, 60), "nested more than 50 deep"),
        (lambda t, g: g["inputs"].__setitem__(0, "matmul"), "is no placeholder"),
        (lambda t, g: g.update(symbols=["batch"] * 2), "a symbol is there twice"),
        (lambda t, g: g.update(assumes=["batch ~ 3"]), "is no assumption"),
        (lambda t, g: find(g, "constant")["attrs"]["value"]["tensor"].update(shape=[2**40, 2**40]), "damaged|other values|says|save it again"),
        (lambda t, g: find(g, "constant").update(weak="yes"), "weak and host are true"),
        (lambda t, g: t.update(metadata=3), "metadata is no dict"),
    ],
)  # fmt: skip
def test_graphs_that_cannot_be(whole: Path, change: Any, message: str) -> None:
    with copy_of(whole) as folder:
        changed(whole, folder, change)
        with pytest.raises(FormatError, match=message):
            ps.load(folder)


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "assets/../../secret",
        "/etc/passwd",
        "assets/./x",
        "assets/.hidden",
        "assets/a/b",
        "assets\\x",
        "",
    ],
)
def test_assets_stay_in_the_folder(whole: Path, path: str) -> None:
    def change(told: Any, graph: Any) -> None:
        for node in graph["nodes"]:
            tensor = node.get("attrs", {}).get("value", {}).get("tensor", {})
            if "asset" in tensor:
                tensor["asset"] = path

    with copy_of(whole) as folder:
        (folder.parent / "secret").write_text("password\n" * 20)
        changed(whole, folder, change)
        with pytest.raises(FormatError, match=r"assets lie in the folder|damaged"):
            ps.load(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_do_not_lead_out(whole: Path) -> None:
    with copy_of(whole) as folder:
        asset = next((folder / "assets").iterdir())
        (folder.parent / "secret").write_bytes(asset.read_bytes())
        asset.unlink()
        asset.symlink_to(folder.parent / "secret")
        with pytest.raises(FormatError, match="leads out of"):
            ps.load(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"format": "penstock-graph", "format": "penstock-graph"}',
        '{"version": NaN}',
        '{"version": ' + "9" * 10_000 + "}",
        "\ufeff{}",
        '{"format": "penstock-graph", "version": true}',
    ],
    ids=range(10),
)
def test_json_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "graph.json").write_text(text)
    with pytest.raises(FormatError):
        ps.load(tmp_path)


def test_missing_files_are_named(whole: Path) -> None:
    for name in ("graph.json", "weights.safetensors", "golden.safetensors"):
        with copy_of(whole) as folder:
            (folder / name).unlink()
            with pytest.raises(
                FormatError, match=name if name != "graph.json" else "no installed plugin"
            ):
                ps.load(folder)
    with copy_of(whole) as folder:
        shutil.rmtree(folder / "assets")
        with pytest.raises(FormatError, match=r"has no file .*txt"):
            ps.load(folder)


def test_loops_without_an_end_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(x: Any) -> Any:
        return ps.while_loop(lambda i: i < 5, lambda i: i + x, (ps.asarray(0),))

    ps.save(forever, tmp_path / "net", [("int64", ())], golden=(1,))
    path = tmp_path / "net/golden.safetensors"
    held = ps.safetensors.load_file(path)
    ps.safetensors.save_file({**held, "0/main/inputs/x": np.int64(0)}, path)
    monkeypatch.setattr("penstock.saved.golden.check.__defaults__", (0.2,))
    with pytest.raises(FormatError, match=r"took more than 0.2 seconds.*check=False"):
        ps.load(tmp_path / "net")


@pytest.mark.parametrize(
    ("symbols", "assumptions", "bodies", "message"),
    [
        (2000, 0, 1000, "bodies with 2000 sizes"),
        (1, 20_000, 0, "its assumes are more"),
        (20_000, 0, 0, "its symbols are more"),
    ],
)
def test_many_symbols_take_little_time(
    symbols: int, assumptions: int, bodies: int, message: str
) -> None:
    call = {"op": "call", "inputs": [], "outputs": [], "attrs": {"graph": {"graph": body()}}}
    graph = {
        **body(),
        "symbols": [f"n{i}" for i in range(symbols)],
        "assumes": [f"n0 < {i}" for i in range(assumptions)],
        "nodes": [{**call, "name": f"call{i}"} for i in range(bodies)],
    }
    with pytest.raises(FormatError, match=message):
        GraphReader(TensorReader(lambda _: {}, lambda _: b""), {}).read(graph)


def test_huge_sizes_take_no_memory(whole: Path) -> None:
    """A process with little memory survives a graph that makes a tensor of 2**60 numbers."""
    with copy_of(whole) as folder:

        def change(told: Any, graph: Any) -> None:
            told["golden"] = []
            told["ops"]["full"] = 1
            graph["nodes"].insert(0, {
                "name": "big", "op": "full", "inputs": [], "outputs": ["float32[1152921504606846976]"],
                "attrs": {"shape": [2**60], "value": 0.0, "dtype": {"dtype": "float32"}},
            })  # fmt: skip
            graph["outputs"][0] = "big"
            told["functions"][0]["outputs"][0] = {
                "name": "big",
                "dtype": "float32",
                "shape": [2**60],
            }

        changed(whole, folder, change)
        program = (
            "import resource, sys, numpy as np, penstock as ps\n"
            "resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))\n"
            "try:\n"
            "    ps.load(sys.argv[1])(x=np.ones((2, 3), np.float32), texts=['a'])\n"
            "except ps.errors.PenstockError as error:\n"
            "    print(type(error).__name__, error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Error" in done.stdout
