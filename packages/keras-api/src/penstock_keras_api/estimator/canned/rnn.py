"""Recurrent estimators: sequences of features, and what follows from their end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import context, layers
from penstock_keras_api.estimator.canned.builders import (
    check_head,
    classifier_head,
    model_function,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head
from penstock_keras_api.estimator.optimizing import get_optimizer
from penstock_keras_api.feature_column import (
    DenseFeatures,
    SequenceFeatures,
    concatenate_context_input,
)

_CELLS = {"simple_rnn": layers.SimpleRNNCell, "lstm": layers.LSTMCell, "gru": layers.GRUCell}


class RNNEstimator(Estimator):
    """A recurrent layer on sequences, with a head.

    Args:
        head: What the last numbers mean.
        sequence_feature_columns: Sequence columns; see `feature_column.SequenceFeatures`.
        context_feature_columns: Dense columns, which stand beside every step.
        units: The sizes of the layers.
        cell_type: "simple_rnn", "lstm" or "gru", or a class of cells.
        rnn_cell_fn: Or a function that makes a cell.
        return_sequences: Only False: an answer for the whole sequence.
        model_dir: As in `Estimator`.
        optimizer: A name, which gets a rate of 0.05 and gradients of a norm of at most 5; or an optimizer.
        config: As in `Estimator`.

    Raises:
        TypeError: The head or a column is none.
        ValueError: Both or none of `units` and `rnn_cell_fn` are given, or the cell is unknown.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> words = fc.sequence_categorical_column_with_identity("words", 4)
    >>> model = estimator.RNNEstimator(
    ...     estimator.BinaryClassHead(), [fc.embedding_column(words, 4)], units=[8], cell_type="gru"
    ... )
    >>> data = {"words": np.array([[1, 2, 3], [2, -1, -1]])}, np.array([1, 0])
    >>> model.train(lambda: data, steps=60).evaluate(lambda: data)["accuracy"]
    1.0
    """

    def __init__(
        self,
        head: Head,
        sequence_feature_columns: Any,
        context_feature_columns: Any = None,
        units: Sequence[int] | None = None,
        cell_type: Any = "simple_rnn",
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: Any = None,
        optimizer: Any = "Adagrad",
        config: Any = None,
    ) -> None:
        if (units is None) == (rnn_cell_fn is None):
            raise InvalidValueError(
                f"[RNNEstimator] got units={units} and rnn_cell_fn={rnn_cell_fn}; give one of them: units=[32]"
            )
        if isinstance(cell_type, str) and cell_type not in _CELLS:
            raise InvalidValueError(
                f"[RNNEstimator] got cell_type={cell_type!r}; use {', '.join(map(repr, _CELLS))}, or a class of cells"
            )
        if return_sequences:
            raise InvalidValueError(
                "[RNNEstimator] answers for each step are not available here; write a model_fn with keras.layers.RNN("
                "cell, return_sequences=True)"
            )
        SequenceFeatures(sequence_feature_columns)  # refuses other columns now
        sequences, beside = list(sequence_feature_columns), list(context_feature_columns or [])
        sizes = list(units or [])

        def cell() -> Any:
            if rnn_cell_fn is not None:
                return rnn_cell_fn()
            make = _CELLS[cell_type] if isinstance(cell_type, str) else cell_type
            cells = [make(size) for size in sizes]
            return cells[0] if len(cells) == 1 else layers.StackedRNNCells(cells)

        def part(features: Mapping[str, Any], count: int, training: bool) -> tuple[Any, list[Any]]:
            made: list[Any] = [SequenceFeatures(sequences, name="sequence_input")]
            with context.scope("rnn"):
                x, lengths = made[0](dict(features))
                if beside:
                    made.append(DenseFeatures(beside, name="context_input"))
                    x = concatenate_context_input(made[-1](dict(features)), x)
                steps = ps.cumsum(ps.ones_like(x[:, :, 0], "int64"), axis=1)
                mask = steps <= ps.expand_dims(lengths, -1)
                made += [layers.RNN(cell(), name="rnn"), layers.Dense(count, name="logits")]
                y = made[-1](made[-2](x, mask=mask, training=training))
            return y, [v for layer in made for v in layer.trainable_variables]

        function = model_function(check_head(head), [(part, _with_clipping(optimizer), None)])
        super().__init__(function, model_dir, config)


def _with_clipping(optimizer: Any) -> Any:
    """Bound the gradients of an optimizer that is a name."""
    if not isinstance(optimizer, str):
        return optimizer
    made = get_optimizer(optimizer, 0.05)
    return type(made).from_config({**made.get_config(), "clipnorm": 5.0})


class RNNClassifier(RNNEstimator):
    """A recurrent layer for classes of sequences.

    Args:
        sequence_feature_columns: As in `RNNEstimator`.
        context_feature_columns: As there.
        units: As there.
        cell_type: As there.
        rnn_cell_fn: As there.
        return_sequences: As there.
        model_dir: As in `Estimator`.
        n_classes: How many classes there are.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        optimizer: As in `RNNEstimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        sequence_mask: Kept for compatibility: sequences know their lengths.
        config: As in `Estimator`.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        sequence_feature_columns: Any,
        context_feature_columns: Any = None,
        units: Sequence[int] | None = None,
        cell_type: Any = "simple_rnn",
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        optimizer: Any = "Adagrad",
        loss_reduction: str = "sum_over_batch_size",
        sequence_mask: str = "sequence_mask",
        config: Any = None,
    ) -> None:
        super().__init__(
            classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            sequence_feature_columns,
            context_feature_columns,
            units,
            cell_type,
            rnn_cell_fn,
            return_sequences,
            model_dir,
            optimizer,
            config,
        )
