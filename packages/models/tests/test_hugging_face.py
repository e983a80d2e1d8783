"""Published folders against the library that wrote them, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import FormatError, InvalidValueError
from penstock_models.loaders import hugging_face

TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": 101,
    "max_position_embeddings": 40,
}
IMAGE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
    "num_labels": 7,
}
STAGES = {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [2, 1], "num_labels": 7}

# The published class, its configuration's class, and sizes.
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("BertModel", "BertConfig", TEXT),
    ("BertForMaskedLM", "BertConfig", TEXT),
    ("BertForSequenceClassification", "BertConfig", {**TEXT, "num_labels": 5}),
    ("RobertaModel", "RobertaConfig", {**TEXT, "max_position_embeddings": 44, "pad_token_id": 1}),
    (
        "DistilBertModel",
        "DistilBertConfig",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 101},
    ),
    (
        "GPT2LMHeadModel",
        "GPT2Config",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 101, "n_positions": 40},
    ),
    ("LlamaForCausalLM", "LlamaConfig", {**TEXT, "num_key_value_heads": 2}),
    (
        "T5EncoderModel",
        "T5Config",
        {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "vocab_size": 101},
    ),
    (
        "T5EncoderModel",
        "T5Config",
        {
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 48,
            "num_layers": 2,
            "num_heads": 4,
            "vocab_size": 101,
            "feed_forward_proj": "gated-gelu",
        },
    ),
    ("ViTForImageClassification", "ViTConfig", IMAGE),
    ("DeiTForImageClassification", "DeiTConfig", IMAGE),
    ("ResNetForImageClassification", "ResNetConfig", {**STAGES, "layer_type": "basic"}),
    ("ResNetForImageClassification", "ResNetConfig", {**STAGES, "layer_type": "bottleneck"}),
    (
        "ResNetForImageClassification",
        "ResNetConfig",
        {**STAGES, "layer_type": "bottleneck", "downsample_in_bottleneck": True},
    ),
    ("RegNetForImageClassification", "RegNetConfig", {**STAGES, "groups_width": 4}),
    (
        "RegNetForImageClassification",
        "RegNetConfig",
        {**STAGES, "groups_width": 8, "layer_type": "x"},
    ),
    (
        "ConvNextForImageClassification",
        "ConvNextConfig",
        {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2, "num_labels": 7},
    ),
    (
        "MobileNetV1ForImageClassification",
        "MobileNetV1Config",
        {"depth_multiplier": 0.25, "num_labels": 7},
    ),
    (
        "MobileNetV2ForImageClassification",
        "MobileNetV2Config",
        {"depth_multiplier": 0.35, "num_labels": 7},
    ),
]
OURS = {"last_hidden_state": "sequence", "pooler_output": "pooled", "logits": "logits"}


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that writes a folder with random weights, and returns the model that it holds."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")

    def make(cls: str, config: str, sizes: dict[str, Any]) -> Any:
        torch.manual_seed(3)
        model = getattr(transformers, cls)(getattr(transformers, config)(**sizes)).eval()
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.dtype == torch.float32:  # so that a tensor that is forgotten shows
                    low, high = (0.5, 1.5) if tensor.ndim == 1 else (-0.3, 0.3)
                    tensor.uniform_(low, high, generator=generator)
        model.save_pretrained(tmp_path)
        return model

    return make


def inputs(is_text: bool) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(5)
    if is_text:
        mask = np.array([[1] * 11, [1] * 7 + [0] * 4])
        return {"input_ids": rng.integers(3, 100, (2, 11)), "attention_mask": mask}
    return {"pixel_values": rng.uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32)}


def ours(model: Any, given: dict[str, np.ndarray[Any, Any]]) -> Any:
    if "pixel_values" in given:
        return model(np.ascontiguousarray(given["pixel_values"].transpose(0, 2, 3, 1)))
    ids = given["input_ids"].astype(np.int32)
    every = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": given["attention_mask"].astype(np.int32),
    }
    return model({name: every[name] for name in model.input})


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("cls", "config", "sizes"), CASES)
def test_published_weights_give_published_outputs(
    publish: Any, tmp_path: Path, cls: str, config: str, sizes: dict[str, Any]
) -> None:
    import torch

    given = inputs("vocab_size" in sizes)
    published = publish(cls, config, sizes)
    with torch.no_grad():
        want = published(**{k: torch.from_numpy(v) for k, v in given.items()})
    made = ours(hugging_face.load(tmp_path), given)
    compared = [name for name in OURS if name in want and hasattr(want[name], "numpy")]
    assert compared
    for name in compared:
        expected, got = want[name].numpy(), made[OURS[name]].numpy()
        seen = (
            given["attention_mask"] == 1
            if expected.ndim == 3 and "attention_mask" in given
            else ...
        )
        scale = max(1.0, float(np.abs(expected).max()))
        if got.shape == expected.shape:  # a convolutional backbone's own pooled output is flat here
            np.testing.assert_allclose(got[seen] / scale, expected[seen] / scale, atol=2e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_does_not_fit_is_said(publish: Any, tmp_path: Path) -> None:
    import json

    publish("BertModel", "BertConfig", TEXT)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(FormatError, match=r"missing: block_2/attention/query/kernel"):
        hugging_face.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    with pytest.raises(FormatError, match=r"not of this architecture: encoder\.layer\.1"):
        hugging_face.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": 50}))
    with pytest.raises(FormatError, match=r"another shape: .* is \[32, 50\], .* gives \[32, 48\]"):
        hugging_face.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "novel"}))
    with pytest.raises(InvalidValueError, match="there are: bert"):
        hugging_face.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FormatError, match="is no JSON"):
        hugging_face.load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FormatError, match="a folder that `save_pretrained` wrote"):
        hugging_face.load(tmp_path)
