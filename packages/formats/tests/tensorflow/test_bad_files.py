"""Files that are damaged, hostile, or of what cannot be imported: always a named error with a way out."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphModel
from penstock_formats.tensorflow import _messages
from penstock_formats.tensorflow.read import read

pytest.importorskip("google.protobuf")
FACTS = dict(np.load(Path(__file__).with_name("facts.npz")))


def graph_of(*rows: tuple[str, str, list[str]], **library: list[tuple[str, str, list[str]]]) -> Any:
    """Make a graph of names, ops and inputs, and functions likewise."""
    graph = _messages.parse("GraphDef", b"", "test")
    for name, op, inputs in rows:
        add(graph.node, name, op, inputs)
    for title, body in library.items():
        function = graph.library.function.add()
        function.signature.name = title
        function.signature.output_arg.add(name="out")
        function.ret["out"] = f"{body[-1][0]}:out:0"
        for name, op, inputs in body:
            add(function.node_def, name, op, inputs)
    return graph


def add(nodes: Any, name: str, op: str, inputs: list[str]) -> None:
    node = nodes.add(name=name, op=op, input=inputs)
    if op == "Placeholder":
        node.attr["dtype"].type = 1
        node.attr["shape"].shape.dim.add(size=3)
    if op == "PartitionedCall":
        node.attr["f"].func.name = name.partition("_")[0]


def write(tmp_path: Path, graph: Any) -> Path:
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.SerializeToString())
    return path


def test_unknown_ops_are_listed_with_counts(tmp_path: Path) -> None:
    rows = [
        ("x", "Placeholder", []),
        ("a", "Bogus", ["x"]),
        ("b", "Bogus", ["a"]),
        ("c", "Other", ["b"]),
    ]
    with pytest.raises(
        FormatError, match=r"imported: Bogus \(2\), Other \(1\); choose other outputs"
    ):
        read(write(tmp_path, graph_of(*rows)))
    inner = graph_of(("f_1", "PartitionedCall", []), f=[("y", "Deep", [])])
    with pytest.raises(FormatError, match=r"Deep \(1\)"):
        read(write(tmp_path, inner))


def test_cycles(tmp_path: Path) -> None:
    rows = [("a", "Relu", ["b"]), ("b", "Relu", ["a"]), ("c", "Relu", ["b"])]
    with pytest.raises(FormatError, match="takes what it makes; the file is damaged"):
        read(write(tmp_path, graph_of(*rows)))
    calls = graph_of(("f_1", "PartitionedCall", []), f=[("f_2", "PartitionedCall", [])])
    with pytest.raises(FormatError, match="functions call each other more than 60 deep"):
        read(write(tmp_path, calls))


def test_functions_that_call_two_that_call_two(tmp_path: Path) -> None:
    library = {
        f"f{i}": [(f"f{i + 1}_a", "PartitionedCall", []), (f"f{i + 1}_b", "PartitionedCall", []),
                  ("y", "AddN", [f"f{i + 1}_a:out:0", f"f{i + 1}_b:out:0"])]
        for i in range(12)
    }  # fmt: skip
    library["f12"] = [("y", "Range", [])]
    with pytest.raises(FormatError, match=r"the Range 'y' makes no sense"):
        read(write(tmp_path, graph_of(("f0_1", "PartitionedCall", []), **library)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "Relu", ["nobody"])], "takes 'nobody', which there is not"),
        ([("a", "Relu", []), ("a", "Relu", [])], "two nodes have the same name"),
        ([("x", "Placeholder", []), ("a", "Conv2D", ["x"])], "the Conv2D 'a' makes no sense"),
        ([("x", "Placeholder", []), ("a", "Switch", ["x", "x"])], "Switch 'a' is of a condition of TensorFlow 1"),
        ([("x", "Placeholder", []), ("a", "Reshape", ["x", "x"])], "only a run can tell; make it constant"),
        ([("v", "VarHandleOp", []), ("a", "ReadVariableOp", ["v"])], "no attribute|freeze the graph"),
    ],
)  # fmt: skip
def test_graphs_that_make_no_sense(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(write(tmp_path, graph_of(*rows)))


def test_constants_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    graph = graph_of(("a", "Const", []), ("b", "Relu", ["a"]))
    value = graph.node[0].attr["value"].tensor
    value.dtype = 1
    value.tensor_shape.dim.add(size=1 << 40)
    value.float_val.append(1.0)
    with pytest.raises(FormatError, match="repeat single values 1,099,511,627,776 times; the file"):
        read(write(tmp_path, graph))
    value.tensor_content = b"1234"
    with pytest.raises(FormatError, match="has 4 bytes instead of 4,398,046,511,104"):
        read(write(tmp_path, graph))


def test_shapes_that_double_at_each_node(tmp_path: Path) -> None:
    rows = [("axis", "Const", []), ("x0", "Const", [])]
    rows += [(f"x{i + 1}", "ConcatV2", [f"x{i}", f"x{i}", "axis"]) for i in range(60)]
    graph = graph_of(*rows)
    for node, value in zip(graph.node, (0, 7), strict=False):
        node.attr["value"].tensor.dtype = 3
        node.attr["value"].tensor.int_val.append(value)
    graph.node[1].attr["value"].tensor.tensor_shape.dim.add(size=1)
    model = read(write(tmp_path, graph))
    assert isinstance(model, GraphModel)
    # Nothing of that size was made; whoever runs it is told that there is no such memory.
    assert model.default.outputs["x60"].shape == (1 << 60,)


def test_what_the_caller_asks_for_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path, graph_of(("x", "Placeholder", []), ("a", "Relu", ["x"])))
    with pytest.raises(FormatError, match="no node b; choose among its 2 nodes; the last is 'a'"):
        read(path, outputs=["b"])
    graph = graph_of(("x", "Placeholder", []), ("a", "Relu", ["x"]))
    del graph.node[0].attr["shape"]
    with pytest.raises(FormatError, match=r"say it: read\(path, shapes="):
        read(write(tmp_path, graph))
    assert read(write(tmp_path, graph), shapes={"x": ("n", 2)})


def saved(tmp_path: Path, **changes: bytes) -> Path:
    for name, data in FACTS.items():
        if name.startswith("saved/") and data.dtype == np.uint8:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(changes.get(path.suffix.lstrip(".").partition("-")[0], data.tobytes()))
    return tmp_path / "saved"


def test_damaged_variables(tmp_path: Path) -> None:
    index = FACTS["saved/variables/variables.index"].tobytes()
    flipped = bytearray(index)
    flipped[20] ^= 1
    with pytest.raises(FormatError, match="another checksum than the one it should have"):
        read(saved(tmp_path, index=bytes(flipped)))
    with pytest.raises(FormatError, match="is no index of a checkpoint"):
        read(saved(tmp_path, index=index[:-1]))
    far = struct.pack("<Q", 0xDB4775248B80FB57)
    with pytest.raises(FormatError, match="ends behind its end"):
        read(saved(tmp_path, index=b"\xff\x7f\xff\x7f\xff\x7f\xff\x7f" + bytes(32) + far))
    path = saved(tmp_path)
    shard = path / "variables" / "variables.data-00000-of-00001"
    shard.write_bytes(b"short")
    with pytest.raises(FormatError, match=r"ends behind the end of variables\.data"):
        read(path)
    shard.unlink()
    with pytest.raises(FormatError, match=r"is missing; put it beside variables\.index"):
        read(path)


def test_a_checkpoint_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"holds tensors and no graph; read them: penstock.saved"):
        read(saved(tmp_path) / "variables" / "variables.index")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_graphs_give_errors(tmp_path: Path, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(["loop", "strided slices", "batch norm", "audio", "gathers"]))
    path = tmp_path / "bad.pb"
    path.write_bytes(damage(data, FACTS[f"{case}/graph"].tobytes()))
    try:
        read(path)
    except PenstockError:
        return


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_folders_give_errors(tmp_path: Path, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(["saved_model.pb", "variables/variables.index"]))
    path = saved(tmp_path)
    (path / part).write_bytes(damage(data, FACTS[f"saved/{part}"].tobytes()))
    try:
        read(path)
    except PenstockError:
        return


def damage(data: st.DataObject, held: bytes) -> bytes:
    """Cut bytes off, or change some."""
    if data.draw(st.booleans()):
        held = held[: data.draw(st.integers(0, len(held)))]
    changed = bytearray(held)
    for _ in range(data.draw(st.integers(0, 5)) if changed else 0):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed)
