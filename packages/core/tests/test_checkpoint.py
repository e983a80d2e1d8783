"""Checkpoints: what is saved comes back, what does not fit is explained, and nothing ends half written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors


class Layer:
    __slots__ = ("kernel", "name")

    def __init__(self, value: Any) -> None:
        self.kernel = ps.Variable(value, name="kernel")
        self.name = "layer"


class Model:
    def __init__(self) -> None:
        self.layers = [Layer([[1.0, 2.0]]), Layer([[3.0], [4.0]])]
        self.bias = ps.Variable([5, 6], dtype="int32")
        self.same = self.bias
        self.me = self  # objects may lead back to themselves
        self.call = ps.function(lambda x: x)
        self.rows = {"a": (ps.Variable(1.0), "text", None)}


NAMES = ["model/layers/0/kernel", "model/layers/1/kernel", "model/bias", "model/rows/a/0"]


def forget(checkpoint: ps.Checkpoint) -> dict[str, np.ndarray[Any, Any]]:
    """Put zeros into all variables, and return what they had."""
    before = {name: v.numpy().copy() for name, v in checkpoint.variables().items()}
    for v in checkpoint.variables().values():
        v.assign(ps.zeros_like(v.value))
    return before


def test_variables_are_named_by_the_way_to_them(tmp_path: Path) -> None:
    assert list(ps.Checkpoint(tmp_path, model=Model()).variables()) == NAMES


def test_values_come_back(tmp_path: Path) -> None:
    checkpoint = ps.Checkpoint(tmp_path, model=Model())
    assert checkpoint.save(metadata={"epoch": 3}) == tmp_path / "step-00000000"
    before = forget(checkpoint)
    report = checkpoint.restore()
    assert report.complete
    assert report.restored == tuple(NAMES)
    assert report.metadata == {"epoch": 3}
    for name, v in checkpoint.variables().items():
        np.testing.assert_array_equal(v.numpy(), before[name])


def test_training_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path) -> None:
    def program() -> tuple[ps.Checkpoint, Any]:
        w, m, v = (ps.Variable(ps.zeros((4, 3))) for _ in range(3))
        step = ps.Variable(0.0)

        @ps.function
        def train() -> Any:
            gradient = w.value + ps.random.normal((4, 3))
            step.assign_add(1.0)
            new = ps.ops.adam_update(w.value, m.value, v.value, gradient, 0.1, step.value)
            for variable, value in zip((w, m, v), new, strict=True):
                variable.assign(value)
            return ps.sum(w.value)

        slots = {"m": m, "v": v, "step": step}
        return ps.Checkpoint(tmp_path, model=w, optimizer=slots), train

    ps.random.set_seed(3)
    checkpoint, train = program()
    for _ in range(3):
        train()
    checkpoint.save(3)
    expected = [train().numpy() for _ in range(3)]
    ps.random.set_seed(99)
    checkpoint, train = program()
    assert checkpoint.restore().step == 3
    np.testing.assert_array_equal([train().numpy() for _ in range(3)], expected)


def test_many_shards_are_one_checkpoint(tmp_path: Path) -> None:
    variables = [ps.Variable(np.full(100, i, "float32")) for i in range(10)]
    checkpoint = ps.Checkpoint(tmp_path, shard_bytes=900, v=variables)
    path = checkpoint.save(7)
    files = sorted(path.glob("*.safetensors"))
    assert len(files) == 5
    assert files[0].name.endswith("-00001-of-00005.safetensors")
    forget(checkpoint)
    checkpoint.restore(7)
    assert [v.numpy()[0] for v in variables] == list(range(10))
    assert list(checkpoint.read()) == [f"v/{i}" for i in range(10)]


def test_the_newest_stay(tmp_path: Path) -> None:
    v = ps.Variable(0.0)
    checkpoint = ps.Checkpoint(tmp_path, keep=2, v=v)
    for step in (5, 10, 100_000_000, 3):
        v.assign(float(step))
        checkpoint.save(step)
    # A step that is older than the newest is kept while it is the one just saved.
    assert checkpoint.steps() == [3, 10, 100_000_000]
    checkpoint.save()
    assert checkpoint.steps() == [100_000_000, 100_000_001]
    assert ps.Checkpoint(tmp_path, keep=None, v=v).restore(100_000_000).step == 100_000_000
    assert v.numpy() == 1e8


def test_a_step_can_be_saved_again(tmp_path: Path) -> None:
    v = ps.Variable(1.0)
    checkpoint = ps.Checkpoint(tmp_path, v=v)
    checkpoint.save(1)
    v.assign(2.0)
    path = checkpoint.save(1)
    v.assign(0.0)
    checkpoint.restore()
    assert v.numpy() == 2
    assert len(list(path.iterdir())) == 2


def test_saving_goes_on_beside_the_program(tmp_path: Path) -> None:
    v = ps.Variable(ps.ones((1 << 20,)))
    with ps.Checkpoint(tmp_path, v=v) as checkpoint:
        future = checkpoint.save_async(1)
        for _ in range(5):
            v.assign_add(ps.ones((1 << 20,)))  # what is being written must not change
        assert future.result() == tmp_path / "step-00000001"
        checkpoint.save_async(2)
    np.testing.assert_array_equal(checkpoint.read(1)["v"].numpy(), 1)
    np.testing.assert_array_equal(checkpoint.read(2)["v"].numpy(), 6)


def test_an_error_of_a_save_beside_the_program_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    checkpoint = ps.Checkpoint(tmp_path / "file" / "below", v=ps.Variable(1.0))
    checkpoint.save_async(1)
    with pytest.raises(errors.CheckpointError, match="Give a folder that can be written"):
        checkpoint.save_async(2)
    checkpoint.wait()  # told once


def test_what_does_not_fit_is_explained_and_changes_nothing(tmp_path: Path) -> None:
    saved = {"a": ps.Variable([1.0, 2.0]), "kernel": ps.Variable([3.0]), "old": ps.Variable(4)}
    ps.Checkpoint(tmp_path, net=saved).save(1)
    program = {"a": ps.Variable([7.0]), "kernel_0": ps.Variable([8.0]), "old": ps.Variable(9)}
    checkpoint = ps.Checkpoint(tmp_path, net=program)
    with pytest.raises(errors.CheckpointError) as caught:
        checkpoint.restore()
    text = str(caught.value)
    assert "missing in the checkpoint: net/kernel_0" in text
    assert "only in the checkpoint: net/kernel" in text
    assert "net/a (saved float32[2], variable float32[1])" in text
    assert "restore(rename={'net/kernel': 'net/kernel_0'})" in text
    assert "restore(strict=False)" in text
    assert program["old"].numpy() == 9
    report = checkpoint.restore(strict=False, rename={"net/kernel": "net/kernel_0"})
    assert report.restored == ("net/kernel_0", "net/old")
    assert not report.complete
    assert (program["a"].numpy(), program["kernel_0"].numpy()) == (7, 3)


def test_a_dtype_that_differs_is_told(tmp_path: Path) -> None:
    ps.Checkpoint(tmp_path, v=ps.Variable(np.ones(2, "float64"))).save(1)
    with pytest.raises(errors.CheckpointError, match=r"saved float64\[2\], variable float32\[2\]"):
        ps.Checkpoint(tmp_path, v=ps.Variable([1.0, 1.0])).restore()


def test_names_are_found_by_prefix_and_by_variable(tmp_path: Path) -> None:
    old = [ps.Variable(1.0, name="w"), ps.Variable(2.0, name="b")]
    ps.Checkpoint(tmp_path, scope=ps.Checkpoint.by_name(old)).save(1)
    new = [ps.Variable(0.0, name="w"), ps.Variable(0.0, name="b")]
    checkpoint = ps.Checkpoint(tmp_path, other=ps.Checkpoint.by_name(new))
    assert checkpoint.restore(rename={"scope/": "other/"}).complete
    assert [v.numpy() for v in new] == [1, 2]
    with pytest.raises(errors.InvalidValueError, match="give them names"):
        ps.Checkpoint.by_name([*new, ps.Variable(1.0, name="w")])


def test_an_object_may_name_its_variables(tmp_path: Path) -> None:
    class Own:
        def __init__(self) -> None:
            self.hidden = ps.Variable(1.0)

        def __penstock_variables__(self) -> dict[str, Any]:
            return {"shown": self.hidden}

    assert list(ps.Checkpoint(tmp_path, own=Own()).variables()) == ["own/shown"]
    with pytest.raises(errors.InvalidValueError, match="give one of the keys"):
        ps.Checkpoint(
            tmp_path, a={"b/c": ps.Variable(1.0), "b": {"c": ps.Variable(2.0)}}
        ).variables()


def test_wrong_arguments_are_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidValueError, match="keep is 0; give 1 or more"):
        ps.Checkpoint(tmp_path, keep=0)
    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(1.0))
    with pytest.raises(errors.CheckpointError, match="save one first"):
        checkpoint.restore()
    with pytest.raises(errors.InvalidValueError, match="count from 0"):
        checkpoint.save(-1)
    checkpoint.save(4)
    with pytest.raises(errors.CheckpointError, match=r"no checkpoint of step 5; there are steps 4"):
        checkpoint.restore(5)


def test_variables_of_v1_are_saved_once_they_have_a_value(tmp_path: Path) -> None:
    import penstock.v1 as tf

    tf.reset_default_graph()
    v = tf.Variable([1.0, 2.0], name="v")
    checkpoint = ps.Checkpoint(tmp_path, ps.Checkpoint.by_name(tf.global_variables()))
    with pytest.raises(errors.CheckpointError, match="run its initializer first"):
        checkpoint.save(1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        checkpoint.save(1)
        sess.run(v.assign([0.0, 0.0]))
        checkpoint.restore()
        np.testing.assert_array_equal(sess.run(v), [1, 2])


# ---- damage


def test_damaged_files_are_told_with_what_is_left(tmp_path: Path) -> None:
    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(np.arange(100, dtype="float32")))
    checkpoint.save(1)
    path = checkpoint.save(2)
    shard = next(path.glob("*.safetensors"))
    raw = shard.read_bytes()
    flipped = bytearray(raw)
    flipped[-1] ^= 1
    for damaged, why in ((raw[:-1], "bytes in place of"), (flipped, "not those that were saved")):
        shard.write_bytes(damaged)
        with pytest.raises(errors.CheckpointError, match=rf"{why}.*restore\(step=1\)"):
            checkpoint.restore()
    shard.unlink()
    with pytest.raises(errors.CheckpointError, match=r"No such file.*restore\(step=1\)"):
        checkpoint.restore()
    assert checkpoint.restore(1).complete


MANIFESTS = {
    "": "Invalid JSON",
    "[]": "",
    '{"format": "other"}': "format",
    "wrong version": "version",
    "outside": "file",
    "negative": "crc32",
    "[" * 100_000: "Invalid JSON",
}


@pytest.mark.parametrize("text", MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_is_not_trusted(tmp_path: Path, text: str) -> None:
    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(1.0))
    path = checkpoint.save(1) / "manifest.json"
    told = json.loads(path.read_text())
    if text == "wrong version":
        told["version"] = 2
    elif text == "outside":
        told["shards"][0]["file"] = "../../secret.safetensors"
    elif text == "negative":
        told["shards"][0]["crc32"] = -1
    path.write_text(json.dumps(told) if text[:1].isalpha() else text)
    with pytest.raises(errors.CheckpointError, match=f"is damaged.*{MANIFESTS[text]}"):
        checkpoint.restore()


def test_leftovers_go_with_the_next_save(tmp_path: Path) -> None:
    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(1.0))
    path = checkpoint.save(1)
    (path / "weights-0badcafe-00001-of-00001.safetensors").write_text("half")
    (path / ".manifest.json.1.tmp").write_text("half")
    (tmp_path / "step-00000009").mkdir()
    (tmp_path / "step-00000009" / "weights-0badcafe-00001-of-00002.safetensors").write_text("half")
    assert checkpoint.steps() == [1]
    checkpoint.save(2)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == [
        "step-00000001",
        "step-00000002",
    ]
    assert len(list(path.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs fcntl")
def test_two_writers_of_one_folder_are_told(tmp_path: Path) -> None:
    import fcntl

    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(1.0))
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(errors.CheckpointError, match="give each run its own folder"):
            checkpoint.save(1)
    checkpoint.save(1)


FULL = """
import resource, sys
import numpy as np, penstock as ps
big = ps.Variable(np.ones(1 << 20, "float32"))
checkpoint = ps.Checkpoint(sys.argv[1], v=big)
checkpoint.save(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    checkpoint.save(2)
except ps.errors.CheckpointError as error:
    print(error)
print(checkpoint.steps(), checkpoint.restore().step, sorted(p.name for p in checkpoint.folder.iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits")
def test_a_full_disk_leaves_what_there_was(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "step 2 cannot be written" in done.stdout
    assert "free some, or save elsewhere" in done.stdout
    assert done.stdout.endswith("[1] 1 ['.lock', 'step-00000001']\n")


# ---- kill -9


def _save_for_ever(folder: Path, acknowledge: int) -> None:
    """Save 1, 2, 3, ... in three shards, and say of each one when it is on the disk. Runs until it is killed."""
    variables = [ps.Variable(np.zeros(2000, "float32")) for _ in range(3)]
    checkpoint = ps.Checkpoint(folder, keep=2, shard_bytes=8000, v=variables)
    number = max(checkpoint.steps(), default=0)
    while True:
        number += 1
        for v in variables:
            v.assign(np.full(2000, number, "float32"))
        step = number if number % 3 else number - 1  # every third one replaces the one before
        checkpoint.save(step, {"number": number})
        os.write(acknowledge, number.to_bytes(8, "little"))


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_checkpoint import _save_for_ever
_save_for_ever(Path(sys.argv[1]), 1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_kill_9_at_any_moment_leaves_a_checkpoint(tmp_path: Path) -> None:
    """PENSTOCK_TEST_KILLS says how often; the nox session `kills` does it hundreds of times."""
    rng = random.Random(1)
    for _ in range(int(os.environ.get("PENSTOCK_TEST_KILLS", "4"))):
        _kill_once(tmp_path, rng)


def _kill_once(folder: Path, rng: random.Random) -> None:
    code = KILLED.format(here=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        first = child.stdout.read(8)  # from here on it saves without a pause
        assert len(first) == 8
        time.sleep(rng.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        said = first + child.stdout.read()
    acknowledged = int.from_bytes(said[len(said) // 8 * 8 - 8 : len(said) // 8 * 8], "little")
    variables = [ps.Variable(np.zeros(2000, "float32")) for _ in range(3)]
    checkpoint = ps.Checkpoint(folder, v=variables)
    number = checkpoint.restore().metadata["number"]
    assert number in (acknowledged, acknowledged + 1)  # nothing that was promised is lost
    for v in variables:
        np.testing.assert_array_equal(v.numpy(), number)
    for step in checkpoint.steps():
        assert len(checkpoint.read(step)) == 3


def test_threads_may_share_a_checkpoint(tmp_path: Path) -> None:
    v = ps.Variable(np.zeros(1000, "float32"))
    checkpoint = ps.Checkpoint(tmp_path, keep=None, v=v)
    failures: list[BaseException] = []

    def save(first: int) -> None:
        try:
            for step in range(first, first + 5):
                checkpoint.save(step)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(10 * i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert len(checkpoint.steps()) == 20


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    for folder in ("step-notes", "step-00000007"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.txt").write_text("mine")
    (tmp_path / "step-9").write_text("a file")
    checkpoint = ps.Checkpoint(tmp_path, keep=1, v=ps.Variable(1.0))
    (checkpoint.save(1) / "mine.txt").write_text("mine")
    checkpoint.save(1)
    checkpoint.save(2)
    assert checkpoint.steps() == [2]
    assert len(list(tmp_path.glob("step-*/mine.txt"))) == 3
    assert (tmp_path / "step-9").exists()


def test_a_folder_that_fails_after_the_manifest_leaves_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v = ps.Variable(1.0)
    checkpoint = ps.Checkpoint(tmp_path, v=v)
    checkpoint.save(1)
    v.assign(2.0)
    fsync = os.fsync

    def fails(handle: int) -> None:
        manifest = tmp_path / "step-00000001" / "manifest.json"
        if Path(f"/proc/self/fd/{handle}").is_dir() and manifest.stat().st_mtime_ns != written:
            raise OSError(5, "Input/output error")
        fsync(handle)

    written = (tmp_path / "step-00000001" / "manifest.json").stat().st_mtime_ns
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(errors.CheckpointError, match="Input/output error"):
        checkpoint.save(1)
    monkeypatch.undo()
    v.assign(0.0)
    checkpoint.restore()
    assert v.value.item() == 2.0


def test_metadata_come_back_as_json_or_are_refused(tmp_path: Path) -> None:
    checkpoint = ps.Checkpoint(tmp_path, v=ps.Variable(1.0))
    given = {"loss": float("inf"), "none": None, "seen": [1, "\u00e9"]}
    checkpoint.save(metadata={**given, "nan": float("nan")})
    found = checkpoint.restore().metadata
    assert np.isnan(found.pop("nan"))
    assert found == given
    for wrong in (np.float32(1.0), "\ud800", object()):
        with pytest.raises(
            errors.InvalidValueError, match=r"cannot be written as JSON.*float\(loss"
        ):
            checkpoint.save(metadata={"x": wrong})
    future = checkpoint.save_async(metadata=given)
    given["seen"].append(2)  # type: ignore[union-attr]
    future.result()
    assert checkpoint.restore().metadata["seen"] == [1, "\u00e9"]


def test_two_tensors_cannot_get_one_name(tmp_path: Path) -> None:
    ps.Checkpoint(tmp_path, a=ps.Variable(1.0), b=ps.Variable(2.0)).save()
    checkpoint = ps.Checkpoint(tmp_path, b=ps.Variable(0.0))
    with pytest.raises(
        errors.InvalidValueError, match="two tensors the name 'b'; rename the other"
    ):
        checkpoint.restore(rename={"a": "b"})


def test_a_checkpoint_of_no_variables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        errors.InvalidValueError, match=r"found no variable in 'model'.*make variables of tensors"
    ):
        ps.Checkpoint(tmp_path, model={"w": ps.ones(2)}).save(step=1)


def test_names_that_come_later_are_listed() -> None:
    assert {"Checkpoint", "signal", "sparse", "FIFOQueue", "add"} <= set(dir(ps))
