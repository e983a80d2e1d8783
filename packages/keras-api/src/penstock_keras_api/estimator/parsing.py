"""What readers of examples must give a classifier or a regressor: features, labels and weights."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.feature_column.specs import FixedLenFeature, make_parse_example_spec


def classifier_parse_example_spec(
    feature_columns: Any,
    label_key: str,
    label_dtype: Any = "int64",
    label_default: Any = None,
    weight_column: Any = None,
) -> dict[str, Any]:
    """Say which features examples have for a classifier: those of columns, the label and the weight.

    Args:
        feature_columns: The columns.
        label_key: The label's feature.
        label_dtype: Its dtype: "int64" or "string".
        label_default: What stands for a missing one.
        weight_column: The feature that has the rows' weights: its key, or a numeric column.

    Returns:
        Features by key.

    Raises:
        ValueError: A column reads the label or the weight too.

    >>> from penstock.keras import estimator, feature_column as fc
    >>> sorted(estimator.classifier_parse_example_spec([fc.numeric_column("age")], "income"))
    ['age', 'income']
    """
    label = FixedLenFeature((1,), label_dtype, label_default)
    return _spec(feature_columns, label_key, label, weight_column)


def regressor_parse_example_spec(
    feature_columns: Any,
    label_key: str,
    label_dtype: Any = "float32",
    label_default: Any = None,
    label_dimension: int = 1,
    weight_column: Any = None,
) -> dict[str, Any]:
    """Say which features examples have for a regressor: those of columns, the label and the weight.

    Args:
        feature_columns: The columns.
        label_key: The label's feature.
        label_dtype: Its dtype.
        label_default: What stands for a missing one.
        label_dimension: How many numbers it has.
        weight_column: The feature that has the rows' weights: its key, or a numeric column.

    Returns:
        Features by key.

    Raises:
        ValueError: A column reads the label or the weight too.
    """
    label = FixedLenFeature((label_dimension,), label_dtype, label_default)
    return _spec(feature_columns, label_key, label, weight_column)


def _spec(columns: Any, key: str, label: Any, weight: Any) -> dict[str, Any]:
    made = make_parse_example_spec(columns)
    more = {key: label}
    if weight is not None:
        more |= (
            {weight: FixedLenFeature((1,), "float32", None)}
            if isinstance(weight, str)
            else weight.parse_example_spec
        )
    twice = sorted(set(made) & set(more))
    if twice:
        raise InvalidValueError(
            f"[parse_example_spec] the columns read {', '.join(twice)}, which is the label or the weight; leave it out of "
            "feature_columns"
        )
    return {**made, **more}
