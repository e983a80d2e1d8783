"""Files that are damaged, hostile, or do not fit; disks that are full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from penstock import keras
from penstock.errors import FormatError, PenstockError


def chain(*units: int, inputs: int = 3) -> Any:
    layers = [keras.layers.Dense(n, name=f"layer_{i}") for i, n in enumerate(units)]
    return keras.Sequential([keras.Input((inputs,)), *layers], name="net")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = chain(4, 2)
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3), "f"), np.ones((2, 2), "f"))
    model.save(tmp_path / "net.keras")
    model.save(tmp_path / "net.h5")
    model.save_weights(tmp_path / "net.weights.h5")
    model.save_weights(tmp_path / "net.weights.json", max_shard_size=1e-7)
    return tmp_path


# ---- weights that do not fit


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ((4,), r"in the file and not in the model: layers/dense_1/vars/0"),
        ((4, 2, 5), r"missing in the file: net/layer_2/kernel \(2, 5\), net/layer_2/bias \(5,\)"),
        ((4, 7), r"of another shape: net/layer_1/kernel is \(4, 7\), in the file \(4, 2\)"),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_changes(
    saved: Path, units: tuple[int, ...], told: str
) -> None:
    model = chain(*units)
    before = model.get_weights()
    for name in ("net.weights.h5", "net.weights.json", "net.keras"):
        with pytest.raises(FormatError, match=told) as error:
            model.load_weights(saved / name)
        assert "skip_mismatch=True" in str(error.value)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match=told):
        model.load_weights(saved / "net.weights.h5", skip_mismatch=True)
    assert not np.array_equal(model.get_weights()[0], before[0])  # what fits is there


def test_old_files_that_do_not_fit(saved: Path) -> None:
    with pytest.raises(FormatError, match=r"2 layers.*|has 3 layers with weights .* by_name=True"):
        chain(4, 2, 5).load_weights(saved / "net.h5")
    other = chain(4, 7)
    with pytest.raises(
        FormatError,
        match=r"net/layer_1/kernel is \(4, 7\), net/layer_1/kernel in the file \(4, 2\)",
    ):
        other.load_weights(saved / "net.h5")
    with pytest.warns(UserWarning, match="left out of net.h5"):
        other.load_weights(saved / "net.h5", skip_mismatch=True)


def test_layers_can_be_left_out(saved: Path) -> None:
    model = chain(4, 2)
    before = model.get_weights()
    model.load_weights(saved / "net.weights.h5", objects_to_skip=[model.layers[0]])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert not np.array_equal(model.get_weights()[2], before[2])


def test_another_optimizer_begins_anew(saved: Path) -> None:
    model = chain(4, 2)
    model.compile(keras.optimizers.SGD(momentum=0.9), "mse")
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="training begins with a fresh optimizer"):
        model.load_weights(saved / "net.weights.h5")


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda m, p: m.save_weights(p / "x.h5"), r"let it end with \.weights\.h5"),
        (
            lambda m, p: m.save_weights(p / "x.weights.h5", max_shard_size=1),
            r"let it end with \.weights\.json",
        ),
        (lambda m, p: m.save_weights(p / "x.weights.json", max_shard_size=0), "give a size in GiB"),
        (lambda m, p: m.save(p / "x"), "let it end with .keras"),
        (lambda m, p: m.save(p / "x.keras", zipped=False), "leave out the ending"),
        (lambda m, p: m.save(p / "net.keras", overwrite=False), "overwrite=True"),
        (lambda m, p: m.save(p / "x.keras", foo=1), "leave them out"),
        (lambda m, p: m.load_weights(p / "net.weights.h5", by_name=True), "leave by_name out"),
        (lambda m, p: m.load_weights(p / "net.weights.h5", foo=True), "leave them out"),
        (lambda m, p: m.load_weights(p / "x.txt"), "give a file that ends with"),
        (lambda m, p: keras.saving.load_model(p / "nowhere.keras"), "look at the path"),
        (lambda m, p: keras.saving.load_model(p), "give a folder that"),
        (lambda m, p: keras.saving.load_model(p / "net.weights.h5"), "call model.load_weights"),
        (
            lambda m, p: keras.Sequential([keras.layers.Dense(1)]).save_weights(p / "x.weights.h5"),
            "call it on data once",
        ),
        (
            lambda m, p: keras.Sequential([keras.layers.Dense(1)]).load_weights(
                p / "net.weights.h5"
            ),
            "call it on data once",
        ),
    ],
)
def test_errors_say_what_to_do(saved: Path, call: Callable[[Any, Path], Any], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(chain(4, 2), saved)


def test_missing_package_is_named(saved: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['h5py'] = None\n"
        "from penstock import keras\n"
        "m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "try:\n"
        f"    m.save({str(saved / 'x.keras')!r})\n"
        "except ValueError as error:\n"
        "    assert 'pip install \"penstock-keras-api[h5py]\"' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- code in files


def lambda_file(folder: Path) -> Path:
    x = keras.Input((2,))
    keras.Model(x, keras.layers.Lambda(lambda t: t * 3)(x)).save(folder / "lambda.keras")
    return folder / "lambda.keras"


def test_code_is_not_run_unless_asked_for(tmp_path: Path) -> None:
    path = lambda_file(tmp_path)
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(path)
    model = keras.saving.load_model(path, safe_mode=False)
    np.testing.assert_array_equal(model(np.ones((1, 2), "f")).numpy(), [[3.0, 3.0]])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_lambdas_go_to_keras(real: Any, tmp_path: Path) -> None:
    x = np.ones((1, 2), "f")
    model = real.saving.load_model(lambda_file(tmp_path), safe_mode=False)
    np.testing.assert_array_equal(real.ops.convert_to_numpy(model(x)), [[3.0, 3.0]])
    begin = real.Input((2,))
    real.Model(begin, real.layers.Lambda(lambda t: t - 4)(begin)).save(tmp_path / "theirs.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "theirs.keras")
    ours = keras.saving.load_model(tmp_path / "theirs.keras", safe_mode=False)
    np.testing.assert_array_equal(ours(x).numpy(), [[-3.0, -3.0]])


def changed(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write an archive again with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    found = change(config)
    members["config.json"] = json.dumps(config if found is None else found).encode()
    made = path.with_name("changed.keras")
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made


def dense(config: dict[str, Any]) -> dict[str, Any]:
    return config["config"]["layers"][1]


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda c: [],
    lambda c: {"class_name": "Sequential", "config": 3},
    lambda c: {**c, "class_name": "os.system"},
    lambda c: {**c, "module": "os", "class_name": "system", "registered_name": "os>system"},
    lambda c: dense(c).update(module="subprocess", class_name="Popen", config={"args": "false"}),
    lambda c: dense(c)["config"].update(units=10**12),
    lambda c: dense(c)["config"].update(units=-4),
    lambda c: dense(c)["config"].update(units="many"),
    lambda c: dense(c)["config"].update(activation="eval"),
    lambda c: dense(c)["config"].update(
        kernel_initializer={"class_name": "function", "config": "exec"}
    ),
    lambda c: dense(c)["config"].update(
        kernel_initializer={"class_name": "__lambda__", "config": {"code": "x"}}
    ),
    lambda c: dense(c)["config"].update(nonsense=1),
    lambda c: c["config"].update(layers=[]),
    lambda c: c["config"]["layers"].pop(),
    lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, "x"]),
    lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, 10**15]),
    lambda c: c.update(
        compile_config={"optimizer": {"class_name": "Adam", "config": {"learning_rate": []}}}
    ),
    lambda c: c.update(compile_config=7),
    lambda c: dense(c).update(shared_object_id=[1]),
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_absurd_configurations(saved: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises((PenstockError, ValueError)):
        keras.saving.load_model(changed(saved / "net.keras", change))


def test_deep_configurations(saved: Path) -> None:
    def nest(config: dict[str, Any]) -> Any:
        made: Any = config
        for _ in range(300):
            made = {"class_name": "Sequential", "config": {"name": "x", "layers": [made]}}
        return made

    with pytest.raises(FormatError):
        keras.saving.load_model(changed(saved / "net.keras", nest))


# ---- damaged bytes


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_cut_files(saved: Path, name: str, part: float) -> None:
    data = (saved / name).read_bytes()
    (saved / name).write_bytes(data[: int(len(data) * part)])
    with pytest.raises(FormatError):
        keras.saving.load_model(saved / name)


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.weights.h5"])
def test_flipped_bits(saved: Path, name: str) -> None:
    """A damaged file is refused, or nothing of what was read from it is damaged but numbers."""
    rng = np.random.default_rng(3)
    data = (saved / name).read_bytes()
    loaded = 0
    for _ in range(12):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] ^= 1 << int(rng.integers(8))
        (saved / name).write_bytes(bytes(broken))
        try:
            if name == "net.weights.h5":
                chain(4, 2).load_weights(saved / name)
            else:
                keras.saving.load_model(saved / name)
            loaded += 1
        except (PenstockError, ValueError, OSError):
            pass
    assert loaded < 12


def test_archives_that_lead_out(saved: Path) -> None:
    with zipfile.ZipFile(saved / "net.keras", "a") as archive:
        archive.writestr("assets/../../evil.txt", "x")
    with pytest.raises(FormatError, match="do not trust it"):
        keras.saving.load_model(saved / "net.keras")


def test_arrays_that_the_file_does_not_hold(saved: Path) -> None:
    with h5py.File(saved / "net.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", shape=(3, 10**9), chunks=(1, 1024), dtype="f4")
    with pytest.raises(FormatError, match=r"another shape|claims"):
        chain(4, 2).load_weights(saved / "net.weights.h5")


def test_shards_beside_the_list(saved: Path) -> None:
    index = json.loads((saved / "net.weights.json").read_text())
    shard = next(iter(saved.glob("net_*.weights.h5")))
    shard.rename(saved / "gone")
    with pytest.raises(FormatError, match="put all shards into one folder"):
        chain(4, 2).load_weights(saved / "net.weights.json")
    for bad in (
        {"weight_map": {"/x": "../evil.h5"}},
        {"weight_map": {}},
        [],
        {**index, "weight_map": 3},
    ):
        (saved / "net.weights.json").write_text(json.dumps(bad))
        with pytest.raises(FormatError, match="save again"):
            chain(4, 2).load_weights(saved / "net.weights.json")


# ---- full disks


FULL = """
import resource, signal, sys
from penstock import keras
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(20000)])
model.compile("sgd", "mse")
import h5py, penstock_formats.keras.hdf5  # loaded before the disk is full
resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
try:
    getattr(model, sys.argv[1])(sys.argv[2])
except OSError as error:
    print(error)
else:
    sys.exit("no error")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("save", "net.keras"),
        ("save", "net.h5"),
        ("save_weights", "net.weights.h5"),
        ("export", "graph"),
    ],
)
def test_full_disk(saved: Path, method: str, name: str) -> None:
    """What was there before stays as it was, and nothing is left over."""
    path = saved / name
    if method == "export":
        chain(4, 2).export(path)
    before = {
        p: p.read_bytes()
        for p in ([path] if path.is_file() else sorted(path.rglob("*")))
        if p.is_file()
    }
    files = sorted(p.name for p in saved.iterdir())
    run = subprocess.run(
        [sys.executable, "-c", FULL, method, str(path)], capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(saved)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    if method != "export":
        assert "the file that was there before is as it was" in run.stdout
    assert {p: p.read_bytes() for p in before} == before
    assert sorted(p.name for p in saved.iterdir()) == files


def test_a_stream_is_no_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(FormatError, match=r"holds no model\.weights\.h5"):
        keras.saving.load_model(tmp_path / "x.keras")
    (tmp_path / "y.keras").write_bytes(b"neither")
    with pytest.raises(FormatError, match=r"give a file that model\.save wrote"):
        keras.saving.load_model(tmp_path / "y.keras")
