"""Files that are damaged, hostile, or of what cannot be imported: always a named error with a way out."""

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphModel, load_weights
from penstock_formats.keras.read import read

h5py = pytest.importorskip("h5py")

DENSE = {
    "class_name": "Dense",
    "module": "keras.layers",
    "config": {"name": "d", "units": 2, "activation": "relu", "use_bias": True, "trainable": True},
}


def model_config(*layers: dict[str, Any]) -> dict[str, Any]:
    start = {
        "class_name": "InputLayer",
        "module": "keras.layers",
        "config": {"name": "x", "batch_shape": [None, 3], "dtype": "float32"},
    }
    return {
        "class_name": "Sequential",
        "module": "keras",
        "config": {"name": "net", "layers": [start, *layers]},
    }


def weights(**arrays: np.ndarray[Any, Any]) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as root:
        for path, array in arrays.items():
            root[path.replace("__", "/")] = array
    return data.getvalue()


GOOD_WEIGHTS = weights(
    layers__dense__vars__0=np.ones((3, 2), np.float32),
    layers__dense__vars__1=np.zeros(2, np.float32),
)


def archive(
    path: Path,
    config: Any = None,
    data: bytes = GOOD_WEIGHTS,
    change: Callable[[zipfile.ZipFile], None] | None = None,
) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        zip_file.writestr("config.json", json.dumps(config or model_config(DENSE)))
        zip_file.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        zip_file.writestr("model.weights.h5", data)
        if change is not None:
            change(zip_file)
    return path


def hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as root:
        root.attrs["keras_version"] = "2.4.0"
        root.attrs["model_config"] = json.dumps(model_config(DENSE))
        group = root.create_group("model_weights")
        group.attrs["layer_names"] = [b"d"]
        layer = group.create_group("d")
        layer.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        layer["d/kernel:0"] = np.ones((3, 2), np.float32)
        layer["d/bias:0"] = np.zeros(2, np.float32)
    return path


def test_the_file_that_is_damaged_below_is_good(tmp_path: Path) -> None:
    for path in (archive(tmp_path / "m.keras"), hdf5(tmp_path / "m.h5")):
        model = read(path)
        assert isinstance(model, GraphModel)
        np.testing.assert_array_equal(model(np.ones((1, 3), np.float32)).numpy(), [[3, 3]])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"layers__dense__vars__0": np.ones((3, 2), np.float32)}, "missing: d/bias"),
        (
            {
                "layers__dense__vars__0": np.ones((4, 2), np.float32),
                "layers__dense__vars__1": np.ones(2, np.float32),
            },
            r"of another shape: d/kernel is \(4, 2\), the layer has \(3, 2\)",
        ),
        (
            {
                "layers__dense__vars__0": np.ones((3, 2), np.float32),
                "layers__dense__vars__1": np.ones(2, np.float32),
                "layers__dense__vars__2": np.ones(2, np.float32),
            },
            "extra: layers/dense/vars/2",
        ),
    ],
)
def test_weights_that_do_not_fit_are_listed(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        read(archive(tmp_path / "m.keras", data=weights(**arrays)))


def test_code_is_never_run(tmp_path: Path) -> None:
    code = {
        "class_name": "Lambda",
        "module": "keras.layers",
        "config": {
            "name": "f",
            "function": {"class_name": "__lambda__", "config": {"code": "4wE="}},
        },
    }
    with pytest.raises(FormatError, match=r"'f' is a Lambda, Python code.*write it with layers"):
        read(archive(tmp_path / "m.keras", model_config(DENSE, code)))
    mine = {"class_name": "Custom>Mine", "module": "os", "config": {"name": "m"}}
    with pytest.raises(FormatError, match="class 'Mine', which is unknown; replace it in Keras"):
        read(archive(tmp_path / "m.keras", model_config(DENSE, mine)))


def test_archives_that_lead_out_of_themselves(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(FormatError, match=r"would lie outside, '../evil'; do not trust it"):
        read(archive(path, change=lambda z: z.writestr("../evil", "x")))
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(FormatError, match="holds a link, 'assets/link'; do not trust it"):
        read(archive(path, change=lambda z: z.writestr(link, "/etc/passwd")))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "m.keras", change=lambda z: z.writestr("assets/a/b", b"\0" * (80 << 20))
    )
    with pytest.raises(FormatError, match="claims 83,886,080 bytes; the file is damaged"):
        read(path)


def test_links_in_hdf5_are_not_followed(tmp_path: Path) -> None:
    data = io.BytesIO()
    with h5py.File(data, "w") as root:
        root["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(FormatError, match="link to somewhere else; save the weights into one file"):
        read(archive(tmp_path / "m.keras", data=data.getvalue()))


def test_sizes_that_the_file_does_not_hold(tmp_path: Path) -> None:
    data = io.BytesIO()
    with h5py.File(data, "w") as root:
        root.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
    with pytest.raises(FormatError, match="claims 4,398,046,511,104 bytes, and the file has 0"):
        read(archive(tmp_path / "m.keras", data=data.getvalue()))


def test_a_layer_that_takes_what_it_makes(tmp_path: Path) -> None:
    node = [[["b", 0, 0, {}]]], [[["a", 0, 0, {}]]]
    layers = [
        {"class_name": "ReLU", "name": name, "config": {"name": name}, "inbound_nodes": inbound}
        for name, inbound in zip("ab", node, strict=True)
    ]
    config = {
        "class_name": "Functional",
        "config": {
            "name": "n",
            "layers": layers,
            "input_layers": [],
            "output_layers": [["a", 0, 0]],
        },
    }
    with pytest.raises(FormatError, match="takes what it makes; the file is damaged"):
        read(archive(tmp_path / "m.keras", config))


def test_models_nested_without_end(tmp_path: Path) -> None:
    config = model_config(DENSE)
    for _ in range(100):
        config = model_config(config)
    with pytest.raises(FormatError, match="nested more than 50 deep"):
        read(archive(tmp_path / "m.keras", config))
    path = tmp_path / "deep.keras"
    with zipfile.ZipFile(path, "w") as zip_file:
        zip_file.writestr("config.json", "[" * 100_000)
        zip_file.writestr("model.weights.h5", GOOD_WEIGHTS)
    with pytest.raises(FormatError, match=r"config.json (is nested too deeply|makes no sense)"):
        read(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files_give_errors(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    good = tmp_path / f"good{suffix}"
    if not good.exists():
        archive(good) if suffix == ".keras" else hdf5(good)
    held = bytearray(good.read_bytes())
    if data.draw(st.booleans()):
        held = held[: data.draw(st.integers(0, len(held)))]
    for _ in range(data.draw(st.integers(0, 4)) if held else 0):
        held[data.draw(st.integers(0, len(held) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(held)
    try:
        made = read(path)
    except PenstockError:
        return
    assert isinstance(made, GraphModel)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_absurd_settings_give_errors(tmp_path: Path, data: st.DataObject) -> None:
    names = ["Dense", "Conv2D", "LSTM", "Bidirectional", "Reshape", "BatchNormalization", "Embedding", "Dot",
             "MultiHeadAttention", "ZeroPadding2D", "TextVectorization", "TimeDistributed", "RNN"]  # fmt: skip
    keys = ["units", "filters", "kernel_size", "strides", "activation", "layer", "target_shape", "axis", "padding",
            "cell", "dtype", "data_format", "input_dim", "output_dim", "vocabulary", "num_heads", "key_dim"]  # fmt: skip
    value = st.recursive(
        st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=2)
        ),
        max_leaves=5,
    )
    layer = {
        "class_name": data.draw(st.sampled_from(names)),
        "config": {"name": "d"}
        | data.draw(st.dictionaries(st.sampled_from(keys), value, max_size=5)),
    }
    with pytest.raises(FormatError, match=r"\[keras\]"):
        read(
            archive(
                tmp_path / "m.keras", model_config(layer, DENSE), data=weights(nothing=np.ones(1))
            )
        )


def test_tensors_go_into_a_model_that_one_has(tmp_path: Path) -> None:
    mine = {"kernel": ps.Variable(ps.zeros((3, 2))), "bias": ps.Variable(ps.zeros(2))}
    path = hdf5(tmp_path / "theirs.h5")
    report = load_weights(
        mine, path, rename=lambda name: name.removeprefix("d/").removesuffix(":0")
    )
    assert report.loaded == ("kernel", "bias")
    assert float(ps.sum(mine["kernel"].value)) == 6
