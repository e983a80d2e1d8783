"""Models saved and loaded: what they compute, what they can be used for, and what is refused."""

from __future__ import annotations

import io
import json
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import penstock as ps
from penstock.errors import (
    FormatError,
    GraphError,
    InvalidTypeError,
    InvalidValueError,
    PluginError,
)
from penstock.saved import GraphFunction, GraphModel, TensorSpec, formats
from penstock.saved.upgrade import _UPGRADERS

rng = np.random.default_rng(0)
X = rng.standard_normal((5, 3), np.float32)


class Net:
    """Two layers and a training step."""

    def __init__(self) -> None:
        self.layers = [
            {"kernel": ps.Variable(rng.standard_normal((3, 4), np.float32), name="kernel")},
            {"kernel": ps.Variable(rng.standard_normal((4, 1), np.float32), name="kernel")},
        ]
        self.steps = ps.Variable(0, name="steps", trainable=False)

    @ps.function
    def predict(self, x: Any) -> Any:
        hidden = ps.nn.relu(x @ self.layers[0]["kernel"])
        return hidden @ self.layers[1]["kernel"]

    @ps.function
    def train(self, x: Any, y: Any) -> Any:
        kernels = [layer["kernel"] for layer in self.layers]
        with ps.GradientTape() as tape:
            loss = ps.mean((self.predict(x) - y) ** 2)
        for v, g in zip(kernels, tape.gradient(loss, kernels), strict=True):
            v.assign_sub(g * 0.1)
        self.steps.assign_add(1)
        return {"loss": loss, "steps": self.steps.value}


SIGNATURES = {
    "predict": [("float32", ("batch", 3))],
    "train": {"x": ("float32", ("batch", 3)), "y": ("float32", ("batch", 1))},
}


def saved(net: Net, folder: Path, **options: Any) -> GraphModel:
    ps.save(net, folder / "net", SIGNATURES, **options)
    jsonschema.validate(json.loads((folder / "net/graph.json").read_text()), ps.saved.schema())
    jsonschema.validate(
        json.loads((folder / "net/lowered/cpu.json").read_text()), ps.saved.schema()
    )
    return ps.load(folder / "net")


def test_an_object_is_saved_with_its_functions_and_variables(tmp_path: Path) -> None:
    net = Net()
    model = saved(net, tmp_path, golden={"predict": (X,)}, metadata={"licence": "MIT"})
    assert list(model.functions) == ["predict", "train"]
    assert sorted(model.variables) == ["layers/0/kernel", "layers/1/kernel", "steps"]
    assert [v.trainable for v in model.variables.values()] == [True, True, False]
    assert model.metadata == {"licence": "MIT"}
    assert str(model.default) == "predict(x: float32[batch, 3]) -> (matmul_1: float32[batch, 1])"
    wanted = np.maximum(X @ net.layers[0]["kernel"].value.numpy(), 0)
    wanted = wanted @ net.layers[1]["kernel"].value.numpy()
    np.testing.assert_allclose(model(X).numpy(), wanted, rtol=1e-5)
    np.testing.assert_array_equal(model(X[:1]).numpy(), net.predict(X[:1]).numpy())


def test_a_function_may_have_several_golden_pairs(tmp_path: Path) -> None:
    saved(Net(), tmp_path, golden={"predict": [(X,), {"x": X[:1]}]})
    told = json.loads((tmp_path / "net/graph.json").read_text())["golden"]
    assert [entry["inputs"]["x"]["shape"] for entry in told] == [list(X.shape), [1, 3]]


def test_a_loaded_step_trains_as_the_code_does(tmp_path: Path) -> None:
    net = Net()
    model = saved(net, tmp_path)
    y = X.sum(axis=1, keepdims=True)
    for _ in range(3):
        ours = model.functions["train"](x=X, y=y)
        theirs = net.train(ps.asarray(X), ps.asarray(y))
    np.testing.assert_allclose(ours["loss"].numpy(), theirs["loss"].numpy(), rtol=1e-5)
    assert ours["steps"].item() == 3
    np.testing.assert_allclose(
        model.variables["layers/0/kernel"].value.numpy(),
        net.layers[0]["kernel"].value.numpy(),
        rtol=1e-5,
    )


def test_a_loaded_model_is_trained_further_and_saved_again(tmp_path: Path) -> None:
    model = saved(Net(), tmp_path)
    variables = model.trainable_variables
    before = ps.sum(model(X) ** 2).item()
    for _ in range(20):
        with ps.GradientTape() as tape:
            loss = ps.sum(model(X) ** 2)
        for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
            v.assign_sub(g * 0.01)
    assert ps.sum(model(X) ** 2).item() < before / 2
    ps.save(model, tmp_path / "again", golden=(X,))
    again = ps.load(tmp_path / "again")
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())
    assert (tmp_path / "net/weights.safetensors").read_bytes() != (
        tmp_path / "again/weights.safetensors"
    ).read_bytes()


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    net = Net()
    saved(net, tmp_path)
    ps.save(net, tmp_path / "twice", SIGNATURES)
    ps.save(ps.load(tmp_path / "net"), tmp_path / "thrice")
    for name in ("graph.json", "weights.safetensors", "lowered/cpu.json"):
        first = (tmp_path / "net" / name).read_bytes()
        assert (tmp_path / "twice" / name).read_bytes() == first
        assert (tmp_path / "thrice" / name).read_bytes() == first


def test_inner_tensors_are_fetched_by_name(tmp_path: Path) -> None:
    net = Net()
    predict = saved(net, tmp_path).default
    hidden = predict.fetch("relu")
    wanted = np.maximum(X @ net.layers[0]["kernel"].value.numpy(), 0)
    np.testing.assert_allclose(hidden(X).numpy(), wanted, rtol=1e-5)
    rest = predict.fetch("matmul_1", inputs=["relu"])
    np.testing.assert_allclose(rest(wanted).numpy(), predict(X).numpy(), rtol=1e-5)
    with pytest.raises(InvalidValueError, match="did you mean 'relu'"):
        predict.fetch("rel")


Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    "build",
    [
        lambda t: t,
        lambda t: (t, [t * 2, {"deep": t - 1}]),
        lambda t: {"a": t, "b": None, "c": "text", "d": 3},
        lambda t: Pair(t, (t, 1.5)),
        lambda t: [t],
    ],
)
def test_results_keep_their_structure(tmp_path: Path, build: Any) -> None:
    ps.save(ps.function(build), tmp_path / "f", [("float32", (None,))])
    found = ps.load(tmp_path / "f")(np.float32([1, 2]))
    assert repr(found) == repr(ps.function(build)(ps.asarray([1.0, 2.0])))
    if "second" in repr(found):
        assert found.second[1].item() == 1.5


def test_objects_of_tensors_are_arguments_and_results(tmp_path: Path) -> None:
    rows = ps.ragged.constant([[1.0, 2.0], [], [3.0]])
    matrix = ps.sparse.from_dense(np.eye(3, dtype=np.float32) * 2)

    def f(rows: Any, matrix: Any) -> Any:
        return rows * 2.0, matrix.to_dense() + 1.0, matrix

    ps.save(f, tmp_path / "f", [rows, matrix])
    jsonschema.validate(json.loads((tmp_path / "f/graph.json").read_text()), ps.saved.schema())
    model = ps.load(tmp_path / "f")
    assert list(model.default.inputs) == ["rows/0", "rows/1", "matrix/0", "matrix/1"]
    for found, wanted in zip(model(rows, matrix), f(rows, matrix), strict=True):
        assert repr(found) == repr(wanted)
    with pytest.raises(InvalidTypeError, match=r"rows is a list of 1; expected a RaggedTensor"):
        model([1], matrix)


def test_arguments_keep_their_structure(tmp_path: Path) -> None:
    @ps.function
    def f(x: Any, options: Any, flag: bool = True) -> Any:
        return x + options["scale"] * options["parts"][1] if flag else x

    spec = ("float32", ("n",))
    given = {"scale": TensorSpec("s", "float32", ()), "parts": [spec, spec]}
    ps.save(f, tmp_path / "f", {"x": spec, "options": given, "flag": True})
    model = ps.load(tmp_path / "f")
    a = np.float32([1, 2])
    call = {"scale": 3.0, "parts": [a, a * 10]}
    assert model(a, call).tolist() == [31, 62]
    assert model(options=call, x=a).tolist() == [31, 62]
    by_name = {"x": a, "options/scale": 3.0, "options/parts/0": a, "options/parts/1": a * 10}
    assert model(**by_name).tolist() == [31, 62]
    with pytest.raises(InvalidTypeError, match="options/parts is a list of 1; expected"):
        model(a, {"scale": 3.0, "parts": [a]})
    with pytest.raises(InvalidTypeError, match="it takes x, options: give each once"):
        model(a)


def test_text_is_prepared_inside(tmp_path: Path) -> None:
    table = ps.lookup.VocabularyTable(["the", "fox", "back\\slash", "line\nfeed", b"\xff"], 2)

    def ids(texts: Any) -> Any:
        return table(ps.strings.lower(texts))

    ps.save(ids, tmp_path / "text", [("string", ("n",))], golden=(np.array(["THE", "dog"]),))
    told = json.loads((tmp_path / "text/graph.json").read_text())
    nodes = told["functions"][0]["graph"]["nodes"]
    assert {n["op"] for n in nodes if n.get("host")} >= {"string_lower"}
    words = ["THE", "fox", "BACK\\slash", "line\nfeed", b"\xff", "?"]
    assert ps.load(tmp_path / "text")(words).tolist() == ids(ps.asarray(words)).tolist()


def test_random_and_stateful_functions_have_golden_pairs_too(tmp_path: Path) -> None:
    count = ps.Variable(0, name="count")

    @ps.function
    def noisy(x: Any) -> Any:
        count.assign_add(1)
        return x + ps.random.normal((2,)), count.value

    ps.save(noisy, tmp_path / "noisy", [("float32", (2,))], golden=(np.zeros(2, np.float32),))
    assert count.value.item() == 0
    ps.random.set_seed(5)
    first = ps.random.normal((2,)).tolist()
    ps.random.set_seed(5)
    model = ps.load(tmp_path / "noisy")
    assert model.variables["count"].value.item() == 0
    assert ps.random.normal((2,)).tolist() == first


@pytest.mark.parametrize("dtype", ["bfloat16", "complex128", "float16", "int8", "bool", "uint64"])
def test_variables_of_every_dtype(tmp_path: Path, dtype: str) -> None:
    v = ps.Variable(ps.cast(ps.asarray([[0.0, 1.0, 3.0]]), dtype), name="v")
    ps.save({"read": ps.function(lambda: v.value)}, tmp_path / "v", {"read": []})
    model = ps.load(tmp_path / "v")
    assert model.variables["v"].dtype == dtype
    assert model().tolist() == v.value.tolist()
    model.variables["v"].assign(v.value)


def test_a_variable_is_written_to_without_changing_the_file(tmp_path: Path) -> None:
    v = ps.Variable(np.zeros(1000, np.float32), name="v")
    step = ps.function(lambda: v.assign_add(ps.ones((1000,))))
    ps.save({"step": step}, tmp_path / "v", {"step": []})
    before = (tmp_path / "v/weights.safetensors").read_bytes()
    model = ps.load(tmp_path / "v")
    for _ in range(3):
        model()
    assert model.variables["v"].value.numpy().max() == 3
    assert (tmp_path / "v/weights.safetensors").read_bytes() == before
    assert ps.load(tmp_path / "v").variables["v"].value.numpy().max() == 0


def test_many_threads_call_one_model(tmp_path: Path) -> None:
    net = Net()
    model = saved(net, tmp_path)
    batches = [rng.standard_normal((n, 3)).astype(np.float32) for n in (1, 2, 3, 5, 8)] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: model(x).numpy(), batches))
    for x, y in zip(batches, found, strict=True):
        np.testing.assert_array_equal(y, net.predict(x).numpy())


def test_lowered_graphs_are_used_if_they_fit(tmp_path: Path) -> None:
    net = Net()
    assert saved(net, tmp_path).default.is_optimized
    ps.save(net, tmp_path / "plain", SIGNATURES, lowered=False)
    assert not (tmp_path / "plain/lowered").exists()
    plain = ps.load(tmp_path / "plain")
    assert not plain.default.is_optimized
    np.testing.assert_array_equal(plain(X).numpy(), ps.load(tmp_path / "net")(X).numpy())
    path = tmp_path / "net/lowered/cpu.json"
    told = json.loads(path.read_text())
    for key, value in (("kernels", "cpu 0123456789abcdef"), ("graph", "0" * 64)):
        path.write_text(json.dumps({**told, "lowered": {**told["lowered"], key: value}}))
        model = ps.load(tmp_path / "net")
        assert not model.default.is_optimized
        np.testing.assert_array_equal(model(X).numpy(), plain(X).numpy())


def test_a_traced_function_needs_no_signature(tmp_path: Path) -> None:
    f = ps.function(lambda x: x * 2)
    with pytest.raises(GraphError, match="0 traces; say what it takes: signatures="):
        ps.save(f, tmp_path / "f")
    f(ps.ones((3,)))
    ps.save(f, tmp_path / "f")
    assert ps.load(tmp_path / "f")(np.float32([1, 2])).tolist() == [2, 4]


def test_sizes_without_names_get_names_of_their_own(tmp_path: Path) -> None:
    spec = ("float32", ("n1", None, None))
    ps.save(lambda x: x * 2, tmp_path / "f", [spec])
    model = ps.load(tmp_path / "f")
    assert len(set(model.default.inputs["x"].shape)) == 3
    assert model(np.ones((1, 2, 3), np.float32)).shape == (1, 2, 3)


def test_a_trace_knows_the_arguments_of_its_call(tmp_path: Path) -> None:
    @ps.function
    def f(x: Any, scale: Any, pair: Any, flag: bool = True) -> Any:
        return x * scale + pair["a"] if flag else x

    a = np.float32([1, 2])
    f(a, 2.0, {"a": a, "b": "text"})
    ps.save(f, tmp_path / "f")
    model = ps.load(tmp_path / "f")
    assert list(model.default.inputs) == ["x", "scale", "pair/a"]
    found = model(a, 3.0, {"a": a * 10, "b": "text"})
    assert found.dtype == "float32"
    assert found.tolist() == [13, 26]
    assert model(a, pair={"a": a, "b": "text"}, scale=1.0).tolist() == [2, 4]
    with pytest.raises(InvalidTypeError, match="pair/b is 'word'; it was saved for 'text'"):
        model(a, 3.0, {"a": a, "b": "word"})


def test_gathered_arguments_are_called_in_order(tmp_path: Path) -> None:
    ps.save(lambda *xs: xs[0] - xs[1], tmp_path / "f", [("float32", ()), ("float32", ())])
    model = ps.load(tmp_path / "f")
    assert list(model.default.inputs) == ["xs/0", "xs/1"]
    assert model(5.0, 3.0).item() == 2


def test_examples_are_signatures(tmp_path: Path) -> None:
    ps.save(lambda x: x * 2, tmp_path / "f", [np.ones((2, 3), np.float32)])
    assert str(ps.load(tmp_path / "f").default.inputs["x"]) == "x: float32[2, 3]"


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"mark one with @penstock\.function"):
        ps.save(object(), tmp_path / "x")
    with pytest.raises(GraphError, match="signatures="):
        ps.save({"f": lambda x: x}, tmp_path / "x")
    double = ps.function(lambda x: x * 2)
    spec = [("float32", (2,))]
    with pytest.raises(InvalidValueError, match=r"give numbers, text.*float\(accuracy\)"):
        ps.save(double, tmp_path / "x", spec, metadata={"a": object()})
    with pytest.raises(InvalidValueError, match="takes no opset"):
        ps.save(double, tmp_path / "x", spec, opset=18)
    with pytest.raises(InvalidValueError, match="golden has int"):
        ps.save(double, tmp_path / "x", spec, golden=3)
    with pytest.raises(GraphError, match="only this process has"):
        ps.save(lambda x: ps.numpy_function(np.sin, [x], "float32", [(2,)]), tmp_path / "x", spec)
    words = ps.Variable(ps.asarray(["a"]), name="words")
    with pytest.raises(GraphError, match="use a tensor of them"):
        ps.save({"f": lambda: words.value}, tmp_path / "x", {"f": []})
    with pytest.raises(GraphError, match="among arguments or results cannot be saved"):
        ps.save(lambda x: (x, {1, 2}), tmp_path / "x", spec)
    assert not list(tmp_path.iterdir())


def test_formats_refuse_options_that_they_lack() -> None:
    def write(model: Any, *, opset: int = 18) -> int:
        return opset + int(model)

    assert formats.call(write, "onnx", 1, opset=2) == 3
    with pytest.raises(
        InvalidValueError, match=r"\[onnx\] there is no option 'opsett' for this format"
    ):
        formats.call(write, "onnx", 1, opsett=2)
    with pytest.raises(TypeError, match="str"):
        formats.call(write, "onnx", 1, opset="2")


def test_options_of_formats_may_have_any_name() -> None:
    def write(model: Any, *, name: str, function: str) -> str:
        return f"{model} {name} {function}"

    assert formats.call(write, "c_source", 1, name="net", function="train") == "1 net train"


def test_other_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    double = ps.function(lambda x: x * 2)
    with pytest.raises(FormatError, match=r"notes\.txt.*choose another folder"):
        ps.save(double, tmp_path, [("float32", (2,))])
    with pytest.raises(FormatError, match="choose another name"):
        ps.save(double, tmp_path / "notes.txt", [("float32", (2,))], format="penstock")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_custom_gradient_is_left_behind(tmp_path: Path) -> None:
    @ps.custom_gradient
    def twice(x: Any) -> Any:
        return x * 2, lambda dy: dy * 100

    ps.save(lambda x: twice(x), tmp_path / "f", [("float32", (2,))])
    model = ps.load(tmp_path / "f")
    x = ps.ones((2,))
    assert model(x).tolist() == [2, 2]
    with ps.GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    with pytest.raises(FormatError, match="save a function that computes the gradient"):
        tape.gradient(y, x)


# ---- what loading refuses


def damaged(tmp_path: Path, change: Any) -> Path:
    """A saved net whose graph.json was changed."""
    saved(Net(), tmp_path, golden={"predict": (X,)})
    path = tmp_path / "net/graph.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    return tmp_path / "net"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(version=2), "format version 2; this Penstock reads 1: update it"),
        (lambda t: t.update(format="other"), "give the folder that penstock.save wrote"),
        (lambda t: t.update(extra=1), r"\['extra'\] too many"),
        (lambda t: t.pop("golden"), r"lacks \['golden'\]"),
        (lambda t: t["ops"].update(matmul=9), "matmul@9; this Penstock has matmul@1: update it"),
        (lambda t: t["ops"].update(matmul=0), "no upgrader: save the model with a release between"),
        (lambda t: t["ops"].update(matmull=1), "unknown; did you mean 'matmul'"),
        (lambda t: t["variables"].pop("steps"), "'steps'"),
        (lambda t: t["variables"].update(b={"dtype": "int8", "shape": [], "trainable": True}), "has no 'b'"),
        (lambda t: t["variables"]["steps"].update(shape=[2]), r"int64\[\] in its file; graph.json says int64\[2\]"),
        (lambda t: t["functions"].append(t["functions"][0]), "two functions called 'predict'"),
        (lambda t: t["functions"][0]["inputs"][0].update(dtype="int8"), "its graph has x: float32"),
        (lambda t: t["functions"][0].update(code="import os"), "members .*code"),
        (lambda t: t.update(functions=[]), "it has no function"),
        (lambda t: t["golden"][0].update(function="f"), "there is no 'f'"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        ps.load(damaged(tmp_path, change))


def test_missing_and_surplus_weights_are_listed(tmp_path: Path) -> None:
    saved(Net(), tmp_path)
    path = tmp_path / "net/weights.safetensors"
    held = ps.safetensors.load_file(path)
    ps.safetensors.save_file({**held, "more": np.zeros(2)}, path)
    with pytest.raises(FormatError, match=r"has 'more', which graph\.json does not mention"):
        ps.load(tmp_path / "net")
    ps.safetensors.save_file({"steps": held["steps"]}, path)
    with pytest.raises(FormatError, match="has no 'layers/0/kernel', 'layers/1/kernel'"):
        ps.load(tmp_path / "net")


def test_the_golden_pair_names_changed_weights_and_wrong_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(Net(), tmp_path, golden={"predict": (X,)})
    path = tmp_path / "net/weights.safetensors"
    held = ps.safetensors.load_file(path)
    ps.safetensors.save_file({**held, "layers/0/kernel": held["layers/0/kernel"] * 2}, path)
    with pytest.raises(
        FormatError, match=r"'matmul_1' is off by .*weights or the graph are not .*check=False"
    ):
        ps.load(tmp_path / "net")
    assert ps.load(tmp_path / "net", check=False)(X).shape == (5, 1)
    # A kernel that disagrees with its reference, as if the processor or a plugin were broken.
    block = (
        ps.nn.relu.block if hasattr(ps.nn.relu, "block") else ps.registry.op_blocks("relu")["relu"]
    )
    monkeypatch.setattr(block, "reference_fn", lambda x: np.maximum(x, 0) + 1)
    with pytest.raises(
        FormatError, match=r"first op that differs from its reference is 'relu' \(relu\)"
    ):
        ps.load(tmp_path / "net")


def test_ops_of_plugins_are_imported_by_consent_only(tmp_path: Path) -> None:
    def change(told: Any) -> None:
        told["plugins"] = [{"name": "acme", "ops": ["acme.scale"]}]
        told["ops"]["acme.scale"] = 1

    folder = damaged(tmp_path, change)
    with pytest.raises(PluginError, match=r"acme for acme.scale.*allow_plugins=\['acme'\]"):
        ps.load(folder)
    with pytest.raises(FormatError, match=r"the op 'acme\.scale', which is unknown"):
        ps.load(folder, allow_plugins=["acme"])


def test_old_op_versions_are_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(told: Any) -> None:
        told["ops"]["matmul"] = 0
        for node in told["functions"][0]["graph"]["nodes"]:
            if node["op"] == "matmul":
                node["attrs"] = {"adjoint": False}
        del told["functions"][1], told["variables"]["steps"]

    folder = damaged(tmp_path, change)
    held = ps.safetensors.load_file(folder / "weights.safetensors")
    held.pop("steps")
    ps.safetensors.save_file(held, folder / "weights.safetensors")

    def upgrader(node: dict[str, Any]) -> dict[str, Any]:
        return {**node, "attrs": {"transpose_x": node["attrs"]["adjoint"], "transpose_y": False}}

    monkeypatch.setitem(_UPGRADERS, ("matmul", 0), upgrader)
    assert ps.load(folder)(X).shape == (5, 1)
    monkeypatch.setitem(_UPGRADERS, ("matmul", 0), lambda node: node["attrs"]["none"])
    with pytest.raises(FormatError, match="cannot be upgraded from matmul@0"):
        ps.load(folder)


def test_a_graph_function_is_saved_as_it_is(tmp_path: Path) -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("n",), name="x")
        graph.inputs, graph.outputs = [x], [x + 1]
    ps.save(GraphFunction(graph, "plus", output_names=["y"]), tmp_path / "f")
    assert (
        str(ps.load(tmp_path / "f").functions["plus"]) == "plus(x: float32[n]) -> (y: float32[n])"
    )


def test_models_are_loaded_while_a_graph_is_built(tmp_path: Path) -> None:
    ps.save(lambda x: x * 2, tmp_path / "f", [("float32", ("n",))])
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", (3,), name="x")
        graph.inputs, graph.outputs = [x], [ps.load(tmp_path / "f")(x) + 1]
    assert GraphFunction(graph)(np.float32([1, 2, 3])).tolist() == [3, 5, 7]


def test_reading_image_files_is_marked_for_programs_without_python(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    image.fromarray(pixels).save(stream, "PNG")

    def brightness(contents: Any) -> Any:
        return ps.mean(ps.cast(ps.ops.decode_image_(contents, (4, 4, 3)), "float32"))

    ps.save(brightness, tmp_path / "f", [("string", ())], golden=(stream.getvalue(),))
    assert ps.load(tmp_path / "f")(stream.getvalue()).item() == pixels.mean()
    nodes = json.loads((tmp_path / "f/graph.json").read_text())["functions"][0]["graph"]["nodes"]
    assert [node["op"] for node in nodes if "host" in node] == ["decode_image"]


def test_signatures_that_fit_nothing_say_so(tmp_path: Path) -> None:
    rows = [("float32", (3,))]
    with pytest.raises(TypeError, match="give a pair for each argument, in order or by its name"):
        ps.save(lambda x: x * 2, tmp_path / "net", {"main": rows})
    with pytest.raises(ValueError, match=r"signatures has 'predct'; did you mean 'predict'"):
        ps.save({"predict": ps.function(lambda x: x)}, tmp_path / "net", {"predct": rows})
    with pytest.raises(ps.errors.FormatError, match="write a folder, whose name has no suffix"):
        ps.save(ps.function(lambda x: x), tmp_path / "net.foo", rows)
