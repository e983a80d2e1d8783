"""A model that says what is where on a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.architectures import architecture
from penstock_models.architectures.detector import DetectorConfig
from penstock_models.data.examples import Boxes, Examples
from penstock_models.evaluation.boxes import Found
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Input, Preset

if TYPE_CHECKING:
    from penstock_models.adapt import History, Strategy

BATCH = 16


@dataclass(frozen=True)
class Detection:
    """Something on a picture.

    Args:
        label: What it is.
        score: How sure the model is, from 0 to 1.
        box: (left, top, right, bottom) in parts of the picture's width and height.
        index: The label's number.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    index: int

    def __str__(self) -> str:
        return f"{self.label} {self.score:.3f} at {', '.join(f'{x:.3f}' for x in self.box)}"


class ObjectDetector:
    """Find things of known kinds on pictures.

    Args:
        labels: A word for each kind.
        spec: What the network takes.
        run: A function of one scaled picture that returns "boxes", "scores" and "classes"; None for what the network
            says.
        preset: What is known about it.
        config: The network's sizes; None for a finished graph.
        make_network: A function that returns a network that can be trained, from scaled pictures to "boxes" and
            "logits" of anchors.

    Raises:
        ValueError: There are no labels.
    """

    strategy: Strategy | None = None
    """What `fit` trains; None for a network that begins from nothing."""
    seed: int = 0
    _parent: ObjectDetector | None = None

    def __init__(
        self,
        labels: Sequence[str],
        spec: Input,
        run: Callable[[Any], Mapping[str, Any]] | None = None,
        preset: Preset | None = None,
        config: DetectorConfig | None = None,
        make_network: Callable[[], keras.Model] | None = None,
    ) -> None:
        if not labels:
            raise InvalidValueError("[ObjectDetector] got no labels; give a word for each kind")
        self.labels = list(labels)
        self.input = spec
        self.scaler = ImageScaler.of(spec)
        self.preset = preset
        self.config = config
        self._run = run
        self._make_network = make_network

    @classmethod
    def new(cls, labels: Sequence[str], config: DetectorConfig, seed: int = 0) -> ObjectDetector:
        """Return a detector that knows nothing yet; `fit` trains all of it.

        Args:
            labels: A word for each kind.
            config: The network's sizes; the number of classes is that of the labels.
            seed: Draws the weights.

        Returns:
            The detector.

        Raises:
            ValueError: There are no labels.
        """
        from penstock_models.detection.heads import with_first_scores

        keras.utils.set_random_seed(seed)
        config = config.model_copy(update={"num_classes": len(labels)})
        made = with_first_scores(architecture.find(config.architecture).backbone(config), config)
        spec = Input(kind="image", size=config.size)
        detector = cls(labels, spec, config=config, make_network=lambda: made)
        detector.seed = seed
        return detector

    # ---- what it says

    def predict(self, image: Any, least: float = 0.3) -> list[Detection]:
        """Return what is on a picture, what is surest first.

        Args:
            image: A path, a PIL image or an array [height, width, 3].
            least: The score that something needs.

        Returns:
            What was found.

        Raises:
            FormatError: The file is no picture.
        """
        [found] = self.found([image])
        rows = zip(
            found.corners.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
        )
        kept = [
            Detection(self._label(kind), score, (box[0], box[1], box[2], box[3]), kind)
            for box, score, kind in rows
            if score >= least
        ]
        return sorted(kept, key=lambda d: -d.score)

    def found(self, images: Sequence[Any]) -> list[Found]:
        """Return everything that may be on pictures, down to low scores, as `evaluate_detection` takes it.

        Args:
            images: Paths, PIL images or arrays [height, width, 3].

        Returns:
            What was found on each picture.

        Raises:
            FormatError: A file is no picture.
        """
        made: list[Found] = []
        size = BATCH if self._run is None else 1
        for at in range(0, len(images), size):
            made += self._found([self._scaled(image) for image in images[at : at + size]])
        return made

    def _scaled(self, image: Any) -> Any:
        return self.scaler(read_image(image, self.input.channels)[None])

    def _found(self, scaled: Sequence[Any]) -> list[Found]:
        if self._run is not None:
            return [_as_found(self._run(one)) for one in scaled]
        said = {k: v.numpy() for k, v in self._detect(ps.concat(list(scaled), axis=0)).items()}
        rows = [{k: v[i] for k, v in said.items()} for i in range(len(scaled))]
        return [_as_found({k: row[k][: int(row["count"])] for k in OUTPUTS}) for row in rows]

    def outputs(self, pixels: Any) -> dict[str, Any]:
        """Return what is on pictures, as tensors of sizes that do not depend on it: what a saved graph does.

        Args:
            pixels: [batch, height, width, 3], from 0 to 255.

        Returns:
            "boxes" [batch, most, 4], "scores" and "classes" [batch, most], the surest first, and "count" [batch].

        Raises:
            ValueError: It is a finished graph.
        """
        network, suppression = self.network, self.suppression
        made: dict[str, Any] = suppression(network(self.scaler(pixels), training=False))
        return made

    @cached_property
    def _detect(self) -> Callable[[Any], dict[str, Any]]:
        network, suppression = self.network, self.suppression
        return ps.function(lambda x: suppression(network(x, training=False)), autograph=False)

    def _label(self, kind: int) -> str:
        return self.labels[kind] if kind < len(self.labels) else f"class {kind}"

    # ---- its parts

    @cached_property
    def network(self) -> keras.Model:
        """The network that can be trained: scaled pictures to "boxes" and "logits" of each anchor."""
        if self._make_network is None or self.config is None:
            raise InvalidValueError(
                f"[ObjectDetector] {self.preset.name if self.preset else 'this model'} is a finished graph and cannot "
                "be trained; choose a preset that names an architecture, such as ssd_mobilenet_v1.coco_quant"
            )
        return self._make_network()

    @cached_property
    def anchors(self) -> np.ndarray[Any, Any]:
        """The boxes that the network's offsets start from: [anchors, 4], middle x, middle y, width and height."""
        from penstock_models.detection.anchors import anchors_of

        assert self.config is not None
        return anchors_of(self.config)

    @cached_property
    def reach(self) -> np.ndarray[Any, Any] | None:
        """How far the middle of a thing may be from that of an anchor that answers for it; None for any distance."""
        from penstock_models.detection.anchors import reach_of

        assert self.config is not None
        return reach_of(self.config)

    @cached_property
    def suppression(self) -> keras.layers.Layer:
        """What makes boxes of offsets, and keeps the best of those that overlap."""
        from penstock_models.detection.suppression import Suppression

        return Suppression(self.anchors)

    # ---- what it learns

    def adapt(
        self, strategy: str = "full", *, labels: Sequence[str], seed: int = 0
    ) -> ObjectDetector:
        """Return a detector for other things, which `fit` trains.

        Everything but the scores of classes is taken over. Labels that this detector knows keep their scores; `fit` makes
        those of the others out of known things that look like them.

        Args:
            strategy: "probe" trains nothing more. "head" trains what tells scores and boxes; "partial:2" also the last
                two pairs of convolutions of the trunk and what follows; "full" everything; "lora" the heads, and small
                matrices beside the others.
            labels: A word for each kind of thing.
            seed: Of all that is random.

        Returns:
            The new detector; this one stays as it is.

        Raises:
            ValueError: There is no such strategy, no or twice the same label, or this is a finished graph.
        """
        from penstock_models.adapt.strategy import Strategy
        from penstock_models.detection.heads import with_other_labels
        from penstock_models.detection.learner import freeze

        chosen = Strategy.of(strategy)
        if not labels or len(set(labels)) < len(labels):
            raise InvalidValueError(
                f"[adapt] got the labels {list(labels)}; give one or more, each once"
            )
        network = self.network
        assert self.config is not None
        made = with_other_labels(network, self.config, self.labels, labels)
        freeze(made, chosen)
        config = self.config.model_copy(update={"num_classes": len(labels)})
        detector = ObjectDetector(labels, self.input, None, self.preset, config, lambda: made)
        detector.strategy, detector.seed, detector._parent = chosen, seed, self
        return detector

    def take_similar_scores(self, examples: Examples) -> None:
        """Make the scores of labels that the detector before did not know out of those that answer to the same things.

        Args:
            examples: Pictures with boxes of these labels.

        Raises:
            FormatError: A file is no picture.
        """
        from penstock_models.detection import heads, similar

        parent = self._parent
        if parent is None or set(self.labels) <= set(parent.labels):
            return
        assert parent.config is not None
        answers = similar.answers_on_things(
            parent.network, self.scaler, self.anchors, self.reach, examples
        )
        mix = heads.most_alike(answers)
        for row, label in enumerate(self.labels):
            if label in parent.labels:
                mix[row] = np.eye(mix.shape[1])[parent.labels.index(label)]
        heads.mix_scores(self.network, parent.network, parent.config, mix)

    def fit(
        self,
        examples: Examples,
        validation_data: Examples | None = None,
        *,
        callbacks: Sequence[Any] = (),
        checkpoint: Any = None,
        resolved: dict[str, Any] | None = None,
        **choices: Any,
    ) -> History:
        """Train what the strategy of `adapt` says.

        Args:
            examples: Pictures with boxes, of this detector's labels.
            validation_data: What to judge epochs by; the weights of the best one are kept, by AP50. Without it some of
                many examples are held back.
            callbacks: Keras's callbacks.
            checkpoint: A folder that a training which was cut off goes on from.
            resolved: What another training's history has as `resolved`: the same steps are taken again, to the bit.
            choices: Fields of `DetectionRecipe`: epochs, batch_size, learning_rate, time_limit, augment, patience,
                seed ...; None for what suits the strategy.

        Returns:
            Numbers for each epoch, and the steps that were taken.

        Raises:
            ValueError: The labels are not this detector's, a box is none, or there is nothing to learn from.
        """
        from penstock_models.detection.recipe import DetectionRecipe, recipe_for
        from penstock_models.detection.training import train

        if self._parent is None and self.preset is not None:
            raise InvalidValueError(
                '[fit] say what the detector shall find first: detector.adapt("full", labels=[...])'
            )
        if resolved is not None:
            recipe = DetectionRecipe.of(resolved["recipe"])
        else:
            given = {name: value for name, value in choices.items() if value is not None}
            plain = recipe_for(self.strategy).model_dump()
            recipe = DetectionRecipe.of({**plain, "seed": self.seed, **given})
        return train(self, examples, validation_data, recipe, callbacks, checkpoint, resolved)

    def evaluate(self, examples: Examples) -> dict[str, float]:
        """Return how well it finds what is on pictures.

        Args:
            examples: Pictures with boxes; their labels are among this detector's.

        Returns:
            "ap50", average precision where boxes must overlap by half, and "ap", the mean over overlaps from 0.5 to 0.95.

        Raises:
            ValueError: A label is not known, a box is none, or there is nothing on any of the pictures.
        """
        from penstock_models.evaluation import evaluate_detection

        known = self._with_own_numbers(examples)
        made = evaluate_detection(self.found(known.inputs), known.targets, known.labels)
        return {"ap50": made.ap50.value, "ap": made.ap}

    def save(self, folder: str | Path, **facts: Any) -> Path:
        """Save the detector as a folder that serves, and that `from_preset` reads.

        `penstock.load(folder)` takes a picture and returns boxes, scores and classes without this package.

        Args:
            folder: The folder.
            facts: What is known about it, as in `penstock_models.export.save`: name, licence, trained_on, metrics ...

        Returns:
            The folder.

        Raises:
            ValueError: It is a finished graph, or the name is none.
            OSError: The folder cannot be written.
        """
        from penstock_models.detection.saving import save

        return save(self, folder, **facts)

    def _with_own_numbers(self, examples: Examples) -> Examples:
        """Return examples whose classes have this detector's numbers."""
        from penstock_models.detection.checking import check_examples

        check_examples(examples, examples.labels)
        unknown = [label for label in examples.labels if label not in self.labels]
        if unknown:
            raise InvalidValueError(
                f"[evaluate] the detector does not know {unknown}; it knows {self.labels[:10]}: adapt it to these "
                "labels first"
            )
        numbers = np.array([self.labels.index(label) for label in examples.labels])
        targets = [Boxes(b.corners, numbers[np.asarray(b.classes, int)]) for b in examples.targets]
        return Examples("detection", examples.inputs, targets, tuple(self.labels), examples.names)


OUTPUTS = ("boxes", "scores", "classes")


def _as_found(row: Mapping[str, Any]) -> Found:
    boxes, scores, classes = (np.asarray(row[name]) for name in OUTPUTS)
    return Found(boxes, scores, classes)


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> ObjectDetector:
    """Return the detector of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    labels = labels_of(preset, files)
    if preset.architecture is None:
        return ObjectDetector(labels, preset.input, loader.graph(preset, files), preset)
    if hasattr(loader, "config"):  # a file beside the weights says the sizes
        config = loader.config(preset, files)
    else:
        config = architecture.find(preset.architecture).config.of(preset.config)
    assert isinstance(config, DetectorConfig)
    # A file of another program holds the whole graph; a folder of ours has weights alone.
    run = None if preset.loader == "own" else loader.graph(preset, files)
    return ObjectDetector(
        labels, preset.input, run, preset, config, lambda: loader.network(preset, files)
    )
