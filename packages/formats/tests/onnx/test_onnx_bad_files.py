"""Damaged and hostile ONNX files: always a FormatError that says what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import FormatError, PenstockError

onnx = pytest.importorskip("onnx", reason="needs the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from penstock_formats.onnx import backend  # noqa: E402
from penstock_formats.onnx.read import read  # noqa: E402


def _parsed(body: str, opset: int = 18) -> Any:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {body}')


def _small_network() -> Any:
    model = _parsed("""
        net (float[batch, 2, 8, 8] x) => (float[batch, 3] y) {
            a = Conv <pads = [1, 1, 1, 1]> (x, w)
            b = Relu(a)
            c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
            size = Shape(c)
            at = Constant <value = int64[1] {0}> ()
            first = Gather(size, at)
            rest = Constant <value = int64[1] {-1}> ()
            shape = Concat <axis = 0> (first, rest)
            flat = Reshape(c, shape)
            y = Gemm(flat, m)
        }""")
    rng = np.random.default_rng(0)
    for name, shape in (("w", (3, 2, 3, 3)), ("m", (48, 3))):
        model.graph.initializer.append(
            numpy_helper.from_array(rng.normal(size=shape).astype("f4"), name)
        )
    return model


def _refused(tmp_path: Path, model: Any, match: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(FormatError, match=match):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"give the path of an \.onnx file"):
        read(tmp_path / "none.onnx")


def test_files_that_are_no_models(tmp_path: Path) -> None:
    _refused(tmp_path, b"", r"expected a file that onnx\.save wrote")
    _refused(tmp_path, b"\x0a\xff\xff\xff\xff\x0f", "expected a ModelProto message")


@pytest.mark.parametrize("opset", [0, 27, 1 << 40])
def test_opsets_that_are_not_known(tmp_path: Path, opset: int) -> None:
    model = _small_network()
    model.opset_import[0].version = opset
    _refused(tmp_path, model, "opsets 1 to 26 can be read: convert it")


def _first_node(change: Callable[[Any], None]) -> Any:
    model = _small_network()
    change(model.graph.node[0])
    return model


def _unknown_op(node: Any) -> None:
    node.op_type = "Convolve"


def _foreign_domain(node: Any) -> None:
    node.domain = "com.example"


def _cycle(node: Any) -> None:
    node.input[0] = "y"


def _twice(node: Any) -> None:
    node.output[0] = "x"


def _unknown_attribute(node: Any) -> None:
    node.attribute.append(helper.make_attribute("padding", 3))


def _attribute_of_another_kind(node: Any) -> None:
    node.attribute.append(helper.make_attribute("group", 1.5))


def _doubled_attribute(node: Any) -> None:
    node.attribute.append(helper.make_attribute("pads", [0, 0, 0, 0]))


def _too_many_inputs(node: Any) -> None:
    node.input.extend(["w", "w"])


def _wrong_window(node: Any) -> None:
    node.attribute.append(helper.make_attribute("strides", [1, 1, 1]))


def _reference(node: Any) -> None:
    node.attribute[0].ref_attr_name = "pads"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_unknown_op, "export the model with operators of ai.onnx"),
        (_foreign_domain, "export the model with operators of ai.onnx"),
        (_cycle, "nodes must be in the order of the computation, without cycles"),
        (_twice, "which is there already; export the model again"),
        (_unknown_attribute, "the operator takes auto_pad, .*: check the opset"),
        (_attribute_of_another_kind, "expected INT: export again"),
        (_doubled_attribute, "'pads' twice; export the model again"),
        (_too_many_inputs, "has 4 inputs; the operator takes 2 to 3"),
        (_wrong_window, "one number for each: export the model again"),
        (_reference, "refers to the attribute 'pads' of a function"),
    ],
)
def test_nodes_that_are_wrong(tmp_path: Path, change: Callable[[Any], None], match: str) -> None:
    _refused(tmp_path, _first_node(change), match)


def test_the_message_names_the_node_its_operator_and_the_opset(tmp_path: Path) -> None:
    model = _small_network()
    model.graph.node[0].name = "stem"
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((3, 5, 3, 3), "f4"), "w"))
    _refused(tmp_path, model, r"node 'stem' \(Conv, opset 18\) cannot be converted: .*channels")


def test_operators_without_a_converter(tmp_path: Path) -> None:
    model = _parsed(
        "pool (float[1, 2, 4, 4] x, float[n, 5] r) => (float[n, 2, 1, 1] y) "
        "{ y = MaxRoiPool <pooled_shape = [1, 1]> (x, r) }"
    )
    _refused(tmp_path, model, r"has no converter, .* or add one \(docs/onnx_import.md\)")


def test_initializers_are_checked_and_listed(tmp_path: Path) -> None:
    model = _small_network()
    model.graph.input.append(helper.make_tensor_value_info("m", TensorProto.FLOAT, [4, 3]))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.DOUBLE, [3, 2, 3, 3]))
    _refused(
        tmp_path,
        model,
        r"2 initializers .*'m' is float32\[48, 3\], and should be float32\[4, 3\]; 'w'",
    )


def test_initializers_that_nobody_takes_are_listed(tmp_path: Path) -> None:
    model = _small_network()
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, "f4"), "left_over"))
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    read_again = read(path)
    assert read_again.metadata["unused_initializers"] == ["left_over"]
    assert set(read_again.variables) == {"w", "m"}


def test_outputs_of_another_dtype(tmp_path: Path) -> None:
    model = _small_network()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    _refused(tmp_path, model, "should be int64 of 2; the file is damaged")


@pytest.mark.parametrize("sizes", [[3, 2, 3, 4], [-1, 54], [1 << 40, 1 << 40], [54, 0]])
def test_tensors_whose_sizes_do_not_fit(tmp_path: Path, sizes: list[int]) -> None:
    model = _small_network()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(sizes)
    _refused(tmp_path, model, "the file is damaged: get it again|expected up to 32, none negative")


def test_element_types_that_are_not_known(tmp_path: Path) -> None:
    model = _small_network()
    model.graph.initializer[0].data_type = 77
    _refused(tmp_path, model, "element type 77, .*: convert the model")


def _external(tmp_path: Path, **entries: str) -> Any:
    model = _small_network()
    t = model.graph.initializer[0]
    (tmp_path / "data").write_bytes(b"\0" * 16 + t.raw_data)
    t.ClearField("raw_data")
    t.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        t.external_data.add(key=key, value=value)
    return model


def test_weights_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(_small_network(), path)
    expected = read(path).variables["w"].numpy()
    path.write_bytes(_external(tmp_path, location="data", offset="16").SerializeToString())
    assert np.array_equal(read(path).variables["w"].numpy(), expected)


def test_data_files_outside_of_the_folder(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path / "data")
    for location in ("../data", str(tmp_path / "data"), "link", "none", "", "a\0b", "."):
        model = _external(tmp_path, location=location, offset="16")
        _refused(inner, model, "put the data file beside the model")


@pytest.mark.parametrize(
    "entries", [{"offset": "17"}, {"offset": "-1"}, {"offset": "0", "length": "99999999999"}]
)
def test_data_files_that_are_too_short(tmp_path: Path, entries: dict[str, str]) -> None:
    _refused(
        tmp_path,
        _external(tmp_path, location="data", **entries),
        "get both again|damaged: get it again",
    )


def test_functions_that_call_themselves(tmp_path: Path) -> None:
    model = _parsed("net (float[n] x) => (float[n] y) { y = Add(x, x) }")
    model.graph.node[0].CopyFrom(helper.make_node("f", ["x"], ["y"], domain="own"))
    again = [helper.make_node("f", ["a"], ["b"], domain="own")]
    opsets = [helper.make_opsetid("own", 1), helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("own", "f", ["a"], ["b"], again, opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    _refused(tmp_path, model, "does a function call itself")


def test_functions_that_call_each_other_without_end(tmp_path: Path) -> None:
    model = _parsed("net (float[n] x) => (float[n] y) { y = Add(x, x) }")
    model.graph.node[0].CopyFrom(helper.make_node("f0", ["x"], ["y"], domain="own"))
    opsets = [helper.make_opsetid("own", 1), helper.make_opsetid("", 18)]
    for i in range(20):
        calls = [helper.make_node(f"f{i + 1}", ["a"], [f"b{j}"], domain="own") for j in range(9)]
        model.functions.append(helper.make_function("own", f"f{i}", ["a"], ["b0"], calls, opsets))
    model.functions.append(helper.make_function("own", "f20", ["a"], ["a"], [], opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    _refused(tmp_path, model, "made to harm")


@pytest.mark.parametrize(
    "body",
    [
        "y = ConstantOfShape(s)",
        "y = Expand(o, s)",
        "p = Constant <value = float[1, 1] {1}> () y = Tile(p, s)",
        "z = Constant <value = float {0}> () l = Constant <value = float {1e18}> () r = Range(z, l, o)",
    ],
)
def test_constants_without_bounds_are_not_computed(tmp_path: Path, body: str) -> None:
    model = _parsed(
        "net () => (float[m, n] y) { o = Constant <value = float {1}> () "
        f"s = Constant <value = int64[2] {{1099511627776, 1024}}> () {body} }}"
    )
    path = tmp_path / "large.onnx"
    onnx.save(model, path)
    with contextlib.suppress(FormatError):
        assert read(path).default.inputs == {}  # nothing was computed yet


def test_graphs_inside_graphs_that_are_too_deep(tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [], [x])
    flat = graph
    for _ in range(28):
        node = helper.make_node("If", ["on"], ["y"], then_branch=graph, else_branch=flat)
        graph = helper.make_graph([node], "g", [], [x])
    model = _parsed("net (float[n] x, bool on) => (float[n] y) { y = Add(x, x) }")
    model.graph.node[0].CopyFrom(graph.node[0])
    _refused(tmp_path, model, "lie more than 24 deep")


def _read_or_refused(path: Path) -> None:
    refused = ""
    try:
        read(path)
    except FormatError as e:
        refused = str(e)
    assert not refused or refused.startswith("[onnx] ")


_SMALL = _small_network().SerializeToString()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cut=st.integers(0, len(_SMALL)),
    flips=st.lists(st.tuples(st.integers(0, len(_SMALL) - 1), st.integers(1, 255)), max_size=4),
)
def test_damaged_files_are_read_or_refused(
    tmp_path: Path, cut: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(_SMALL)
    for place, bits in flips:
        data[place] ^= bits
    path = tmp_path / "damaged.onnx"
    path.write_bytes(data if cut % 2 else data[:cut])
    _read_or_refused(path)


_OPS = [op for domain, op in backend.supported() if not domain and onnx.defs.has(op, 24, "")]
_NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 7, 1 << 31, -(1 << 62), (1 << 62)])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(op=st.sampled_from(_OPS), data=st.data())
def test_nodes_with_any_attributes_and_inputs_are_read_or_refused(
    tmp_path: Path, op: str, data: Any
) -> None:
    schema = onnx.defs.get_schema(op, 24, "")
    node = helper.make_node(op, [], ["y"])
    for name in data.draw(
        st.lists(st.sampled_from([*sorted(schema.attributes), "axes"]), unique=True, max_size=3)
    ):
        value = data.draw(
            st.one_of(_NUMBERS, st.lists(_NUMBERS, min_size=1, max_size=4), st.just("SAME_LOWER"))
        )
        node.attribute.append(helper.make_attribute(name, value))
    node.input.extend(data.draw(st.lists(st.sampled_from(["x", "i", "c", "w", ""]), max_size=5)))
    model = _parsed("net (float[batch, 4, 5, 6] x, int64[2] i) => (float[n] y) { y = Relu(x) }", 24)
    model.graph.node[0].CopyFrom(node)
    numbers = data.draw(st.lists(_NUMBERS, min_size=1, max_size=8))
    model.graph.initializer.append(numpy_helper.from_array(np.array(numbers), "c"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4, 2, 2), "f4"), "w"))
    path = tmp_path / "any.onnx"
    path.write_bytes(model.SerializeToString())
    _read_or_refused(path)


def test_running_a_damaged_model_node_by_node() -> None:
    model = _small_network()
    model.graph.node[0].input[1] = "nothing"
    with pytest.raises(PenstockError, match="which no earlier node makes"):
        backend.prepare(model).run([np.ones((1, 2, 8, 8), np.float32)])
