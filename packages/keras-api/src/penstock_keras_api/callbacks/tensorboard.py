"""Write what TensorBoard shows."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.callbacks.callback import Callback
from penstock_keras_api.callbacks.event_file import EventFile


class TensorBoard(Callback):
    """Write losses, metrics, weights and the graph, as TensorBoard reads them.

    Training is written to `log_dir/train`, validation to `log_dir/validation`. What a model, a layer or a callback tells
    with `penstock.summary` while it is trained goes to `train` too. Look at all with `tensorboard --logdir LOG_DIR`.

    Args:
        log_dir: The folder.
        histogram_freq: After how many epochs the weights' histograms are written; 0 for never.
        write_graph: Whether the graph of the compiled step is written.
        write_images: Whether weights are written as images too, with the histograms.
        write_steps_per_second: Whether the speed is written.
        update_freq: "epoch", "batch", or after how many batches losses and metrics are written.
        profile_batch: The batch, or the first and the last one, of which a timeline is written; 0 for none.
        embeddings_freq: After how many epochs the embedding layers' tables are written; 0 for never.
        embeddings_metadata: A file with a name for each row, or a dictionary of these by the layers' names.

    Raises:
        ValueError: A frequency is not understood.

    >>> from penstock import keras
    >>> board = keras.callbacks.TensorBoard("logs", update_freq=100)
    >>> board.update_freq
    100
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if update_freq not in ("epoch", "batch") and not isinstance(update_freq, int):
            raise InvalidValueError(
                f"[TensorBoard] got update_freq={update_freq!r}; use 'epoch', 'batch' or a number of batches"
            )
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._first, self._last = _batches(profile_batch)
        self._files: dict[str, EventFile] = {}
        self._open = ExitStack()
        self._profile: Any = None
        self._step = self._test_step = 0
        self._epoch_began = 0.0
        self._steps_before = 0
        self._trains = self._has_graph = False

    def listens_to_batches(self, kind: str) -> bool:
        """Only if something is written of batches."""
        if kind == "train":
            counts = self.update_freq != "epoch" or self._last or self.write_steps_per_second
            return bool(counts)
        return kind == "test"

    def get_state(self) -> dict[str, Any]:
        """Return how many steps there were."""
        return {"step": self._step, "test_step": self._test_step}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with these numbers, in a new file."""
        self._step, self._test_step = state["step"], state["test_step"]

    # ---- training

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to listen to `penstock.summary`."""
        self._trains, self._has_graph = True, False
        self._step = self._test_step = 0
        self._open.enter_context(ps.summary.observe(self._file("train")))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Begin a timeline."""
        if self._last and self._step + 1 == self._first:
            self._profile = ps.profile()
            self._profile.__enter__()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write losses and metrics after so many batches."""
        self._step += 1
        if self._profile is not None and self._step >= self._last:
            self._end_profile()
        if self.update_freq != "epoch" and self._step % self.update_freq == 0:
            self._scalars("train", "batch_", logs, self._step)

    def _end_profile(self) -> None:
        self._profile.__exit__(None, None, None)
        folder = Path(self.log_dir) / "plugins" / "profile"
        folder.mkdir(parents=True, exist_ok=True)
        self._profile.save(folder / f"step_{self._step}.json")
        self._profile = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Look at the clock."""
        self._epoch_began, self._steps_before = time.perf_counter(), self._step

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write an epoch's losses and metrics, and what else was asked for."""
        logs = dict(logs or {})
        if self.write_graph and not self._has_graph:
            self._write_graph()
        own = {name: value for name, value in logs.items() if not name.startswith("val_")}
        own["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
        if self.write_steps_per_second:
            took = time.perf_counter() - self._epoch_began
            own["steps_per_second"] = (self._step - self._steps_before) / max(took, 1e-9)
        self._scalars("train", "epoch_", own, epoch)
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        if validation:
            self._scalars("validation", "epoch_", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for file in self._files.values():
            file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Finish the files."""
        self.close()

    # ---- evaluation

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the evaluation's batches."""
        self._test_step += 1

    def on_test_end(self, logs: Any = None) -> None:
        """Write an evaluation's losses and metrics, by the number of batches."""
        if logs and self.model.optimizer is not None:
            named = {f"{name}_vs_iterations": value for name, value in logs.items()}
            step = int(np.asarray(self.model.optimizer.iterations))
            self._scalars("validation", "evaluation_", named, step)
            self._file("validation").flush()
        if not self._trains:
            self.close()

    def close(self) -> None:
        """Finish the files."""
        self._trains = False
        if self._profile is not None:
            self._end_profile()
        self._open.close()
        for file in self._files.values():
            file.close()
        self._files = {}

    # ---- writing

    def _file(self, run: str) -> EventFile:
        if run not in self._files:
            self._files[run] = EventFile(Path(self.log_dir) / run)
        return self._files[run]

    def _scalars(self, run: str, prefix: str, logs: Any, step: int) -> None:
        for name, value in (logs or {}).items():
            if not getattr(value, "ndim", 0):
                self._file(run).scalar(f"{prefix}{name}", value, step)

    def _write_graph(self) -> None:
        self._has_graph = True
        for function in self.model._functions.values():
            for trace in getattr(function, "traces", [])[:1]:
                self._file("train").graph(trace.graph)
                return

    def _write_weights(self, epoch: int) -> None:
        for v in self.model.weights:
            value = v.numpy()
            self._file("train").histogram(f"{v.path}/histogram", value, epoch)
            if self.write_images and value.ndim >= 2:
                self._file("train").images(f"{v.path}/image", _picture(value), epoch)

    def _write_embeddings(self, epoch: int) -> None:
        from penstock_keras_api.layers import Embedding

        lines = []
        for layer in self.model._flatten_layers():
            if isinstance(layer, Embedding):
                name = f"{layer.name}.{epoch}.tsv"
                np.savetxt(
                    Path(self.log_dir) / "train" / name, layer.embeddings.numpy(), delimiter="\t"
                )
                lines += [
                    "embeddings {",
                    f'  tensor_name: "{layer.name}"',
                    f'  tensor_path: "{name}"',
                ]
                told = self._metadata_of(layer.name)
                lines += [f'  metadata_path: "{told}"'] if told else []
                lines += ["}"]
        if lines:
            text = "\n".join(lines) + "\n"
            (Path(self.log_dir) / "train" / "projector_config.pbtxt").write_text(text)

    def _metadata_of(self, layer: str) -> str | None:
        given = self.embeddings_metadata
        found = given.get(layer) if isinstance(given, dict) else given
        return None if found is None else str(found)


def _batches(given: Any) -> tuple[int, int]:
    """Return the first and the last batch of a timeline; 0 for none."""
    if isinstance(given, int):
        return given, given
    parts = given.split(",") if isinstance(given, str) else given
    try:
        first, last = (int(part) for part in parts)
    except (TypeError, ValueError):
        raise InvalidTypeError(
            f"[TensorBoard] got profile_batch={given!r}; use a batch's number, or two: (first, last)"
        ) from None
    return first, last


def _picture(weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Make gray images of a weight: one for each of the last axis, or one of a matrix."""
    low, high = float(weight.min()), float(weight.max())
    scaled = (weight - low) / (high - low or 1.0)
    if scaled.ndim == 2:
        return scaled[None, :, :, None]
    flat = scaled.reshape(*scaled.shape[:2], -1) if scaled.ndim > 3 else scaled
    return np.moveaxis(flat, -1, 0)[:, :, :, None]
