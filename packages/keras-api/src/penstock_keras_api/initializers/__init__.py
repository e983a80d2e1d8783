"""Initializers: what makes the first values of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_keras_api import _lookup
from penstock_keras_api.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from penstock_keras_api.initializers.initializer import Initializer
from penstock_keras_api.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from penstock_keras_api.saving import serialization

_CLASSES = (
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones, Orthogonal,
    RandomNormal, RandomUniform, STFT, TruncatedNormal, VarianceScaling, Zeros,
)  # fmt: skip
_KNOWN = _lookup.names_of(_CLASSES) | {
    "uniform": RandomUniform, "normal": RandomNormal, "orthogonal": Orthogonal, "zero": Zeros, "one": Ones,
    "identity": Identity, "IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "stft": STFT,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return an initializer: of a name, a configuration, a class, or itself.

    Args:
        identifier: "he_normal", {"class_name": ..., "config": ...}, an `Initializer`, a function, or a tensor.

    Returns:
        A function of a shape and a dtype; None for None.

    Raises:
        ValueError: It stands for none.

    >>> get("he_normal").mode
    'fan_in'
    """
    if hasattr(identifier, "dtype") and not callable(identifier):
        return Constant(identifier)
    found = _lookup.find("initializer", identifier, _KNOWN)
    # Each variable draws numbers of its own.
    is_shared = isinstance(identifier, Initializer) and getattr(identifier, "_init_seed", 0) is None
    return found.clone() if is_shared else found


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Return an initializer as plain data."""
    return dict(serialization.serialize_keras_object(initializer))


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make an initializer of plain data."""
    return _lookup.find("initializer", config, _KNOWN, custom_objects=custom_objects)


OrthogonalInitializer = Orthogonal
IdentityInitializer = Identity
STFTInitializer = STFT
constant, glorot_normal, glorot_uniform = Constant, GlorotNormal, GlorotUniform
he_normal, he_uniform, identity = HeNormal, HeUniform, Identity
lecun_normal, lecun_uniform, ones = LecunNormal, LecunUniform, Ones
orthogonal, random_normal, random_uniform = Orthogonal, RandomNormal, RandomUniform
stft, truncated_normal, variance_scaling, zeros = STFT, TruncatedNormal, VarianceScaling, Zeros

__all__ = [
    "STFT", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "IdentityInitializer",
    "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer", "RandomNormal",
    "RandomUniform", "STFTInitializer", "TruncatedNormal", "VarianceScaling", "Zeros", "constant", "deserialize",
    "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform",
    "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft", "truncated_normal",
    "variance_scaling", "zeros",
]  # fmt: skip
