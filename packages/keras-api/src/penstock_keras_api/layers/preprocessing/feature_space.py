"""Tables of features as vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import abstract
from penstock_keras_api.layers.core.identity import Identity
from penstock_keras_api.layers.input_layer import Input
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.discretization import Discretization
from penstock_keras_api.layers.preprocessing.encoding import encode
from penstock_keras_api.layers.preprocessing.hashed_crossing import HashedCrossing
from penstock_keras_api.layers.preprocessing.hashing import Hashing
from penstock_keras_api.layers.preprocessing.integer_lookup import IntegerLookup
from penstock_keras_api.layers.preprocessing.normalization import Normalization
from penstock_keras_api.layers.preprocessing.rescaling import Rescaling
from penstock_keras_api.layers.preprocessing.string_lookup import StringLookup
from penstock_keras_api.saving import serialization

_MODES: Final = ("int", "one_hot", "float")


_PLACE: Final = "keras.src.layers.preprocessing.feature_space"  # as Keras's files name it


class Feature:
    """One feature: how it is given, what prepares it, and how it is written.

    Args:
        dtype: Of the input.
        preprocessor: A layer, or its configuration.
        output_mode: "float" as the layer returns it, "int" for its indices, "one_hot" for vectors of them.

    Raises:
        ValueError: There is no such mode.
    """

    _keras_module = _PLACE

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in _MODES:
            raise InvalidValueError(
                f"[FeatureSpace] got output_mode={output_mode!r}; use 'int', 'one_hot' or 'float'"
            )
        if isinstance(preprocessor, dict):
            preprocessor = serialization.deserialize_keras_object(preprocessor, _OWN)
        self.dtype = dtype
        self.preprocessor = preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal feature of."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialization.serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """Make a feature of what `get_config` returned."""
        return cls(**config)


class Cross:
    """Several features as one.

    Args:
        feature_names: Their names.
        crossing_dim: Into how many bins they go.
        output_mode: "int" or "one_hot".

    Raises:
        ValueError: There is no such mode.
    """

    _keras_module = _PLACE

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise InvalidValueError(
                f"[FeatureSpace] got output_mode={output_mode!r} for a cross; use 'int' or 'one_hot'"
            )
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal cross of."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """Make a cross of what `get_config` returned."""
        return cls(**config)


class FeatureSpace(Layer):
    """Turn rows of a table into vectors: each feature in a way of its own, and crosses of them.

    Args:
        features: By name: a kind ("float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed"), or what the methods of
            these names return.
        output_mode: "concat" for one vector of all features in the order of their names, "dict" for one each.
        crosses: Tuples of names, or what `cross` returns.
        crossing_dim: Into how many bins crosses go.
        hashing_dim: Into how many bins hashed features go.
        num_discretization_bins: Into how many ranges discretised features go.
        name: As in `Layer`.

    Raises:
        ValueError: A kind or a mode is not known, a cross names no feature, or indices are to be joined to a vector; in a
            call: a feature is missing, or was not adapted.

    >>> from penstock import keras
    >>> space = keras.utils.FeatureSpace({"age": "float_normalized", "city": "string_categorical"})
    >>> space.adapt({"age": [20.0, 40.0], "city": ["Ulm", "Bonn"]})
    >>> space({"age": [40.0], "city": ["Ulm"]}).tolist()
    [[1.0, 0.0, 1.0, 0.0]]
    """

    _keras_module = "keras.utils"
    _inputs_made: dict[str, Any] | None = None
    _encoded_made: Any = None

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise InvalidValueError("[FeatureSpace] got no features; give a dictionary by name")
        if output_mode not in ("concat", "dict"):
            raise InvalidValueError(
                f"[FeatureSpace] got output_mode={output_mode!r}; use 'concat' or 'dict'"
            )
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {k: self._as_feature(k, features[k]) for k in features}
        self.crosses = [self._as_cross(item) for item in crosses or []]
        if output_mode == "concat":
            self._refuse_indices()
        self.preprocessors = {k: f.preprocessor for k, f in self.features.items()}
        self.crossers = {c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.built = True

    def _as_feature(self, name: str, given: Any) -> Feature:
        if isinstance(given, dict):
            given = serialization.deserialize_keras_object(given, custom_objects=_OWN)
        if isinstance(given, Feature):
            return given
        makers: dict[str, Any] = {
            "float": self.float,
            "float_normalized": self.float_normalized,
            "float_rescaled": self.float_rescaled,
            "float_discretized": lambda name: self.float_discretized(
                self.num_discretization_bins, name=name
            ),
            "integer_categorical": self.integer_categorical,
            "string_categorical": self.string_categorical,
            "integer_hashed": lambda name: self.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda name: self.string_hashed(self.hashing_dim, name=name),
        }
        if not isinstance(given, str) or given not in makers:
            raise InvalidValueError(
                f"[FeatureSpace] got {given!r} for the feature {name!r}; use one of {', '.join(makers)}, or "
                "FeatureSpace.feature(...)"
            )
        made: Feature = makers[given](name=name)
        return made

    def _as_cross(self, given: Any) -> Cross:
        if isinstance(given, dict):
            given = serialization.deserialize_keras_object(given, custom_objects=_OWN)
        made = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        for name in made.feature_names:
            if name not in self.features:
                raise InvalidValueError(
                    f"[FeatureSpace] a cross names {name!r}; the features are {', '.join(self.features)}"
                )
        return made

    def _refuse_indices(self) -> None:
        wrong = [k for k, f in self.features.items() if f.output_mode == "int"]
        wrong += [c.name for c in self.crosses if c.output_mode == "int"]
        if wrong:
            raise InvalidValueError(
                f"[FeatureSpace] {', '.join(wrong)} would be indices, which cannot be joined to a vector; use "
                "output_mode='one_hot' for them, or output_mode='dict' for all"
            )

    # ---- kinds of features

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Describe several features as one; see `Cross`."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Describe a feature that a layer prepares; see `Feature`."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Describe numbers that stay as they are."""
        return Feature("float32", Identity(name=_named(name, "float")), "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """Describe numbers that `Rescaling` prepares."""
        layer = Rescaling(scale, offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Describe numbers that `Normalization` prepares."""
        return Feature("float32", Normalization(name=_named(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Describe numbers that `Discretization` prepares."""
        bins = None if bin_boundaries is not None else num_bins
        layer = Discretization(bin_boundaries, bins, name=_named(name, "float_discretized"))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Describe identifiers that `IntegerLookup` prepares."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named(name, "integer_categorical"))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Describe words that `StringLookup` prepares."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_named(name, "string_categorical"))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Describe words that `Hashing` prepares."""
        return Feature("string", Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Describe identifiers that `Hashing` prepares."""
        return Feature("int32", Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)

    # ---- learning

    def adapt(self, dataset: Any) -> None:
        """Learn means, ranges and vocabularies.

        Args:
            dataset: A dictionary of columns; or what gives such dictionaries, of batches or of rows, again and again. Of
                pairs (features, labels) the features are taken.

        Raises:
            TypeError: The data is nothing of the kind.
        """
        for name, layer in self.preprocessors.items():
            if self._learns(layer):
                layer.adapt(_columns(dataset, name))

    def _learns(self, layer: Any) -> bool:
        given = ("input_mean", "input_bin_boundaries", "input_vocabulary")
        return hasattr(layer, "adapt") and all(getattr(layer, g, None) is None for g in given)

    # ---- calling

    def call(self, data: Any) -> Any:
        """Turn rows, or one row, into vectors."""
        if not isinstance(data, Mapping):
            raise InvalidTypeError(
                f"[{self.name}] got {type(data).__name__}; call it on a dictionary of features"
            )
        missing = [name for name in self.features if name not in data]
        if missing:
            raise InvalidValueError(
                f"[{self.name}] the features {', '.join(missing)} are missing; add them"
            )
        columns = {name: ps.asarray(data[name]) for name in self.features}
        is_row = any(x.ndim == 0 for x in columns.values())
        columns = {name: _column(x) for name, x in columns.items()}
        indices = {name: self.preprocessors[name](x) for name, x in columns.items()}
        made = {name: self._encoded(name, indices[name]) for name in indices}
        for cross in self.crosses:
            crossed = self.crossers[cross.name](
                tuple(ps.cast(indices[name], "int64") for name in cross.feature_names)
            )
            mode = cross.output_mode
            made[cross.name] = encode(crossed, mode, cross.crossing_dim, _dtype(mode, self))
        if self.output_mode == "concat":
            names = [*sorted(indices), *(c.name for c in self.crosses)]
            joined = ps.concat([ps.cast(made[n], self.compute_dtype) for n in names], axis=-1)
            return ps.squeeze(joined, 0) if is_row else joined
        return {n: ps.squeeze(x, 0) for n, x in made.items()} if is_row else made

    def _encoded(self, name: str, x: Any) -> Any:
        feature = self.features[name]
        if feature.output_mode == "float":
            return ps.cast(x, self.compute_dtype)
        if feature.output_mode == "int":
            return x
        return encode(ps.cast(x, "int64"), "one_hot", self._size(name), self.compute_dtype)

    def _size(self, name: str) -> int:
        """Return how many indices a feature has."""
        layer = self.preprocessors[name]
        if hasattr(layer, "vocabulary_size"):
            return int(layer.vocabulary_size())
        if isinstance(layer, Discretization):
            return len(layer.bin_boundaries or []) + 1
        return int(layer.num_bins)

    def compute_output_spec(self, data: Any) -> Any:
        """Return what stands for the output."""
        return abstract.compute_output_spec(self.call, data)

    def get_inputs(self) -> dict[str, Any]:
        """Return what stands for the features, by name: [batch, 1]."""
        if self._inputs_made is None:
            made = {n: Input((1,), dtype=f.dtype, name=n) for n, f in self.features.items()}
            object.__setattr__(self, "_inputs_made", made)
        return self._inputs_made or {}

    def get_encoded_features(self) -> Any:
        """Return what stands for the result of `get_inputs`, to build a model on."""
        if self._encoded_made is None:
            object.__setattr__(self, "_encoded_made", self(self.get_inputs()))
        return self._encoded_made

    # ---- keeping

    def save(self, filepath: Any) -> None:
        """Save the layer as a file, as `keras.saving.save_model` saves models."""
        from penstock_keras_api import saving

        saving.save_model(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        serialize = serialization.serialize_keras_object
        return {
            "features": {name: serialize(f) for name, f in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [serialize(cross) for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureSpace:
        """Make a layer of what `get_config` returned."""
        return cls(**config)


_OWN: Final[dict[str, Any]] = {"Feature": Feature, "Cross": Cross, "TFDIdentity": Identity}


def _dtype(mode: str, layer: Layer) -> str:
    return "int64" if mode == "int" else layer.compute_dtype


def _named(name: str | None, kind: str) -> str:
    return f"{name or kind}_preprocessor"


def _column(x: Any) -> Any:
    """Make a column [rows, 1] of a value or of values."""
    if x.ndim == 0:
        return ps.reshape(x, (1, 1))
    return ps.expand_dims(x, -1) if x.ndim == 1 else x


def _columns(dataset: Any, name: str) -> Iterator[Any]:
    """Go through the batches of one feature: [rows, 1] each."""
    for item in [dataset] if isinstance(dataset, Mapping) else dataset:
        row = item[0] if isinstance(item, tuple) else item
        if not isinstance(row, Mapping):
            raise InvalidTypeError(
                f"[FeatureSpace.adapt] got {type(row).__name__}; give a dictionary of columns, or a dataset of such"
            )
        if name not in row:
            raise InvalidValueError(
                f"[FeatureSpace.adapt] the data has no feature {name!r}; add it"
            )
        yield _column(
            ps.asarray(np.asarray(row[name]) if isinstance(row[name], list) else row[name])
        ).numpy()
