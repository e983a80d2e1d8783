"""Ask Keras on TensorFlow what it makes of `text_cases.py`, and write text_facts.json beside it.

    KERAS_BACKEND=tensorflow python make_text_facts.py

Our tests run without TensorFlow, which Keras needs for strings; so what it answered once is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from text_cases import CASES


def plain(value: Any) -> Any:
    """Turn arrays of bytes or numbers into lists of text and numbers."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def answer(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a call gives, or the kind of its error."""
    try:
        layer = eval(item["make"], vars(keras.layers))  # noqa: S307 - our own text
        if item["adapt"] is not None:
            layer.adapt(np.array(item["adapt"]))
        inputs = item["inputs"]
        given = tuple(map(np.array, inputs)) if "Crossing" in item["make"] else np.array(inputs)
        made = layer(given, **{k: np.array(v) for k, v in item["kwargs"].items()})
    except Exception as error:
        return {**item, "error": type(error).__name__}
    value = np.asarray(made)
    dtype = getattr(made.dtype, "name", str(made.dtype))
    facts = {**item, "shape": list(value.shape), "dtype": dtype}
    facts["values"] = plain(value.tolist())
    if hasattr(layer, "get_vocabulary"):
        facts["vocabulary"] = plain(
            [v.item() if hasattr(v, "item") else v for v in layer.get_vocabulary()]
        )
    if hasattr(layer, "bin_boundaries"):
        facts["boundaries"] = plain([float(v) for v in layer.bin_boundaries])
    return facts


if __name__ == "__main__":
    found = [answer(item) for item in CASES]
    text = "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in found) + "\n]\n"
    Path(__file__).with_name("text_facts.json").write_text(text)
