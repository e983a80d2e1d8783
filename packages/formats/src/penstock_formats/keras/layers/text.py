"""Preprocessing of words: vocabularies, hashing, text to numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import lookup, ops, strings
from penstock_formats.keras._call import is_one
from penstock_formats.keras._problems import damaged, problem
from penstock_formats.keras._registry import layer
from penstock_formats.keras.layers.preprocessing import encoded

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_PUNCTUATION: Final = r"[!\"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"


@layer("StringLookup")
def _(call: Call, x: Tensor) -> Tensor:
    return _looked_up(call, x, _words(call), str(call.get("oov_token", "[UNK]")))


@layer("IntegerLookup")
def _(call: Call, x: Tensor) -> Tensor:
    words = [int(word) for word in _words(call)]
    return _looked_up(call, ops.cast(x, "int64"), words, call.get("oov_token", -1))


@layer("Hashing")
def _(call: Call, x: Tensor) -> Tensor:
    bins, masked = call.integer("num_bins"), call.get("mask_value", None)
    texts = x if x.dtype == "string" else ops.as_string(x)
    room = bins - (masked is not None)
    salt = call.get("salt", None)
    if salt is None:
        numbers = strings.to_hash_bucket_fast(texts, room)
    else:
        key = salt if isinstance(salt, list) else [salt, salt]
        numbers = strings.to_hash_bucket_strong(texts, room, key)
    if masked is not None:
        numbers = ops.where(x == masked, 0, numbers + 1)
    return encoded(call, numbers, bins)


@layer("TextVectorization")
def _(call: Call, x: Tensor) -> Tensor:
    call.refuse(ragged=False, sparse=False, encoding="utf-8")
    if x.ndim > 1 and is_one(x.shape[-1]):
        x = ops.squeeze(x, -1)
    length = call.get("output_sequence_length", None)
    mode = str(call.get("output_mode", "int"))
    if type(length) is not int:
        raise problem(
            f"{call} makes as many numbers as a text has words, which a graph cannot know",
            "give it output_sequence_length=... in Keras",
        )
    if call.get("ngrams", None) is not None or mode != "int":
        raise call.unsupported("ngrams, or another output_mode than 'int'")
    parts = _split(call, _standardized(call, x), length)
    words = [word for word in _words(call) if word not in ("", "[UNK]")]
    known = lookup.StaticHashTable(words, np.arange(2, len(words) + 2), 1)(parts)
    return ops.where(parts == "", 0, known)


def _standardized(call: Call, x: Tensor) -> Tensor:
    mode = call.config.get("standardize", "lower_and_strip_punctuation")
    if mode not in (None, "lower", "strip_punctuation", "lower_and_strip_punctuation"):
        raise call.unsupported(f"standardize={mode!r:.60}")
    if mode in ("lower", "lower_and_strip_punctuation"):
        x = strings.lower(x)
    if mode in ("strip_punctuation", "lower_and_strip_punctuation"):
        x = strings.regex_replace(x, _PUNCTUATION, "")
    return x


def _split(call: Call, x: Tensor, length: int) -> Tensor:
    mode = call.config.get("split", "whitespace")
    if mode == "whitespace":
        return strings.split(x, size=length)[0]
    if mode == "character":
        return strings.unicode_split(x, size=length)[0]
    raise call.unsupported(f"split={mode!r:.60}")


def _words(call: Call) -> list[Any]:
    """Read the vocabulary: from the settings, or from the archive's file."""
    words = call.get("vocabulary", None)
    data = call.holder.assets.get("vocabulary.txt")
    if isinstance(words, list):
        return words
    if data is not None:
        return data.decode("utf-8").splitlines()
    raise damaged(f"{call} has no vocabulary")


def _looked_up(call: Call, x: Tensor, words: list[Any], unknown: Any) -> Tensor:
    mask, buckets = call.get("mask_token", None), call.integer("num_oov_indices", 1)
    mode = str(call.get("output_mode", "int"))
    special = [mask] if mask is not None and mode == "int" else []
    words = [word for word in words if word != mask and word != unknown]
    first = len(special) + buckets
    if call.get("invert", False):
        table = lookup.VocabularyTable(_listed(words, unknown), 0, unknown=unknown)
        known = table.inverse(ops.cast(x, "int64") - first)
        return ops.where(x == 0, mask, known) if special else known
    numbers = np.arange(first, first + len(words))
    default = len(special) if buckets == 1 else -1
    found = lookup.StaticHashTable(_listed(words, unknown), numbers, default)(x)
    if buckets > 1:
        texts = x if x.dtype == "string" else ops.as_string(x)
        other = strings.to_hash_bucket_fast(texts, buckets) + len(special)
        found = ops.where(found < 0, other, found)
    if special:
        found = ops.where(x == mask, 0, found)
    return encoded(call, found, first + len(words))


def _listed(words: list[Any], like: Any) -> Any:
    """Make a tensor of words also of none at all."""
    return words or np.empty((0,), object if isinstance(like, str) else np.int64)
