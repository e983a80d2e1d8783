"""What holds while layers call layers: training or not, masks, and the path of names."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from penstock.errors import FormatError

_KEPT: Final = 16  # masks of results that were made outside of any call


class _State(threading.local):
    def __init__(self) -> None:
        self.depth = 0
        self.training: bool | None = None
        self.path: list[str] = []
        self.room: int | None = None
        # By the tensor's identity; the tensor is held, so that no other takes its place.
        self.masks: OrderedDict[int, tuple[Any, Any]] = OrderedDict()
        # Of what stands for probabilities in a graph: what they were made of, and by what.
        self.logits: OrderedDict[int, tuple[Any, Any, str]] = OrderedDict()


_state = _State()


@contextmanager
def calling(training: bool | None) -> Iterator[None]:
    """Hold what a call of a layer says for the calls inside of it."""
    before = _state.training
    _state.depth += 1
    _state.training = training
    try:
        yield
    finally:
        _state.training = before
        _state.depth -= 1
        if not _state.depth:
            while len(_state.masks) > _KEPT:
                _state.masks.popitem(last=False)


def is_in_call() -> bool:
    """Return whether a layer is being called."""
    return _state.depth > 0


def current_training() -> bool | None:
    """Return what the innermost call says about training; None outside of calls."""
    return _state.training


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put a name in front of the paths of variables made in the block."""
    _state.path.append(name)
    try:
        yield
    finally:
        _state.path.pop()


def current_path() -> str:
    """Return the names of the blocks around: "model/dense"."""
    return "/".join(_state.path)


@contextmanager
def room(nbytes: int) -> Iterator[None]:
    """Say for a block how many bytes of variables it may make; a file that asks for more is damaged."""
    before, _state.room = _state.room, nbytes
    try:
        yield
    finally:
        _state.room = before


def take_room(nbytes: int) -> None:
    """Count the bytes of a variable that is about to be made.

    Raises:
        FormatError: There is no room for it.
    """
    if _state.room is None:
        return
    _state.room -= nbytes
    if _state.room < 0:
        raise FormatError(
            f"[load_model] the configuration asks for a variable of {nbytes:,} bytes, and the file has no numbers for it; the "
            "file is damaged: save the model again"
        )


def set_mask(value: Any, mask: Any) -> None:
    """Remember the mask of a tensor; None forgets it."""
    if mask is None:
        _state.masks.pop(id(value), None)
    else:
        _state.masks[id(value)] = (value, mask)


def get_mask(value: Any) -> Any:
    """Return the mask of a tensor, or None."""
    found = _state.masks.get(id(value))
    return found[1] if found is not None and found[0] is value else None


def clear_masks() -> None:
    """Forget all masks, and which logits probabilities were made of."""
    _state.masks.clear()
    _state.logits.clear()


def set_logits(probabilities: Any, logits: Any, kind: str) -> None:
    """Remember what probabilities in a graph were made of, so that a loss can take the logits instead.

    Args:
        probabilities: What "softmax" over the last axis, or "sigmoid", returned.
        logits: What it was given.
        kind: Which of the two.
    """
    if getattr(probabilities, "is_symbolic", False):
        _state.logits[id(probabilities)] = (probabilities, logits, kind)
        while len(_state.logits) > _KEPT:
            _state.logits.popitem(last=False)


def get_logits(probabilities: Any, kind: str) -> Any:
    """Return the logits that probabilities were made of, or None."""
    found = _state.logits.get(id(probabilities))
    if found is None or found[0] is not probabilities or found[2] != kind:
        return None
    return found[1]
