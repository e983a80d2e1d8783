"""`Callback`: what is told how training goes on."""

from __future__ import annotations

from typing import Any


class Callback:
    """Be told when training, epochs and batches begin and end; subclasses write the methods they need.

    >>> from penstock import keras
    >>> class Count(keras.callbacks.Callback):
    ...     batches = 0
    ...     def on_train_batch_end(self, batch, logs=None):
    ...         self.batches += 1
    >>> Count().listens_to_batches("train")
    True
    """

    comes_last = False
    """Whether it is told after all others, as one is that saves what these remember."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self._model

    def _tell(self, line: str) -> None:
        """Write a line for people."""
        from rich.console import Console  # takes its time to import

        Console().print(line, soft_wrap=True, markup=False, highlight=False)

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the number of epochs and steps."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model = model

    def listens_to_batches(self, kind: str) -> bool:
        """Whether it has to be told of batches of a kind: "train", "test" or "predict"."""
        names = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
        if kind == "train":
            names += ["on_batch_begin", "on_batch_end"]
        return any(
            name in vars(self) or getattr(type(self), name) is not getattr(Callback, name)
            for name in names
        )

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to go on in another process; see `BackupAndRestore`.

        Returns:
            Numbers, strings, arrays, and lists and dictionaries of these.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another callback was."""

    def close(self) -> None:
        """Put away what is open; called also when training ends with an error."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Do something before `fit` begins."""

    def on_train_end(self, logs: Any = None) -> None:
        """Do something when `fit` ends."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Do something before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do something after an epoch; `logs` has its losses and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do something before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do something after a training batch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do something before a training batch."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do something after a training batch."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Do something before an evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """Do something after an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do something before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do something after a batch of an evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Do something before `predict` begins."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Do something when `predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do something before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do something after a batch of `predict`."""


class History(Callback):
    """Remember losses and metrics of every epoch; `fit` returns one.

    >>> from penstock import keras
    >>> keras.callbacks.History().history
    {}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin with no epoch."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Remember an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def plot(self, path: Any = None, metrics: Any = None) -> Any:
        """Draw losses and metrics over the epochs; needs matplotlib.

        Args:
            path: A file to write, such as "history.png"; None for none.
            metrics: Which ones, without "val_"; None for all.

        Returns:
            A matplotlib figure.

        Raises:
            ValueError: Nothing was trained, or there is no such metric.
            TypeError: matplotlib is missing.
        """
        from penstock_keras_api.visualization import plot_history

        return plot_history(self, path, metrics)

    def get_state(self) -> dict[str, Any]:
        """Return the epochs so far."""
        return {"epoch": list(self.epoch), "history": {k: list(v) for k, v in self.history.items()}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.epoch, self.history = list(state["epoch"]), dict(state["history"])
