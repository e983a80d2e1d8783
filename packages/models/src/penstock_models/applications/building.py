"""What the builders of published networks share: their arguments, input, head and weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.errors import MissingFileError

layers = keras.layers

_DOCUMENTATION = """Return {what}.

    Args:
        include_top: Whether there is a head that tells classes.
        weights: None for random ones, the path of a file that `save_weights` wrote, or "imagenet" for those that were
            published, if they are on this machine.
        input_tensor: A tensor to build on.
        input_shape: (height, width, channels) of the pictures.
        pooling: Without a head: None for features [batch, height, width, channels], "avg" or "max" for one vector.
        classes: How many classes the head tells.
        classifier_activation: The head's activation; None returns logits.{more}
        name: The model's name.

    Returns:
        The model.

    Raises:
        ValueError: An argument is not understood, or does not go with another.
        FileNotFoundError: The published weights are not on this machine.
    """
PREPROCESSING = """
        include_preprocessing: Whether the model itself scales pixels from 0 to 255."""


@dataclass(frozen=True)
class Options:
    """What every builder is told; see the builders."""

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Sequence[int | None] | None
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str
    include_preprocessing: bool = True


Body = Callable[[Options], keras.Model]


def network(title: str, name: str, what: str, body: Body) -> Callable[..., keras.Model]:
    """Return a builder with the arguments that most have."""

    def build(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = name,
    ) -> keras.Model:
        return body(
            Options(
                include_top, weights, input_tensor, input_shape, pooling, classes,
                classifier_activation, name,
            )
        )  # fmt: skip

    return named(build, title, what)


def named(
    build: Callable[..., keras.Model], title: str, what: str, more: str = ""
) -> Callable[..., keras.Model]:
    """Give a builder its name and documentation; it is in the module that calls this."""
    build.__name__ = build.__qualname__ = title
    build.__doc__ = _DOCUMENTATION.format(what=what, more=more)
    return build


def image_input(o: Options, size: int, least: int = 32, fixed: bool = True) -> Any:
    """Return where pictures come in.

    Args:
        o: What the builder was told.
        size: The usual height and width.
        least: The smallest height and width.
        fixed: Whether a network with a head has the usual size if none is said.

    Returns:
        A symbolic tensor.

    Raises:
        ValueError: The shape is not that of pictures, or too small.
    """
    if o.input_tensor is not None:
        return o.input_tensor
    shape = o.input_shape
    if shape is None:
        side = size if o.include_top and fixed else None
        return layers.Input((side, side, 3))
    if len(shape) != 3:
        raise InvalidValueError(
            f"[{o.name}] got input_shape={tuple(shape)}; expected (height, width, channels)"
        )
    if any(side is not None and side < least for side in shape[:2]):
        raise InvalidValueError(
            f"[{o.name}] got input_shape={tuple(shape)}; height and width must be at least {least}"
        )
    return layers.Input(tuple(shape))


def pooled(x: Any, o: Options) -> Any:
    """Return what a network without its head ends in.

    Raises:
        ValueError: `pooling` is neither None, "avg" nor "max".
    """
    if o.pooling is None:
        return x
    kinds = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    if o.pooling not in kinds:
        raise InvalidValueError(f"[{o.name}] got pooling={o.pooling!r}; use None, 'avg' or 'max'")
    return kinds[o.pooling]()(x)


def classified(x: Any, o: Options, dropout: float = 0.0, drop_name: str | None = None) -> Any:
    """Return scores of the classes: from the mean over places, by one product."""
    if not o.include_top:
        return pooled(x, o)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name=drop_name)(x)
    return layers.Dense(o.classes, activation=o.classifier_activation, name="predictions")(x)


def halving_padding(x: Any, kernel_size: int = 3) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros around a picture with which a window that moves by 2 sees what it sees in TensorFlow.

    Args:
        x: [batch, height, width, channels].
        kernel_size: The window's size, an odd number.

    Returns:
        How many above and below, left and right.

    Raises:
        IndexError: x has no height and width.

    >>> halving_padding(layers.Input((8, 9, 3)))
    ((0, 1), (1, 1))
    """
    after = kernel_size // 2
    above, left = (after - (1 - (side or 0) % 2) for side in x.shape[1:3])
    return ((above, after), (left, after))


def finished(inputs: Any, outputs: Any, o: Options) -> keras.Model:
    """Return the model, with its weights if there are any.

    Raises:
        ValueError: The published weights have another number of classes.
        MissingFileError: They are not on this machine.
        FormatError: The file does not fit.
    """
    if o.weights == "imagenet" and o.include_top and o.classes != 1000:
        raise InvalidValueError(
            f"[{o.name}] the published weights have 1000 classes, not {o.classes}; use include_top=False, or weights=None"
        )
    source = inputs
    if o.input_tensor is not None:
        several = keras.utils.get_source_inputs(inputs)
        source = several[0] if len(several) == 1 else several
    model = keras.Model(source, outputs, name=o.name)
    if o.weights is not None:
        model.load_weights(_published(o))
    return model


def _published(o: Options) -> Path:
    if o.weights != "imagenet":
        return Path(o.weights)
    file = f"{o.name}{'' if o.include_top else '_notop'}.weights.h5"
    for folder in (os.environ.get("PENSTOCK_MIRROR"), Path.home() / ".keras"):
        if folder and (found := Path(folder) / "keras_applications" / file).is_file():
            return found
    raise MissingFileError(
        f"[{o.name}] the published weights are not on this machine: there is no keras_applications/{file} in the folder that "
        "PENSTOCK_MIRROR names. Give weights=None for random ones, or the path of a file that save_weights wrote; "
        "penstock.models.list_presets() has networks with weights of their own"
    )
