"""Style transfer in two files: one reads a style, one paints with it.

Ghiasi et al., 2017, https://arxiv.org/abs/1705.06830.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock_models.architectures import style_predictor, style_transfer
from penstock_models.loaders.tflite import Weights, fill_in_order, weights_in_order
from penstock_models.presets.schema import Preset

# The painter's sizes in the published files.
PAINTER = style_transfer.StyleTransferConfig(
    widths=(8, 16, 32), num_blocks=5, code_width=100, code_bias=True, folded_start=True, padding="mirror",
    enlarging="nearest", output="sigmoid", epsilon=1e-5,
)  # fmt: skip


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any, Any], dict[str, Any]]:
    """Return a function of a scaled picture and a scaled style that returns "image" [1, height, width, 3].

    Args:
        preset: The preset.
        files: Has "predict" and "transfer".

    Returns:
        The function.

    Raises:
        FormatError: A file is damaged.
    """
    predict, transfer = ps.load(files["predict"]), ps.load(files["transfer"])
    return lambda content, style: {"image": transfer(content, predict(style))}


def networks(files: Mapping[str, Path]) -> tuple[keras.Model, keras.Model]:
    """Return both networks with the files' weights, ready to be trained further.

    Args:
        files: As in `graph`.

    Returns:
        The network that reads a style, pictures to "style" [batch, 100]; and the one that paints, "images" and "style" to
        "image".

    Raises:
        FormatError: A file is damaged, or is of another network.
    """
    predictor = style_predictor.backbone(style_predictor.StylePredictorConfig(folded=True))
    fill_in_order(predictor, weights_in_order(files["predict"]))
    painter = style_transfer.backbone(PAINTER)
    _fill_painter(painter, weights_in_order(files["transfer"]))
    return predictor, painter


def _fill_painter(painter: keras.Model, weights: list[Weights]) -> None:
    """Give the painter the file's weights, by the names of its layers there."""
    names = {w.name.removeprefix("style_params/").rpartition("/")[0]: w for w in weights}
    for layer in painter.layers:
        if not layer.weights:
            continue
        theirs = _published(layer.name)
        if layer.name.endswith("_norm"):
            shift, scale = (
                _of(names, f"{theirs}/StyleNorm/Conv"),
                _of(names, f"{theirs}/StyleNorm/Conv_1"),
            )
            values = [scale.kernel[0, 0], shift.kernel[0, 0], scale.bias, shift.bias]
        else:
            found = _of(names, theirs)
            # Before a norm, what is added to a channel is taken away again.
            values = [found.kernel, found.bias][: len(layer.weights)]
        layer.set_weights(values)


def _published(name: str) -> str:
    """Return the file's name of the painter's layer."""
    kind, *rest = name.removesuffix("_norm").split("_")
    if kind == "down":
        return f"transformer/contract/conv{int(rest[0]) + 1}"
    if kind == "block":
        return f"transformer/residual/residual{int(rest[0]) + 1}/conv{int(rest[2]) + 1}"
    return f"transformer/expand/conv{int(rest[0]) + 1 if kind == 'up' else 3}/conv"


def _of(names: Mapping[str, Weights], name: str) -> Weights:
    if name not in names:
        raise FormatError(f"[arbitrary_style] the file has no {name}; give the published one")
    return names[name]
