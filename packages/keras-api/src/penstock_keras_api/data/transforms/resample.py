"""`rejection_resample`: classes as frequent as wanted, by leaving elements out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import UNKNOWN, Node
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.stream import Derived, Stream
from penstock_keras_api.data.user_function import UserFunction
from penstock_keras_api.random.seed import make_default_seed


def resampled(
    source: Node, class_of: Callable[..., Any], target: Any, initial: Any, seed: int | None
) -> Node:
    """Make the node; classes are counted first if `initial` is None.

    Raises:
        InvalidValueError: There is not one frequency for each class, or a class that is wanted never is there.
    """
    fn = UserFunction(class_of, "rejection_resample")
    wanted = np.asarray(elements.as_array(elements.from_user(target)), np.float64)
    found = (
        _counted(source, fn, len(wanted))
        if initial is None
        else np.asarray(elements.as_array(elements.from_user(initial)), np.float64)
    )
    if wanted.shape != found.shape or ((found == 0) & (wanted > 0)).any():
        raise InvalidValueError(
            f"[rejection_resample] got target_dist={wanted.tolist()} for frequencies {found.tolist()}; give a number for each "
            "class, and 0 for classes that never are there"
        )
    ratio = np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)
    return ResampleNode(
        source, fn, ratio / ratio.max(), make_default_seed() if seed is None else int(seed)
    )


def _counted(source: Node, fn: UserFunction, classes: int) -> Any:
    counts = np.zeros(classes)
    before = source.get_own_state()
    stream = source.stream()
    try:
        for number, element in enumerate(stream):
            counts[int(np.asarray(elements.as_array(fn(element, number))))] += 1
    finally:
        stream.close()
        if before is not None:
            source.set_own_state(before)
    return counts / max(1.0, counts.sum())


class ResampleNode(Node):
    """Pairs (class, element) of the elements that are kept.

    Args:
        source: Whose elements.
        fn: Returns an element's class.
        chances: How likely an element of each class is kept.
        seed: Where the draws come from.
    """

    def __init__(self, source: Node, fn: UserFunction, chances: Any, seed: int) -> None:
        super().__init__(source)
        self.fn, self.chances, self.seed, self.epoch = fn, chances, seed, 0

    def stream(self) -> ResampleStream:
        """Begin a pass."""
        self.epoch += 1
        return ResampleStream(self, self.inputs[0].stream(), self.epoch - 1)

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of pairs."""
        return (TensorSpec((), "int64"), self.inputs[0].element_spec)

    def get_own_state(self) -> Any:
        """Return the epoch and the seed."""
        return [self.epoch, self.seed]

    def set_own_state(self, state: Any) -> None:
        """Set the epoch and the seed."""
        self.epoch, self.seed = state


class ResampleStream(Derived):
    """A pass over the elements that are kept."""

    kind = "resample"

    def __init__(self, node: ResampleNode, source: Stream, epoch: int) -> None:
        super().__init__(source)
        self._node = node
        self._begin(epoch, 0)

    def _begin(self, epoch: int, at: int) -> None:
        self._epoch, self._at = epoch, at
        key = np.random.SeedSequence([self._node.seed, epoch])
        self._rng = np.random.Generator(np.random.Philox(key))
        self._rng.random(at)

    def __next__(self) -> Any:
        while True:
            element = next(self._input)
            found = int(np.asarray(elements.as_array(self._node.fn(element, self._at))))
            self._at += 1
            if self._rng.random() < self._node.chances[found]:
                return np.int64(found), element

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "at": self._at, "epoch": self._epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._begin(state["epoch"], int(state["at"]))
