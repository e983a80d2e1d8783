"""Find the op that made the first NaN or infinity of a training."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import NumericError
from penstock_keras_api import tree
from penstock_keras_api.trainers import steps

_ALL: Final = 1 << 62
_Values = list[tuple[Any, Any]]


class NaNFinder:
    """Keep what the last two steps began with, and take them again where every result is looked at.

    Args:
        model: What is trained.
        training: The call of `fit`.
    """

    def __init__(self, model: Any, training: Any) -> None:
        self._model = model
        self._training = training
        self._variables: list[Any] = []
        self._counts = 0
        self._before: list[_Values] = []
        self._batches: list[Any] = []

    def keep(self) -> None:
        """Remember the variables' values before a step, and the batch of the step before."""
        if self._counts < 2:  # the first step makes some
            self._variables = self._training.variables()
            self._counts += 1
        if self._before:
            self._batches = [*self._batches[-1:], self._training.loop.batch]
        self._before = [*self._before[-1:], [(v, v.value) for v in self._variables]]

    def find(self) -> str | None:
        """Return what is known about the first op that made a NaN or an infinity.

        Variables have the values afterwards that they had before.
        """
        batches = [*self._batches, self._training.loop.batch][-len(self._before) :]
        for batch in batches:
            if not all(np.all(np.isfinite(a)) for a in self._floats(batch)):
                return "the data have values that are no finite numbers: look for them with numpy.isfinite"
        now = [(v, v.value) for v in self._training.variables()]
        try:
            for values, batch in zip(self._before, batches, strict=True):
                _assign(values)
                found = self._taken_again(batch)
                if found is not None:
                    return found
        finally:
            _assign(now)
        return None

    def _floats(self, batch: Any) -> list[Any]:
        parts = steps.first_samples(batch, self._training.loop.source.by_rows, _ALL)
        leaves = [np.asarray(leaf) for leaf in tree.flatten(parts) if leaf is not None]
        return [a for a in leaves if a.dtype.kind == "f"]

    def _taken_again(self, batch: Any) -> str | None:
        step = self._model._step_function("train", self._training.loop.source.by_rows)
        try:
            with ps.debug_nans():
                step(*batch)
        except NumericError as error:
            lines = str(error).splitlines()
            return ", ".join([lines[0].partition(";")[0], *(line.strip() for line in lines[1:2])])
        return None


def _assign(values: _Values) -> None:
    for v, value in values:
        v.assign(value)
