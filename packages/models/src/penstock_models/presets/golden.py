"""The golden pair: a question, and what the preset answered when it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.errors import FormatError, InvalidValueError
from penstock_models.presets.load import folder_of, from_preset

FILE = "golden.json"


def _class_scores(model: Any, picture: Any) -> Any:
    import numpy as np

    pixels = np.asarray(picture, np.uint8)[None]
    return [float(p) for p in model.probabilities(pixels).numpy()[0]]


def _painting(model: Any, question: Any) -> Any:
    import numpy as np

    painted = model.predict(np.asarray(question["image"], np.uint8), question.get("style"))
    high, wide = (side // 4 * 4 for side in painted.shape[:2])
    parts = painted[:high, :wide].reshape(4, high // 4, 4, wide // 4, 3)
    return [float(mean) for mean in parts.mean((1, 3)).ravel()]


def _tree(model: Any, words: Any) -> Any:
    found = model.predict(words)
    return [[word.head, word.relation, word.upos] for word in found]


def _nearest(model: Any, word: str) -> Any:
    return [[near, cosine] for near, cosine in model.nearest(word, 3)]


def _continuation(model: Any, text: str) -> Any:
    return [model.bits_per_character(text), model.generate(text, 20, temperature=0)]


def _things(model: Any, picture: Any) -> Any:
    import numpy as np

    found = model.predict(np.asarray(picture, np.uint8))
    return [[thing.label, thing.score, *thing.box] for thing in found]


# By task: a function of a model and a question that returns numbers, texts, and lists of these.
ANSWERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "image-classification": _class_scores,
    "text-generation": _continuation,
    "translation": lambda model, text: model.translate(text),
    "object-detection": _things,
    "style-transfer": _painting,
    "dependency-parsing": _tree,
    "word-vectors": _nearest,
}


def answer(model: Any, question: Any) -> Any:
    """Return what a model says to a golden question.

    Args:
        model: Of `from_preset`.
        question: What JSON can hold; what it means depends on the task.

    Returns:
        Numbers, texts, and lists of these.

    Raises:
        ValueError: There are no golden questions for this task.
    """
    task = model.preset.task
    if task not in ANSWERS:
        raise InvalidValueError(
            f"[golden] there is no golden question for {task}; add one to ANSWERS"
        )
    return ANSWERS[task](model, question)


def write(folder: str | Path, question: Any, said: Any, tolerance: float = 1e-4) -> None:
    """Write a folder's golden pair."""
    pair = {"question": question, "answer": said, "tolerance": tolerance}
    (Path(folder) / FILE).write_text(json.dumps(pair) + "\n", "utf-8")


def check(name: str | Path) -> None:
    """Ask a preset its golden question.

    Args:
        name: As in `from_preset`; the preset has a file "golden".

    Raises:
        FormatError: It does not answer as it did when it was made, or there is no golden pair.
    """
    path = (folder_of(name) or Path(name)) / FILE
    if not path.exists():
        raise FormatError(f"[golden] {name} has no {FILE}; its recipe writes one")
    pair = json.loads(path.read_text("utf-8"))
    said = answer(from_preset(name), pair["question"])
    if not _is_near(said, pair["answer"], pair["tolerance"]):
        raise FormatError(
            f"[golden] {name} answers {_short(said)}; expected {_short(pair['answer'])}: its weights are damaged, or "
            "this version computes something else"
        )


def _is_near(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(
            _is_near(x, y, tolerance) for x, y in zip(a, b, strict=True)
        )
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return bool(a == b)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 120 else text[:117] + "..."
