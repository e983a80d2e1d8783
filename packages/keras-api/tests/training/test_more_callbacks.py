"""Callbacks that write elsewhere, or swap weights: files read again, a real server, Keras's own numbers."""

from __future__ import annotations

import http.server
import json
import struct
import threading
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock.records import RecordReader

X = np.random.default_rng(5).normal(size=(24, 3)).astype(np.float32)
Y = X.sum(-1, keepdims=True)


def model(k: Any = keras, **optimizer: Any) -> Any:
    made = k.Sequential([k.Input((3,)), k.layers.Dense(1, name="d")], name="net")
    made.set_weights([np.full((3, 1), 0.1, np.float32), np.zeros(1, np.float32)])
    made.compile(k.optimizers.SGD(0.05, **optimizer), "mse", metrics=["mae"])
    return made


def fields(message: bytes) -> dict[int, list[Any]]:
    """Read a protocol buffer's fields by number; what has a length stays bytes."""
    found: dict[int, list[Any]] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value: Any = varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            value = message[at : at + size]
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def values_of(folder: Path) -> dict[str, list[tuple[int, bytes]]]:
    """Return step and tensor of every value in an event file, by its tag."""
    (path,) = folder.glob("events.out.tfevents.*")
    events = [fields(record) for record in RecordReader(path)]
    assert events[0][3] == [b"brain.Event:2"]
    found: dict[str, list[tuple[int, bytes]]] = {}
    for event in events:
        for summary in event.get(5, []):
            value = fields(fields(summary)[1][0])
            row = (event[2][0], fields(value[8][0])[4][0] if 4 in fields(value[8][0]) else b"")
            found.setdefault(value[1][0].decode(), []).append(row)
    return found


def told(logs: list[float]) -> list[tuple[int, bytes]]:
    return [(step, struct.pack("<f", value)) for step, value in enumerate(logs)]


def test_tensorboard_files(tmp_path: Path) -> None:
    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ps.summary.scalar("own", epoch / 2, step=epoch)

    board = keras.callbacks.TensorBoard(
        tmp_path, histogram_freq=2, write_images=True, write_steps_per_second=True, update_freq=2
    )
    history = model().fit(
        X, Y, epochs=3, batch_size=6, verbose=0, validation_data=(X, Y), callbacks=[board, Own()]
    )
    train, validation = values_of(tmp_path / "train"), values_of(tmp_path / "validation")
    assert train["epoch_loss"] == told(history.history["loss"])
    assert validation["epoch_mae"] == told(history.history["val_mae"])
    assert train["own"] == told([0.0, 0.5, 1.0])
    assert [step for step, _ in train["batch_loss"]] == [2, 4, 6, 8, 10, 12]
    assert [step for step, _ in validation["evaluation_loss_vs_iterations"]] == [4, 8, 12]
    assert len(train["epoch_steps_per_second"]) == 3
    step, rows = train["net/d/kernel/histogram"][0]
    bins = np.frombuffer(rows, np.float32).reshape(-1, 3)
    assert (step, bins[:, 2].sum()) == (0, 3)


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_multiplexer")
    history = model().fit(
        X, Y, epochs=2, verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path)]
    )
    found = reading.EventMultiplexer()
    found.AddRunsFromDirectory(str(tmp_path))
    found.Reload()
    losses = [t.tensor_proto for t in found.Tensors("train", "epoch_loss")]
    numbers = [np.frombuffer(t.tensor_content, np.float32)[0] for t in losses]
    np.testing.assert_array_equal(numbers, np.float32(history.history["loss"]))
    assert found.Graph("train").node


def test_tensorboard_arguments() -> None:
    with pytest.raises(ValueError, match="use 'epoch', 'batch' or a number"):
        keras.callbacks.TensorBoard(update_freq="step")
    with pytest.raises(TypeError, match=r"or two: \(first, last\)"):
        keras.callbacks.TensorBoard(profile_batch="all")


def test_embeddings_and_timelines(tmp_path: Path) -> None:
    layers = keras.layers
    made = keras.Sequential(
        [keras.Input((2,), dtype="int32"), layers.Embedding(5, 3, name="words"), layers.Flatten(), layers.Dense(1)]
    )  # fmt: skip
    made.compile("sgd", "mse")
    board = keras.callbacks.TensorBoard(
        tmp_path,
        embeddings_freq=1,
        embeddings_metadata={"words": "names.tsv"},
        profile_batch=(2, 3),
    )
    numbers = np.arange(16).reshape(8, 2) % 5
    made.fit(numbers, Y[:8], batch_size=2, verbose=0, callbacks=[board])
    text = (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.0.tsv"' in text
    assert 'metadata_path: "names.tsv"' in text
    table = np.loadtxt(tmp_path / "train" / "words.0.tsv", delimiter="\t")
    np.testing.assert_allclose(table, made.get_layer("words").get_weights()[0], rtol=1e-6)
    timeline = json.loads((tmp_path / "plugins" / "profile" / "step_3.json").read_text())
    assert any("matmul" in event["name"] for event in timeline["traceEvents"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("on_epoch", [False, True])
def test_swap_ema_weights(real: Any, on_epoch: bool) -> None:
    found = []
    for k in (keras, real):
        made = model(k, use_ema=True, ema_momentum=0.8)
        seen: list[Any] = []
        keep = k.callbacks.LambdaCallback(
            on_epoch_end=lambda e, logs, m=made, s=seen: s.append(np.array(m.get_weights()[0]))
        )
        swap = k.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
        history = made.fit(
            X, Y, epochs=3, batch_size=6, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[swap, keep]
        )  # fmt: skip
        found.append((seen, history.history["val_loss"]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_swapped_weights_stay_means_at_the_end() -> None:
    swapped, plain = (model(use_ema=True, ema_momentum=0.8) for _ in range(2))
    callback = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    swapped.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[callback])
    plain.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="make it with use_ema=True"):
        model().fit(
            X, Y, verbose=0, validation_data=(X, Y), callbacks=[keras.callbacks.SwapEMAWeights()]
        )


@pytest.mark.parametrize("as_json", [False, True])
def test_remote_monitor(as_json: bool) -> None:
    bodies: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            bodies.append((self.path, self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_address[1]}"
    monitor = keras.callbacks.RemoteMonitor(
        root, "/here/", "numbers", {"X-Run": "7"}, send_as_json=as_json
    )
    history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    server.shutdown()
    server.server_close()
    for epoch, (path, run, body) in enumerate(bodies):
        text = body if as_json else urllib.parse.parse_qs(body)["numbers"][0]
        wanted = {"epoch": epoch, **{k: v[epoch] for k, v in history.history.items()}}
        assert (path, run, json.loads(text)) == ("/here/", "7", wanted)
    assert len(bodies) == 2
    with pytest.warns(UserWarning, match="start the server"):
        model().fit(X, Y, verbose=0, callbacks=[monitor])


@pytest.mark.parametrize("background", [False, True])
def test_orbax_checkpoint(tmp_path: Path, background: bool) -> None:
    saver = keras.callbacks.OrbaxCheckpoint(
        tmp_path, "loss", max_to_keep=2, save_on_background=background
    )
    first = model(momentum=0.9)
    first.fit(X, Y, epochs=4, batch_size=6, verbose=0, callbacks=[saver])
    second = model(momentum=0.9)
    saver.restore(second)
    for a, b in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(second.optimizer.iterations.numpy()) == 16
    saver.restore(second, step=2)
    best = keras.callbacks.OrbaxCheckpoint(
        tmp_path / "best", "loss", save_best_only=True, initial_value_threshold=0.0
    )
    first.fit(X, Y, verbose=0, callbacks=[best])  # no loss is below 0
    assert not (tmp_path / "best").exists()
    with pytest.raises(ValueError, match="number of batches"):
        keras.callbacks.OrbaxCheckpoint(tmp_path, save_freq="batch")
