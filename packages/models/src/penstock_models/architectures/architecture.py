"""What an architecture offers: sizes, a backbone, heads, and what published files call its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from penstock.errors import InvalidValueError
from penstock_models.config import Config
from penstock_models.weights.names import Names

# By the name that presets and published configurations use; a module is imported when it is asked for.
MODULES: Mapping[str, str] = {
    "bert": "bert",
    "char_lm": "char_lm",
    "roberta": "bert",
    "distilbert": "distilbert",
    "gpt2": "gpt2",
    "lenet": "lenet",
    "llama": "llama",
    "seq2seq_lstm": "seq2seq_lstm",
    "t5": "t5",
    "transformer": "transformer",
    "vit": "vit",
    "deit": "vit",
    "resnet": "resnet",
    "regnet": "regnet",
    "convnext": "convnext",
    "biaffine_parser": "biaffine_parser",
    "mobilenet_v1": "mobilenet_v1",
    "mobilenet_v2": "mobilenet_v2",
    "ssd_mobilenet_v1": "ssd_mobilenet_v1",
    "yolo": "yolo",
    "squeezenet": "squeezenet",
    "style_predictor": "style_predictor",
    "style_transfer": "style_transfer",
    "deeplab_v3": "deeplab_v3",
    "densenet": "keras_networks",
    "ds_cnn": "ds_cnn",
    "efficientnet": "keras_networks",
    "efficientnet_v2": "keras_networks",
    "inception_resnet_v2": "keras_networks",
    "inception_v3": "keras_networks",
    "mobilenet_v3": "keras_networks",
    "resnet_cifar": "resnet_cifar",
    "rfb": "rfb",
    "resnet_v1": "keras_networks",
    "resnet_v2": "keras_networks",
    "tiny_conv": "tiny_conv",
    "tiny_darknet": "tiny_darknet",
    "vgg": "keras_networks",
    "xception": "keras_networks",
}


@dataclass(frozen=True)
class Architecture:
    """A family of models.

    Args:
        name: Its name.
        config: The class of its sizes.
        backbone: A function of sizes that returns a model whose outputs are "pooled" [batch, width], and "sequence"
            [batch, length, width] or "features" [batch, height, width, channels].
        config_of: A function of a published config.json that returns sizes.
        names: What files in PyTorch's manner call the weights, or a function of sizes that says so.
        heads: Functions of a backbone and its sizes, by what they are for: "tokens", "next_token".

    Raises:
        ValueError: Never here; see `find`.
    """

    name: str
    config: type[Config]
    backbone: Callable[[Any], Any]
    config_of: Callable[[dict[str, Any]], Any]
    names: Names | Callable[[Any], Names]
    heads: Mapping[str, Callable[[Any, Any], Any]] = field(default_factory=dict)


def find(name: str) -> Architecture:
    """Return the architecture of a name.

    Args:
        name: Such as "bert".

    Returns:
        The architecture.

    Raises:
        ValueError: There is none of this name.

    >>> find("bert").config.__name__
    'BertConfig'
    """
    if name not in MODULES:
        raise InvalidValueError(
            f"[architecture] got {name!r}; there are: {', '.join(sorted(MODULES))}"
        )
    module = import_module(f"penstock_models.architectures.{MODULES[name]}")
    if MODULES[name] == "keras_networks":
        family: Architecture = module.of_family(name)
        return family
    found: Architecture = module.ARCHITECTURE
    return found
