"""Tokenizers out of the files that published models have beside their weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.errors import FormatError
from penstock_models.tokenizers.byte_pair import BytePairTokenizer
from penstock_models.tokenizers.tokenizer import Tokenizer
from penstock_models.tokenizers.wordpiece import WordPieceTokenizer


def read_tokenizer(path: str | Path, max_length: int | None = None) -> Tokenizer:
    """Return the tokenizer of a published model.

    Args:
        path: A folder with tokenizer.json, with vocab.txt, or with vocab.json and merges.txt; or one of the first two.
        max_length: How long a row may be; by default as tokenizer_config.json says, or 512.

    Returns:
        The tokenizer.

    Raises:
        FormatError: There is no such file, or it is of a kind that is not known here.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    settings = _json(folder / "tokenizer_config.json", {})
    given = settings.get("model_max_length", 512)
    length = max_length or (int(given) if given < 1e6 else 512)
    if path.name == "vocab.txt" or not (folder / "tokenizer.json").exists():
        return _of_lists(folder, path, settings, length)
    file = folder / "tokenizer.json"
    try:
        return _of_json(file, length)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"[tokenizer] {file} is no published tokenizer: {type(error).__name__} {error}"
        ) from None


def _of_json(path: Path, length: int) -> Tokenizer:
    """Read what Hugging Face's library writes."""
    data = _json(path)
    model = data.get("model", {})
    kind = model.get("type")
    if kind not in ("WordPiece", "BPE"):
        raise FormatError(
            f"[tokenizer] {path} is of the kind {kind!r}; known are WordPiece and BPE"
        )
    added = {t["content"]: t["id"] for t in data.get("added_tokens", [])}
    numbers = {**model["vocab"], **added}
    if kind == "WordPiece":
        rules = _part(data, "normalizer", "BertNormalizer")
        pieces = sorted(numbers, key=numbers.__getitem__)
        if [numbers[piece] for piece in pieces] != list(range(len(pieces))):
            raise FormatError(
                f"[tokenizer] {path} gives its {len(pieces)} pieces other numbers than 0 to {len(pieces) - 1}, each once; "
                "it is damaged: take the published file"
            )
        return WordPieceTokenizer(
            pieces,
            bool(rules.get("lowercase", False)),
            rules.get("strip_accents"),
            bool(rules.get("handle_chinese_chars", True)),
            length,
            model.get("max_input_chars_per_word", 100),
            model.get("continuing_subword_prefix", "##"),
        )
    split = _part(data, "pre_tokenizer", "ByteLevel")
    if not split:
        raise FormatError(f"[tokenizer] {path} is BPE without bytes; only byte-level BPE is known")
    pairs = [_pair(merge) for merge in model["merges"]]
    ends = _part(data, "post_processor", "RobertaProcessing")
    start, end = (ends[name][0] if name in ends else None for name in ("cls", "sep"))
    return BytePairTokenizer(
        numbers,
        pairs,
        list(added),
        start,
        end,
        (end, end) if end else (),
        "<pad>" if "<pad>" in numbers else None,
        length,
        bool(split.get("add_prefix_space", False)),
    )


def _part(data: dict[str, Any], role: str, kind: str) -> dict[str, Any]:
    """Return the step of a kind: the one that the file names, or one of its sequence; {} if there is none."""
    step = data.get(role) or {}
    steps = [
        step,
        *(step.get(name) or [] for name in ("normalizers", "pretokenizers", "processors")),
    ]
    flat = [s for some in steps for s in (some if isinstance(some, list) else [some])]
    return next((s for s in flat if s.get("type") == kind), {})


def _of_lists(folder: Path, path: Path, settings: dict[str, Any], length: int) -> Tokenizer:
    if (folder / "vocab.txt").exists():
        words = (folder / "vocab.txt").read_text("utf-8").split("\n")
        return WordPieceTokenizer(
            [word.removesuffix("\r") for word in (words[:-1] if not words[-1] else words)],
            bool(settings.get("do_lower_case", True)),
            settings.get("strip_accents"),
            bool(settings.get("tokenize_chinese_chars", True)),
            length,
        )
    if not (folder / "vocab.json").exists() or not (folder / "merges.txt").exists():
        raise FormatError(
            f"[tokenizer] {path} has no tokenizer.json, no vocab.txt, and not both of vocab.json and merges.txt; give the "
            "folder of a published model"
        )
    lines = (folder / "merges.txt").read_text("utf-8").split("\n")
    pairs = [_pair(line) for line in lines if line.count(" ") == 1 and line[:8] != "#version"]
    numbers: dict[str, int] = _json(folder / "vocab.json")
    special = [
        t for t in ("<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>") if t in numbers
    ]
    start, end = ("<s>", "</s>") if "<s>" in numbers else (None, None)
    pad = "<pad>" if "<pad>" in numbers else None
    space = bool(settings.get("add_prefix_space", False))
    between = (end, end) if end else ()
    return BytePairTokenizer(numbers, pairs, special, start, end, between, pad, length, space)


def _pair(merge: Any) -> tuple[str, str]:
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _json(path: Path, default: Any = None) -> Any:
    if default is not None and not path.exists():
        return default
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"[tokenizer] {path} cannot be read: {error}") from None
