"""CTC loss against PyTorch in float64, at sizes of speech, and its refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.mark.parametrize("integers", [np.int32, np.int64])
@pytest.mark.parametrize(("batch", "time", "classes", "length"), [(1, 1, 2, 1), (5, 40, 29, 12)])
def test_loss_and_gradient(
    rng: np.random.Generator, integers: Any, batch: int, time: int, classes: int, length: int
) -> None:
    logits = rng.normal(size=(batch, time, classes)).astype(np.float32) * 3
    labels = rng.integers(1, classes, (batch, length)).astype(integers)
    lengths = rng.integers(0, length + 1, batch).astype(integers)
    steps = np.minimum(2 * lengths + rng.integers(1, 9, batch), time).astype(integers)
    t = torch.tensor(logits.astype(np.float64), requires_grad=True)
    logs = torch.moveaxis(F.log_softmax(t, -1), 1, 0)
    want = F.ctc_loss(
        logs, *(torch.asarray(a.astype(np.int64)) for a in (labels, steps, lengths)), 0, "none"
    )
    got = nn.ctc_loss(labels, logits, lengths, steps)
    np.testing.assert_allclose(got.numpy(), want.detach().numpy(), rtol=1e-6)
    finite = torch.isfinite(want)
    want[finite].sum().backward()
    ours = ps.grad(lambda x: ps.sum(nn.ctc_loss(labels, x, lengths, steps)))(logits).numpy()
    theirs = np.where(finite.numpy()[:, None, None], t.grad.numpy(), 0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": [[7, 1]]}, "the label 7; expected 0 to 3"),
        ({"label_length": [3]}, "label_length 3; expected 0 to 2"),
        ({"logit_length": [-1]}, "logit_length -1; expected 0 to 3"),
    ],
)
def test_what_is_out_of_range_is_refused(change: Any, match: str) -> None:
    args = {"labels": [[1, 2]], "label_length": [2], "logit_length": [3]} | change
    with pytest.raises(IndexError, match=match):
        nn.ctc_loss(logits=np.ones((1, 3, 4), np.float32), **args)
