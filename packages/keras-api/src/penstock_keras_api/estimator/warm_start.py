"""First values out of another training's checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import penstock as ps
from penstock.errors import CheckpointError, InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator import checkpoints


class VocabInfo(NamedTuple):
    """Vocabularies whose words differ: rows of a variable are found by word, and new words begin anew.

    Args:
        new_vocab: The file of words of the new model.
        new_vocab_size: How many of them it uses.
        num_oov_buckets: How many rows for other words follow.
        old_vocab: The file of words of the checkpoint.
        old_vocab_size: How many of them it used; -1 for all.
        backup_initializer: Kept for compatibility: new words have the model's own first values.
        axis: Which axis belongs to words.
    """

    new_vocab: str
    new_vocab_size: int
    num_oov_buckets: int
    old_vocab: str
    old_vocab_size: int = -1
    backup_initializer: Any = None
    axis: int = 0


class WarmStartSettings(NamedTuple):
    """Which variables take their first values out of a checkpoint.

    Args:
        ckpt_to_initialize_from: A checkpoint, or a model_dir.
        vars_to_warm_start: Patterns of names, of trainable variables; None for none but those of vocabularies.
        var_name_to_vocab_info: Vocabularies by the names of variables.
        var_name_to_prev_var_name: Names in the checkpoint, by names in the model.
    """

    ckpt_to_initialize_from: Any
    vars_to_warm_start: str | Sequence[str] | None = ".*"
    var_name_to_vocab_info: Mapping[str, VocabInfo] | None = None
    var_name_to_prev_var_name: Mapping[str, str] | None = None


def warm_start(settings: WarmStartSettings, variables: Mapping[str, ps.Variable]) -> list[str]:
    """Give variables first values out of a checkpoint.

    Args:
        settings: Which ones.
        variables: The model's, by name.

    Returns:
        The names of those that got one.

    Raises:
        TypeError: The settings are none.
        ValueError: A variable that is named does not exist, or has another shape.
        CheckpointError: There is no checkpoint, or a variable is not in it.
    """
    if not isinstance(settings, WarmStartSettings):
        raise InvalidTypeError(
            f"[Estimator] got warm_start_from={settings!r}; expected a path, or WarmStartSettings(path)"
        )
    saved = checkpoints.read(settings.ckpt_to_initialize_from)
    names = dict(settings.var_name_to_prev_var_name or {})
    vocabularies = dict(settings.var_name_to_vocab_info or {})
    unknown = sorted((set(names) | set(vocabularies)) - set(variables))
    if unknown:
        raise InvalidValueError(
            f"[WarmStartSettings] the model has no variable {', '.join(unknown)}; it has {', '.join(sorted(variables))}"
        )
    chosen = [name for name in variables if _is_chosen(settings, variables[name], name)]
    for name in dict.fromkeys([*chosen, *vocabularies]):
        old = names.get(name, name)
        if old not in saved:
            raise CheckpointError(
                f"[WarmStartSettings] {settings.ckpt_to_initialize_from} has no variable {old!r}; name the one to take: "
                f"var_name_to_prev_var_name={{{name!r}: '...'}}, or leave it out of vars_to_warm_start"
            )
        _start(variables[name], name, saved[old].numpy(), vocabularies.get(name))
    return list(dict.fromkeys([*chosen, *vocabularies]))


def _is_chosen(settings: WarmStartSettings, variable: ps.Variable, name: str) -> bool:
    patterns = settings.vars_to_warm_start
    if patterns is None or not _is_weight(variable, name):
        return False
    each = [patterns] if isinstance(patterns, str) else patterns
    return any(re.search(pattern, name) for pattern in each)


def _is_weight(variable: ps.Variable, name: str) -> bool:
    return bool(variable._handle.trainable) and name != "global_step"


def _start(variable: ps.Variable, name: str, value: Any, vocabulary: VocabInfo | None) -> None:
    with ps.graph.eagerly():
        if vocabulary is not None:
            value = _by_word(np.asarray(variable._handle.read().numpy()).copy(), value, vocabulary)
        if tuple(value.shape) != tuple(variable.shape):
            raise InvalidValueError(
                f"[WarmStartSettings] {name} has shape {tuple(variable.shape)}, the checkpoint {tuple(value.shape)}; leave "
                "it out of vars_to_warm_start, or say its vocabularies: var_name_to_vocab_info"
            )
        ps.Variable.assign(variable, value)


def _by_word(new: Any, old: Any, info: VocabInfo) -> Any:
    """Put the rows of known words into their new places."""
    before = list(ps.lookup.read_vocabulary(info.old_vocab))
    if info.old_vocab_size >= 0:
        before = before[: info.old_vocab_size]
    place: Callable[[bytes], int | None] = {word: n for n, word in enumerate(before)}.get
    new, old = np.moveaxis(new, info.axis, 0), np.moveaxis(np.asarray(old), info.axis, 0)
    after = ps.lookup.read_vocabulary(info.new_vocab)[: info.new_vocab_size]
    for number, word in enumerate(after):
        known = place(word)
        if known is not None:
            new[number] = old[known]
    return np.moveaxis(new, 0, info.axis)
