"""What a saved graph computes: from what a user has (pixels, samples, text) to probabilities."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_models.adapt.sounds import SECONDS
from penstock_models.data import Examples
from penstock_models.evaluation import Found, Interval, evaluate_detection, share_interval
from penstock_models.preprocessing import read_audio, read_image

Compute = Callable[[Any], Any]
MOST_JUDGED = 500


def probabilities_of(logits: Any) -> dict[str, Any]:
    """Return "probabilities" [labels] of the logits [1, labels] of one example."""
    return {"probabilities": ps.nn.softmax(logits)[0]}


def share_of_right(answer: Compute, examples: Examples) -> Interval:
    """Return how often the most probable label is right.

    Args:
        answer: From an example's input to "probabilities".
        examples: With labels.

    Returns:
        The share, with its interval.

    Raises:
        ValueError: There are no examples.
    """
    best = [int(answer(one)["probabilities"].numpy().argmax()) for one in examples.inputs]
    return share_interval(np.array(best) == np.asarray(examples.targets))


@dataclass(frozen=True)
class Serving:
    """A model cut where its preprocessing ends.

    Args:
        takes: The name, dtype and shape of what a user gives: one example; sizes that vary have names.
        prepare: From a tensor of it to the network's input [1, ...].
        compute: The network: from [batch, ...] to logits [batch, labels], or what else `finish` takes.
        batch_of: From examples' inputs, as in `Examples`, to the network's input.
        golden: Two examples of what a user gives.
        read: From an example's input, as in `Examples`, to what a user gives.
        finish: From what `compute` returns for one example to what a user gets.
        score: How good answers to examples are: a function of what answers them, and of the examples.

    Raises:
        ValueError: Never here.
    """

    takes: tuple[str, str, tuple[Any, ...]]
    prepare: Compute
    compute: Compute
    batch_of: Callable[[Sequence[Any]], Any]
    golden: tuple[Any, Any]
    read: Callable[[Any], Any] = lambda given: given
    finish: Callable[[Any], dict[str, Any]] = probabilities_of
    score: Callable[[Compute, Examples], Interval] = share_of_right

    def function(self, compute: Compute | None = None) -> Callable[[Any], dict[str, Any]]:
        """Return a function of one example, for tracing.

        Args:
            compute: In place of the model's own: the same in integers.

        Returns:
            A function that returns what a user gets.
        """
        network = compute or self.compute

        def answer(example: Any) -> dict[str, Any]:
            return self.finish(network(self.prepare(example)))

        # The argument has the name of what it is: that is what a saved graph's users see.
        named = inspect.Parameter(self.takes[0], inspect.Parameter.POSITIONAL_OR_KEYWORD)
        answer.__signature__ = inspect.Signature([named])  # type: ignore[attr-defined]
        return answer

    @property
    def signature(self) -> dict[str, Any]:
        """What `penstock.save` needs to know of `function`."""
        name, dtype, shape = self.takes
        return {name: (dtype, shape)}

    def judge(self, graph: Any, examples: Examples, most: int = MOST_JUDGED) -> Interval:
        """Return how good a saved graph's answers are.

        Args:
            graph: Of `function`.
            examples: What to ask it.
            most: How many of them are enough; they are taken at even distances.

        Returns:
            Accuracy, or AP50 of a detector, with its interval.

        Raises:
            ValueError: There are no examples.
        """
        return self.score(lambda one: graph(self.read(one)), evenly(examples, most))


def evenly(examples: Examples, most: int) -> Examples:
    """Return at most so many of the examples, at even distances.

    >>> few = Examples("text", list("abcde"), [0] * 5, ("x",), list("12345"))
    >>> evenly(few, 3).inputs
    ['a', 'c', 'e']
    """
    if len(examples) <= most:
        return examples
    return examples.subset(np.linspace(0, len(examples) - 1, most).round().astype(int).tolist())


def serving(model: Any) -> Serving:
    """Return how a model serves.

    Args:
        model: A classifier.

    Returns:
        Its parts.

    Raises:
        ValueError: Models of this kind cannot be saved yet.
    """
    own = getattr(model, "serving", None)
    if own is not None:
        made: Serving = own()
        return made
    if hasattr(type(model), "suppression"):
        return _of_detector(model)
    kind = str(getattr(getattr(model, "input", None), "kind", None))
    if kind not in KINDS or getattr(model, "adapted", None) is None:
        raise InvalidValueError(
            f"[save] {type(model).__name__} cannot be saved as a graph; give what model.adapt(...) returns"
        )
    return KINDS[kind](model)


def _of_pictures(model: Any) -> Serving:
    finished = needs_finished_graph(model)
    scaler = model.scaler if finished else model.network_scaler
    channels = model.input.channels
    rng = np.random.default_rng(0)

    def compute(batch: Any) -> Any:
        made = model._run(batch) if finished else model.network(batch, training=False)
        return made["logits"]

    return Serving(
        ("image", "uint8", ("height", "width", channels)),
        lambda image: scaler(image[None]),
        compute,
        lambda images: model.prepare(list(images)),
        (
            rng.integers(0, 256, (48, 64, channels), np.uint8),
            rng.integers(0, 256, (71, 53, channels), np.uint8),
        ),
        lambda image: read_image(image, channels),
    )


def _of_sounds(model: Any) -> Serving:
    if needs_finished_graph(model):
        raise InvalidValueError(
            "[save] the model is a head on a finished graph of sounds, which cannot be saved; adapt a preset that names an "
            "architecture"
        )
    length = int(model.rate * SECONDS)
    rng = np.random.default_rng(0)

    def prepare(samples: Any) -> Any:
        whole = ps.concat([samples, ps.zeros((length,))], axis=0)[
            :length
        ]  # cut off, or filled up with silence
        return whole[None] if model.scaler is None else model.scaler(whole[None])

    return Serving(
        ("samples", "float32", ("samples",)),
        prepare,
        lambda batch: model.network(batch, training=False)["logits"],
        lambda sounds: model.featured(model.prepare(list(sounds))),
        (
            rng.uniform(-0.5, 0.5, length).astype(np.float32),
            rng.uniform(-0.1, 0.1, length // 2).astype(np.float32),
        ),
        lambda sound: read_audio(sound, model.rate, SECONDS),
    )


def _of_detector(model: Any) -> Serving:
    rng = np.random.default_rng(0)

    def score(answer: Compute, examples: Examples) -> Interval:
        found = []
        for one in examples.inputs:
            made = {name: value.numpy() for name, value in answer(one).items()}
            kept = int(made["count"])
            found.append(Found(*(made[name][:kept] for name in ("boxes", "scores", "classes"))))
        return evaluate_detection(found, examples.targets, examples.labels).ap50

    return Serving(
        ("image", "uint8", ("height", "width", 3)),
        lambda image: model.scaler(image[None]),
        lambda batch: model.network(batch, training=False),
        lambda images: ps.concat(
            [model.scaler(read_image(image)[None]) for image in images], axis=0
        ),
        (
            rng.integers(0, 256, (48, 64, 3), np.uint8),
            rng.integers(0, 256, (71, 53, 3), np.uint8),
        ),
        read_image,
        lambda said: {name: value[0] for name, value in model.suppression(said).items()},
        score,
    )


def needs_finished_graph(model: Any) -> bool:
    """Say whether a model is a head on the answers of a graph that cannot be trained."""
    return model._make_network is None


KINDS: Mapping[str, Callable[[Any], Serving]] = {"image": _of_pictures, "audio": _of_sounds}
