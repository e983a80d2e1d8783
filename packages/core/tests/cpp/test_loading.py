"""Saved folders in C++: what is loaded and computed, and what is refused with a reason."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest
from cpp_folders import KERNEL, TABLE, changed, document, net, write

pytestmark = pytest.mark.compiler
FORMAT = "error 13 [load] "
NODES = ("functions", 0, "graph", "nodes")


def test_functions_and_variables_are_listed(loader, tmp_path):
    assert loader.ask("load", write(tmp_path / "net")) == (
        "ok main(x[batch, 3]) -> (y[batch, 5]), step() -> (total[]), "
        "x[batch, 3], y[batch, 5], dense/kernel"
    )


def test_a_function_computes_what_numpy_does(runner, tmp_path):
    folder = write(tmp_path / "net")
    want = net(np.ones((2, 3), np.float32)).sum()
    assert float(runner.ask("run", folder, "main").split()[1]) == pytest.approx(want, rel=1e-5)


def test_a_step_changes_the_variable(runner, tmp_path):
    assert float(runner.ask("run", write(tmp_path / "net"), "step").split()[1]) == 2 * KERNEL.sum()


def test_without_kernels_loading_works_and_running_says_what_is_missing(loader, tmp_path):
    folder = write(tmp_path / "net")
    answer = loader.ask("run", folder, "main")
    assert answer.startswith("error 7 [matmul] has no kernel on cpu:0")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([True, False], "bool"),
        ([-128, 127], "int8"),
        ([0, 2**64 - 1], "uint64"),
        (["nan", "-inf", 1, 1e-45], "float32"),
        (["", "ä\n\u0000"], "string"),
        ([1.5], "float16"),
        ([3e38], "bfloat16"),
    ],
)
def test_constants_of_all_dtypes_are_read(loader, tmp_path, values, dtype):
    told = document()
    tensor = {"dtype": dtype, "shape": [len(values)], "values": values}
    told["functions"][0]["graph"]["nodes"].append(
        {"name": "c", "op": "constant", "inputs": [], "attrs": {"value": {"tensor": tensor}},
         "outputs": [f"{dtype}[{len(values)}]"]}
    )  # fmt: skip
    assert loader.ask("load", write(tmp_path / "net", told)).startswith("ok")


def test_strings_of_an_asset_have_their_escapes_undone(loader, tmp_path):
    told = document()
    tensor: dict[str, Any] = {"dtype": "string", "shape": [3], "asset": "assets/words.txt"}
    told["functions"][0]["graph"]["nodes"].append(
        {"name": "c", "op": "constant", "inputs": [], "attrs": {"value": {"tensor": tensor}}, "outputs": ["string[3]"]}
    )  # fmt: skip
    folder = write(tmp_path / "net", told)
    (folder / "assets").mkdir()
    (folder / "assets" / "words.txt").write_bytes(b"one\ntwo\\n\\\\\n\n")
    assert loader.ask("load", folder).startswith("ok")
    for text, why in (
        (b"one\ntwo\n", "has 2 lines"),
        (b"a\nb\nc", "has 2 lines"),
        (b"\\x\n\n\n", "has a backslash"),
    ):
        (folder / "assets" / "words.txt").write_bytes(text)
        assert why in loader.ask("load", folder)
    for name in (
        "assets/../graph.json",
        "/etc/passwd",
        "assets/.hidden",
        "assets/a/b",
        "graph.json",
    ):
        tensor["asset"] = name
        write(folder, told)
        assert "expected assets/ and the name of a file" in loader.ask("load", folder)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (changed("format", to="other"), 'its format is not "penstock-graph"'),
        (changed("version", to=2), "install a newer penstock"),
        (changed("version", to=0), "convert it with `penstock convert OLD NEW`"),
        (changed("extra", to=1), 'has the unknown member "extra"'),
        (changed("ops", "matmul", to=...), "ops have no version of matmul"),
        (changed("ops", "matmul", to=2), "has ops of later versions: matmul@2; install a newer penstock"),
        (changed("ops", "matmul", to=0), "matmul@0; convert it with `penstock convert OLD NEW`"),
        (changed("ops", "acme.add", to=1), "does not know: acme.add@1; run it in Python with the plugin"),
        (changed("variables", "missing", to={"dtype": "float32", "shape": [1], "trainable": True}),
         'variable "missing" is not in weights.safetensors'),
        (changed("variables", "dense/kernel", "shape", to=[4, 3]), "is float32 of shape (3, 4) in weights.safetensors"),
        (changed("variables", "dense/kernel", "shape", to=[2**62, 2**62]), "is float32 of shape (3, 4)"),
        (changed("variables", to={}), '"dense/kernel", which is not in variables'),
        (changed("functions", to=[]), "has no function"),
        (changed("functions", 0, "name", to="step"), 'has the function "step" twice'),
        (changed(*NODES, 2, "inputs", to=["x", "product"]), '"product", which no node before it computes'),
        (changed(*NODES, 2, "inputs", to=["x", "kernel:1"]), '"kernel" has 1 outputs'),
        (changed(*NODES, 2, "inputs", to=["x"]), "[matmul] takes 2 inputs and got 1"),
        (changed(*NODES, 2, "inputs", to=["kernel", "kernel"]), "[matmul]"),
        (changed(*NODES, 2, "name", to="x"), "has the name of another"),
        (changed(*NODES, 2, "outputs", to=["float32[batch, 5]"]), "gives float32 of shape"),
        (changed(*NODES, 2, "outputs", to=[]), "gives 1 outputs; the file lists 0"),
        (changed(*NODES, 2, "outputs", to=["float32"]), "expected a dtype and sizes"),
        (changed(*NODES, 2, "op", to="matmull"), "have no version of matmull"),
        (changed(*NODES, 2, "attrs", to={"nothing": 1}), 'matmul has no attribute "nothing"'),
        (changed(*NODES, 2, "after", to=["relu"]), "which does not come before it"),
        (changed(*NODES, 1, "attrs", to={}), 'needs the attribute "variable"'),
        (changed(*NODES, 7, "attrs", "axes", to="01"), "is a text; expected a list"),
        (changed(*NODES, 7, "attrs", "axes", to=[0, 0]), "[transpose]"),
        (changed(*NODES, 7, "attrs", "axes", to=[-(2**63) + 1, 0]), "which is no size"),
        (changed(*NODES, 3, "attrs", "value", "tensor", "values", to=[1.0]), "has 1 values"),
        (changed(*NODES, 3, "attrs", "value", "tensor", "shape", to=[2**62, 2**62]), "exceeds"),
        (changed(*NODES, 6, "attrs", "value", "tensor", "stored", to="x"), "is not in weights.safetensors"),
        (changed(*NODES, 6, "attrs", "value", "tensor", "file", to="../weights.safetensors"), "expected weights.safetensors"),
        (changed("functions", 0, "graph", "inputs", to=["relu"]), "which relu computes; expected a placeholder"),
        (changed("functions", 0, "graph", "symbols", to=["batch", "batch"]), 'has the symbol "batch" twice'),
        (changed("functions", 0, "graph", "symbols", to=[]), "there is no symbol batch"),
        (changed("functions", 0, "graph", "assumes", to=["batch ~ 2"]), "expected two sizes and =="),
        (changed("functions", 0, "graph", "assumes", to=["batch == " + "(" * 900]), "nested too deep"),
        (changed("functions", 0, "graph", "assumes", to=["batch - batch - 9000000000000000000 == 1"]), "64-bit range"),
        (changed("functions", 0, "inputs", 0, "dtype", to="int32"), "is float32 of shape (batch, 3) in the graph"),
        (changed("functions", 0, "outputs", to=[]), "outputs are 0, the graph has 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(loader, tmp_path, told, why):
    answer = loader.ask("load", write(tmp_path / "net", told))
    assert answer.startswith(FORMAT)
    assert why in answer


def test_a_tensor_that_nobody_mentions_is_listed(loader, tmp_path):
    answer = loader.ask("load", write(tmp_path / "net", extra=np.zeros(3, np.float32)))
    assert answer.startswith(FORMAT)
    assert "tensors that graph.json does not mention: extra" in answer


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[1,]", "{\"a\":1,}", "nul", "01", "1.", "+1", ".5", "1e", "1e999", "'a'", '"\n"', '"\\x"', '"\\u12"',
        '"\\ud800"', '"\\udc00\\ud800"', "[1] 2", "{1:2}", '{"a":1,"a":2}', "NaN", "Infinity", "[" * 10000, "\ufeff{}",
        "{\"a\"}", "//", "[1 2]", '"a', "\x00",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_place(loader, tmp_path, text):
    folder = write(tmp_path / "net")
    (folder / "graph.json").write_bytes(text.encode())
    answer = loader.ask("load", folder)
    assert answer.startswith(FORMAT)
    assert "graph.json is no whole JSON: line " in answer


@pytest.mark.parametrize(
    "raw", [b"\xff", b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf5\x80\x80\x80"', b'"\xe4"']
)
def test_what_is_no_utf8_is_refused(loader, tmp_path, raw):
    folder = write(tmp_path / "net")
    (folder / "graph.json").write_bytes(raw)
    assert "it is not UTF-8" in loader.ask("load", folder)


def header(told: object) -> bytes:
    text = json.dumps(told).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "too few for a header"),
        ((2**63).to_bytes(8, "little"), "too few for a header"),
        (
            header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}),
            "its header speaks of",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}) + b"12345678",
            "begins at byte 4",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}) + b"1234",
            "takes 8 bytes",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 4]}}) + b"1234",
            "64-bit range",
        ),
        (
            header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}) + b"1234",
            "expected no negative",
        ),
        (
            header({"a": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}}) + b"1234",
            'unknown dtype "F31"',
        ),
        (
            header({"a": {"dtype": "F32", "shape": [1] * 17, "data_offsets": [0, 4]}}) + b"1234",
            "has 17 dimensions",
        ),
        (header({"a": 1}), "is a whole number; expected an object"),
        (header([]), "is a list; expected an object"),
    ],
)
def test_damaged_weights_are_named(loader, tmp_path, data, why):
    folder = write(tmp_path / "net")
    (folder / "weights.safetensors").write_bytes(data)
    answer = loader.ask("load", folder)
    assert answer.startswith(FORMAT)
    assert why in answer


def test_a_bool_that_is_neither_true_nor_false_is_refused(loader, tmp_path):
    told = changed("variables", "flag", to={"dtype": "bool", "shape": [1], "trainable": False})
    folder = write(tmp_path / "net", told, flag=np.array([True]))
    assert loader.ask("load", folder).startswith("ok")
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert "a bool is neither 0 nor 1" in loader.ask("load", folder)


def test_a_pipe_or_folder_in_place_of_a_file_is_refused(loader, tmp_path):
    folder = write(tmp_path / "net")
    (folder / "graph.json").unlink()
    assert "No such file" in loader.ask("load", folder)
    os.mkfifo(folder / "graph.json")
    assert "is no plain file" in loader.ask("load", folder)


def lowered_document(told: dict[str, Any], graph_hash: str) -> dict[str, Any]:
    function = json.loads(json.dumps(told["functions"][0]))
    function["graph"]["nodes"][5]["op"] = "abs"  # so that the answer tells which graph has run
    return {
        **told,
        "functions": [function],
        "ops": {**told["ops"], "abs": 1},
        "variables": {},
        "lowered": {"graph": graph_hash, "kernels": "any"},
    }


def test_a_lowered_graph_runs_if_it_belongs_to_the_folder(runner, tmp_path):
    import hashlib

    told = changed(*NODES, 3, "attrs", "value", "tensor", "values", to=[-100.0, -1.0, 2.0, 0.0])
    folder = write(tmp_path / "net", told)
    plain = runner.ask("run", folder, "main")
    (folder / "lowered").mkdir()
    text = (folder / "graph.json").read_bytes()
    for graph_hash, differs in ((hashlib.sha256(text).hexdigest(), True), ("0" * 64, False)):
        lowered = lowered_document(told, graph_hash)
        (folder / "lowered" / "cpu.json").write_text(json.dumps(lowered))
        assert (runner.ask("run", folder, "main") != plain) == differs
    assert np.isfinite(TABLE).all()


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])
def test_the_hash_of_any_length_is_the_standard_one(runner, tmp_path, length):
    import hashlib

    told = changed("producer", to="p" * length)
    folder = write(tmp_path / "net", told)
    (folder / "lowered").mkdir()
    digest = hashlib.sha256((folder / "graph.json").read_bytes()).hexdigest()
    lowered = lowered_document(told, digest)
    lowered["functions"][0]["name"] = "another"
    (folder / "lowered" / "cpu.json").write_text(json.dumps(lowered))
    # Only a lowered graph that counts is looked at closely.
    assert "which is another in graph.json" in runner.ask("load", folder)


@pytest.mark.parametrize(
    ("op", "attrs", "why"),
    [
        ("while", {"num_carried": 0, "num_public": 0, "steps": []}, "steps must be one size"),
        ("scan", {"num_carried": 0, "num_scanned": -1, "num_public": 0, "length": [2], "reverse": False},
         "num_scanned is -1"),
        ("custom_gradient", {"num_inputs": -1}, "got 0 tensors, -1 of them arguments"),
        ("custom_gradient", {"num_inputs": -(2**63)}, "is -9223372036854775808, which is out of range"),
    ],
)  # fmt: skip
def test_control_flow_with_wrong_counts_is_refused(loader, tmp_path, op, attrs, why):
    true = {"dtype": "bool", "shape": [], "values": [True]}
    nodes = [
        {
            "name": "c",
            "op": "constant",
            "inputs": [],
            "attrs": {"value": {"tensor": true}},
            "outputs": ["bool[]"],
        }
    ]
    body = {"graph": {"name": "body", "nodes": nodes, "inputs": [], "outputs": ["c"]}}
    if op == "while":
        attrs = {**attrs, "cond": body}
    if op != "custom_gradient":
        attrs = {**attrs, "body": body}
    told = document()
    told["ops"][op] = 1
    told["functions"][0]["graph"]["nodes"].append(
        {"name": "n", "op": op, "inputs": [], "attrs": attrs, "outputs": []}
    )
    assert why in loader.ask("load", write(tmp_path / "net", told))
