"""`CallbackList`: several callbacks, told together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock_keras_api.callbacks.callback import Callback, History
from penstock_keras_api.callbacks.progress import ProgbarLogger


class CallbackList(Callback):
    """Tell several callbacks, and only those that listen: a batch costs nothing where nobody does.

    Args:
        callbacks: The callbacks.
        add_history: Whether to add a `History` if there is none.
        add_progbar: Whether to add a `ProgbarLogger` if there is none.
        model: The model that is trained.
        params: The number of epochs and steps, and so on.

    >>> from penstock import keras
    >>> told = keras.callbacks.CallbackList([], add_history=True)
    >>> told.on_train_begin()
    >>> [type(c).__name__ for c in told.callbacks]
    ['History']
    """

    def __init__(
        self,
        callbacks: Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = list(callbacks or [])
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.append(ProgbarLogger())
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.append(History())
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell the number of epochs and steps."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)
        self._sort()

    def set_model(self, model: Any) -> None:
        """Tell the model."""
        self._model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def _sort(self) -> None:
        """Find out who listens to what."""
        self.last = [c for c in self.callbacks if c.comes_last]
        self.callbacks = [c for c in self.callbacks if not c.comes_last] + self.last
        self.bars = [c for c in self.callbacks if isinstance(c, ProgbarLogger) and c.is_on]
        self.listens = {
            kind: any(c.listens_to_batches(kind) for c in self.callbacks)
            for kind in ("train", "test", "predict")
        }

    def without_bars(self) -> CallbackList:
        """Return the same callbacks without what shows progress."""
        others = CallbackList()
        others.callbacks = [c for c in self.callbacks if not isinstance(c, ProgbarLogger)]
        others._model, others.params = self._model, self.params
        others._sort()
        return others

    def tell(self, what: str, *args: Any, but: Iterable[Callback] = ()) -> None:
        """Call a method of every callback, but some."""
        left_out = list(but)
        for callback in self.callbacks:
            if callback not in left_out:
                getattr(callback, what)(*args)

    def close(self) -> None:
        """Let every callback put away what is open."""
        self.tell("close")


def _teller(name: str) -> Any:
    def tell(self: CallbackList, *args: Any) -> None:
        self.tell(name, *args)

    tell.__name__ = name
    tell.__doc__ = f"Call `{name}` of every callback."
    return tell


for _name in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _name, _teller(_name))
