"""What a feature is in a serialized example: so many values, or any number of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.records import FixedLenFeature, VarLenFeature

if TYPE_CHECKING:
    from penstock_keras_api.feature_column.base import FeatureColumn


def make_parse_example_spec(feature_columns: Iterable[FeatureColumn]) -> dict[str, Any]:
    """Say which features columns read, as readers of examples want to know it.

    Args:
        feature_columns: Columns.

    Returns:
        A `FixedLenFeature` or `VarLenFeature` by key.

    Raises:
        TypeError: One is no column.
        ValueError: Two columns read one feature in different ways.

    >>> from penstock.keras import feature_column as fc
    >>> make_parse_example_spec([fc.numeric_column("age")])
    {'age': FixedLenFeature(shape=(1,), dtype='float32', default_value=None)}
    """
    from penstock_keras_api.feature_column.base import FeatureColumn

    made: dict[str, Any] = {}
    for column in feature_columns:
        if not isinstance(column, FeatureColumn):
            raise InvalidTypeError(
                f"[make_parse_example_spec] got {column!r}; expected feature columns: feature_column.numeric_column('age')"
            )
        for key, spec in column.parse_example_spec.items():
            if made.setdefault(key, spec) != spec:
                raise InvalidValueError(
                    f"[make_parse_example_spec] two columns read the feature {key!r}, once as {made[key]} and once as "
                    f"{spec}; give them the same dtype and shape"
                )
    return made


__all__ = ["FixedLenFeature", "VarLenFeature", "make_parse_example_spec"]
