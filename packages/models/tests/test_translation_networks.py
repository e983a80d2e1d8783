"""The networks that translate, against PyTorch's with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penstock_models.architectures import architecture
from penstock_models.weights import load_weights

torch = pytest.importorskip("torch")

TOKENS = np.array([[5, 3, 8, 1, 9], [4, 4, 2, 0, 0]], "int32")
WRITTEN = np.array([[1, 7, 7, 2], [1, 3, 9, 6]], "int32")
MASK = (TOKENS > 0).astype("int32")


def inputs() -> dict[str, np.ndarray]:
    return {"token_ids": TOKENS, "padding_mask": MASK, "target_ids": WRITTEN}


def sizes(**more: Any) -> dict[str, Any]:
    return {
        "vocabulary_size": 11,
        "width": 12,
        "num_encoder_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 3,
        "hidden_size": 20,
        "max_length": 16,
        "dropout": 0.3,
        **more,
    }


def waves(length: int, width: int) -> Any:
    """The published formula, number by number."""
    table = [
        [
            (np.sin if i % 2 == 0 else np.cos)(p / 10000 ** (2 * (i // 2) / width))
            for i in range(width)
        ]
        for p in range(length)
    ]
    return torch.tensor(np.array(table), dtype=torch.float32)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:.*nested tensors")
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_transformer_is_pytorchs(norm_first: bool, activation: str) -> None:
    torch.manual_seed(0)
    config = sizes(norm_first=norm_first, activation=activation)
    width, heads = config["width"], config["num_heads"]
    layers = (config["num_encoder_layers"], config["num_decoder_layers"], config["hidden_size"])
    theirs = torch.nn.Transformer(
        width, heads, *layers, 0.0, activation, batch_first=True, norm_first=norm_first
    )
    embedding = torch.nn.Embedding(11, width)
    for norm in (m for m in theirs.modules() if isinstance(m, torch.nn.LayerNorm)):
        torch.nn.init.normal_(norm.weight, 1.0, 0.1)
        torch.nn.init.normal_(norm.bias, 0.0, 0.1)
    tensors = {k: v.numpy() for k, v in theirs.state_dict().items()}
    tensors["embedding.weight"] = embedding.weight.detach().numpy()
    found = architecture.find("transformer")
    made = found.config.of(config)
    ours = found.heads["next_token"](found.backbone(made), made)
    load_weights(ours, tensors, found.names)

    source, target = torch.tensor(TOKENS), torch.tensor(WRITTEN)
    unseen = torch.tensor(MASK == 0)
    with torch.no_grad():
        states = theirs.eval()(
            embedding(source) * width**0.5 + waves(5, width),
            embedding(target) * width**0.5 + waves(4, width),
            tgt_mask=torch.triu(torch.ones(4, 4, dtype=torch.bool), 1),
            src_key_padding_mask=unseen,
            memory_key_padding_mask=unseen,
        )
        logits = states @ embedding.weight.T
    got = ours(inputs())["logits"].numpy()
    np.testing.assert_allclose(got, logits.numpy(), atol=1e-4)


class Luong(torch.nn.Module):
    """The published formulas."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.encoder = torch.nn.LSTM(width, width, layers, batch_first=True)
        self.decoder = torch.nn.LSTM(width, width, layers, batch_first=True)
        self.score = torch.nn.Linear(width, width, bias=False)
        self.combine = torch.nn.Linear(2 * width, width, bias=False)

    def forward(self, source: Any, lengths: Any, target: Any) -> Any:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            source, lengths, batch_first=True, enforce_sorted=False
        )
        read, state = self.encoder(packed)
        memory, _ = torch.nn.utils.rnn.pad_packed_sequence(read, batch_first=True)
        states, _ = self.decoder(target, state)
        rows = []
        for row, length in enumerate(lengths):
            seen = memory[row, :length]
            weights = torch.softmax(states[row] @ self.score.weight.T @ seen.T, -1)
            rows.append(torch.cat([weights @ seen, states[row]], -1) @ self.combine.weight.T)
        return torch.tanh(torch.stack(rows))


@pytest.mark.parametrize("layers", [1, 2])
def test_the_lstm_with_attention_is_pytorchs(layers: int) -> None:
    torch.manual_seed(1)
    theirs, embedding = Luong(12, layers), torch.nn.Embedding(11, 12)
    found = architecture.find("seq2seq_lstm")
    config = found.config.of({"vocabulary_size": 11, "width": 12, "num_layers": layers})
    ours = found.heads["next_token"](found.backbone(config), config)
    values = {"token_embedding/embeddings": embedding.weight.detach().numpy()}
    for side, lstm in (("encoder", theirs.encoder), ("decoder", theirs.decoder)):
        state = {k: v.numpy() for k, v in lstm.state_dict().items()}
        for i in range(layers):
            cell = f"{side}_{i}/lstm_cell"
            values[f"{cell}/kernel"] = state[f"weight_ih_l{i}"].T
            values[f"{cell}/recurrent_kernel"] = state[f"weight_hh_l{i}"].T
            values[f"{cell}/bias"] = state[f"bias_ih_l{i}"] + state[f"bias_hh_l{i}"]
    values["attention/score/kernel"] = theirs.score.weight.detach().numpy().T
    values["attention/combine/kernel"] = theirs.combine.weight.detach().numpy().T
    load_weights(ours, values, found.names)

    with torch.no_grad():
        states = theirs(embedding(torch.tensor(TOKENS)), [5, 3], embedding(torch.tensor(WRITTEN)))
        wanted = states @ embedding.weight.T
    got = ours(inputs())["logits"].numpy()
    np.testing.assert_allclose(got, wanted.numpy(), atol=1e-4)
