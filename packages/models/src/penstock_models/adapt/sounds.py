"""What `adapt` asks of models of sounds: how these are kept, varied and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock_models.adapt.adaptable import Adaptable
from penstock_models.preprocessing import SoundFeatures, SteadyFeatures, read_audio
from penstock_models.presets.schema import Input, Preset

SECONDS = 1.0
# How far sounds are moved, in parts of a second, and how much louder or softer they become.
SHIFT, LOUDNESS = 0.1, (0.7, 1.4)
# The probability that is taken for none.
LEAST = 1e-4


class AdaptableSounds(Adaptable):
    """A model of sounds that can be adapted: a network, or a finished graph whose answers are features."""

    input: Input
    preset: Preset | None
    rate: int
    scaler: SoundFeatures | SteadyFeatures | None
    _run: Callable[[Any], Mapping[str, Any]] | None
    _make_network: Callable[[], keras.Model] | None

    def prepare(self, sounds: Any) -> np.ndarray[Any, Any]:
        """Return sounds as samples.

        Args:
            sounds: A sound, or several: paths of .wav files, or arrays of samples; or a batch [batch, samples].

        Returns:
            float32 [batch, samples] between -1 and 1, as many as a second has.

        Raises:
            FormatError: A file is no .wav file of the network's rate.
        """
        several = sounds if isinstance(sounds, list | tuple) or _is_batch(sounds) else [sounds]
        return np.stack([read_audio(sound, self.rate, SECONDS) for sound in several])

    def featured(self, samples: Any) -> Any:
        """Return samples [batch, samples] as the network takes them."""
        return samples if self.scaler is None else self._features(samples)

    @cached_property
    def _features(self) -> Callable[[Any], Any]:
        """The features as one plan."""
        assert self.scaler is not None
        return ps.function(self.scaler)

    @property
    def _takes_samples(self) -> bool:
        """Whether the finished graph makes features itself, of one sound."""
        return self.preset is not None and bool(self.preset.options.get("takes_samples"))

    def backbone(self) -> keras.Model:
        """Return the network without its head; of a finished graph, what takes the graph's own answers."""
        if self._make_network is None:
            features = keras.Input((len(self.labels),), name="features")
            return keras.Model(features, {"pooled": keras.layers.Identity()(features)})
        network = self._make_network()
        head = next(layer for layer in reversed(network.layers) if layer.weights)
        return keras.Model(network.input, {"pooled": head.input}, name=network.name)

    def store(self, inputs: Sequence[Any], larger: bool = False) -> Any:
        """Return samples, or the answers of a finished graph."""
        if self._make_network is None:
            return self._finished(list(inputs)).numpy()
        return self.prepare(list(inputs))

    def feed(self, stored: Any, rng: np.random.Generator | None = None) -> Any:
        """Return sounds as the network takes them, moved and made louder or softer if something draws how."""
        if self._make_network is None:
            return stored
        return self.featured(stored if rng is None else _varied(stored, rng, self.rate))

    def with_network(self, network: keras.Model, labels: Sequence[str]) -> Any:
        """Return a spotter with this network and these labels."""
        from penstock_models.tasks.keyword_spotter import KeywordSpotter

        if self._make_network is not None:
            return KeywordSpotter(labels, self.input, None, lambda: network, self.preset)
        made = KeywordSpotter(labels, self.input, None, None, self.preset)
        finished = self._finished
        made._finished = finished  # type: ignore[method-assign]
        made._probabilities = (  # type: ignore[method-assign]
            lambda samples: ps.nn.softmax(network(finished(samples))["logits"])
        )
        return made

    def _finished(self, sounds: Any) -> ps.Tensor:
        """Return what a finished graph says of sounds, as features: [batch, words]."""
        return ps.log(ps.maximum(self.probabilities(sounds), LEAST))


def _is_batch(sounds: Any) -> bool:
    return isinstance(sounds, np.ndarray | ps.Tensor) and sounds.ndim == 2 and sounds.shape[1] > 1


def _varied(samples: Any, rng: np.random.Generator, rate: int) -> np.ndarray[Any, Any]:
    """Return each sound moved in time, with silence where there was nothing, and louder or softer."""
    moved: np.ndarray[Any, Any] = np.zeros_like(samples)
    most = int(SHIFT * rate)
    for row, sound in zip(moved, samples, strict=True):
        by, loud = int(rng.integers(-most, most + 1)), rng.uniform(*LOUDNESS)
        begin, end = max(0, by), len(row) + min(0, by)
        row[begin:end] = np.clip(sound[begin - by : end - by] * loud, -1.0, 1.0)
    return moved
