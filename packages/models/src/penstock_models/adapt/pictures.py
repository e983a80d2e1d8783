"""What `adapt` asks of models of pictures: how these are kept, varied and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.adaptable import Adaptable
from penstock_models.adapt.augment import Augmentation, make_varied
from penstock_models.preprocessing import ImageScaler, pictures, read_image
from penstock_models.presets.schema import Input, Preset

Run = Callable[[Any], Mapping[str, Any]]
# How many pictures go through a network at once.
BATCH = 16
# How much larger pictures are kept that will be cut.
MARGIN = 8 / 7
# The size of pictures for networks that take any.
SIDES = (224, 224)
# The probability that is taken for none.
LEAST = 1e-4
# How many bytes of pictures are kept in memory; of more, each is read when it is needed.
ROOM = 2**30


class AdaptablePictures(Adaptable):
    """A model of pictures that can be adapted: a network, or a finished graph whose answers are features."""

    input: Input
    preset: Preset | None
    scaler: ImageScaler
    _run: Run | None
    _make_network: Callable[[], keras.Model] | None
    _network_spec: Input

    @cached_property
    def network_scaler(self) -> ImageScaler:
        """What makes pixels ready for the network; a published graph may take something else."""
        return ImageScaler.of(self._network_spec)

    def adapt(
        self,
        strategy: str = "probe",
        *,
        labels: Sequence[str],
        seed: int = 0,
        size: tuple[int, int] | None = None,
    ) -> Any:
        """Return a classifier with a new head, as `Adaptable.adapt` does.

        Args:
            strategy: As there.
            labels: As there.
            seed: As there.
            size: Height and width of the pictures, if others than the preset's: a network of convolutions takes any,
                and larger pictures show it more, for more time.

        Raises:
            ValueError: As there; or a finished graph is to take another size.
        """
        if size is None:
            return super().adapt(strategy, labels=labels, seed=seed)
        return self._at_size(size).adapt(strategy, labels=labels, seed=seed)

    def _at_size(self, size: tuple[int, int]) -> Any:
        """Return this model for pictures of another size."""
        if self._make_network is None:
            raise InvalidValueError(
                f"[adapt] got size={size}, but a finished graph has the size that it was made for; leave `size` out"
            )
        other = copy(self)
        for name in ("network_scaler", "_pixels", "_varied"):  # which know the old size
            other.__dict__.pop(name, None)
        other._network_spec = self._network_spec.model_copy(update={"size": tuple(size)})
        return other

    def prepare(self, images: Any) -> ps.Tensor:
        """Return pictures as what answers takes them.

        Args:
            images: A picture, or several: paths, PIL images or arrays; or a batch [batch, height, width, channels].

        Returns:
            [batch, height, width, channels].

        Raises:
            FormatError: A file is no picture.
        """
        scaler = self.scaler if self._run else self.network_scaler
        return pictures(images, scaler, self.input.channels)

    def backbone(self) -> keras.Model:
        """Return the network without its head; of a finished graph, what takes the graph's own answers."""
        if self._make_network is None:
            width = int(self._finished(self.prepare(self._blank())).shape[1])
            features = keras.Input((width,), name="features")
            return keras.Model(features, {"pooled": keras.layers.Identity()(features)})
        network = self._make_network()
        made = network.output
        if isinstance(made, dict) and "pooled" in made:
            return network
        head = next(layer for layer in reversed(network.layers) if layer.weights)
        pooled = head.input
        if len(pooled.shape) == 4:  # a head that scores each place
            pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(pooled)
        return keras.Model(network.input, {"pooled": pooled}, name=network.name)

    def store(self, inputs: Sequence[Any], larger: bool = False) -> Any:
        """Return pictures of one size, or the answers of a finished graph."""
        if self._make_network is None:
            batches = [inputs[at : at + BATCH] for at in range(0, len(inputs), BATCH)]
            return np.concatenate([self._finished(self.prepare(list(b))).numpy() for b in batches])
        spec = self._network_spec
        sides = self._larger() if larger else self._sides()
        # What was stretched has whole pixels.
        dtype = "uint8" if spec.resize == "bilinear" else "float32"
        if len(inputs) * int(np.prod(sides)) * spec.channels * np.dtype(dtype).itemsize > ROOM:
            return _as_they_are(inputs)
        return self._read(inputs, sides, dtype)

    def _read(self, inputs: Any, sides: tuple[int, int], dtype: str) -> np.ndarray[Any, Any]:
        spec = self._network_spec
        scaler = ImageScaler(sides, resize=spec.resize)
        kept = np.empty((len(inputs), *sides, spec.channels), dtype)
        for row, image in zip(kept, inputs, strict=True):
            row[...] = scaler(read_image(image, spec.channels)[None]).numpy()[0]
        return kept

    def feed(self, stored: Any, rng: np.random.Generator | None = None) -> Any:
        """Return pictures as the network takes them, varied if something draws how."""
        if self._make_network is None:
            return stored
        if stored.dtype == object:
            stored = self._read(stored, self._sides() if rng is None else self._larger(), "float32")
        if rng is None:
            return self._pixels(stored)
        return self._varied(stored, *Augmentation().draw(len(stored), rng))

    def with_network(self, network: keras.Model, labels: Sequence[str]) -> Any:
        """Return a classifier of pictures with this network and these labels."""
        from penstock_models.tasks.image_classifier import ImageClassifier

        if self._make_network is not None:
            return ImageClassifier(labels, self._network_spec, None, lambda: network, self.preset)

        def run(batch: Any) -> Mapping[str, Any]:
            found: Mapping[str, Any] = network(self._finished(batch))
            return found

        made = ImageClassifier(labels, self.input, run, None, self.preset)
        made._finished = self._finished  # type: ignore[method-assign]
        return made

    def _finished(self, batch: Any) -> ps.Tensor:
        """Return what a finished graph says of a batch, as features: [batch, width]."""
        assert self._run is not None
        made = self._run(batch)
        for name in ("pooled", "features", "logits"):
            if name in made:
                return ps.reshape(ps.cast(made[name], "float32"), (made[name].shape[0], -1))
        return ps.log(ps.maximum(made["probabilities"], LEAST))

    def _sides(self) -> tuple[int, int]:
        return self._network_spec.size or SIDES

    def _larger(self) -> tuple[int, int]:
        height, width = self._sides()
        return round(height * MARGIN), round(width * MARGIN)

    def _blank(self) -> np.ndarray[Any, Any]:
        return np.zeros((1, *self._sides(), self.input.channels), np.uint8)

    @cached_property
    def _pixels(self) -> Callable[[Any], Any]:
        """Scaling of the pixels of pictures that have their size."""
        spec = self._network_spec
        return ImageScaler(None, spec.mean, spec.scale, spec.order)

    @cached_property
    def _varied(self) -> Callable[..., Any]:
        return make_varied(self._sides(), self._pixels)


def _as_they_are(inputs: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return pictures that are not read yet."""
    kept = np.empty(len(inputs), object)
    for place, picture in enumerate(inputs):
        kept[place] = picture
    return kept
