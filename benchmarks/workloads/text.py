"""Encoders of text: BERT-base and MiniLM-L6, 128 words."""

from __future__ import annotations

from functools import partial

import numpy as np

from networks import bert
from workloads._inference import Inference

LENGTH = 128


def words(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, bert.BASE.words, (count, LENGTH))


def inference(name: str, sizes: bert.Sizes, count: int) -> Inference:
    return Inference(
        name,
        partial(bert.weights, sizes),
        partial(bert.forward, sizes),
        partial(words, count),
        (count, LENGTH, sizes.width),
    )


WORKLOADS = [
    inference("bert_b1", bert.BASE, 1).workload("BERT-base, 128 words, batch 1"),
    inference("bert_b8", bert.BASE, 8).workload("BERT-base, 128 words, batch 8", "long"),
    inference("minilm_b1", bert.MINILM, 1).workload(
        "MiniLM-L6, 128 words, batch 1", 1.0, "threads"
    ),
    inference("minilm_b8", bert.MINILM, 8).workload("MiniLM-L6, 128 words, batch 8", "long"),
]
