"""Examples as a training takes them: kept in memory, run through what is frozen once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_keras_api import tree
from penstock_models.adapt.network import Adapted, compiled, in_chunks

if TYPE_CHECKING:
    from penstock_models.adapt.adaptable import Adaptable

# How many bytes of what frozen layers made may be kept.
ROOM = 2**31


class Material:
    """Examples as the layers that learn take them.

    Args:
        model: Says how examples are kept and fed.
        adapted: The network and its parts.
        inputs: As in `Examples`.
        versions: How many varied versions are kept, if something is frozen; 0 for examples as they are.
        seed: Draws the versions.
    """

    def __init__(
        self, model: Adaptable, adapted: Adapted, inputs: Sequence[Any], versions: int, seed: int
    ) -> None:
        self.count = len(inputs)
        self._rows = np.arange(self.count)
        self._model, self._adapted, self._varied = model, adapted, versions > 0
        self._frozen = None if adapted.frozen is None else compiled(adapted.frozen)
        self._stored = model.store(inputs, larger=True) if versions else None
        self._plain = model.store(inputs)
        self.lengths = model.lengths(self._plain)
        """How long each example is; None if all are alike."""
        self._kept: list[Any] = []
        if self._frozen is not None and adapted.strategy.kind != "probe":
            self._keep(versions, seed)

    def _keep(self, versions: int, seed: int) -> None:
        """Run the frozen layers once for each version, as many as there is room for; the first is as it came."""
        assert self._frozen is not None
        one = self._frozen(self._fed(np.arange(1), None))
        size = self.count * sum(leaf.numpy().nbytes for leaf in tree.flatten(one))
        for version in range(min(versions + 1, ROOM // size)):
            rng = np.random.default_rng([seed, 1, version]) if version else None
            self._kept.append(self._chunks(self._frozen, self._feeder(rng)))

    def _feeder(self, rng: np.random.Generator | None) -> Callable[[np.ndarray[Any, Any]], Any]:
        return lambda places: self._fed(places, rng)

    def _chunks(self, run: Any, batch: Any) -> Any:
        order = None if self.lengths is None else np.argsort(self.lengths, kind="stable")
        return in_chunks(run, self.count, batch, order=order)

    def _fed(self, places: np.ndarray[Any, Any], rng: np.random.Generator | None) -> Any:
        stored = self._plain if rng is None else self._stored
        rows = self._rows[places]
        return self._model.feed(tree.map_structure(lambda a: a[rows], stored), rng)

    def subset(self, places: np.ndarray[Any, Any]) -> Material:
        """Return some of the examples, which share what is kept with all of them."""
        made = copy(self)
        made._rows, made.count = self._rows[places], len(places)
        made.lengths = None if self.lengths is None else self.lengths[places]
        return made

    def batch(self, places: np.ndarray[Any, Any], rng: np.random.Generator) -> Any:
        """Return some examples, varied if they are to be.

        Args:
            places: Which.
            rng: Draws how, or which of the versions that are kept.
        """
        if self._kept:
            which = rng.integers(0, len(self._kept), len(places))
            return tree.map_structure(
                lambda *versions: np.stack(
                    [versions[v][i] for v, i in zip(which, self._rows[places], strict=True)]
                ),
                *self._kept,
            )
        fed = self._fed(places, rng if self._varied else None)
        return fed if self._frozen is None else self._frozen(fed)

    def pooled(self) -> np.ndarray[Any, Any]:
        """Return what the head takes, of the examples as they are: [examples, width]."""
        above = self._adapted.above
        if self._kept and above is not None:
            return self._all(compiled(above), self._kept_plain)
        if self._kept:  # the cut is where the head begins
            (found,) = tree.flatten(self._kept_plain(np.arange(self.count)))
            return np.asarray(found)
        return self._all(compiled(self._adapted.pooled), lambda places: self._fed(places, None))

    def plain(self, run: Any) -> np.ndarray[Any, Any]:
        """Return what the learning layers make of the examples as they are: [examples, labels]."""
        return self._all(run, self._kept_plain if self._kept else self._plain_batch)

    def _all(self, run: Any, batch: Any) -> np.ndarray[Any, Any]:
        made: np.ndarray[Any, Any] = self._chunks(run, batch)
        return made

    def _kept_plain(self, places: np.ndarray[Any, Any]) -> Any:
        rows = self._rows[places]
        return tree.map_structure(lambda a: a[rows], self._kept[0])

    def _plain_batch(self, places: np.ndarray[Any, Any]) -> Any:
        fed = self._fed(places, None)
        return fed if self._frozen is None else self._frozen(fed)
